"""
Trained on one noise, tested on another
=======================================

Noise in the field is rarely the same as in training. How much does the mismatch cost? Denoisers are trained on weak
noise, on strong noise, on a range of levels, and on another kind of noise. Each is then tested on all test noises. To
save time, there are few epochs and only one seed.
"""

# %%
# ``trained_on`` lists the noises to train on; ``noises`` and ``levels`` define those to test on. Each denoiser is also
# tested on clean rows.
# No denoiser is trained on salt-and-pepper noise. Speckle leaves black pixels black, so the denoiser trained on it
# never sees noise in the background.
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
# The matrix has a row for each training noise and a column for each test noise. Its values are in decibels.
print(report.matrix("psnr_denoised").round(2).to_string())


# %%
# The upper plot shows the same matrix, and the lower one the gain in accuracy over no denoiser. Purple means that
# denoising increases accuracy, and orange that it reduces it.
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
# Read down a column: which denoiser is best for that noise? For each Gaussian level in training, the denoiser trained
# on exactly that level is the best there, and the one trained on the range is first or second. Read along a row: what
# does a denoiser cost on other noise? The one trained on weak noise does not remove strong noise, the one trained on
# strong noise blurs clean rows, and the one trained on speckle mistakes noise in the background for strokes.
# Salt-and-pepper noise, on which no denoiser was trained, affects them much like strong Gaussian noise.
#
# The linear classifier, which is very sensitive to noise, gains almost everywhere. Nearest neighbours are a harder
# test. The table lists the cases in which denoising significantly reduces their accuracy. Level 0 means clean rows.
hurt = report.select(classifier="neighbours").query("gain_verdict == 'hurts'")
print(hurt[["trained_on", "kind", "level", "gain"]].round(1).to_string(index=False))
