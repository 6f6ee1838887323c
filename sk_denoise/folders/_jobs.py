"""Work on files, one after the other or in several processes; errors and warnings go into the report."""

from __future__ import annotations

import os
import re
import time
import warnings
from concurrent.futures import BrokenExecutor

import joblib

from .._core.checks import is_real, likely, shown
from ..denoisers import PatchDenoiser
from ..denoisers._filtering import METHODS
from ..noise import NoiseEstimate
from ._find import find_sources, find_targets
from ._one_file import check_one, denoise_one, estimate_one, label_of, plan_one
from ._report import FolderReport

_KILLED = "The process that worked on it was killed, perhaps for lack of memory. Use fewer jobs (--jobs)."
_ERRORS = (ValueError, TypeError, OSError, ImportError, MemoryError)


def estimate_files(paths, *, recursive=False, n_jobs=1, progress=False):
    """Estimate the noise of images in files.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        Files, folders, and patterns such as ``"scans/*.dcm"``, in the formats of `sk_denoise.files.ImageFile`.
    recursive : bool, default=False
        Whether to search subfolders, too.
    n_jobs : int, default=1
        Number of processes, as in joblib; -1 for one per core.
    progress : bool, default=False
        Whether to show a progress bar on standard error.

    Returns
    -------
    report : FolderReport
        One row for each file. Files that cannot be read have an entry in the column "error".

    Raises
    ------
    FileNotFoundError
        If a path does not exist, or a pattern or folder contains no images.
    """
    sources = find_sources(paths, recursive=recursive)
    return _run(estimate_one, [(source,) for source in sources], n_jobs, progress)


def denoise_files(
    paths,
    output,
    *,
    denoiser="auto",
    noise="auto",
    recursive=False,
    force=False,
    check=True,
    dry_run=False,
    n_jobs=1,
    progress=False,
):
    """Denoise images in files, and write them in the same formats.

    A result is written to a temporary file, which is then renamed. So results are always complete files, and an
    interrupted run can be repeated to process the remaining files.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        Files, folders, and patterns such as ``"scans/*.dcm"``, in the formats of `sk_denoise.files.ImageFile`.
    output : str or path-like
        Folder for the results, created if necessary. Subfolders of the input are kept; JPEG files become PNG files.
    denoiser : str or PatchDenoiser, default="auto"
        "auto" or the name of a filter, as `method` of `sk_denoise.denoise`, which needs no training; or a fitted
        `PatchDenoiser`, such as `fit_files` returns.
    noise : "auto", NoiseEstimate or float, default="auto"
        "auto" estimates the noise of each file. A number is the standard deviation of white noise, in the units of the
        images.
    recursive : bool, default=False
        Whether to search subfolders, too.
    force : bool, default=False
        Whether to replace results that exist. By default, they are kept, and only checked.
    check : bool, default=True
        Whether to check each result, as `check_files` does.
    dry_run : bool, default=False
        Whether to only report what would be done, with the sizes of the results and the estimated time.
    n_jobs : int, default=1
        Number of processes, as in joblib; -1 for one per core.
    progress : bool, default=False
        Whether to show a progress bar on standard error.

    Returns
    -------
    report : FolderReport
        One row for each file. Files that could not be denoised have an entry in the column "error"; the others are
        denoised nevertheless.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, or a pattern or folder contains no images.
    ValueError, TypeError
        If a parameter is invalid, if `output` is a file or a zarr array or would have the extension of an image, if two
        results would have the same path, or if one would replace its source. Nothing is written.

    Notes
    -----
    Images are read and written plane by plane, so memory is bounded by the largest plane. The noise of a file is
    estimated once, from at most 16 of its planes.
    """
    _check_denoiser(denoiser)
    _check_noise(noise)
    sources = find_sources(paths, recursive=recursive)
    targets = find_targets(sources, os.fsdecode(output))
    options = (denoiser, label_of(denoiser, noise), noise, force, check)
    tasks = [(source, target, *options) for source, target in zip(sources, targets)]
    if dry_run:
        return _run(plan_one, tasks, 1, progress, folder=output)
    os.makedirs(output, exist_ok=True)
    return _run(denoise_one, tasks, n_jobs, progress, folder=output)


def check_files(paths, output, *, noise="auto", denoiser=None, recursive=False, n_jobs=1, progress=False):
    """Check denoised images in files against the noisy ones, without clean images.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        The noisy files, as passed to `denoise_files`.
    output : str or path-like
        Folder of the denoised files, with the names that `denoise_files` gives them.
    noise : "auto", NoiseEstimate or float, default="auto"
        As for `denoise_files`.
    denoiser : str, estimator or None, default=None
        As for `residual_check`: thresholds depend on it. If None, common thresholds are used, which detect fewer
        faults.
    recursive : bool, default=False
        Whether to search subfolders, too.
    n_jobs : int, default=1
        Number of processes, as in joblib; -1 for one per core.
    progress : bool, default=False
        Whether to show a progress bar on standard error.

    Returns
    -------
    report : FolderReport
        One row for each file, with the verdict of `sk_denoise.evaluation.residual_check`. If a file has more than 8
        planes, 8 of them are checked, and the worst verdict is reported.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, or a pattern or folder contains no images.
    """
    _check_noise(noise)
    sources = find_sources(paths, recursive=recursive)
    targets = find_targets(sources, os.fsdecode(output))
    tasks = [(source, target, noise, denoiser) for source, target in zip(sources, targets)]
    return _run(check_one, tasks, n_jobs, progress, folder=output)


def _check_denoiser(denoiser):
    if isinstance(denoiser, str):
        if denoiser != "auto" and denoiser not in METHODS:
            raise ValueError(f"denoiser must be a fitted PatchDenoiser or {likely(denoiser, ['auto', *METHODS])}")
    elif not isinstance(denoiser, PatchDenoiser) or not hasattr(denoiser, "denoiser_"):
        raise TypeError(
            f"denoiser must be 'auto', the name of a filter or a fitted PatchDenoiser, got {shown(denoiser)}. Fit one"
            " with fit_files, or with PatchDenoiser(...).fit(images)."
        )


def _check_noise(noise):
    is_number = is_real(noise) and 0 < noise < float("inf")
    if not (is_number or isinstance(noise, NoiseEstimate) or (isinstance(noise, str) and noise == "auto")):
        raise ValueError(
            "noise must be 'auto', a NoiseEstimate or a positive standard deviation in grey values, got"
            f" {shown(noise)}."
        )


def _run(function, tasks, n_jobs, progress, folder=None):
    """Call `function` with each of `tasks` and return a report; errors and warnings go into its rows."""
    from tqdm import tqdm

    calls = (joblib.delayed(_guarded)(function, number, *task) for number, task in enumerate(tasks))
    results = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls)
    bar = tqdm(results, total=len(tasks), unit="file", disable=not progress, dynamic_ncols=True)
    report, missing = FolderReport([], folder), dict(enumerate(task[0] for task in tasks))
    try:
        for row in bar:
            report.add(row)
            del missing[row["number"]]
    except BrokenExecutor:
        for number, source in missing.items():
            report.add(_new_row(number, source) | {"error": _KILLED, "warnings": []})
    report.rows.sort(key=lambda row: row["number"])
    return report


def _new_row(number, source):
    return {"number": number, "file": _printable(source.name), "path": _printable(source.path)}


def _printable(text):
    """Return a name of a file, or a message with it, without bytes that are no text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _guarded(function, number, source, *options):
    """Return the row of one file; an error is reported in it, so that the other files are done nevertheless."""
    row = _new_row(number, source)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        started = time.perf_counter()
        try:
            row |= function(source, *options)
        except _ERRORS as error:
            row["error"] = _printable(" ".join(str(error).split())) or type(error).__name__
        row["seconds"] = time.perf_counter() - started
    texts = [" ".join(str(w.message).split()) for w in caught if issubclass(w.category, UserWarning)]
    row["warnings"] = list({re.sub(r"[\d.]+", "", text): text for text in texts}.values())  # once for all planes
    if "output" in row:
        row["output"] = _printable(row["output"])
    return row
