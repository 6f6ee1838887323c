"""U-Nets that were trained on other images, beside filters."""

import math
import time

import methods
import numpy as np
import sets
from quality import LEVELS, measure
from skimage import data

from sk_denoise import DenoisingAutoencoder, NoiseInjector, PatchDenoiser
from sk_denoise.datasets import load_mnist_subset

TRAINED_LEVELS = (0.02, 0.2)
TESTED_LEVELS = (0.02, *LEVELS)
PATCH, N_PATCHES, N_TIMED = 64, 640, 2  # the latter are epochs, from whose time the number of epochs follows
MINUTES = 10


def networks(minutes=MINUTES):
    """U-Nets with each head, trained for ten minutes on images other than those that are denoised, and two filters."""
    training = training_images()
    injector = NoiseInjector(level=TRAINED_LEVELS, clip=False, data_range=(0, 1))
    fitted = {}
    for head in ("residual", "sigmoid"):
        unet = DenoisingAutoencoder("unet", latent_dim=32, head=head, noise=injector, random_state=0, batch_size=32)
        patches = PatchDenoiser(unet, patch_shape=(PATCH, PATCH), n_patches=N_PATCHES, random_state=0)
        print(head, end=": ")
        fitted[f"U-Net, {head}"] = trained(patches, training, 60 * minutes)
    for sigma in TESTED_LEVELS:
        own = methods.given(sigma)
        functions = {name: own[name] for name in ("nl_ridge", "nlm")} | {n: d.transform for n, d in fitted.items()}
        for seed, (name, clean) in enumerate(sets.held_out().items(), start=300):
            noisy = clean + np.float32(sigma) * sets.noise(clean, seed)
            figures = measure(clean, noisy, functions)
            for found in figures.values():
                found["megapixels"] = clean.size / 1e6
            yield {"image": name, "sigma": sigma}, figures


def digits(epochs=10, sigma=0.5):
    """U-Nets with each head on embedded MNIST digits of 28 x 28 pixels, 7,000 to train on and 1,000 to test."""
    X = load_mnist_subset()[0].astype(np.float32) / 255
    injector = NoiseInjector(level=sigma, clip=False, data_range=(0, 1), random_state=0)
    noisy = np.asarray(injector.fit_transform(X[7000:8000]))
    figures = {}
    for head in ("residual", "sigmoid"):
        unet = DenoisingAutoencoder("unet", head=head, noise=injector, random_state=0, epochs=epochs)
        figures[f"U-Net, {head}"] = {"psnr": unet.fit(X[:7000]).score(noisy, X[7000:8000])}
    yield {"image": "MNIST digits", "sigma": sigma}, figures


def training_images():
    """Photographs, micrographs and scans, none of which is denoised later."""
    images = [sets.grey(getattr(data, name)()) for name in ("camera", "moon", "cell", "grass", "brick", "coins")]
    images += [sets.grey(data.astronaut())] + [image for name, image in sets.tuning().items() if name in ("CT", "MR")]
    images += [sets.grey(image) for image in data.stereo_motorcycle()[:1]]
    return [image.astype(np.float32) for image in images]


def trained(denoiser, images, seconds):
    """Fit a `PatchDenoiser` with a network for about `seconds`: time two epochs, and train for as many as fit in."""
    denoiser.set_params(data_range=(0, 1), denoiser__epochs=1).fit(images)  # compiles
    start = time.perf_counter()
    denoiser.set_params(denoiser__epochs=N_TIMED).fit(images)
    each = (time.perf_counter() - start) / N_TIMED
    epochs = max(1, round(seconds / each))
    start = time.perf_counter()
    denoiser.set_params(denoiser__epochs=epochs).fit(images)
    steps = epochs * math.ceil(denoiser.n_patches / denoiser.denoiser.batch_size)
    print(f"{epochs} epochs, {steps} steps, {time.perf_counter() - start:.0f} s", flush=True)
    return denoiser
