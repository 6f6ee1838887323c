import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers import run_python
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector
from sk_denoise.metrics import psnr, ssim

NEAREST = KNeighborsClassifier(3)
RUINED = FunctionTransformer(lambda X: X * np.nan)


class TestCells:
    def test_one_for_each_noise_level_denoiser_and_classifier(self, report):
        frame = report.to_frame()
        assert len(frame) == 4 * 3 * 2 * 2
        assert not frame.duplicated(["trained_on", "kind", "level", "denoiser", "classifier"]).any()
        for kind in ("gaussian", "masking"):
            for level in (0.2, 0.5):
                tested = report.select(trained_on=f"{kind} {level}")[["kind", "level", "test"]]
                unseen = "salt_pepper", level, "other kind"
                assert set(tested.itertuples(index=False)) == {(kind, level, "as trained"), (kind, 0, "clean"), unseen}

    def test_figures_are_those_of_the_steps_done_by_hand(self, quick, data):
        X, y = data
        train, test = np.arange(300), np.arange(300, 400)
        report = quick(X, y, {"median": ImageFilter("median", size=3)}, cv=[(train, test)])
        row = report.select(level=0.3, kind="gaussian").iloc[0]
        seed = int(np.random.RandomState(0).randint(2**31 - 2))  # the seed that the report draws
        noisy = np.asarray(NoiseInjector(level=0.3, random_state=seed + 1, data_range=(0, 1)).fit_transform(X[test]))
        images = ImageFilter("median", size=3).fit(noisy).transform(noisy)
        untouched = clone(NEAREST).fit(X[train], y[train])
        assert row["accuracy_clean"] == untouched.score(X[test], y[test])
        assert row["accuracy_noisy"] == untouched.score(noisy, y[test])
        assert row["accuracy_denoised"] == untouched.score(images, y[test])
        assert row["psnr_noisy"] == pytest.approx(psnr(X[test], noisy))
        assert row["psnr_denoised"] == pytest.approx(psnr(X[test], images))
        assert row["ssim_denoised"] == pytest.approx(ssim(X[test], images))
        before, after = untouched.predict(noisy) == y[test], untouched.predict(images) == y[test]
        assert (row["repaired"], row["broken"]) == (np.sum(~before & after), np.sum(before & ~after))

    def test_numbers_fit_together(self, report):
        frame = report.to_frame()
        gain, ahead = (
            100 * (frame["accuracy_denoised"] - frame[f"accuracy_{name}"]) for name in ("noisy", "augmented")
        )
        np.testing.assert_allclose(frame["gain"], gain, atol=1e-9)
        np.testing.assert_allclose(frame["vs_augmented"], ahead, atol=1e-9)
        np.testing.assert_allclose(100 * (frame["repaired"] - frame["broken"]) / frame["n_test"], gain, atol=1e-9)
        assert (frame["gain_low"] <= frame["gain"]).all() and (frame["gain"] <= frame["gain_high"]).all()
        assert ((frame["gain_verdict"] == "helps") == (frame["gain_low"] > 0)).all()
        assert ((frame["gain_verdict"] == "hurts") == (frame["gain_high"] < 0)).all()
        assert (frame["augmented_draws"] == 4).all() and (frame["augmented_saturated"] == "no").all()

    def test_level_zero_loses_nothing_and_says_why(self, report):
        clean = report.select(level=0.0)
        assert (clean["accuracy_noisy"] == clean["accuracy_clean"]).all() and np.isinf(clean["psnr_noisy"]).all()
        assert clean["recovery"].isna().all() and clean["recovery_note"].all()

    def test_doing_nothing_changes_nothing(self, quick, data):
        report = quick(*data, "passthrough")
        frame = report.to_frame()
        assert (frame["gain"] == 0).all() and (frame["gain_low"] == -frame["gain_high"]).all()
        assert (frame["gain_verdict"] == "no difference").all() and "unchanged" in str(report)
        assert (frame["psnr_denoised"] == frame["psnr_noisy"]).all()

    def test_what_ruins_images_hurts(self, quick, data):
        report = quick(*data, {"blur": ImageFilter("gaussian", sigma=3)})
        row = report.select(test="clean").iloc[0]
        assert row["gain_verdict"] == "hurts" and row["broken"] > row["repaired"]
        assert "Where denoising costs accuracy (" in str(report) and "<img" not in report._repr_html_()

    def test_seeds_expose_the_variability_of_training(self, report, row):
        assert (report.to_frame()["seed_spread"] > 0).any() and np.isnan(row()["seed_spread"])


class TestSame:
    @pytest.mark.slow
    def test_again_and_in_processes(self, quick, data, plain):
        first, again, elsewhere = (
            plain(quick(*data, n_seeds=2, n_jobs=jobs, augmented={"max_draws": 2})) for jobs in (None, None, 2)
        )
        pd.testing.assert_frame_equal(first, again, check_exact=True)
        # In other processes, memory alignment may differ, and with it the last digit of sums.
        pd.testing.assert_frame_equal(first, elsewhere, rtol=1e-12)

    def test_inputs_and_global_streams_are_left_alone(self, quick, data):
        X, y = data[0].copy(), data[1].copy()
        denoiser, classifier = EstimatorDenoiser(PCA(10)), KNeighborsClassifier()
        np.random.seed(3)
        quick(X, y, denoiser, classifier)
        assert np.random.rand() == np.random.RandomState(3).rand()
        np.testing.assert_array_equal(X, data[0])
        assert not hasattr(denoiser, "estimator_") and not hasattr(classifier, "classes_")

    @pytest.mark.slow
    def test_units_do_not_matter(self, quick, data):
        ours, theirs = (quick(factor * data[0], data[1]).to_frame() for factor in (1, 16))
        np.testing.assert_allclose(ours["accuracy_denoised"], theirs["accuracy_denoised"], atol=0.03)
        np.testing.assert_allclose(ours["psnr_denoised"], theirs["psnr_denoised"], atol=0.01)

    @pytest.mark.slow
    def test_configuration_for_frames_changes_nothing(self, quick, data, plain):
        with sklearn.config_context(transform_output="pandas"):
            framed = quick(*data)
        pd.testing.assert_frame_equal(plain(framed), plain(quick(*data)))

    @pytest.mark.slow
    def test_splits_as_masks_and_lists(self, quick, data, plain):
        mask = np.arange(400) < 300
        splits = [(mask, ~mask)], [(list(range(300)), list(range(300, 400)))]
        pd.testing.assert_frame_equal(*(plain(quick(*data, cv=cv)) for cv in splits))


class TestTraining:
    @pytest.mark.slow
    def test_ranges(self, quick, data):
        trained = [NoiseInjector(level=(0, 0.4)), NoiseInjector("masking", 0.5)]
        report = quick(*data, noises=["gaussian", "masking"], levels=[0.3, 0.5], trained_on=trained)
        matrix = report.matrix("accuracy_denoised", denoiser="PCA")
        assert list(matrix.index) == ["gaussian 0-0.4", "masking 0.5"] and matrix.notna().all(axis=None)
        tests = report.to_frame().groupby(["trained_on", "kind", "level"])["test"].first()
        assert tests["gaussian 0-0.4", "gaussian", 0.3] == "as trained"
        assert tests["gaussian 0-0.4", "gaussian", 0.5] == "other level"
        assert tests["masking 0.5", "gaussian", 0.3] == "other kind"

    def test_fitted_estimators_are_used_as_they_are(self, quick, data):
        X, y = data
        denoiser = EstimatorDenoiser(PCA(20)).fit(NoiseInjector(level=0.3, random_state=0).fit_transform(X[:200]))
        classifier = KNeighborsClassifier(3).fit(X[:100], y[:100])
        report = quick(X[:300], y[:300], denoiser, classifier, X_test=X[300:], y_test=y[300:], levels=[0.3, 0.5])
        frame = report.to_frame()
        assert set(frame["trained_on"]) == {"fitted before"}
        assert len(frame) == 5 and not frame.duplicated(["kind", "level"]).any()
        clean = report.select(level=0.0).iloc[0]
        assert clean["accuracy_clean"] == classifier.score(X[300:], y[300:])
        assert clean["fit_seconds"] == 0 and np.isnan(clean["accuracy_refitted"])  # training noise unknown
        assert set(frame[(frame["kind"] == "gaussian") & (frame["level"] > 0)]["test"]) == {"fitted before"}
        assert np.isfinite(report.select(level=0.5, kind="gaussian").iloc[0]["accuracy_refitted"])

    @pytest.mark.slow
    def test_fitted_denoisers_are_tested_once_on_each_noise(self, quick, data):
        X, y = data
        denoiser = EstimatorDenoiser(PCA(20)).fit(NoiseInjector(level=0.3, random_state=0).fit_transform(X[:200]))
        kinds = "salt_pepper", ["gaussian", "salt_pepper"]
        reports = [quick(X, y, denoiser, noises=noises, augmented={"max_draws": 2}) for noises in kinds]
        alone, among = (report.select(kind="salt_pepper", level=0.3) for report in reports)
        columns = ["accuracy_augmented", "accuracy_denoised", "test"]
        assert len(among) == 1 and alone[columns].iloc[0].equals(among[columns].iloc[0].rename(alone.index[0]))
        assert len(reports[1].predictions(kind="salt_pepper", level=0.3)[0]) == alone["n_test"].iloc[0]

    def test_frozen_classifiers_are_never_trained(self, quick, data):
        X, y = data
        frozen = FrozenEstimator(KNeighborsClassifier(3).fit(X[:300], y[:300]))
        report = quick(X[:300], y[:300], None, frozen, X_test=X[300:], y_test=y[300:], augmented={"max_draws": 1})
        assert report.to_frame()[["accuracy_refitted", "accuracy_augmented"]].isna().all(axis=None)

    def test_cross_fitting_keeps_rows_from_their_denoiser(self, row):
        seen = []

        class Memory(TransformerMixin, BaseEstimator):
            """Returns the clean versions of rows seen in `fit`, and zeros for all others."""

            def fit(self, X, y=None):
                self.rows_ = {np.asarray(row).tobytes(): clean for row, clean in zip(X, X.clean)}
                return self

            def transform(self, X):
                return np.array([self.rows_.get(row.tobytes(), np.zeros_like(row)) for row in np.asarray(X)])

        class Watched(KNeighborsClassifier):
            def fit(self, X, y):
                seen.append(np.abs(X).sum())
                return super().fit(X, y)

        # Each report fits the classifier twice: on clean rows, then on denoised rows.
        assert row(Memory(), Watched(), cross_fit=3)["refit"] == "cross-fitted in 3 folds"
        assert row(Memory(), Watched())["refit"] == "not cross-fitted"
        assert seen[1] == 0 and seen[3] > 0

    @pytest.mark.slow
    def test_counts_and_progress(self, quick, data, row, capsys):
        assert tuple(row(n_labels=50)[["n_rows", "n_labels", "n_test"]]) == (300, 50, 100)
        assert row(n_labels=297)["n_labels"] == 297
        report = quick(*data, cv=StratifiedKFold(4), n_seeds=2, verbose=1)
        assert len(capsys.readouterr().out.splitlines()) == 8
        frame = report.to_frame()
        assert (frame["n_test"] == 400).all() and (frame["n_rows"] == 300).all() and report.n_seeds == 2
        assert len(report.predictions()[0]) == 800
        np.testing.assert_allclose(frame["gain"], 100 * (frame["repaired"] - frame["broken"]) / 400, atol=1e-9)

    @pytest.mark.slow
    def test_pipelines_networks_and_callables(self, quick, data):
        def darker(X, level, rng):
            return X * (1 - level)

        denoisers = [make_pipeline(EstimatorDenoiser(PCA(20))), DenoisingAutoencoder(epochs=2)]
        denoisers.append(make_pipeline(EstimatorDenoiser(PCA(9)), FunctionTransformer(np.copy)))  # requires no fit
        classifier = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=300))
        frame = quick(*data, denoisers, classifier, noises=darker).to_frame()
        assert set(frame["denoiser"]) == {"PCA", "dense", "FunctionTransformer"}
        assert set(frame["trained_on"]) == {"darker 0.3"} and set(frame["kind"]) == {"darker", "salt_pepper"}

    @pytest.mark.slow
    def test_searches_are_given_the_clean_rows(self, quick, data):
        search = GridSearchCV(EstimatorDenoiser(PCA()), {"estimator__n_components": [2, 20]}, cv=2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            best = quick(*data, {"search": search, "2": EstimatorDenoiser(PCA(2)), "20": EstimatorDenoiser(PCA(20))})
        found = best.select(test="as trained").set_index("denoiser")["psnr_denoised"]
        assert found["search"] == pytest.approx(max(found["2"], found["20"]), abs=0.3)

    def test_denoisers_that_work_in_place_harm_no_other(self, quick, data):
        def ruin(X):
            X[...] = 0.5
            return X

        median = {"median": ImageFilter("median", size=3)}
        reports = quick(*data, median), quick(*data, {"ruin": FunctionTransformer(ruin)} | median)
        columns = ["psnr_denoised", "accuracy_refitted"]
        np.testing.assert_array_equal(*(report.select(denoiser="median")[columns] for report in reports))

    def test_level_zero_is_clean_whatever_a_callable_does(self, quick, data):
        def fixed(X, level, rng):
            return X + 0.4 * rng.standard_normal(X.shape)

        row = quick(*data, "passthrough", noises=fixed).select(test="clean").iloc[0]
        assert row["accuracy_noisy"] == row["accuracy_clean"] and np.isinf(row["psnr_noisy"])

    def test_signals_too_short_for_ssim(self, quick, data):
        X, y = data
        report = quick(X[:, :2], y, {"PCA": EstimatorDenoiser(PCA(1))}, image_shape=(1, 2))
        row = report.to_frame().iloc[0]
        assert np.isnan(row["ssim_denoised"]) and np.isfinite(row["psnr_denoised"]) and "PCA" in str(report)


# Wrong types and ranges are covered by a generated test.
INJECTOR = NoiseInjector(level=0.3, clip=False)
BAD = [
    *[("levels", levels) for levels in ([], [0], "high", [0.3, 0.3], 25)],
    *[("noises", noises) for noises in ("gausian", ["gaussian", "gaussian"], [], ["gaussian", INJECTOR])],
    *[("unseen", unseen) for unseen in ("gaussian", "rain")],
    *[("trained_on", noise) for noise in ([NoiseInjector(level=0)], 0.3, [], INJECTOR)],
    *[("n_labels", 5), ("n_labels", 10_000), ("data_range", (0, 0.5)), ("augmented", {"draws": 3}), ("y", [1, 2])],
    *[("cv", cv) for cv in (1, "three", [], [([0, 1], [])], [([0, 1], [400])], [([0, 1],)])],
    *[("denoisers", bad) for bad in ({}, PCA, LogisticRegression(), PCA(3), {1: None, "1": None}, RUINED)],
    *[(name, make_pipeline(INJECTOR, NEAREST)) for name in ("denoisers", "classifiers")],
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad_input_names_the_argument(quick, data, name, value):
    arguments = {"X": data[0], "y": data[1], "denoisers": "passthrough", "classifiers": NEAREST} | {name: value}
    with pytest.raises((ValueError, TypeError), match=r"\bX\b" if name == "data_range" else name.removesuffix("s")):
        quick(**arguments)


@pytest.mark.parametrize(
    "options", [{}, {"y_test": [1]}, {"y_test": [1, 2], "cv": 3}, {"X_test": [[200.0] * 64] * 2, "y_test": [1, 2]}]
)
def test_bad_test_rows(quick, data, options):
    with pytest.raises(ValueError, match="X_test"):
        quick(*data, **{"X_test": [[0.0] * 64] * 2} | options)


def test_importing_does_not_import_tensorflow_or_matplotlib():
    heavy = "{'tensorflow', 'keras', 'matplotlib'}"
    run_python(f"import sys, sk_denoise.evaluation, sk_denoise.displays; assert not {heavy} & set(sys.modules)")
