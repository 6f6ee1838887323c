"""Seconds and peak memory of each filter on one large image, in a process of its own."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import methods
import numpy as np
import sets

SIDES = (512, 1024)
SIGMA = 0.1


def memory():
    """Yield the case, and the figures by method."""
    functions = methods.with_bm3d(methods.given(SIGMA) | methods.scikit_image(SIGMA), SIGMA)
    for side in SIDES:
        for name in functions:
            baseline, found = (_in_new_process(name, side, what) for what in ("baseline", "denoise"))
            extra = (found.pop("peak") - baseline["peak"]) / 1e6
            yield {"side": side}, {name: found | {"megabytes": max(extra, 0.0)}}


def _in_new_process(name, side, what):
    command = [sys.executable, str(Path(__file__)), name, str(side), what]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def run(name, side, what):
    """Denoise, or only prepare to; the first call on a small image loads what is loaded on demand."""
    function = methods.with_bm3d(methods.given(SIGMA) | methods.scikit_image(SIGMA), SIGMA)[name]
    function = function[0] if isinstance(function, list) else function
    clean = sets.mosaic(side)
    noisy = clean + np.float32(SIGMA) * sets.noise(clean, 0)
    function(noisy[:64, :64].copy())
    cpu, start = time.process_time(), time.perf_counter()
    if what == "denoise":
        function(noisy)
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"cpu_seconds": cpu, "seconds": seconds, "peak": peak}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
