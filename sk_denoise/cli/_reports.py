"""The subcommands ``demo`` and ``report``, on digits."""

from __future__ import annotations

import importlib
import sys
import warnings

from ..networks.spec import ARCHITECTURES
from ..noise.kinds import KINDS
from ._options import add, add_command, import_networks

#: Names of denoisers and classifiers that the command accepts.
DENOISERS = [*ARCHITECTURES, "median", "gaussian", "bilateral", "tv", "wavelet", "nlm", "nl_ridge", "pca"]
CLASSIFIERS = {
    "logistic": ("linear_model", "LogisticRegression", {"max_iter": 1000, "tol": 1e-3}),
    "neighbours": ("neighbors", "KNeighborsClassifier", {}),
    "forest": ("ensemble", "RandomForestClassifier", {}),
    "mlp": ("neural_network", "MLPClassifier", {"max_iter": 500}),
}
_MAX_VALUES = 1_500_000  # keeps the run time of a report of many cells to minutes


def add_commands(commands):
    """Add the subcommands ``demo`` and ``report``."""
    demo_ = add_command(
        commands,
        "demo",
        "train a denoiser and measure how much of the accuracy lost to noise it recovers",
        epilog="example: sk-denoise demo --architecture conv",
    )
    _add_common(demo_, "mnist_subset")
    add(demo_, "--noise", "kind of noise", choices=sorted(KINDS), default="gaussian")
    add(demo_, "--level", "noise level, as a fraction of the data range", type=float, default=0.5)
    add(demo_, "--architecture", "network architecture of the denoiser", choices=list(ARCHITECTURES), default="dense")
    add(demo_, "--labels", "number of labelled images for training classifiers", type=int, default=300, dest="n_labels")
    add(demo_, "--output", "folder for the figures", default="sk-denoise-demo")
    demo_.set_defaults(run=demo)
    report_ = add_command(
        commands,
        "report",
        "compare denoisers over kinds of noise, levels and classifiers",
        epilog="example: sk-denoise report --noise gaussian --denoiser dense tv --html report.html",
    )
    _add_report(report_)
    report_.set_defaults(run=report)


def _add_common(parser, default):
    datasets = ["mnist_subset", "mnist", "digits"]
    explained = "10,000 embedded MNIST digits, the full MNIST, or the 8 x 8 digits of scikit-learn"
    add(parser, "--dataset", explained, choices=datasets, default=default)
    add(parser, "--seed", "random seed", type=int, default=0)


def _add_report(parser):
    _add_common(parser, "digits")
    for name, choices, default in (
        ("--noise", KINDS, ["gaussian", "salt_pepper"]),
        ("--denoiser", DENOISERS, ["dense", "median", "tv", "pca"]),
        ("--classifier", CLASSIFIERS, ["logistic", "neighbours", "mlp"]),
    ):
        names = sorted(choices)
        add(
            parser, name, f"one or more of {' '.join(names)}", nargs="+", metavar="NAME", choices=names, default=default
        )
    add(
        parser,
        "--level",
        "noise levels to test, as fractions of the data range",
        nargs="+",
        type=float,
        default=[0.1, 0.3, 0.5],
    )
    trained = "train on a range of noise levels (default: on each level separately)"
    parser.add_argument("--trained-level", nargs=2, type=float, metavar=("LOW", "HIGH"), help=trained)
    parser.add_argument("--labels", type=int, help="number of labelled images (default: all, at most 3,000)")
    add(parser, "--seeds", "number of repetitions with different seeds", type=int, default=3)
    add(parser, "--jobs", "number of worker processes, -1 for one per core", type=int, default=-1)
    parser.add_argument("--html", help="write a self-contained HTML page with figures to this file")
    parser.add_argument("--csv", help="write the results as CSV to this file, one line per cell")


def demo(arguments):
    """Run the demo and print its results."""
    import_networks()
    from ..demo import run_demo

    options = {name: value for name, value in vars(arguments).items() if name not in ("command", "run")}
    result = run_demo(**options, log=lambda line: print(line, flush=True))
    print(result)
    print("\nfigures:", ", ".join(map(str, result.figures)))
    command = sys.argv[0] if sys.argv[0].endswith("sk-denoise") else "sk-denoise"
    print("\nnext:")
    print(f"  {command} demo --architecture unet    sharper images, in a few minutes (see --help for more)")
    print(f"  {command} report --html report.html   several noises, denoisers and classifiers, as an HTML page")


def _make_denoiser(name):
    from sklearn.decomposition import PCA

    from ..denoisers import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter

    if name == "pca":
        return EstimatorDenoiser(PCA(0.9))  # the components that explain 90 % of the variance
    return DenoisingAutoencoder(name) if name in ARCHITECTURES else ImageFilter(name, calibration="supervised")


def _make_classifier(name):
    module, cls, options = CLASSIFIERS[name]
    return getattr(importlib.import_module(f"sklearn.{module}"), cls)(**options)


def report(arguments):
    """Make a recovery report, print it, and write the requested files."""
    for path in (arguments.html, arguments.csv):
        if path is not None:
            open(path, "a").close()  # fails before training rather than after it
    import_networks()
    made = _run_report(arguments)
    print(f"\n{made}")
    if arguments.html is not None:
        made.to_html(arguments.html)
        print(f"\nHTML page: {arguments.html}")
    if arguments.csv is not None:
        made.to_frame().to_csv(arguments.csv, index=False)
        print(f"CSV file: {arguments.csv}")


def _run_report(arguments):
    from sklearn.exceptions import ConvergenceWarning

    from ..demo import load
    from ..evaluation import recovery_report
    from ..noise import NoiseInjector

    X, X_test, y, y_test = load(arguments.dataset, arguments.seed)
    n_labels = 3_000 if arguments.labels is None and len(X) > 3_000 else arguments.labels
    levels = arguments.trained_level
    with warnings.catch_warnings():
        # Hundreds of classifiers are fitted; a few that have not converged do not matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return recovery_report(
            {name: _make_denoiser(name) for name in arguments.denoiser},
            {name: _make_classifier(name) for name in arguments.classifier},
            X,
            y,
            X_test=X_test,
            y_test=y_test,
            noises=arguments.noise,
            levels=arguments.level,
            trained_on=None if levels is None else [NoiseInjector(kind, tuple(levels)) for kind in arguments.noise],
            n_labels=n_labels,
            augmented={"max_values": max(_MAX_VALUES, 8 * X.shape[1] * (n_labels or 0))},
            n_seeds=arguments.seeds,
            n_jobs=arguments.jobs,
            random_state=arguments.seed,
            verbose=1,
        )
