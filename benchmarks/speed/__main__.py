"""Measure speed and memory, and write docs/performance.md.

Run: python benchmarks/speed [training] [search] [inference] [noise] [growth] [gpu]
Without names, all but `gpu`. Each keeps its figures in benchmarks/results/speed, and the page is made of all there are.
MNIST comes from the folder in SK_DENOISE_DATA, or from Keras.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import importlib
import sys

from measure import save
from page import write

if __name__ == "__main__":
    for section in sys.argv[1:] or ["noise", "inference", "search", "growth", "training"]:
        print(f"\n== {section}", flush=True)
        save(section, importlib.import_module(section).run())
    write()
