"""The command ``sk-denoise``: one parser, one function a command."""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib
import math
import os
import sys
import warnings

from .noise.kinds import KINDS


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _integer(allowed, valid):
    """A type of argument: integers that are `valid`."""

    def read(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not valid(value):
            raise argparse.ArgumentTypeError(f"must be {allowed}, got {text!r}")
        return value

    return read


_COUNT = _integer("a positive integer", lambda value: 0 < value < 2**31)
_SEED = _integer("an integer from 0 to 4294967295", lambda value: 0 <= value < 2**32)
_JOBS = _integer("an integer other than 0", lambda value: value != 0 and abs(value) < 2**31)


def make_parser():
    """The parser of all commands.

    Returns
    -------
    parser : argparse.ArgumentParser
        With a subparser for each command.
    """
    parser = _Parser(prog="sk-denoise", description="Image denoising that speaks scikit-learn.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="how much of the accuracy that noise took does denoising win back?")
    demo.add_argument("--dataset", choices=["digits", "mnist"], default="digits", help="default: the embedded digits")
    demo.add_argument("--noise", choices=sorted(KINDS), default="gaussian", help="kind of noise (default: gaussian)")
    demo.add_argument("--level", type=float, default=0.5, help="fraction of the data range (default: 0.5)")
    demo.add_argument("--architecture", choices=["dense", "conv", "unet"], default="dense", help="default: dense")
    demo.add_argument("--output", default="sk-denoise-demo", help="folder for the pictures (default: %(default)s)")
    demo.add_argument("--seed", type=_SEED, default=0, help="seeds everything (default: 0)")
    _add_report(commands)
    return parser


def _add_report(commands):
    report = commands.add_parser(
        "report", help="noise x level x denoiser x classifier: a table, and a page with figures"
    )
    many = {"nargs": "+", "metavar": "NAME"}
    report.add_argument("--dataset", choices=["digits", "mnist"], default="digits", help="default: the embedded digits")
    report.add_argument(
        "--noise", **many, choices=sorted(KINDS), default=["gaussian", "salt_pepper"], help=f"kinds: {_listed(KINDS)}"
    )
    report.add_argument(
        "--level", nargs="+", type=float, default=[0.1, 0.3, 0.5], help="fractions of the data range (0.1 0.3 0.5)"
    )
    report.add_argument(
        "--trained-level",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="train on a range of levels instead of on each level",
    )
    report.add_argument(
        "--denoiser",
        **many,
        choices=sorted(DENOISERS),
        default=["dense", "median", "tv", "pca"],
        help=f"denoisers: {_listed(DENOISERS)} (dense median tv pca)",
    )
    report.add_argument(
        "--classifier",
        **many,
        choices=sorted(CLASSIFIERS),
        default=["logistic", "neighbours", "mlp"],
        help=f"classifiers: {_listed(CLASSIFIERS)} (logistic neighbours mlp)",
    )
    report.add_argument("--labels", type=_COUNT, help="labelled rows (all; 3,000 of MNIST)")
    report.add_argument("--seeds", type=_COUNT, default=3, help="fits of everything (default: 3)")
    report.add_argument("--jobs", type=_JOBS, default=-1, help="processes (default: -1, one a core)")
    report.add_argument("--html", help="write a self-contained page with figures to this file")
    report.add_argument("--csv", help="write the rows to this file")
    report.add_argument("--seed", type=_SEED, default=0, help="seeds everything (default: 0)")


def _listed(names):
    return " ".join(sorted(names))


#: Denoisers and classifiers by the names that the command takes: what to import, and how to build it.
DENOISERS = {
    **{name: ("DenoisingAutoencoder", name) for name in ("dense", "conv", "unet")},
    **{name: ("ImageFilter", name) for name in ("median", "gaussian", "bilateral", "tv", "wavelet", "nlm")},
    "pca": ("EstimatorDenoiser", 0.9),
}
CLASSIFIERS = {
    "logistic": ("linear_model", "LogisticRegression", {"max_iter": 1000, "tol": 1e-3}),
    "neighbours": ("neighbors", "KNeighborsClassifier", {}),
    "forest": ("ensemble", "RandomForestClassifier", {}),
    "mlp": ("neural_network", "MLPClassifier", {"max_iter": 500}),
}
_RIVAL = {"max_draws": 256, "max_values": 1_500_000}  # bounds a report of many cells to minutes


@contextlib.contextmanager
def _silence():
    """TensorFlow writes notes to standard error while it is imported, before it listens to any setting."""
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
    # Off by default on some processors, where convolutions are faster with them.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def demo(arguments):
    """Run the demo and print its table."""
    with _silence():
        from .networks import building  # noqa: F401
    from .demo import run_demo

    options = {name: value for name, value in vars(arguments).items() if name != "command"}
    print(format_demo(run_demo(**options, log=lambda line: print(line, flush=True))))


def _make_denoiser(name):
    import sk_denoise

    cls, value = DENOISERS[name]
    if cls == "EstimatorDenoiser":
        from sklearn.decomposition import PCA

        value = PCA(value)  # so many components that they hold this share of the variance
    return getattr(sk_denoise, cls)(value)


def _make_classifier(name):
    module, cls, options = CLASSIFIERS[name]
    return getattr(importlib.import_module(f"sklearn.{module}"), cls)(**options)


def report(arguments):
    """Make a recovery report, print it, and write it where asked."""
    for path in (arguments.html, arguments.csv):
        if path is not None:
            open(path, "a").close()  # before the work, not after it
    with _silence():
        from .networks import building  # noqa: F401
    from sklearn.exceptions import ConvergenceWarning

    from .demo import load

    X, X_test, y, y_test = load(arguments.dataset, arguments.seed)
    n_labels = 3_000 if arguments.labels is None and arguments.dataset == "mnist" else arguments.labels
    with warnings.catch_warnings():
        # A network that could have trained longer is no news in a table of hundreds.
        warnings.simplefilter("ignore", ConvergenceWarning)
        made = _run_report(arguments, X, X_test, y, y_test, n_labels)
    print(f"\n{made}")
    if arguments.html is not None:
        made.to_html(arguments.html)
        print(f"\npage: {arguments.html}")
    if arguments.csv is not None:
        _write_csv(arguments.csv, made.rows)
        print(f"rows: {arguments.csv}")


def _run_report(arguments, X, X_test, y, y_test, n_labels):
    from .evaluation._recovery_report import recovery_report
    from .noise._injector import NoiseInjector

    ranges = arguments.trained_level
    return recovery_report(
        {name: _make_denoiser(name) for name in arguments.denoiser},
        {name: _make_classifier(name) for name in arguments.classifier},
        X,
        y,
        X_test=X_test,
        y_test=y_test,
        noises=arguments.noise,
        levels=arguments.level,
        trained_on=None if ranges is None else [NoiseInjector(kind, tuple(ranges)) for kind in arguments.noise],
        n_labels=n_labels,
        rival={**_RIVAL, "max_values": max(_RIVAL["max_values"], 8 * X.shape[1] * (n_labels or 0))},
        n_seeds=arguments.seeds,
        n_jobs=arguments.jobs,
        random_state=arguments.seed,
        verbose=1,
    )


def _write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def format_demo(result):
    """The demo's result as text.

    Parameters
    ----------
    result : DemoResult
        What `run_demo` returned.

    Returns
    -------
    text : str
        The tables.
    """
    lines = ["", f"{'latent_dim':<34}{'accuracy, 3 folds':>18}"]
    for size, (mean, spread) in result.search.items():
        mark = "  <- best" if size == result.latent_dim else ""
        lines.append(f"{size:<34}{mean:>10.3f} ± {spread:.3f}{mark}")
    lines += ["", f"{'test images':<34}{'PSNR (dB)':>10}{'SSIM':>8}"]
    lines += [f"{name:<34}{psnr:>10.2f}{ssim:>8.3f}" for name, (psnr, ssim) in result.quality.items()]
    lines += ["", f"{f'accuracy on {result.n_test} test images':<34}"]
    notes = {
        "denoised": "the same classifier, untouched",
        "denoised, classifier refitted": "on denoised training rows",
        "rival": f"no denoiser: classifier trained on noisy rows, noise drawn {result.n_draws} times"
        + ("" if result.saturated else " (limit)"),
    }
    for name, value in result.accuracy.items():
        note = f"  {notes[name]}" if name in notes else ""
        lines.append(f"{name:<34}{value:>10.3f}{note}")
    if math.isnan(result.recovery):
        won = "noise took no accuracy, so there is none to win back"
    else:
        points = 100 * (result.accuracy["denoised"] - result.accuracy["noisy"])
        won = f"won back: {100 * result.recovery:.1f} % of the lost accuracy ({points:+.1f} percentage points)"
    lines += ["", won, "", "pictures:"]
    lines += [f"  {path}" for path in result.figures]
    return "\n".join(lines)


def main(argv=None):
    """Entry point.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments. If None, they are read from `sys.argv`, and TensorFlow is set up through environment variables that
        are not already set: fewer log messages, oneDNN kernels on.

    Returns
    -------
    code : int
        0, or 1 after an error that was told in one line, or 130 when interrupted.
    """
    arguments = make_parser().parse_args(argv)
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
