"""Network architectures: functions that build an uncompiled `keras.Model` from an image shape and layer sizes.

Each model maps rows of shape (n_samples, height * width * channels), scaled to [0, 1], to rows of the same shape and
range. "dense" and "conv" consist of two submodels, "encoder" and "decoder", which can be called on their own.
"""

from __future__ import annotations

import math

import keras
from keras import layers

from .._core.checks import is_integer, shown
from .spec import ARCHITECTURES, CONV_FILTERS, FINE_FILTERS, halvings, unet_filters

__all__ = ["conv", "dense", "unet"]


def _seeded(name):
    # Without a seed, the initializer would draw one from Python's global random stream. The initial weights do not
    # matter: each fit overwrites them.
    if name == "small":
        return keras.initializers.RandomNormal(stddev=1e-3, seed=0)
    return {"glorot": keras.initializers.GlorotUniform, "he": keras.initializers.HeNormal}[name](seed=0)


def _dense(units, activation, name=None):
    init = _seeded("he" if activation == "relu" else "glorot")
    return layers.Dense(units, activation=activation, kernel_initializer=init, name=name)


def _conv(filters, activation="relu", *, size=3, strides=1, transpose=False, init=None, bias=True):
    layer = layers.Conv2DTranspose if transpose else layers.Conv2D
    init = _seeded(init or ("he" if activation == "relu" else "glorot"))
    options = {"padding": "same", "activation": activation, "kernel_initializer": init, "use_bias": bias}
    return layer(filters, size, strides=strides, **options)


def _conv_of_both(filters, x, join):
    """Convolve two stacks of feature maps as if they were one, without copying them into one."""
    return layers.Add()([_conv(filters, None)(x), _conv(filters, None, bias=False)(join)])


def _activated(x, head):
    """The output; the sigmoid comes last, because Keras then computes the cross-entropy from its logits."""
    return layers.Activation("sigmoid")(x) if head == "sigmoid" else x


def _crop(x, height, width):
    """Crop the extra row or column that is left after halving and doubling an odd size."""
    if None in (height, width):
        return x  # images of any size, which must be multiples of 8
    extra = x.shape[1] - height, x.shape[2] - width
    return layers.Cropping2D(((0, extra[0]), (0, extra[1])))(x) if any(extra) else x


def _check_sizes(image_shape, latent_dim, hidden_layer_sizes=()):
    named = {"image_shape": image_shape, "latent_dim": (latent_dim,), "hidden_layer_sizes": hidden_layer_sizes}
    for name, sizes in named.items():
        if not isinstance(sizes, (tuple, list)) or not all(is_integer(size) and 0 < size < 2**31 for size in sizes):
            raise ValueError(f"{name} must contain positive integers, got {shown(sizes)}.")
    if len(image_shape) != 3:
        raise ValueError(f"image_shape must be (height, width, channels), got {shown(image_shape)}.")


def _autoencoder(encoder_input, latent, decoder_input, output):
    encoder = keras.Model(encoder_input, latent, name="encoder")
    decoder = keras.Model(decoder_input, output, name="decoder")
    rows = keras.Input(encoder_input.shape[1:], name="rows")
    return keras.Model(rows, decoder(encoder(rows)), name="autoencoder")


def dense(image_shape, latent_dim, hidden_layer_sizes=(), head="sigmoid"):
    """Fully connected denoising autoencoder [1]_ with a ReLU code and optional hidden layers.

    Without hidden layers, the default, it is the network of the article that ``examples/plot_article.py`` reproduces.

    Parameters
    ----------
    image_shape : tuple of int
        ``(height, width, channels)``.
    latent_dim : int
        Number of units in the code.
    hidden_layer_sizes : tuple of int, default=()
        Number of units in each hidden layer of the encoder. The decoder mirrors them.

    Returns
    -------
    model : keras.Model
        Uncompiled model from rows to rows of shape (n_samples, height * width * channels), in [0, 1], with the
        submodels "encoder" and "decoder".

    Raises
    ------
    ValueError
        If `image_shape` does not have three entries, or a size is not a positive integer.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol, "Extracting and composing robust features with
       denoising autoencoders", ICML 2008.
    """
    _check_sizes(image_shape, latent_dim, hidden_layer_sizes)
    n_features = math.prod(image_shape)
    rows = x = keras.Input((n_features,))
    for units in hidden_layer_sizes:
        x = _dense(units, "relu")(x)
    latent = _dense(latent_dim, "relu", name="latent")(x)
    code = x = keras.Input((latent_dim,))
    for units in reversed(hidden_layer_sizes):
        x = _dense(units, "relu")(x)
    return _autoencoder(rows, latent, code, _activated(_dense(n_features, None)(x), head))


def conv(image_shape, latent_dim, head="sigmoid"):
    """Convolutional autoencoder: strided convolutions, a dense code, and a mirrored decoder.

    The code is linear: it has few units, and ReLUs could die.

    Parameters
    ----------
    image_shape : tuple of int
        ``(height, width, channels)``. Height and width need not be multiples of 8.
    latent_dim : int
        Number of units in the code.

    Returns
    -------
    model : keras.Model
        Uncompiled model from rows to rows of shape (n_samples, height * width * channels), in [0, 1], with the
        submodels "encoder" and "decoder".

    Raises
    ------
    ValueError
        If `image_shape` does not have three entries, or a size is not a positive integer.
    """
    _check_sizes(image_shape, latent_dim)
    n_features = math.prod(image_shape)
    sizes = halvings(image_shape, len(CONV_FILTERS))
    rows = keras.Input((n_features,))
    x = layers.Reshape(image_shape)(rows)
    for filters in CONV_FILTERS:
        x = _conv(filters, strides=2)(x)
    latent = _dense(latent_dim, None, name="latent")(layers.Flatten()(x))
    code = keras.Input((latent_dim,))
    x = _dense(math.prod(sizes[-1]) * CONV_FILTERS[-1], "relu")(code)
    x = layers.Reshape((*sizes[-1], CONV_FILTERS[-1]))(x)
    for filters, size in zip((*CONV_FILTERS[-2::-1], CONV_FILTERS[0]), sizes[-2::-1]):
        x = _crop(_conv(filters, size=4, strides=2, transpose=True)(x), *size)
    x = _conv(image_shape[2], None)(x)
    return _autoencoder(rows, latent, code, _activated(layers.Flatten()(x), head))


def unet(image_shape, latent_dim, head="sigmoid"):
    """U-Net [1]_: an encoder and a decoder with skip connections at every scale, which preserve detail.

    Unlike in the original, the first convolution already halves the image, which saves most of the computation. Only
    with a residual head are there convolutions at full resolution, because noise differs from pixel to pixel.

    Parameters
    ----------
    image_shape : tuple of int
        ``(height, width, channels)``. Height and width need not be multiples of 8.
    latent_dim : int
        Number of feature maps at a quarter and an eighth of the image size; half as many at half of it.
    head : {"sigmoid", "linear", "residual"}, default="sigmoid"
        "sigmoid" predicts the image, in [0, 1]; "linear" predicts it without limits. "residual" predicts the noise
        [2]_, which is subtracted from the input.

    Returns
    -------
    model : keras.Model
        Uncompiled model from rows to rows of shape (n_samples, height * width * channels). It has no code, because the
        skip connections bypass the coarsest scale.

    Raises
    ------
    ValueError
        If `image_shape` does not have three entries, or a size is not a positive integer.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional networks for biomedical image segmentation",
       MICCAI 2015.
    .. [2] K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang, "Beyond a Gaussian denoiser: residual learning of deep CNN for
       image denoising", IEEE Transactions on Image Processing 26(7), 2017.
    """
    _check_sizes(image_shape, latent_dim)
    rows = keras.Input((math.prod(image_shape),))
    restored = _unet_layers(layers.Reshape(image_shape)(rows), image_shape, latent_dim, head)
    return keras.Model(rows, _activated(layers.Flatten()(restored), head), name="unet")


def unet_for_images(n_channels, latent_dim, head="sigmoid"):
    """The network of `unet`, with the same weights, for images of any size.

    Parameters
    ----------
    n_channels : int
        Number of channels.
    latent_dim, head : int, str
        As for `unet`.

    Returns
    -------
    model : keras.Model
        Uncompiled model from images of shape (n_samples, height, width, n_channels) to images of the same shape; height
        and width must be multiples of 8.
    """
    images = keras.Input((None, None, n_channels))
    restored = _unet_layers(images, (None, None, n_channels), latent_dim, head)
    return keras.Model(images, _activated(restored, head), name="unet")


def _unet_layers(image, image_shape, latent_dim, head):
    filters = unet_filters(latent_dim)
    is_residual = head == "residual"
    x = _conv(FINE_FILTERS)(image) if is_residual else image
    joins = []
    for level, n in enumerate(filters):
        joins.append(x)
        x = _conv(n, size=3 if level else 4, strides=2)(x)
        x = _conv(n)(x)
    for n, join in zip(filters[-2::-1], joins[:0:-1]):
        x = _crop(_conv(n, None, size=2, strides=2, transpose=True)(x), *join.shape[1:3])
        x = layers.ReLU()(_conv_of_both(n, x, join))
    n = FINE_FILTERS if is_residual else max(1, filters[0] // 2)
    x = _crop(_conv(n, size=4, strides=2, transpose=True)(x), *image_shape[:2])
    if is_residual:
        # Training starts from the input itself, not from random changes of it, which takes hundreds of steps to undo.
        fine = layers.ReLU()(_conv_of_both(FINE_FILTERS, x, joins[0]))
        noise = _conv(image_shape[2], None, init="small")(fine)
        return layers.Subtract()([image, noise])
    return _conv_of_both(image_shape[2], x, joins[0])


def build(spec):
    """Build the architecture named in `spec`, or call it with ``(image_shape, latent_dim)`` if it is a callable."""
    if callable(spec.architecture):
        return spec.architecture(spec.image_shape, spec.latent_dim)
    line = ARCHITECTURES[spec.architecture]
    sizes = spec.sizes if line.has_hidden_layers else spec.sizes[:2]
    return globals()[line.builder](*sizes, head=spec.head)


def build_for_images(spec):
    """Build the network of `spec`, whose architecture has a reach, for images of any size."""
    builder = globals()[f"{ARCHITECTURES[spec.architecture].builder}_for_images"]
    return builder(spec.image_shape[2], spec.latent_dim, spec.head)
