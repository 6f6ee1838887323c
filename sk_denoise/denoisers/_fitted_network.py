"""`FittedNetwork`, what a denoiser can do once it holds the weights of a network: images, codes, models to export."""

from __future__ import annotations

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._core.sklearn_glue import check_rows, read_rows
from .._core.units import check_scale, result_dtype
from ..networks.spec import ARCHITECTURES
from ._base import BaseDenoiser


def _has_code(estimator):
    """True where there is a code to encode to; else an AttributeError that says why."""
    if estimator._is_fitted():
        has_code = estimator._code_size is not None
    else:
        line = ARCHITECTURES.get(estimator.architecture) if isinstance(estimator.architecture, str) else None
        has_code = line is None or line.has_code
    if not has_code:
        raise AttributeError(
            f"architecture={estimator.architecture!r} has no code that could be encoded to or decoded from: it has no"
            " layers named 'encoder' and 'decoder' (a U-Net's joins go around its coarsest scale). Use 'dense' or"
            " 'conv'."
        )
    return True


def _gives_code(estimator):
    if estimator.output != "latent":
        raise AttributeError(
            f"inverse_transform needs output='latent', got output={estimator.output!r}: denoising cannot be undone."
        )
    return _has_code(estimator)


class FittedNetwork(BaseDenoiser):
    """The fitted half of `DenoisingAutoencoder`, which sets `_spec`, `_weights` and `_code_size`."""

    def _is_fitted(self):
        return "_weights" in vars(self)

    __sklearn_is_fitted__ = _is_fitted

    def _networks(self, spec):
        """Where compiled networks are kept: with the estimator if they are a user's own, else shared by all."""
        from ..networks import cache

        return cache.SHARED if cache.is_shared(spec) else vars(self).setdefault("_own_networks", cache.Networks(1))

    def _through(self, part, X, n_outputs, **options):
        """Validated rows or codes through a part of the network."""
        forward = self._networks(self._spec).forward(self._spec)
        dtype = forward.dtype_for(result_dtype(X.dtype))
        function = forward.through(part, self._weights, dtype)
        return self._in_blocks(X, function, n_outputs, dtype=dtype, block_rows=forward.block_rows, **options)

    def transform(self, X):
        """Denoise rows, or encode them with ``output="latent"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Noisy rows, in the units of the rows seen during `fit`.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features) or (n_samples, latent_dim)
            Denoised rows in the same units, or codes. Float dtypes are kept, integers become float32.
        """
        return self.predict(X) if self._output_part() == "model" else self.encode(X)

    def _output_part(self):
        """The part of the network that `output` asks for."""
        check_is_fitted(self)
        if self.output not in ("denoised", "latent") or (self.output == "latent" and self._code_size is None):
            raise ValueError(
                f"output must be 'denoised', or 'latent' for an architecture with a code, got {self.output!r} with"
                f" architecture={self.architecture!r}."
            )
        return "model" if self.output == "denoised" else "encoder"

    def _restore(self, rows):
        return self._through("model", rows, self.n_features_in_)

    @available_if(_has_code)
    def encode(self, X):
        """Codes of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Noisy rows.

        Returns
        -------
        Z : ndarray of shape (n_samples, latent_dim)
            Codes; their scale is the network's own.
        """
        check_is_fitted(self)
        rows = read_rows(self, X, reset=False)
        check_scale(rows, self.data_range_, "X")
        return self._through("encoder", rows, self._code_size, scale=(True, False))

    @available_if(_has_code)
    def decode(self, Z):
        """Images of codes.

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent_dim)
            Codes, such as `encode` gives.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Images, in the units of the rows seen during `fit`.
        """
        return self._decode(Z, "Z")

    def _decode(self, Z, name):
        check_is_fitted(self)
        Z = check_rows(Z, name)
        if Z.shape[1] != self._code_size:
            raise ValueError(
                f"{name} must have {self._code_size} columns, one for each number of the code, got {Z.shape[1]}."
            )
        return self._through("decoder", Z, self.n_features_in_, scale=(False, True), name=name)

    @available_if(_gives_code)
    def inverse_transform(self, X):
        """Images of the codes that `transform` gives with ``output="latent"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, latent_dim)
            Codes.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Images, in the units of the rows seen during `fit`.
        """
        return self._decode(X, "X")

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that `transform` gives.

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
        """A compiled copy of the network, built when first asked for; changing it changes nothing here."""
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
        """A Keras model that does what `transform` does, scaling included.

        Returns
        -------
        model : keras.Model
            From rows of shape (n_samples, n_features), in the units of the rows seen during `fit`, to denoised rows in
            these units, or to codes with ``output="latent"``. Built anew at each call and yours to change. Not
            compiled, which only training asks for.

        See Also
        --------
        to_onnx : The same as a file for other runtimes.

        Notes
        -----
        The model gives what `transform` gives for the same numbers, to 1e-5 of the width of `data_range_`. It takes
        and gives float32, but float64 where `data_range_` reaches further than 16 times its width from zero, as
        (1000, 1001) does: float32 has too few digits there. Then call it, ``model(X)``, for its `predict` rounds
        arrays to float32 first. It checks nothing: NaN comes out as NaN.

        A built-in architecture gives a model of Keras' own operations only, which ``model.save("denoiser.keras")``
        saves and ``keras.saving.load_model`` loads without this package. To train on, use `model_`: its rows are on
        the scale [0, 1] that the losses are made for.

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
        """Write the model of `to_keras` as an ONNX file; needs ``pip install "sk_denoise[onnx]"``.

        The file is written beside `path` and then moved there, so that `path` holds all of it or what it held before.

        Parameters
        ----------
        path : str or path-like
            Where to. The folder must exist; a file there is replaced.

        Raises
        ------
        ImportError
            Where onnx or tf2onnx is missing.
        ValueError
            For an `architecture` of your own with operations that ONNX lacks, and for more than 2 GiB of weights.
            Nothing is written.
        OSError
            Where `path` cannot be written.

        See Also
        --------
        to_keras : The same in memory.

        Notes
        -----
        The model takes "rows" and gives "denoised", or "codes" with ``output="latent"``, of any number of rows, in
        the dtype that `to_keras` says. It gives what `transform` gives for the same numbers, to 1e-5 of the width of
        `data_range_`, or to half precision where Keras is set to that. Its metadata are `image_shape` and `data_range`,
        as JSON.
        """
        part = self._output_part()
        from ..networks import export

        export.write_onnx(self, part, path)

    def __getstate__(self):
        return {
            name: value for name, value in super().__getstate__().items() if name not in ("_model", "_own_networks")
        }
