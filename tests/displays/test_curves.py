"""LossCurveDisplay and RecoveryDisplay."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sk_denoise import DenoisingAutoencoder
from sk_denoise.displays import LossCurveDisplay, RecoveryDisplay

NAMES = ["median", "wiener", "wavelet", "total variation", "dense", "conv", "unet", "bm3d", "nlm", "pca"]


def report(*frames):
    return SimpleNamespace(to_frame=lambda: pd.concat(frames, ignore_index=True))


def grid(names, levels=(0.0, 0.2, 0.5), **changed):
    """Make a frame like that of a report, in which denoisers with longer names are better."""
    frame = pd.DataFrame([(name, level) for level in levels for name in names], columns=["denoiser", "level"])
    noisy, gain = 0.97 - 0.8 * frame["level"], 2.0 * frame["denoiser"].str.len() * frame["level"]
    test = np.where(frame["level"] > 0, "as trained", "clean")
    names = {"trained_on": "gaussian 0-0.7", "kind": "gaussian", "test": test, "classifier": "logistic"}
    accuracies = {"clean": 0.97, "noisy": noisy, "denoised": noisy + gain / 100, "augmented": np.nan}
    accuracies["refitted"] = accuracies["denoised"] + 0.02
    bounds = {"gain_low": gain - 1, "gain_high": gain + 3}
    bounds |= {"refitted_gain_low": gain + 1, "refitted_gain_high": gain + 5}
    accuracies = {f"accuracy_{key}": value for key, value in accuracies.items()}
    return frame.assign(**(names | accuracies | bounds | changed))


def test_losses(fitted):
    (line,) = LossCurveDisplay.from_estimator(fitted[-1]).ax_.lines
    assert len(line.get_xdata()) == fitted[-1].n_iter_
    with pytest.raises(NotFittedError, match="estimator"):
        LossCurveDisplay.from_estimator(DenoisingAutoencoder())


@pytest.mark.parametrize(("accuracy", "more"), [("denoised", 0), ("refitted", 0.02)])
def test_lines_and_intervals_of_a_report(accuracy, more):
    frame = grid(NAMES[:3])
    display = RecoveryDisplay.from_report(report(frame), accuracy=accuracy)
    assert list(display.curves) == NAMES[:3]
    assert list(display.references) == ["clean", "noisy (no denoiser)"]  # accuracy_augmented is NaN
    for name, curve in display.curves.items():
        rows = frame[frame["denoiser"] == name]
        np.testing.assert_array_equal(curve["level"], [0, 0.2, 0.5])
        np.testing.assert_allclose(curve["accuracy"], rows["accuracy_denoised"] + more)
        np.testing.assert_allclose(curve["low"], curve["accuracy"] - 0.01)
        np.testing.assert_allclose(curve["high"], np.minimum(curve["accuracy"] + 0.03, 1))
    assert len(display.ax_.lines) == 5 and len(display.ax_.collections) == 3
    assert "gaussian" in display.ax_.get_xlabel() and "logistic" in display.ax_.get_ylabel()


def test_ten_denoisers_can_be_told_apart(inside):
    display = RecoveryDisplay.from_report(report(grid(NAMES, accuracy_augmented=0.9)))
    lines = display.ax_.lines
    assert len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}) == 13
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend.index("total variation") < legend.index("wavelet") < legend.index("nlm")
    # Points of one level do not overlap, so that their intervals are visible.
    x = [line.get_xdata()[-1] for line in lines if line.get_label() in NAMES]
    assert len(set(x)) == 10 and np.ptp(x) < 0.2
    assert inside(display.figure_)
    single = RecoveryDisplay.from_report(report(grid(["median", "unet"], [0.5])))
    assert [len(line.get_xdata()) for line in single.ax_.lines] == [2, 2, 1, 1]


def test_training_for_each_level():
    frame = pd.concat(
        [
            *(grid(["median"], [level], trained_on=f"gaussian {level}") for level in (0.2, 0.5)),
            grid(["median"], [0.0], trained_on="gaussian 0.2"),
            grid(["median"], [0.2], trained_on="gaussian 0.5", test="other level"),
            grid(["median"], [0.4], trained_on="gaussian 0.5", kind="masking", test="other kind"),
        ]
    )
    for options, levels, legend in (
        ({}, [0.2, 0.5], "each level"),
        ({"trained_on": "gaussian 0.5"}, [0.2, 0.5], "gaussian 0.5"),
        ({"trained_on": "gaussian 0.5", "kind": "masking"}, [0.4], "gaussian 0.5"),
    ):
        display = RecoveryDisplay.from_report(report(frame), **options)
        assert display.curves["median"]["level"].tolist() == levels
        assert legend in display.ax_.get_legend().get_title().get_text()


def test_choice_of_denoisers_and_classifier():
    frames = grid(NAMES[:3]), grid(NAMES[:3], classifier="forest")
    display = RecoveryDisplay.from_report(report(*frames), denoisers=["wavelet", "median"], classifier="forest")
    assert list(display.curves) == ["wavelet", "median"] and "forest" in display.ax_.get_ylabel()
    assert list(RecoveryDisplay.from_report(report(*frames), denoisers="wiener").curves) == ["wiener"]


def test_wrong_choice():
    for argument, value in (
        ("kind", "gausian"),
        ("classifier", "logistc"),
        ("trained_on", "gaussian 0-7"),
        ("denoisers", ["b"]),
        ("denoisers", []),
    ):
        with pytest.raises((TypeError, ValueError), match=rf"\b{argument}\b"):
            RecoveryDisplay.from_report(report(grid(["a"])), **{argument: value})
    for argument, frames in (
        ("accuracy", [grid(["a"], accuracy_denoised=np.nan)]),
        ("trained_on", [grid(["a"]), grid(["a"], trained_on="gaussian 0.5")]),
        ("trained_on", [grid(["a"], test="other kind")]),
    ):
        with pytest.raises(ValueError, match=rf"\b{argument}\b"):
            RecoveryDisplay.from_report(report(*frames))
