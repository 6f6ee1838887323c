"""Record when, where and by which command each result was measured, in benchmarks/results/provenance.csv.

The page docs/measured/index.rst shows the table.
"""

import contextlib
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import pandas as pd

PATH = Path(__file__).parent / "results" / "provenance.csv"


@contextlib.contextmanager
def kept(command):
    """Measure within this context; if that succeeds, replace the line of `command`."""
    started = time.perf_counter()
    yield
    line = {
        "command": f"python benchmarks/{command}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "versions": f"Python {platform.python_version()}, TensorFlow {version('tensorflow')}, NumPy {version('numpy')}",
    }
    lines = pd.read_csv(PATH).to_dict("records") if PATH.exists() else []
    lines = [line, *(other for other in lines if other["command"] != line["command"])]
    pd.DataFrame(lines).sort_values("command").to_csv(PATH, index=False, lineterminator="\n")


def _processor():
    """Name of the processor, and its widest vector instructions, which decide on the speed of a network."""
    path, said = Path("/proc/cpuinfo"), {}
    for line in path.read_text().splitlines() if path.exists() else ():
        key, _, value = line.partition(":")
        said[key.strip()] = value.strip()
    flags = said.get("flags", "").split()
    vectors = {"AVX-512": "avx512f", "AVX2": "avx2"}
    widest = next((name for name, flag in vectors.items() if flag in flags), "")
    return ", ".join(filter(None, [said.get("model name", platform.machine()), widest]))
