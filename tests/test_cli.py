import json
import os
import subprocess
import sys
from functools import partial

import pytest

from sk_denoise import DenoisingAutoencoder
from sk_denoise import demo as demo_module
from sk_denoise.cli import main
from sk_denoise.evaluation import fit_rival


@pytest.fixture
def short(monkeypatch):
    """The demo on short fits: what it does is under test here, not how well."""

    class Short(DenoisingAutoencoder):
        def __init__(self, architecture="dense", *, latent_dim=64, validation_split=None, epochs=5, random_state=None):
            super().__init__(
                architecture, latent_dim=latent_dim, validation_split=validation_split, epochs=5, random_state=0
            )

    monkeypatch.setattr(demo_module, "DenoisingAutoencoder", Short)
    monkeypatch.setattr(demo_module, "fit_rival", partial(fit_rival, max_values=200_000))


@pytest.mark.parametrize("options", [[], ["--noise", "masking", "--level", "0.3", "--architecture", "unet"]])
@pytest.mark.slow
def test_demo(short, tmp_path, capsys, options):
    assert main(["demo", "--output", str(tmp_path / "out"), *options]) == 0
    out = capsys.readouterr().out
    for word in ("PSNR", "SSIM", "clean", "noisy", "denoised", "rival", "won back", "latent_dim", "<- best"):
        assert word in out
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"images.png", "loss.png", "latent_size.png"}
    assert str(tmp_path / "out" / "loss.png") in out


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
    variables = {k: v for k, v in (os.environ | {"TF_ENABLE_ONEDNN_OPTS": chosen}).items() if v is not None}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == expected


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ([], "required: COMMAND"),
        (["demo", "--foo"], "unrecognized arguments: --foo"),
        (["demo", "--noise", "gausian"], "invalid choice: 'gausian'"),
        (["demo", "--level", "high"], "invalid float value: 'high'"),
    ],
)
def test_wrong_option_is_one_line(arguments, match, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    err = capsys.readouterr().err
    assert stop.value.code == 2 and match in err and err.count("\n") == 1


def test_level_out_of_range_and_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for arguments, match in (
        (["--level", "25"], "level must be"),
        (["--output", str(tmp_path / "file")], "file"),
        (["--output", str(tmp_path / "file" / "below")], "file"),
    ):
        assert main(["demo", *arguments]) == 1
        err = capsys.readouterr().err
        assert match in err and err.startswith("sk-denoise: error: ") and err.count("\n") == 1


def test_no_mnist(tmp_path, capsys, monkeypatch):
    import keras

    def offline():
        raise Exception("URL fetch failure")

    monkeypatch.setenv("SK_DENOISE_DATA", str(tmp_path))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", offline)
    assert main(["demo", "--dataset", "mnist", "--output", str(tmp_path)]) == 1
    assert "SK_DENOISE_DATA" in capsys.readouterr().err


def test_report(tmp_path, capsys):
    page, rows = tmp_path / "report.html", tmp_path / "rows.csv"
    options = ["--noise", "gaussian", "--level", "0.3", "--denoiser", "median", "pca", "--classifier", "neighbours"]
    options += ["--seeds", "1", "--jobs", "1", "--html", str(page), "--csv", str(rows)]
    assert main(["report", *options]) == 0
    out = capsys.readouterr().out
    for word in ("In short", "neighbours, gaussian 0.3", "rival", "Intervals: 95 %", str(page)):
        assert word in out
    assert page.read_text().startswith("<!doctype html>") and len(rows.read_text().splitlines()) == 1 + 6


def test_report_of_a_range_and_of_wrong_numbers(tmp_path, capsys):
    few = ["--noise", "masking", "--denoiser", "median", "--classifier", "neighbours", "--seeds", "1", "--jobs", "1"]
    assert main(["report", *few, "--level", "0.3", "--trained-level", "0", "0.7"]) == 0
    assert "trained on masking 0-0.7" in capsys.readouterr().out
    assert main(["report", *few, "--level", "30"]) == 1
    assert "level must be" in capsys.readouterr().err
    assert main(["report", *few, "--html", str(tmp_path / "no" / "folder.html")]) == 1
    assert "folder.html" in capsys.readouterr().err
