"""
Trained on one noise, tested on another
=======================================

The noise of the field is seldom the noise of the training. How much does that cost? One denoiser is trained on weak
noise, on strong noise, on a range of levels and on another kind, and each is tested on all. Few epochs and one seed, to
be quick.
"""

# %%
# ``trained_on`` holds what to train on; ``noises`` and ``levels`` what to test. Clean rows are always included. No
# denoiser is trained on salt and pepper. Speckle leaves black pixels black, so that the denoiser of speckle never sees
# noise in the background.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sk_denoise import DenoisingAutoencoder, NoiseInjector, recovery_report
from sk_denoise.datasets import load_digit_images

X, y = load_digit_images()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=597, stratify=y, random_state=0)
report = recovery_report(
    {"dense": DenoisingAutoencoder(epochs=60)},
    {"ridge": RidgeClassifier(), "neighbours": KNeighborsClassifier()},
    X_train,
    y_train,
    X_test=X_test,
    y_test=y_test,
    noises=["gaussian", "salt_pepper"],
    levels=[0.1, 0.3, 0.5],
    trained_on=[
        NoiseInjector("gaussian", 0.1),
        NoiseInjector("gaussian", 0.5),
        NoiseInjector("gaussian", (0.0, 0.6)),
        NoiseInjector("speckle", 0.5),
    ],
    augmented=False,
    refit=False,
    n_seeds=1,
)

# %%
# The matrix has a line for each training noise and a column for each noise tested. Here it is in decibels.
print(report.matrix("psnr_denoised").round(2).to_string())


# %%
# Drawn, beside the gain in accuracy over no denoiser. Purple is good, orange is bad: points lost where denoising did
# more harm than good.
def draw(ax, value, title, colours, fmt, **limits):
    """Draw one matrix with its numbers."""
    matrix = report.matrix(value)
    image = ax.imshow(matrix, cmap=colours, aspect="auto", **limits)
    ax.set_xticks(range(matrix.shape[1]), matrix.columns, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(matrix)), matrix.index)
    ax.set(title=title, xlabel="tested on", ylabel="trained on")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    for (line, column), number in np.ndenumerate(matrix):
        # Dark numbers on light cells, light ones on dark cells.
        red, green, blue, _ = image.cmap(image.norm(number))
        dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
        text = format(number, fmt).replace("-", "−")
        ax.text(column, line, text, ha="center", va="center", fontsize=9, color="white" if dark else "black")


_, axes = plt.subplots(2, 1, figsize=(8, 7), layout="constrained")
draw(axes[0], "psnr_denoised", "PSNR of denoised rows, dB", "viridis", ".1f")
limit = np.abs(report.matrix("gain").to_numpy()).max()
draw(axes[1], "gain", "gain in accuracy over no denoiser, points", "PuOr", "+.1f", vmin=-limit, vmax=limit)

# %%
# Read down a column: which denoiser is best on that noise? At each Gaussian level the denoiser of exactly that level is
# the best, and that of the range is first or second. Read along a line: what does a denoiser cost where it does not
# belong? The one of weak noise leaves strong noise in, the one of strong noise blurs clean rows, and that of speckle
# takes noise in the background for strokes. Salt and pepper, which none of them knows, is much like strong Gaussian
# noise to them.
#
# The linear classifier gains nearly everywhere, because noise ruins it. Nearest neighbours are the harder test: here is
# where denoising costs them accuracy, significantly on these test rows. Level 0 is clean rows.
hurt = report.select(classifier="neighbours").query("gain_verdict == 'hurts'")
print(hurt[["trained_on", "kind", "level", "gain"]].round(1).to_string(index=False))
