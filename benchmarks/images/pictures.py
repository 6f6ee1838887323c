"""Figures: what filters make of details of two images, and what `denoise` does to the photograph of the README."""

from pathlib import Path

import methods
import numpy as np
import sets
from matplotlib.figure import Figure
from PIL import Image
from quality import quality
from skimage.data import camera

from sk_denoise import denoise, estimate_noise
from sk_denoise.evaluation import residual_check
from sk_denoise.metrics import psnr

FOLDER = Path(__file__).parents[2] / "docs" / "_static"
SIGMA = 0.1
DETAILS = {"china": (50, 40, 96), "MR, abdomen": (130, 100, 96)}  # row, column, side
SHOWN = {
    "bilateral": "bilateral",
    "wavelet": "wavelet",
    "tv": "tv",
    "nlm": "nlm",
    "bm3d": "BM3D",
    "nl_ridge": "nl_ridge",
}
COLUMNS = 4
DETAIL = np.s_[62:166, 186:290]  # of the photograph
SCALE, GAP, TITLE = 2, 8, 46  # pixels of the figure: for one of the photograph, between panels, above them


def draw_filters():
    """Denoise both images whole, and draw the detail of each; all panels of an image have the same grey scale."""
    functions = methods.with_bm3d(methods.given(SIGMA), SIGMA)
    images = {name: image for name, image in sets.held_out().items() if name in DETAILS}
    blocks = [_panels(clean, functions) for clean in images.values()]
    n_rows = -(-len(blocks[0]) // COLUMNS)
    figure = Figure(figsize=(2 * COLUMNS, 2.15 * n_rows * len(blocks)), layout="constrained")
    axes = figure.subplots(n_rows * len(blocks), COLUMNS)
    for ax in axes.flat:
        ax.set_axis_off()
    for i, (name, panels) in enumerate(zip(images, blocks)):
        top, left, side = DETAILS[name]
        detail = np.s_[top : top + side, left : left + side]
        low, high = np.percentile(images[name][detail], (0.5, 99.5))
        for ax, (title, image) in zip(axes[i * n_rows : (i + 1) * n_rows].flat, panels.items()):
            ax.imshow(image[detail], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            ax.set_title(title, fontsize=12)
    _save(figure, FOLDER / "filters.png")


def draw_photograph():
    """Draw a detail of the photograph of the README: noisy, denoised, and what two filters removed, one too strong.

    The images are those of the README, and have the same names there.
    """
    photograph = camera() + 20 * np.random.default_rng(0).standard_normal((512, 512))
    noise = estimate_noise(photograph)
    cleaner, blurred = denoise(photograph), denoise(photograph, method="gaussian", noise=2 * noise.sigma)
    scores = [f"{psnr(camera(), image, data_range=(0, 255)):.1f} dB" for image in (photograph, cleaner)]
    checks = [
        residual_check(photograph, image, noise, denoiser=name)
        for image, name in ((cleaner, "nl_ridge"), (blurred, "gaussian"))
    ]
    panels = {
        f"noisy\n{scores[0]}": (photograph, (0, 255)),
        f"denoised\n{scores[1]}": (cleaner, (0, 255)),
        f"removed\n{checks[0].verdict}": (checks[0].residual, (-4, 4)),
        f"removed, filter too strong\n{checks[1].verdict}": (checks[1].residual, (-4, 4)),
    }
    side = SCALE * (DETAIL[0].stop - DETAIL[0].start)
    width, height = len(panels) * (side + GAP) + GAP, TITLE + side + GAP
    figure = Figure(figsize=(width / 100, height / 100), facecolor="white")
    for i, (title, (image, (low, high))) in enumerate(panels.items()):
        left = GAP + i * (side + GAP)
        ax = figure.add_axes((left / width, GAP / height, side / width, side / height))
        ax.set_axis_off()
        ax.imshow(image[DETAIL], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        ax.set_title(title, fontsize=10, pad=5)
    _save(figure, FOLDER / "photograph.png")


def _save(figure, path):
    figure.savefig(path, dpi=100)
    Image.open(path).convert("L").save(path, optimize=True)


def _panels(clean, functions):
    """Images by title, with the PSNR of the whole image."""
    noisy = clean + np.float32(SIGMA) * sets.noise(clean, 0)
    panels = {"noisy": noisy} | {label: functions[name](noisy) for name, label in SHOWN.items() if name in functions}
    return {f"{label}: {quality(clean, image)['psnr']:.1f} dB": image for label, image in panels.items()} | {
        "clean": clean
    }
