"""What the tests of dask arrays share: images, and denoisers of them."""

import numpy as np
from helpers import quick
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from sk_denoise import EstimatorDenoiser, ImageFilter, PatchDenoiser

ATOL = 1e-5
STACK = np.random.default_rng(0).random((3, 77, 93)).astype("float32")
GREY = ImageFilter("gaussian", sigma=1.0)


def patched(denoiser, **params):
    return PatchDenoiser(denoiser, **{"patch_shape": (16, 16), "n_patches": 64, "random_state": 0, **params})


def unet(**params):
    return quick("unet", noise="gaussian", epochs=1, **params)


DENOISERS = {
    "median": ImageFilter("median", size=5),
    "gaussian": GREY,
    "bilateral": ImageFilter("bilateral", sigma_color=0.2, sigma_spatial=1.5),
    "nlm": ImageFilter("nlm", level=0.1, h=0.08, patch_size=3, patch_distance=4),
    "tv": ImageFilter("tv", weight=0.1),
    "wavelet": ImageFilter("wavelet", level=0.1),
    "nl_ridge": ImageFilter("nl_ridge", level=0.1),
    "unet": unet(),
    "dense": quick(noise="gaussian"),
    "decomposition": EstimatorDenoiser(PCA(6), noise="gaussian"),
    "regressor": EstimatorDenoiser(LinearRegression(), noise="gaussian"),
}
