"""`NoiseInjector`, a transformer that adds noise, and `NoisyArray`, noisy rows that keep the clean ones."""

from __future__ import annotations

import copy
import math
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from numbers import Integral, Real

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import assert_all_finite, gen_batches
from sklearn.utils.validation import check_is_fitted

from .._core.checks import likely, sample_rows, warn_user
from .._core.shapes import check_image_shape
from .._core.sklearn_glue import (
    Interval,
    StrOptions,
    effective_n_threads,
    keep_on_error,
    output_is_default,
    read_rows,
    validate_function_params,
)
from .._core.units import check_data_range, check_scale, from_unit, resolve_data_range, result_dtype, to_unit
from ._params import MAX_LEVEL, check_blur, check_level
from ._streams import BlurredNormals, RowStreams, key_multipliers, row_keys
from .kinds import KINDS, NORMAL_KINDS, add_noise

__all__ = ["NoiseInjector", "NoisyArray"]

_BLOCK_VALUES = 1 << 18  # values per block: few enough for the processor's cache, enough to occupy a thread


def _blocks(shape, kind):
    """Return slices of rows; a callable gets all rows at once, because it may not be thread-safe."""
    n_rows = _BLOCK_VALUES // shape[1] if isinstance(kind, str) else shape[0]
    return list(gen_batches(shape[0], max(1, n_rows)))


def _random_keys(rng, n_rows):
    return rng.integers(0, 2**64, size=n_rows, dtype=np.uint64)


class NoiseInjector(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Add noise to flattened images, and pass the clean images on to the next step.

    The noisy and clean rows serve to train a denoiser, such as a denoising autoencoder [1]_.

    Parameters
    ----------
    kind : str or callable, default="gaussian"
        "gaussian", "uniform", "speckle", "salt_pepper", "masking", "poisson", "poisson_gaussian" or "rician" (formulas
        and sources in `sk_denoise.noise.kinds`), or a callable ``(X, level, rng) -> X_noisy`` on rows scaled to [0, 1].
    level : float or pair of floats, default=0.5
        Strength, as a fraction of the data range, so 0.5 is the same noise for images in [0, 1], [0, 16] and [0, 255].
        It is a probability for "salt_pepper" and "masking", and the relative noise at full intensity for "poisson" and
        "poisson_gaussian", whose gain is ``level ** 2``. The default is that of the article reproduced in
        ``examples/plot_article.py``. If a pair ``(low, high)``, a level is drawn for each row, to train denoisers for
        unknown levels.
    read_noise : float, default=0
        For "poisson_gaussian": standard deviation of the electronic noise, as a fraction of the data range.
    blur : float or pair of floats, default=0
        For "gaussian", "speckle" and "rician": standard deviation, in pixels, of a Gaussian by which the noise is
        blurred, one number or ``(vertical, horizontal)``. Its strength stays the same, but neighbouring pixels are
        correlated, as in most scans and after any interpolation. The correlation of neighbours is about
        ``exp(-1 / (4 * blur ** 2))``.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the image in a row, used by `blur`. If None, rows are
        read as square greyscale images.
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
        The data range used, ``(low, high)``.
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
    kind given by name, the result is also a plain array, and the denoiser is trained with its own `noise`.

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
        "level": "no_validation",  # these have checks that name a remedy
        "read_noise": [Interval(Real, 0, MAX_LEVEL, closed="both")],
        "blur": "no_validation",
        "image_shape": [tuple, list, None],
        "when": [StrOptions({"always", "fit", "transform"})],
        "data_range": "no_validation",
        "clip": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        kind="gaussian",
        level=0.5,
        *,
        read_noise=0.0,
        blur=0.0,
        image_shape=None,
        when="always",
        data_range="auto",
        clip=True,
        random_state=None,
    ):
        self.kind = kind
        self.level = level
        self.read_noise = read_noise
        self.blur = blur
        self.image_shape = image_shape
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
        if self.read_noise and self.kind != "poisson_gaussian":
            raise ValueError(
                f"read_noise must be 0 for kind={self.kind!r}, got {self.read_noise!r}. Use kind='poisson_gaussian' for"
                " photon counting with electronic noise."
            )
        if any(check_blur(self.blur)) and self.kind not in NORMAL_KINDS:
            raise ValueError(f"blur must be 0 unless kind is one of {NORMAL_KINDS}, got blur={self.blur!r}.")
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

        Raises
        ------
        ValueError, TypeError
            If a parameter is invalid, or if `X` is not a 2-D array of finite real numbers.
        """
        self._fit(X)
        return self

    def _fit(self, X):
        with keep_on_error(self):
            self._check_params()
            X = read_rows(self, X, reset=True)
            self._source(None, X.shape[1])
            self.data_range_ = resolve_data_range(self.data_range, X)
        return X

    def _source(self, streams, n_features):
        """Return the source of random numbers for rows: `streams`, or correlated ones."""
        blur = check_blur(self.blur)
        if not any(blur):
            return streams
        if self.image_shape is None and math.isqrt(n_features) ** 2 != n_features:
            raise ValueError(
                f"image_shape must be (height, width) or (height, width, channels) to blur noise of {n_features}"
                " features, which do not form a square image, got None."
            )
        return BlurredNormals(streams, blur, check_image_shape(self.image_shape, n_features))

    @property
    def _options(self):
        return {"read_noise": self.read_noise} if self.kind == "poisson_gaussian" else {}

    def fit_transform(self, X, y=None):
        """Fit to `X` and return it with noise, or unchanged with ``when="transform"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Clean rows, of any real dtype, in any units.
        y : object, default=None
            Ignored.

        Returns
        -------
        X_noisy : NoisyArray of shape (n_samples, n_features)
            Noisy rows in the units of `X`. Float dtypes are kept, integers become float32. A plain array if no noise
            was added.

        Raises
        ------
        ValueError, TypeError
            If a parameter is invalid, or if `X` is not a 2-D array of finite real numbers.
        """
        if isinstance(X, NoisyArray):
            warn_user(
                "X is the output of a NoiseInjector, so this injector treats noisy rows as clean. To add two kinds"
                " of noise, use one injector whose kind is a function (X, level, rng) that adds both."
            )
        X = self._fit(X)
        if self.when == "transform":
            return self._plain(X)
        if not output_is_default(self):
            warn_user(
                "set_output hides the clean rows from the next step: a DenoisingAutoencoder would take the noisy rows"
                " as clean. Use set_output(transform='default') on the NoiseInjector, or pass the clean rows as"
                " X_clean."
            )
        return self._inject(X)

    def transform(self, X):
        """Return `X` with noise, or unchanged with ``when="fit"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Clean rows, in the units of the rows seen during `fit`.

        Returns
        -------
        X_noisy : NoisyArray of shape (n_samples, n_features)
            Noisy rows in the units of `X`. Float dtypes are kept, integers become float32. A plain array if no noise
            was added.

        Raises
        ------
        ValueError, TypeError
            If a parameter is invalid, or if `X` is not a 2-D array of finite real numbers.
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
        # Without noise, do not attach the clean rows: joblib hashes the values of arrays, but not their attributes, so
        # a pipeline with memory= could not tell the result from equal rows without clean ones.
        if level in (0, (0, 0)) and not self.read_noise and isinstance(self.kind, str):
            return self._plain(X)
        noisy = np.empty(X.shape, dtype=result_dtype(X.dtype))
        keys_of = self._keys(X.shape)
        check_finite = not get_config()["assume_finite"]  # read here, because scikit-learn's settings are per thread

        def add(blocks):
            streams = RowStreams(by_row=isinstance(self.random_state, Integral))
            source = self._source(streams, X.shape[1])
            for rows in blocks:
                if check_finite:
                    assert_all_finite(X[rows], input_name="X")
                unit = to_unit(X[rows], self.data_range_)
                streams.restart(keys_of(X, rows, streams.buffer))
                out = noisy[rows] if noisy.dtype == unit.dtype else np.empty_like(unit)
                add_noise(unit, self.kind, level, source, clip=self.clip, out=out, **self._options)
                from_unit(out, self.data_range_, out=noisy[rows])

        blocks = _blocks(X.shape, self.kind)
        n_threads = min(len(blocks), effective_n_threads())
        if n_threads > 1:
            with ThreadPoolExecutor(n_threads) as pool:
                # The caller's context holds NumPy's error settings, so each thread gets a copy of it.
                shares = [blocks[i::n_threads] for i in range(n_threads)]
                for future in [pool.submit(copy_context().run, add, share) for share in shares]:
                    future.result()
        else:
            add(blocks)
        return NoisyArray(noisy, np.asarray(X), copy.deepcopy(self))

    def _keys(self, shape):
        """Return a function that computes the keys of a slice of rows."""
        if isinstance(self.random_state, Integral):
            multipliers = key_multipliers(self.random_state, shape[1])

            def by_content(X, rows, buffer):
                # Scale in float64, so that equal values give equal keys in any dtype and units.
                X = X[rows] if self.data_range_ == (0, 1) else X[rows].astype(np.float64)
                return row_keys(to_unit(X, self.data_range_), multipliers, buffer)

            return by_content
        seed = None if self.random_state is None else self.random_state.randint(0, 2**31, size=4)
        keys = _random_keys(np.random.default_rng(seed), shape[0])
        return lambda X, rows, buffer: keys[rows]

    def _redraw(self, unit, rng):
        """Add new noise, drawn from a Generator, to rows scaled to [0, 1]; called by denoisers in each epoch."""
        self._check_params()
        level = check_level(self.level, self.kind)
        keys, noisy = _random_keys(rng, len(unit)), np.empty_like(unit)
        streams = RowStreams(by_row=False)
        source = self._source(streams, unit.shape[1])
        for rows in _blocks(unit.shape, self.kind):
            streams.restart(keys[rows])
            add_noise(unit[rows], self.kind, level, source, clip=self.clip, out=noisy[rows], **self._options)
        return noisy

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = not isinstance(self.random_state, Integral)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _digest_of(rows):
    """Return a checksum of at most 64 rows, spread over the array, by which to detect modifications."""
    return zlib.crc32(np.ascontiguousarray(sample_rows(rows)).view(np.uint8))


class NoisyArray(np.ndarray):
    """Noisy rows that keep the clean rows for the next step of a pipeline.

    In every other respect, it is an ordinary ndarray. Both attributes are None in slices, copies, casts and results of
    arithmetic, because their rows may no longer match the clean ones; denoisers warn about such arrays. Pickling keeps
    the attributes.

    Attributes
    ----------
    clean : ndarray of shape (n_samples, n_features) or None
        The rows before noise was added; not a copy. `fit` raises an error if they have been modified since.
    injector : NoiseInjector or None
        A copy of the transformer that added the noise, as it was at that time.
    """

    @validate_function_params({"noisy": [np.ndarray], "clean": [np.ndarray], "injector": [NoiseInjector]})
    def __new__(cls, noisy, clean, injector):
        if noisy.shape != clean.shape:
            raise ValueError(f"clean must have the shape of noisy, {noisy.shape}, got {clean.shape}.")
        self = np.asarray(noisy).view(cls)
        self.clean, self.injector, self._digest = clean, injector, _digest_of(clean)
        return self

    def _check_unchanged(self):
        """Raise if the clean rows, which are not a copy, have been modified since noise was added."""
        if _digest_of(self.clean) != self._digest:
            raise ValueError(
                "X carries clean rows that have changed since noise was added, for example by an in-place operation"
                " such as X /= 255. Modify the rows before adding noise, or pass the clean rows as X_clean."
            )

    def __array_finalize__(self, source):
        self.clean = self.injector = self._digest = None

    def __array_wrap__(self, array, context=None, return_scalar=False):
        # Results of the same shape stay NoisyArrays without clean rows, about which denoisers warn.
        if return_scalar:
            return array[()]
        return np.asarray(array).view(NoisyArray if array.shape == self.shape else np.ndarray)

    def __reduce__(self):
        rebuild, arguments, state = super().__reduce__()
        return rebuild, arguments, (state, self.clean, self.injector, self._digest)

    def __setstate__(self, state):
        state, self.clean, self.injector, self._digest = state
        super().__setstate__(state)
