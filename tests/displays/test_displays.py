import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_denoise.displays import (
    ConfusionChangeDisplay,
    DenoisingDisplay,
    LatentDisplay,
    LossCurveDisplay,
    RecoveryDisplay,
    choose_rows,
)
from sk_denoise.metrics import psnr


@pytest.fixture(autouse=True)
def _close():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def texts(items):
    return [item.get_text() for item in items]


def inside(figure):
    """Whether all that is drawn lies on the figure, to within a pixel."""
    figure.draw_without_rendering()
    box, whole = figure.get_tightbbox(), figure.get_size_inches()
    slack = 1 / figure.dpi
    return min(box.x0, box.y0) >= -slack and box.x1 <= whole[0] + slack and box.y1 <= whole[1] + slack


def test_import_is_light():
    code = "import sys, sk_denoise.displays; print([m for m in ('matplotlib', 'tensorflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Images


@pytest.fixture(scope="module")
def field(fitted, digits):
    """Noisy rows, clean rows and labels that the denoiser has not seen."""
    X, y = digits[0][1200:], digits[1][1200:]
    return np.asarray(fitted[0].transform(X)), X, y


def test_rows_drawn(fitted, field):
    noisy, X, y = field
    display = DenoisingDisplay.from_estimator(fitted[-1], noisy, X_clean=X, y=y, n_images=4, labels=[8, 9])
    assert list(display.images) == ["clean", "noisy", "denoised", "residual"]
    assert len(display.ax_.images) == 16
    assert set(texts(display.ax_.get_xticklabels())) <= {"8", "9"}
    assert display.figure_ is display.ax_.figure
    assert list(DenoisingDisplay.from_estimator(fitted[-1], noisy).images) == ["noisy", "denoised"]


def test_colour_images():
    images = {"clean": np.random.default_rng(0).random((2, 4 * 5 * 3))}
    display = DenoisingDisplay(images, image_shape=(4, 5, 3), data_range=(0, 1)).plot()
    assert display.ax_.images[0].get_array().shape == (4, 5, 3)


@pytest.mark.parametrize("n_images", [1, 3, 10, 25])
def test_residual_says_what_it_is(fitted, field, n_images):
    noisy, X, y = field
    display = DenoisingDisplay.from_estimator(fitted[-1], noisy, X_clean=X, y=y, n_images=n_images)
    assert texts(display.ax_.get_yticklabels())[-1] == "denoised\n− clean"
    (bar,) = display.ax_.child_axes
    assert texts(bar.get_yticklabels()) == ["−16", "0", "+16"]
    assert inside(display.figure_)


def test_worst_and_best(fitted, field):
    noisy, X, y = field
    denoised = fitted[-1].transform(noisy)
    scores = psnr(X, denoised, data_range=(0, 16), per_image=True)
    options = {"X_clean": X, "y": y, "n_images": 5}
    worst = DenoisingDisplay.from_estimator(fitted[-1], noisy, show="worst", **options)
    np.testing.assert_allclose(worst.images["denoised"], denoised[np.argsort(scores)[:5]])
    best = DenoisingDisplay.from_estimator(fitted[-1], noisy, show="best", labels=[3], **options)
    assert set(best.labels) == {3}
    threes = np.flatnonzero(y == 3)
    np.testing.assert_allclose(best.images["clean"], X[threes[np.argsort(-scores[threes])[:5]]])
    assert texts(worst.ax_.get_xticklabels())[0] == f"{y[scores.argmin()]}\n{scores.min():.1f} dB"


def test_psnr_is_left_out_where_it_does_not_fit(fitted, field):
    noisy, X, y = field
    display = DenoisingDisplay.from_estimator(fitted[-1], noisy, X_clean=X, y=y, show="best", n_images=30)
    assert not any("dB" in text for text in texts(display.ax_.get_xticklabels()))


def test_exact_images_have_infinite_psnr(field):
    same = FunctionTransformer()
    display = DenoisingDisplay.from_estimator(same, field[1], X_clean=field[1], show="worst", n_images=2)
    assert texts(display.ax_.get_xticklabels()) == ["inf dB"] * 2


def test_random_choice_is_seeded():
    a, b = (choose_rows(100, 5, show="random", random_state=0) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, np.arange(5))


def test_choice_by_error_within_labels():
    options = {"y": [0, 1, 0, 1], "labels": [1], "errors": [9, 1, 8, 2]}
    assert choose_rows(4, show="worst", **options).tolist() == [3, 1]
    assert choose_rows(4, show="best", **options).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_images": 0}, "n_images must be"),
        ({"labels": [3]}, "needs y"),
        ({"labels": [3], "y": [1, 1, 2]}, "must hold some of the labels"),
        ({"show": "wrost"}, "Did you mean 'worst'"),
        ({"show": "best"}, "needs errors"),
        ({"show": "best", "errors": [1, 2]}, "one number for each of the 3 rows"),
    ],
)
def test_bad_choice(options, match):
    with pytest.raises(ValueError, match=match):
        choose_rows(3, **options)


def test_bad_images(fitted, field):
    with pytest.raises(ValueError, match="needs X_clean"):
        DenoisingDisplay.from_estimator(fitted[-1], field[0], show="worst")
    with pytest.raises(ValueError, match="show must be"):
        DenoisingDisplay.from_estimator(fitted[-1], field[0], show="last")
    with pytest.raises(TypeError, match="must have transform"):
        DenoisingDisplay.from_estimator(LogisticRegression(), field[0])


def test_losses(fitted):
    display = LossCurveDisplay.from_estimator(fitted[-1])
    assert len(display.ax_.lines) == 1
    assert len(display.ax_.lines[0].get_xdata()) == fitted[-1].n_iter_


# Recovery


def row(denoiser="median", level=0.5, **changed):
    """A row of a report; denoisers with longer names do better."""
    noisy, gain = 0.97 - 0.8 * level, 2.0 * len(denoiser) * level
    found = dict(
        trained_on="gaussian 0-0.7",
        kind="gaussian",
        level=level,
        test="as trained" if level else "clean",
        denoiser=denoiser,
        classifier="logistic",
        accuracy_clean=0.97,
        accuracy_noisy=noisy,
        accuracy_denoised=noisy + gain / 100,
        accuracy_refitted=noisy + gain / 100 + 0.02,
        accuracy_rival=np.nan,
        gain=gain,
        gain_low=gain - 1,
        gain_high=gain + 3,
        refitted_gain_low=gain + 1,
        refitted_gain_high=gain + 5,
    )
    return found | changed


def report(*rows):
    return SimpleNamespace(rows=list(rows))


NAMES = ["median", "wiener", "wavelet", "total variation", "dense", "conv", "unet", "bm3d", "nlm", "pca"]


def grid(names, levels=(0.0, 0.2, 0.5), **changed):
    return [row(name, level, **changed) for level in levels for name in names]


def test_lines_and_bands_of_a_report():
    display = RecoveryDisplay.from_report(report(*grid(NAMES[:3])))
    assert list(display.curves) == NAMES[:3]
    assert list(display.references) == ["clean", "noisy (no denoiser)"]  # the rival was not measured
    curve = display.curves["median"]
    np.testing.assert_array_equal(curve["level"], [0, 0.2, 0.5])
    np.testing.assert_allclose(curve["accuracy"], [0.97, 0.834, 0.63])
    np.testing.assert_allclose(curve["low"], curve["accuracy"] - 0.01)
    np.testing.assert_allclose(curve["high"][1:], curve["accuracy"][1:] + 0.03)
    assert curve["high"][0] == 1  # no accuracy is above it
    assert len(display.ax_.lines) == 5
    assert len(display.ax_.collections) == 3
    assert display.ax_.get_xlabel() == "level of gaussian noise"


def test_refitted_accuracy_has_its_own_interval():
    display = RecoveryDisplay.from_report(report(*grid(["median"], (0.2, 0.5))), accuracy="refitted")
    curve = display.curves["median"]
    np.testing.assert_allclose(curve["accuracy"], [0.854, 0.65])
    np.testing.assert_allclose(curve["low"], curve["accuracy"] - 0.01)
    np.testing.assert_allclose(curve["high"], curve["accuracy"] + 0.03)


def test_ten_denoisers_can_be_told_apart():
    display = RecoveryDisplay.from_report(report(*grid(NAMES, accuracy_rival=0.9)))
    lines = display.ax_.lines
    assert len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}) == 13
    legend = texts(display.ax_.get_legend().get_texts())
    assert legend.index("total variation") < legend.index("wavelet") < legend.index("nlm")
    # No two points of a level lie at the same place, so that intervals are seen.
    x = [line.get_xdata()[-1] for line in lines if line.get_label() in NAMES]
    assert len(set(x)) == 10 and np.ptp(x) < 0.2
    assert inside(display.figure_)


def test_one_level_is_drawn_too():
    display = RecoveryDisplay.from_report(report(*grid(["median", "unet"], (0.5,))))
    assert [len(line.get_xdata()) for line in display.ax_.lines] == [2, 2, 1, 1]


def test_what_was_trained_for_each_level():
    apart = [row(level=level, trained_on=f"gaussian {level}") for level in (0.2, 0.5)]
    others = [
        row(level=0.0, trained_on="gaussian 0.2"),
        row(level=0.2, trained_on="gaussian 0.5", test="other level"),
        row(level=0.4, trained_on="gaussian 0.5", kind="masking", test="other kind"),
    ]
    display = RecoveryDisplay.from_report(report(*apart, *others))
    assert display.curves["median"]["level"].tolist() == [0.2, 0.5]
    assert display.ax_.get_legend().get_title().get_text() == "trained on each level"
    display = RecoveryDisplay.from_report(report(*apart, *others), trained_on="gaussian 0.5")
    assert display.curves["median"]["level"].tolist() == [0.2, 0.5]
    assert display.ax_.get_legend().get_title().get_text() == "trained on gaussian 0.5"
    display = RecoveryDisplay.from_report(report(*apart, *others), kind="masking", trained_on="gaussian 0.5")
    assert display.curves["median"]["level"].tolist() == [0.4]


def test_choice_of_denoisers_and_classifier():
    rows = grid(NAMES[:3]) + grid(NAMES[:3], classifier="forest")
    display = RecoveryDisplay.from_report(report(*rows), denoisers=["wavelet", "median"], classifier="forest")
    assert list(display.curves) == ["wavelet", "median"]
    assert display.ax_.get_ylabel() == "accuracy of forest"
    assert list(RecoveryDisplay.from_report(report(*rows), denoisers="wiener").curves) == ["wiener"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"kind": "gausian"}, "kind must be one of .* Did you mean 'gaussian'"),
        ({"classifier": "logistc"}, "classifier must be one of .* Did you mean 'logistic'"),
        ({"trained_on": "gaussian 0-7"}, "trained_on must be one of .* Did you mean 'gaussian 0-0.7'"),
        ({"denoisers": ["medain"]}, "denoisers must be one of .* Did you mean 'median'"),
        ({"accuracy": "refited"}, "accuracy must be one of .* Did you mean 'refitted'"),
    ],
)
def test_wrong_name(options, match):
    with pytest.raises(ValueError, match=match):
        RecoveryDisplay.from_report(report(*grid(NAMES[:2])), **options)


@pytest.mark.parametrize(
    ("rows", "options", "match"),
    [
        ([], {}, "must hold rows"),
        ([row(accuracy_refitted=np.nan)], {"accuracy": "refitted"}, "was not measured"),
        ([row(), row(trained_on="gaussian 0.5")], {}, "several were trained for the same level: one of .*0.5"),
        ([row(test="other kind")], {}, "none was tested on the noise it was trained on"),
    ],
)
def test_report_that_cannot_be_drawn(rows, options, match):
    with pytest.raises(ValueError, match=match):
        RecoveryDisplay.from_report(report(*rows), **options)


# Latent space


def search(sizes, scores, *, scoring="accuracy", score="score", refit=True, **others):
    """A fitted grid search, as far as it is read."""
    name = "denoise__latent_dim"
    params = [{name: size} | {key: values[i] for key, values in others.items()} for i, size in enumerate(sizes)]
    results = {"params": params, f"mean_test_{score}": np.array(scores), f"std_test_{score}": np.full(len(sizes), 0.01)}
    results |= {f"param_{key}": [p[key] for p in params] for key in params[0]}
    return SimpleNamespace(
        cv_results_=results, scoring=scoring, refit=refit, n_splits_=3, estimator=LogisticRegression()
    )


def test_scores_by_size():
    display = LatentDisplay.from_search(search([64, 16, 32], [0.8, 0.7, 0.9]))
    assert display.sizes == [16, 32, 64]
    assert texts(display.ax_.get_legend().get_texts()) == ["best: 32"]
    assert display.ax_.get_xscale() == "log"
    assert texts(display.ax_.get_xticklabels()) == ["16", "32", "64"]
    assert display.ax_.get_ylabel() == "accuracy over 3 folds"


def test_best_over_other_parameters():
    found = search([16, 16, 32, 32], [0.7, 0.8, np.nan, 0.75], denoise__epochs=[5, 10, 5, 10])
    display = LatentDisplay.from_search(found)
    np.testing.assert_array_equal(display.means, [0.8, 0.75])
    assert "best of the other parameters" in display.ax_.get_ylabel()


def test_several_scores_take_that_of_refit():
    display = LatentDisplay.from_search(search([16, 32], [0.7, 0.8], score="f1", refit="f1"))
    assert display.ax_.get_ylabel() == "f1 over 3 folds"
    with pytest.raises(ValueError, match="refit must name"):
        LatentDisplay.from_search(search([16, 32], [0.7, 0.8], score="f1", refit=False))


def test_real_search(digits):
    pipe = make_pipeline(FunctionTransformer(), LogisticRegression(max_iter=50, tol=1))
    with pytest.raises(TypeError, match="fitted grid search"):
        LatentDisplay.from_search(GridSearchCV(pipe, {}))
    name = "logisticregression__max_iter"
    fitted = GridSearchCV(pipe, {name: [10, 20]}, cv=2).fit(digits[0][:200], digits[1][:200])
    display = LatentDisplay.from_search(fitted, param=name)
    assert display.sizes == [10, 20] and display.ax_.get_ylabel() == "accuracy over 2 folds"


@pytest.mark.parametrize(
    ("found", "options", "match"),
    [
        (search([8], [0.5]), {"param": "denoise__latent"}, "Did you mean 'denoise__latent_dim'"),
        (search([8], [0.5], other__latent_dim=[3]), {}, "found .*other__latent_dim"),
        (search([None], [0.5]), {}, "positive numbers, got None"),
        (search([8], [np.nan]), {}, "got none that is finite"),
    ],
)
def test_search_that_cannot_be_drawn(found, options, match):
    with pytest.raises(ValueError, match=match):
        LatentDisplay.from_search(found, **options)


def test_no_latent_parameter():
    found = search([8], [0.5])
    del found.cv_results_["param_denoise__latent_dim"]
    with pytest.raises(ValueError, match="found none"):
        LatentDisplay.from_search(found)


def test_map_of_codes(fitted, field):
    noisy, _, y = field
    display = LatentDisplay.from_estimator(fitted[-1], noisy, y)
    assert display.codes.shape == (len(y), 2)
    assert "% of variance" in display.ax_.get_xlabel()
    assert texts(display.ax_.get_legend().get_texts()) == [str(label) for label in range(10)]
    assert LatentDisplay.from_estimator(fitted[-1], noisy).ax_.get_legend() is None
    with pytest.raises(TypeError, match="must have encode"):
        LatentDisplay.from_estimator(fitted, noisy)
    with pytest.raises(ValueError, match="one label for each"):
        LatentDisplay.from_estimator(fitted[-1], noisy, y[1:])


@pytest.mark.parametrize("n_numbers", [1, 2])
def test_small_codes_are_drawn_as_they_are(n_numbers):
    X = np.random.default_rng(0).random((9, 4))
    estimator = SimpleNamespace(encode=lambda X: X[:, :n_numbers])
    display = LatentDisplay.from_estimator(estimator, X, ["a", "b", "c"] * 3)
    np.testing.assert_array_equal(display.codes[:, :n_numbers], X[:, :n_numbers])
    assert "variance" not in display.ax_.get_xlabel()


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="needs sizes and means, or codes"):
        LatentDisplay().plot()


# Change of answers

TRUE = ["cat", "cat", "cat", "dog", "dog", "eel"]
BEFORE = ["dog", "dog", "cat", "dog", "dog", "eel"]
AFTER = ["cat", "cat", "dog", "dog", "eel", "eel"]


def test_change():
    display = ConfusionChangeDisplay.from_predictions(TRUE, BEFORE, AFTER)
    assert display.change.tolist() == [[1, -1, 0], [0, -1, 1], [0, 0, 0]]
    assert display.repaired.tolist() == [2, 0, 0]
    assert display.broken.tolist() == [1, 1, 0]
    np.testing.assert_array_equal(np.diag(display.change), display.repaired - display.broken)
    drawn = texts(display.ax_.texts)
    assert {"+1", "−1", "+2"} <= set(drawn)
    assert texts(display.ax_.get_xticklabels()) == ["cat", "dog", "eel", "repaired\n2", "broken\n2"]
    assert display.ax_.images[0].get_clim() == (-1, 1)
    assert inside(display.figure_)


def test_order_and_choice_of_labels():
    display = ConfusionChangeDisplay.from_predictions(TRUE, BEFORE, AFTER, labels=["dog", "cat"])
    assert display.change.tolist() == [[-1, 0], [-1, 1]]
    assert display.repaired.tolist() == [0, 2]
    with pytest.raises(ValueError, match="must be some of the classes"):
        ConfusionChangeDisplay.from_predictions(TRUE, BEFORE, AFTER, labels=["dgo"])
    with pytest.raises(ValueError, match="one label for each"):
        ConfusionChangeDisplay.from_predictions(TRUE, BEFORE, AFTER[1:])


def test_no_change_and_many_classes():
    display = ConfusionChangeDisplay.from_predictions(TRUE, BEFORE, BEFORE)
    assert not display.change.any() and set(texts(display.ax_.texts)) == {"0"}
    rng = np.random.default_rng(0)
    display = ConfusionChangeDisplay.from_predictions(*rng.integers(0, 40, (3, 4000)))
    assert len(display.ax_.texts) == 80  # the columns only: cells have no room
    assert inside(display.figure_)


def test_change_of_a_report():
    asked = []

    def predictions(**names):
        asked.append(names)
        return TRUE, BEFORE, AFTER

    display = ConfusionChangeDisplay.from_report(SimpleNamespace(predictions=predictions), denoiser="median", level=0.5)
    names = {"denoiser": "median", "classifier": None, "kind": None, "level": 0.5, "trained_on": None}
    assert asked == [names]
    assert display.repaired.sum() == 2


@pytest.mark.parametrize(
    "display",
    [
        LossCurveDisplay({"loss": [1, 0.5]}),
        RecoveryDisplay({"median": {"level": [0.1, 0.2], "accuracy": [0.9, 0.8]}}),
        LatentDisplay([8, 16], [0.5, 0.6]),
        LatentDisplay(codes=np.eye(2)),
        ConfusionChangeDisplay(np.eye(2, dtype=int), np.array([1, 1]), np.array([0, 0])),
        DenoisingDisplay({"residual": np.eye(4)}, image_shape=(2, 2), data_range=(0, 1)),
    ],
)
def test_axes_given_are_used_and_settings_kept(display):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before = mpl.rcParams.copy()
    ax = Figure(layout="constrained").subplots()
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert not plt.get_fignums() and mpl.rcParams == before


def test_names_are_no_formulas(tmp_path):
    """A name may hold what matplotlib takes for mathematics, or for a line to leave out of the legend."""
    odd = [r"$\frac1$", "_hidden"]
    levels = {"level": [0.1, 0.5], "accuracy": [0.9, 0.5]}
    displays = [
        RecoveryDisplay(dict.fromkeys(odd, levels)).plot(),
        LatentDisplay(codes=np.zeros((4, 2)), y=np.repeat(odd, 2)).plot(),
        ConfusionChangeDisplay.from_predictions(odd, odd, odd[::-1]),
        DenoisingDisplay({odd[0]: np.zeros((2, 9))}, image_shape=(3, 3), data_range=(0, 1), labels=odd).plot(),
    ]
    for display in displays:
        display.figure_.savefig(tmp_path / "figure.png")
    for display in displays[:2]:
        assert len(display.ax_.get_legend().get_texts()) == 2


def test_frames_and_lists_are_arrays():
    import pandas as pd

    series = pd.Series([0.9, 0.5], index=[7, 8])
    line = {"level": series, "accuracy": series}
    for display in (
        RecoveryDisplay({"a": line}, references={"b": line}),
        LatentDisplay(pd.Series([4, 8], index=[7, 8]), series, series),
        ConfusionChangeDisplay([[1, -1], [0, 0]], [1, 0], [0, 0]),
    ):
        assert display.plot().ax_ is not None


@pytest.mark.parametrize(
    ("display", "match"),
    [
        (lambda: RecoveryDisplay({}), "at least one denoiser"),
        (lambda: LatentDisplay([4], [np.nan], [0]), "finite score"),
        (lambda: LatentDisplay(codes=np.zeros((4, 3))), "shape .n_samples, 2."),
    ],
)
def test_what_cannot_be_drawn(display, match):
    with pytest.raises(ValueError, match=match):
        display().plot()
