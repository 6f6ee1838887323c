"""What is done with each file, one after the other or in several processes."""

from __future__ import annotations

import os
import re
import time
import warnings

import joblib
import numpy as np

from .._core.checks import is_real, likely, shown, warn_user
from ..denoisers import ImageFilter, PatchDenoiser, denoise
from ..denoisers._filtering import METHODS
from ..evaluation import residual_check
from ..files import ImageFile, write_image
from ..noise import NoiseEstimate, estimate_noise
from ._find import find_sources, find_targets
from ._report import FolderReport, thumbnails

_MOST_PLANES = 16  # of a file, from which its noise is estimated
_MOST_CHECKED = 8  # planes of a file that are checked
_MOST_PARTS = 4  # of a large plane
_PART = 1024  # pixels, side of the parts of large planes that are looked at
_MOST_WHOLE = 1 << 24  # values of a plane up to which filters get all of it
_ROUNDING = 0.29  # grey values, standard deviation of the error of rounding to integers
_TRIED = 256  # pixels, side of the part that is denoised to estimate the run time
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
    return _run(_estimate_one, [(source,) for source in sources], n_jobs, progress)


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
        If a parameter is invalid, if two results would have the same path, or if one would replace its source. Nothing
        is written.

    Notes
    -----
    Images are read and written plane by plane, so memory is bounded by the largest plane. The noise of a file is
    estimated once, from at most 16 of its planes.
    """
    _check_denoiser(denoiser)
    _check_noise(noise)
    sources = find_sources(paths, recursive=recursive, without=output)
    targets = find_targets(sources, os.fsdecode(output))
    tasks = [(source, target, denoiser, noise, force, check) for source, target in zip(sources, targets)]
    if dry_run:
        return _run(_plan_one, tasks, 1, progress, folder=output)
    os.makedirs(output, exist_ok=True)
    return _run(_denoise_one, tasks, n_jobs, progress, folder=output)


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
    sources = find_sources(paths, recursive=recursive, without=output)
    targets = find_targets(sources, os.fsdecode(output))
    tasks = [(source, target, noise, denoiser) for source, target in zip(sources, targets)]
    return _run(_check_one, tasks, n_jobs, progress, folder=output)


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
    report = FolderReport([], folder)
    for row in bar:
        report.add(row)
    report.rows.sort(key=lambda row: row["number"])
    return report


def _guarded(function, number, source, *options):
    """Return the row of one file; an error is reported in it, so that the other files are done nevertheless."""
    row = {"number": number, "file": source.name, "path": source.path}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        started = time.perf_counter()
        try:
            row |= function(source, *options)
        except _ERRORS as error:
            row["error"] = " ".join(str(error).split()) or type(error).__name__
        row["seconds"] = time.perf_counter() - started
    texts = [" ".join(str(w.message).split()) for w in caught if issubclass(w.category, UserWarning)]
    row["warnings"] = list({re.sub(r"[\d.]+", "", text): text for text in texts}.values())  # once for all planes
    return row


def _estimate_one(source):
    image = ImageFile(source.path)
    return {"noise": _estimate(image)} | _describe(image)


def _describe(image):
    return {"format": image.format, "shape": image.shape, "dtype": image.dtype.name}


def _denoise_one(source, target, denoiser, noise, force, check):
    image, row = ImageFile(source.path), {"status": "kept", "output": target}
    row |= _describe(image)
    known = _estimate(image) if isinstance(noise, str) else noise
    if force or not os.path.exists(target):
        row["denoiser"] = _name(denoiser) if isinstance(denoiser, str) else "model"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        planes = (_denoise_plane(plane, denoiser, known) for plane in image.planes)
        row["n_clipped"] = write_image(planes, target, image, denoiser=_name(denoiser))
        row["status"] = "denoised"
    if not check:
        return row | {"noise": known}
    return row | _check(image, target, known, noise, _name(denoiser))


def _name(denoiser):
    if isinstance(denoiser, str):
        return "nl_ridge" if denoiser == "auto" else denoiser
    return denoiser.denoiser_


def _denoise_plane(plane, denoiser, noise):
    """Denoise one plane, with an estimate of its noise or the standard deviation of white noise."""
    axis, n_channels = (None, 1) if plane.ndim == 2 else (-1, plane.shape[-1])
    if not isinstance(denoiser, str):
        if denoiser.n_channels_ != n_channels:
            raise ValueError(
                f"denoiser must be for images of {n_channels} channels, got one for {denoiser.n_channels_}. Fit one on"
                " such images."
            )
        if denoiser.channel_axis in (None, -1, 2):  # the channels are last already
            return denoiser.transform([plane])[0]
        moved = np.moveaxis(np.asarray(plane), -1, denoiser.channel_axis)
        return np.moveaxis(denoiser.transform([moved])[0], denoiser.channel_axis, -1)
    if isinstance(noise, NoiseEstimate) and noise.kind == "unclear" and denoiser != "median":
        raise ValueError(
            f"The noise cannot be estimated. {' '.join(noise.notes)} State its standard deviation: noise=NUMBER"
            " (--sigma NUMBER)."
        )
    if plane.size <= _MOST_WHOLE:
        return denoise(np.asarray(plane), method=denoiser, noise=noise, channel_axis=axis)
    return _filter_parts(plane, denoiser, noise, axis)


def _filter_parts(plane, method, noise, axis):
    """Filter a plane in overlapping parts, because filters that look at all of it need many times its memory."""
    method = "nl_ridge" if method == "auto" else method
    if isinstance(noise, NoiseEstimate) and not noise.is_additive:
        raise ValueError(
            f"noise must be additive for planes of more than {_MOST_WHOLE:,} values, got {noise.kind!r}. Cut the image."
        )
    filter_ = ImageFilter(method, noise=noise) if isinstance(noise, NoiseEstimate) else ImageFilter(method)
    return PatchDenoiser(filter_, channel_axis=axis, random_state=0).fit([plane]).transform([plane])[0]


def _estimate(image):
    """Estimate the noise of the planes of an image."""
    planes = image.planes
    some = [planes[i] for i in np.unique(np.linspace(0, len(planes) - 1, _MOST_PLANES).astype(int))]
    parts = [part for plane in some for part in sample_parts(plane, max(1, _MOST_PARTS // len(some)))]
    estimate = estimate_noise(parts, channel_axis=None if some[0].ndim == 2 else -1)
    if image.format == "JPEG":
        warn_user("JPEG compression removes a part of the noise and correlates the rest, so its level is uncertain.")
    if image.dtype.kind in "iu" and estimate.sigma < _ROUNDING:
        warn_user(
            f"The noise, of standard deviation {estimate.sigma:.2g}, is weaker than the rounding of the stored values,"
            " so hardly anything can be removed."
        )
    return estimate


def sample_parts(plane, n):
    """Return the pixels of a plane, or of at most about `n` square parts of a large one, spread over it."""
    height, width = plane.shape[:2]
    if max(height, width) <= 2 * _PART:
        return [np.asarray(plane)]
    places = np.linspace(0, 1, n + 2)[1:-1]
    corners = [(int(place * max(0, height - _PART)), int(place * max(0, width - _PART))) for place in places]
    return [np.asarray(plane[y : y + _PART, x : x + _PART]) for y, x in corners]


def _check_one(source, target, noise, denoiser):
    if not os.path.exists(target):
        raise FileNotFoundError(f"There is no denoised file {target}. Denoise it first: sk-denoise apply.")
    image = ImageFile(source.path)
    known = _estimate(image) if isinstance(noise, str) else noise
    return {"output": target} | _describe(image) | _check(image, target, known, noise, denoiser)


def _check(image, target, noise, given, denoiser):
    """Compare planes of an image with those of its denoised copy; return the verdict on the worst of them.

    `noise` is what is known of the noise, and `given` what the user said of it.
    """
    result = ImageFile(target)
    if result.shape != image.shape:
        raise ValueError(f"{target} has the shape {result.shape}, not that of {image.path}, {image.shape}.")
    row = {"noise": noise}
    if isinstance(noise, NoiseEstimate) and noise.kind not in ("gaussian", "poisson_gaussian"):
        kind = str(noise).splitlines()[0].partition(",")[0].lower()
        return row | {"verdict": "not checked", "words": f"Not checked: no tests for {kind}."}
    n_planes, worst = len(image.planes), None
    for number in np.unique(np.linspace(0, n_planes - 1, _MOST_CHECKED).astype(int)):
        planes = (one.planes[number] for one in (image, result))
        for noisy, denoised in zip(*(sample_parts(plane, _MOST_PARTS) for plane in planes)):
            axis = None if noisy.ndim == 2 else -1
            # An estimate from these very pixels cannot test the level; "auto" skips that test.
            own = given if n_planes == 1 and noisy.shape == image.planes[0].shape else noise
            found = residual_check(noisy, denoised, own, denoiser=denoiser, channel_axis=axis)
            if worst is None or not found.severity <= worst[0].severity:
                worst = found, noisy, denoised, number
    found, noisy, denoised, number = worst
    row |= {"verdict": found.verdict, "severity": found.severity, "figures": found.figures, "words": str(found)}
    row["thumbnails"] = thumbnails(noisy, denoised, found)
    return row | ({"plane": _place(image, number)} if n_planes > 1 else {})


def _place(image, number):
    """Say which plane of an image it is, such as "Z 3 of 24, T 1 of 2"."""
    index = image.planes[number].index
    loops = [axis for axis in range(image.ndim) if axis not in image._format.plane_axes]
    return ", ".join(f"{image.axes[axis]} {i + 1} of {image.shape[axis]}" for axis, i in zip(loops, index))


def _plan_one(source, target, denoiser, noise, force, check):
    """Say what `_denoise_one` would do, with the time that it takes for a small part."""
    image = ImageFile(source.path)
    row = {"output": target, "bytes": image.nbytes} | _describe(image)
    if os.path.exists(target) and not force:
        return row | {"status": "would be kept"}
    plane = image.planes[0]
    part = plane[: min(_TRIED, plane.shape[0]), : min(_TRIED, plane.shape[1])]
    known = _estimate(image) if isinstance(noise, str) else noise
    started = time.perf_counter()
    _denoise_plane(part, denoiser, known)
    return row | {
        "status": "would be denoised",
        "noise": known,
        "time": (time.perf_counter() - started) * image.size / part.size,
    }
