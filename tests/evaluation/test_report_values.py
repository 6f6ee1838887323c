"""Wrong values in a report: data frames (kind F), groups (G), and intervals that are too narrow (H)."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, LeaveOneGroupOut, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_denoise import EstimatorDenoiser, ImageFilter, NoiseInjector
from sk_denoise.displays import RecoveryDisplay
from sk_denoise.evaluation import fit_noise_augmented

NAMES = [f"pixel{i}" for i in range(64)]


def _pandas(rows):
    return pd.DataFrame(rows, columns=NAMES)


def _polars(rows):
    return pytest.importorskip("polars").DataFrame(np.asarray(rows), schema=NAMES)


@pytest.fixture(scope="module")
def groups():
    return np.repeat(np.arange(20), 10)


@pytest.fixture(scope="module")
def few(data):
    return data[0][:200], data[1][:200]


@pytest.fixture(scope="module")
def unchanged(quick, data):
    """A report on 50 test rows with so little noise that no prediction changes."""
    X, y = data
    denoisers = {"weak": ImageFilter("gaussian", sigma=0.05), "weaker": ImageFilter("gaussian", sigma=0.04)}
    return quick(X[:350], y[:350], denoisers, X_test=X[350:], y_test=y[350:], levels=0.001, augmented={"max_draws": 1})


class TestFrames:
    @pytest.fixture(autouse=True)
    def _no_warnings(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield

    @pytest.fixture
    def fitted(self, data):
        X, y = data
        frame = _pandas(X[:200])
        classifiers = {
            "fitted": KNeighborsClassifier(3).fit(frame, y[:200]),
            "pipeline": make_pipeline(StandardScaler(), GaussianNB(var_smoothing=0.1)).fit(frame, y[:200]),
            "frozen": FrozenEstimator(RidgeClassifier().fit(frame, y[:200])),
            "new": KNeighborsClassifier(3),
        }
        return {"PCA": EstimatorDenoiser(PCA(20)).fit(frame), "new": ImageFilter("median", size=3)}, classifiers

    @pytest.mark.slow
    @pytest.mark.parametrize("make", [_pandas, _polars])
    def test_fitted_estimators_in_full(self, quick, data, fitted, plain, make):
        X, y = data
        options = {"y_test": y[300:], "augmented": {"max_draws": 1}}
        framed = quick(make(X[200:300]), y[200:300], *fitted, X_test=make(X[300:]), **options)
        mixed = quick(make(X[200:300]), y[200:300], *fitted, X_test=X[300:].tolist(), **options)
        pd.testing.assert_frame_equal(plain(framed), plain(mixed))

    @pytest.mark.parametrize("make", [_pandas, _polars])
    def test_fitted_estimators_get_their_names(self, quick, data, fitted, make):
        X, y = data
        classifiers = {name: fitted[1][name] for name in ("fitted", "frozen")}
        report = quick(
            make(X[200:300]), y[200:300], fitted[0]["PCA"], classifiers, X_test=make(X[300:]), y_test=y[300:]
        )
        clean = report.select(level=0.0, classifier="fitted").iloc[0]
        assert clean["accuracy_clean"] == classifiers["fitted"].score(_pandas(X[300:]), y[300:])

    def test_names_are_checked(self, quick, data, fitted):
        X, y = data
        frame = _pandas(X)
        swapped = frame[frame.columns[::-1]]
        for denoisers, classifiers in (("passthrough", fitted[1]["fitted"]), (fitted[0], KNeighborsClassifier())):
            with pytest.raises(ValueError, match="feature names"):
                quick(swapped, y, denoisers, classifiers)
        with pytest.raises(ValueError, match="X_test"):
            quick(frame[:300], y[:300], "passthrough", X_test=swapped[300:], y_test=y[300:])

    @pytest.mark.slow
    def test_new_estimators_are_trained_as_before(self, quick, data, plain, tmp_path):
        X, y = data
        np.save(tmp_path / "rows.npy", X)
        given = [
            (X.tolist(), y.tolist()),
            (_pandas(X), pd.Series(y)),
            (np.load(tmp_path / "rows.npy", mmap_mode="r"), y),
        ]
        reports = [plain(quick(*rows_and_labels)) for rows_and_labels in [data, *given]]
        for report in reports[1:]:
            pd.testing.assert_frame_equal(report, reports[0])

    @pytest.mark.parametrize("make", [_pandas, _polars])
    @pytest.mark.parametrize(
        "classifier", [KNeighborsClassifier(3), GaussianNB()], ids=str
    )  # the second is incremental
    def test_noise_augmented_classifiers_keep_names(self, data, make, classifier):
        X, y = data[0][:100], data[1][:100]
        model, _, _ = fit_noise_augmented(classifier, NoiseInjector(level=0.3), make(X), y, max_draws=2)
        assert list(model.feature_names_in_) == NAMES
        model.predict(make(X))
        plain, _, _ = fit_noise_augmented(classifier, NoiseInjector(level=0.3), X, y, max_draws=2)
        np.testing.assert_array_equal(plain.predict(X), model.predict(make(X)))


class TestContents:
    """Rows that are not clean, and values that are not labels (kinds A and B)."""

    def test_noisy_rows(self, quick, few):
        X, y = few
        noisy = NoiseInjector(random_state=0).fit_transform(X)
        for rows in (noisy, noisy[:], noisy / 2):
            with pytest.raises(ValueError, match=r"^X must .*\bclean rows"):
                quick(rows, y)
            with pytest.raises(ValueError, match=r"^X_test must .*\bclean rows"):
                quick(X, y, X_test=rows, y_test=y)

    def test_continuous_labels(self, quick, few):
        X, y = few
        for given, name in (({"y": X[:, 20] + 0.5}, "y"), ({"y": y, "X_test": X, "y_test": y + 0.5}, "y_test")):
            with pytest.raises(ValueError, match=f"^{name} must hold class labels") as raised:
                quick(X, **given)
            assert len(str(raised.value)) < 500
        with pytest.raises(ValueError, match=r"^y must hold class labels"):
            fit_noise_augmented(GaussianNB(), NoiseInjector(), X, X[:, 20] + 0.5)
        assert len(quick(X, y.astype(float)).to_frame())

    def test_messages_do_not_list_all_labels(self, quick, few):
        with pytest.raises(ValueError, match=r"^cv=") as raised:
            quick(few[0], np.arange(200))
        assert len(str(raised.value)) < 600


class TestGroups:
    @pytest.mark.slow
    def test_they_reach_the_splitter(self, quick, few, groups, plain):
        given = quick(*few, "passthrough", cv=GroupKFold(2), groups=pd.Series(groups.astype(str)), n_labels=40)
        splits = list(GroupKFold(2).split(*few, groups.astype(str)))
        by_hand = quick(*few, "passthrough", cv=splits, groups=groups, n_labels=40)
        pd.testing.assert_frame_equal(plain(given), plain(by_hand))
        assert given.to_frame()["n_test"].unique() == [200]
        quick(*few, "passthrough", cv=LeaveOneGroupOut(), groups=groups // 10)

    def test_a_splitter_that_needs_them_asks_for_them(self, quick, few, groups):
        with pytest.raises(ValueError, match=r"cv=GroupKFold.* Pass groups="):
            quick(*few, cv=GroupKFold(2))
        with pytest.raises(ValueError, match=r"groups=.* needs cv"):
            quick(*few, groups=groups)
        X, y = few
        with pytest.raises(ValueError, match=r"groups=.* needs cv"):
            quick(X[:150], y[:150], X_test=X[150:], y_test=y[150:], groups=groups[:150])
        own = [(np.arange(150), np.arange(150, 200))]  # as the message suggests
        assert "groups of test rows" in str(quick(X, y, "passthrough", cv=own, groups=groups))

    def test_labels_that_cannot_be_drawn(self, quick, few):
        X, y = few[0], np.where(np.arange(200) == 3, 99, few[1])
        with pytest.raises(ValueError, match=r"n_labels=40.*\[99\]"):
            quick(X, y, "passthrough", n_labels=40, cv=[(np.arange(100), np.arange(100, 200))])
        with pytest.raises(ValueError, match=r"cv=.*\[99\].*X_test"):
            quick(X, y, "passthrough")

    @pytest.mark.parametrize("wrong", [[1, 2], np.full(200, np.nan), np.zeros((200, 2)), 3])
    def test_one_for_each_row(self, quick, few, wrong):
        with pytest.raises(ValueError, match="groups must"):
            quick(*few, cv=GroupKFold(2), groups=wrong)

    @pytest.mark.filterwarnings("ignore:The groups parameter:UserWarning")  # splitters that ignore groups
    def test_groups_torn_apart_are_noticed(self, quick, few, groups):
        for cv in (StratifiedKFold(2), list(StratifiedKFold(2).split(*few))):
            with pytest.warns(UserWarning, match="one group in both training and test"):
                quick(*few, "passthrough", cv=cv, groups=groups)

    def test_cross_fitting_keeps_them_together(self, quick, few, groups):
        seen = []

        class Watched(EstimatorDenoiser):
            def fit(self, X, y=None):
                seen.append({group for row, group in zip(few[0], groups) if (X.clean == row).all(axis=1).any()})
                return super().fit(X, y)

        quick(*few, {"watched": Watched(PCA(5))}, cv=GroupKFold(2), groups=groups, cross_fit=5)
        assert sorted(map(len, seen)) == [8] * 10 + [10] * 2  # each fold leaves out 2 of 10 groups
        with pytest.raises(ValueError, match=r"cross_fit.* 10, got 11"):
            quick(*few, cv=GroupKFold(2), groups=groups, cross_fit=11)
        with pytest.raises(ValueError, match=r"cross_fit.* 150, got 151"):
            quick(*few, cross_fit=151)

    def test_searches_that_need_them_are_refused(self, quick, few, groups):
        for argument, model in (("denoisers", EstimatorDenoiser(PCA())), ("classifiers", KNeighborsClassifier())):
            search = GridSearchCV(model, {}, cv=GroupKFold(2))
            with pytest.raises(ValueError, match=f"{argument}.*cv=GroupKFold"):
                quick(*few, **{"denoisers": "passthrough"} | {argument: search}, cv=GroupKFold(2), groups=groups)

    @pytest.mark.slow
    def test_intervals_resample_groups(self, quick, data):
        """Copies of a row add no information, so intervals must not become narrower."""
        X, y = data[0][:150], data[1][:150]
        # Each group consists of four copies of one row.
        copies, labels, groups = np.repeat(X, 4, axis=0), np.repeat(y, 4), np.repeat(np.arange(150), 4)
        options = {"cv": [(np.arange(400), np.arange(400, 600))], "n_resamples": 1000}
        alone, grouped = (quick(copies, labels, **options, **g).to_frame() for g in ({}, {"groups": groups}))
        np.testing.assert_allclose(alone["gain"], grouped["gain"])
        width = lambda frame: frame["gain_high"] - frame["gain_low"]
        assert (width(grouped) > 1.2 * width(alone)).all()

    @pytest.mark.slow
    def test_they_are_kept_for_comparing(self, quick, few, groups):
        report = quick(*few, cv=GroupKFold(2), groups=groups)
        assert "groups of test rows" in str(report)
        pooled = quick(*few, cv=list(GroupKFold(2).split(*few, groups)))
        widths = [
            (c["accuracy_high"] - c["accuracy_low"]).mean() for c in (report.compare("PCA"), pooled.compare("PCA"))
        ]
        assert widths[0] != pytest.approx(widths[1]) and "test rows)" in str(pooled)
        with pytest.raises(ValueError, match="other"):
            report.join(quick(*few, "passthrough", cv=list(GroupKFold(2).split(*few, groups))))


class TestIntervals:
    def test_no_change_among_50_rows_has_a_width(self, unchanged):
        frame = unchanged.select(test="as trained", denoiser="weak")
        assert (frame[["n_test", "repaired", "broken", "gain"]] == [50, 0, 0, 0]).all(axis=None)
        # The exact interval for 0 of 50 rows and one comparison; more comparisons widen it.
        assert (frame["gain_high"] > 100 * (1 - 0.025 ** (1 / 50))).all() and (frame["gain_high"] < 20).all()
        assert (frame["gain_low"] == -frame["gain_high"]).all()
        assert (frame["gain_verdict"] == "no difference").all()
        assert "+0.0 [+0.0, +0.0]" not in str(unchanged) and "+0.0 [+0.0, +0.0]" not in unchanged.to_html()

    def test_in_curves(self, unchanged):
        display = RecoveryDisplay.from_report(unchanged, denoisers="weak")
        curve = display.curves["weak"]
        assert (curve["low"] < curve["accuracy"]).all() and (curve["low"] < curve["high"]).all()

    def test_in_comparisons(self, unchanged):
        compared = unchanged.compare("weak")
        none = compared["accuracy"] == 0
        assert none.any() and (compared["accuracy_high"][none] > 7).all()
        assert (compared["accuracy_verdict"][none] == "no difference").all()

    def test_images_that_are_identical_need_no_width(self, quick, data):
        report = quick(*data, {"first": "passthrough", "second": None})
        compared = report.compare("first")
        assert (compared[["ssim_low", "ssim_high", "psnr"]].fillna(0) == 0).all(axis=None)
        assert (compared["psnr_verdict"] == "no difference").all()

    def test_all_rows_changed(self, quick, data):
        """Intervals around a change of all rows have a width and stay within 100 points."""
        X, y = data
        wrong = np.where(y == 0, 1, 0)
        everything = KNeighborsClassifier(1).fit(X, y)
        report = quick(X, wrong, "passthrough", everything, X_test=X[:50], y_test=wrong[:50], levels=0.001)
        assert report.to_frame()["gain"].between(-100, 100).all()
        assert report.to_frame()[["gain_low", "gain_high"]].abs().le(100).all(axis=None)
