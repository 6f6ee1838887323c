"""`PatchDenoiser`, which trains any denoiser on patches of images, and denoises images of any size with it."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import check_is_fitted

from .._core.checks import is_integer, sample_rows, shown, warn_user
from .._core.dask_arrays import in_memory, is_dask_array
from .._core.images import check_alike, count_channels, read_images
from .._core.sklearn_glue import Interval, StrOptions, draw_seed, fit_context, keep_on_error
from .._core.units import check_data_range, check_mixed, check_scale, resolve_data_range, result_dtype
from ..metrics import decibels
from ..noise import NoisyArray, NoisyImages
from ..noise._inputs import holds_images
from ._base import BaseDenoiser
from ._outputs import read_outputs
from ._patch_noise import settle_noise, warn_if_noisy
from ._patches import PatchSource, check_finite
from ._self_supervision import ALONE, check_second_shot, clean_given_error, missing_shot_error
from ._targets import is_auto, second_shot
from ._tiles import denoise_by_tiles

__all__ = ["PatchDenoiser"]

_N_PATCHES = 1024  # in an epoch of a network, or in all for other denoisers
_N_CHECKED = 256  # patches, of those that networks draw, that are checked before training
_N_RANGE = 1024  # patches, from whose values the data range is determined
_CORNER = 32  # pixels of each image by which its units are compared with those of others


class PatchDenoiser(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Denoise images of any size with a denoiser that is trained on patches of them.

    Networks, decompositions and regressors learn on rows of one fixed size. This meta-estimator draws patches from
    images to fit such a denoiser, and applies it to whole images, tile by tile.

    Parameters
    ----------
    denoiser : DenoisingAutoencoder, EstimatorDenoiser or ImageFilter
        The denoiser of patches. It is cloned, and its `image_shape` is set to that of the patches. Its parameters can
        be searched, for example as ``denoiser__latent_dim``.
    patch_shape : tuple of int, default=(64, 64)
        Height and width of the patches to learn on. Patches should be larger than the structures in the images; with
        the default, the U-Net, whose receptive field has a radius of 38 pixels, also has some pixels with full context.
        For it, use multiples of 8. Decompositions need smaller patches, such as (8, 8).
    n_patches : int or "auto", default="auto"
        Networks draw this number of new patches in each epoch; all other denoisers are fitted on this number. "auto" is
        1024.
    augment : bool, default=True
        Whether patches are flipped and rotated by multiples of 90 degrees. Choose False if orientation matters, or if
        the noise of given pairs is correlated differently along the two axes.
    channel_axis : int or None, default=None
        Axis of the colour channels, of the array or of each image in a list. If None, images are greyscale.
    data_range : "auto" or pair of floats, default="auto"
        Darkest and brightest value of clean pixels. "auto" uses the range of `denoiser` or of the preceding injector,
        or else determines it from the clean images if known, or else from the images: (0, 255) for uint8, (0, 1) for
        bool, and otherwise from the values in a sample of the pixels, as in `DenoisingAutoencoder`.
    random_state : int, RandomState or None, default=None
        Seeds the patches and, unless None, replaces the `random_state` of `denoiser`.
    verbose : int, default=0
        Unless 0, replaces the `verbose` of `denoiser`.

    Attributes
    ----------
    denoiser_ : estimator object
        The fitted denoiser of patches.
    data_range_ : tuple of float
        The data range used, ``(low, high)``.
    target_source_ : str
        Source of the clean images, as in `denoiser`: "X_clean", "y", "injector", "noise", "identity" or "none"; or the
        mode of its `self_supervised`.
    n_channels_ : int
        Number of channels of the images.

    See Also
    --------
    denoise : Needs no training.
    NoiseInjector : Takes images, too; as the preceding step, it passes on the clean ones.

    Notes
    -----
    Patches are drawn uniformly over all positions in all images, so large images count more. Only the pixels of drawn
    patches are read, so images may be memory maps, or arrays in files that have a shape and a dtype, such as those from
    `sk_denoise.files.read_images`.

    Images may also be a dask array (..., height, width), in which all axes before the height number the images; with
    `channel_axis`, it has one more axis, which must be in one chunk. `fit` computes the chunks of 64 patches at a time
    and gives the same result as for the array in memory. `transform` returns a dask array with the same chunks, and
    computes nothing: in particular, it does not check the units of the images. The values are those for the array in
    memory, because each chunk is computed with a margin of as many pixels as the denoiser depends on. While they are
    computed, chunks that are smaller than the margin along height or width are merged; their borders are moved to
    multiples of 8 for a U-Net, and of 2016 for "nl_ridge", whose margins are wide. A denoiser that looks at the whole
    image gets all of it in one chunk. If a chunk raises an error, a note on the exception says which chunk it was.
    Requires ``pip install "sk_denoise[dask]"``.

    A U-Net, and filters that look only at pixels nearby, are applied to tiles that overlap by the radius of the
    receptive field, so the result is that for the whole image. For a U-Net, images are extended by reflection to
    multiples of 8. "nl_ridge" needs tiles only for images of more than 16 million values. Total variation and wavelets
    look at the whole image; above this size, they are applied to overlapping parts of it. Networks with a dense code,
    custom networks and scikit-learn estimators take patches of one size only; they are applied to overlapping patches,
    whose results are averaged with weights that decrease towards the borders.

    With `validation_split` or `early_stopping`, "val_loss" is computed on other patches of the same images.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.data import camera, coins
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_denoise import EstimatorDenoiser, NoiseInjector, PatchDenoiser
    >>> denoiser = PatchDenoiser(EstimatorDenoiser(PCA(12)), patch_shape=(8, 8), random_state=0)
    >>> pipe = make_pipeline(NoiseInjector(level=0.1, random_state=0), denoiser).fit([camera(), coins()])
    >>> [image.shape for image in pipe.transform([camera(), coins()])]
    [(512, 512), (303, 384)]
    >>> pipe.score([coins()]) > 25  # dB; the noisy image has 20
    True
    """

    _parameter_constraints = {
        "denoiser": "no_validation",  # _check_params has a better message
        "patch_shape": [tuple, list],
        "n_patches": [Interval(Integral, 1, 2**31 - 1, closed="both"), StrOptions({"auto"})],
        "augment": ["boolean"],
        "channel_axis": [Integral, None],
        "data_range": "no_validation",  # check_data_range has better messages
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        denoiser,
        *,
        patch_shape=(64, 64),
        n_patches="auto",
        augment=True,
        channel_axis=None,
        data_range="auto",
        random_state=None,
        verbose=0,
    ):
        self.denoiser = denoiser
        self.patch_shape = patch_shape
        self.n_patches = n_patches
        self.augment = augment
        self.channel_axis = channel_axis
        self.data_range = data_range
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, images, y=None, *, X_clean=None):
        """Fit the denoiser on patches of images.

        Parameters
        ----------
        images : array-like, dask array or list of them
            Noisy or clean images, as `denoiser` takes rows: one image (height, width), a stack (n, height, width), or a
            list of images of any sizes, of integers or floats, in any units.
        y : list of array-like, default=None
            Clean images, of the sizes of `images`. Labels, one value for each image, are ignored.
        X_clean : array-like or list of array-like, default=None
            Clean images, of the sizes of `images`; the pairs are used as given.

        Returns
        -------
        self : PatchDenoiser
            The fitted denoiser.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the input is invalid; the message names the argument. A fit that fails or is interrupted
            leaves the denoiser as it was.
        """
        with keep_on_error(self):
            self._check_params()
            arrays, _ = read_images(images, channel_axis=self.channel_axis, name="images", lazy=True)
            clean, source, injector = self._find_clean(images, arrays, y, X_clean)
            self._check_inner(arrays, clean, source)
            mode = getattr(self.denoiser, "self_supervised", None)
            if mode in ALONE and source is not None:
                raise clean_given_error(source, mode)
            if mode == "noise2noise":
                clean = self._find_second_shot(images, arrays, clean, injector)
            seed = draw_seed(self.random_state)
            n_channels = count_channels(arrays[0])
            inner = self._prepared(seed, n_channels)
            if mode in ALONE and injector is None:
                settle_noise(inner, arrays, self.data_range)
            elif mode is None and clean is None and is_auto(inner._own_noise()):
                warn_if_noisy(arrays)
            rows, patches = self._draw(inner, arrays, clean, seed, source)
            data_range = self._resolve_range(inner, injector, arrays if clean is None else clean, seed, rows)
            inner.set_params(data_range=data_range)
            noisy, known = rows
            if mode == "noise2noise":
                check_second_shot(known, noisy, source or "images")
            if injector is not None and mode != "noise2noise":
                noisy, known = NoisyArray(noisy, known, self._of_rows(injector, n_channels)), None
            elif clean is None:
                noisy, known = known, None
            inner._fit_patches(noisy, known, patches)
            source = inner.target_source_ if mode is not None or source is None else source
            fitted = {"denoiser_": inner, "data_range_": inner.data_range_, "target_source_": source}
            self.__dict__ = vars(self) | fitted | {"n_channels_": n_channels, "_patch_shape": tuple(self.patch_shape)}
        return self

    def _check_params(self):
        if not isinstance(self.denoiser, BaseDenoiser):
            raise TypeError(
                "denoiser must be a DenoisingAutoencoder, an EstimatorDenoiser or an ImageFilter, got"
                f" {shown(self.denoiser)}. Wrap a scikit-learn estimator: EstimatorDenoiser(estimator)."
            )
        shape = self.patch_shape
        if len(shape) != 2 or not all(is_integer(side) and side > 0 for side in shape):
            raise ValueError(f"patch_shape must be (height, width), two positive integers, got {shown(shape)}.")
        check_data_range(self.data_range)

    def _check_inner(self, arrays, clean, source):
        """Raise for parameters of the denoiser that have no effect on patches."""
        params = self.denoiser.get_params(deep=False)
        for name, default in (("warm_start", False), ("output", "denoised")):
            if params.get(name, default) != default:
                raise ValueError(f"denoiser must have {name}={default!r}, got {name}={params[name]!r}.")
        for name, given in (("images", arrays), (source, clean or ())):
            if params.get("checkpoint") is not None and not all(isinstance(array, np.ndarray) for array in given):
                raise ValueError(
                    f"denoiser must have checkpoint=None for {name} that are not NumPy arrays, because changes to their"
                    " contents cannot be detected. Pass memory maps."
                )

    def _find_clean(self, images, arrays, y, X_clean):
        """Return the clean images, the name of their source, and the injector behind them; None for what is missing."""
        if X_clean is not None:
            return self._read_clean(X_clean, arrays, "X_clean"), "X_clean", None
        if y is not None and (holds_images(y) or (len(arrays) == 1 and np.shape(y) == arrays[0].shape)):
            return self._read_clean(y, arrays, "y"), "y", None
        if isinstance(images, (NoisyArray, NoisyImages)) and images.clean is not None:
            images._check_unchanged()
            return self._read_clean(images.clean, arrays, "images.clean"), None, images.injector
        if isinstance(images, NoisyArray):
            warn_user(
                "images is a slice, copy or cast of the output of a NoiseInjector, or computed from it, and no longer"
                " carries the clean images. Pass them as X_clean=."
            )
        return None, None, None

    def _find_second_shot(self, images, arrays, second, injector):
        """Return second noisy shots: the given ones, or clean images with other noise of the preceding injector."""
        if injector is not None:
            return self._read_clean(second_shot(images), arrays, "images")
        if second is None:
            raise missing_shot_error("images")
        return second

    def _read_clean(self, clean, arrays, name):
        clean, _ = read_images(clean, channel_axis=self.channel_axis, name=name, lazy=True)
        check_alike(clean, arrays, name, "images")
        return clean

    def _prepared(self, seed, n_channels):
        """Return a clone of the denoiser for rows that are patches."""
        inner = clone(self.denoiser)
        own = inner.get_params(deep=False)
        params = {"image_shape": (*self.patch_shape, n_channels)}
        if self.random_state is not None:
            params["random_state"] = seed
        if self.verbose:
            params["verbose"] = self.verbose
        return inner.set_params(**{name: value for name, value in params.items() if name in own})

    def _draw(self, inner, arrays, clean, seed, name):
        """Return noisy and clean rows, and the source of more of them with the number to draw in each epoch."""
        known, noisy = (arrays, None) if clean is None else (clean, arrays)
        names = name or "images", "images"
        source = PatchSource(known, noisy, tuple(self.patch_shape), self.augment, names)
        n = _N_PATCHES if self.n_patches == "auto" else int(self.n_patches)
        n_drawn = min(n, _N_CHECKED) if inner._draws_patches else n
        return source.draw(n_drawn, np.random.default_rng([seed, 0])), (source, n)

    def _resolve_range(self, inner, injector, arrays, seed, rows):
        """Return the given range, or that of the values in a sample of the pixels of `arrays`."""
        for given in (self.data_range, inner.data_range, getattr(injector, "data_range_", "auto")):
            if not isinstance(given, str):
                return given
        if len({array.dtype.kind == "f" for array in arrays}) > 1:
            check_mixed([np.asarray(array[:_CORNER, :_CORNER]) for array in arrays])
        dtypes = {array.dtype for array in arrays}
        source = PatchSource(arrays, None, tuple(self.patch_shape), False)
        _, sample = source.draw(_N_RANGE, np.random.default_rng([seed, 1]))
        sample = np.concatenate([sample, rows[1]])
        return resolve_data_range("auto", sample.astype(dtypes.pop()) if len(dtypes) == 1 else sample)

    def _of_rows(self, injector, n_channels):
        """Return the injector for patches that are rows."""
        rows = clone(injector).set_params(image_shape=(*self.patch_shape, n_channels), channel_axis=None)
        rows.data_range_ = injector.data_range_
        return rows

    def transform(self, images, *, out=None):
        """Denoise images.

        Parameters
        ----------
        images : array-like, dask array or list of them
            Noisy images of any size, in the form and the units of those passed to `fit`.
        out : array-like or list of array-like, default=None
            Where to write the denoised images, of floats and of the shapes of `images`: for example a memory map, or
            anything else with a shape and a dtype that can be assigned to by slices, but not `images` themselves.
            Images are then read and written tile by tile. Not for dask arrays: use `to_zarr` of the result.

        Returns
        -------
        denoised : ndarray, dask array or list of them
            Denoised images in the form of `images`, or `out`. Float dtypes are kept; integers become float32, clipped
            to `data_range_`. The result for a dask array is a dask array, of which nothing has been computed yet.

        Raises
        ------
        ValueError, TypeError
            If `images` are not images with `n_channels_` channels of finite numbers, or if `out` has other shapes.
        """
        return self.predict(images, out=out)

    def predict(self, images, *, out=None):
        """Denoise images; same as `transform`.

        Parameters
        ----------
        images : array-like, dask array or list of them
            Noisy images of any size, in the form and the units of those passed to `fit`.
        out : array-like or list of array-like, default=None
            Where to write the denoised images, as in `transform`.

        Returns
        -------
        denoised : ndarray, dask array or list of them
            Denoised images, as from `transform`.
        """
        check_is_fitted(self)
        if is_dask_array(images) or (isinstance(images, (list, tuple)) and any(map(is_dask_array, images))):
            from ._dask import transform_images  # here, because dask is optional

            return transform_images(self, images, out)
        arrays, layout = self._read(images)
        if out is None:
            results = [np.empty(array.shape, dtype=result_dtype(array.dtype)) for array in arrays]
        else:
            results = read_outputs(out, arrays, layout)
        single = layout.form == "image"
        for i, (array, result) in enumerate(zip(arrays, results)):
            denoise_by_tiles(self.denoiser_, array, result, self._patch_shape, "images" if single else f"images[{i}]")
        return layout.restore(results) if out is None else out

    def _read(self, images):
        """Validate images to denoise."""
        arrays, layout = read_images(images, channel_axis=self.channel_axis, name="images", lazy=True)
        self._check_channels(count_channels(arrays[0]))
        self._check_units(arrays)
        return arrays, layout

    def _check_channels(self, n_channels):
        if n_channels != self.n_channels_:
            raise ValueError(
                f"images must have the number of channels seen during fit, {self.n_channels_}, got {n_channels}."
            )

    def _check_units(self, arrays):
        """Warn if the images are in other units than those seen during `fit`, judged by patches of some of them."""
        some = [arrays[i] for i in sample_rows(np.arange(len(arrays)))]
        source = PatchSource(some, None, tuple(self.patch_shape), False)
        _, sample = source.draw(16, np.random.default_rng(0))
        check_scale(sample, self.data_range_, "images")

    def score(self, images, y=None, *, X_clean=None):
        """PSNR in dB of denoised images with respect to the clean ones, pooled over all pixels; higher is better.

        Parameters
        ----------
        images : array-like or list of array-like
            Images: noisy if given with `X_clean`, with clean images as `y`, or directly from a `NoiseInjector`.
            Otherwise they are taken as clean, and the noise used in `fit` is added, with a fixed seed.
        y : list of array-like, default=None
            Clean images of the sizes of `images`; anything else is ignored.
        X_clean : array-like or list of array-like, default=None
            Clean images.

        Returns
        -------
        score : float
            PSNR over all pixels, with the width of `data_range_` as the peak. NaN, with an `UndefinedMetricWarning`, if
            no clean images are known.
        """
        check_is_fitted(self)
        arrays, _ = self._read(images)
        clean, source, _ = self._find_clean(images, arrays, y, X_clean)
        name = source or "images"
        noise = self.denoiser_._noise if clean is None else None
        if clean is None and noise is None:
            warn_user(
                "score requires clean images to compare with, but images carry none, so the score is NaN. Pass clean"
                " images as y (also in a search) or as X_clean=, or put a NoiseInjector before the denoiser. To compare"
                " denoisers without clean images, use sk_denoise.evaluation.sure_score.",
                UndefinedMetricWarning,
            )
            return float("nan")
        if noise is None:
            pairs = zip(in_memory(arrays), in_memory(clean))
        else:
            noise = clone(noise).set_params(image_shape=None, channel_axis=-1 if arrays[0].ndim == 3 else None)
            pairs = ((*noise.fit_transform([image]), image) for image in in_memory(arrays))
        errors, width = [], self.data_range_[1] - self.data_range_[0]
        for i, (noisy, target) in enumerate(pairs):
            denoised = np.empty(noisy.shape, dtype=result_dtype(noisy.dtype))
            denoise_by_tiles(self.denoiser_, noisy, denoised, self._patch_shape, f"images[{i}]")
            target = check_finite(np.asarray(target, dtype=np.float64), f"{name}[{i}]")
            errors.append(np.mean(((denoised - target) / width) ** 2))
        return float(decibels(np.average(errors, weights=[image.size for image in arrays])))
