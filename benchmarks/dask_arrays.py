"""Measure dask arrays: 10 GB through workers of 2 GB, and the speed-up by workers.

``python benchmarks/dask_arrays.py memory`` (up to an hour, 21 GB of disk) and ``speed`` (half an hour, on an idle
machine) print their tables and save them in ``benchmarks/results``. Smaller measurements are only printed.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "images"))  # for `memory`

import dask.array as da
import numpy as np
import provenance
from dask.distributed import Client, LocalCluster
from memory import status
from skimage.data import camera

from sk_denoise import DenoisingAutoencoder, ImageFilter, PatchDenoiser

RESULTS = Path(__file__).parent / "results"
PLANE = np.tile(camera(), (4, 4)).astype("float32")  # 2048 x 2048 pixels, 17 MB
CHUNKS = (4, 1024, 1024)
FILTERS = {
    "median": ImageFilter("median", size=5),
    "nlm": ImageFilter("nlm", level=0.08, h=0.06, patch_size=5, patch_distance=6),
    "bilateral": ImageFilter("bilateral", sigma_color=0.2, sigma_spatial=2.0),
    "U-Net": DenoisingAutoencoder("unet", latent_dim=16, epochs=1, noise="gaussian", random_state=0),
}


def workers(n, memory="auto"):
    """Return a cluster of `n` processes of one thread."""
    return LocalCluster(n_workers=n, threads_per_worker=1, memory_limit=memory, dashboard_address=None)


def fitted(name, images):
    """Return a denoiser of images."""
    return PatchDenoiser(FILTERS[name], patch_shape=(64, 64), n_patches=64, random_state=0).fit(images)


def with_noise(block, block_info):
    """Return noisy copies of parts of the plane."""
    (first, _), *part = block_info[None]["array-location"]
    rng = np.random.default_rng([first, *(start for start, _ in part)])
    noise = 20 * rng.standard_normal(block_info[None]["chunk-shape"], dtype="float32")
    return PLANE[tuple(slice(*ends) for ends in part)] + noise


def peak():
    """Largest resident memory of a process so far, in GB."""
    return status("VmHWM") / 1e9  # ru_maxrss would include the memory of the process that started it


def measure_memory(gigabytes, folder):
    """Yield a line for each denoiser."""
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as `sk-denoise` does, which saves a quarter of an hour
    n = -(-int(gigabytes * 1e9) // PLANE.nbytes)
    empty = da.empty((n, *PLANE.shape), chunks=CHUNKS, dtype="float32")
    empty.map_blocks(with_noise, meta=empty._meta).to_zarr(f"{folder}/in.zarr")
    images = da.from_zarr(f"{folder}/in.zarr")
    yield f"{images.nbytes / 1e9:.1f} GB of zarr to zarr, 2 workers of 1 thread and 2 GB each"
    yield "  denoiser    minutes    peak of a worker, GB    peak of the client, GB    largest difference"
    for name in ("median", "U-Net"):
        with workers(2, "2GB") as cluster, Client(cluster) as client:
            start = time.perf_counter()
            est = fitted(name, images)
            shutil.rmtree(f"{folder}/out.zarr", ignore_errors=True)
            est.transform(images).to_zarr(f"{folder}/out.zarr")
            minutes = (time.perf_counter() - start) / 60
            peaks = client.run(peak)
        denoised = da.from_zarr(f"{folder}/out.zarr")
        width = np.diff(est.data_range_)[0]
        some = {0, n // 2, n - 1}
        differences = [np.abs(denoised[i].compute() - est.transform(images[i].compute())).max() / width for i in some]
        worst = max(peaks.values())
        yield f"  {name:8s} {minutes:10.1f} {worst:23.2f} {peak():25.2f} {max(differences):21.1e}"


def measure_speed(side):
    """Yield a line for each denoiser and number of processes."""
    images = np.stack([PLANE[:side, :side]] * 8)
    lazy = da.from_array(images, chunks=(1, 512, 512))
    yield f"8 images of {side} x {side} pixels in chunks of 512, {os.cpu_count()} cores, one thread in each process"
    yield "  denoiser    processes    seconds    speed-up"
    for name in FILTERS:
        est, alone = fitted(name, images), None
        for n in (1, 2, 4):
            with workers(n) as cluster, Client(cluster) as client:
                on_workers = client.persist(lazy)
                run = lambda: client.compute(est.transform(on_workers).mean()).result()  # noqa: B023
                run()  # imports and compiles
                seconds = min(_timed(run) for _ in range(3))
            alone = alone or seconds
            yield f"  {name:10s} {n:10d} {seconds:10.2f} {alone / seconds:11.2f}"


def _timed(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["memory", "speed"])
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--side", type=int, default=2048, help="of the images of `speed`, in pixels")
    parser.add_argument("--folder", help="where the arrays of `memory` are written; by default, a temporary folder")
    options = parser.parse_args()
    full = options.gigabytes >= 10 and options.side >= 2048
    with (
        provenance.kept(f"dask_arrays.py {options.what}") if full else contextlib.nullcontext(),
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
    ):
        lines = []
        measured = measure_speed(options.side)
        if options.what == "memory":
            measured = measure_memory(options.gigabytes, folder)
        for line in measured:
            print(line, flush=True)
            lines.append(line)
        if full:
            (RESULTS / f"dask_{options.what}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
