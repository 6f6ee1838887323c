"""`DenoisingAutoencoder`, a Keras network with the interface of a scikit-learn transformer."""

from __future__ import annotations

import os
from numbers import Integral, Real

from .._core.checks import is_integer, likely, shown
from .._core.sklearn_glue import Interval, StrOptions, fit_context
from ..networks.spec import ARCHITECTURES
from ._batches import as_arguments, over_batches, read_batches
from ._fitted_network import FittedNetwork
from ._fitting import fit_network
from ._self_supervision import MODES

__all__ = ["DenoisingAutoencoder"]


class DenoisingAutoencoder(FittedNetwork):
    """Learn to turn noisy images into clean ones, as a scikit-learn transformer.

    A neural network is trained to map noisy rows to clean ones [1]_. The clean rows are determined in the following
    order, and `target_source_` reports the outcome: `X_clean` passed to `fit` ("X_clean"); a numeric `y` of the shape
    of `X` ("y"); if `X` comes directly from a `NoiseInjector`, the rows before noise, with the noise redrawn each epoch
    ("injector"); otherwise `X` itself is taken as clean, and `noise` is drawn anew each epoch ("noise"), or no noise
    is added with ``noise=None`` ("identity", a plain autoencoder). With `self_supervised`, no clean rows are needed.

    Parameters
    ----------
    architecture : {"dense", "conv", "unet"} or callable, default="dense"
        "dense" is the fully connected network of ``examples/plot_article.py`` and the fastest. "conv" is convolutional,
        with a code of size `latent_dim`. "unet" gives the best images and has no code. A callable ``(image_shape,
        latent_dim) -> keras.Model`` must return a new model at each call, mapping rows or images with values in [0, 1]
        to the same shape; it has a code if it has layers named "encoder" and "decoder". Each fit initializes trainable
        weights and keeps frozen ones.
    latent_dim : int, default=64
        Size of the code; for "unet", the number of feature maps at its coarser scales. The default is that of
        ``examples/plot_article.py``.
    hidden_layer_sizes : tuple of int, default=()
        Sizes of the hidden layers of "dense" between the input and the code; the decoder mirrors them.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the image in a row. If None, rows are read as square
        greyscale images, otherwise as 1-D signals, with a warning.
    noise : str, NoiseInjector, NoiseEstimate or None, default="auto"
        Noise to train on if the rows are clean: the name of a kind (at level 0.5), an estimate, or an injector, whose
        parameters can be searched, for example as ``noise__level``. "auto" is Gaussian noise of level 0.5. With
        `self_supervised`, it is the noise that the rows have: "auto" is that of the preceding injector, or else what
        `estimate_noise` finds in the rows.
    self_supervised : {None, "recorrupted", "blind_spot", "noise2noise"}, default=None
        How to train on noisy images without clean ones. None trains on clean rows. "recorrupted" needs to know the
        noise, which may be correlated: more noise of the same kind is added to form the input, and a multiple of that
        noise is subtracted to form the target [3]_ [4]_. "blind_spot" hides pixels of the input and predicts them [5]_
        [6]_; it requires noise that is independent from pixel to pixel, and zero on average. "noise2noise" requires a
        second noisy shot of each image as `y` or `X_clean` [7]_. With a known noise, "recorrupted" is better than
        "blind_spot" (``benchmarks/self_supervised``). Behind a `NoiseInjector`, the network is trained on noise that is
        drawn only once, while `score` uses the clean rows, which shows what training without them costs.
    head : {"auto", "sigmoid", "linear", "residual"}, default="auto"
        What the network predicts: "sigmoid" the image, in [0, 1]; "linear" the image, not limited; "residual", for the
        U-Net, the noise [2]_, which is subtracted from the input. "auto" is "residual" for the U-Net on images of at
        least 32 x 32 pixels, where it is better on photographs and scans, and otherwise "sigmoid", which is as good on
        MNIST if trained for the same time (``benchmarks/defaults.py``), or "linear" with `self_supervised`. With losses
        that need outputs in [0, 1], "auto" is always "sigmoid". Does not change custom networks, for which "residual"
        is not allowed.
    loss : str or callable, default="auto"
        Keras loss between images scaled to [0, 1]. "auto" is "mse" with `self_supervised` and with a residual or linear
        head, and otherwise "binary_crossentropy", with which networks do not get stuck predicting black for dark
        images, as they can with "mse". "recorrupted" and "blind_spot" are only valid with "mse".
    optimizer : str or class, default="adam"
        Keras optimizer, by name or class.
    learning_rate : float, "auto" or callable, default="auto"
        Maximum learning rate. "auto" is 0.01 for "dense", 0.004 for "unet" and 0.003 for others with Adam, and the
        default rate of any other optimizer. A callable, such as a Keras schedule, returns the rate for each step.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" rises over the first tenth of the steps and then falls to zero, which results in a lower error. Use
        "constant" with callbacks that set the rate. `partial_fit` always uses a constant rate.
    epochs : int or "auto", default="auto"
        Passes over the rows. "auto" gives enough gradient steps for any number of rows, in at most 300 epochs, and at
        least 40 for "dense", 6 for "unet" and 12 for others.
    batch_size : int or "auto", default="auto"
        Rows per gradient step. "auto" is 64 for "dense" and 32 for others. Larger batches take less time per row, but
        more time to the same error.
    validation_split : float or None, default=None
        Fraction of the rows, drawn at random, held out to compute "val_loss". If None, 0.1 with `early_stopping`,
        otherwise 0.
    early_stopping : bool, default=False
        Stop when "val_loss" has not decreased for `patience` epochs, and restore the best weights.
    patience : int, default=10
        Epochs to wait with `early_stopping`.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Callbacks are deep-copied for each fit; yours are not modified. Those with batch-level methods slow training
        down.
    output : {"denoised", "latent"}, default="denoised"
        What `transform` returns.
    data_range : "auto" or pair of floats, default="auto"
        Darkest and brightest value of clean pixels. "auto" uses the range of the preceding injector, or else determines
        it from the clean rows: (0, 255) for uint8, otherwise (0, 1) if they lie in it, otherwise their minimum and
        maximum.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit.
    checkpoint : str, path-like or None, default=None
        Folder in which `fit` saves its state after each epoch, in a file whose name is a hash of the parameters and the
        rows. When called again, a killed fit resumes from there and, with the same number of threads, ends with the
        same bits; a finished fit is not trained again. Requires an int `random_state`. None by default, because writing
        takes time.
    random_state : int, RandomState or None, default=None
        Seeds the weights, the order of the rows and the noise. An int gives the same bits on one machine with the same
        number of threads; on other machines or with another number of threads, rounding errors differ.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    model_ : keras.Model
        A compiled copy of the network for rows scaled to [0, 1]; changing it does not affect the estimator.
    encoder_ : keras.Model
        The part of `model_` up to the code; absent for "unet".
    decoder_ : keras.Model
        The part of `model_` from the code on; absent for "unet".
    history_ : dict of list
        "loss" and, if rows were held out, "val_loss" of each epoch.
    n_iter_ : int
        Number of epochs trained.
    data_range_ : tuple of float
        The data range used, ``(low, high)``.
    image_shape_ : tuple of int
        The image shape used, ``(height, width, channels)``.
    head_ : str
        The head used; without meaning for custom networks.
    target_source_ : str
        Source of the clean rows: "X_clean", "y", "injector", "noise" or "identity"; or the mode of `self_supervised`.
    noise_ : NoiseInjector or None
        The noise on which the network was trained; None for pairs, without noise, and if the noise is not known.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only if all names are strings.

    See Also
    --------
    NoiseInjector : Adds noise in the preceding step, and keeps the clean rows.

    Notes
    -----
    `fit` does not take `sample_weight`: when training on minibatches, a weight of two is not equivalent to giving the
    row twice.

    Built-in networks are trained in float32 but compute float64 rows in float64, so the output of a fitted network
    agrees to 1e-12 of the data range in any batch and on any processor. Float32 rows are computed in float32, which is
    faster, and agree to 1e-5. Custom networks get float32 rows and compute in their own precision. If Keras is set to
    mixed or half precision, built-in networks compute in that precision.

    A fitted estimator holds only parameters and NumPy arrays. `model_`, `encoder_` and `decoder_` are built from them
    on first access and are not pickled.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol, "Extracting and composing robust features with
       denoising autoencoders", ICML 2008.
    .. [2] K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang, "Beyond a Gaussian denoiser: residual learning of deep CNN for
       image denoising", IEEE Transactions on Image Processing 26(7), 2017.
    .. [3] T. Pang, H. Zheng, Y. Quan, H. Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image
       denoising", CVPR 2021.
    .. [4] B. Monroy, J. Bacca, J. Tachella, "Generalized Recorrupted-to-Recorrupted: self-supervised learning beyond
       Gaussian noise", CVPR 2025.
    .. [5] J. Batson, L. Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019.
    .. [6] A. Krull, T.-O. Buchholz, F. Jug, "Noise2Void: learning denoising from single noisy images", CVPR 2019.
    .. [7] J. Lehtinen, J. Munkberg, J. Hasselgren, S. Laine, T. Karras, M. Aittala, T. Aila, "Noise2Noise: learning
       image restoration without clean data", ICML 2018.

    Examples
    --------
    >>> from sklearn.pipeline import Pipeline
    >>> from sk_denoise import DenoisingAutoencoder, NoiseInjector
    >>> from sk_denoise.datasets import load_digit_images
    >>> X, y = load_digit_images()
    >>> pipe = Pipeline([
    ...     ("noise", NoiseInjector(level=0.3, random_state=0)),
    ...     ("denoise", DenoisingAutoencoder(random_state=0)),
    ... ]).fit(X[:1200])
    >>> pipe[-1].target_source_
    'injector'
    >>> pipe.score(X[1200:]) > 15  # dB; the noisy rows have 12
    True
    """

    _parameter_constraints = {
        "architecture": [str, callable],
        "latent_dim": [Interval(Integral, 1, 2**31 - 1, closed="both")],
        "hidden_layer_sizes": [tuple, list],
        "image_shape": [tuple, list, None],
        "noise": "no_validation",  # check_noise has better messages
        "self_supervised": [StrOptions(set(MODES)), None],
        "head": [StrOptions({"auto", "sigmoid", "linear", "residual"})],
        "loss": "no_validation",  # check_keras_params has better messages
        "optimizer": "no_validation",
        "learning_rate": [Interval(Real, 0, 1e38, closed="right"), StrOptions({"auto"}), callable],
        "learning_rate_schedule": [StrOptions({"cosine", "constant"})],
        "epochs": [Interval(Integral, 1, 2**31 - 1, closed="both"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "validation_split": [Interval(Real, 0, 1, closed="left"), None],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, tuple, None],
        "output": [StrOptions({"denoised", "latent"})],
        "data_range": "no_validation",  # check_data_range has better messages
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        architecture="dense",
        *,
        latent_dim=64,
        hidden_layer_sizes=(),
        image_shape=None,
        noise="auto",
        self_supervised=None,
        head="auto",
        loss="auto",
        optimizer="adam",
        learning_rate="auto",
        learning_rate_schedule="cosine",
        epochs="auto",
        batch_size="auto",
        validation_split=None,
        early_stopping=False,
        patience=10,
        callbacks=None,
        output="denoised",
        data_range="auto",
        warm_start=False,
        checkpoint=None,
        random_state=None,
        verbose=0,
    ):
        self.architecture = architecture
        self.latent_dim = latent_dim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.image_shape = image_shape
        self.noise = noise
        self.self_supervised = self_supervised
        self.head = head
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.early_stopping = early_stopping
        self.patience = patience
        self.callbacks = callbacks
        self.output = output
        self.data_range = data_range
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, X_clean=None, validation_data=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Noisy or clean rows (see the description of the class), of any real dtype, in any units.
        y : array-like, default=None
            Clean rows, if numeric and of the shape of `X`; otherwise labels, which are ignored.
        X_clean : array-like of shape (n_samples, n_features), default=None
            Clean rows; the pairs are used as given.
        validation_data : array-like or tuple (X, X_clean), default=None
            Rows on which to compute "val_loss", instead of a split. If given without `X_clean`, they follow the same
            rule as `X`.

        Returns
        -------
        self : DenoisingAutoencoder
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the input is invalid; the message names the argument.

        Notes
        -----
        If a fit fails or is interrupted, for example by Ctrl-C or lack of memory, the estimator is left as it was
        before. To continue from the last complete epoch, set `checkpoint`.
        """
        continued = self.warm_start and self._is_fitted()
        return self._fit(X, y, X_clean, continued=continued, validation_data=validation_data)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, *, X_clean=None):
        """Train for one epoch on a batch of rows, at a constant rate, keeping the optimizer's state between calls.

        If `data_range` is "auto", it is determined by the first batch; likewise `noise` with self-supervision.

        Parameters
        ----------
        X : array-like or dask array of shape (n_samples, n_features), or an iterator
            As for `fit`. The chunks of a dask array, except empty ones, are taken as batches, in order; an iterator
            yields batches, or pairs ``(X, y)`` as tuples or lists.
        y : array-like or dask array, default=None
            As for `fit`.
        X_clean : array-like or dask array of shape (n_samples, n_features), default=None
            As for `fit`.

        Returns
        -------
        self : DenoisingAutoencoder
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the input is invalid; the message names the argument. If one of several batches is
            invalid, a note gives its number, and what was learned from the batches before it is kept.
        """
        self._validate_params()  # scikit-learn skips this after the first call
        batches = read_batches(X, y, X_clean)
        if batches is None:
            return self._fit_batch(X, y, X_clean)
        for _ in over_batches(lambda *batch: self._fit_batch(*as_arguments(*batch)), batches):
            pass
        return self

    def _fit_batch(self, X, y, X_clean):
        continued = self._is_fitted()
        return self._fit(X, y, X_clean, continued=continued, reset=not continued, partial=True)

    _draws_patches = True

    def _fit_patches(self, X, X_clean, patches):
        self._validate_params()
        return self._fit(X, None, X_clean, continued=False, patches=patches)

    def _fit(self, X, y, X_clean, *, continued, **options):
        if continued:
            options["data_range"] = self.data_range_
            if options.get("partial") and self.target_source_ == self.self_supervised:
                options["known_noise"] = getattr(self, "_estimated_noise", None)  # None in older files
        return super()._fit(X, y, X_clean, continued=continued, **options)

    def _learn(self, rows, target, data_range, *, continued, validation_data=None, partial=False, patches=None):
        vars(self).pop("_model", None)
        if not continued:
            vars(self).pop("_own_networks", None)  # a callable architecture may now build another network
        options = {"continued": continued, "partial": partial, "patches": patches}
        return fit_network(self, rows, target, data_range, validation_data, **options)

    def _check_params(self):
        architecture, sizes = self.architecture, self.hidden_layer_sizes
        if hasattr(architecture, "get_weights"):
            raise ValueError(
                "architecture must be a function (image_shape, latent_dim) that returns a new keras.Model at each call,"
                f" got the model {shown(architecture)}. Return keras.models.clone_model(model) from a function."
            )
        if not callable(architecture) and architecture not in ARCHITECTURES:
            raise ValueError(f"architecture must be a callable or {likely(architecture, ARCHITECTURES)}")
        built_in = None if callable(architecture) else ARCHITECTURES[architecture]
        if not all(is_integer(size) and 0 < size < 2**31 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be a tuple of positive integers, got {shown(sizes)}.")
        if len(sizes) and not (built_in and built_in.has_hidden_layers):
            raise ValueError(
                f"hidden_layer_sizes={sizes!r} requires architecture='dense', got architecture={architecture!r}."
                " Leave it at ()."
            )
        if self.head == "residual" and (built_in is None or built_in.reach is None):
            raise ValueError(
                f"head='residual' requires architecture='unet', got architecture={architecture!r}. Leave it at 'auto'."
            )
        if self.output == "latent" and built_in and not built_in.has_code:
            raise ValueError(
                f"output='latent' requires a code, which architecture={architecture!r} lacks. Use 'dense' or 'conv'."
            )
        if self.checkpoint is not None and not os.fspath(self.checkpoint):
            raise ValueError("checkpoint must be a path or None, got an empty string.")
