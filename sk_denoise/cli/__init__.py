"""The ``sk-denoise`` command: the argument parser, and one function per subcommand."""

from __future__ import annotations

import sys

from .. import __version__
from . import _files, _reports
from ._options import Parser, set_up_tensorflow, warnings_as_lines

__all__ = ["main"]


def make_parser():
    """Make the argument parser of all subcommands."""
    parser = Parser(prog="sk-denoise", description="Image denoising that speaks scikit-learn.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _files.add_commands(commands)
    _reports.add_commands(commands)
    return parser


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
        Exit status: 0; 1 after an error, which is reported in one line, or if some files failed; or 130 if interrupted.

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
        set_up_tensorflow()
    try:
        with warnings_as_lines():
            return arguments.run(arguments) or 0
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        print(f"sk-denoise: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sk-denoise: interrupted", file=sys.stderr)
        return 130
