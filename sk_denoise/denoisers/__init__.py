"""Denoisers, which share one interface: fit to noisy or clean rows, then transform noisy rows into denoised ones."""

from ._autoencoder import DenoisingAutoencoder
from ._denoise import denoise
from ._estimator_denoiser import EstimatorDenoiser
from ._image_filter import ImageFilter
from ._patch_denoiser import PatchDenoiser

__all__ = ["DenoisingAutoencoder", "EstimatorDenoiser", "ImageFilter", "PatchDenoiser", "denoise"]
