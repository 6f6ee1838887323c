"""Figure of what filters make of details of two images."""

from pathlib import Path

import methods
import numpy as np
import sets
from matplotlib.figure import Figure
from quality import quality

PATH = Path(__file__).parents[2] / "docs" / "_static" / "filters.png"
SIGMA = 0.1
DETAILS = {"chelsea": (70, 30, 96), "MR, abdomen": (60, 120, 96)}  # row, column, side
SHOWN = {
    "bilateral": "bilateral",
    "wavelet": "wavelet",
    "tv": "tv",
    "nlm": "nlm",
    "bm3d": "BM3D",
    "nl_ridge": "nl_ridge",
}


def draw():
    """Denoise both images whole, and draw the detail of each."""
    functions = methods.with_bm3d(methods.given(SIGMA), SIGMA)
    shown = {name: label for name, label in SHOWN.items() if name in functions}
    images = {name: image for name, image in sets.held_out().items() if name in DETAILS}
    figure = Figure(figsize=(1.5 * (len(shown) + 2), 1.78 * len(images)), layout="constrained")
    axes = figure.subplots(len(images), len(shown) + 2, squeeze=False)
    for row, (name, clean) in zip(axes, images.items()):
        noisy = clean + np.float32(SIGMA) * sets.noise(clean, 0)
        panels = {"noisy": noisy} | {label: functions[method](noisy) for method, label in shown.items()}
        top, left, side = DETAILS[name]
        detail = np.s_[top : top + side, left : left + side]
        for ax, (label, image) in zip(row, (panels | {"clean": clean}).items()):
            ax.imshow(image[detail], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            title = label if label == "clean" else f"{label}\n{quality(clean, image)['psnr']:.1f} dB"
            ax.set_title(title, fontsize=10, color="black")
            ax.set_axis_off()
    figure.savefig(PATH, dpi=110)
