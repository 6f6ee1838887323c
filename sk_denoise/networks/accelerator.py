"""Training noise, drawn on the GPU if TensorFlow uses one. `has_gpu` also determines which networks use XLA."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf


def has_gpu():
    """Return whether TensorFlow sees a GPU, which it then uses by default."""
    return bool(tf.config.get_visible_devices("GPU"))


class Device:
    """Random tensors, and the tensor functions used by `sk_denoise.noise._device_kinds`.

    A seed gives the same numbers on the same kind of device, so that an interrupted fit can resume with the same draws.
    """

    where = staticmethod(tf.where)
    sqrt = staticmethod(tf.sqrt)
    clip = staticmethod(tf.clip_by_value)

    def __init__(self, seed):
        self._seed = seed
        self._n_draws = 0

    def _next_seed(self):
        self._n_draws += 1
        return tf.random.experimental.stateless_fold_in(self._seed, self._n_draws)

    def uniform(self, like):
        """Draw uniform numbers in [0, 1), in the shape of `like`."""
        return tf.random.stateless_uniform(tf.shape(like), self._next_seed())

    def normal(self, like):
        """Draw standard normal numbers, in the shape of `like`."""
        return tf.random.stateless_normal(tf.shape(like), self._next_seed())


def with_noise_drawn_there(rows):
    """Return training rows whose noise is drawn on the GPU, to which each block is sent once, as tensors.

    Without a GPU, or if the noise has no function for tensors, the rows are returned unchanged.
    """
    noise = getattr(rows.pair, "on_device", None)
    if noise is None or not has_gpu():
        return rows
    add_noise = _compiled(noise, rows.n_features)

    def pair(clean, rng):
        clean = tf.constant(clean)
        return add_noise(clean, tf.constant(rng.integers(2**31, size=2, dtype=np.int32))), clean

    return dataclasses.replace(rows, pair=pair)


@functools.lru_cache(maxsize=16)
def _compiled(noise, n_features):
    """Compile `noise` as a function of clean rows and a seed; cached, because compiling would dominate small fits."""

    def add_noise(clean, seed):
        return noise(clean, Device(seed))

    signature = tf.TensorSpec((None, n_features), tf.float32), tf.TensorSpec((2,), tf.int32)
    return tf.function(add_noise, autograph=False).get_concrete_function(*signature)
