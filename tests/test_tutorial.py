import doctest
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(
    str(page.relative_to(DOCS))
    for part in ("start", "howto", "understand")
    for page in (DOCS / part).glob("*.rst")
    if ">>> " in page.read_text(encoding="utf-8")
)


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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_readme_examples_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # they write a page
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    names = {}
    for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL):
        exec(compile(block, "README.md", "exec"), names)
    assert (tmp_path / "report.html").exists()
    assert names["search"].best_score_ > 0.5
