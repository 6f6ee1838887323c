"""The whole workflow in one call: how much of the accuracy lost to noise is recovered by denoising."""

from __future__ import annotations

import dataclasses
import tempfile
from numbers import Integral, Real
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from ._core.sklearn_glue import Interval, StrOptions, validate_function_params
from .datasets import load_digit_images, load_mnist
from .denoisers._autoencoder import DenoisingAutoencoder
from .displays import DenoisingDisplay, LatentDisplay, LossCurveDisplay
from .evaluation import RecoveryReport, recovery_report
from .networks.spec import ARCHITECTURES
from .noise._injector import NoiseInjector
from .noise.kinds import KINDS

__all__ = ["DemoResult", "run_demo"]

_N_LABELLED = 3_000  # of MNIST, for the classifier; the denoiser needs no labels and gets all rows
_N_SEARCH = 3_000
_AUGMENTED = {"max_draws": 64}  # more draws hardly help on the digits, and double the time


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """Results of the demo.

    Attributes
    ----------
    latent_dim : int
        Best of the latent sizes searched.
    search : dict of int to tuple of float
        Mean accuracy and its standard deviation over folds for each latent size.
    report : RecoveryReport
        The denoiser on test images: with the demo's noise (first line), without noise, and with another kind.
    figures : list of Path
        Paths of the saved figures.
    """

    latent_dim: int
    search: dict
    report: RecoveryReport
    figures: list


def load(dataset, seed):
    """Load training and test rows of a data set, scaled to [0, 1], and their labels."""
    if dataset == "mnist":
        X_train, X_test, y_train, y_test = load_mnist()
    else:
        X, y = load_digit_images()
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=597, stratify=y, random_state=seed)
    # The denoiser takes any units, but the classifier converges quickly only on small numbers. All pixels are scaled
    # by the same factor, not by their own spread, to keep the classifier as robust to noise as possible.
    peak = np.float32(X_train.max())
    return X_train / peak, X_test / peak, y_train, y_test


@validate_function_params(
    {
        "dataset": [StrOptions({"digits", "mnist"})],
        "noise": [StrOptions(set(KINDS))],
        "level": [Interval(Real, 0, None, closed="neither")],
        "architecture": [StrOptions(set(ARCHITECTURES))],
        "output": [str, PathLike],
        "seed": [Interval(Integral, 0, 2**32, closed="left")],
        "log": [callable],
    },
    prefer_skip_nested_validation=False,
)
def run_demo(
    *, dataset="digits", noise="gaussian", level=0.5, architecture="dense", output="sk-denoise-demo", seed=0, log=print
):
    """Search the latent size, train, measure the recovered accuracy, and save pictures.

    Parameters
    ----------
    dataset : {"digits", "mnist"}, default="digits"
        The embedded 8 x 8 digits, or MNIST.
    noise : str, default="gaussian"
        Kind of noise.
    level : float, default=0.5
        Level of noise.
    architecture : {"dense", "conv", "unet"}, default="dense"
        Network of the denoiser.
    output : path, default="sk-denoise-demo"
        Folder for the pictures.
    seed : int, default=0
        Seeds everything.
    log : callable, default=print
        Called with a line of text for each stage.

    Returns
    -------
    result : DemoResult
        All results and the paths of the figures.
    """
    injector = NoiseInjector(noise, level, data_range=(0, 1), random_state=seed)._check_params()
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()  # fail now, not after the work, if it is not writable
    X, X_test, y, y_test = load(dataset, seed)
    classifier = LogisticRegression(max_iter=1000)
    denoiser = DenoisingAutoencoder(architecture, random_state=seed)
    log(f"{dataset}: {len(X)} training and {len(X_test)} test images, {noise} noise of level {level:g}")

    sizes = [16, 32, 64, 128] if ARCHITECTURES[architecture].compiles_with_xla else [32, 64]  # training takes longer
    log(f"searching latent_dim in {sizes}, by accuracy of the classifier behind the denoiser ...")
    pipe = Pipeline([("noise", injector), ("denoise", denoiser), ("classify", classifier)])
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    search = GridSearchCV(pipe, {"denoise__latent_dim": sizes}, cv=folds, refit=False)
    results = search.fit(X[:_N_SEARCH], y[:_N_SEARCH]).cv_results_
    found = dict(zip(sizes, zip(results["mean_test_score"].tolist(), results["std_test_score"].tolist())))
    latent_dim = search.best_params_["denoise__latent_dim"]

    log(f"training on all rows with latent_dim={latent_dim} ...")
    denoiser.set_params(latent_dim=latent_dim, validation_split=0.1).fit(injector.fit_transform(X))
    log("training the classifiers: on clean, on denoised and on noisy rows ...")
    report = recovery_report(
        denoiser,  # fitted, so that the network in the pictures is the one that is measured
        {"logistic": classifier},
        X,
        y,
        X_test=X_test,
        y_test=y_test,
        noises=noise,
        levels=level,
        n_labels=_N_LABELLED if len(X) > _N_LABELLED else None,
        augmented=_AUGMENTED,
        n_seeds=1,
        data_range=(0, 1),
        random_state=seed,
    )
    figures = _save_figures(folder, denoiser, injector.transform(X_test), X_test, y_test, found, architecture)
    return DemoResult(latent_dim=latent_dim, search=found, report=report, figures=figures)


def _save_figures(folder, denoiser, noisy, X_test, y_test, search, architecture):
    from matplotlib.figure import Figure

    def new(size):
        # Without pyplot, so that no window opens and the user's figures are not affected.
        return Figure(figsize=size, layout="constrained").subplots()

    images = DenoisingDisplay.from_estimator(denoiser, noisy, X_clean=X_test, y=y_test, ax=new((9, 3.8)))
    losses = LossCurveDisplay.from_estimator(denoiser, ax=new((6, 3.5)))
    means, spreads = zip(*search.values())
    xlabel = "latent size" if ARCHITECTURES[architecture].has_code else "feature maps"
    curve = LatentDisplay(list(search), means, spreads, xlabel=xlabel, ylabel="accuracy on denoised folds")
    curve.plot(ax=new((6, 3.5)))
    paths = [folder / name for name in ("images.png", "loss.png", "latent_size.png")]
    for path, display in zip(paths, (images, losses, curve), strict=True):
        display.figure_.savefig(path, dpi=150)
    return paths
