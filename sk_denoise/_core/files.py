"""Files that hold all of what was written or what they held before, and the error for those that cannot be read."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat


class InvalidFileError(ValueError):
    """A file that `sk_denoise.load` refuses: damaged, forged, or with types that are not trusted.

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
    """A new file beside `path`, moved there once it is complete and on the disk."""
    path = os.path.realpath(os.fsdecode(path))  # as open() would, write through a link
    folder = os.path.dirname(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "No regular file, and moving one there would destroy it", path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "No such folder", folder)
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else None
    temporary = os.path.join(folder, f".sk_denoise-{secrets.token_hex(8)}.tmp")

    def opener(name, flags):
        # Unlike tempfile's, made with the permissions that open() gives: those of the file replaced, else as the
        # umask has it. Never with more than the old file has, not even for a moment.
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
