"""
The latent space: its size, and maps of codes
=============================================

An autoencoder compresses each image to a code of ``latent_dim`` numbers. This example shows how to find a good size,
and what codes look like. To save time, the networks are trained for few epochs.
"""

# %%
# **How large?** Candidates are scored in decibels if a denoiser is the last step, and by accuracy if a classifier is.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.datasets import load_digit_images
from sk_denoise.displays import DenoisingDisplay, LatentDisplay

X, y = load_digit_images()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=597, stratify=y, random_state=0)
pipe = Pipeline(
    [
        ("noise", NoiseInjector("gaussian", level=0.4, random_state=0)),
        ("denoise", DenoisingAutoencoder(epochs=30, random_state=0)),
    ]
)
model = Pipeline([*pipe.steps, ("classify", RidgeClassifier())])
grid = {"denoise__latent_dim": [2, 4, 8, 16, 32, 64, 128]}
by_psnr = GridSearchCV(pipe, grid, cv=3).fit(X_train)
by_accuracy = GridSearchCV(model, grid, cv=3).fit(X_train, y_train)

_, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
LatentDisplay.from_search(by_psnr, ax=axes[0])
_ = LatentDisplay.from_search(by_accuracy, ax=axes[1])

# %%
# Error bars show the standard deviation over folds. If those of two sizes overlap, use the smaller size. Here the first
# doublings gain most, and the largest size is the best by both scores. If the best size is at the end of the grid, try
# larger ones, too.
for name, search in (("PSNR in dB", by_psnr), ("accuracy", by_accuracy)):
    results = search.cv_results_
    means = ", ".join(f"{size}: {mean:.3g}" for size, mean in zip(*grid.values(), results["mean_test_score"]))
    print(f"{name:<11} {means}")

# %%
# **Maps of codes.** Codes of two numbers can be drawn as a map. Each point is a test row, coloured by digit, although
# the network was trained without labels. The output of a ReLU is never negative, so some codes lie on the axes.
noisy_train = pipe[0].fit_transform(X_train)
noisy_test = np.asarray(pipe[0].transform(X_test))
two, many = (
    DenoisingAutoencoder(latent_dim=size, hidden_layer_sizes=layers, epochs=60, random_state=0).fit(noisy_train)
    for size, layers in ((2, (64,)), (32, ()))
)
_ = LatentDisplay.from_estimator(two, noisy_test, y_test)

# %%
# Codes of 32 numbers are projected onto the two directions in which they vary most. Classes overlap more in this
# projection than in the full codes.
_ = LatentDisplay.from_estimator(many, noisy_test, y_test)

# %%
# A code of two numbers makes a map, but not a good denoiser: each image becomes the mean of its neighbours on the map.
shown = {
    "clean": X_test[:10],
    "noisy": noisy_test[:10],
    "2 numbers": two.transform(noisy_test[:10]),
    "32 numbers": many.transform(noisy_test[:10]),
}
_ = DenoisingDisplay(shown, image_shape=(8, 8), data_range=(0, 16), labels=y_test[:10]).plot()
for name, denoiser in (("2 numbers", two), ("32 numbers", many)):
    print(f"{name:<11} {denoiser.score(noisy_test, X_clean=X_test):.2f} dB")

# %%
# ``decode`` turns codes into images. Here, codes are interpolated between the mean code of the zeros and that of the
# ones.
codes = two.encode(noisy_test)
start, end = (codes[y_test == digit].mean(axis=0) for digit in (0, 1))
walk = np.linspace(start, end, 10).astype(codes.dtype)
_ = DenoisingDisplay({"decoded": two.decode(walk)}, image_shape=(8, 8), data_range=(0, 16)).plot()
