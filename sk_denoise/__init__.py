"""Image denoising that speaks scikit-learn.

Public names are looked up when first used, so importing the package imports neither TensorFlow nor scikit-image.
"""

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "NoiseInjector": "noise",
    "NoisyArray": "noise",
    "NoisyImages": "noise",
    "NoiseEstimate": "noise",
    "estimate_noise": "noise",
    "DenoisingAutoencoder": "denoisers",
    "EstimatorDenoiser": "denoisers",
    "ImageFilter": "denoisers",
    "PatchDenoiser": "denoisers",
    "denoise": "denoisers",
    "recovery_report": "evaluation",
    "save": "files",
    "load": "files",
    "InvalidFileError": "files",
}
_MODULES = ("datasets", "demo", "denoisers", "displays", "evaluation", "files", "metrics", "networks", "noise")

__all__ = ["__version__", *_PUBLIC, *_MODULES]


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
