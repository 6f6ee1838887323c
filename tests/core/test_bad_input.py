"""Invalid input raises an error that names the argument, and modifies neither the estimator nor the arrays."""

import contextlib
import io
import re
import warnings

import numpy as np
import pytest
from bad_input import ENTRIES, X, Y
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector

#: Messages of scikit-learn about arrays, and of Python about paths, that do not name the argument.
NAMELESS = r"Found array with 0|[Ss]ample weight|os\.PathLike"


def fault(entry, argument, value):
    """Return what is wrong with the error for an invalid value, or None."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error, changed = entry.call(argument, value)
    if error is None:
        return "is accepted"
    if not isinstance(error, (ValueError, TypeError, OSError)):
        return f"raises {error!r}"
    if not re.search(rf"\b{argument}(s|_true|_pred|_clean)?\b|{NAMELESS}", str(error)):
        return f"is not named in {error!r}"
    return f"changes {changed}" if changed else None


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    before = X.copy(), Y.copy()
    monkeypatch.chdir(tmp_path)
    yield
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])


@pytest.mark.parametrize("name", ENTRIES)
def test_bad_input(name):
    entry, faults = ENTRIES[name], []
    for argument in entry.parameters:
        for kind, value in entry.bad_values(argument):
            why = fault(entry, argument, value)
            faults += [f"{name}({argument}={kind}) {why}"] if why else []
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "estimator",
    [NoiseInjector(), DenoisingAutoencoder(), ImageFilter(), EstimatorDenoiser(PCA(2))],
    ids=lambda estimator: type(estimator).__name__,
)
def test_before_fit(estimator):
    for method in ("transform", "predict", "encode", "decode", "score"):
        if hasattr(estimator, method):
            with pytest.raises(NotFittedError):
                getattr(estimator, method)(np.zeros((3, 4)))
