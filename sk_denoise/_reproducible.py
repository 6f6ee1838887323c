"""Layers whose bits do not depend on how many threads TensorFlow runs.

TensorFlow, XLA and oneDNN share a long sum out over their threads, or cut it up in another way for one thread than for
several: in a worker process, which runs fewer, the same fit would end with other last digits. The layers here take
their sums so that threads share out the results instead, each of which adds up the same numbers in the same order.
"""

from __future__ import annotations

import functools
import typing

import keras
import tensorflow as tf

_TERMS = 64  # in one sum of a product of matrices; XLA was seen to cut up sums of 128
_REGISTER = 16  # float32 values that a vector register holds
_LARGE = 1024  # pixels beyond which products of matrices are faster than a convolution with so large a kernel


def use_own_sums(layers):
    """Let Keras' own `layers` compute as in this file; for the built-in architectures, in models of ours alone."""
    calls = {
        keras.layers.Dense: _call_dense,
        keras.layers.Conv2D: _call_convolution,
        keras.layers.Conv2DTranspose: _call_transposed_convolution,
    }
    for layer in layers:
        if type(layer) in calls:
            layer.call = functools.partial(calls[type(layer)], layer)


def _call_dense(layer, inputs, training=None):
    return layer.activation(_add_bias(_product(inputs, _tensor(layer.kernel)), _tensor(layer.bias)))


def _call_convolution(layer, inputs):
    return layer.activation(
        _add_bias(_convolution(layer.strides[0])(inputs, _tensor(layer.kernel)), _tensor(layer.bias))
    )


def _call_transposed_convolution(layer, inputs):
    outputs = _transposed_convolution(layer.strides[0])(inputs, _tensor(layer.kernel))
    return layer.activation(_add_bias(outputs, _tensor(layer.bias)))


def _tensor(variable):
    return tf.convert_to_tensor(variable)  # in the precision that Keras computes with, if another


@tf.custom_gradient
def _add_bias(x, bias):
    def gradient(total):
        rows = _rows(total)
        for _ in range(2):  # in parts, for a long sum down to one number would be shared out
            rows = tf.reduce_sum(_in_parts(rows), 1)
        return total, tf.reduce_sum(rows, 0)

    return x + bias, gradient


def _rows(images):
    return tf.reshape(images, (-1, images.shape[-1]))


@tf.custom_gradient
def _product(a, b):
    def gradient(c):
        c = tf.ensure_shape(c, (a.shape[0], b.shape[1]))
        return _sum_in_parts(tf.transpose(c), tf.transpose(b)), _sum_in_parts(a, c)

    return _sum_in_parts(tf.transpose(a), b), gradient


def _sum_in_parts(a, b):
    """``transpose(a) @ b``, in sums of a few terms."""
    n_terms = a.shape[0]
    if n_terms is not None and n_terms <= _TERMS:
        return tf.matmul(a, b, transpose_a=True)
    return tf.reduce_sum(tf.matmul(_in_parts(a), _in_parts(b), transpose_a=True), 0)


def _in_parts(rows):
    """Rows filled up with zeros and stacked, `_TERMS` in a part; at most one of their two sizes may be unknown."""
    n_rows, n_columns = rows.shape
    rest = -(tf.shape(rows)[0] if n_rows is None else n_rows) % _TERMS
    n_parts = -1 if n_rows is None else -(-n_rows // _TERMS)
    return tf.reshape(tf.pad(rows, [[0, rest], [0, 0]]), (n_parts, _TERMS, -1 if n_columns is None else n_columns))


def _convolution(stride):
    """Convolution of (images, kernel), filled up with zeros to keep the size, or to halve it with a stride of 2."""

    @tf.custom_gradient
    def convolution(images, kernel):
        def gradient(maps):
            maps = tf.ensure_shape(maps, (None, *result.shape[1:]))
            return _spread(maps, kernel, images.shape, stride), _kernel_gradient(images, kernel.shape, maps, stride)

        result = _gather(images, kernel, stride)
        return result, gradient

    return convolution


def _transposed_convolution(stride):
    """Transposed convolution of (maps, kernel); `stride` times as large."""

    @tf.custom_gradient
    def convolution(maps, kernel):
        shape = None, maps.shape[1] * stride, maps.shape[2] * stride, kernel.shape[2]

        def gradient(images):
            images = tf.ensure_shape(images, shape)
            return _gather(images, kernel, stride), _kernel_gradient(images, kernel.shape, maps, stride)

        return _spread(maps, kernel, shape, stride), gradient

    return convolution


def _gather(images, kernel, stride, padding="SAME"):
    """Convolution."""
    # oneDNN shares out the pixels where it makes maps that do not fill a register, and rounds those at the ends of a
    # share in another way.
    n_maps = kernel.shape[3]
    if n_maps % _REGISTER:  # not by tf.pad, for TensorFlow (2.21) crashes on kernels out of it
        zeros = tf.zeros([*kernel.shape[:3], -n_maps % _REGISTER], kernel.dtype)
        kernel = tf.concat([kernel, zeros], 3)
    return tf.nn.conv2d(images, kernel, stride, padding)[..., :n_maps]


def _spread(maps, kernel, images_shape, stride):
    """Transposed convolution, as a convolution that makes all pixels of a square of `stride` side by side.

    TensorFlow's own adds up overlapping patches, in an order that depends on the threads.
    """
    before = [_missing(*sizes, stride) // 2 for sizes in zip(maps.shape[1:3], kernel.shape[:2], images_shape[1:3])]
    sizes = [-(-size // stride) for size in images_shape[1:3]]
    rows, columns = (_places(*about, stride) for about in zip(kernel.shape[:2], before))
    border = [(-p.first, n + p.last - m) for p, n, m in zip((rows, columns), sizes, maps.shape[1:3])]
    around = tf.pad(maps, [[0, 0], *((b, max(a, 0)) for b, a in border), [0, 0]])
    around = around[:, : sizes[0] + rows.length - 1, : sizes[1] + columns.length - 1]
    whole = tf.pad(kernel, [[0, 1], [0, 1], [0, 0], [0, 0]])  # the last of each is for places beyond the kernel
    whole = tf.gather(tf.gather(whole, rows.taps, axis=0), columns.taps, axis=2)  # y, y in square, x, x in square
    whole = tf.transpose(whole, (0, 2, 5, 1, 3, 4))
    whole = tf.reshape(whole, (rows.length, columns.length, kernel.shape[3], stride**2 * kernel.shape[2]))
    squares = _gather(around, whole, 1, "VALID")
    images = squares if stride == 1 else tf.nn.depth_to_space(squares, stride)
    return images[:, : images_shape[1], : images_shape[2]]


def _missing(n_maps, size, n_pixels, stride):
    """Zeros that a convolution fills `n_pixels` up with, to keep or halve their number."""
    return max((n_maps - 1) * stride + size - n_pixels, 0)


class _Places(typing.NamedTuple):
    """Which taps of a kernel lead from a map's pixel, so far away, to each pixel of a square."""

    first: int  # distance
    last: int
    taps: list  # for each distance, one for each pixel; the number of taps where none does

    @property
    def length(self):
        return len(self.taps)


def _places(size, before, stride):
    first, last = -(-(before - size + 1) // stride), (stride - 1 + before) // stride
    taps = [[pixel + before - stride * distance for pixel in range(stride)] for distance in range(first, last + 1)]
    return _Places(first, last, [[tap if 0 <= tap < size else size for tap in row] for row in taps])


def _kernel_gradient(images, kernel_shape, maps, stride):
    """Gradient of the kernel of a convolution of `images` by that of its `maps`; in the fastest of four ways."""
    covered = _covered(images, kernel_shape, maps.shape, stride)
    if stride == 1 and 4 * maps.shape[3] <= images.shape[3]:
        border = [[0, 0], [kernel_shape[0] - 1] * 2, [kernel_shape[1] - 1] * 2, [0, 0]]
        return tf.transpose(tf.reverse(_correlate(tf.pad(maps, border), covered, 1), (0, 1)), (0, 1, 3, 2))
    if images.shape[3] < _REGISTER:  # too few results for threads to share out
        sizes, strides = [1, *kernel_shape[:2], 1], [1, stride, stride, 1]
        patches = tf.image.extract_patches(covered, sizes, strides, [1, 1, 1, 1], "VALID")
        return tf.reshape(_sum_in_parts(_rows(patches), _rows(maps)), kernel_shape)
    if stride == 1 and maps.shape[1] * maps.shape[2] > _LARGE:
        return _sum_of_products(covered, kernel_shape, maps)
    return _correlate(covered, maps, stride)


def _covered(images, kernel_shape, maps_shape, stride):
    """The part of `images` that the kernel passed over, with the zeros that it was filled up with."""
    needed = [(n - 1) * stride + size for n, size in zip(maps_shape[1:3], kernel_shape[:2])]
    missing = [_missing(*sizes, stride) for sizes in zip(maps_shape[1:3], kernel_shape[:2], images.shape[1:3])]
    padded = tf.pad(images, [[0, 0], *((n // 2, n - n // 2) for n in missing), [0, 0]])
    return padded[:, : needed[0], : needed[1]]


def _correlate(images, maps, stride):
    """The gradient as a convolution: images are its channels, their channels its batch, and the maps its kernel."""
    batch, kernel = tf.transpose(images, (3, 1, 2, 0)), tf.transpose(maps, (1, 2, 0, 3))
    return tf.transpose(tf.nn.conv2d(batch, kernel, 1, "VALID", dilations=stride), (1, 2, 0, 3))


def _sum_of_products(images, kernel_shape, maps):
    """The gradient as a product of matrices for each place in the kernel."""
    height, width = maps.shape[1:3]
    places = [(i, j) for i in range(kernel_shape[0]) for j in range(kernel_shape[1])]
    sums = [_sum_in_parts(_rows(images[:, i : i + height, j : j + width]), _rows(maps)) for i, j in places]
    return tf.reshape(tf.stack(sums), kernel_shape)
