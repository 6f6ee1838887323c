"""One table of all methods: three kinds of noise, three levels, ten images; each is used as by someone who knows it.

- The methods of `ImageFilter` are given the true noise: its level, its level and correlation, or its gain. Parameters
  that this leaves open are chosen by SURE. "denoise(image)" estimates the noise itself.
- BM3D is given the level or the spectrum. BM3D and scikit-image's functions get photon noise with its variance
  stabilized by the exact gain, and the inverse follows.
- Networks, linear regression and PCA in a `PatchDenoiser` are trained once for each kind of noise, on other images,
  which are clean, and on a range of levels. Dense and convolutional networks have patches of a fixed size, whose
  results are averaged.
- "on the noisy image" are methods that are trained on the image to be denoised, without clean ones. Networks, those of
  this package and Noise2Void of CAREamics, are trained for seconds, on four images at level 0.1, because each image
  needs its own training. "blind_spot" and Noise2Void are left out where noise is correlated, for which they are not
  made. "noise2noise" is left out, because it needs two shots.
"""

import functools
import time

import methods
import noise2void
import numpy as np
import sets
from memory import costs
from networks import N_PATCHES, PATCH, TRAINED_LEVELS, trained, training_images
from quality import LEVELS, measure
from scipy import signal
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, NoiseEstimate, NoiseInjector, PatchDenoiser
from sk_denoise.noise.stabilization import anscombe

#: Varied, and without "chelsea", "clock" and "text", on which the treatment of noise was developed.
IMAGES = (
    "coffee", "china", "rocket", "gravel", "page", "immunohistochemistry", "retina", "hubble_deep_field", "CT, head",
    "MR, abdomen",
)  # fmt: skip
TRAINED_ON = ("china", "immunohistochemistry", "retina", "MR, abdomen")  # one by one, at one level
TRAINED_AT = (0.1,)
BLUR = 0.7  # pixels
BRIGHTNESS = 0.4  # about the mean of the images; photons at white are chosen so that noise has the level there
UNET_SECONDS, SMALL_SECONDS = 120, 15  # of training on other images
SECONDS = 20  # of training on the noisy image
SMALL, WINDOW = 16, 8  # sides of the patches of networks with a dense code, and of other estimators
N_SMALL, N_WINDOWS = 4096, 30_000
WARM_UP = 64  # side of a crop that is denoised first, which loads what is loaded on demand
OTHERS = {"bm3d": "bm3d", "CAREamics": "CAREamics", "denoise_": "scikit-image", "filters.": "scikit-image"}
PRECISE = {"white": "level", "correlated": "level, correlation", "Poisson": "gain"}


def table(images=IMAGES, levels=LEVELS, noises=tuple(PRECISE), trained_on=TRAINED_ON, unet=UNET_SECONDS,
          small=SMALL_SECONDS, seconds=SECONDS):  # fmt: skip
    """Yield the case, and the figures by method.

    Parameters
    ----------
    images : tuple of str or dict of ndarray, default=IMAGES
        Names of held-out images, or images in [0, 1] by name.
    levels : tuple of float, default=LEVELS
        Standard deviations of the noise.
    noises : tuple of {"white", "correlated", "Poisson"}, default=all of them
        Kinds of noise.
    trained_on : tuple of str, default=TRAINED_ON
        Images on which networks are trained without clean images, at the levels in `TRAINED_AT`.
    unet, small, seconds : float, default=120, 15, 20
        Seconds of training of the U-Net, of the other networks, and of each network on a noisy image.
    """
    if not isinstance(images, dict):
        images = {name: image for name, image in sets.held_out().items() if name in images}
    for noise in noises:
        fitted = _trained_on_others(noise, unet, small)
        corner = next(iter(images.values()))[:WARM_UP, :WARM_UP]
        _filtered(corner, noise, levels[0], 0, fitted)
        for level in levels:
            for seed, (name, clean) in enumerate(images.items(), start=600):
                figures, noisy = _filtered(clean, noise, level, seed, fitted)
                if name in trained_on and level in TRAINED_AT:
                    figures |= _trained_on_image(clean, noisy, noise, seconds)
                peak = _peak(level) if noise == "Poisson" else None
                yield {"image": name, "noise": noise, "level": level, "peak": peak}, figures


def _filtered(clean, noise, level, seed, fitted):
    """Figures of methods that need no training on the image, or a short one, and the noisy image."""
    noisy, known, others = {"white": _white, "correlated": _correlated, "Poisson": _photons}[noise](clean, level, seed)
    figures = measure(clean, noisy, methods.given(known) | others | {"linear, on the noisy image": _linear})
    for name, found in figures.items():
        found |= _about(name, noise)
    for name, (denoiser, spent) in fitted.items():
        about = {"package": "sk_denoise", "given": "nothing", "needs_clean": True, "training_seconds": spent["seconds"]}
        figures[name] = measure(clean, noisy, {name: denoiser.transform})[name] | about
    return figures, noisy


def _about(method, noise):
    """Package of a method, what it was told of the noise, and whether it needs clean images."""
    package = next((name for start, name in OTHERS.items() if method.startswith(start)), "sk_denoise")
    given = PRECISE[noise]
    if method == "noisy":
        package, given = "", ""
    elif method == "denoise(image)" or "on the noisy image" in method:
        given = "nothing"
    elif method == "bm3d" and noise == "correlated":
        given = "spectrum"
    elif method.endswith("best weight"):
        given = "clean image" if noise != "Poisson" else "gain, clean image"
    elif package == "scikit-image" and noise != "Poisson":
        given = "level" if method in ("denoise_nl_means", "denoise_wavelet") else "nothing"
    return {"package": package, "given": given, "needs_clean": "best weight" in method, "training_seconds": 0.0}


def _white(clean, level, seed):
    """The image with white noise, what this package is told of it, and the functions of other packages."""
    noisy = clean + np.float32(level) * sets.noise(clean, seed)
    return noisy, level, methods.with_bm3d(methods.scikit_image(level), level)


def _correlated(clean, level, seed):
    kernel = sets.kernel(BLUR)
    correlation = signal.correlate2d(kernel, kernel)
    noisy = (clean + level * sets.blurred_noise(clean, seed, kernel)).astype(np.float32)
    others = methods.with_bm3d(methods.scikit_image(level), sets.spectrum(clean, level, kernel))
    return noisy, _estimate(level, correlation), others


def _photons(clean, level, seed):
    gain = 1 / _peak(level)
    noisy = sets.photons(clean, seed, _peak(level))
    stable = anscombe(noisy, gain)
    low, width = float(stable.min()), float(np.ptp(stable))
    others = {}
    for name, function in methods.with_bm3d(methods.scikit_image(1 / width), 1 / width).items():
        variants = function if isinstance(function, list) else [function]
        others[name] = [methods.stabilized(variant, gain, low, width) for variant in variants]
    return noisy, _estimate(float(np.sqrt(clean.mean() * gain)), np.ones((1, 1)), gain), others


def _peak(level):
    """Photons at white, where noise at the mean brightness is to have a level: 160, 40 and 10."""
    return round(BRIGHTNESS / level**2)


def _estimate(level, correlation, gain=0.0):
    """The true noise, as if it had been estimated."""
    middle = correlation.shape[0] // 2
    correlated = correlation.size > 1
    return NoiseEstimate(
        kind="poisson_gaussian" if gain else "gaussian",
        level=level,
        sigma=level,
        spread=float("nan"),
        gain=gain,
        offset=0.0 if gain else level**2,
        correlation=(correlation[middle + 1, middle], correlation[middle, middle + 1]) if correlated else (0.0, 0.0),
        blur=(BLUR, BLUR) if correlated else (0.0, 0.0),
        autocorrelation=correlation,
        clipped=(0.0, 0.0),
        data_range=(0.0, 1.0),
        n_images=1,
    )


def _injector(noise):
    """Noise of a range of levels, to train on."""
    options = {"level": TRAINED_LEVELS, "clip": False, "data_range": (0, 1), "random_state": 0}
    if noise == "correlated":
        return NoiseInjector(**options, blur=BLUR)
    if noise == "Poisson":
        # The level of the injector is that at white.
        white = tuple(round(level / BRIGHTNESS**0.5, 3) for level in TRAINED_LEVELS)
        return NoiseInjector("poisson", **options | {"level": white})
    return NoiseInjector(**options)


def _trained_on_others(noise, unet_seconds, small_seconds):
    """Denoisers trained on clean images, by name, each with what its training took."""
    images, injector = training_images(), _injector(noise)
    small = {"patch_shape": (SMALL, SMALL), "n_patches": N_SMALL}
    windows = {"patch_shape": (WINDOW, WINDOW), "n_patches": N_WINDOWS, "data_range": (0, 1), "random_state": 0}
    found = {}
    for name, seconds, latent_dim, patches in (
        ("unet", unet_seconds, 32, {"patch_shape": (PATCH, PATCH), "n_patches": N_PATCHES}),
        ("conv", small_seconds, 64, small),
        ("dense", small_seconds, 64, small),
    ):
        network = DenoisingAutoencoder(name, latent_dim=latent_dim, noise=injector, batch_size=32)
        print(f"{noise}, {name}", end=": ")
        denoiser = PatchDenoiser(network, random_state=0, **patches)
        shown = {"unet": "U-Net"}.get(name, f"{name} network")
        found[f"{shown}, on clean images"] = costs(functools.partial(trained, denoiser, images, seconds))
    for name, estimator in (("linear", LinearRegression()), ("PCA", PCA(12))):
        denoiser = PatchDenoiser(EstimatorDenoiser(estimator, noise=injector), **windows)
        found[f"{name}, on clean images"] = costs(functools.partial(denoiser.fit, images))
    return found


def _linear(noisy):
    """Linear regression of patches, trained on the noisy image, whose noise it estimates."""
    regression = EstimatorDenoiser(LinearRegression(), self_supervised="recorrupted")
    patches = {"patch_shape": (WINDOW, WINDOW), "n_patches": N_WINDOWS, "data_range": (0, 1), "random_state": 0}
    return PatchDenoiser(regression, **patches).fit(noisy).transform(noisy)


def _trained_on_image(clean, noisy, noise, seconds):
    """Figures of networks that are trained on the noisy image; their times are those of the training alone."""
    figures = {}
    for name, train in noise2void.trainings().items():
        if noise == "correlated" and not name.endswith("recorrupted"):
            continue
        shown = f"{name.replace('sk_denoise', 'U-Net')}, on the noisy image"
        took = {}  # of the training that counts, without those by which this package finds the number of epochs

        def function(image, train=train, took=took):
            denoised, spent = train(image, seconds, time.perf_counter)
            took.update(seconds=spent["seconds"], cpu_seconds=spent["cpu_seconds"])
            return denoised

        figures[shown] = measure(clean, noisy, {shown: function})[shown] | took | _about(shown, noise)
    return figures
