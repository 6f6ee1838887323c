"""Measure speed and memory, and write docs/measured/performance.md.

Run: python benchmarks/speed [noise] [inference] [search] [growth] [kernels] [shares] [training] [accelerator] [page]
Without arguments, all parts are measured except `accelerator`, which requires a GPU. This takes about an hour on 2
cores. Each part saves its measurements in benchmarks/results/speed, and the page is written from all measurements
there; `page` only rewrites the page.
MNIST is read from the folder SK_DENOISE_DATA, or downloaded by Keras.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import importlib
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import provenance
from measure import save
from page import write

if __name__ == "__main__":
    for section in sys.argv[1:] or ["noise", "inference", "search", "growth", "kernels", "shares", "training"]:
        if section == "page":
            continue
        print(f"\n== {section}", flush=True)
        with provenance.kept(f"speed {section}"):
            save(section, importlib.import_module(section).run())
    write()
