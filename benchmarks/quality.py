"""Measure the three architectures with their defaults on MNIST: Gaussian noise of level 0.5, 60,000 training rows.

Run: python benchmarks/quality.py [dense conv unet]
MNIST is read from the folder SK_DENOISE_DATA, or downloaded by Keras. Times are those of the machine it runs on.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.metrics import mean_squared_error
from sklearn.neural_network import MLPClassifier

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.datasets import load_mnist
from sk_denoise.metrics import accuracy_recovery, psnr, ssim


def main(architectures):
    """Print one line for each architecture."""
    X, X_test, y, y_test = load_mnist()
    injector = NoiseInjector(level=0.5, random_state=0).fit(X)
    noisy = np.asarray(injector.transform(X_test))
    classifier = MLPClassifier(random_state=0, early_stopping=True).fit(X[:10_000] / np.float32(255), y[:10_000])

    def accuracy(rows):
        return classifier.score(rows / np.float32(255), y_test)

    clean, noisy_accuracy = accuracy(X_test), accuracy(noisy)
    print("MNIST, Gaussian noise of level 0.5, 60,000 training rows, scores on the 10,000 test rows")
    print(f"MLPClassifier trained on 10,000 clean rows: accuracy {clean:.3f} clean, {noisy_accuracy:.3f} noisy")
    print(
        f"{'denoiser':<10}{'epochs':>7}{'fit (s)':>9}{'MSE':>9}{'PSNR':>7}{'SSIM':>7}{'accuracy':>10}{'recovered':>11}"
    )
    for name in ("none", *architectures):
        seconds, epochs, images = 0.0, 0, noisy
        if name != "none":
            start = time.perf_counter()
            denoiser = DenoisingAutoencoder(name, latent_dim=64, random_state=0).fit(injector.transform(X))
            seconds, epochs, images = time.perf_counter() - start, denoiser.n_iter_, denoiser.transform(noisy)
        denoised, scale = accuracy(images), {"data_range": (0, 255)}
        error = mean_squared_error(X_test / np.float32(255), images / np.float32(255))
        print(
            f"{name:<10}{epochs:>7}{seconds:>9.0f}{error:>9.4f}"
            f"{psnr(X_test, images, **scale):>7.2f}{ssim(X_test, images, **scale):>7.3f}{denoised:>10.3f}"
            f"{accuracy_recovery(clean, noisy_accuracy, denoised):>11.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:] or ["dense", "conv", "unet"])
