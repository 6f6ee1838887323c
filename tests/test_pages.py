"""The examples of the README and of the documentation pages run, and print the output shown."""

import doctest
import re
from pathlib import Path

import pytest
from helpers import run_python

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    str(page.relative_to(DOCS))
    for part in ("start", "howto", "understand")
    for page in (DOCS / part).glob("*.rst")
    if ">>> " in page.read_text(encoding="utf-8")
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"[+-]?\d+\.\d+")


@pytest.mark.parametrize("page", PAGES)
def test_cells_of_the_page_run_in_order(page, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)  # pages save figures
    plt.switch_backend("agg")
    failures, tries = doctest.testfile(
        str(DOCS / page), module_relative=False, optionflags=doctest.ELLIPSIS, encoding="utf-8"
    )
    plt.close("all")
    assert tries > 0
    assert failures == 0


def test_the_tutorial_is_among_the_pages():
    assert "start/tutorial.rst" in PAGES


def test_readme_pasted_into_a_new_interpreter(tmp_path):
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))
    out = run_python(f"import os\nos.chdir({str(tmp_path)!r})\n{code}")
    assert (tmp_path / "report.html").exists()
    # Trained weights differ between machines; three points are twice the standard error of an accuracy.
    for start, options in (("accuracy on clean", {"abs": 0.03}), ("Gaussian noise, 1 image", {"rel": 0.01})):
        shown = re.search(rf"```\n({start}.*?)```", README, re.DOTALL)[1].splitlines()
        printed = out[out.index(start) :].splitlines()[: len(shown)]
        assert [NUMBER.sub("", line) for line in printed] == [NUMBER.sub("", line) for line in shown]
        numbers = ([float(n) for n in NUMBER.findall("\n".join(lines))] for lines in (printed, shown))
        assert next(numbers) == pytest.approx(next(numbers), **options)
