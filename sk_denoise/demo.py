"""The main job in one call: how much of the accuracy that noise took denoising wins back."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from ._core.checks import check_choice, check_count, check_path, is_real, shown
from .datasets import load_digit_images, load_mnist
from .denoisers._autoencoder import DenoisingAutoencoder
from .displays import DenoisingDisplay, LatentDisplay, LossCurveDisplay
from .evaluation._recovery_report import fit_rival
from .metrics import accuracy_recovery, psnr, ssim
from .noise._injector import NoiseInjector
from .noise.kinds import KINDS

__all__ = ["DemoResult", "run_demo"]

_N_LABELLED = 3_000  # of MNIST, for the classifier; the denoiser needs no labels and gets all rows
_N_SEARCH = 3_000


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """What the demo found.

    Attributes
    ----------
    latent_dim : int
        Best of the sizes searched.
    search : dict of int to tuple of float
        Mean accuracy and its standard deviation over folds for each latent size.
    quality : dict of str to tuple of float
        PSNR in dB and SSIM of noisy and of denoised test rows.
    accuracy : dict of str to float
        Test accuracy in each situation.
    recovery : float
        Share of the lost accuracy won back with the classifier untouched; NaN where noise took nothing.
    n_draws : int
        Noisy copies of the labelled rows that the rival was trained on.
    saturated : bool
        Whether more copies gained no more; False where the limit came first.
    n_test : int
        Test rows behind each accuracy.
    figures : list of Path
        Pictures saved.
    """

    latent_dim: int
    search: dict
    quality: dict
    accuracy: dict
    recovery: float
    n_draws: int
    saturated: bool
    n_test: int
    figures: list


def load(dataset, seed):
    """Training and test rows of a data set by name, scaled to [0, 1], and their labels."""
    if dataset == "mnist":
        X_train, X_test, y_train, y_test = load_mnist()
    else:
        X, y = load_digit_images()
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=597, stratify=y, random_state=seed)
    # The denoiser takes any units; the classifier converges in few steps only on small numbers. Scaling all pixels
    # alike, not each by its own spread, keeps the classifier as robust to noise as it can be.
    peak = np.float32(X_train.max())
    return X_train / peak, X_test / peak, y_train, y_test


def _writable(output):
    """The folder, made if need be, after a trial that it can be written to: before the work, not after it."""
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return folder


def run_demo(
    *, dataset="digits", noise="gaussian", level=0.5, architecture="dense", output="sk-denoise-demo", seed=0, log=print
):
    """Train, search the latent size, compare with the rival, and save pictures.

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
        Gets a line of text for each stage.

    Returns
    -------
    result : DemoResult
        All figures and the paths of the pictures.
    """
    check_choice(dataset, "dataset", ("digits", "mnist"))
    check_choice(noise, "noise", KINDS)
    check_choice(architecture, "architecture", ("dense", "conv", "unet"))
    check_path(output, "output")
    check_count(seed, "seed", 0)
    if not callable(log):
        raise TypeError(f"log must be a function that takes a line of text, got {shown(log)}.")
    if not is_real(level):
        raise ValueError(f"level must be a number, got {shown(level)}.")
    injector = NoiseInjector(noise, level, random_state=seed)._check_params()
    folder = _writable(output)
    X, X_test, y, y_test = load(dataset, seed)
    classifier = LogisticRegression(max_iter=1000)
    denoiser = DenoisingAutoencoder(architecture, random_state=seed)
    labelled = slice(0, _N_LABELLED)
    log(f"{dataset}: {len(X)} training and {len(X_test)} test images, {noise} noise of level {level:g}")

    sizes = [16, 32, 64, 128] if architecture == "dense" else [32, 64]
    log(f"searching latent_dim in {sizes}, by accuracy of the classifier behind the denoiser ...")
    pipe = Pipeline([("noise", injector), ("denoise", denoiser), ("classify", classifier)])
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    search = GridSearchCV(pipe, {"denoise__latent_dim": sizes}, cv=folds, refit=False)
    search.fit(X[:_N_SEARCH], y[:_N_SEARCH])
    results = search.cv_results_
    found = dict(zip(sizes, zip(results["mean_test_score"].tolist(), results["std_test_score"].tolist())))
    latent_dim = search.best_params_["denoise__latent_dim"]

    log(f"training on all rows with latent_dim={latent_dim} ...")
    denoiser.set_params(latent_dim=latent_dim, validation_split=0.1)
    rows = injector.fit_transform(X)
    denoiser.fit(rows)
    noisy = injector.transform(X_test)
    denoised = denoiser.transform(noisy)
    log("training the classifiers, and the rival on noisy rows ...")
    untouched = clone(classifier).fit(X[labelled], y[labelled])
    refitted = clone(classifier).fit(denoiser.transform(np.asarray(rows[labelled])), y[labelled])
    rival, n_draws, saturated = fit_rival(classifier, injector, X[labelled], y[labelled], random_state=seed)
    accuracy = {
        "clean": untouched.score(X_test, y_test),
        "noisy": untouched.score(noisy, y_test),
        "denoised": untouched.score(denoised, y_test),
        "denoised, classifier refitted": refitted.score(denoised, y_test),
        "rival": rival.score(noisy, y_test),
    }
    scale = dict(data_range=denoiser.data_range_)
    quality = {
        name: (psnr(X_test, images, **scale), ssim(X_test, images, **scale))
        for name, images in (("noisy", noisy), ("denoised", denoised))
    }
    return DemoResult(
        latent_dim=latent_dim,
        search=found,
        quality=quality,
        accuracy=accuracy,
        recovery=accuracy_recovery(accuracy["clean"], accuracy["noisy"], accuracy["denoised"]),
        n_draws=n_draws,
        saturated=saturated,
        n_test=len(X_test),
        figures=_save_figures(folder, denoiser, noisy, X_test, y_test, found, architecture),
    )


def _save_figures(folder, denoiser, noisy, X_test, y_test, search, architecture):
    from matplotlib.figure import Figure

    def new(size):
        # A figure of its own, so that no window opens and pyplot's state stays the user's.
        figure = Figure(figsize=size, layout="constrained")
        return figure.subplots()

    images = DenoisingDisplay.from_estimator(denoiser, noisy, X_clean=X_test, y=y_test, ax=new((9, 3.8)))
    losses = LossCurveDisplay.from_estimator(denoiser, ax=new((6, 3.5)))
    means, spreads = zip(*search.values())
    xlabel = "feature maps" if architecture == "unet" else "latent size"
    curve = LatentDisplay(list(search), means, spreads, xlabel=xlabel, ylabel="accuracy on denoised folds")
    curve.plot(ax=new((6, 3.5)))
    figures = {"images.png": images.figure_, "loss.png": losses.figure_, "latent_size.png": curve.figure_}
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=150)
    return [folder / name for name in figures]
