"""`NoiseInjector`, a transformer that adds noise, and `NoisyArray`, noisy rows that keep the clean ones."""

from __future__ import annotations

import copy
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import assert_all_finite, gen_batches
from sklearn.utils.validation import check_is_fitted

from .._core.checks import is_real, likely, sample_rows, shown, warn_user
from .._core.sklearn_glue import (
    StrOptions,
    effective_n_threads,
    keep_on_error,
    output_is_default,
    read_rows,
    validate_function_params,
)
from .._core.units import check_data_range, check_scale, from_unit, resolve_data_range, result_dtype, to_unit
from ._streams import RowStreams, key_multipliers, row_keys
from .kinds import KINDS, PROBABILITY_KINDS, add_noise

__all__ = ["NoiseInjector", "NoisyArray"]

_MAX_LEVEL = 4  # of the data range; larger values are nearly always a sigma in grey values
_BLOCK_VALUES = 1 << 18  # values per block: few enough for the processor's cache, enough to occupy a thread


def check_level(level, kind):
    """Validate `level` for `kind`; return a float or a pair of floats."""
    bounds = tuple(level) if isinstance(level, (tuple, list)) else (level, level)
    highest = 1 if isinstance(kind, str) and kind in PROBABILITY_KINDS else _MAX_LEVEL
    if len(bounds) != 2 or not all(map(is_real, bounds)) or not 0 <= bounds[0] <= bounds[1] <= highest:
        what = "a fraction of the data range: noise of 25 grey values out of 255 is level=25/255"
        raise ValueError(
            f"level must be a number in [0, {highest}] or a pair (low, high) of such numbers for kind={kind!r}, got"
            f" {shown(level)}. It is {'a probability' if highest == 1 else what}."
        )
    return (float(bounds[0]), float(bounds[1])) if isinstance(level, (tuple, list)) else float(level)


def _blocks(shape, kind):
    """Slices of rows; a callable gets all rows at once, and may not be thread-safe."""
    n_rows = _BLOCK_VALUES // shape[1] if isinstance(kind, str) else shape[0]
    return list(gen_batches(shape[0], max(1, n_rows)))


def _random_keys(rng, n_rows):
    return rng.integers(0, 2**64, size=n_rows, dtype=np.uint64)


class NoiseInjector(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Add noise to flattened images, and pass the clean images on to the next step.

    Parameters
    ----------
    kind : str or callable, default="gaussian"
        "gaussian", "uniform", "speckle", "salt_pepper", "masking", "poisson" or "rician" (formulas and sources in
        `sk_denoise.noise.kinds`), or a callable ``(X, level, rng) -> X_noisy`` on rows scaled to [0, 1].
    level : float or pair of floats, default=0.5
        Strength, as a fraction of the data range (a probability for "salt_pepper" and "masking", the relative noise
        at full intensity for "poisson"), so 0.5 is the same noise for images in [0, 1], [0, 16] and [0, 255]. The
        article uses 0.5 [1]_. If a pair ``(low, high)``, a level is drawn for each row, to train denoisers for unknown
        levels.
    when : {"always", "fit", "transform"}, default="always"
        "always" adds noise in `fit_transform` and in `transform`; "fit" only in `fit_transform`, for a pipeline that is
        trained on added noise and applied to rows that are noisy already; "transform" only in `transform`.
    data_range : "auto" or pair of floats, default="auto"
        The darkest and brightest value of clean pixels. "auto" determines it from the rows passed to `fit`: (0, 255)
        for uint8, otherwise (0, 1) if they lie in it, otherwise their minimum and maximum.
    clip : bool, default=True
        Whether to clip noisy values to the data range, as a detector does.
    random_state : int, RandomState or None, default=None
        If an int, the noise of a row depends only on the seed and on the values of the row: it is the same at each
        call, in any order, batch or process. Otherwise noise is drawn anew at each call.

    Attributes
    ----------
    data_range_ : tuple of float
        The range used.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only if all names are strings.

    See Also
    --------
    DenoisingAutoencoder : Learns to remove the noise; as the next step, it is trained on the clean rows.

    Notes
    -----
    If noise was added, the result is a `NoisyArray`, whose `clean` is the target of a `DenoisingAutoencoder` in the
    next step. It is lost in any step in between, and with ``set_output(transform="pandas")``. With ``level=0`` and a
    kind given by name, the result is a plain array, too, and the denoiser is trained with its own `noise`.

    A pipeline cached with ``memory=`` reuses the cached noise, even with ``random_state=None``.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol, "Stacked denoising autoencoders", Journal of
       Machine Learning Research 11, 2010.

    Examples
    --------
    >>> from sk_denoise import NoiseInjector
    >>> from sk_denoise.datasets import load_digit_images
    >>> X, y = load_digit_images()
    >>> noisy = NoiseInjector(level=0.3, random_state=0).fit_transform(X)
    >>> noisy.shape, float(noisy.min()), float(noisy.max())
    ((1797, 64), 0.0, 16.0)
    >>> noisy.clean is X
    True
    """

    _parameter_constraints = {
        "kind": [str, callable],
        "level": "no_validation",  # check_level and check_data_range name a remedy
        "when": [StrOptions({"always", "fit", "transform"})],
        "data_range": "no_validation",
        "clip": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(self, kind="gaussian", level=0.5, *, when="always", data_range="auto", clip=True, random_state=None):
        self.kind = kind
        self.level = level
        self.when = when
        self.data_range = data_range
        self.clip = clip
        self.random_state = random_state

    def _check_params(self):
        """Validate the parameters, including when another estimator uses this injector; return the injector."""
        self._validate_params()
        if isinstance(self.kind, str) and self.kind not in KINDS:
            raise ValueError(f"kind must be a callable (X, level, rng) -> X_noisy or {likely(self.kind, KINDS)}")
        check_level(self.level, self.kind)
        check_data_range(self.data_range)
        return self

    def fit(self, X, y=None):
        """Determine the data range from `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Clean rows, of any real dtype, in any units.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : NoiseInjector
            The fitted injector.
        """
        self._fit(X)
        return self

    def _fit(self, X):
        with keep_on_error(self):
            self._check_params()
            X = read_rows(self, X, reset=True)
            self.data_range_ = resolve_data_range(self.data_range, X)
        return X

    def fit_transform(self, X, y=None):
        """Fit to `X` and return it with noise, or unchanged with ``when="transform"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Clean rows.
        y : object, default=None
            Ignored.

        Returns
        -------
        X_noisy : NoisyArray of shape (n_samples, n_features)
            In the units of `X`; float dtypes kept, integers become float32. A plain array where no noise was added.
        """
        if isinstance(X, NoisyArray):
            warn_user(
                "X comes out of a NoiseInjector, so its noisy rows count as the clean ones of this injector. For two"
                " kinds of noise at once, use one injector, whose kind is a function (X, level, rng) that adds both."
            )
        X = self._fit(X)
        if self.when == "transform":
            return self._plain(X)
        if not output_is_default(self):
            warn_user(
                "set_output hides the clean rows from the step after this NoiseInjector: a DenoisingAutoencoder would"
                " take the noisy rows for clean ones. Use set_output(transform='default') for the injector, or pass the"
                " clean rows as X_clean."
            )
        return self._inject(X)

    def transform(self, X):
        """Return `X` with noise, or unchanged with ``when="fit"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Clean rows.

        Returns
        -------
        X_noisy : NoisyArray of shape (n_samples, n_features)
            In the units of `X`; float dtypes kept, integers become float32. A plain array where no noise was added.
        """
        check_is_fitted(self)
        self._check_params()
        X = read_rows(self, X, reset=False, finite=False)
        check_scale(X, self.data_range_, "X")
        return self._plain(X) if self.when == "fit" else self._inject(X)

    @staticmethod
    def _plain(X):
        assert_all_finite(X, input_name="X")
        return np.array(X, dtype=result_dtype(X.dtype))

    def _inject(self, X):
        level = check_level(self.level, self.kind)
        # Without noise, do not attach the clean rows: joblib hashes the values of arrays, not their attributes.
        if level in (0, (0, 0)) and isinstance(self.kind, str):
            return self._plain(X)
        noisy = np.empty(X.shape, dtype=result_dtype(X.dtype))
        keys_of = self._keys(X.shape)
        check_finite = not get_config()["assume_finite"]  # read here, because threads have their own settings

        def add(blocks):
            streams = RowStreams(by_row=isinstance(self.random_state, Integral))
            for rows in blocks:
                if check_finite:
                    assert_all_finite(X[rows], input_name="X")
                unit = to_unit(X[rows], self.data_range_)
                streams.restart(keys_of(X, rows, streams.buffer))
                out = noisy[rows] if noisy.dtype == unit.dtype else np.empty_like(unit)
                add_noise(unit, self.kind, level, streams, clip=self.clip, out=out)
                from_unit(out, self.data_range_, out=noisy[rows])

        blocks = _blocks(X.shape, self.kind)
        n_threads = min(len(blocks), effective_n_threads())
        if n_threads > 1:
            with ThreadPoolExecutor(n_threads) as pool:
                # Copies of the caller's context hold NumPy's error settings.
                shares = [blocks[i::n_threads] for i in range(n_threads)]
                for done in [pool.submit(copy_context().run, add, share) for share in shares]:
                    done.result()
        else:
            add(blocks)
        return NoisyArray(noisy, np.asarray(X), copy.deepcopy(self))

    def _keys(self, shape):
        """A function that returns the keys of some rows of an array."""
        if isinstance(self.random_state, Integral):
            multipliers = key_multipliers(self.random_state, shape[1])

            def by_content(X, rows, buffer):
                # Scaled in float64, so that equal values give equal keys in any dtype and units.
                X = X[rows] if self.data_range_ == (0, 1) else X[rows].astype(np.float64)
                return row_keys(to_unit(X, self.data_range_), multipliers, buffer)

            return by_content
        seed = None if self.random_state is None else self.random_state.randint(0, 2**31, size=4)
        keys = _random_keys(np.random.default_rng(seed), shape[0])
        return lambda X, rows, buffer: keys[rows]

    def _redraw(self, unit, rng):
        """Add new noise, drawn from a Generator, to rows scaled to [0, 1]; denoisers call it in each epoch."""
        self._check_params()
        level = check_level(self.level, self.kind)
        keys, noisy = _random_keys(rng, len(unit)), np.empty_like(unit)
        streams = RowStreams(by_row=False)
        for rows in _blocks(unit.shape, self.kind):
            streams.restart(keys[rows])
            add_noise(unit[rows], self.kind, level, streams, clip=self.clip, out=noisy[rows])
        return noisy

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = not isinstance(self.random_state, Integral)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _digest_of(rows):
    """A number that changes if some rows, spread over all, change."""
    return zlib.crc32(np.ascontiguousarray(sample_rows(rows)).view(np.uint8))


class NoisyArray(np.ndarray):
    """Noisy rows that keep the clean rows for the next step of a pipeline.

    In every other respect it is an ordinary ndarray. The two attributes are None in slices, copies, casts and results
    of arithmetic, whose rows may differ from the clean ones; a denoiser warns of those. Pickles keep the attributes.

    Attributes
    ----------
    clean : ndarray of shape (n_samples, n_features) or None
        The rows before noise: the array itself, not a copy. A fit raises if it has been written on since.
    injector : NoiseInjector or None
        A copy of the transformer that added the noise, as it was then.
    """

    @validate_function_params({"noisy": [np.ndarray], "clean": [np.ndarray], "injector": [NoiseInjector]})
    def __new__(cls, noisy, clean, injector):
        if noisy.shape != clean.shape:
            raise ValueError(f"clean must have the shape of noisy, {noisy.shape}, got {clean.shape}.")
        self = np.asarray(noisy).view(cls)
        self.clean, self.injector, self._digest = clean, injector, _digest_of(clean)
        return self

    def _check_unchanged(self):
        """Raise if the clean rows, which are a reference, have been written on since."""
        if _digest_of(self.clean) != self._digest:
            raise ValueError(
                "X carries clean rows that have changed since noise was added to them, as by X /= 255 in place. Change"
                " the rows first and add noise then, or pass the clean rows as X_clean."
            )

    def __array_finalize__(self, source):
        self.clean = self.injector = self._digest = None

    def __array_wrap__(self, array, context=None, return_scalar=False):
        # Rows without their source, of which denoisers warn; anything else is a plain scalar or array.
        if return_scalar:
            return array[()]
        return np.asarray(array).view(NoisyArray if array.shape == self.shape else np.ndarray)

    def __reduce__(self):
        rebuild, arguments, state = super().__reduce__()
        return rebuild, arguments, (state, self.clean, self.injector, self._digest)

    def __setstate__(self, state):
        state, self.clean, self.injector, self._digest = state
        super().__setstate__(state)
