"""The networks: shapes and sizes in, an uncompiled `keras.Model` out.

Each maps flattened rows scaled to [0, 1], shape (n_samples, height * width * channels), to rows of the same shape.
"dense" and "conv" are made of two models named "encoder" and "decoder", which can be called alone.
"""

from __future__ import annotations

import itertools
import math

import keras
from keras import layers

__all__ = ["conv", "dense", "unet"]

CONV_FILTERS = (16, 32, 64)


def _seeded(name):
    # An initializer without a seed would draw one from Python's global random stream. The weights that it gives
    # are overwritten by the seeded ones of each fit.
    return {"glorot": keras.initializers.GlorotUniform, "he": keras.initializers.HeNormal}[name](seed=0)


def _dense(units, activation, name=None):
    init = _seeded("he" if activation == "relu" else "glorot")
    return layers.Dense(units, activation=activation, kernel_initializer=init, name=name)


def _conv(filters, activation="relu", *, size=3, strides=1, transpose=False):
    layer = layers.Conv2DTranspose if transpose else layers.Conv2D
    init = _seeded("he" if activation == "relu" else "glorot")
    return layer(filters, size, strides=strides, padding="same", activation=activation, kernel_initializer=init)


def _crop(x, height, width):
    """Cut what doubling an odd size made too much."""
    extra = x.shape[1] - height, x.shape[2] - width
    return layers.Cropping2D(((0, extra[0]), (0, extra[1])))(x) if any(extra) else x


def halvings(image_shape, n_levels):
    """Heights and widths at each scale, from the image down, each half of the one before, rounded up."""
    sizes = [image_shape[:2]]
    for _ in range(n_levels):
        sizes.append(tuple(math.ceil(size / 2) for size in sizes[-1]))
    return sizes


def _autoencoder(encoder_input, latent, decoder_input, output):
    encoder = keras.Model(encoder_input, latent, name="encoder")
    decoder = keras.Model(decoder_input, output, name="decoder")
    rows = keras.Input(encoder_input.shape[1:], name="rows")
    return keras.Model(rows, decoder(encoder(rows)), name="autoencoder")


def dense(image_shape, latent_dim, hidden_layer_sizes=()):
    """Fully connected autoencoder: the article's one ReLU layer of `latent_dim`, with hidden layers around if asked.

    Parameters
    ----------
    image_shape : tuple of int
        ``(height, width, channels)``.
    latent_dim : int
        Units of the code.
    hidden_layer_sizes : tuple of int, default=()
        Layers of the encoder before the code; the decoder mirrors them.

    Returns
    -------
    model : keras.Model
        Uncompiled, with the layers "encoder" and "decoder".
    """
    n_features = math.prod(image_shape)
    rows = x = keras.Input((n_features,))
    for units in hidden_layer_sizes:
        x = _dense(units, "relu")(x)
    latent = _dense(latent_dim, "relu", name="latent")(x)
    code = x = keras.Input((latent_dim,))
    for units in reversed(hidden_layer_sizes):
        x = _dense(units, "relu")(x)
    return _autoencoder(rows, latent, code, _dense(n_features, "sigmoid")(x))


def conv(image_shape, latent_dim):
    """Convolutional autoencoder: strided encoder, a dense code of `latent_dim`, a mirrored decoder.

    The code is linear, so that none of its few numbers can die as a ReLU can.

    Parameters
    ----------
    image_shape : tuple of int
        ``(height, width, channels)``, any size.
    latent_dim : int
        Units of the code.

    Returns
    -------
    model : keras.Model
        Uncompiled, with the layers "encoder" and "decoder".
    """
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
    x = _conv(image_shape[2], "sigmoid")(x)
    return _autoencoder(rows, latent, code, layers.Flatten()(x))


def unet_filters(latent_dim):
    """Feature maps of the U-Net at a half, a quarter and an eighth of the image's size."""
    return max(1, latent_dim // 2), latent_dim, latent_dim


def unet(image_shape, latent_dim):
    """U-Net: an encoder and a decoder joined at every scale, so detail need not pass the coarsest one [1]_.

    Unlike in the original, the first convolution already halves the image, which saves most of the work.

    Parameters
    ----------
    image_shape : tuple of int
        ``(height, width, channels)``, any size.
    latent_dim : int
        Feature maps at the coarser scales; half as many at the finest.

    Returns
    -------
    model : keras.Model
        Uncompiled. There is no code to decode from: the joins go around it.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional networks for biomedical image segmentation",
       MICCAI 2015.
    """
    filters = unet_filters(latent_dim)
    rows = keras.Input((math.prod(image_shape),))
    x = image = layers.Reshape(image_shape)(rows)
    joins = []
    for level, n in enumerate(filters):
        joins.append(x)
        x = _conv(n, size=3 if level else 4, strides=2)(x)
        x = _conv(n)(x)
    for n, join in zip(filters[-2::-1], joins[:0:-1]):
        x = _crop(_conv(n, None, size=2, strides=2, transpose=True)(x), *join.shape[1:3])
        x = _conv(n)(layers.Concatenate()([x, join]))
    x = _crop(_conv(max(1, filters[0] // 2), size=4, strides=2, transpose=True)(x), *image_shape[:2])
    x = _conv(image_shape[2], "sigmoid")(layers.Concatenate()([x, image]))
    return keras.Model(rows, layers.Flatten()(x), name="unet")


def build(architecture, image_shape, latent_dim, hidden_layer_sizes=()):
    """The network called `architecture`, or what a callable ``(image_shape, latent_dim)`` of that place returns."""
    if callable(architecture):
        return architecture(image_shape, latent_dim)
    if architecture == "dense":
        return dense(image_shape, latent_dim, hidden_layer_sizes)
    return {"conv": conv, "unet": unet}[architecture](image_shape, latent_dim)


def count_values(architecture, image_shape, latent_dim, hidden_layer_sizes=()):
    """How many weights a built-in network has and how many values one row makes in it, before building anything.

    Returns
    -------
    n_weights : int
        Equals ``build(...).count_params()``.
    n_activations : int
        Outputs of all layers for one row, which training keeps for the gradients; an estimate.
    """
    channels, n_features = image_shape[2], math.prod(image_shape)
    if architecture == "dense":
        sizes = (n_features, *hidden_layer_sizes, latent_dim, *hidden_layer_sizes[::-1], n_features)
        return sum((a + 1) * b for a, b in itertools.pairwise(sizes)), sum(sizes)
    areas = [math.prod(size) for size in halvings(image_shape, 3)]
    if architecture == "conv":
        a, b, c = CONV_FILTERS
        weights = [(9 * channels + 1) * a, (9 * a + 1) * b, (9 * b + 1) * c, (areas[3] * c + 1) * latent_dim]
        weights += [(latent_dim + 1) * areas[3] * c, (16 * c + 1) * b, (16 * b + 1) * a, (16 * a + 1) * a]
        weights.append((9 * a + 1) * channels)
        return sum(weights), areas[0] * (a + 2 * channels) + 2 * areas[1] * a + 2 * areas[2] * b + 3 * areas[3] * c
    a, b, c = unet_filters(latent_dim)
    last = max(1, a // 2)
    weights = [(16 * channels + 1) * a, (9 * a + 1) * a, (9 * a + 1) * b, (9 * b + 1) * b, (9 * b + 1) * c]
    weights += [(9 * c + 1) * c, (4 * c + 1) * b, (18 * b + 1) * b, (4 * b + 1) * a, (18 * a + 1) * a]
    weights += [(16 * a + 1) * last, (9 * (last + channels) + 1) * channels]
    n_activations = areas[0] * (2 * last + 4 * channels) + areas[1] * 6 * a + areas[2] * 6 * b + areas[3] * 2 * c
    return sum(weights), n_activations
