"""Denoisers, all with the same contract: fit to noisy rows, transform them into clean ones."""

from ._autoencoder import DenoisingAutoencoder
from ._estimator_denoiser import EstimatorDenoiser
from ._image_filter import ImageFilter

__all__ = ["DenoisingAutoencoder", "EstimatorDenoiser", "ImageFilter"]
