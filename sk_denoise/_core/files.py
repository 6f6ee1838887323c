"""Atomic writing of files, and the error for files that cannot be read."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat


class InvalidFileError(ValueError):
    """Raised if a file is damaged, forged or of an unknown kind: an estimator, a checkpoint or an image.

    Examples
    --------
    >>> import os, tempfile
    >>> import sk_denoise
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "denoiser.skops")
    ...     with open(path, "w") as file:
    ...         _ = file.write("something else")
    ...     try:
    ...         sk_denoise.load(path)
    ...     except sk_denoise.InvalidFileError as error:
    ...         print("refused")
    refused
    """


@contextlib.contextmanager
def replacing(path):
    """Open a temporary file next to `path`, and rename it to `path` once it is complete and on disk."""
    path = os.path.realpath(os.fsdecode(path))  # follow links, as open() does
    folder = os.path.dirname(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "Not a regular file; replacing it would destroy it", path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "No such folder", folder)
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else None
    temporary = os.path.join(folder, f".sk_denoise-{secrets.token_hex(8)}.tmp")

    def opener(name, flags):
        # Unlike tempfile, use the permissions that open() would: those of the replaced file, or the default of the
        # umask. The new file must never have more permissions than the old one, not even briefly.
        return os.open(name, flags, 0o666 if mode is None else mode)

    try:
        with open(temporary, "xb", opener=opener) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
