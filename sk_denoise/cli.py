"""The command ``sk-denoise``: a parser, and a function for each subcommand."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
import warnings

from . import __version__
from .networks.spec import ARCHITECTURES
from .noise.kinds import KINDS

__all__ = ["main"]

#: Denoisers and classifiers by the names that the command accepts.
DENOISERS = [*ARCHITECTURES, "median", "gaussian", "bilateral", "tv", "wavelet", "nlm", "nl_ridge", "pca"]
CLASSIFIERS = {
    "logistic": ("linear_model", "LogisticRegression", {"max_iter": 1000, "tol": 1e-3}),
    "neighbours": ("neighbors", "KNeighborsClassifier", {}),
    "forest": ("ensemble", "RandomForestClassifier", {}),
    "mlp": ("neural_network", "MLPClassifier", {"max_iter": 500}),
}
_MAX_VALUES = 1_500_000  # limits a report of many cells to minutes


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def make_parser():
    """Make the parser of all commands."""
    parser = _Parser(prog="sk-denoise", description="Image denoising that speaks scikit-learn.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    demo = commands.add_parser("demo", help="how much of the accuracy lost to noise is recovered by denoising?")
    _add_common(demo, "mnist_subset")
    _add(demo, "--noise", "kind of noise", choices=sorted(KINDS), default="gaussian")
    _add(demo, "--level", "fraction of the data range", type=float, default=0.5)
    _add(demo, "--architecture", "network of the denoiser", choices=list(ARCHITECTURES), default="dense")
    _add(demo, "--labels", "number of labelled images", type=int, default=300, dest="n_labels")
    _add(demo, "--output", "folder for the pictures", default="sk-denoise-demo")
    _add_report(commands.add_parser("report", help="noise x level x denoiser x classifier: table, page, CSV file"))
    return parser


def _add(parser, name, help, *, default, **options):
    """Add an option whose help text includes the default."""
    shown = " ".join(map(str, default)) if isinstance(default, list) else default
    parser.add_argument(name, default=default, help=f"{help} (default: {shown})", **options)


def _add_common(parser, default):
    datasets = ["mnist_subset", "mnist", "digits"]
    explained = "10,000 embedded MNIST digits, full MNIST, or scikit-learn's 8 x 8 digits"
    _add(parser, "--dataset", explained, choices=datasets, default=default)
    _add(parser, "--seed", "seeds everything", type=int, default=0)


def _add_report(parser):
    _add_common(parser, "digits")
    for name, choices, default in (
        ("--noise", KINDS, ["gaussian", "salt_pepper"]),
        ("--denoiser", DENOISERS, ["dense", "median", "tv", "pca"]),
        ("--classifier", CLASSIFIERS, ["logistic", "neighbours", "mlp"]),
    ):
        names = sorted(choices)
        _add(parser, name, f"any of {' '.join(names)}", nargs="+", metavar="NAME", choices=names, default=default)
    _add(parser, "--level", "fractions of the data range", nargs="+", type=float, default=[0.1, 0.3, 0.5])
    trained = "train on a range of levels (default: on each level)"
    parser.add_argument("--trained-level", nargs=2, type=float, metavar=("LOW", "HIGH"), help=trained)
    parser.add_argument("--labels", type=int, help="number of labelled rows (default: all, at most 3,000)")
    _add(parser, "--seeds", "how often everything is fitted", type=int, default=3)
    _add(parser, "--jobs", "number of processes; -1 for one per core", type=int, default=-1)
    parser.add_argument("--html", help="write a self-contained page with figures to this file")
    parser.add_argument("--csv", help="write one line per cell to this file")


@contextlib.contextmanager
def _silence():
    """Silence standard error, to which TensorFlow writes on import, before any of its settings take effect."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _set_up_tensorflow():
    """Set the variables that TensorFlow reads on import, unless the user has set them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Off by default on some processors, although convolutions are faster with oneDNN.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def demo(arguments):
    """Run the demo and print its table."""
    with _silence():
        importlib.import_module("sk_denoise.networks.building")
    from .demo import run_demo

    options = {name: value for name, value in vars(arguments).items() if name != "command"}
    result = run_demo(**options, log=lambda line: print(line, flush=True))
    print(result)
    print("\npictures:", ", ".join(map(str, result.figures)))
    command = sys.argv[0] if sys.argv[0].endswith("sk-denoise") else "sk-denoise"
    print("\nnext:")
    print(
        f"  {command} demo --architecture unet    sharper images, in a few minutes; --help lists noise, data and more"
    )
    print(f"  {command} report --html report.html   several kinds of noise, denoisers and classifiers, as a page")


def _make_denoiser(name):
    from sklearn.decomposition import PCA

    from .denoisers import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter

    if name == "pca":
        return EstimatorDenoiser(PCA(0.9))  # enough components to explain this fraction of the variance
    return DenoisingAutoencoder(name) if name in ARCHITECTURES else ImageFilter(name)


def _make_classifier(name):
    module, cls, options = CLASSIFIERS[name]
    return getattr(importlib.import_module(f"sklearn.{module}"), cls)(**options)


def report(arguments):
    """Make a recovery report, print it, and write the requested files."""
    for path in (arguments.html, arguments.csv):
        if path is not None:
            open(path, "a").close()  # fail before the work, not after it
    with _silence():
        importlib.import_module("sk_denoise.networks.building")
    made = _run_report(arguments)
    print(f"\n{made}")
    if arguments.html is not None:
        made.to_html(arguments.html)
        print(f"\npage: {arguments.html}")
    if arguments.csv is not None:
        made.to_frame().to_csv(arguments.csv, index=False)
        print(f"cells: {arguments.csv}")


def _run_report(arguments):
    from sklearn.exceptions import ConvergenceWarning

    from .demo import load
    from .evaluation import recovery_report
    from .noise import NoiseInjector

    X, X_test, y, y_test = load(arguments.dataset, arguments.seed)
    n_labels = 3_000 if arguments.labels is None and len(X) > 3_000 else arguments.labels
    levels = arguments.trained_level
    with warnings.catch_warnings():
        # That one of hundreds of classifiers has not converged is not worth a warning.
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


def main(argv=None):
    """Run the command.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments. If None, they are read from `sys.argv`, and TensorFlow is set up through environment variables that
        are not already set: fewer log messages, oneDNN kernels on.

    Returns
    -------
    code : int
        0, or 1 after an error, which is reported in one line, or 130 if interrupted.
    """
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    if argv is None:
        _set_up_tensorflow()
    try:
        {"demo": demo, "report": report}[arguments.command](arguments)
    except (ValueError, OSError, ImportError) as error:
        print(f"sk-denoise: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sk-denoise: interrupted", file=sys.stderr)
        return 130
    return 0
