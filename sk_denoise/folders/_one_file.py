"""What is done with one file: estimate its noise, denoise it, check the result."""

from __future__ import annotations

import os
import shutil
import tempfile
import time

import joblib
import numpy as np

from .._core.checks import warn_user
from ..denoisers import ImageFilter, PatchDenoiser, denoise
from ..evaluation import residual_check
from ..files import ImageFile, write_image
from ..noise import NoiseEstimate
from ._noise import MOST_PARTS, NoiseOfPlanes, is_below_rounding, sample_parts, white_noise
from ._report import thumbnails

_MOST_CHECKED = 8  # planes of a file that are checked
_MOST_WHOLE = 1 << 24  # values of a plane up to which filters get all of it
_TRIED = 256  # pixels, side of the part that is denoised to estimate the run time


def estimate_one(source):
    image = ImageFile(source.path)
    return {"noise": NoiseOfPlanes(image, "auto").first} | _describe(image)


def _describe(image):
    return {"format": image.format, "shape": image.shape, "dtype": image.dtype.name}


def denoise_one(source, target, denoiser, name, noise, force, check):
    image, row = ImageFile(source.path), {"status": "kept", "output": target}
    row |= _describe(image)
    known = NoiseOfPlanes(image, noise)
    row["noise"] = known.first
    if os.path.exists(target) and not force:
        if os.path.getmtime(target) < os.path.getmtime(source.path):
            warn_user("The result is older than the noisy file. To replace it, use force=True (--force).")
    else:
        row["denoiser"] = name
        os.makedirs(os.path.dirname(target), exist_ok=True)
        planes = (_denoise_plane(plane, denoiser, known.of(plane)) for plane in image.planes)
        row["n_clipped"] = _replace(target, planes, image, name)
        row["status"] = "denoised"
    method = _method(denoiser)
    return row | (_check(image, target, known, noise, method) if check else {})


def _replace(target, planes, image, name):
    """Write the planes; an existing zarr array, which is a folder, is removed only once the new one is complete."""
    if not os.path.isdir(target):
        return write_image(planes, target, image, denoiser=name)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(target), prefix=".sk_denoise-") as folder:
        new = os.path.join(folder, os.path.basename(target))
        n_clipped = write_image(planes, new, image, denoiser=name)
        shutil.rmtree(target)
        os.rename(new, target)
    return n_clipped


def _method(denoiser):
    """Return the denoiser as `residual_check` takes it."""
    return denoiser if isinstance(denoiser, str) else denoiser.denoiser_


def label_of(denoiser, noise):
    """Return a short text that tells results of different denoisers apart."""
    if not isinstance(denoiser, str):
        return f"{type(denoiser.denoiser_).__name__} {joblib.hash(denoiser)[:12]}"
    sigma = "estimated" if isinstance(noise, str) else f"{getattr(noise, 'sigma', noise):.6g}"
    return f"{'nl_ridge' if denoiser == 'auto' else denoiser}, sigma {sigma}"


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
    if isinstance(noise, NoiseEstimate) and noise.kind == "unclear":
        if denoiser == "median":
            return _filter_parts(plane, denoiser, noise, axis)
        raise ValueError(
            f"The noise cannot be estimated. {' '.join(noise.notes)} State its standard deviation: noise=NUMBER"
            " (--sigma NUMBER)."
        )
    if plane.size <= _MOST_WHOLE:
        return denoise(np.asarray(plane), method=denoiser, noise=noise, channel_axis=axis)
    return _filter_parts(plane, denoiser, noise, axis)


def _filter_parts(plane, method, noise, axis):
    """Filter a plane in tiles or overlapping parts, because some filters need many times its memory."""
    method = "nl_ridge" if method == "auto" else method
    known = noise if isinstance(noise, NoiseEstimate) else white_noise(noise)
    if not known.is_additive:
        if method != "median":
            raise ValueError(
                f"noise must be additive for planes of more than {_MOST_WHOLE:,} values, got {known.kind!r}. Use"
                " denoiser='median' (--filter median), or cut the image."
            )
        known = None
    filter_ = ImageFilter(method, noise=known)
    return PatchDenoiser(filter_, channel_axis=axis, random_state=0).fit([plane]).transform([plane])[0]


def check_one(source, target, noise, denoiser):
    if not os.path.exists(target):
        raise FileNotFoundError(f"There is no denoised file {target}. Denoise it first: sk-denoise apply.")
    image = ImageFile(source.path)
    known = NoiseOfPlanes(image, noise)
    return {"output": target, "noise": known.first} | _describe(image) | _check(image, target, known, noise, denoiser)


def _check(image, target, noise, given, denoiser):
    """Compare planes of an image with those of its denoised copy; return the verdict on the worst of them.

    `noise` is the noise of the planes, and `given` what the user said of it.
    """
    result = ImageFile(target)
    if result.shape != image.shape:
        raise ValueError(f"{target} has the shape {result.shape}, not that of {image.path}, {image.shape}.")
    if isinstance(noise.first, NoiseEstimate) and noise.first.kind not in ("gaussian", "poisson_gaussian"):
        kind = str(noise.first).splitlines()[0].partition(",")[0].lower()
        return {"verdict": "not checked", "words": f"Not checked: no tests for {kind}."}
    if is_below_rounding(image, noise.first):
        return {"verdict": "not checked", "words": "Not checked: there is hardly any noise that could be removed."}
    planes, others, worst = image.planes, result.planes, None
    n_planes = len(planes)
    for number in np.unique(np.linspace(0, n_planes - 1, _MOST_CHECKED).astype(int)):
        plane = planes[number]
        for noisy, denoised in zip(*(sample_parts(one, MOST_PARTS) for one in (plane, others[number]))):
            axis = None if noisy.ndim == 2 else -1
            # An estimate from these very pixels cannot test the level; "auto" skips that test.
            own = given if n_planes == 1 and noisy.shape == plane.shape else noise.of(plane)
            found = residual_check(noisy, denoised, own, denoiser=denoiser, channel_axis=axis)
            if worst is None or not found.severity <= worst[0].severity:
                worst = found, noisy, denoised, number
    found, noisy, denoised, number = worst
    row = {"verdict": found.verdict, "severity": found.severity, "figures": found.figures, "words": str(found)}
    row["thumbnails"] = thumbnails(noisy, denoised, found)
    return row | ({"plane": _place(image, planes[number].index)} if n_planes > 1 else {})


def _place(image, index):
    """Say which plane of an image it is, such as "Z 3 of 24, T 1 of 2"."""
    axes = image._format.loop_axes
    return ", ".join(f"{image.axes[axis]} {i + 1} of {image.shape[axis]}" for axis, i in zip(axes, index))


def plan_one(source, target, denoiser, name, noise, force, check):
    """Say what `denoise_one` would do, with the time that it takes for a small part."""
    image = ImageFile(source.path)
    row = {"output": target, "bytes": image.nbytes} | _describe(image)
    if os.path.exists(target) and not force:
        return row | {"status": "would be kept"}
    plane = image.planes[0]
    part = plane[: min(_TRIED, plane.shape[0]), : min(_TRIED, plane.shape[1])]
    known = NoiseOfPlanes(image, noise).first
    started = time.perf_counter()
    _denoise_plane(part, denoiser, known)
    return row | {
        "status": "would be denoised",
        "noise": known,
        "time": (time.perf_counter() - started) * image.size / part.size,
    }
