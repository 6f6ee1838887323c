"""From files to files: estimate the noise of images in files, denoise them, and check the results."""

from ._fitting import fit_files
from ._jobs import check_files, denoise_files, estimate_files
from ._report import FolderReport

__all__ = ["FolderReport", "check_files", "denoise_files", "estimate_files", "fit_files"]
