import matplotlib.pyplot as plt
import numpy as np
import pytest

plt.switch_backend("agg")  # now, so that no test sees the setting change


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def field(fitted, digits):
    """Noisy rows, clean rows and labels that the denoiser was not trained on."""
    X, y = digits[0][1200:], digits[1][1200:]
    return np.asarray(fitted[0].transform(X)), X, y


@pytest.fixture
def inside():
    """Whether everything drawn lies within the figure, to within one pixel."""

    def check(figure):
        figure.draw_without_rendering()
        box, whole = figure.get_tightbbox(), figure.get_size_inches()
        slack = 1 / figure.dpi
        return min(box.x0, box.y0) >= -slack and box.x1 <= whole[0] + slack and box.y1 <= whole[1] + slack

    return check
