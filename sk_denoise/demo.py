"""The whole workflow in one call: search, train, and measure how much of the lost accuracy denoising recovers."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from numbers import Integral, Real
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.pipeline import Pipeline

from ._core.sklearn_glue import Interval, StrOptions, validate_function_params
from .datasets import load_digit_images, load_mnist, load_mnist_subset
from .denoisers._autoencoder import DenoisingAutoencoder
from .displays import ConfusionChangeDisplay, DenoisingDisplay, LatentDisplay
from .displays._changes import count_changes
from .evaluation import RecoveryReport, recovery_report
from .networks.spec import ARCHITECTURES
from .noise._injector import NoiseInjector
from .noise.kinds import KINDS

__all__ = ["DemoResult", "run_demo"]

_SEARCH = {"n_rows": 3_000, "epochs": 15, "folds": 3}  # enough to rank latent sizes, in seconds
_AUGMENTED = {"max_draws": 64}


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """Results of the demo. Print them to see tables.

    Attributes
    ----------
    latent_dim : int
        Best of the latent sizes searched.
    search : dict of int to tuple of float
        Mean and standard deviation over folds of the held-out PSNR, in dB, for each latent size.
    report : RecoveryReport
        Results on test images with the noise of the demo (first row), without noise, and with another kind of noise.
    figures : list of pathlib.Path
        Paths of the saved figures.
    """

    latent_dim: int
    search: dict
    report: RecoveryReport
    figures: list

    def __str__(self):
        return "\n".join([*_search_lines(self), "", *_image_lines(self), "", *_accuracy_lines(self)])


def _search_lines(result):
    lines = ["latent_dim          PSNR on held-out folds (± standard deviation)"]
    for size, (mean, spread) in result.search.items():
        mark = "  <- best" if size == result.latent_dim else ""
        lines.append(f"{size:<20}{mean:5.2f} ± {spread:.2f} dB{mark}")
    return lines


def _image_lines(result):
    by_row = result.report.cells[0].by_row
    lines = [f"{'test images':<20}PSNR               SSIM (± standard error)"]
    for name in ("noisy", "denoised"):
        errors, structure = by_row[f"mse_{name}"], by_row[f"ssim_{name}"]
        # Delta method: the standard error of a logarithm is the relative standard error of its argument.
        in_db = 10 / math.log(10) * _standard_error(errors) / errors.mean()
        score = f"{-10 * math.log10(errors.mean()):5.2f} ± {in_db:.2f} dB"
        lines.append(f"{name:<20}{score:<19}{structure.mean():.3f} ± {_standard_error(structure):.3f}")
    return lines


def _accuracy_lines(result):
    row = result.report.to_frame().iloc[0]
    limit = "" if row["augmented_saturated"] == "yes" else ", more might help"
    lines = [f"accuracy of a classifier trained on {row['n_labels']} clean images, on {row['n_test']:,} test images"]
    for name, title, note in (
        ("clean", "clean", ""),
        ("noisy", "noisy", ""),
        ("denoised", "denoised", "same classifier, not retrained"),
        ("refitted", "denoised, refitted", "classifier retrained on denoised images"),
        (
            "augmented",
            "noise-augmented",
            f"classifier trained on noisy images, no denoiser ({row['augmented_draws']:.0f} draws{limit})",
        ),
    ):
        accuracy = row[f"accuracy_{name}"]
        error = math.sqrt(accuracy * (1 - accuracy) / row["n_test"])
        lines.append(f"{title:<20}{accuracy:.3f} ± {error:.3f}      {note}".rstrip())
    recovered = row["recovery_note"]
    if not math.isnan(row["recovery"]):
        low, high = _recovery_interval(result.report.cells[0].by_row)
        recovered = (
            f"{100 * row['recovery']:.0f} % of the accuracy lost to noise, 95 % interval {low:.0f} to {high:.0f} %"
        )
    lines += ["", f"recovered: {recovered}"]
    for title, column in (
        ("gain over noisy images", "gain"),
        ("gain over the noise-augmented classifier", "vs_augmented"),
    ):
        low, high = row[f"{column}_low"], row[f"{column}_high"]
        lines.append(f"{title}: {row[column]:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}")
    return [*lines, "", *_class_lines(result.report)]


def _class_lines(report):
    """Counts of repaired and broken predictions by class."""
    y_true, before, after = report.predictions()
    classes = np.unique(y_true)
    lines = [f"{'digit':<20}" + "".join(f"{label:>5}" for label in classes) + "  total"]
    for name, counts in zip(("repaired", "broken"), count_changes(y_true, before, after, classes)):
        lines.append(f"{name:<20}" + "".join(f"{count:>5}" for count in counts) + f"{sum(counts):>7}")
    return lines


def _recovery_interval(by_row, n_resamples=2000):
    """Bootstrap interval of the recovered share in percent, over test images."""
    gain = (by_row["correct_denoised"] - by_row["correct_noisy"]).to_numpy(float)
    loss = (by_row["correct_clean"] - by_row["correct_noisy"]).to_numpy(float)
    rng = np.random.default_rng(0)
    drawn = (rng.integers(len(gain), size=len(gain)) for _ in range(n_resamples))
    return 100 * np.percentile([gain[rows].sum() / loss[rows].sum() for rows in drawn], [2.5, 97.5])


def _standard_error(values):
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def load(dataset, seed):
    """Load a data set; return training and test rows scaled to [0, 1], then training and test labels."""
    if dataset == "digits":
        X, y = load_digit_images()
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=597, stratify=y, random_state=seed)
    else:
        X_train, X_test, y_train, y_test = load_mnist() if dataset == "mnist" else load_mnist_subset()
    # The denoiser takes any units, but classifiers converge faster on small numbers. Scaling all pixels by one factor,
    # instead of standardizing each, keeps classifiers as robust to noise as possible.
    peak = np.float32(X_train.max())
    return X_train / peak, X_test / peak, y_train, y_test


@validate_function_params(
    {
        "dataset": [StrOptions({"mnist_subset", "mnist", "digits"})],
        "noise": [StrOptions(set(KINDS))],
        "level": [Interval(Real, 0, None, closed="neither")],
        "architecture": [StrOptions(set(ARCHITECTURES))],
        "n_labels": [Interval(Integral, 10, None, closed="left")],
        "output": [str, PathLike],
        "seed": [Interval(Integral, 0, 2**32, closed="left")],
        "log": [callable],
    },
    prefer_skip_nested_validation=False,
)
def run_demo(
    *,
    dataset="mnist_subset",
    noise="gaussian",
    level=0.5,
    architecture="dense",
    n_labels=300,
    output="sk-denoise-demo",
    seed=0,
    log=print,
):
    """Search the latent size, train a denoiser, measure the recovered accuracy, and save figures.

    The scenario: there are many images without labels, few with labels, and a classifier trained on clean images, but
    the images to classify are noisy.

    Parameters
    ----------
    dataset : {"mnist_subset", "mnist", "digits"}, default="mnist_subset"
        The 10,000 MNIST digits embedded in the package; the full MNIST data set, see `sk_denoise.datasets.load_mnist`;
        or the 8 x 8 digits of scikit-learn.
    noise : str, default="gaussian"
        Kind of noise, one of those of `sk_denoise.NoiseInjector`.
    level : float, default=0.5
        Noise level, as a fraction of the data range.
    architecture : {"dense", "conv", "unet"}, default="dense"
        Network of the denoiser. "dense" is the fastest.
    n_labels : int, default=300
        Number of labelled images for training classifiers. The denoiser is trained on all training images, without
        labels.
    output : str or path-like, default="sk-denoise-demo"
        Folder for the figures. It is created if it does not exist.
    seed : int, default=0
        Seeds the data split, the noise and all fits.
    log : callable, default=print
        Called with a line of text at the start of each stage.

    Returns
    -------
    result : DemoResult
        All results, and the paths of the figures.

    Raises
    ------
    OSError
        If `output` is not writable, or MNIST cannot be loaded.
    """
    injector = NoiseInjector(noise, level, data_range=(0, 1), random_state=seed)._check_params()
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()  # fails now rather than after training if the folder is not writable
    X, X_test, y, y_test = load(dataset, seed)
    denoiser = DenoisingAutoencoder(architecture, random_state=seed)
    log(f"{dataset}: {len(X):,} training images, {n_labels} of them labelled, {len(X_test):,} test images")
    log(f"noise: {noise}, level {level:g}")
    search = _search(injector, denoiser, X, log)
    latent_dim = max(search, key=search.get)
    log(f"training on all images with latent_dim={latent_dim} ...")
    denoiser.set_params(latent_dim=latent_dim).fit(injector.fit_transform(X))
    log("training the classifiers: on clean, on denoised and on noisy images ...\n")
    report = recovery_report(
        denoiser,  # fitted, so that the figures show the network that is measured
        {"logistic regression": LogisticRegression(max_iter=1000)},
        X,
        y,
        X_test=X_test,
        y_test=y_test,
        noises=noise,
        levels=level,
        n_labels=n_labels,
        augmented=_AUGMENTED,
        n_seeds=1,
        data_range=(0, 1),
        random_state=seed,
    )
    figures = _save_figures(folder, denoiser, injector.transform(X_test), X_test, y_test, search, report)
    return DemoResult(latent_dim=latent_dim, search=search, report=report, figures=figures)


def _search(injector, denoiser, X, log):
    """Mean and standard deviation over folds of the PSNR for each latent size; this requires no labels."""
    architecture = ARCHITECTURES[denoiser.architecture]
    # Convolutional networks train more slowly.
    sizes = [32, 64, 128, 256] if architecture.compiles_with_xla else [32, 64]
    log(f"searching latent_dim in {sizes} ...")
    pipe = Pipeline([("noise", injector), ("denoise", clone(denoiser).set_params(epochs=_SEARCH["epochs"]))])
    folds = KFold(_SEARCH["folds"], shuffle=True, random_state=denoiser.random_state)
    search = GridSearchCV(pipe, {"denoise__latent_dim": sizes}, cv=folds, refit=False)
    results = search.fit(X[: _SEARCH["n_rows"]]).cv_results_
    return dict(zip(sizes, zip(results["mean_test_score"].tolist(), results["std_test_score"].tolist())))


def _save_figures(folder, denoiser, noisy, X_test, y_test, search, report):
    from matplotlib.figure import Figure

    def new(size):
        # Without pyplot, which would open a window and affect the user's figures.
        return Figure(figsize=size, layout="constrained").subplots()

    some = [int(np.flatnonzero(y_test == label)[0]) for label in np.unique(y_test)]  # one image per class
    images = DenoisingDisplay.from_estimator(
        denoiser, noisy[some], X_clean=X_test[some], y=y_test[some], ax=new((9, 3.8))
    )
    changes = ConfusionChangeDisplay.from_report(report, ax=new((7.5, 5)))
    means, spreads = zip(*search.values())
    xlabel = "latent size" if ARCHITECTURES[denoiser.architecture].has_code else "feature maps"
    curve = LatentDisplay(list(search), means, spreads, xlabel=xlabel, ylabel="PSNR on held-out folds (dB)")
    curve.plot(ax=new((6, 3.5)))
    paths = [folder / name for name in ("images.png", "changes.png", "latent_size.png")]
    for path, display in zip(paths, (images, changes, curve), strict=True):
        display.figure_.savefig(path, dpi=200)
    return paths
