"""CAREamics' Noise2Void compared with this package's self-supervised training, each on the image to be denoised.

All networks are trained for the same time on patches of 64 x 64 pixels, 16 per step. CAREamics has its default network,
which is larger than the U-Net of this package, and its default mask. No method is told the level of the noise;
"recorrupted" estimates it.

To measure on two cores, run under ``taskset -c 0,1`` on an idle machine. Other processes slow down the threads of
PyTorch, which wait for each other, much more than those of TensorFlow. On a busy machine, use a single core and
``clock=time.process_time``.

CAREamics is not among the extras of this package, because version 0.3.5 requires torchvision<=0.26, and thus PyTorch
2.11, which is not the version in constraints.txt. Install it into a separate environment, without constraints.txt:
``pip install -e . careamics==0.3.5``. Without it, only this package's networks are trained.
"""

import math
import tempfile
import time

import numpy as np
import pandas as pd
import sets
from skimage import data

from sk_denoise import DenoisingAutoencoder, PatchDenoiser
from sk_denoise.metrics import psnr

SECONDS = 40
LEVELS = (0.1,)
HELD_OUT = ("flower",)
PATCH, BATCH = 64, 16
N_PATCHES = 160  # in an epoch, of every method
N_TIMED = 4  # epochs that are timed to set the number of epochs
OWN = ("recorrupted", "blind_spot")


def noise2void(images=None, seconds=SECONDS, levels=LEVELS, clock=time.perf_counter):
    """Train each method for about `seconds` on each noisy image; yields one dict for each image, level and method.

    Parameters
    ----------
    images : dict of ndarray of shape (height, width), default=None
        Clean images in [0, 1], by name, whose sides are multiples of 4. If None, a held-out crop and the camera.
    seconds : float, default=40
        Time of each training by `clock`, without compilation and without denoising.
    levels : tuple of float, default=(0.1,)
        Standard deviations of the Gaussian noise, which is not clipped.
    clock : callable, default=time.perf_counter
        Clock by which training times are equal. `time.process_time` counts the seconds of all cores.
    """
    images = _images() if images is None else images
    methods = trainings()
    rows = []
    for seed, (name, clean) in enumerate(images.items(), start=500):
        clean = clean.astype(np.float32)
        for level in levels:
            noisy = clean + np.float32(level) * sets.noise(clean, seed)
            row = {"image": name, "level": level}
            found = [row | {"method": "noisy", "psnr": _psnr(clean, noisy)}]
            for method, function in methods.items():
                denoised, figures = function(noisy, seconds, clock)
                found.append(row | {"method": method, "psnr": _psnr(clean, denoised)} | figures)
                print(", ".join(f"{v:.2f}" if isinstance(v, float) else f"{v}" for v in found[-1].values()), flush=True)
            yield from found
            rows += found
    table = pd.DataFrame(rows).pivot_table("psnr", ["method", "level"], "image", sort=False)
    print(table.round(2).to_string())


def trainings():
    """Functions of a noisy image, seconds and a clock, by method, which train on the image and denoise it."""
    methods = {f"sk_denoise, {mode}": _own(mode) for mode in OWN}
    try:
        from careamics import CAREamist  # noqa: F401
    except ImportError as error:
        print(f"CAREamics is skipped: {error}")
        return methods
    return methods | {"CAREamics, Noise2Void": _careamics}


def _images():
    held_out = sets.held_out()
    return {name: held_out[name] for name in HELD_OUT} | {"camera": sets.grey(data.camera())}


def _psnr(clean, denoised):
    return float(psnr(clean.reshape(1, -1), denoised.reshape(1, -1), data_range=(0, 1)))


def _own(mode):
    """Return a function that trains a U-Net of this package for about the given time and denoises with it."""

    def train(noisy, seconds, clock):
        _fit(mode, noisy, 1)  # compiles
        times = [clock()]
        for epochs in (1, 1 + N_TIMED):
            _fit(mode, noisy, epochs)
            times.append(clock())
        short, long = np.diff(times)
        each = max(long - short, long / 2) / N_TIMED  # half of it at least, should another process have been in the way
        denoiser, figures = _fit(mode, noisy, 1 + max(0, round((seconds - short) / each)))
        return denoiser.transform(noisy), figures

    return train


def _fit(mode, noisy, epochs):
    network = DenoisingAutoencoder("unet", latent_dim=32, self_supervised=mode, batch_size=BATCH, epochs=epochs)
    denoiser = PatchDenoiser(
        network, patch_shape=(PATCH, PATCH), n_patches=N_PATCHES, data_range=(0, 1), random_state=0
    )
    stop = _stopwatch()
    denoiser.fit(noisy)
    return denoiser, stop() | {"steps": epochs * math.ceil(N_PATCHES / BATCH)}


def _careamics(noisy, seconds, clock):
    """Train Noise2Void of CAREamics for the given time and denoise with it."""
    from careamics import CAREamist
    from careamics.config import create_advanced_n2v_config
    from lightning.pytorch import Callback

    class Limit(Callback):
        def on_train_start(self, trainer, module):
            self.end = clock() + seconds

        def on_train_batch_end(self, trainer, *args):
            trainer.should_stop = clock() >= self.end

    config = create_advanced_n2v_config(
        "noise2void",
        data_type="array",
        axes="YX",
        patch_size=(PATCH, PATCH),
        batch_size=BATCH,
        num_epochs=10**6,  # until the time is over
        n_val_patches=0,  # they would be taken away from the only image
        monitor_metric="train_loss_epoch",
        num_workers=0,
        trainer_params={"accelerator": "cpu", "devices": 1, "enable_model_summary": False},
        checkpoint_params={"every_n_epochs": 1, "save_top_k": 1, "save_last": True},  # predict loads the last one
        seed=1,
    )
    in_image = math.ceil(noisy.shape[0] / PATCH) * math.ceil(noisy.shape[1] / PATCH)
    with tempfile.TemporaryDirectory() as folder:
        careamist = CAREamist(config, work_dir=folder, callbacks=[Limit()], enable_progress_bar=False)
        stop = _stopwatch()
        # An epoch of one small image would be a single step, and the learning rate is scheduled by epochs.
        careamist.train(train_data=[noisy] * math.ceil(N_PATCHES / in_image))
        figures = stop() | {"steps": careamist.trainer.global_step}
        denoised = careamist.predict(noisy)[0][0]
    return denoised.reshape(noisy.shape), figures


def _stopwatch():
    """Return a function that returns the times since now."""
    wall, cpu = time.perf_counter(), time.process_time()
    return lambda: {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
