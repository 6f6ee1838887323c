"""The ``sk-denoise`` command: the argument parser, and one function per subcommand."""

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

#: Names of denoisers and classifiers that the command accepts.
DENOISERS = [*ARCHITECTURES, "median", "gaussian", "bilateral", "tv", "wavelet", "nlm", "nl_ridge", "pca"]
CLASSIFIERS = {
    "logistic": ("linear_model", "LogisticRegression", {"max_iter": 1000, "tol": 1e-3}),
    "neighbours": ("neighbors", "KNeighborsClassifier", {}),
    "forest": ("ensemble", "RandomForestClassifier", {}),
    "mlp": ("neural_network", "MLPClassifier", {"max_iter": 500}),
}
_MAX_VALUES = 1_500_000  # keeps the run time of a report of many cells to minutes


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def make_parser():
    """Make the argument parser of all subcommands."""
    parser = _Parser(prog="sk-denoise", description="Image denoising that speaks scikit-learn.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    demo = commands.add_parser(
        "demo", help="train a denoiser and measure how much of the accuracy lost to noise it recovers"
    )
    _add_common(demo, "mnist_subset")
    _add(demo, "--noise", "kind of noise", choices=sorted(KINDS), default="gaussian")
    _add(demo, "--level", "noise level, as a fraction of the data range", type=float, default=0.5)
    _add(demo, "--architecture", "network architecture of the denoiser", choices=list(ARCHITECTURES), default="dense")
    _add(demo, "--labels", "number of labelled images for training classifiers", type=int, default=300, dest="n_labels")
    _add(demo, "--output", "folder for the figures", default="sk-denoise-demo")
    _add_report(commands.add_parser("report", help="compare denoisers over kinds of noise, levels and classifiers"))
    return parser


def _add(parser, name, help, *, default, **options):
    """Add an option, with the default appended to its help text."""
    shown = " ".join(map(str, default)) if isinstance(default, list) else default
    parser.add_argument(name, default=default, help=f"{help} (default: {shown})", **options)


def _add_common(parser, default):
    datasets = ["mnist_subset", "mnist", "digits"]
    explained = "10,000 embedded MNIST digits, the full MNIST, or the 8 x 8 digits of scikit-learn"
    _add(parser, "--dataset", explained, choices=datasets, default=default)
    _add(parser, "--seed", "random seed", type=int, default=0)


def _add_report(parser):
    _add_common(parser, "digits")
    for name, choices, default in (
        ("--noise", KINDS, ["gaussian", "salt_pepper"]),
        ("--denoiser", DENOISERS, ["dense", "median", "tv", "pca"]),
        ("--classifier", CLASSIFIERS, ["logistic", "neighbours", "mlp"]),
    ):
        names = sorted(choices)
        _add(
            parser, name, f"one or more of {' '.join(names)}", nargs="+", metavar="NAME", choices=names, default=default
        )
    _add(
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
    _add(parser, "--seeds", "number of repetitions with different seeds", type=int, default=3)
    _add(parser, "--jobs", "number of worker processes, -1 for one per core", type=int, default=-1)
    parser.add_argument("--html", help="write a self-contained HTML page with figures to this file")
    parser.add_argument("--csv", help="write the results as CSV to this file, one line per cell")


@contextlib.contextmanager
def _silence():
    """Silence standard error: TensorFlow writes to it on import, before its settings take effect."""
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
    """Set environment variables that TensorFlow reads on import, unless they are already set."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow disables oneDNN on some processors on which it speeds up convolutions.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def demo(arguments):
    """Run the demo and print its results."""
    with _silence():
        importlib.import_module("sk_denoise.networks.building")
    from .demo import run_demo

    options = {name: value for name, value in vars(arguments).items() if name != "command"}
    result = run_demo(**options, log=lambda line: print(line, flush=True))
    print(result)
    print("\nfigures:", ", ".join(map(str, result.figures)))
    command = sys.argv[0] if sys.argv[0].endswith("sk-denoise") else "sk-denoise"
    print("\nnext:")
    print(f"  {command} demo --architecture unet    sharper images, in a few minutes (see --help for more)")
    print(f"  {command} report --html report.html   several noises, denoisers and classifiers, as an HTML page")


def _make_denoiser(name):
    from sklearn.decomposition import PCA

    from .denoisers import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter

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
    with _silence():
        importlib.import_module("sk_denoise.networks.building")
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

    from .demo import load
    from .evaluation import recovery_report
    from .noise import NoiseInjector

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


def main(argv=None):
    """Run the ``sk-denoise`` command.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments. If None, they are read from `sys.argv`, and TensorFlow is configured by environment variables to log
        less and to use oneDNN kernels; variables that are already set are kept.

    Returns
    -------
    code : int
        Exit status: 0, 1 after an error, which is reported in one line, or 130 if interrupted.

    Raises
    ------
    SystemExit
        If the arguments are wrong, with status 2, or for ``--help`` and ``--version``.
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
