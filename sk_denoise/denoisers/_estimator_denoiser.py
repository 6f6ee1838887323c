"""`EstimatorDenoiser`, what scikit-learn has as a denoiser."""

from __future__ import annotations

import re
from numbers import Integral

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state, get_tags

from .._core.checks import is_integer, shown
from .._core.sklearn_glue import Interval
from .._core.units import to_unit
from ._base import BaseDenoiser
from ._targets import corruption

__all__ = ["EstimatorDenoiser"]


_ONE_OUTPUT = re.compile(r"1-?d\b|one-dimensional|1-dimensional|dimension|multi|bad input shape|shape of y", re.I)


def _kind(estimator):
    """Return "regressor" or "decomposition", else raise a TypeError that says what is needed."""
    if hasattr(estimator, "fit") and not isinstance(estimator, type):
        if is_regressor(estimator):
            return "regressor"
        if hasattr(estimator, "transform") and hasattr(estimator, "inverse_transform"):
            return "decomposition"
    raise TypeError(
        "estimator must be a regressor, such as Ridge() or MLPRegressor(), or have transform and inverse_transform,"
        f" such as PCA(64) or NMF(64), got {shown(estimator)}."
    )


def _check_way_back(estimator, rows):
    """Refuse, at `fit` and not later, a KernelPCA that was not told to learn the way back."""
    try:
        estimator.inverse_transform(estimator.transform(rows))
    except NotFittedError as error:
        raise ValueError(
            f"estimator={estimator!r} cannot go back from what it transforms to. For KernelPCA, set"
            " fit_inverse_transform=True."
        ) from error


def _pairs(rows, target, data_range, n_draws, random_state):
    """Noisy and clean rows on the scale [0, 1] to fit a regressor on, as `target` says."""
    clean = to_unit(target.clean, data_range)
    if target.noise is None:
        return to_unit(rows, data_range), clean
    seed = random_state if is_integer(random_state) else check_random_state(random_state).randint(2**31 - 1)
    rng, redraw = np.random.default_rng(seed), corruption(target, data_range)
    noisy = np.concatenate([redraw(clean, rng) for _ in range(n_draws)])
    return noisy, np.tile(clean, (n_draws, 1))


def _fit_regressor(estimator, noisy, clean):
    """Fit it; say what it must handle where it refuses targets of many columns."""
    if clean.shape[1] == 1:
        estimator.fit(noisy, clean.ravel())  # a column would be warned of
        return
    try:
        estimator.fit(noisy, clean)
    except Exception as error:  # some libraries have exceptions of their own
        if not _ONE_OUTPUT.search(str(error)) or get_tags(estimator).target_tags.multi_output:
            raise
        raise ValueError(
            f"estimator={shown(estimator)} predicts one output, and must handle several, one for each of the"
            f" {clean.shape[1]} pixels. Wrap it in sklearn.multioutput.MultiOutputRegressor(...), which fits one for"
            " each pixel, or take a regressor of many outputs, such as Ridge()."
        ) from error


def _own(unit, given):
    """A copy where `unit` is what was given: some estimators write on their input, with copy=False."""
    return unit.copy() if np.may_share_memory(unit, given) else unit


class EstimatorDenoiser(BaseDenoiser):
    """Denoise images with an estimator of scikit-learn.

    What has `transform` and `inverse_transform`, a decomposition or a pipeline of them, is fitted on clean rows and
    denoises by ``inverse_transform(transform(X))``: what a few components of clean images cannot say, noise for the
    most part, is lost [1]_. A regressor is fitted on pairs of noisy and clean rows, and denoises by `predict`. Where
    the clean rows come from is settled as in `DenoisingAutoencoder`, and `target_source_` says how.

    Parameters
    ----------
    estimator : estimator object
        A decomposition, such as `PCA`, ``KernelPCA(fit_inverse_transform=True)`` or `NMF`, or a regressor of many
        outputs, such as `Ridge`, `KNeighborsRegressor` or `MLPRegressor`; one of a single output needs a
        ``MultiOutputRegressor`` around it. It sees rows scaled to [0, 1]; its
        parameters can be searched as ``estimator__n_components``. It is cloned, and its own `random_state` is its own.
    noise : str, NoiseInjector or None, default="gaussian"
        Noise to fit a regressor on where rows come clean: a kind's name (at level 0.5), or an injector. None fits it
        on the rows as they are.
    n_draws : int, default=1
        For a regressor whose noise can be drawn: how many noisy copies of the clean rows to fit on. More copies come
        closer to the fresh noise of each epoch that a `DenoisingAutoencoder` sees, for as many times the memory.
    data_range : "auto" or pair of floats, default="auto"
        Darkest and brightest value of clean pixels. "auto" takes the injector's in front, else reads it off the clean
        rows: (0, 255) for uint8, else (0, 1) if they lie in it, else their minimum and maximum.
    random_state : int, RandomState or None, default=None
        Draws the noise. An int draws the same each time.

    Attributes
    ----------
    estimator_ : estimator object
        The fitted estimator, on rows scaled to [0, 1].
    data_range_ : tuple of float
        The range used.
    target_source_ : str
        "X_clean", "y", "injector", "noise" or "identity".
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, where all are strings.

    See Also
    --------
    DenoisingAutoencoder : Learns to denoise with a neural network.
    ImageFilter : The classical filters, which learn no images.

    Notes
    -----
    Results are not clipped to the data range. `NMF` takes no negative values, so it needs noise that is clipped, as
    that of a `NoiseInjector` is by default. Put no scaler of single pixels before a decomposition: dividing by the
    little that a border pixel of clean images varies makes its noise the largest thing in the image.

    References
    ----------
    .. [1] S. Mika, B. Schölkopf, A. Smola, K.-R. Müller, M. Scholz, G. Rätsch, "Kernel PCA and de-noising in feature
       spaces", NIPS 1998.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_denoise import EstimatorDenoiser, NoiseInjector
    >>> from sk_denoise.datasets import load_digit_images
    >>> X, y = load_digit_images()
    >>> noise = NoiseInjector(level=0.3, random_state=0)
    >>> pipe = make_pipeline(noise, EstimatorDenoiser(PCA(16))).fit(X[:1200])
    >>> pipe[-1].target_source_
    'injector'
    >>> pipe.score(X[1200:]) > 14  # dB; the noisy rows have 12
    True
    """

    _parameter_constraints = {
        "estimator": "no_validation",  # _kind says more
        "noise": "no_validation",  # so does check_noise
        "n_draws": [Interval(Integral, 1, 2**31 - 1, closed="both")],
        "data_range": "no_validation",  # and check_data_range
        "random_state": ["random_state"],
    }

    def __init__(self, estimator, *, noise="gaussian", n_draws=1, data_range="auto", random_state=None):
        self.estimator = estimator
        self.noise = noise
        self.n_draws = n_draws
        self.data_range = data_range
        self.random_state = random_state

    _block_values = 1 << 24  # estimators have a cost per call

    def _check_params(self):
        _kind(self.estimator)

    def _learn(self, rows, target, data_range):
        kind, estimator = _kind(self.estimator), clone(self.estimator)
        if kind == "decomposition":
            clean = _own(to_unit(target.clean, data_range), target.clean)
            estimator.fit(clean)
            _check_way_back(estimator, clean[:2])  # SparsePCA cannot transform a single row
        else:
            noisy, clean = _pairs(rows, target, data_range, self.n_draws, self.random_state)
            _fit_regressor(estimator, noisy, clean)
        return {"estimator_": estimator, "_kind": kind}

    def _encode(self, unit):
        try:
            return self.estimator_.transform(unit)
        except ValueError as error:
            if "Negative values" not in str(error):
                raise
            raise ValueError(
                f"estimator={shown(self.estimator)} takes no negative values, and X has some below the data range,"
                f" {self.data_range_}, which is scaled to [0, 1]. Clip them first: np.clip(X, *denoiser.data_range_)."
            ) from error

    def _denoise(self, unit):
        unit = unit.copy()  # some estimators write on their input, with copy=False
        if self._kind == "regressor":
            denoised = self.estimator_.predict(unit)
        else:
            denoised = self.estimator_.inverse_transform(self._encode(unit))
        denoised = np.asarray(denoised)
        if denoised.size != unit.size:
            raise ValueError(
                f"estimator={shown(self.estimator)} must give back rows of the shape it gets, {unit.shape}, got"
                f" {denoised.shape}."
            )
        return denoised.reshape(unit.shape)
