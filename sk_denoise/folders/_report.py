"""`FolderReport`: what was done with each file, as a table and as a self-contained page."""

from __future__ import annotations

import base64
import functools
import io
import math
import os
from collections import Counter

import numpy as np
import pandas as pd

from .._core.files import replacing
from ..noise import NoiseEstimate

_SIDE = 200  # pixels, longest side of a thumbnail
_MOST_SHOWN = 200  # files with thumbnails on a page
_LIMIT = 4.0  # standard deviations of the noise that are drawn black and white in residuals


_ADVICE = {
    "structure": "Look at the residual. If the image shows in it, use another denoiser or a weaker setting.",
    "amount": "Check the level of the noise (sk-denoise noise), and state it with --sigma if the estimate is wrong.",
    "not checked": "Look at the image yourself.",
}


class FolderReport:
    """What was done with each file of a folder, and the verdicts.

    Made by `estimate_files`, `denoise_files` and `check_files`.

    Parameters
    ----------
    rows : list of dict
        One for each file.
    folder : str or path-like, default=None
        Folder of the results.

    Attributes
    ----------
    rows : list of dict
        One for each file, with "file", "path", "seconds", "warnings", and what was found: "noise", a `NoiseEstimate` or
        a number; "verdict", "severity", "figures" and "words", from `sk_denoise.evaluation.residual_check`; "error", a
        message.
    folder : str or path-like or None
        Folder of the results.
    """

    def __init__(self, rows, folder=None):
        self.rows, self.folder = list(rows), folder

    def __len__(self):
        return len(self.rows)

    def add(self, row):
        """Add the row of a file.

        Parameters
        ----------
        row : dict
            What was found. Of many files, only the pictures of the worst are kept.
        """
        self.rows.append(row)
        pictured = [row for row in self.rows if "thumbnails" in row]
        if len(pictured) > 2 * _MOST_SHOWN:
            for mild in sorted(pictured, key=_severity)[:-_MOST_SHOWN]:
                del mild["thumbnails"]

    @property
    def n_errors(self):
        """Number of files that could not be read, denoised or checked."""
        return sum("error" in row for row in self.rows)

    def to_frame(self):
        """Return a table with one row for each file.

        Returns
        -------
        frame : pandas.DataFrame
            Columns that apply to no file are missing. The names of the figures of the tests begin with ``test_``.
        """
        frame = pd.DataFrame([_flatten(row) for row in self.rows])
        return frame.dropna(axis="columns", how="all")

    def to_csv(self, path):
        """Write the table as a CSV file.

        Parameters
        ----------
        path : str or path-like
            File to write; an existing one is replaced.
        """
        with replacing(path) as file:
            self.to_frame().to_csv(file, index=False, encoding="utf-8")

    def to_html(self, path):
        """Write a self-contained page: thumbnails and verdicts in words, the worst first.

        Parameters
        ----------
        path : str or path-like
            File to write; an existing one is replaced.
        """
        with replacing(path) as file:
            file.write(_page(self).encode())

    def __str__(self):
        return "\n".join([self.summary(), *(f"{row['file']}: {row['error']}" for row in self.rows if "error" in row)])

    def summary(self):
        """Return what was done, in one or two lines.

        Returns
        -------
        text : str
            Number of files, and of each status and verdict.
        """
        done = Counter(row.get("status") for row in self.rows if "error" not in row and "status" in row)
        parts = [f"{count} {status}" for status, count in done.items()]
        parts += [f"{self.n_errors} failed"] if self.n_errors else []
        lines = [f"{len(self)} file{'s' * (len(self) != 1)}" + (f": {', '.join(parts)}" if parts else "")]
        verdicts = Counter(row["verdict"] for row in self.rows if "verdict" in row)
        if verdicts:
            lines.append("checked: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
        return "\n".join(lines)


def _flatten(row):
    """Return one row of the table."""
    flat = {name: row.get(name) for name in ("file", "status", "denoiser", "output", "format", "dtype")}
    flat["shape"] = " x ".join(map(str, row["shape"])) if "shape" in row else None
    flat |= _noise_columns(row.get("noise"))
    flat |= {name: row.get(name) for name in ("verdict", "severity", "plane", "n_clipped", "bytes", "time", "seconds")}
    flat |= {"warnings": " ".join(row["warnings"]), "error": row.get("error", "")}
    return flat | {f"test_{name}": value for name, value in row.get("figures", {}).items()}


def _noise_columns(noise):
    if noise is None:
        return {}
    if not isinstance(noise, NoiseEstimate):
        return {"noise": "given", "sigma": float(noise)}
    down, across = noise.correlation
    columns = {"noise": noise.kind, "level": noise.level, "sigma": noise.sigma, "white": not any(noise.blur)}
    columns |= {"correlation_down": down, "correlation_across": across}
    return columns | {"note": " ".join(noise.notes)}


def thumbnails(noisy, denoised, found):
    """Return small pictures of an image, of its denoised copy and of the residual, as data URLs."""
    step = max(1, math.ceil(max(noisy.shape[:2]) / _SIDE))
    noisy, denoised = (_shrink(np.asarray(image, dtype=float), step) for image in (noisy, denoised))
    low, high = np.quantile(denoised, [0.005, 0.995])
    scale = lambda values, low, high: np.clip(255 * (values - low) / (high - low or 1), 0, 255).astype(np.uint8)
    residual = _shrink(np.asarray(found.residual, dtype=float), step)
    pictures = scale(noisy, low, high), scale(denoised, low, high), scale(residual, -_LIMIT, _LIMIT)
    return [_png(picture) for picture in pictures]


def _shrink(image, step):
    """Return every `step`-th pixel, so that the noise keeps its strength; of many channels the first."""
    image = image[::step, ::step]
    return image if image.ndim == 2 or image.shape[-1] == 3 else image[..., 0]


def _png(pixels):
    import imageio.v3 as iio

    file = io.BytesIO()
    iio.imwrite(file, pixels, extension=".png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@functools.cache
def _environment():
    import jinja2

    loader = jinja2.ChoiceLoader(
        [jinja2.PackageLoader("sk_denoise.folders"), jinja2.PackageLoader("sk_denoise.evaluation")]
    )
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _page(report):
    """Render the page."""
    ordered = sorted(report.rows, key=_urgency, reverse=True)
    context = {
        "summary": report.summary().split("\n"),
        "rows": ordered,
        "describe": _describe_noise,
        "advice": _ADVICE,
        "limit": _LIMIT,
    }
    return _environment().get_template("verdicts.html").render(context, folder=os.fsdecode(report.folder or ""))


def _severity(row):
    severity = row.get("severity", math.nan)
    return -math.inf if math.isnan(severity) else severity


def _urgency(row):
    """Return a key that sorts failed files first, then by what was found, then those that were not checked."""
    rank = 3 if "error" in row else {"structure": 2, "amount": 2, "not checked": 1}.get(row.get("verdict"), 0)
    return rank, _severity(row)


def _describe_noise(noise):
    """Return what is known of the noise in one line."""
    if not isinstance(noise, NoiseEstimate):
        return f"White noise of standard deviation {noise:g}, as stated"
    name = str(noise).splitlines()[0].partition(",")[0]
    if not math.isfinite(noise.sigma):
        return name
    correlated = ", correlated" if any(noise.blur) else ""
    return f"{name}{correlated}, standard deviation {noise.sigma:.3g} grey values"
