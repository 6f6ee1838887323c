"""
How much accuracy does denoising recover?
=========================================

Three denoisers, two classifiers, three levels of noise, in one call. The report is small, to be quick: one seed, few
epochs and few draws of noise for the noise-augmented classifier. With the defaults it takes longer and says more.
"""

# %%
# Names in a dict become names in tables and figures. ``"passthrough"`` would be no denoiser at all; the report has that
# as "noisy" anyway.
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, recovery_report
from sk_denoise.datasets import load_digit_images
from sk_denoise.displays import ConfusionChangeDisplay, RecoveryDisplay

X, y = load_digit_images()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=597, stratify=y, random_state=0)
report = recovery_report(
    {
        "dense": DenoisingAutoencoder(epochs=60),
        "TV": ImageFilter("tv", calibration="supervised"),
        "PCA": EstimatorDenoiser(PCA(16)),
    },
    {"ridge": RidgeClassifier(), "neighbours": KNeighborsClassifier()},
    X_train,
    y_train,
    X_test=X_test,
    y_test=y_test,
    levels=[0.1, 0.3, 0.5],
    n_seeds=1,
    augmented={"max_draws": 8, "max_values": 700_000},
)

# %%
# **The short answer**: the first lines of the report, the best denoiser for each classifier and level.
print("\n".join(str(report).split("\n\n")[:2]))

# %%
# The linear classifier, which noise ruins, recovers most of its accuracy. So it does, or nearly so, without a denoiser
# if it is trained on noisy rows: the dotted line is this noise-augmented classifier.
_ = RecoveryDisplay.from_report(report, classifier="ridge")

# %%
# Nearest neighbours average out noise by themselves: there is little to recover, and a denoiser that blurs costs more
# than it gains.
_ = RecoveryDisplay.from_report(report, classifier="neighbours")

# %%
# **What was repaired, and what was broken?** Predictions after denoising minus predictions before, at the highest
# level. Denoising helps if counts rise on the diagonal. The two columns on the right count rows, because repaired and
# broken ones cancel in the matrix.
_ = ConfusionChangeDisplay.from_report(report, denoiser="dense", classifier="ridge", level=0.5)

# %%
# **Which denoiser?** The dense network against the others, on the same rows and noise, in points of accuracy. The
# intervals hold for all comparisons together.
compared = report.compare("dense").query("test == 'as trained'")
columns = ["classifier", "level", "other", "accuracy", "accuracy_low", "accuracy_high", "accuracy_verdict"]
print(compared[columns].round(1).to_string(index=False))

# %%
# **The whole report.** A notebook shows it as tables and figures, as here; ``print(report)`` writes it as text, and
# ``report.to_html("report.html")`` as a page.
report
