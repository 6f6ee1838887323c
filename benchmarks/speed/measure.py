"""Measure two implementations alternately in one run; report medians and ranges."""

import dataclasses
import inspect
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results" / "speed"


@dataclasses.dataclass
class Row:
    """One comparison: measurements of this package and of the alternative, in `unit`, where lower is better."""

    what: str
    against: str
    ours: list
    theirs: list
    goal: float
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self):
        """Ratio of the medians: this package over the alternative."""
        return statistics.median(self.ours) / statistics.median(self.theirs)

    def print(self):
        """Print the row."""
        verdict = "reached" if self.ratio <= self.goal else "NOT REACHED"
        print(
            f"{self.what} | {show(self.ours, self.unit)} | {self.against} {show(self.theirs, self.unit)} |"
            f" ratio {self.ratio:.3f}, goal {self.goal:.3f}: {verdict} | {self.note}",
            flush=True,
        )
        return self


def show(values, unit):
    """Format the median, and the range in brackets."""
    scale, name = (1000, "ms") if unit == "s" and statistics.median(values) < 0.5 else (1, unit)
    middle, low, high = (scale * value for value in (statistics.median(values), min(values), max(values)))
    return f"{middle:.3g} {name} [{low:.3g}, {high:.3g}]"


def seconds(function):
    """Time of one call in seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turns(repeats, *functions, warm_up=True):
    """Times of each function in seconds; they are called in turns, so that load on the machine affects all equally."""
    if warm_up:
        for function in functions:
            function()
    times = [[seconds(function) for function in functions] for _ in range(repeats)]
    return [list(column) for column in zip(*times)]


def in_new_process(function, *arguments, environment=None):
    """Run ``function(*arguments)`` in a new interpreter; the result is passed back as JSON.

    The file of the function is imported there, also if it is the script that runs here. `environment` maps variables to
    values; None unsets a variable.
    """
    file = Path(inspect.getfile(function)).resolve()
    variables = {k: v for k, v in (os.environ | (environment or {})).items() if v is not None}
    code = (
        f"import sys, json; sys.path.insert(0, {str(file.parent)!r});"
        f" from {file.stem} import {function.__name__} as f; print(json.dumps(f(*{arguments!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
    return json.loads(done.stdout.splitlines()[-1])


def save(section, rows):
    """Save the measurements of a section for the page."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = [dataclasses.asdict(row) if isinstance(row, Row) else row for row in rows]
    (RESULTS / f"{section}.json").write_text(json.dumps(kept, indent=1) + "\n")
