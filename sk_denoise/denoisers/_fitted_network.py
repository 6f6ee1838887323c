"""`FittedNetwork`, the methods of a denoiser with a fitted network: denoising, encoding, decoding and export."""

from __future__ import annotations

import numpy as np
from sklearn.utils import gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._core.sklearn_glue import check_rows
from .._core.units import check_scale, result_dtype
from ..networks.spec import ARCHITECTURES
from ._base import BaseDenoiser
from ._patches import Tiling


def _has_code(estimator):
    """Return True if the network has a code; otherwise raise an AttributeError that says why it does not."""
    if estimator._is_fitted():
        has_code = estimator._code_size is not None
    else:
        built_in = ARCHITECTURES.get(estimator.architecture) if isinstance(estimator.architecture, str) else None
        has_code = built_in is None or built_in.has_code
    if not has_code:
        raise AttributeError(
            f"architecture={estimator.architecture!r} has no code, so it cannot encode or decode: it has no layers"
            " named 'encoder' and 'decoder' (the skip connections of a U-Net bypass its coarsest scale). Use 'dense' or"
            " 'conv'."
        )
    return True


def _outputs_code(estimator):
    if estimator.output != "latent":
        raise AttributeError(
            f"inverse_transform requires output='latent', got output={estimator.output!r}: denoising has no inverse."
        )
    return _has_code(estimator)


class FittedNetwork(BaseDenoiser):
    """Methods of a fitted `DenoisingAutoencoder`, which sets `_spec`, `_weights` and `_code_size`."""

    def _is_fitted(self):
        return "_weights" in vars(self)

    __sklearn_is_fitted__ = _is_fitted

    def _networks(self, spec):
        """Return the cache of compiled networks: the estimator's own for custom networks, otherwise the shared one."""
        from ..networks import cache

        return cache.SHARED if cache.is_shared(spec) else vars(self).setdefault("_own_networks", cache.Networks(1))

    def _through(self, part, X, n_outputs, **options):
        """Compute a part of the network on validated rows or codes."""
        forward = self._networks(self._spec).forward(self._spec)
        dtype = forward.dtype_for(result_dtype(X.dtype))
        function = forward.through(part, self._weights, dtype)
        return self._in_blocks(X, function, n_outputs, dtype=dtype, block_rows=forward.block_rows, **options)

    def transform(self, X):
        """Denoise rows, or encode them with ``output="latent"``.

        Parameters
        ----------
        X : array-like or dask array of shape (n_samples, n_features), or an iterator of array-likes
            Noisy rows, in the units of the rows seen during `fit`.

        Returns
        -------
        X_new : ndarray or dask array of shape (n_samples, n_features) or (n_samples, latent_dim), or an iterator
            Denoised rows in the same units, or codes. Float dtypes are kept, integers become float32. For a dask array
            or an iterator, the result is computed on demand, chunk by chunk.

        Raises
        ------
        ValueError, TypeError
            If `X` is not a 2-D array of finite real numbers with the features seen during `fit`, or if a value is too
            far outside the data range.
        """
        part = self._output_part()
        self._refuse_frames(X)
        return self.predict(X) if part == "model" else self.encode(X)

    def _output_part(self):
        """Return the name of the part of the network that computes `output`."""
        check_is_fitted(self)
        if self.output not in ("denoised", "latent") or (self.output == "latent" and self._code_size is None):
            raise ValueError(
                f"output must be 'denoised', or 'latent' for an architecture with a code, got {self.output!r} with"
                f" architecture={self.architecture!r}."
            )
        return "model" if self.output == "denoised" else "encoder"

    def _restore(self, rows):
        return self._through("model", rows, self.n_features_in_)

    def _tiling(self):
        built_in = ARCHITECTURES.get(self._spec.architecture) if isinstance(self._spec.architecture, str) else None
        if built_in is None or built_in.reach is None:
            return Tiling(any_size=False)
        return Tiling(any_size=True, reach=built_in.reach, multiple=built_in.multiple)

    def _denoise_images(self, unit):
        forward = self._networks(self._spec).forward(self._spec)
        dtype = forward.dtype_for(unit.dtype)
        unit = unit.astype(dtype, copy=False)
        if self._tiling().any_size:
            return forward.through_images(self._weights, dtype)(unit)
        through, rows = forward.through("model", self._weights, dtype), unit.reshape(len(unit), -1)
        blocks = [through(rows[block]) for block in gen_batches(len(rows), forward.block_rows)]  # to bound memory
        return np.concatenate(blocks).reshape(unit.shape)

    @available_if(_has_code)
    def encode(self, X):
        """Encode rows.

        Parameters
        ----------
        X : array-like or dask array of shape (n_samples, n_features), or an iterator of array-likes
            Noisy rows, in the units of the rows seen during `fit`.

        Returns
        -------
        Z : ndarray or dask array of shape (n_samples, latent_dim), or an iterator of ndarrays
            Codes, as computed by the encoder, without scaling. Float dtypes are kept, integers become float32.

        Raises
        ------
        ValueError, TypeError
            If `X` is not a 2-D array of finite real numbers with the features seen during `fit`, or if a value is too
            far outside the data range.
        """
        check_is_fitted(self)
        lazily = self._by_parts("encode", X, self.n_features_in_, self._code_size)
        if lazily is not None:
            return lazily
        rows = self._read_rows(X)
        check_scale(rows, self.data_range_, "X")
        return self._through("encoder", rows, self._code_size, scale=(True, False))

    @available_if(_has_code)
    def decode(self, Z):
        """Decode codes into images.

        Parameters
        ----------
        Z : array-like or dask array of shape (n_samples, latent_dim), or an iterator of array-likes
            Codes, as returned by `encode`.

        Returns
        -------
        X : ndarray or dask array of shape (n_samples, n_features), or an iterator of ndarrays
            Images, in the units of the rows seen during `fit`. Float dtypes are kept, integers become float32.

        Raises
        ------
        ValueError, TypeError
            If `Z` is not a 2-D array of finite real numbers with `latent_dim` columns, or if a value is too large.
        """
        return self._decode(Z, "Z")

    def _decode(self, Z, name):
        check_is_fitted(self)
        lazily = self._by_parts("decode", Z, self._code_size, self.n_features_in_, name)
        if lazily is not None:
            return lazily
        Z = check_rows(Z, name)
        if Z.shape[1] != self._code_size:
            raise ValueError(f"{name} must have {self._code_size} columns, the size of the code, got {Z.shape[1]}.")
        return self._through("decoder", Z, self.n_features_in_, scale=(False, True), name=name)

    @available_if(_outputs_code)
    def inverse_transform(self, X):
        """Decode the codes returned by `transform` with ``output="latent"``.

        Parameters
        ----------
        X : array-like or dask array of shape (n_samples, latent_dim), or an iterator of array-likes
            Codes, as returned by `transform`.

        Returns
        -------
        X_original : ndarray or dask array of shape (n_samples, n_features), or an iterator of ndarrays
            Images, in the units of the rows seen during `fit`. Float dtypes are kept, integers become float32.
        """
        return self._decode(X, "X")

    def get_feature_names_out(self, input_features=None):
        """Names of the columns returned by `transform`.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input columns, as in `OneToOneFeatureMixin`.

        Returns
        -------
        names : ndarray of str
            The input names, or ``denoisingautoencoder0`` and so on with ``output="latent"``.
        """
        check_is_fitted(self)
        names = super().get_feature_names_out(input_features)
        if self.output == "denoised":
            return names
        prefix = type(self).__name__.lower()
        return np.asarray([f"{prefix}{i}" for i in range(self._code_size)], dtype=object)

    @property
    def model_(self):
        """A compiled copy of the network, built on first access; changing it does not affect the estimator."""
        check_is_fitted(self)
        if "_model" not in vars(self):
            from ..networks import building

            self._model = building.model_with(self._spec, self._weights)
        return self._model

    @property
    def encoder_(self):
        """The part of `model_` up to the code."""
        _has_code(self)
        return self.model_.get_layer("encoder")

    @property
    def decoder_(self):
        """The part of `model_` from the code on."""
        _has_code(self)
        return self.model_.get_layer("decoder")

    def to_keras(self):
        """Export `transform` as a Keras model, scaling included.

        Returns
        -------
        model : keras.Model
            Maps rows of shape (n_samples, n_features), in the units of the rows seen during `fit`, to denoised rows in
            the same units, or to codes with ``output="latent"``. Each call returns a new model, which is not
            compiled, because only training requires that.

        See Also
        --------
        to_onnx : Writes the model to a file for other runtimes.

        Notes
        -----
        The output agrees with that of `transform` for the same values to 1e-5 of the width of `data_range_`. Rows and
        output are float32, or float64 if `data_range_` extends further than 16 times its width from zero, for example
        (1000, 1001), because float32 has too few digits there. In that case call the model as ``model(X)``, because
        `predict` rounds arrays to float32. Input is not checked: NaN in the input gives NaN in the output.

        The model of a built-in architecture consists only of Keras' own operations, so it can be saved by
        ``model.save("denoiser.keras")`` and loaded by ``keras.saving.load_model`` without this package. To continue
        training, use `model_`, which takes rows scaled to [0, 1], as the losses require.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_denoise import DenoisingAutoencoder
        >>> X = np.random.default_rng(0).integers(0, 256, (60, 64)).astype(np.uint8)
        >>> denoiser = DenoisingAutoencoder(latent_dim=4, epochs=1, random_state=0).fit(X)
        >>> model = denoiser.to_keras()
        >>> np.allclose(model.predict(X, verbose=0), denoiser.transform(X), atol=255e-5)
        True
        """
        part = self._output_part()
        from ..networks import export

        return export.keras_model(self, part)

    def to_onnx(self, path):
        """Write the model of `to_keras` to an ONNX file; requires ``pip install "sk_denoise[onnx]"``.

        The file is written next to `path` and then renamed, so `path` always contains a complete file, old or new.

        Parameters
        ----------
        path : str or path-like
            Path of the file. The folder must exist; an existing file is replaced.

        Raises
        ------
        ImportError
            If onnx or tf2onnx is not installed.
        ValueError
            If a custom `architecture` uses operations that ONNX does not support, or if the weights take more than
            2 GiB. Nothing is written.
        OSError
            If `path` cannot be written.

        See Also
        --------
        to_keras : Returns the model as a `keras.Model`.

        Notes
        -----
        The input of the model is named "rows" and its output "denoised", or "codes" with ``output="latent"``, for any
        number of rows, in the dtype described in `to_keras`. The output agrees with that of `transform` for the same
        values to 1e-5 of the width of `data_range_`, or to half precision if Keras is set to it. The metadata contain
        `image_shape`, `data_range` and `output`, as JSON.
        """
        part = self._output_part()
        from ..networks import export

        export.write_onnx(self, part, path)

    def __getstate__(self):
        return {
            name: value for name, value in super().__getstate__().items() if name not in ("_model", "_own_networks")
        }
