"""
The autoencoder of the article, with this package
=================================================

An article denoises handwritten digits with a small autoencoder: pixels scaled to [0, 1], noise
``clip(x + 0.5 * N(0, 1), 0, 1)``, one dense ReLU layer as encoder and one dense sigmoid layer as decoder, binary
cross-entropy, Adadelta, 100 epochs, batches of 128, validated on the noisy test set. This example uses the 10,000
embedded digits of MNIST; ``load_mnist`` loads all 70,000 that the article uses.
"""

# %%
# Load the data and look at some digits: the first ones, random ones, and only eights and nines.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import mean_squared_error

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.datasets import load_mnist_subset
from sk_denoise.displays import DenoisingDisplay, LossCurveDisplay, choose_rows

X_train, X_test, _, y_test = load_mnist_subset()
X_train, X_test = X_train / np.float32(255), X_test / np.float32(255)
rows = {
    "first": choose_rows(len(X_test)),
    "random": choose_rows(len(X_test), show="random", random_state=0),
    "8 and 9": choose_rows(len(X_test), y=y_test, labels=[8, 9]),
}
images = {name: X_test[index] for name, index in rows.items()}
_ = DenoisingDisplay(images, image_shape=(28, 28), data_range=(0, 1)).plot()

# %%
# As in the article, the noise is drawn once. Noisy rows are the input, and clean rows are the target.
injector = NoiseInjector("gaussian", 0.5, random_state=0).fit(X_train)
noisy_train, noisy_test = (np.asarray(injector.transform(rows)) for rows in (X_train, X_test))


def article(learning_rate):
    """Train with the article's settings."""
    return DenoisingAutoencoder(
        latent_dim=64,
        loss="binary_crossentropy",
        optimizer="adadelta",
        learning_rate=learning_rate,
        learning_rate_schedule="constant",
        epochs=100,
        batch_size=128,
        random_state=0,
    ).fit(noisy_train, X_clean=X_train, validation_data=(noisy_test, X_test))


# %%
# **First trap: the learning rate.** Adadelta's default rate was 1.0 in the Keras of the article and is 0.001 in
# Keras 3. The same code, run today, hardly trains.
then, now = article(1.0), article(0.001)
for name, images in (
    ("noisy", noisy_test),
    ("Keras 3's rate", now.transform(noisy_test)),
    ("article's rate", then.transform(noisy_test)),
):
    print(f"{name:<16} MSE {mean_squared_error(X_test, images):.4f}")

_, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for ax, model, title in zip(axes, (now, then), ("rate 0.001", "rate 1.0"), strict=True):
    LossCurveDisplay.from_estimator(model, ax=ax).ax_.set_title(title)

# %%
# Denoised digits are slightly blurred, and the decoder sometimes adds strokes that are not in the clean digits. Compare
# some eights and nines.
_ = DenoisingDisplay.from_estimator(then, noisy_test, X_clean=X_test, y=y_test, labels=[8, 9])

# %%
# **Second trap: what the last figure shows.** The article's own last figure feeds *clean* test images to the network.
# This says nothing about denoising: the network was trained on noisy images, and its error on clean ones is larger.
clean_in = then.transform(X_test)
print(f"clean in  MSE {mean_squared_error(X_test, clean_in):.4f}")
print(f"noisy in  MSE {mean_squared_error(X_test, then.transform(noisy_test)):.4f}")

# %%
# Encoder and decoder can be called separately.
codes = then.encode(noisy_test)
print(codes.shape, then.decode(codes).shape)

# %%
# By default, this library redraws the noise in each epoch, and uses Adam with a learning rate that rises and then
# falls. As the article expects, a convolutional network does better. To save time, the U-Net is trained for fewer
# epochs than by default.
default = DenoisingAutoencoder(noise=injector, random_state=0).fit(X_train)
unet = DenoisingAutoencoder("unet", noise=injector, epochs=4, random_state=0).fit(X_train)
for name, model in (("article", then), ("dense, defaults", default), ("U-Net", unet)):
    print(f"{name:<16} MSE {mean_squared_error(X_test, model.transform(noisy_test)):.4f}")
_ = DenoisingDisplay.from_estimator(unet, noisy_test, X_clean=X_test, y=y_test, labels=[8, 9])
