"""Train a network on images in files, in a given time."""

from __future__ import annotations

import os
import time

from .._core.checks import is_real, shown, warn_user
from .._core.images import check_alike
from ..denoisers import DenoisingAutoencoder, PatchDenoiser
from ..files import read_images
from ._find import find_sources
from ._noise import estimate_planes

_TIMED_EPOCHS = 2
_SPENT = 0.9  # share of the remaining time for which epochs are planned
_SPLITS = ("gaussian", "poisson_gaussian")  # kinds of noise that can be recorrupted


def fit_files(paths, *, clean=None, architecture="unet", minutes=10, recursive=False, random_state=0, verbose=0):
    """Train a network on noisy images in files, or on pairs of noisy and clean ones.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        Files, folders, and patterns such as ``"scans/*.dcm"``, all of grey or all of colour images with the same number
        of channels. All slices and frames of a file are used.
    clean : str, path-like or iterable of them, default=None
        Clean images of the same names and sizes. If None, the network is trained on the noisy images alone: with
        ``self_supervised="recorrupted"`` if their noise is Gaussian or photon noise, and otherwise "blind_spot".
    architecture : {"unet", "conv", "dense"}, default="unet"
        Architecture of `DenoisingAutoencoder`.
    minutes : float, default=10
        Time for the training, from which the number of epochs follows. More time gives better results: the U-Net is
        good after ten minutes on two cores.
    recursive : bool, default=False
        Whether to search subfolders, too.
    random_state : int, RandomState or None, default=0
        Seeds weights, patches and noise. Even so, the number of epochs depends on the speed of the machine.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    denoiser : PatchDenoiser
        The fitted denoiser, for `denoise_files` and `sk_denoise.save`.

    Raises
    ------
    FileNotFoundError
        If a path does not exist, or a pattern or folder contains no images.
    ValueError
        If the images have different dtypes or numbers of channels, if `clean` has other names or sizes, or if `minutes`
        is not positive.
    """
    if not is_real(minutes) or not 0 < minutes < float("inf"):
        raise ValueError(f"minutes must be a positive number, got {shown(minutes)}.")
    started = time.monotonic()
    sources = find_sources(paths, recursive=recursive)
    images = read_images([source.path for source in sources])
    planes = images.planes
    targets = None if clean is None else _pairs(sources, find_sources(clean, recursive=recursive), planes)
    colour = _all_colour(images)
    _check_same_dtype(images)
    mode = None if clean is not None else _mode(planes)
    inner = DenoisingAutoencoder(architecture, self_supervised=mode)
    denoiser = PatchDenoiser(inner, channel_axis=-1 if colour else None, random_state=random_state, verbose=verbose)
    denoiser.set_params(denoiser__epochs=1).fit(planes, X_clean=targets)  # compiles the training step
    before = time.monotonic()
    denoiser.set_params(denoiser__epochs=_TIMED_EPOCHS).fit(planes, X_clean=targets)
    one = (time.monotonic() - before) / _TIMED_EPOCHS
    n_epochs = int(_SPENT * (60 * minutes - (time.monotonic() - started)) / one)
    if n_epochs <= _TIMED_EPOCHS:
        warn_user(f"minutes={minutes:g} is too short for more than {_TIMED_EPOCHS} epochs, of {one:.0f} seconds each.")
    else:
        denoiser.set_params(denoiser__epochs=n_epochs).fit(planes, X_clean=targets)
    return denoiser


def _all_colour(images):
    """Return whether all images have colours; raise if only some have."""
    colours = [image.channel_axis is not None for image in images]
    if len(set(colours)) > 1:
        first = {colour: image.path for colour, image in zip(reversed(colours), reversed(list(images)))}
        raise ValueError(
            f"paths must name either grey or colour images, got {first[False]} (grey) and {first[True]} (colour). Train"
            " one network on each."
        )
    return colours[0]


def _check_same_dtype(images):
    """Raise for images of different dtypes, which have different units."""
    first = {image.dtype.name: image.path for image in reversed(list(images))}
    if len(first) > 1:
        found = " and ".join(f"{path} ({name})" for name, path in sorted(first.items()))
        raise ValueError(f"paths must name images in the same units, got {found}. Train one network on each.")


def _pairs(sources, others, planes):
    """Return the planes of the clean images in the order of the noisy ones."""
    by_stem = {_stem(other): other.path for other in others}
    missing = next((source for source in sources if _stem(source) not in by_stem), None)
    if missing is not None or len(by_stem) < len(others):
        what = "has none for" if missing is not None else "has several for"
        name = missing.name if missing is not None else _repeated(others).name
        raise ValueError(f"clean must have one file of the same name for each noisy one, but {what} {name}.")
    clean = read_images([by_stem[_stem(source)] for source in sources]).planes
    check_alike(clean, planes, "clean", "paths")
    return clean


def _stem(source):
    return os.path.splitext(source.name)[0]


def _repeated(others):
    stems = [_stem(other) for other in others]
    return next(other for other in others if stems.count(_stem(other)) > 1)


def _mode(planes):
    """Return how to train on noisy images alone, by what their noise is."""
    estimate = estimate_planes(planes)
    if estimate.sigma == 0:
        raise ValueError("paths must name noisy images, but all pixels of each image have the same value.")
    splits = estimate.kind in _SPLITS and not (estimate.kind == "poisson_gaussian" and any(estimate.blur))
    return "recorrupted" if splits else "blind_spot"
