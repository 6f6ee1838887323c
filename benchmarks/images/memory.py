"""Seconds and peak memory of a call; of each filter on one large image, in a process of its own. Needs Linux."""

import ctypes
import json
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
    for side in SIDES:
        for name in _functions():
            command = [sys.executable, str(Path(__file__)), name, str(side)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            yield {"side": side}, {name: json.loads(done.stdout.splitlines()[-1])}


def _functions():
    functions = methods.with_bm3d(methods.given(SIGMA) | methods.scikit_image(SIGMA), SIGMA)
    return {name: function[0] if isinstance(function, list) else function for name, function in functions.items()}


def run(name, side):
    """Denoise one image; a first call on a small image loads what is loaded on demand."""
    function = _functions()[name]
    clean = sets.mosaic(side)
    noisy = clean + np.float32(SIGMA) * sets.noise(clean, 0)
    function(noisy[:64, :64].copy())
    return costs(lambda: function(noisy))[1]


def costs(function):
    """Call a function; return its result, and the time and the peak of the memory that it adds.

    The peak is that recorded by the system, because a thread that samples memory would miss calls that hold the lock of
    the interpreter, and would slow down other calls.
    """
    ctypes.CDLL(None).malloc_trim(0)  # memory that was freed, but is kept for reuse, would hide the memory added
    # The peak restarts from the present memory; otherwise, the peak of the imports would hide that of small images.
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    cpu, start = time.process_time(), time.perf_counter()
    result = function()
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
    megabytes = max(0, status("VmHWM") - before) / 1e6
    return result, {"cpu_seconds": cpu, "seconds": seconds, "megabytes": megabytes}


def status(key):
    """Bytes of memory of this process, now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
