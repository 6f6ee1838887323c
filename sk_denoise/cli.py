"""The command ``sk-denoise``: one parser, one function a command."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys

from .noise_models import KINDS


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


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
    demo.add_argument("--seed", type=int, default=0, help="seeds everything (default: 0)")
    return parser


@contextlib.contextmanager
def _silence():
    """TensorFlow writes notes to standard error while it is imported, before it listens to any setting."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def demo(arguments):
    """Run the demo and print its table."""
    with _silence():
        from . import _keras  # noqa: F401
    from .demo import run_demo

    options = {name: value for name, value in vars(arguments).items() if name != "command"}
    print(format_demo(run_demo(**options, log=lambda line: print(line, flush=True))))


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
        Arguments; None takes those of the process.

    Returns
    -------
    code : int
        0, or 1 after an error that was told in one line, or 130 when interrupted.
    """
    arguments = make_parser().parse_args(argv)
    try:
        {"demo": demo}[arguments.command](arguments)
    except (ValueError, OSError, ImportError) as error:
        print(f"sk-denoise: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sk-denoise: interrupted", file=sys.stderr)
        return 130
    return 0
