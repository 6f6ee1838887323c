"""Memory of a process that fits on and denoises a file of 10 GB. Needs Linux and 22 GB on disk."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from skimage import data

from sk_denoise import DenoisingAutoencoder, ImageFilter, NoiseInjector, PatchDenoiser

SHAPE = (160, 4096, 4096)  # of a stack of float32 images, 10.7 GB
N_DENOISED = {"gaussian": 160, "unet": 4}  # images; a U-Net would take an hour for all


def large():
    """Yield the case, and the figures by denoiser."""
    for name in N_DENOISED:
        done = subprocess.run([sys.executable, __file__, name], stdout=subprocess.PIPE, text=True, check=True)
        yield {"gigabytes": round(4 * np.prod(SHAPE) / 1e9, 1)}, {name: json.loads(done.stdout.splitlines()[-1])}


def run(name):
    """Fit on a memory map, and denoise images of it into another one."""
    inner = ImageFilter("gaussian", sigma=1.0)
    if name == "unet":
        inner = DenoisingAutoencoder("unet", latent_dim=8, epochs=2, noise=NoiseInjector(level=0.1, clip=False))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{part}.npy" for part in ("in", "out")]
        stack = np.lib.format.open_memmap(paths[0], mode="w+", dtype="float32", shape=SHAPE)
        stack[:] = np.tile(data.camera().astype(np.float32) / 255, (8, 8))
        del stack  # written to the file
        stack = np.lib.format.open_memmap(paths[0], mode="r")
        n = N_DENOISED[name]
        out = np.lib.format.open_memmap(paths[1], mode="w+", dtype="float32", shape=(n, *SHAPE[1:]))
        denoiser, peak = PatchDenoiser(inner, random_state=0), Peak()
        start, cpu = time.perf_counter(), time.process_time()
        denoiser.fit(stack).transform(stack[:n], out=out)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    megapixels = n * SHAPE[1] * SHAPE[2] / 1e6
    return {"megapixels": megapixels, "cpu_seconds": cpu, "seconds": seconds, "megabytes": peak.stop() / 1e6}


class Peak:
    """The largest amount of memory in use, looked at 20 times a second.

    Pages of files are not counted, which the system keeps in memory as long as nobody else needs it.
    """

    def __init__(self):
        self._bytes, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self):
        while not self._over.wait(0.05):
            lines = Path("/proc/self/status").read_text().splitlines()
            anonymous = next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
            self._bytes = max(self._bytes, anonymous)

    def stop(self):
        """Return the peak in bytes."""
        self._over.set()
        self._thread.join()
        return self._bytes


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
