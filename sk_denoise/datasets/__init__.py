"""Example images as flattened rows."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

__all__ = ["load_digit_images", "load_mnist", "load_mnist_subset"]

#: The embedded digits of MNIST, made by `_make_mnist_subset.py`; for their licence see MNIST-LICENSE.txt.
MNIST_SUBSET = Path(__file__).parent / "mnist_subset.npz"


def load_digit_images():
    """Load scikit-learn's embedded digits: 1,797 images of 8 x 8 [1]_.

    Returns
    -------
    X : ndarray of shape (1797, 64)
        Float64 grey values from 0 to 16.
    y : ndarray of shape (1797,)
        The digits.

    References
    ----------
    .. [1] E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998.

    Examples
    --------
    >>> from sk_denoise.datasets import load_digit_images
    >>> X, y = load_digit_images()
    >>> X.shape, X.min(), X.max()
    ((1797, 64), np.float64(0.0), np.float64(16.0))
    """
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


def load_mnist_subset():
    """Load 10,000 MNIST digits of 28 x 28, which are embedded in the package [1]_.

    The 8,000 training digits are a stratified sample of MNIST's training set, the 2,000 test digits one of its test
    set. MNIST is copyright of Yann LeCun and Corinna Cortes, and available under the Creative Commons
    Attribution-ShareAlike 3.0 licence (CC BY-SA 3.0); so is this sample.

    Returns
    -------
    X_train : ndarray of shape (8000, 784)
        Uint8 grey values from 0 to 255.
    X_test : ndarray of shape (2000, 784)
        The test rows.
    y_train : ndarray of shape (8000,)
        Digits of the training rows.
    y_test : ndarray of shape (2000,)
        Digits of the test rows.

    See Also
    --------
    load_mnist : The full data set.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998.

    Examples
    --------
    >>> from sk_denoise.datasets import load_mnist_subset
    >>> X_train, X_test, y_train, y_test = load_mnist_subset()
    >>> X_train.shape, X_test.shape, X_train.dtype
    ((8000, 784), (2000, 784), dtype('uint8'))
    """
    with np.load(MNIST_SUBSET) as file:
        return tuple(file[name] for name in ("X_train", "X_test", "y_train", "y_test"))


def load_mnist():
    """Load MNIST: 70,000 images of 28 x 28 [1]_.

    The data are read from ``mnist.npz`` in the folder named by the environment variable ``SK_DENOISE_DATA``, or else
    from Keras' cache, or else downloaded by Keras.

    Returns
    -------
    X_train : ndarray of shape (60000, 784)
        Uint8 grey values from 0 to 255.
    X_test : ndarray of shape (10000, 784)
        The test rows.
    y_train : ndarray of shape (60000,)
        Digits of the training rows.
    y_test : ndarray of shape (10000,)
        Digits of the test rows.

    Raises
    ------
    OSError
        If the file is not MNIST, or if there is no file and it cannot be downloaded; the message says where to put it.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998.
    """
    folder = os.environ.get("SK_DENOISE_DATA")
    path = Path(folder) / "mnist.npz" if folder else None
    x_train, y_train, x_test, y_test = _read(path) if path is not None and path.exists() else _from_keras()
    return x_train.reshape(-1, 784), x_test.reshape(-1, 784), y_train, y_test


def _read(path):
    keys = ("x_train", "y_train", "x_test", "y_test")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[key] for key in keys]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise OSError(f"{path} is not an mnist.npz with the arrays {', '.join(keys)}: {error}") from error
    if [a.shape for a in arrays] != [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]:
        raise OSError(f"{path} does not hold MNIST: its arrays have the shapes {[a.shape for a in arrays]}.")
    return arrays


def _from_keras():
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception if the download fails
        raise OSError(
            "MNIST is not on this machine and could not be downloaded. Put mnist.npz (arrays x_train, y_train, x_test,"
            " y_test) into a folder and set SK_DENOISE_DATA to that folder, or put it into ~/.keras/datasets."
        ) from error
    return x_train, y_train, x_test, y_test
