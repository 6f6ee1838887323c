"""Compare two calibrations of filters by PSNR: J-invariance on noisy rows alone, and tuning on pairs.

Run: python benchmarks/calibration.py
Takes about a minute. The noise is Gaussian, with clipping; filters are fitted on 500 rows and tested on 500 others.
MNIST is read from the folder SK_DENOISE_DATA, or downloaded by Keras.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from sk_denoise import ImageFilter, NoiseInjector
from sk_denoise.datasets import load_digit_images, load_mnist
from sk_denoise.metrics import psnr

METHODS = ("median", "gaussian", "bilateral", "tv", "wavelet", "nlm")


def main():
    """Print one line for each data set and level."""
    print(f"{'PSNR in dB':<14}{'level':>6}{'noisy':>7}", *(f"{name:>15}" for name in METHODS), sep="")
    print(f"{'':<27}", *(f"{'alone / pairs':>15}" for _ in METHODS), sep="")
    for name, images in (("digits", load_digit_images()[0]), ("MNIST", load_mnist()[0])):
        train, test = images[:500], images[500:1000]
        for level in (0.02, 0.1, 0.2, 0.5):
            injector = NoiseInjector(level=level, random_state=0).fit(images[:1000])
            rows, noisy = injector.transform(train), np.asarray(injector.transform(test))
            scale = {"data_range": injector.data_range_}
            cells = [f"{name:<14}{level:>6}{psnr(test, noisy, **scale):>7.1f}"]
            for method in METHODS:
                filters = [ImageFilter(method, calibration=c, random_state=0) for c in ("j_invariant", "supervised")]
                alone, pairs = (psnr(test, f.fit(rows).transform(noisy), **scale) for f in filters)
                cells.append(f"{alone:.1f} / {pairs:.1f}".rjust(15))
            print("".join(cells), flush=True)


if __name__ == "__main__":
    main()
