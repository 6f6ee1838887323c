import numpy as np
import pytest

from sk_denoise import datasets
from sk_denoise.datasets._make_mnist_subset import draw_subset


def test_mnist(mnist):
    X, X_test, y, _y_test = mnist
    assert X.shape == (60000, 784) and X_test.shape == (10000, 784)
    assert X.dtype == np.uint8 and set(y) == set(range(10))


def test_mnist_subset():
    X, X_test, y, y_test = datasets.load_mnist_subset()
    assert X.shape == (8000, 784) and X_test.shape == (2000, 784) and X.dtype == np.uint8
    for labels in (y, y_test):
        assert np.bincount(labels).min() > 0.08 * len(labels)
    together = np.concatenate([X, X_test])
    assert len(np.unique(together, axis=0)) == 10_000


def test_mnist_subset_is_what_its_script_makes(mnist):
    for made, loaded in zip(draw_subset().values(), datasets.load_mnist_subset(), strict=True):
        assert np.array_equal(made, loaded)


def test_file_that_is_not_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("SK_DENOISE_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(b"nothing")
    with pytest.raises(OSError, match="mnist"):
        datasets.load_mnist()
    np.savez(tmp_path / "mnist.npz", x_train=[1], y_train=[1], x_test=[1], y_test=[1])
    with pytest.raises(OSError, match="mnist"):
        datasets.load_mnist()


def test_offline(tmp_path, monkeypatch):
    import keras

    def offline():
        raise Exception("URL fetch failure")

    monkeypatch.setenv("SK_DENOISE_DATA", str(tmp_path))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", offline)
    with pytest.raises(OSError, match="SK_DENOISE_DATA"):
        datasets.load_mnist()
