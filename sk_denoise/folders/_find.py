"""Which files to read, and where the results go."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass

from .._core.checks import shown
from ..files._formats import SUFFIXES, is_image


@dataclass(frozen=True)
class Source:
    """A file to read.

    Attributes
    ----------
    path : str
        Path of the file.
    name : str
        Its path within the folder that was given, or its base name.
    """

    path: str
    name: str


def find_sources(paths, *, recursive=False, without=None):
    """Return the image files that are named by `paths`.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        Files, folders, and patterns such as ``"scans/*.dcm"``. In folders, files are chosen by their extension, and
        those without one, as scanners write them, by their content.
    recursive : bool, default=False
        Whether to search subfolders, too.
    without : str or path-like, default=None
        A folder not to look into, because it is that of the results.

    Returns
    -------
    sources : list of Source
        Sorted within each folder, without repetitions.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, if a pattern matches nothing, or if a folder contains no images.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if not given:
        raise ValueError("paths must name at least one file, got none.")
    found = {}
    for path in map(os.fsdecode, given):
        for source in _expand(path, recursive, None if without is None else os.path.realpath(without)):
            found.setdefault(os.path.realpath(source.path), source)
    return list(found.values())


def _expand(path, recursive, without):
    if os.path.isdir(path) and not is_image(path):  # the folder of a zarr array is an image
        sources = list(_in_folder(path, recursive, without))
        if not sources:
            where = "" if recursive else " To search its subfolders, pass recursive=True (--recursive)."
            raise FileNotFoundError(f"{path} contains no files with the extensions {' '.join(SUFFIXES)}.{where}")
        return sources
    if os.path.exists(path):
        return [Source(path, os.path.basename(os.path.normpath(path)))]
    matches = sorted(glob.glob(path, recursive=recursive))
    if not matches:
        what = "matches no file" if glob.has_magic(path) else "does not exist"
        raise FileNotFoundError(f"{path} {what}. Check the spelling and the current folder.")
    return [source for match in matches for source in _expand(match, recursive, without)]


def _in_folder(folder, recursive, without):
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(here, name)) != without]
        arrays = [name for name in folders if is_image(os.path.join(here, name))]
        folders[:] = sorted(set(folders) - set(arrays)) if recursive else []
        for name in sorted([*names, *arrays]):
            path = os.path.join(here, name)
            if not name.startswith(".") and is_image(path):
                yield Source(path, os.path.relpath(path, folder))


def find_targets(sources, folder):
    """Return the path of the result in `folder` for each of `sources`.

    Raises
    ------
    ValueError
        If two results would have the same path, or if one would replace its source.
    """
    owners, targets = {}, []
    for source in sources:
        target = os.path.join(folder, _result_name(source))
        owner = owners.setdefault(os.path.normcase(target), source)
        if owner is not source:
            raise ValueError(
                f"output must have a different name for each result, but {owner.path} and {source.path} would both"
                f" become {target}. Rename one of them, or denoise them into different folders."
            )
        if os.path.realpath(os.path.dirname(target)) == os.path.realpath(os.path.dirname(source.path)):
            raise ValueError(
                f"output must not be the folder of the noisy files, got {shown(folder)}. Name another one."
            )
        targets.append(target)
    return targets


def _result_name(source):
    """Return the name of the result, which has another extension if files of that format are not written."""
    stem, suffix = os.path.splitext(source.name)
    return stem + ".png" if suffix.lower() in (".jpg", ".jpeg") else source.name
