"""What the subcommands share: the parser, options with their defaults, and a quiet import of TensorFlow."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
import warnings


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def add_command(commands, name, help, *, epilog=None):
    """Add a subcommand, with an example below its options."""
    options = {"epilog": epilog, "formatter_class": argparse.RawDescriptionHelpFormatter}
    return commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", **options)


def add(parser, name, help, *, default, **options):
    """Add an option, with the default appended to its help text."""
    shown = " ".join(map(str, default)) if isinstance(default, list) else default
    parser.add_argument(name, default=default, help=f"{help} (default: {shown})", **options)


def import_networks():
    """Import TensorFlow, without what it writes to standard error before its settings take effect."""
    with _silence():
        importlib.import_module("sk_denoise.networks.building")


@contextlib.contextmanager
def _silence():
    """Silence standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def warnings_as_lines():
    """Show each warning of this package once, as a line on standard error."""
    shown = set()

    def show(message, category, filename, lineno, file=None, line=None):
        text = " ".join(str(message).split())
        if text not in shown:
            shown.add(text)
            print(f"sk-denoise: warning: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def set_up_tensorflow():
    """Set environment variables that TensorFlow reads on import, unless they are already set."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow disables oneDNN on some processors on which it speeds up convolutions.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
