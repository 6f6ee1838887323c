"""Generate the file of `load_mnist_subset` from the full MNIST: python -m sk_denoise.datasets._make_mnist_subset.

MNIST is read from the folder in the environment variable SK_DENOISE_DATA, or from Keras (see `load_mnist`).
"""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import train_test_split

from sk_denoise.datasets import MNIST_SUBSET, load_mnist


def draw_subset():
    """Draw 8,000 training and 2,000 test digits, stratified by class."""
    X, X_test, y, y_test = load_mnist()
    X, _, y, _ = train_test_split(X, y, train_size=8_000, stratify=y, random_state=0)
    X_test, _, y_test, _ = train_test_split(X_test, y_test, train_size=2_000, stratify=y_test, random_state=0)
    # In the order in which `load_mnist_subset` returns them.
    return {"X_train": X, "X_test": X_test, "y_train": y, "y_test": y_test}


if __name__ == "__main__":
    np.savez_compressed(MNIST_SUBSET, **draw_subset())
    print(f"{MNIST_SUBSET}: {MNIST_SUBSET.stat().st_size / 1e6:.2f} MB")
