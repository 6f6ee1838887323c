"""The examples of the README and of the documentation pages run, and print the output shown."""

import doctest
import json
import re
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile
from helpers import run_python

from sk_denoise.cli import main

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
#: A block of code in the README, with its language, and the output without a language that follows it, if any.
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n(?:\n?```\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)
BLOCKS = [match.groups(default="") for match in BLOCK.finditer(README)]
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


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


def _check_output(printed, shown):
    """Compare all words and numbers; "..." stands for any text, and lines may be broken elsewhere."""
    parts = " ".join(shown.split()).split("...")
    patterns = [f"({NUMBER.pattern})".join(map(re.escape, NUMBER.split(part))) for part in parts]
    found = re.fullmatch(".*?".join(patterns), " ".join(printed.split()))
    assert found, f"{printed}\nis not as shown:\n{shown}"
    for number, expected in zip(map(float, found.groups()), map(float, NUMBER.findall(shown)), strict=True):
        options = {"rel": 0.01}
        if "accuracy" in shown:
            # Trained weights differ between machines; three points are twice the standard error of an accuracy.
            options = {"abs": 0.03} if abs(expected) < 1 else {"abs": max(3, 0.1 * abs(expected))}
        assert number == pytest.approx(expected, **options)


def test_readme_pasted_into_a_new_interpreter(tmp_path):
    cells = [(code, shown) for language, code, shown in BLOCKS if language == "python"]
    mark = "-- end of a cell --"
    code = "".join(f"{code}\nprint({mark!r})\n" for code, _ in cells)
    printed = run_python(f"import os\nos.chdir({str(tmp_path)!r})\n{code}").split(mark)
    assert (tmp_path / "report.html").exists()
    assert sum(bool(shown) for _, shown in cells) == 3  # rows, images and the report
    for (_, shown), out in zip(cells, printed):
        if shown:
            _check_output(out, shown)


def test_readme_commands_on_files(tmp_path, monkeypatch, capsys):
    get_testdata_file = pytest.importorskip("pydicom.data").get_testdata_file
    from skimage.data import cell, coins

    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    rng = np.random.default_rng(0)
    tifffile.imwrite("scans/cell.tif", rng.poisson(cell()[200:456, 100:356] / 4).astype("uint16"))
    noisy = coins()[:256, :256] + 10 * rng.standard_normal((256, 256))
    iio.imwrite("scans/coins.png", noisy.clip(0, 255).round().astype("uint8"))
    shutil.copy(get_testdata_file("CT_small.dcm"), "scans/ct.dcm")
    (session,) = (code for language, code, _ in BLOCKS if language == "console")
    for run in session.split("$ sk-denoise ")[1:]:
        command, _, shown = run.partition("\n")
        assert main(command.split()) == 0
        _check_output(capsys.readouterr().out, shown)
    assert "a point was removed" in Path("denoised/verdicts.html").read_text(encoding="utf-8")


def test_readme_shows_what_was_measured():
    results = ROOT / "benchmarks" / "results"
    quality = pd.read_csv(results / "quality.csv").groupby("denoiser").mean(numeric_only=True)
    for name, shown in (
        ("none", "none"),
        ("dense", "dense, `latent_dim=64`"),
        ("conv", "conv, `latent_dim=64`"),
        ("unet", "U-Net"),
    ):
        row = quality.loc[name]
        fit, recovered = f" {row['fit_seconds']:.0f} s", f" {100 * row['recovered']:.1f} %"
        if name == "none":
            fit = recovered = ""
        line = f"| {shown} |{fit} | {row['psnr']:.2f} dB | {row['ssim']:.3f} | {row['accuracy']:.3f} |{recovered} |"
        assert line in README.splitlines()
    text = " ".join(README.split())
    labels = pd.read_csv(results / "recovery" / "labels.csv").query("denoiser == 'U-Net'").set_index("n_labels")
    few, many = (
        f"{row.vs_augmented:.1f} [{row.vs_augmented_low:.1f}, {row.vs_augmented_high:.1f}]"
        for row in labels.loc[[300, 10_000]].itertuples()
    )
    assert f"with 300 labels gains {few.replace(' ', ' points ', 1)}" in text
    assert f"and {many} with 10,000" in text
    assert labels["vs_augmented_low"].min() > 0
    speed = {}
    for part in ("search", "inference"):
        for entry in json.loads((results / "speed" / f"{part}.json").read_text(encoding="utf-8")):
            if "what" in entry:
                speed[entry["what"]] = np.median(entry["ours"]) / np.median(entry["theirs"])
    grid, row, rows = (
        speed[what]
        for what in (
            "a grid of 4 latent sizes x 5 folds, 20 epochs each",
            "one row through transform",
            "10,000 x 784 through transform",
        )
    )
    assert f"folds takes {grid:.2f} of the time" in text
    assert f"`transform` {row:.2f} of that" in text
    assert f"10,000 rows take {rows:.1f} times as long" in text


def test_readme_links_to_files_that_exist():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 20
    assert not [link for link in links if not (ROOT / link).is_file()]
