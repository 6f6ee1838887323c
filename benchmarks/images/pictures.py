"""Figure of what filters make of details of two images."""

from pathlib import Path

import methods
import numpy as np
import sets
from matplotlib.figure import Figure
from PIL import Image
from quality import quality

PATH = Path(__file__).parents[2] / "docs" / "_static" / "filters.png"
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


def draw():
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
    figure.savefig(PATH, dpi=100)
    Image.open(PATH).convert("L").save(PATH, optimize=True)


def _panels(clean, functions):
    """Images by title, with the PSNR of the whole image."""
    noisy = clean + np.float32(SIGMA) * sets.noise(clean, 0)
    panels = {"noisy": noisy} | {label: functions[name](noisy) for name, label in SHOWN.items() if name in functions}
    return {f"{label}: {quality(clean, image)['psnr']:.1f} dB": image for label, image in panels.items()} | {
        "clean": clean
    }
