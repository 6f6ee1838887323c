"""Helpers shared by tests in several folders."""

import os
import subprocess
import sys

import numpy as np

from sk_denoise import DenoisingAutoencoder

#: Largest difference between batches, orders, threads and processes, as a fraction of the data range.
ROUNDING = {np.float64: 1e-12, np.float32: 1e-5}
#: Largest difference in score (dB) between fits with different numbers of threads, which are rounded differently.
DECIBELS = 0.1
#: Largest difference between the images of such fits after a few steps, on rows in [0, 1].
FEW_STEPS = 1e-3


def quick(architecture="dense", **params):
    """Return a tiny denoiser that trains for two epochs."""
    return DenoisingAutoencoder(architecture, **({"epochs": 2, "latent_dim": 4, "random_state": 0} | params))


def run_python(code, *arguments, timeout=300, **env):
    """Run `code` in a new interpreter and return its output; ``env`` sets environment variables, None removes one."""
    variables = {name: str(value) for name, value in (os.environ | env).items() if value is not None}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
