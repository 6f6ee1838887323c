"""Compare training on MNIST with plain Keras, MLPRegressor and PyTorch: time to an error, time per epoch."""

import functools

import keras
import numpy as np
from measure import Row, in_turns, seconds
from sklearn.neural_network import MLPRegressor

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.datasets import load_mnist
from sk_denoise.networks import architectures, cache

REPEATS = 3


@functools.cache
def data():
    """Clean and noisy training rows, then clean and noisy test rows, float32 in [0, 1]."""
    X, X_test, _, _ = load_mnist()
    X, X_test = X / np.float32(255), X_test / np.float32(255)
    injector = NoiseInjector(random_state=0).fit(X)
    return X, np.asarray(injector.transform(X)), X_test, np.asarray(injector.transform(X_test))


def test_error(predict):
    """Mean squared error of denoising the test rows."""
    _, _, X_test, noisy_test = data()
    return float(np.mean((predict(noisy_test) - X_test) ** 2))


def keras_dense(optimizer):
    """Build the 784-64-784 network of the article (see examples/plot_article.py) in Keras."""
    layers = [keras.layers.Dense(64, activation="relu"), keras.layers.Dense(784, activation="sigmoid")]
    model = keras.Sequential([keras.Input((784,)), *layers])
    model.compile(optimizer, "binary_crossentropy")
    return model


def keras_conv():
    """Build the "conv" network of this package, to be trained by Keras."""
    model = architectures.conv((28, 28, 1), 64)
    model.compile("adam", "binary_crossentropy")
    return model


def train_keras(model, epochs):
    """Train with `fit` of Keras, on fixed pairs."""
    X, noisy, _, _ = data()
    model.fit(noisy, X, batch_size=128, epochs=epochs, verbose=0)
    return model


def ours(epochs, architecture="dense", **settings):
    """Fit a `DenoisingAutoencoder`, with fresh noise in each epoch."""
    return DenoisingAutoencoder(
        architecture, latent_dim=64, epochs=epochs, batch_size=128, random_state=0, **settings
    ).fit(data()[0])


def time_to(error, architecture):
    """Time, epochs and error of the shortest fit that reaches `error`, including compilation."""
    for epochs in range(1, 20):
        cache.SHARED = cache.Networks()
        fitted = []
        took = seconds(lambda epochs=epochs, fitted=fitted: fitted.append(ours(epochs, architecture)))
        reached = test_error(fitted[0].predict)
        if reached <= error:
            return took, epochs, reached
    raise RuntimeError(f"{architecture} does not reach a mean squared error of {error} in 19 epochs.")


def compare_time_to(what, against, goal, architecture, theirs):
    """Time to reach the final error of `theirs`, a function that trains and returns a predict function."""
    rows, warm = {"ours": [], "theirs": []}, []
    for _ in range(REPEATS):
        predict = []
        rows["theirs"].append(seconds(lambda predict=predict: predict.append(theirs())))
        error = test_error(predict[0])
        took, epochs, reached = time_to(error, architecture)
        rows["ours"].append(took)
        warm.append(seconds(lambda epochs=epochs: ours(epochs, architecture)) / rows["theirs"][-1])
    note = (
        f"final MSE: theirs {error:.4f}, ours {reached:.4f} (epochs: {epochs}); includes compilation, without it the"
        f" ratio is {np.median(warm):.3f}"
    )
    return Row(what, against, rows["ours"], rows["theirs"], goal, note=note).print()


def recipe():
    """Compare with the settings of the article."""

    def theirs():
        model = train_keras(keras_dense(keras.optimizers.Adadelta(1.0)), 100)
        return lambda rows: model.predict(rows, verbose=0)

    what = "time to the final test MSE of the settings of the article"
    return compare_time_to(what, "plain Keras, Adadelta, 100 epochs", 1 / 25, "dense", theirs)


def conv():
    """Compare the convolutional network."""

    def theirs():
        model = train_keras(keras_conv(), 5)
        return lambda rows: model.predict(rows, verbose=0)

    return compare_time_to("time to its final test MSE, conv", "plain Keras, 5 epochs", 1 / 2, "conv", theirs)


def mlp():
    """Compare with MLPRegressor of scikit-learn."""

    def theirs():
        X, noisy, _, _ = data()
        return MLPRegressor(hidden_layer_sizes=(64,), max_iter=20, random_state=0).fit(noisy, X).predict

    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLPRegressor warns that it has not converged
        return compare_time_to("time to its final test MSE", "MLPRegressor(64), 20 epochs", 1 / 8, "dense", theirs)


def epoch():
    """Time of one epoch, without the start of a fit."""
    model = train_keras(keras_dense("adam"), 1)
    long, short, theirs = in_turns(5, lambda: ours(6), lambda: ours(2), lambda: train_keras(model, 2))
    times = [(a - b) / 4 for a, b in zip(long, short)]
    what = "one epoch, batch 128, fresh noise drawn"
    return Row(what, "Keras fit on fixed pairs", times, [t / 2 for t in theirs], 0.8).print()


def torch_loop(epochs):
    """Train the same network with the same noise in a PyTorch loop, with its fused Adam."""
    import torch

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 784))
    optimizer = torch.optim.Adam(network.parameters(), 0.01, fused=True)
    rows = torch.from_numpy(data()[0])
    for _ in range(epochs):
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), 128):
            clean = rows[order[start : start + 128]]
            noisy = (clean + 0.5 * torch.randn_like(clean)).clamp_(0, 1)
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.binary_cross_entropy_with_logits(network(noisy), clean).backward()
            optimizer.step()


def torch():
    """Compare with PyTorch."""
    times = in_turns(5, lambda: ours(5), lambda: torch_loop(5))
    what = "dense, 5 epochs, fresh noise drawn, whole fit"
    return Row(what, "PyTorch loop with fused Adam", *times, 1.0).print()


def run():
    """Return all measurements; that with PyTorch only if it is installed."""
    rows = [epoch(), mlp(), recipe(), conv()]
    try:
        rows.insert(1, torch())
    except ImportError:
        print("Skipped the comparison with PyTorch, which is not installed: pip install -e '.[bench]'")
    return rows
