"""`EstimatorDenoiser`, which turns scikit-learn estimators into denoisers."""

from __future__ import annotations

import re
from numbers import Integral

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state, get_tags

from .._core.checks import is_integer, shown
from .._core.shapes import check_image_shape
from .._core.sklearn_glue import Interval, StrOptions
from .._core.units import to_unit
from ._base import BaseDenoiser
from ._targets import pairing

__all__ = ["EstimatorDenoiser"]


_MODES = ("recorrupted", "noise2noise")  # of self-supervision; regressors cannot be fitted to missing values
_ONE_OUTPUT = re.compile(r"1-?d\b|one-dimensional|1-dimensional|dimension|multi|bad input shape|shape of y", re.I)


def _kind(estimator):
    """Return "regressor" or "decomposition", or raise a TypeError for any other estimator."""
    if hasattr(estimator, "fit") and not isinstance(estimator, type):
        if is_regressor(estimator):
            return "regressor"
        if hasattr(estimator, "transform") and hasattr(estimator, "inverse_transform"):
            return "decomposition"
    raise TypeError(
        "estimator must be a regressor, such as Ridge() or MLPRegressor(), or have transform and inverse_transform,"
        f" such as PCA(64) or NMF(64), got {shown(estimator)}."
    )


def _check_inverse(estimator, rows):
    """Raise in `fit`, rather than later, if the inverse transform is not fitted, such as in KernelPCA by default."""
    try:
        estimator.inverse_transform(estimator.transform(rows))
    except NotFittedError as error:
        raise ValueError(
            f"estimator={estimator!r} has no usable inverse_transform. For KernelPCA, set fit_inverse_transform=True."
        ) from error


def _pairs(rows, target, data_range, n_draws, random_state):
    """Return noisy and clean rows, scaled to [0, 1], on which to fit a regressor, according to `target`."""
    clean = to_unit(target.clean, data_range)
    shape = check_image_shape(getattr(target.noise, "image_shape", None), clean.shape[1])
    pair = pairing(target, data_range, shape)
    if pair is None:
        return _copy_if_shared(to_unit(rows, data_range), rows), _copy_if_shared(clean, target.clean)
    seed = random_state if is_integer(random_state) else check_random_state(random_state).randint(2**31 - 1)
    rng = np.random.default_rng(seed)
    return tuple(map(np.concatenate, zip(*(pair(clean, rng) for _ in range(n_draws)))))


def _fit_regressor(estimator, noisy, clean):
    """Fit a regressor, with a clear error if it does not support multiple outputs."""
    if clean.shape[1] == 1:
        estimator.fit(noisy, clean.ravel())  # scikit-learn warns about column vectors
        return
    try:
        estimator.fit(noisy, clean)
    except Exception as error:  # other libraries raise their own exceptions
        if not _ONE_OUTPUT.search(str(error)) or get_tags(estimator).target_tags.multi_output:
            raise
        raise ValueError(
            f"estimator={shown(estimator)} predicts a single output, but must predict several, one for each of the"
            f" {clean.shape[1]} pixels. Wrap it in sklearn.multioutput.MultiOutputRegressor(...), which fits one for"
            " each pixel, or use a regressor that supports multiple outputs, such as Ridge()."
        ) from error


def _copy_if_shared(unit, given):
    """Copy `unit` if it shares memory with `given`, because some estimators modify or keep their input."""
    return unit.copy() if np.may_share_memory(unit, given) else unit


class EstimatorDenoiser(BaseDenoiser):
    """Denoise images with a scikit-learn estimator.

    An estimator with `transform` and `inverse_transform`, such as a decomposition or a pipeline of decompositions, is
    fitted on clean rows and denoises by ``inverse_transform(transform(X))``: whatever cannot be expressed by a few
    components of clean images, mostly noise, is removed [1]_. A regressor is fitted on pairs of noisy and clean rows,
    and denoises by `predict`. The clean rows are determined as in `DenoisingAutoencoder`, and `target_source_` reports
    the outcome.

    Parameters
    ----------
    estimator : estimator object
        A decomposition, such as `PCA`, ``KernelPCA(fit_inverse_transform=True)`` or `NMF`, or a regressor that supports
        multiple outputs, such as `Ridge`, `KNeighborsRegressor` or `MLPRegressor`; wrap one that does not in a
        `MultiOutputRegressor`. It is cloned and fitted on rows scaled to [0, 1]. Its parameters can be searched, for
        example as ``estimator__n_components``; its `random_state` is not set.
    noise : str, NoiseInjector, NoiseEstimate or None, default="auto"
        Noise to fit a regressor on if the rows are clean: the name of a kind (at level 0.5), an estimate, or an
        injector. "auto" is Gaussian noise of level 0.5. If None, the regressor is fitted on the rows as they are. With
        `self_supervised`, it is the noise that the rows have, as in `DenoisingAutoencoder`.
    self_supervised : {None, "recorrupted", "noise2noise"}, default=None
        How to fit a regressor on noisy images without clean ones, as in `DenoisingAutoencoder`. There is no
        "blind_spot", because regressors cannot be fitted to targets with missing values. Decompositions are fitted on
        the rows themselves, so they need None, and ``noise=None`` for noisy rows.
    n_draws : int, default=1
        Number of noisy copies of the clean rows on which to fit a regressor, if the noise can be drawn. More copies
        approximate noise that is redrawn each epoch, as in `DenoisingAutoencoder`, but take proportionally more memory.
    data_range : "auto" or pair of floats, default="auto"
        Darkest and brightest value of clean pixels. "auto" uses the range of the preceding injector, or else determines
        it from the clean rows: (0, 255) for uint8, otherwise (0, 1) if they lie in it, otherwise their minimum and
        maximum.
    random_state : int, RandomState or None, default=None
        Seeds the noise. Pass an int for the same noise at each fit.

    Attributes
    ----------
    estimator_ : estimator object
        The fitted estimator, on rows scaled to [0, 1].
    data_range_ : tuple of float
        The data range used, ``(low, high)``.
    target_source_ : str
        Source of the clean rows: "X_clean", "y", "injector", "noise" or "identity"; or the mode of `self_supervised`.
    noise_ : NoiseInjector or None
        The noise on which a regressor was fitted; None for pairs, and without noise.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only if all names are strings.

    See Also
    --------
    DenoisingAutoencoder : Learns to denoise with a neural network.
    ImageFilter : Classical filters, which do not learn from images.

    Notes
    -----
    Results are not clipped to the data range. `NMF` does not accept negative values, so it requires clipped noise, as
    added by `NoiseInjector` by default. Do not scale pixels individually before a decomposition: pixels at the border
    of clean images hardly vary, and dividing by their small standard deviation amplifies their noise.

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
        "estimator": "no_validation",  # _kind has better messages
        "noise": "no_validation",  # check_noise has better messages
        "self_supervised": [StrOptions(set(_MODES)), None],
        "n_draws": [Interval(Integral, 1, 2**31 - 1, closed="both")],
        "data_range": "no_validation",  # check_data_range has better messages
        "random_state": ["random_state"],
    }

    def __init__(
        self, estimator, *, noise="auto", self_supervised=None, n_draws=1, data_range="auto", random_state=None
    ):
        self.estimator = estimator
        self.noise = noise
        self.self_supervised = self_supervised
        self.n_draws = n_draws
        self.data_range = data_range
        self.random_state = random_state

    _block_values = 1 << 24  # values per block; larger, because each call of an estimator has a fixed cost

    def _check_params(self):
        if _kind(self.estimator) == "decomposition" and self.self_supervised is not None:
            raise ValueError(
                f"self_supervised must be None for a decomposition, which is fitted on the rows as they are, got"
                f" {self.self_supervised!r}. Use a regressor, such as Ridge()."
            )

    def _learn(self, rows, target, data_range):
        kind, estimator = _kind(self.estimator), clone(self.estimator)
        if kind == "decomposition":
            clean = _copy_if_shared(to_unit(target.clean, data_range), target.clean)
            estimator.fit(clean)
            _check_inverse(estimator, clean[:2])  # SparsePCA cannot transform a single row
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
                f"estimator={shown(self.estimator)} does not accept negative values, but X has values below the"
                f" data range, {self.data_range_}, which is scaled to [0, 1]. Clip them first:"
                " np.clip(X, *denoiser.data_range_)."
            ) from error

    def _denoise(self, unit):
        unit = unit.copy()  # estimators with copy=False modify their input
        if self._kind == "regressor":
            denoised = self.estimator_.predict(unit)
        else:
            denoised = self.estimator_.inverse_transform(self._encode(unit))
        denoised = np.asarray(denoised)
        if denoised.size != unit.size:
            raise ValueError(
                f"estimator={shown(self.estimator)} must return an array of the shape of its input, {unit.shape}, got"
                f" {denoised.shape}."
            )
        return denoised.reshape(unit.shape)
