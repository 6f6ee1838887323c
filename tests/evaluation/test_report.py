import dataclasses
import pickle

import numpy as np
import pytest

from sk_denoise import ImageFilter, NoiseInjector


def test_predictions_give_the_accuracies(report):
    names = {"denoiser": "PCA", "classifier": "bayes", "kind": "masking", "level": 0.5}
    y_true, y_noisy, y_denoised = report.predictions(**names)
    row = report.select(**names).iloc[0]
    assert row["accuracy_noisy"] == pytest.approx(np.mean(y_noisy == y_true))
    assert row["accuracy_denoised"] == pytest.approx(np.mean(y_denoised == y_true))


def test_matrix(report):
    matrix = report.matrix("accuracy_denoised", denoiser="PCA", classifier="bayes")
    for row in report.select(denoiser="PCA", classifier="bayes").to_dict("records"):
        tested = f"{row['kind']} {row['level']:g}" if row["level"] else "clean"
        assert matrix.loc[row["trained_on"], tested] == row["accuracy_denoised"]
    assert np.isnan(matrix.loc["gaussian 0.2", "masking 0.2"])


def test_compare(report):
    compared = report.compare("PCA")
    assert set(compared["other"]) == {"median"}
    for row in compared.to_dict("records"):
        names = {key: row[key] for key in ("kind", "level", "classifier")}
        ours = report.select(denoiser="PCA", trained_on=row["trained_on"], **names).iloc[0]
        theirs = report.select(denoiser="median", trained_on=row["other_trained_on"], **names).iloc[0]
        assert row["accuracy"] == pytest.approx(100 * (ours["accuracy_denoised"] - theirs["accuracy_denoised"]))
        assert row["ssim"] == pytest.approx(ours["ssim_denoised"] - theirs["ssim_denoised"])
        assert (row["psnr_verdict"] == "better") <= (row["psnr"] > 0)
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]


@pytest.mark.slow
def test_join(quick, data):
    first, second = (quick(*data, d) for d in ("passthrough", ImageFilter("median", size=3)))
    joined = first.join(second)
    assert len(joined.to_frame()) == len(first.to_frame()) + len(second.to_frame())
    assert set(joined.compare("passthrough")["other"]) == {"median"}
    assert "2 reports joined" in str(joined) and "median" in joined.to_html()
    np.testing.assert_array_equal(joined.predictions(denoiser="median")[2], second.predictions()[2])
    with pytest.raises(ValueError, match="both"):
        first.join(first)
    X, y = data
    for rows, labels, seed in ((X, y, 1), (X, y[::-1], 0), (X[::-1], y, 0)):
        with pytest.raises(ValueError, match="other"):
            first.join(quick(rows, labels, "passthrough", random_state=seed))


def test_pickles(report):
    assert str(pickle.loads(pickle.dumps(report))) == str(report)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("denoiser", lambda r: r.select(denoiser="pca")),
        ("test", lambda r: r.select(level=0.5, kind="salt_pepper", test="clean")),
        ("colour", lambda r: r.select(colour="red")),
        ("level", lambda r: r.select(level=np.array([0.2, 0.5]))),
        ("'gain'", lambda r: r.matrix("gian")),
        ("denoiser", lambda r: r.compare("tv")),
        ("denoiser", lambda r: dataclasses.replace(r, frame=r.select(denoiser="PCA")).compare("PCA")),
        ("trained_on", lambda r: r.predictions(trained_on="gaussian 0.9")),
    ],
)
def test_wrong_names(report, name, call):
    with pytest.raises(ValueError, match=name):
        call(report)


def test_text_fits_a_terminal(report):
    text = str(report)
    assert max(map(len, text.splitlines())) <= 125
    for word in ("In short", "trained on gaussian 0.2, tested on salt_pepper 0.2", "no difference", "4 draws, limit"):
        assert word in text
    assert "48 cells" in repr(report)


@pytest.mark.slow
def test_page_is_self_contained(report, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    page = report.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert "http" not in page and page.count("prefers-color-scheme: dark") > 1
    for title in ("In short", "Where denoising costs accuracy", "Repaired and broken", "Trained on one noise"):
        assert title in page
    assert dict(matplotlib.rcParams) == before


def test_names_are_escaped(quick, data):
    page = quick(*data, {"<b>&": "passthrough"}).to_html()
    assert "&lt;b&gt;&amp;" in page and "<b>&" not in page


@pytest.mark.slow
def test_overlapping_ranges_are_drawn_apart(quick, data):
    trained = [NoiseInjector(level=(0, 0.4)), NoiseInjector(level=(0, 0.7))]
    page = quick(*data, trained_on=trained, levels=[0.2, 0.3]).to_html()
    assert "level, trained on gaussian 0-0.4" in page and "level, trained on gaussian 0-0.7" in page
