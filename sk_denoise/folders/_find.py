"""Which files to read, and where the results go."""

from __future__ import annotations

import glob
import os
from collections import Counter
from dataclasses import dataclass

from .._core.checks import shown
from ..files._formats import SUFFIXES, is_image, suffix_of


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


def find_sources(paths, *, recursive=False):
    """Return the image files that are named by `paths`.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        Files, folders, and patterns such as ``"scans/*.dcm"``. In folders, files are chosen by their extension, and
        others, such as those without one, by their content.
    recursive : bool, default=False
        Whether to search subfolders, too.

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
        for source in _expand(path, recursive):
            found.setdefault(os.path.realpath(source.path), source)
    return list(found.values())


def _expand(path, recursive):
    if _is_folder(path):
        sources = list(_in_folder(path, recursive))
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
    return [source for match in matches for source in _matched(match, recursive)]


def _matched(path, recursive):
    """Return the images at a path that matches a pattern; folders may have none."""
    return _in_folder(path, recursive) if _is_folder(path) else [Source(path, os.path.basename(path))]


def _is_folder(path):
    """Return whether a path is a folder; that of a zarr array is an image."""
    return os.path.isdir(path) and not is_image(path)


def _in_folder(folder, recursive):
    for here, folders, names in os.walk(folder):
        arrays = [name for name in folders if is_image(os.path.join(here, name))]
        folders[:] = sorted(f for f in set(folders) - set(arrays) if not f.startswith(".")) if recursive else []
        for name in sorted([*names, *arrays]):
            path = os.path.join(here, name)
            if not name.startswith(".") and is_image(path):
                yield Source(path, os.path.relpath(path, folder))


def find_targets(sources, folder):
    """Return the path of the result in `folder` for each of `sources`.

    Raises
    ------
    ValueError
        If `folder` is a file or a zarr array or would have the extension of an image, if two results would have the
        same path, or if one would replace a source.
    """
    if not _is_folder(folder) and (os.path.exists(folder) or suffix_of(folder) in SUFFIXES):
        raise ValueError(
            f"output must be a folder, got {shown(folder)}. Each result keeps the name of its source file, so name a"
            " folder, such as 'denoised'."
        )
    real = {os.path.realpath(source.path): source for source in sources}
    stems = Counter(os.path.splitext(source.name)[0] for source in sources)
    owners, targets = {}, []
    for source in sources:
        target = os.path.join(folder, _result_name(source, stems))
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
        if os.path.realpath(target) in real:
            raise ValueError(
                f"output must not hold noisy files, but {target} is {real[os.path.realpath(target)].path}. Name another"
                " folder, outside that of the noisy files."
            )
        targets.append(target)
    return targets


def _result_name(source, stems):
    """Return the name of the result; JPEG files become PNG files. `stems` counts the names without extension."""
    stem, suffix = os.path.splitext(source.name)
    if suffix.lower() not in (".jpg", ".jpeg"):
        return source.name
    return f"{stem}.png" if stems[stem] == 1 else f"{source.name}.png"
