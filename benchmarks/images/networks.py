"""Networks in a `PatchDenoiser`, trained for a given time on images other than those that are denoised."""

import math
import time

import numpy as np
import sets
from skimage import data

TRAINED_LEVELS = (0.02, 0.2)
PATCH, N_PATCHES, N_TIMED = 64, 640, 2  # the latter are epochs, from whose time the number of epochs follows


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
