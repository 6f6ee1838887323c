"""`BaseDenoiser`, the base class of all denoisers: units, target rule, scores, and recovery from failed fits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import check_is_fitted

from .._core.checks import warn_user
from .._core.dask_arrays import is_dask_array
from .._core.shapes import check_image_shape
from .._core.sklearn_glue import check_output_is_default, fit_context, frozen, keep_on_error, read_rows
from .._core.units import (
    check_data_range,
    check_in_range,
    check_scale,
    from_unit,
    result_dtype,
    to_network,
    units_unchecked,
)
from ..metrics import psnr
from ..noise import NoiseEstimate
from ._batches import over_batches
from ._patches import Tiling
from ._targets import (
    UNKNOWN,
    check_noise,
    find_noisy_target,
    find_target,
    refuse_noisy_images,
    resolve_range,
    scoring_noise,
    trained_noise,
)


def _check_units(rows, target, data_range):
    """Warn once if the rows, or their clean rows, are in other units than `data_range`."""
    pairs = target.source in ("X_clean", "y")
    if not (pairs and check_scale(target.clean, data_range, target.source)):
        check_scale(rows, data_range, "X", target.clean if pairs else None)


class BaseDenoiser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base class of denoisers, which implement `_learn` on rows in the user's units and `_denoise` on scaled rows."""

    _block_values = 1 << 18  # values per block, so that temporary arrays stay small
    _draws_patches = False  # whether fitting on images draws patches anew in each epoch

    def _learn(self, rows, target, data_range):
        """Learn from validated rows in the user's units; return the fitted attributes as a dict."""
        raise NotImplementedError

    def _denoise(self, unit):
        """Denoise rows scaled to [0, 1]; return an array of the same shape."""
        raise NotImplementedError

    def _check_params(self):
        """Check parameters beyond what `_parameter_constraints` can express."""

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, X_clean=None):
        """Fit the denoiser.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Noisy or clean rows (see the description of the class), of any real dtype, in any units.
        y : array-like, default=None
            Clean rows, if numeric and of the shape of `X`; otherwise labels, which are ignored.
        X_clean : array-like of shape (n_samples, n_features), default=None
            Clean rows; the pairs are used as given.

        Returns
        -------
        self : object
            The fitted denoiser.

        Raises
        ------
        ValueError, TypeError
            If the input is invalid; the message names the argument. A fit that fails or is interrupted leaves the
            denoiser as it was.
        """
        return self._fit(X, y, X_clean)

    def _fit(self, X, y, X_clean, *, data_range=None, known_noise=None, image_shape=None, reset=True, **options):
        """Fit. `data_range` and `known_noise` are from a fit that this one continues, `image_shape` is of patches."""
        with keep_on_error(self):
            self._check_params()
            own = check_data_range(self.data_range)
            noise = self._own_noise()
            if not isinstance(noise, NoiseEstimate):  # which may be unclear, if a blind spot does not need it
                check_noise(noise)
            rows = self._read_rows(X, reset=reset)
            if data_range is None or own not in ("auto", data_range):
                known_noise = None  # whose level is in other units
            target = self._find_target(X, rows, y, X_clean, noise, image_shape, known_noise)
            if own != "auto" or data_range is None:
                data_range = resolve_range(own, target, rows)
            if target.clean is not None and not target.is_noisy:
                check_in_range(target.clean, data_range, target.source if target.source in ("X_clean", "y") else "X")
            _check_units(rows, target, data_range)
            fitted = self._learn(rows, target, data_range, **options)
            fitted = {"noise_": trained_noise(target, data_range)} | fitted  # filters have their own
            fitted |= {"data_range_": data_range, "target_source_": target.source}
            fitted["_estimated_noise"] = fitted["noise_"] if target.noise_is_estimated else None
            # In one step, so that a second interrupt cannot leave it half done.
            self.__dict__ = vars(self) | fitted | {"_noise": scoring_noise(target, data_range)}
        return self

    def _read_rows(self, X, *, reset=False):
        refuse_noisy_images(X, self)
        return read_rows(self, X, reset=reset)

    def _find_target(self, X, rows, y, X_clean, noise, image_shape, known_noise):
        mode = getattr(self, "self_supervised", None)
        if mode is None:
            return find_target(X, rows, y, X_clean, noise)
        given = image_shape or getattr(self, "image_shape", None) or getattr(noise, "image_shape", None)
        image_shape = check_image_shape(given, rows.shape[1], len(rows))
        return find_noisy_target(X, rows, y, X_clean, noise, mode, image_shape, self.data_range, known_noise)

    def _own_noise(self):
        return getattr(self, "noise", UNKNOWN)

    def transform(self, X):
        """Denoise rows.

        Parameters
        ----------
        X : array-like or dask array of shape (n_samples, n_features), or an iterator of array-likes
            Noisy rows, in the units of the rows seen during `fit`.

        Returns
        -------
        X_denoised : ndarray or dask array of shape (n_samples, n_features), or an iterator of ndarrays
            Denoised rows in the same units. Float dtypes are kept; integers become float32, clipped to `data_range_`.
            For a dask array or an iterator, the result is computed on demand, chunk by chunk.

        Raises
        ------
        ValueError, TypeError
            If `X` is not a 2-D array of finite real numbers with the features seen during `fit`, or if a value is too
            far outside the data range.
        """
        self._refuse_frames(X)
        return self.predict(X)

    def predict(self, X):
        """Denoise rows; same as `transform`, unless that returns codes.

        Parameters
        ----------
        X : array-like or dask array of shape (n_samples, n_features), or an iterator of array-likes
            Noisy rows, in the units of the rows seen during `fit`.

        Returns
        -------
        X_denoised : ndarray or dask array of shape (n_samples, n_features), or an iterator of ndarrays
            Denoised rows in the same units. Float dtypes are kept; integers become float32, clipped to `data_range_`.
            For a dask array or an iterator, the result is computed on demand, chunk by chunk.

        Raises
        ------
        ValueError, TypeError
            If `X` is not a 2-D array of finite real numbers with the features seen during `fit`, or if a value is too
            far outside the data range.
        """
        check_is_fitted(self)
        lazily = self._by_parts("predict", X, self.n_features_in_, self.n_features_in_)
        if lazily is not None:
            return lazily
        rows = self._read_rows(X)
        check_scale(rows, self.data_range_, "X")
        return self._restore_in_range(rows)

    def _by_parts(self, method, X, n_features, n_outputs, name="X"):
        """Apply a method to a dask array or an iterator of batches, lazily; None if `X` is neither."""
        if is_dask_array(X):
            from ._dask import transform_lazily  # here, because dask is optional

            return transform_lazily(frozen(self), method, X, n_features, n_outputs, name)
        if isinstance(X, Iterator):
            return over_batches(getattr(frozen(self), method), enumerate(zip(X)), name)
        return None

    def _refuse_frames(self, X):
        """Raise if `set_output` asks for data frames, which would load a dask array or exhaust an iterator."""
        if is_dask_array(X) or isinstance(X, Iterator):
            check_output_is_default(self, X)

    def _restore_in_range(self, rows):
        """Denoise validated rows; the result for integers is clipped, so that it can be cast back without wrapping."""
        denoised = self._restore(rows)
        return np.clip(denoised, *self.data_range_, out=denoised) if rows.dtype.kind in "biu" else denoised

    def _restore(self, rows):
        """Denoise validated rows."""
        return self._in_blocks(rows, self._denoise, self.n_features_in_)

    def _tiling(self):
        """Say how images of any size are denoised."""
        return Tiling(any_size=False)

    def _fit_patches(self, X, X_clean, patches):
        """Fit on patches of images: on the rows `X`, unless patches can be drawn anew in each epoch."""
        self._validate_params()
        return self._fit(X, None, X_clean, image_shape=patches[0].image_shape)

    def _restore_images(self, images):
        """Denoise images of shape (n, height, width, channels) in user units, of a size that `_tiling` allows."""
        unit = to_network(images, self.data_range_, "images", dtype=None)
        out = np.empty(images.shape, dtype=result_dtype(images.dtype))
        from_unit(self._denoise_images(unit), self.data_range_, out=out)
        return np.clip(out, *self.data_range_, out=out) if images.dtype.kind in "biu" else out

    def _denoise_images(self, unit):
        """Denoise images scaled to [0, 1]."""
        return self._denoise(unit.reshape(len(unit), -1)).reshape(unit.shape)

    def _in_blocks(self, X, function, n_outputs, *, scale=(True, True), name="X", dtype=None, block_rows=None):
        """Apply `function` to blocks of rows; `scale` says whether its input and its output are scaled to [0, 1]."""
        before, after = (self.data_range_ if scaled else (0.0, 1.0) for scaled in scale)
        hint = {} if scale[0] else {"hint": "scale the codes down"}
        out = np.empty((len(X), n_outputs), dtype=result_dtype(X.dtype))
        step = block_rows or max(1, self._block_values // X.shape[1])
        for start in range(0, len(X), step):  # without gen_batches, whose argument checks slow down single rows
            rows = slice(start, start + step)
            unit = to_network(X[rows], before, name, dtype=dtype, **hint)
            from_unit(function(unit), after, out=out[rows])
        return out

    def score(self, X, y=None, *, X_clean=None, sample_weight=None):
        """PSNR in dB of denoised rows with respect to the clean ones, pooled over all rows; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows: noisy if given with `X_clean`, with a `y` of the shape of `X`, or directly from a `NoiseInjector`.
            Otherwise they are taken as clean, and the noise used in `fit` is added, with a fixed seed.
        y : array-like, default=None
            Clean rows, if numeric and of the shape of `X`; anything else is ignored.
        X_clean : array-like of shape (n_samples, n_features), default=None
            Clean rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the pooled error.

        Returns
        -------
        score : float
            PSNR over all pixels of all rows, with the width of `data_range_` as the peak. NaN, with an
            `UndefinedMetricWarning`, if no clean rows are known, for example for plain rows after a fit on pairs:
            comparing rows with themselves would reward doing nothing, and other noise would measure something else.
        """
        check_is_fitted(self)
        rows = self._read_rows(X)
        target = find_target(X, rows, y, X_clean, UNKNOWN)
        clean = target.clean
        if target.source == "none" and self._noise is not None:
            clean, rows = rows, np.asarray(self._noise.fit_transform(rows))
        if clean is None:
            # Not an error, because scikit-learn's checks and searches score anything that can be fitted.
            warn_user(
                "score requires clean rows to compare with, but X carries none, so the score is NaN. Pass the clean"
                " rows as y (also in a search) or as X_clean=, or put a NoiseInjector before the denoiser. To compare"
                " denoisers without clean rows, use sk_denoise.evaluation.sure_score.",
                UndefinedMetricWarning,
            )
            return float("nan")
        _check_units(rows, target, self.data_range_)
        with units_unchecked():
            return psnr(clean, self._restore_in_range(rows), data_range=self.data_range_, sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
