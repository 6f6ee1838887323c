"""Random numbers for noise, in float32, with one stream per row, so that the noise of rows is independent.

Hashing arrays of counters and applying the Box-Muller transform takes a third of the time of drawing normal numbers
from a generator, and does not require setting up a generator for each row.
"""

from __future__ import annotations

import math

import numpy as np

_F32, _U32, _U64 = np.float32, np.uint32, np.uint64
# The constants of SplitMix64: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators",
# OOPSLA 2014.
_STEP, _MIX_1, _MIX_2 = _U64(0x9E3779B97F4A7C15), _U64(0xBF58476D1CE4E5B9), _U64(0x94D049BB133111EB)


class RowStreams:
    """The methods of `numpy.random.Generator` that the kinds of noise use, with one stream per row.

    Row ``i`` of every array drawn depends only on ``keys[i]``. With ``by_row=False``, meant for random keys, this does
    not hold for Poisson numbers, which are faster to draw for many rows at once.

    Not thread-safe. Returned arrays are reused after `restart`, because allocating them for each block took as long as
    drawing the numbers.
    """

    def __init__(self, *, by_row):
        self.by_row = by_row
        self._buffers = {}
        self._bits = np.random.Philox(key=0)
        self._state = self._bits.state
        self._generator = np.random.Generator(self._bits)

    def restart(self, keys):
        """Start the streams of the next block of rows."""
        self._keys = keys
        self._used = 0  # words of each stream drawn so far
        self._n_arrays = 0

    def buffer(self, name, shape, dtype):
        """Return scratch memory, which is reused for each `name`."""
        size = math.prod(shape)
        if name not in self._buffers or self._buffers[name].size < size:
            self._buffers[name] = np.empty(size, dtype)
        return self._buffers[name][:size].reshape(shape)

    def _array(self, shape):
        self._n_arrays += 1
        return self.buffer(self._n_arrays, shape, _F32)

    def _words(self, n):
        """Return the next `n` 32-bit words of each row: halves of the output of SplitMix64, seeded with its key."""
        shape = len(self._keys), -(-n // 2)
        counters = np.arange(self._used + 1, self._used + shape[1] + 1, dtype=_U64)
        counters *= _STEP
        self._used += shape[1]
        words, shifted = self.buffer("words", shape, _U64), self.buffer("shifted", shape, _U64)
        np.add(self._keys[:, np.newaxis], counters, out=words)
        for shift, factor in ((30, _MIX_1), (27, _MIX_2), (31, None)):
            words ^= np.right_shift(words, _U64(shift), out=shifted)
            if factor is not None:
                words *= factor
        return words.view(_U32)[:, :n]

    def random(self, shape, dtype=_F32):
        """Draw uniform numbers in [0, 1), multiples of 2 ** -24."""
        words, numbers = self._words(shape[1]), self._array(shape)
        words >>= _U32(8)
        return np.multiply(words, _F32(2**-24), out=numbers, casting="unsafe", dtype=_F32)

    def standard_normal(self, shape, dtype=_F32):
        """Draw standard normal numbers, as coordinates of points of random radius and angle [1]_.

        Each word gives one point: 20 bits determine its radius (up to 5.4) and 12 bits its angle.

        References
        ----------
        .. [1] G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates", Annals of
           Mathematical Statistics 29(2), 1958.
        """
        n_points = -(-shape[1] // 2)
        n_sines = shape[1] - n_points
        words, normal = self._words(n_points), self._array(shape)
        radius, angle, cosine = (self.buffer(name, words.shape, _F32) for name in ("radius", "angle", "cosine"))
        np.right_shift(words, _U32(12), out=cosine.view(_U32))
        radius[...] = cosine.view(np.int32)
        radius += _F32(0.5)  # never zero, so that the logarithm is finite
        radius *= _F32(2**-20)
        np.log(radius, out=radius)
        radius *= _F32(-2)
        np.sqrt(radius, out=radius)
        words <<= _U32(20)
        angle[...] = words.view(np.int32)
        angle += _F32(2**19)  # half a step, so that no sine is zero
        angle *= _F32(math.pi * 2**-31)
        np.cos(angle, out=cosine)
        np.multiply(cosine, radius, out=normal[:, :n_points])
        np.sin(angle, out=angle)
        np.multiply(angle[:, :n_sines], radius[:, :n_sines], out=normal[:, n_points:])
        return normal

    def new_generator(self, index=0):
        """Return a `numpy.random.Generator` for one row, to pass to a callable kind."""
        return np.random.default_rng([int(self._keys[index]), self._used])

    def _generator_of(self, index):
        # Setting the state of a generator takes a tenth of the time of creating one.
        self._state["state"]["key"] = np.array([self._keys[index], 0], dtype=_U64)
        self._state["state"]["counter"] = np.array([0, 0, self._used, 0], dtype=_U64)
        self._state.update(buffer_pos=4, has_uint32=0, uinteger=0)
        self._bits.state = self._state
        return self._generator

    def poisson(self, lam):
        """Draw Poisson counts with means `lam`, using NumPy because the number of words per count varies."""
        if self.by_row:
            counts = np.empty(lam.shape, dtype=np.int64)
            for index, row in enumerate(lam):
                counts[index] = self._generator_of(index).poisson(row)
        else:
            counts = self._generator_of(0).poisson(lam)
        self._used += 1
        return counts


class BlurredNormals:
    """A source of random numbers whose normal numbers are correlated between neighbouring pixels.

    White noise is convolved with a Gaussian, periodically, so that the correlation is the same everywhere in the image,
    and scaled back to a variance of one. Everything else comes from `source` as it is.
    """

    def __init__(self, source, blur, image_shape):
        self._source = source
        self._image_shape = image_shape  # (height, width, channels)
        self._sigmas = (0, *blur, 0)
        impulse = np.zeros((1, *image_shape[:2], 1))
        impulse[0, 0, 0, 0] = 1
        self._norm = _F32(1 / np.sqrt(np.sum(self._filter(impulse) ** 2)))

    def __getattr__(self, name):
        return getattr(self._source, name)

    def _filter(self, images):
        from scipy import ndimage

        return ndimage.gaussian_filter(images, self._sigmas, mode="wrap")

    def standard_normal(self, shape, dtype=_F32):
        """Draw rows of standard normal numbers, correlated within each row."""
        images = self._source.standard_normal(shape, dtype=dtype).reshape(-1, *self._image_shape)
        return (self._filter(images) * self._norm).reshape(shape)


def key_multipliers(seed, n_features):
    """Draw the multipliers of `row_keys` for a seed."""
    generator = np.random.Generator(np.random.Philox(key=int(seed)))
    return generator.integers(0, 2**64, size=(2, n_features + 1), dtype=_U64)


def row_keys(unit, multipliers, buffer):
    """Return a 64-bit key for each row, computed from its values in float32, so that the dtype does not matter.

    A key consists of the upper halves of two sums of values times random multipliers. The probability that two
    different rows share a key is at most 2 ** -64, whatever their values [1]_.

    References
    ----------
    .. [1] D. Lemire, O. Kaser, "Strongly universal string hashing is fast", Computer Journal 57(11), 2014.
    """
    values = buffer("values", unit.shape, _F32)
    with np.errstate(over="ignore"):
        np.add(unit, 0, out=values, casting="same_kind")  # adding zero turns -0.0 into 0.0
    words = buffer("word for value", unit.shape, _U64)
    words[...] = values.view(_U32)
    high, low = (np.einsum("ij,j->i", words, numbers[:-1]) + numbers[-1] for numbers in multipliers)
    return (high & _U64(0xFFFFFFFF00000000)) | (low >> _U64(32))
