"""The commands from files to files: what they print and write, exit status, and errors in one line."""

import re
import signal
import subprocess
import sys
import time

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
from skimage import data

from sk_denoise import EstimatorDenoiser, ImageFilter, PatchDenoiser, save
from sk_denoise.cli import main
from sk_denoise.files import read_images


@pytest.fixture
def scans(tmp_path, monkeypatch):
    """A folder of two noisy images, beside which the commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    rng = np.random.default_rng(0)
    for name, top in (("one", 100), ("two", 200)):
        clean = data.camera()[top : top + 64, 150:230]
        iio.imwrite(f"scans/{name}.png", np.clip(clean + 15 * rng.standard_normal((64, 80)), 0, 255).astype("uint8"))
    return tmp_path / "scans"


def test_noise(scans, capsys):
    assert main(["noise", "scans", "--csv", "noise.csv", "--plot", "noise.png"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"one\.png +gaussian +0\.0\d+ +1[3-7]", out) and "2 files" in out
    assert list(pd.read_csv("noise.csv")["file"]) == ["one.png", "two.png"]
    assert iio.imread("noise.png").std() > 10


def test_apply_and_check(scans, capsys):
    assert main(["apply", "scans", "-o", "denoised", "--filter", "gaussian"]) == 0
    out = capsys.readouterr().out
    assert "2 files: 2 denoised\nchecked: " in out
    for name in ("verdicts.csv", "verdicts.html"):
        assert (scans.parent / "denoised" / name).exists() and name in out
    assert main(["apply", "scans", "-o", "denoised"]) == 0
    assert "2 files: 2 kept" in capsys.readouterr().out
    assert main(["check", "scans", "-o", "denoised", "--denoiser", "gaussian"]) == 0
    assert "checked: " in capsys.readouterr().out


def test_dry_run(scans, capsys):
    assert main(["apply", "scans/one.png", "-o", "denoised", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "would be denoised: scans/one.png -> denoised/one.png" in out and "minutes" in out and "MB" in out
    assert not (scans.parent / "denoised").exists()


def test_a_saved_model(scans, capsys):
    from sklearn.decomposition import PCA

    inner = EstimatorDenoiser(PCA(8), noise=None)
    images = read_images([scans / "one.png", scans / "two.png"])
    save(PatchDenoiser(inner, patch_shape=(8, 8), random_state=0).fit(images), "model.skops")
    assert main(["apply", "scans", "-o", "denoised", "--model", "model.skops", "--no-check"]) == 0
    assert "2 denoised" in capsys.readouterr().out
    assert "verdict" not in pd.read_csv("denoised/verdicts.csv")


def test_other_models_are_refused(scans, capsys):
    save(ImageFilter("median"), "filter.skops")
    assert main(["apply", "scans", "-o", "denoised", "--model", "filter.skops"]) == 1
    assert "denoiser must be" in capsys.readouterr().err


@pytest.mark.slow
def test_fit(scans, capsys):
    assert main(["fit", "scans", "-o", "model.skops", "--architecture", "conv", "--minutes", "0.01"]) == 0
    assert "trained on noisy images alone (recorrupted), 2 epochs" in capsys.readouterr().out
    assert main(["apply", "scans", "-o", "denoised", "--model", "model.skops"]) == 0


def test_one_bad_file_is_named_and_skipped(scans, capsys):
    (scans / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main(["apply", "scans", "-o", "denoised", "--filter", "gaussian"]) == 1
    out, err = capsys.readouterr()
    assert "3 files: 2 denoised, 1 failed" in out
    assert err.count("\n") == 1 and err.startswith("sk-denoise: scans/bad.png")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["apply", "nothing", "-o", "denoised"], "nothing does not exist"),
        (["apply", "scans", "-o", "scans"], "output must not be the folder"),
        (["apply", "scans/one.png", "-o", "clean.png"], "output must be a folder, got 'clean.png'"),
        (["apply", "scans", "-o", "denoised", "--sigma", "-3"], "noise must be"),
        (["apply", "scans", "-o", "denoised", "--model", "scans/one.png"], "one.png"),
        (["fit", "scans", "-o", "none/model.skops"], "none"),
        (["noise", "*.bmp"], "*.bmp matches no file"),
        (["noise", "scans", "--csv", "scans/one.png"], "one of the images"),
        (["fit", "scans", "-o", "scans/two.png"], "one of the images"),
    ],
)
def test_errors_are_one_line(scans, capsys, arguments, part):
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("sk-denoise: error: ") and part in err


@pytest.mark.parametrize("command", ["noise", "apply", "fit", "check", "demo", "report"])
def test_help_shows_an_example_that_is_understood(command, capsys):
    from sk_denoise.cli import make_parser

    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    out = capsys.readouterr().out
    examples = re.findall(rf"sk-denoise ({command} .*)", out[out.index("example") :])
    assert stop.value.code == 0 and examples
    for example in examples:
        assert make_parser().parse_args(example.split()).command == command


@pytest.mark.slow
def test_ctrl_c_ends_in_one_line(scans):
    for i in range(200):
        (scans / f"{i}.png").write_bytes((scans / "one.png").read_bytes())
    command = [sys.executable, "-m", "sk_denoise", "apply", "scans", "-o", "denoised"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    denoised, deadline = scans.parent / "denoised", time.monotonic() + 120
    while not list(denoised.glob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130 and err == "sk-denoise: interrupted\n" and out == ""
    assert 0 < len(list(denoised.glob("*.png"))) < 200 and not list(denoised.glob(".*"))
