"""`NoiseInjector`, a transformer that adds noise to rows and to images."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._core.checks import likely, warn_user
from .._core.dask_arrays import is_dask_array
from .._core.shapes import read_layout
from .._core.sklearn_glue import Interval, StrOptions, check_output_is_default, keep_on_error, output_is_default
from .._core.units import check_data_range, check_images_scale, check_scale, resolve_data_range, result_dtype
from ._drawing import draw_noise, noise_options, noise_source, random_keys, split
from ._inputs import is_fitted_on_images, read_given
from ._noisy import NoisyArray, NoisyImages
from ._params import MAX_LEVEL, check_blur, check_level
from ._streams import RowStreams
from .kinds import KINDS, NORMAL_KINDS, add_noise

__all__ = ["NoiseInjector"]


def _has_feature_names(injector):
    """Return True, or raise if `injector` was fitted on images."""
    if is_fitted_on_images(injector):
        raise AttributeError("A NoiseInjector fitted on images has no feature names, because images differ in size.")
    return True


class NoiseInjector(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Add noise to rows or to images of any size, and pass the clean ones on to the next step.

    The noisy and clean rows serve to train a denoiser, such as a denoising autoencoder [1]_.

    A 2-D array holds rows, one flattened image per row. A stack (n, height, width), or a list of arrays of any sizes,
    holds images. Pass a single grey image as ``[image]`` or ``image[np.newaxis]``. In a 2-D array, each line would be a
    row, and identical lines would get identical noise if `random_state` is an int.

    Parameters
    ----------
    kind : str or callable, default="gaussian"
        "gaussian", "uniform", "speckle", "salt_pepper", "masking", "poisson", "poisson_gaussian" or "rician" (formulas
        and sources in `sk_denoise.noise.kinds`), or a callable ``(X, level, rng) -> X_noisy`` on rows scaled to [0, 1].
        A callable gets each image as one row.
    level : float or pair of floats, default=0.5
        Strength, as a fraction of the data range, so 0.5 is the same noise for images in [0, 1], [0, 16] and [0, 255].
        It is a probability for "salt_pepper" and "masking", and the relative noise at full intensity for "poisson" and
        "poisson_gaussian", whose gain is ``level ** 2``. The default is that of the article reproduced in
        ``examples/plot_article.py``. If a pair ``(low, high)``, a level is drawn for each row or image, to train
        denoisers for unknown levels.
    read_noise : float, default=0
        For "poisson_gaussian": standard deviation of the electronic noise, as a fraction of the data range.
    blur : float or pair of floats, default=0
        For "gaussian", "speckle" and "rician": standard deviation, in pixels, of a Gaussian by which the noise is
        blurred, one number or ``(vertical, horizontal)``. Its strength stays the same, but neighbouring pixels are
        correlated, as in most scans and after any interpolation. The correlation of neighbours is about
        ``exp(-1 / (4 * blur ** 2))``.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the image in a row, used by `blur`. If None, rows are
        read as square greyscale images. Must be None for images, which are blurred in their own shape.
    channel_axis : int or None, default=None
        Axis of the colour channels of images: of the array, or of each image in a list. A 3-D array is then a single
        image. If None, images are greyscale. Must be None for rows.
    when : {"always", "fit", "transform"}, default="always"
        "always" adds noise in `fit_transform` and in `transform`; "fit" only in `fit_transform`, for a pipeline that is
        trained on added noise and applied to rows that are noisy already; "transform" only in `transform`.
    data_range : "auto" or pair of floats, default="auto"
        The darkest and brightest value of clean pixels. "auto" determines it from the rows or images passed to
        `fit`: (0, 255) for uint8, otherwise (0, 1) if they lie in it, otherwise their minimum and maximum.
    clip : bool, default=True
        Whether to clip noisy values to the data range, as a detector does.
    random_state : int, RandomState or None, default=None
        If an int, the noise of a row or image depends only on the seed, its values and the data range: it is the same
        at each call, in any order, batch or process, in a stack or a list. Otherwise noise is drawn anew at each call.

    Attributes
    ----------
    data_range_ : tuple of float
        The data range used, ``(low, high)``.
    n_features_in_ : int
        Number of features seen during `fit`. Not defined after a fit on images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only if all names are strings.

    See Also
    --------
    DenoisingAutoencoder : Learns to remove the noise; as the next step, it is trained on the clean rows.

    Notes
    -----
    If noise was added, the result is a `NoisyArray`, whose `clean` is the target of a `DenoisingAutoencoder` in the
    next step, or for a list of images a `NoisyImages`. The clean ones are lost if another step comes in between, and
    with ``set_output(transform="pandas")``, which does not apply to images. With ``level=0`` and a kind given by name,
    the result is also a plain array, and the denoiser is trained with its own `noise`.

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

    Images of different sizes:

    >>> import numpy as np
    >>> images = [np.full((40, 50), 0.5), np.full((30, 20), 0.5)]
    >>> noisy = NoiseInjector(level=0.1, blur=1, random_state=0).fit_transform(images)
    >>> [image.shape for image in noisy]
    [(40, 50), (30, 20)]
    """

    _parameter_constraints = {
        "kind": [str, callable],
        "level": "no_validation",  # these have checks that name a remedy
        "read_noise": [Interval(Real, 0, MAX_LEVEL, closed="both")],
        "blur": "no_validation",
        "image_shape": [tuple, list, None],
        "channel_axis": [Integral, None],
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
        channel_axis=None,
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
        self.channel_axis = channel_axis
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
        X : array-like of shape (n_samples, n_features) or (n, height, width), or list of array-like
            Clean rows, a stack of clean images, or a list of images of any sizes, of any real dtype, in any units.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : NoiseInjector
            The fitted injector.

        Raises
        ------
        ValueError, TypeError
            If a parameter is invalid, or if `X` is neither a 2-D array nor images of finite real numbers. Images with 3
            or 4 channels need `channel_axis`.
        """
        self._fit(X)
        return self

    def _fit(self, X):
        with keep_on_error(self):
            self._check_params()
            given = read_given(self, X, reset=True)
            if given.layout is None:
                noise_source(self, None, given.clean.shape[1:])  # raises if blur needs an image_shape
                if any(check_blur(self.blur)):
                    read_layout(self.image_shape, given.clean)  # warns if the rows contradict the shape
            self.data_range_ = resolve_data_range(self.data_range, given.arrays)
        return given

    def fit_transform(self, X, y=None):
        """Fit to `X` and return it with noise, or unchanged with ``when="transform"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n, height, width), or list of array-like
            Clean rows, a stack of clean images, or a list of images of any sizes, of any real dtype, in any units.
        y : object, default=None
            Ignored.

        Returns
        -------
        X_noisy : NoisyArray of the shape of `X`, or NoisyImages
            Noisy rows or images in the units of `X`; for a list or tuple, a list. Float dtypes are kept, integers
            become float32. A plain array or list if no noise was added.

        Raises
        ------
        ValueError, TypeError
            If a parameter is invalid, or if `X` is neither a 2-D array nor images of finite real numbers. Images with 3
            or 4 channels need `channel_axis`.
        """
        if isinstance(X, (NoisyArray, NoisyImages)):
            warn_user(
                "X is the output of a NoiseInjector, so this injector treats noisy rows as clean. To add two kinds"
                " of noise, use one injector whose kind is a function (X, level, rng) that adds both."
            )
        given = self._fit(X)
        if self.when == "transform":
            return given.without_noise()
        if given.layout is None and not output_is_default(self):
            warn_user(
                "set_output hides the clean rows from the next step: a DenoisingAutoencoder would take the noisy rows"
                " as clean. Use set_output(transform='default') on the NoiseInjector, or pass the clean rows as"
                " X_clean."
            )
        return self._inject(given)

    def transform(self, X):
        """Return `X` with noise, or unchanged with ``when="fit"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n, height, width), or list of array-like
            Clean rows or images, as passed to `fit`, in the same units. With ``when="fit"``, also dask arrays.

        Returns
        -------
        X_noisy : NoisyArray of the shape of `X`, or NoisyImages
            Noisy rows or images in the units of `X`; for a list or tuple, a list. Float dtypes are kept, integers
            become float32. A plain array or list if no noise was added.

        Raises
        ------
        ValueError, TypeError
            If a parameter is invalid, if `X` is neither a 2-D array nor images of finite real numbers, or if it holds
            images and `fit` was given rows, or vice versa.
        """
        check_is_fitted(self)
        self._check_params()
        if is_dask_array(X):
            return self._pass_on(X)
        if isinstance(X, (list, tuple)) and X and all(map(is_dask_array, X)):
            return list(map(self._pass_on, X))
        given = read_given(self, X, reset=False)
        check = check_scale if given.layout is None else check_images_scale
        check(given.arrays, self.data_range_, "X")
        return given.without_noise() if self.when == "fit" else self._inject(given)

    def _pass_on(self, X):
        """Return a dask array unchanged, except that integers become float32, as for arrays in memory."""
        if self.when != "fit":
            raise TypeError(
                f"X must be in memory, because noise is added to it, got a dask array of shape {X.shape}. If it is"
                " already noisy, set when='fit'; otherwise pass X.compute()."
            )
        if not is_fitted_on_images(self):
            check_output_is_default(self, X)
        return X.astype(result_dtype(X.dtype))

    def _inject(self, given):
        # Without noise, do not attach the clean rows: joblib hashes the values of arrays, but not their attributes, so
        # a pipeline with memory= could not tell the result from equal rows without clean ones.
        level = check_level(self.level, self.kind)
        if level in (0, (0, 0)) and not self.read_noise and isinstance(self.kind, str):
            return given.without_noise()
        by_row = given.layout is not None or isinstance(self.random_state, Integral)
        return given.with_noise(draw_noise(self, given.stacks, by_row=by_row), self)

    def _redraw(self, unit, rng):
        """Add new noise, drawn from a Generator, to rows scaled to [0, 1]; called by denoisers in each epoch."""
        self._check_params()
        level, options = check_level(self.level, self.kind), noise_options(self)
        keys, noisy = random_keys(rng, len(unit)), np.empty_like(unit)
        streams = RowStreams(by_row=False)
        source = noise_source(self, streams, unit.shape[1:])
        for rows in split(unit.shape, whole=not isinstance(self.kind, str)):
            streams.restart(keys[rows])
            add_noise(unit[rows], self.kind, level, source, clip=self.clip, out=noisy[rows], **options)
        return noisy

    @available_if(_has_feature_names)
    def get_feature_names_out(self, input_features=None):
        """Return the names of the features, which are those of the input.

        Not available after a fit on images, so that `set_output` does not apply to them.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features, which must match `feature_names_in_` if that is defined.

        Returns
        -------
        feature_names_out : ndarray of str
            Names of the features.
        """
        return super().get_feature_names_out(input_features)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = not isinstance(self.random_state, Integral)
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
