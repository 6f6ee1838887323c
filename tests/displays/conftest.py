import matplotlib.pyplot as plt
import numpy as np
import pytest

plt.switch_backend("agg")  # here rather than in a test, because it changes rcParams


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def field(fitted, digits):
    """Noisy rows, clean rows and labels of images that the denoiser was not trained on."""
    X, y = digits[0][1200:], digits[1][1200:]
    return np.asarray(fitted[0].transform(X)), X, y


@pytest.fixture
def inside():
    """A function that checks that everything drawn lies within the figure, up to one pixel."""

    def check(figure):
        figure.draw_without_rendering()
        box, whole = figure.get_tightbbox(), figure.get_size_inches()
        slack = 1 / figure.dpi
        return min(box.x0, box.y0) >= -slack and box.x1 <= whole[0] + slack and box.y1 <= whole[1] + slack

    return check
