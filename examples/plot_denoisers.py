"""
Six denoisers side by side
==========================

Three networks, two classical filters (from SciPy and scikit-image) and PCA denoise the same digits. Compare them by
numbers and by eye. To save time, the networks are trained for fewer epochs than by default.
"""

# %%
# Add noise to the training and test rows. Their grey values range from 0 to 16. The output of the injector keeps the
# clean rows, so that each denoiser finds its target.
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector
from sk_denoise.datasets import load_digit_images
from sk_denoise.displays import DenoisingDisplay, choose_rows
from sk_denoise.metrics import psnr, ssim

X, y = load_digit_images()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=597, stratify=y, random_state=0)
injector = NoiseInjector("gaussian", level=0.4, random_state=0)
noisy_train = injector.fit_transform(X_train)
noisy_test = np.asarray(injector.transform(X_test))

denoisers = {
    "median": ImageFilter("median", calibration="supervised", random_state=0),
    "total variation": ImageFilter("tv", calibration="supervised", random_state=0),
    "PCA": EstimatorDenoiser(PCA(16)),
    "dense": DenoisingAutoencoder("dense", epochs=80, random_state=0),
    "conv": DenoisingAutoencoder("conv", epochs=20, random_state=0),
    "U-Net": DenoisingAutoencoder("unet", epochs=15, random_state=0),
}

# %%
# PSNR measures how close pixels are to the clean ones, and SSIM how well structure is preserved. Higher is better.
images = {"clean": X_test, "noisy": noisy_test}
print(f"{'':<16}{'PSNR':>9}{'SSIM':>8}{'fit':>9}")
print(f"{'noisy':<16}{psnr(X_test, noisy_test):>6.2f} dB{ssim(X_test, noisy_test):>8.3f}")
for name, denoiser in denoisers.items():
    start = time.perf_counter()
    denoiser.fit(noisy_train)
    seconds = time.perf_counter() - start
    images[name] = denoiser.transform(noisy_test)
    print(f"{name:<16}{psnr(X_test, images[name]):>6.2f} dB{ssim(X_test, images[name]):>8.3f}{seconds:>7.1f} s")

# %%
# One digit of each class. Filters smooth noise and strokes alike; PCA and the networks have learned what digits look
# like.
rows = [int(np.flatnonzero(y_test == digit)[0]) for digit in range(10)]
shown = {name: values[rows] for name, values in images.items()}
_ = DenoisingDisplay(shown, image_shape=(8, 8), data_range=(0, 16), labels=range(10)).plot()

# %%
# **Where denoisers fail.** The eights and nines with the largest error of the U-Net. Strokes added or erased by noise
# can turn a digit into one of another class. If several digits are plausible, a network returns their mean, a blur.
errors = -psnr(X_test, images["U-Net"], per_image=True)
rows = choose_rows(len(X_test), y=y_test, labels=[8, 9], show="worst", errors=errors)
shown = {name: values[rows] for name, values in images.items()}
_ = DenoisingDisplay(shown, image_shape=(8, 8), data_range=(0, 16), labels=y_test[rows]).plot()

# %%
# A single call draws the same for one denoiser, and adds the residual.
display = DenoisingDisplay.from_estimator(
    denoisers["dense"], noisy_test, X_clean=X_test, y=y_test, labels=[8, 9], show="worst"
)
