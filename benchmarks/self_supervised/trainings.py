"""U-Nets trained with and without clean images, on digits and on photographs."""

import time

import numpy as np
import sets

from sk_denoise import DenoisingAutoencoder, NoiseInjector, PatchDenoiser, estimate_noise
from sk_denoise.datasets import load_mnist

SEEDS = 3
BLUR = 0.7  # pixels; neighbouring pixels have a correlation of 0.6
DIGITS_LEVEL, PHOTO_LEVEL = 0.5, 0.1
DIGITS_EPOCHS = {0: 6, BLUR: 5}  # 750 and 625 steps of 64 digits
TRAINED, TESTED = ("camera", "coins", "astronaut"), ("chelsea", "coffee", "clock", "flower")
PHOTO_EPOCHS, N_PATCHES = 25, 640  # 500 steps of 32 patches


def mnist():
    """Errors on 1,000 digits of a U-Net that was trained on 8,000 others; yields one dict for each training."""
    X = load_mnist()[0].astype(np.float32) / 255
    clean, test = X[:8000], X[-1000:]
    for blur, epochs in DIGITS_EPOCHS.items():
        given = NoiseInjector(level=DIGITS_LEVEL, blur=blur, clip=False, data_range=(0, 1), random_state=10)
        noisy_test = np.asarray(given.fit_transform(test))
        for seed in range(SEEDS):
            injector = NoiseInjector(**given.get_params() | {"random_state": seed})
            noisy = injector.fit_transform(clean)
            options = {"epochs": epochs, "batch_size": 64, "random_state": seed}
            white = NoiseInjector(**injector.get_params() | {"blur": 0})
            for name, mode, rows, params in _cases(noisy, clean, white, blur):
                network = DenoisingAutoencoder("unet", self_supervised=mode, **options, **params)
                start = time.perf_counter()
                network.fit(*rows)
                seconds = time.perf_counter() - start
                error = np.mean((np.clip(network.transform(noisy_test), 0, 1) - test) ** 2)
                noise = float(np.mean((noisy_test - test) ** 2))
                yield _line("digits", blur, name, seed, float(error), noise, seconds)


def photographs():
    """Errors on four photographs of a U-Net that was trained on patches of three others."""
    clean = [image.astype(np.float32) for name, image in _photographs().items() if name in TRAINED]
    tests = {name: image.astype(np.float32) for name, image in sets.held_out().items() if name in TESTED}
    for blur in (0, BLUR):
        given = NoiseInjector(level=PHOTO_LEVEL, blur=blur, clip=False, data_range=(0, 1), random_state=10)
        noisy_tests = list(given.fit_transform(list(tests.values())))
        for seed in range(SEEDS):
            injector = NoiseInjector(**given.get_params() | {"random_state": seed})
            noisy = injector.fit_transform(clean)
            cases = list(_cases(noisy, clean, NoiseInjector(**injector.get_params() | {"blur": 0}), blur))
            estimate = estimate_noise(list(noisy))
            cases.append(("recorrupted, estimated noise", "recorrupted", (list(noisy),), {"noise": estimate}))
            for name, mode, images, params in cases:
                network = DenoisingAutoencoder(
                    "unet", latent_dim=32, self_supervised=mode, epochs=PHOTO_EPOCHS, batch_size=32, **params
                )
                denoiser = PatchDenoiser(network, n_patches=N_PATCHES, data_range=(0, 1), random_state=seed)
                start = time.perf_counter()
                denoiser.fit(*images)
                seconds = time.perf_counter() - start
                pairs = list(zip(denoiser.transform(noisy_tests), tests.values()))
                error, noise = _error(pairs), _error(list(zip(noisy_tests, tests.values())))
                yield _line("photographs", blur, name, seed, error, noise, seconds)


def _cases(noisy, clean, white, blur):
    """Name, mode, arguments of `fit` and other parameters of each training."""
    yield "clean targets, fresh noise", None, (noisy,), {}
    if not isinstance(noisy, list):  # large images get a residual head in any case
        yield "the same with a linear head", None, (noisy,), {"head": "linear"}
    plain = list(noisy) if isinstance(noisy, list) else np.asarray(noisy)
    yield "clean targets, one draw of noise", None, (plain, clean), {}
    yield "noise2noise", "noise2noise", (noisy,), {}
    yield "recorrupted", "recorrupted", (noisy,), {}
    if blur:
        yield "recorrupted, white model", "recorrupted", (plain,), {"noise": white}
    yield "blind_spot", "blind_spot", (noisy,), {}


def _photographs():
    from skimage import data

    return {name: sets.grey(getattr(data, name)()) for name in TRAINED}


def _error(pairs):
    squares = [np.square(image - clean).ravel() for image, clean in pairs]
    return float(np.mean(np.concatenate(squares), dtype=float))


def _line(images, blur, name, seed, error, noise, seconds):
    print(f"{images:<12}{blur:>4}  {name:<34}{seed}  {error:.5f} ({noise:.4f} noisy) {seconds:5.0f} s", flush=True)
    return {
        "images": images, "blur": blur, "trained_on": name, "seed": seed, "mse": round(error, 6),
        "mse_noisy": round(noise, 5), "seconds": round(seconds, 1),
    }  # fmt: skip
