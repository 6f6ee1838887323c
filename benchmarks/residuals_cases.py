"""Good and faulty outputs of the denoisers of this package, on crops of images, for benchmarks/residuals.py."""

import os
import sys
from pathlib import Path

import numpy as np
from joblib import Memory
from scipy import ndimage
from skimage import data

sys.path.insert(0, str(Path(__file__).parent / "images"))
import sets

from sk_denoise import DenoisingAutoencoder, NoiseInjector, PatchDenoiser, denoise

SIDE = 192  # pixels of the crops
N_CROPS = {"training": 4, "held-out": 3}
LEVELS = (0.05, 0.1, 0.2)
N_DRAWS = 2  # of the noise of each crop, with different levels
SEEDS = {"training": 7, "held-out": 8}
FILTERS = ("gaussian", "median", "bilateral", "tv", "wavelet", "nlm", "nl_ridge")
EPOCHS = 30  # of the network
STRIPES = 0.5  # standard deviation of the offsets of rows or columns, in sigma
DISC = (2.0, 6)  # contrast in sigma, and radius in pixels
FAINT_DISC = (1.0, 6)  # the same, of one that is rarely found
PEAK = 10.0  # sigma, of a single pixel
OFFSET = 0.2  # sigma, of the whole image
LINE = (2.0, 60)  # contrast in sigma, and length in pixels; one pixel wide
_GOOD = 0.9
memory = Memory(os.environ.get("RESIDUALS_CACHE"), verbose=0)  # to repeat a run without denoising again


def images(which):
    """Images by name, grey, in [0, 1]: those to choose thresholds on, or those to report."""
    if which == "held-out":
        return _held_out()
    from matplotlib import image
    from matplotlib.cbook import get_sample_data

    found = {name: sets.grey(getattr(data, name)()) for name in ("camera", "moon", "cell", "grass", "brick", "coins")}
    found |= {"astronaut": sets.grey(data.astronaut()), "motorcycle": sets.grey(data.stereo_motorcycle()[0])}
    with get_sample_data("grace_hopper.jpg") as file:
        found["hopper"] = sets.grey(image.imread(file))
    scans = {"CT": sets._scan("CT_small.dcm")}
    return found | {name: scan for name, scan in scans.items() if scan is not None}


def _held_out():
    from sklearn.datasets import load_sample_image

    found = {name: sets.grey(getattr(data, name)()) for name in sets.HELD_OUT}
    found |= {name: sets.grey(load_sample_image(f"{name}.jpg")) for name in sets.PHOTOS}
    scans = {name: sets._scan(file) for name, (file, _) in sets.SCANS.items()}
    return found | {name: scan for name, scan in scans.items() if scan is not None}


def crops(which):
    """Name of the image, and crop: up to `N_CROPS` of each image, without overlap."""
    for name, image in images(which).items():
        corners = [(top, left) for top in _starts(image.shape[0]) for left in _starts(image.shape[1])]
        for top, left in corners[: N_CROPS[which]]:
            yield name, np.ascontiguousarray(image[top : top + SIDE, left : left + SIDE])


def _starts(length):
    if length < 2 * SIDE:
        return [max(0, (length - SIDE) // 2)]
    return [length // 2 - SIDE, length // 2]


def cases(which):
    """Name, level, and outputs by denoiser and kind, for each draw of the noise of each crop."""
    for draw in range(N_DRAWS):
        for number, (name, clean) in enumerate(crops(which)):
            sigma = LEVELS[(number + draw) % len(LEVELS)]
            noisy, stripes = _draw(clean, sigma, [SEEDS[which], number, draw])
            outputs = {method: _filtered(noisy, stripes, sigma, method) for method in FILTERS}
            outputs["network"] = _denoised_by_network(noisy, stripes)
            yield {"image": name, "crop": number, "draw": draw, "sigma": sigma}, clean, noisy, stripes, outputs


def _draw(clean, sigma, seed):
    rng = np.random.default_rng(seed)
    noisy = (clean + sigma * rng.standard_normal(clean.shape)).astype(np.float32)
    along = rng.integers(2)
    shape = [length if axis == along else 1 for axis, length in enumerate(clean.shape)]
    return noisy, (STRIPES * sigma * rng.standard_normal(shape)).astype(np.float32)


@memory.cache
def _filtered(noisy, stripes, sigma, method):
    """Outputs with the true level and with twice the level, and with stripes."""
    levels = {"good": 1, "over": 2}
    outputs = {kind: denoise(noisy, method=method, noise=factor * sigma) for kind, factor in levels.items()}
    return outputs | {"stripes": denoise(noisy + stripes, method=method, noise=sigma)}


@memory.cache
def _network():
    training = [image.astype(np.float32) for image in images("training").values()]
    injector = NoiseInjector(level=(0.03, 0.25), clip=False, data_range=(0, 1))
    unet = DenoisingAutoencoder(
        "unet", latent_dim=16, head="residual", noise=injector, epochs=EPOCHS, batch_size=16, random_state=0
    )
    return PatchDenoiser(unet, patch_shape=(48, 48), n_patches=640, data_range=(0, 1), random_state=0).fit(training)


@memory.cache
def _denoised_by_network(noisy, stripes):
    """Outputs of the network, which is not told the level."""
    network = _network()
    good = network.transform(noisy)
    return {"good": good, "over": network.transform(good), "stripes": network.transform(noisy + stripes)}


@memory.cache
def _good(noisy, sigma, method):
    return _network().transform(noisy) if method == "network" else denoise(noisy, method=method, noise=sigma)


def shots():
    """Name, level, and two denoised shots of each held-out crop by denoiser."""
    for number, (name, clean) in enumerate(crops("held-out")):
        sigma = LEVELS[number % len(LEVELS)]
        pair = [_draw(clean, sigma, [SEEDS["held-out"], number, draw])[0] for draw in (10, 11)]
        outputs = {method: [_good(noisy, sigma, method) for noisy in pair] for method in (*FILTERS, "network")}
        yield {"image": name, "crop": number, "sigma": sigma}, outputs


def invented(image, sigma, rng):
    """Add a disc that is not in the scene, half as strong as the one that `faulty` removes."""
    return image + sigma / 2 * _disc(image.shape, rng)


def faulty(clean, noisy, stripes, sigma, outputs, rng):
    """Yield the fault, the noisy image, the denoised one and the level that `residual_check` is given.

    Outputs that were told too much noise count as over-smoothed if this increased the squared error by a tenth, because
    some filters have few settings. Nothing is yielded if the good output is not good: if its squared error is more than
    0.9 of that of the noisy image, as for a median that may only choose between doing nothing and destroying texture.
    """
    good = outputs["good"]
    if np.mean((good - clean) ** 2) > _GOOD * sigma**2:
        return
    yield "good", noisy, good, sigma
    angle = rng.uniform(0, 2 * np.pi)
    for pixels in (0.5, 1.0):
        shift = pixels * np.sin(angle), pixels * np.cos(angle)
        yield f"shift {pixels:g} px", noisy, ndimage.shift(good, shift, order=3, mode="nearest"), sigma
    yield "disc", noisy + sigma * _disc(good.shape, rng), good, sigma
    yield "sigma -25 %", noisy, good, 0.75 * sigma
    yield "sigma +25 %", noisy, good, 1.25 * sigma
    yield "stripes", noisy + stripes, outputs["stripes"], sigma
    yield "blur", noisy, ndimage.gaussian_filter(good, 1), sigma
    error, before = (np.mean((image - clean) ** 2) for image in (outputs["over"], good))
    if error > 1.1 * before:
        yield "over-smoothed", noisy, outputs["over"], sigma
    place = tuple(rng.integers(good.shape))
    yield "pixel", _brighter(noisy, place, rng.choice([-PEAK, PEAK]) * sigma), good, sigma
    yield "offset", noisy, good + rng.choice([-OFFSET, OFFSET]) * sigma, sigma
    yield "faint disc", noisy + sigma * _disc(good.shape, rng, FAINT_DISC), good, sigma
    row, column = rng.integers(good.shape[0]), rng.integers(good.shape[1] - LINE[1])
    line = (row, slice(column, column + LINE[1]))
    yield "line", _brighter(noisy, line, rng.choice([-1, 1]) * LINE[0] * sigma), good, sigma


def _brighter(image, where, value):
    image = image.copy()
    image[where] += value
    return image


def _disc(shape, rng, kind=DISC):
    contrast, radius = kind
    centre = [rng.uniform(2 * radius, length - 2 * radius) for length in shape]
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2
    return rng.choice([-contrast, contrast]) * inside.astype(np.float32)
