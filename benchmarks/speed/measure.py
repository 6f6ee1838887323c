"""Measurement: both sides alternately in one run, as medians with their range."""

import dataclasses
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
    """One line of the page: ours against theirs, in `unit`, where less is better."""

    what: str
    against: str
    ours: list
    theirs: list
    goal: float
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self):
        """Ours over theirs, of medians."""
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
    """Median, and the range in brackets."""
    scale, name = (1000, "ms") if unit == "s" and statistics.median(values) < 0.5 else (1, unit)
    middle, low, high = (scale * value for value in (statistics.median(values), min(values), max(values)))
    return f"{middle:.3g} {name} [{low:.3g}, {high:.3g}]"


def seconds(function):
    """How long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turns(repeats, *functions, warm_up=True):
    """Seconds of each function, a list each; called in turns, so that what slows the machine slows all."""
    if warm_up:
        for function in functions:
            function()
    times = [[seconds(function) for function in functions] for _ in range(repeats)]
    return [list(column) for column in zip(*times)]


def in_new_process(function, *arguments, environment=None):
    """Return ``function(*arguments)``, run in a fresh interpreter and passed back as JSON.

    `environment` maps variables to values; None unsets a variable.
    """
    variables = {k: v for k, v in (os.environ | (environment or {})).items() if v is not None}
    code = (
        f"import sys, json; sys.path.insert(0, {str(Path(__file__).parent)!r});"
        f" from {function.__module__} import {function.__name__} as f; print(json.dumps(f(*{arguments!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
    return json.loads(done.stdout.splitlines()[-1])


def save(section, rows):
    """Save the rows for the page."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = [dataclasses.asdict(row) if isinstance(row, Row) else row for row in rows]
    (RESULTS / f"{section}.json").write_text(json.dumps(kept, indent=1) + "\n")
