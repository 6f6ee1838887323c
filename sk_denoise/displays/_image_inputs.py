"""Images of any size, read from the arguments of `DenoisingDisplay`."""

from __future__ import annotations

import numpy as np
from sklearn.pipeline import Pipeline

from .._core.checks import check_labels
from .._core.images import check_alike, read_images
from .._core.units import check_data_range, check_images_scale, resolve_data_range, units_unchecked
from ..metrics import psnr
from ._choosing import choose_rows


def patch_denoiser_in(estimator):
    """Return the `PatchDenoiser` at the end of searches and pipelines, or None for an estimator of rows."""
    while hasattr(estimator, "best_estimator_") or isinstance(estimator, Pipeline):
        estimator = estimator[-1] if isinstance(estimator, Pipeline) else estimator.best_estimator_
    return estimator if hasattr(estimator, "patch_shape") else None


def read_alike(given, channel_axis):
    """Read images of the same shapes, and return lists of arrays with the channels last.

    Parameters
    ----------
    given : dict of str to array-like or None
        The images by the name of the argument; the first defines the shapes. "clean" may be None.
    channel_axis : int or None
        Axis of the colour channels.

    Returns
    -------
    arrays : dict of str to list of ndarray
        The images by name.
    """
    arrays, first = {}, next(iter(given))
    for name, images in given.items():
        if images is None and name == "clean":
            continue
        arrays[name], layout = read_images(images, channel_axis=channel_axis, name=name)
        check_alike(arrays[name], arrays[first], name, first, single=layout.form == "image")
    return arrays


def choose_range(data_range, arrays):
    """Return the values of black and white; if not given, from the clean images, or else from the denoised ones."""
    reference = arrays.get("clean")
    if reference is None:  # noise exceeds the range of clean images, except for that of uint8
        known = all(image.dtype == np.uint8 for image in arrays["noisy"])
        reference = arrays["noisy"] if known else arrays["denoised"]
    data_range = resolve_data_range("auto" if data_range is None else data_range, reference)
    for name, images in arrays.items():
        if images is not reference and check_images_scale(images, data_range, name):
            break
    return data_range


def with_residual(arrays):
    """Return the images in the order in which they are drawn, with the residual."""
    reference = arrays.get("clean", arrays["noisy"])
    residual = [np.subtract(a, b, dtype=np.float64) for a, b in zip(arrays["denoised"], reference)]
    order = [name for name in ("clean", "noisy", "denoised") if name in arrays]
    return {name: arrays[name] for name in order} | {"residual": residual}


def denoise_some(estimator, X, X_clean, y, choice, data_range):
    """Denoise some images, chosen as by `choose_rows`, and return the arguments of the display."""
    denoiser, show = patch_denoiser_in(estimator), choice["show"]
    arrays = read_alike({"X": X} if X_clean is None else {"X": X, "X_clean": X_clean}, denoiser.channel_axis)
    _, layout = read_images(X, channel_axis=denoiser.channel_axis, name="X", lazy=True)
    noisy, clean = arrays["X"], arrays.get("X_clean")
    y = None if y is None else check_labels(y, "y", len(noisy), of="images of X")
    if show in ("worst", "best") and clean is None:
        raise ValueError(f"show={show!r} requires X_clean to compute the PSNR, got None. Pass the clean images.")

    def denoise(index):
        results = estimator.transform(layout.restore([noisy[i] for i in index]))
        images, _ = read_images(results, channel_axis=denoiser.channel_axis, name="the denoised images")
        return dict(zip(index, images))

    denoised = errors = None
    if show in ("worst", "best"):
        denoised = denoise(range(len(noisy)))
        peak = denoiser.data_range_ if data_range is None else check_data_range(data_range)
        errors = [-image_psnr(image, denoised[i], peak) for i, image in enumerate(clean)]
    index = choose_rows(len(noisy), y=y, errors=errors, **choice)
    denoised = denoised or denoise(index)
    images = {"noisy": noisy, "denoised": denoised} | ({} if clean is None else {"clean": clean})
    images = {name: [several[i] for i in index] for name, several in images.items()}
    return {
        "images": with_residual(images),
        "image_shape": None,
        "data_range": choose_range(denoiser.data_range_ if data_range is None else data_range, images),
        "labels": None if y is None else y[index],
    }


def image_psnr(clean, image, data_range):
    """PSNR of one image of any size in dB."""
    with units_unchecked():
        return psnr(np.reshape(clean, (1, -1)), np.reshape(image, (1, -1)), data_range=data_range)
