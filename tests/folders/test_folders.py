"""From files to files: which files, what is written, what is kept, and what happens if some of them are bad."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile
from helpers import run_python
from skimage import data
from sklearn.decomposition import PCA

from sk_denoise import EstimatorDenoiser, PatchDenoiser
from sk_denoise.files import read_images
from sk_denoise.folders import check_files, denoise_files, estimate_files, fit_files
from sk_denoise.folders._find import find_sources, find_targets

CAMERA = data.camera()


def noisy(top, left, shape=(64, 80), sigma=15, seed=0):
    clean = CAMERA[top : top + shape[0], left : left + shape[1]].astype(float)
    return np.clip(clean + sigma * np.random.default_rng(seed).standard_normal(shape), 0, 255).astype("uint8")


@pytest.fixture
def folder(tmp_path):
    """Two grey images of different sizes, one in colours, a stack, and a file that is no image."""
    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    iio.imwrite(folder / "b.png", noisy(100, 150))
    iio.imwrite(folder / "a.png", noisy(200, 200, (72, 64)))
    iio.imwrite(folder / "colour.jpg", np.stack([noisy(100, 150, seed=seed) for seed in range(3)], -1), quality=100)
    stack = np.stack([noisy(100, 20 * i, seed=i) for i in range(3)]).astype("uint16") * 100
    tifffile.imwrite(folder / "more" / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    (folder / "notes.txt").write_text("no image")
    return folder


def names(sources):
    return [source.name for source in sources]


class TestFinding:
    def test_folders_files_and_patterns(self, folder):
        assert names(find_sources(folder)) == ["a.png", "b.png", "colour.jpg"]
        assert names(find_sources(folder, recursive=True)) == [
            "a.png",
            "b.png",
            "colour.jpg",
            os.path.join("more", "stack.tif"),
        ]
        assert names(find_sources([folder / "b.png", str(folder / "*.png")])) == ["b.png", "a.png"]

    def test_files_without_extension_are_known_by_their_content(self, folder):
        (folder / "b.png").rename(folder / "IM0001")
        (folder / "README").write_text("no image")
        assert names(find_sources(folder)) == ["IM0001", "a.png", "colour.jpg"]

    @pytest.mark.parametrize("paths", ["none.png", "*.bmp", []])
    def test_nothing_is_found(self, folder, paths):
        paths = str(folder / paths) if paths else paths
        with pytest.raises((FileNotFoundError, ValueError), match=r"does not exist|matches no file|at least one"):
            find_sources(paths)

    def test_empty_folders_say_what_they_lack(self, folder, tmp_path):
        (tmp_path / "empty" / "below").mkdir(parents=True)
        with pytest.raises(FileNotFoundError, match=r"contains no files .*\.png.* --recursive|recursive=True"):
            find_sources(tmp_path / "empty")

    def test_unusual_names_and_files(self, folder):
        (folder / "a.png").rename(folder / "1.2.840.10008.5")
        (folder / "b.png").rename(folder / "b.PNG")
        (folder / "dir.png").mkdir()
        (folder / ".hidden").mkdir()
        (folder / ".hidden" / "b.png").write_bytes((folder / "b.PNG").read_bytes())
        os.mkfifo(folder / "pipe.png")
        assert names(find_sources(folder, recursive=True))[:3] == ["1.2.840.10008.5", "b.PNG", "colour.jpg"]
        assert names(find_sources(str(folder / "*")))[:4] == ["1.2.840.10008.5", "b.PNG", "colour.jpg", "stack.tif"]
        assert "is not a file" in estimate_files(folder / "pipe.png").rows[0]["error"]

    def test_results_keep_their_places(self, folder, tmp_path):
        targets = find_targets(find_sources(folder, recursive=True), tmp_path / "out")
        places = [os.path.relpath(target, tmp_path / "out") for target in targets]
        assert places == ["a.png", "b.png", "colour.png", os.path.join("more", "stack.tif")]

    def test_same_name_from_two_folders(self, folder, tmp_path):
        (folder / "more" / "a.png").write_bytes((folder / "a.png").read_bytes())
        with pytest.raises(ValueError, match=r"output must have a different name for each result, but .*scans.a\.png"):
            denoise_files([folder / "a.png", folder / "more" / "a.png"], tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_same_name_of_two_formats(self, folder, tmp_path):
        iio.imwrite(folder / "b.jpg", noisy(0, 0))
        targets = find_targets(find_sources(folder), tmp_path / "out")
        assert [os.path.basename(target) for target in targets] == ["a.png", "b.jpg.png", "b.png", "colour.png"]

    def test_no_result_replaces_a_source(self, folder, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "a.png").symlink_to(folder / "b.png")
        with pytest.raises(ValueError, match=r"output must not hold noisy files, but .*out.a\.png"):
            denoise_files(folder, tmp_path / "out", force=True)
        (folder / "more" / "a.png").write_bytes((folder / "b.png").read_bytes())
        with pytest.raises(ValueError, match="output must not hold noisy files"):
            denoise_files(folder, folder / "more", recursive=True, force=True)

    @pytest.mark.parametrize("output", ["scans", "scans/more/.."])
    def test_the_folder_of_the_sources_is_refused(self, folder, output):
        with pytest.raises(ValueError, match="output must not be the folder of the noisy files"):
            denoise_files(folder, folder.parent / output)

    @pytest.mark.parametrize("output", ["new.tif", "new.nii.gz", "notes"])
    def test_files_are_refused(self, folder, tmp_path, output):
        (tmp_path / "notes").touch()
        with pytest.raises(ValueError, match=f"output must be a folder, got '.*{output}'"):
            denoise_files(folder, tmp_path / output)


class TestDenoising:
    def test_every_format(self, folder, tmp_path):
        report = denoise_files(folder, tmp_path / "out", denoiser="gaussian", recursive=True)
        frame = report.to_frame()
        assert (frame["status"] == "denoised").all() and (frame["error"] == "").all()
        for row in report.rows:
            (source,), (result,) = read_images(row["path"]), read_images(row["output"])
            assert (result.shape, result.dtype) == (source.shape, source.dtype)
            change = np.asarray(result, float) - np.asarray(source, float)
            assert 0 < np.std(change) < 0.2 * np.std(np.asarray(source, float)) + 20
        assert frame["verdict"].isin(["nothing found", "structure", "amount"]).all()
        assert list(frame["plane"].dropna()) and "checked: " in str(report)

    def test_results_are_kept_unless_forced(self, folder, tmp_path):
        out = tmp_path / "out"
        out.mkdir()
        (out / "a.png").write_bytes((folder / "a.png").read_bytes())
        run = lambda **options: denoise_files(folder, out, denoiser="gaussian", check=False, **options).to_frame()
        assert list(run()["status"]) == ["kept", "denoised", "denoised"]
        assert (out / "a.png").read_bytes() == (folder / "a.png").read_bytes()
        assert set(run()["status"]) == {"kept"}
        assert set(run(force=True)["status"]) == {"denoised"}
        assert (out / "a.png").read_bytes() != (folder / "a.png").read_bytes()

    def test_bad_files_are_named_and_the_others_done(self, folder, tmp_path):
        (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:500])
        (folder / "text.tif").write_text("not an image")
        iio.imwrite(folder / "tiny.png", noisy(0, 0, (8, 8)))
        report = denoise_files(folder, tmp_path / "out", denoiser="gaussian")
        frame = report.to_frame().set_index("file")
        assert report.n_errors == 3
        for name, part in (("broken.png", "broken.png"), ("text.tif", "text.tif"), ("tiny.png", "too small")):
            assert part in frame["error"][name] and part in str(report)
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "colour.png"]

    def test_several_processes_do_the_same(self, folder, tmp_path):
        for n_jobs in (1, 2):
            denoise_files(folder, tmp_path / str(n_jobs), denoiser="tv", n_jobs=n_jobs, check=False)
        for name in ("a.png", "b.png", "colour.png"):
            assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()

    def test_a_model(self, folder, tmp_path):
        inner = EstimatorDenoiser(PCA(8), noise=None)
        model = PatchDenoiser(inner, patch_shape=(8, 8), random_state=0).fit(read_images([folder / "a.png"]))
        report = denoise_files(folder, tmp_path / "out", denoiser=model)
        assert list(report.to_frame()["status"].dropna()) == ["denoised", "denoised"]
        assert "of 3 channels, got one for 1" in report.rows[2]["error"]
        expected = np.rint(model.transform([np.asarray(iio.imread(folder / "b.png"))])[0])
        np.testing.assert_array_equal(iio.imread(tmp_path / "out" / "b.png"), np.clip(expected, 0, 255))

    def test_given_noise(self, folder, tmp_path):
        for noise in (1.0, 40.0):
            denoise_files(folder / "a.png", tmp_path / str(noise), noise=noise, check=False)
        weak, strong = (iio.imread(tmp_path / str(noise) / "a.png").astype(float) for noise in (1.0, 40.0))
        assert np.abs(np.diff(strong)).mean() < 0.7 * np.abs(np.diff(weak)).mean()

    def test_older_results_warn(self, folder, tmp_path):
        denoise_files(folder / "a.png", tmp_path / "out", denoiser="gaussian", check=False)
        os.utime(tmp_path / "out" / "a.png", (0, 0))
        report = denoise_files(folder / "a.png", tmp_path / "out", denoiser="gaussian", check=False)
        assert report.rows[0]["status"] == "kept" and "older than the noisy file" in report.rows[0]["warnings"][0]

    def test_channels_have_their_own_noise(self, tmp_path):
        clean = CAMERA[100:164, 150:246].astype(float)
        rng = np.random.default_rng(0)
        stack = np.stack([100 * clean + level * rng.standard_normal(clean.shape) for level in (300, 4000)]) + 10000
        tifffile.imwrite(tmp_path / "cells.ome.tif", stack.astype("uint16"), metadata={"axes": "CYX"})
        denoise_files(tmp_path / "cells.ome.tif", tmp_path / "out")
        result = tifffile.imread(tmp_path / "out" / "cells.ome.tif")
        errors = [np.std(image - 100 * clean) for image in result.astype(float)]
        assert errors[0] < 280 and errors[1] < 2000

    def test_zarr_is_replaced(self, tmp_path):
        zarr = pytest.importorskip("zarr")
        zarr.save_array(tmp_path / "a.zarr", noisy(100, 150))
        zarr.save_array(tmp_path / "b.zarr", noisy(100, 150))
        with pytest.raises(ValueError, match=r"output must be a folder, got '.*b\.zarr'"):
            denoise_files(tmp_path / "a.zarr", tmp_path / "b.zarr")
        for n, force in enumerate((False, False, True)):
            report = denoise_files(tmp_path / "a.zarr", tmp_path / "out", denoiser="gaussian", force=force, check=False)
            assert report.rows[0]["status"] == ("kept" if n == 1 else "denoised")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.zarr"]

    def test_a_worker_that_is_killed(self, folder, tmp_path, monkeypatch):
        from sk_denoise.folders import _jobs

        monkeypatch.setattr(_jobs, "denoise_one", lambda *args: os.kill(os.getpid(), signal.SIGKILL))
        report = denoise_files(folder, tmp_path / "out", denoiser="gaussian", n_jobs=2)
        assert report.n_errors == 3 and all("was killed" in row["error"] for row in report.rows)

    def test_names_that_are_no_text(self, folder, tmp_path):
        os.rename(folder / "a.png", os.fsencode(folder) + b"/bad\xff.png")
        report = denoise_files(folder, tmp_path / "out", denoiser="gaussian")
        report.to_csv(tmp_path / "table.csv")
        report.to_html(tmp_path / "page.html")
        assert report.n_errors == 0 and "bad\\udcff.png" in set(report.to_frame()["file"])

    def test_dry_run_writes_nothing(self, folder, tmp_path):
        report = denoise_files(folder, tmp_path / "out", dry_run=True)
        assert not (tmp_path / "out").exists()
        frame = report.to_frame()
        assert (frame["status"] == "would be denoised").all() and (frame["time"] > 0).all()
        assert list(frame["bytes"]) == [72 * 64, 64 * 80, 64 * 80 * 3]

    def test_full_disk(self, folder, tmp_path, monkeypatch):
        def full(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        report = denoise_files(folder / "a.png", tmp_path / "out", denoiser="gaussian")
        assert "No space left" in report.rows[0]["error"]
        assert not any((tmp_path / "out").iterdir())

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_no_permission(self, folder, tmp_path):
        (tmp_path / "out").mkdir(mode=0o500)
        report = denoise_files(folder / "a.png", tmp_path / "out", denoiser="gaussian")
        assert "Permission denied" in report.rows[0]["error"]

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"denoiser": "nlmeans"}, "denoiser"),
            ({"denoiser": PatchDenoiser(EstimatorDenoiser(PCA()))}, "denoiser"),
            ({"noise": 0}, "noise"),
            ({"noise": "gaussian"}, "noise"),
        ],
    )
    def test_bad_parameters(self, folder, tmp_path, options, name):
        with pytest.raises((ValueError, TypeError), match=f"^{name} must be"):
            denoise_files(folder, tmp_path / "out", **options)
        assert not (tmp_path / "out").exists()

    def test_large_planes_are_filtered_in_parts(self, folder, tmp_path, monkeypatch):
        monkeypatch.setattr("sk_denoise.folders._one_file._MOST_WHOLE", 1000)
        roughness = []
        for sigma in (2.0, 15.0, 60.0):
            report = denoise_files(folder / "b.png", tmp_path / str(sigma), noise=sigma, check=False)
            assert report.rows[0]["status"] == "denoised"
            roughness.append(np.abs(np.diff(iio.imread(tmp_path / str(sigma) / "b.png").astype(float))).mean())
        assert roughness[0] > 1.2 * roughness[1] > 1.2 * roughness[2]


class TestReports:
    def test_noise(self, folder):
        frame = estimate_files(folder, recursive=True).to_frame().set_index("file")
        assert set(frame["noise"]) <= {"gaussian", "poisson_gaussian"}
        assert frame["sigma"]["b.png"] == pytest.approx(15, rel=0.25)
        assert frame["sigma"][os.path.join("more", "stack.tif")] == pytest.approx(1500, rel=0.25)

    def test_wrong_results_are_found(self, folder, tmp_path):
        denoise_files(folder, tmp_path / "out", denoiser="nl_ridge")
        shifted = np.roll(iio.imread(tmp_path / "out" / "a.png"), 3, axis=1)
        iio.imwrite(tmp_path / "out" / "a.png", shifted)
        report = check_files(folder, tmp_path / "out", denoiser="nl_ridge")
        frame = report.to_frame().set_index("file")
        assert frame["verdict"]["a.png"] == "structure"
        assert frame["severity"].idxmax() == "a.png"
        report.to_html(tmp_path / "page.html")
        report.to_csv(tmp_path / "table.csv")
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        order = [page.index(f"<h2>{name}") for name in ("a.png", "b.png")]
        assert order == sorted(order) and page.count("data:image/png;base64") == 9
        assert not re.search(r"(src|href)=\"(?!data:)", page)
        assert list(pd.read_csv(tmp_path / "table.csv")["file"]) == ["a.png", "b.png", "colour.jpg"]

    def test_the_page_and_the_table_say_what_was_not_checked(self, folder, tmp_path):
        impulses = noisy(100, 150, sigma=0)
        impulses[np.random.default_rng(0).random(impulses.shape) < 0.05] = 255
        impulses[np.random.default_rng(1).random(impulses.shape) < 0.05] = 0
        iio.imwrite(folder / "salt.png", impulses)
        report = denoise_files(folder, tmp_path / "out", recursive=True)
        frame = report.to_frame().set_index("file")
        assert frame["verdict"]["salt.png"] == "not checked" and frame["noise"]["salt.png"] == "salt_pepper"
        assert "JPEG compression" in frame["warnings"]["colour.jpg"]
        assert re.fullmatch(r"Z \d of 3", frame["plane"][os.path.join("more", "stack.tif")])
        assert frame["level"]["a.png"] == pytest.approx(15 / 255, rel=0.3)  # not the figure of a test
        assert list(frame.columns[:3]) == ["status", "denoiser", "output"]
        report.to_html(tmp_path / "page.html")
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert '<p class="note">Not checked: no tests for salt-and-pepper noise.</p>' in page

    def test_images_without_noise_are_not_judged(self, folder, tmp_path):
        y, x = np.mgrid[:80, :80]
        smooth = (20000 + 300 * np.sin(x / 40) * np.cos(y / 50)).round().astype("uint16")
        iio.imwrite(folder / "clean.png", smooth)
        row = denoise_files(folder / "clean.png", tmp_path / "out").rows[0]
        assert (
            row["verdict"] == "not checked" and "hardly any" in row["words"] and "weaker than the rounding" in str(row)
        )

    def test_images_of_unknown_noise_name_the_remedy(self, folder, tmp_path):
        iio.imwrite(folder / "tiny.png", noisy(0, 0, (12, 12)))
        report = denoise_files(folder / "tiny.png", tmp_path / "out")
        assert re.search(r"cannot be estimated\. .*too small.*--sigma NUMBER", report.rows[0]["error"])
        assert denoise_files(folder / "tiny.png", tmp_path / "out", noise=15.0).rows[0]["status"] == "denoised"

    def test_missing_and_other_results(self, folder, tmp_path):
        denoise_files(folder / "a.png", tmp_path / "out", denoiser="gaussian", check=False)
        iio.imwrite(tmp_path / "out" / "b.png", noisy(0, 0, (30, 30)))
        report = check_files(folder, tmp_path / "out")
        errors = [row.get("error", "") for row in report.rows]
        assert errors[0] == "" and "has the shape (30, 30)" in errors[1] and "no denoised file" in errors[2]

    def test_only_the_worst_have_pictures(self, folder, tmp_path, monkeypatch):
        monkeypatch.setattr("sk_denoise.folders._report._MOST_SHOWN", 1)
        report = denoise_files(folder, tmp_path / "out", denoiser="gaussian")
        worst = max(report.rows, key=lambda row: row["severity"])
        assert [row["file"] for row in report.rows if "thumbnails" in row] == [worst["file"]]


class TestFitting:
    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"minutes": 0}, "minutes must be a positive number"),
            ({"paths": ["a.png", "more/stack.tif"]}, r"same units, got .*stack\.tif \(uint16\) and .*a\.png \(uint8\)"),
            ({"paths": ["a.png", "colour.jpg"]}, r"grey or colour images, got .*a\.png \(grey\) and .*colour\.jpg"),
            ({"paths": ["a.png"], "clean": ["b.png"]}, r"clean must have one file of the same name .* none for a\.png"),
        ],
    )
    def test_bad_input(self, folder, options, match):
        options = {"paths": ["a.png", "b.png"]} | options
        places = {name: [folder / path for path in options[name]] for name in ("paths", "clean") if name in options}
        with pytest.raises(ValueError, match=match):
            fit_files(**options | places)

    @pytest.mark.slow
    def test_noisy_files_alone_and_pairs(self, folder, tmp_path):
        paths = [folder / "a.png", folder / "b.png"]
        denoiser = fit_files(paths, architecture="conv", minutes=0.2)
        assert denoiser.target_source_ == "recorrupted" and denoiser.denoiser_.noise_.kind == "gaussian"
        (tmp_path / "clean").mkdir()
        iio.imwrite(tmp_path / "clean" / "a.png", CAMERA[200:272, 200:264])
        iio.imwrite(tmp_path / "clean" / "b.tif", CAMERA[100:164, 150:230])
        denoiser = fit_files(paths, clean=tmp_path / "clean", architecture="conv", minutes=0.01)
        assert denoiser.target_source_ == "X_clean" and denoiser.denoiser_.n_iter_ == 2


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    folder, out = tmp_path / "scans", tmp_path / "out"
    folder.mkdir()
    for i in range(12):
        iio.imwrite(folder / f"{i:02}.png", noisy(10 * i, 10 * i, (200, 200)))
    code = f"from sk_denoise.folders import denoise_files; denoise_files({str(folder)!r}, {str(out)!r}, check=False)"
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 120
    while len(list(out.glob("*.png"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert 3 <= len(done) < 12
    for name in done:
        assert iio.imread(out / name).shape == (200, 200)  # no half file
    frame = denoise_files(folder, out, check=False).to_frame()
    assert list(frame["status"]).count("kept") == len(done) and len(frame) == 12
    assert all((out / name).stat().st_mtime_ns == time_ for name, time_ in done.items())


def test_importing_reads_no_optional_package():
    code = "import sys, json, sk_denoise.folders, sk_denoise.cli; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(run_python(code).splitlines()[-1]))
    assert not loaded & {"pydicom", "nibabel", "zarr", "tensorflow", "tifffile"}


def test_paths_may_be_objects(folder):
    assert len(estimate_files(Path(folder) / "a.png")) == 1
