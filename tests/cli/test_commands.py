import functools
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from helpers import run_python

import sk_denoise
from sk_denoise import DenoisingAutoencoder
from sk_denoise import demo as demo_module
from sk_denoise.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (ROOT / "docs" / "start" / "install.rst").read_text(encoding="utf-8")
FEW = ["--denoiser", "median", "pca", "--classifier", "neighbours", "--seeds", "1", "--jobs", "1"]


@pytest.fixture
def short(monkeypatch):
    """Shorten the fits of the demo, because the tests check its steps, not its quality."""

    monkeypatch.setattr(demo_module, "DenoisingAutoencoder", functools.partial(DenoisingAutoencoder, epochs=5))
    monkeypatch.setattr(demo_module, "_SEARCH", {"n_rows": 300, "epochs": 2, "folds": 2})
    monkeypatch.setattr(demo_module, "_AUGMENTED", {"max_draws": 2})


@pytest.mark.parametrize(
    "options", [[], ["--dataset", "digits", "--noise", "masking", "--level", "0.3", "--architecture", "unet"]]
)
@pytest.mark.slow
def test_demo(short, tmp_path, capsys, options):
    assert main(["demo", "--output", str(tmp_path / "out"), *options]) == 0
    out = capsys.readouterr().out
    for word in (
        "PSNR",
        "SSIM",
        "clean",
        "noisy",
        "denoised",
        "augmented",
        "recovered",
        "latent_dim",
        "<- best",
        "repaired",
    ):
        assert word in out
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"images.png", "changes.png", "latent_size.png"}
    assert str(tmp_path / "out" / "images.png") in out
    shown = re.search(r"\n( +test images .*?)\n\S", INSTALL, re.DOTALL)[1]
    for line in filter(None, map(str.strip, shown.splitlines())):
        assert re.split(r"  |: |clean images", line)[0] in out  # what a line is about; its figures vary
    (line,) = re.findall(r"`(recovered: [^`]+)`", README)
    assert line in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "chosen", "expected"),
    [("main()", None, "1"), ("main()", "0", "0"), ("main(sys.argv[1:])", None, None)],
    ids=["the command", "a choice of the user's", "a program"],
)
def test_only_the_command_itself_switches_onednn_on(call, chosen, expected):
    code = (
        "import json, os, sys; from sk_denoise.cli import main; sys.argv = ['sk-denoise', 'demo', '--level', '25'];"
        f" {call}; print(json.dumps(os.environ.get('TF_ENABLE_ONEDNN_OPTS')))"
    )
    assert json.loads(run_python(code, TF_ENABLE_ONEDNN_OPTS=chosen).splitlines()[-1]) == expected


def test_help_and_version(capsys):
    assert main([]) == 0
    assert "report" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and sk_denoise.__version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["demo", "--foo"], ["demo", "--noise", "gausian"], ["demo", "--level", "high"], ["applause"]]
)
def test_wrong_option_is_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    err = capsys.readouterr().err
    assert stop.value.code == 2 and arguments[-1] in err and err.count("\n") == 1


def test_wrong_values_are_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for arguments, name in (
        (["demo", "--level", "25"], "level"),
        (["demo", "--seed", "-1"], "seed"),
        (["demo", "--output", str(tmp_path / "file")], "file"),
        (["demo", "--output", str(tmp_path / "file" / "below")], "file"),
        (["report", *FEW, "--seeds", "0"], "n_seeds"),
        (["report", *FEW, "--html", str(tmp_path / "no" / "folder.html")], "folder.html"),
    ):
        assert main(arguments) == 1
        err = capsys.readouterr().err
        assert name in err and err.startswith("sk-denoise: error: ") and err.count("\n") == 1


def test_no_mnist(tmp_path, capsys, monkeypatch):
    import keras

    def offline():
        raise Exception("URL fetch failure")

    monkeypatch.setenv("SK_DENOISE_DATA", str(tmp_path))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", offline)
    assert main(["demo", "--dataset", "mnist", "--output", str(tmp_path)]) == 1
    assert "SK_DENOISE_DATA" in capsys.readouterr().err


@pytest.mark.slow
def test_report(tmp_path, capsys):
    page, table = tmp_path / "report.html", tmp_path / "cells.csv"
    options = ["--noise", "masking", "--level", "0.3", "--trained-level", "0", "0.7"]
    assert main(["report", *FEW, *options, "--html", str(page), "--csv", str(table)]) == 0
    out = capsys.readouterr().out
    for word in ("neighbours, masking 0.3", "trained on masking 0-0.7", "augmented", str(page)):
        assert word in out
    assert page.read_text().startswith("<!doctype html>")
    frame = pd.read_csv(table)
    assert len(frame) == 6 and frame["accuracy_augmented"].notna().all()
