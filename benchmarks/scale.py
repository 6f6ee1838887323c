"""Measure how time and memory grow with pixels, chunks and workers, and what each chunk costs beside the denoiser.

``python benchmarks/scale.py`` takes up to half an hour on two idle cores, prints its tables, and writes CSV files to
benchmarks/results/scale, from which docs/scale_page.py makes the tables and sentences of the documentation. Names of
parts, such as ``pixels workers``, measure only these. ``--small`` tries everything on small images and saves nothing.

- "pixels": one image in memory, in a process that uses all cores.
- "margins": how many pixels are denoised for each pixel of the result; counted, not timed.
- "chunks": a plane from zarr to zarr, in chunks of different sizes, through one worker of one thread.
- "workers": images from zarr to zarr, each of which is one chunk, through workers of one thread.

Needs Linux.
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path += [str(Path(__file__).parent / folder) for folder in ("images", "speed")]

import dask
import dask.array as da
import numpy as np
import pandas as pd
import provenance
from dask.distributed import Client
from dask_arrays import peak, workers
from measure import in_new_process
from memory import costs
from skimage.data import camera

from sk_denoise import DenoisingAutoencoder, ImageFilter, PatchDenoiser

RESULTS = Path(__file__).parent / "results" / "scale"
DENOISERS = {
    "nl_ridge": ImageFilter("nl_ridge"),
    "U-Net": DenoisingAutoencoder("unet", epochs=1, noise="gaussian"),
    # So fast that the time of small chunks is that of everything around the filter.
    "gaussian": ImageFilter("gaussian", sigma=1.0),
}
SIDES = (512, 1024, 2048, 4096)
REPEATED = 2_000_000  # values up to which nl_ridge, which takes 10 s for a million, is measured three times
#: Sides of a plane and of its chunks, by denoiser.
CHUNKS = {"U-Net": (2048, (256, 512, 1024, 2048)), "gaussian": (2048, (64, 128, 256, 512))}
#: Sides of a plane and of its chunks, 0 for an array in memory, where nl_ridge gets up to 4096 x 4096 pixels whole.
MARGINS = {
    "nl_ridge": [(4096, 0), (4096, 1024), (8192, 0), (8192, 2048), (8192, 4096)],
    "U-Net": [(2048, 0), (2048, 256), (2048, 512), (2048, 1024), (2048, 2048)],
}
WORKERS = (1, 2, 4)
IMAGES = {"nl_ridge": (4, 1024), "U-Net": (8, 1024)}  # number and side; at least one for each worker


def noisy(*shape):
    """Return copies of a photograph side by side, with noise."""
    pixels = np.tile(camera().astype("float32"), [-(-side // 512) for side in shape[-2:]])
    return pixels[: shape[-2], : shape[-1]] + 20 * np.random.default_rng(0).standard_normal(shape, dtype="float32")


def fitted(name, images):
    """Return a denoiser fitted on few patches, because only `transform` is measured."""
    return PatchDenoiser(DENOISERS[name], n_patches=64, random_state=0).fit(images)


def repeated(run, n):
    """Return the medians of time over `n` calls, and the memory that the first one added."""
    found = [costs(run)[1] for _ in range(n)]
    medians = {key: statistics.median(one[key] for one in found) for key in ("seconds", "cpu_seconds")}
    return medians | {"megabytes": found[0]["megabytes"]}


def in_memory(name, side, n_repeats):
    """Denoise an image in memory; a first call on a part of it loads and compiles what is needed."""
    image = noisy(side, side)
    est = fitted(name, image)
    est.transform(image[:128, :128])
    return repeated(lambda: est.transform(image), n_repeats)


def from_zarr(name, shape, chunk, n_workers, n_repeats):
    """Denoise images from zarr to zarr on a cluster.

    The scheduler runs in this process, so the CPU time and the memory here are those of the client and the scheduler.
    """
    images = noisy(*shape)
    with tempfile.TemporaryDirectory() as folder, workers(n_workers) as cluster, Client(cluster) as client:
        da.from_array(images, chunks=(1,) * (len(shape) - 2) + (chunk, chunk)).to_zarr(f"{folder}/in.zarr")
        est, small = fitted(name, images), images[..., :128, :128].copy()
        del images
        addresses = client.scheduler_info()["workers"]  # each worker imports and compiles before time is taken
        client.gather([client.submit(est.transform, small, workers=[one], pure=False) for one in addresses])

        def run():
            est.transform(da.from_zarr(f"{folder}/in.zarr")).to_zarr(f"{folder}/out.zarr", mode="w")

        found = repeated(run, n_repeats)
        return found | {"worker_megabytes": 1000 * max(client.run(peak).values())}


def denoised_pixels(est, side, chunk):
    """Count the pixels that are passed to a denoiser for each one of the result; they are not denoised."""
    n_pixels = 0

    def count(images):
        nonlocal n_pixels
        n_pixels += images.size
        return images

    est.denoiser_._restore_images = count
    if not chunk:
        est.transform(np.zeros((side, side), dtype="float32"))
    else:
        with dask.config.set(scheduler="synchronous"):
            est.transform(da.zeros((side, side), chunks=chunk, dtype="float32")).sum().compute()
    return n_pixels / side**2


def pixels(scale):
    """Yield each case with its figures."""
    for name in ("nl_ridge", "U-Net"):
        for side in (s // scale for s in SIDES):
            n_repeats = 1 if name == "nl_ridge" and side**2 > REPEATED else 3
            yield {"denoiser": name, "side": side} | in_new_process(in_memory, name, side, n_repeats)


def margins(scale):
    """Yield each case with its figures."""
    for name, cases in MARGINS.items():
        est = fitted(name, noisy(256, 256))
        for side, chunk in cases:
            if side < 8192 or scale == 1:
                yield {"denoiser": name, "side": side, "chunk": chunk, "denoised": denoised_pixels(est, side, chunk)}


def chunks(scale):
    """Yield each case with its figures."""
    for name, (side, sizes) in CHUNKS.items():
        shape = side // scale, side // scale
        for chunk in sizes:
            n = (-(-shape[0] // chunk)) ** 2
            found = in_new_process(from_zarr, name, shape, chunk, 1, 3)
            yield {"denoiser": name, "side": shape[0], "chunk": chunk, "chunks": n} | found


def on_workers(scale):
    """Yield each case with its figures."""
    for name, (n_images, side) in IMAGES.items():
        side //= scale
        for n_workers in WORKERS:
            n_repeats = 1 if name == "nl_ridge" else 3
            found = in_new_process(from_zarr, name, (n_images, side, side), side, n_workers, n_repeats)
            yield {"denoiser": name, "images": n_images, "side": side, "workers": n_workers} | machine() | found


def machine():
    """Return the cores that this process may use, and the memory of the machine."""
    n_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": len(os.sched_getaffinity(0)), "machine_gigabytes": round(n_bytes / 1e9, 1)}


PARTS = {"pixels": pixels, "margins": margins, "chunks": chunks, "workers": on_workers}


def main():
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; by default, all")
    parser.add_argument("--small", action="store_true", help="try on images of an eighth of the side; save nothing")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part is called {', '.join(unknown)}")
    parts = options.parts or PARTS
    command = " ".join(["scale.py", *options.parts])
    with contextlib.nullcontext() if options.small else provenance.kept(command):
        for part in parts:
            rows = []
            for row in PARTS[part](8 if options.small else 1):
                print(part, *row.values(), flush=True)
                rows.append(row)
            frame = pd.DataFrame(rows)
            print(frame.round(4).to_string(index=False), flush=True)
            if not options.small:
                RESULTS.mkdir(parents=True, exist_ok=True)
                frame.to_csv(RESULTS / f"{part}.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
