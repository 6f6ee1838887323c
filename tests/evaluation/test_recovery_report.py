import subprocess
import sys
import warnings

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector
from sk_denoise.evaluation import fit_rival, recovery_report
from sk_denoise.evaluation._intervals import simultaneous_intervals
from sk_denoise.metrics import psnr, ssim

NEAREST = KNeighborsClassifier(3)


@pytest.fixture(scope="module")
def data(digits):
    return digits[0][:400] / 16, digits[1][:400]


def quick(X, y, denoisers=None, classifiers=NEAREST, **options):
    """A report that takes a second."""
    denoisers = (
        {"median": ImageFilter("median", size=3), "PCA": EstimatorDenoiser(PCA(20))} if denoisers is None else denoisers
    )
    options = {"levels": 0.3, "n_seeds": 1, "n_resamples": 200, "rival": False} | options
    return recovery_report(denoisers, classifiers, X, y, **options)


@pytest.fixture(scope="module")
def report(data):
    """Two kinds, two levels, two denoisers, two classifiers, two seeds, with rivals."""
    classifiers = {"nearest": NEAREST, "bayes": GaussianNB(var_smoothing=0.01)}
    return quick(
        *data, None, classifiers, noises=["gaussian", "masking"], levels=[0.2, 0.5], n_seeds=2, rival={"max_draws": 4}
    )


def plain(rows):
    """Rows without times."""
    return [{k: v for k, v in row.items() if not k.endswith("_seconds")} for row in rows]


class TestRows:
    def test_one_for_each_noise_level_denoiser_and_classifier(self, report):
        names = {(r["trained_on"], r["kind"], r["level"], r["denoiser"], r["classifier"]) for r in report.rows}
        assert len(names) == len(report.rows) == 4 * 3 * 2 * 2
        for kind in ("gaussian", "masking"):
            for level in (0.2, 0.5):
                label = f"{kind} {level}"
                tests = {(r["kind"], r["level"], r["test"]) for r in report.select(trained_on=label)}
                unseen = "salt_pepper", level, "other kind"
                assert tests == {(kind, level, "as trained"), (kind, 0.0, "clean"), unseen}

    def test_figures_are_those_of_the_steps_done_by_hand(self, data):
        X, y = data
        train, test = np.arange(300), np.arange(300, 400)
        report = quick(X, y, {"median": ImageFilter("median", size=3)}, cv=[(train, test)])
        row = report.select(level=0.3, kind="gaussian")[0]
        seed = int(np.random.RandomState(0).randint(2**31 - 2))  # as the report draws it
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
        for row in report.rows:
            gain = 100 * (row["accuracy_denoised"] - row["accuracy_noisy"])
            assert (
                row["gain"]
                == pytest.approx(gain)
                == pytest.approx(100 * (row["repaired"] - row["broken"]) / row["n_test"])
            )
            assert row["gain_low"] <= row["gain"] <= row["gain_high"]
            assert row["vs_rival"] == pytest.approx(100 * (row["accuracy_denoised"] - row["accuracy_rival"]))
            words = {"helps": row["gain_low"] > 0, "hurts": row["gain_high"] < 0}
            assert words.get(row["gain_verdict"], row["gain_low"] <= 0 <= row["gain_high"])

    def test_level_zero_loses_nothing_and_says_why(self, report):
        for row in report.select(level=0.0):
            assert row["accuracy_noisy"] == row["accuracy_clean"] and np.isinf(row["psnr_noisy"])
            assert np.isnan(row["recovery"]) and row["recovery_note"]

    def test_doing_nothing_changes_nothing(self, data):
        for row in quick(*data, "passthrough").rows:
            assert row["gain"] == row["gain_low"] == row["gain_high"] == 0
            assert row["gain_verdict"] == "no difference" and row["psnr_denoised"] == row["psnr_noisy"]

    def test_what_ruins_images_hurts(self, data):
        report = quick(*data, {"blur": ImageFilter("gaussian", sigma=3)})
        row = report.select(test="clean")[0]
        assert row["gain_verdict"] == "hurts" and row["broken"] > row["repaired"]
        assert "Where denoising costs accuracy (" in str(report) and "blur" in str(report)

    def test_seeds_show_the_luck_of_training(self, report, data):
        assert any(row["seed_spread"] > 0 for row in report.rows)
        assert all(np.isnan(row["seed_spread"]) for row in quick(*data).rows)


class TestSame:
    @pytest.mark.slow
    def test_again_and_in_processes(self, data):
        again = [quick(*data, n_seeds=2, n_jobs=jobs, rival={"max_draws": 2}).rows for jobs in (None, None, 2)]
        np.testing.assert_equal(plain(again[0]), plain(again[1]))
        for row, other in zip(plain(again[0]), plain(again[2]), strict=True):
            # In another process arrays may lie otherwise in memory, and sums end on another last digit.
            numbers = {key for key, value in row.items() if isinstance(value, float)}
            assert {k: row[k] for k in numbers} == pytest.approx({k: other[k] for k in numbers}, rel=1e-12, nan_ok=True)
            assert {k: v for k, v in row.items() if k not in numbers} == {
                k: v for k, v in other.items() if k not in numbers
            }

    def test_inputs_and_global_streams_are_left_alone(self, data):
        X, y = data[0].copy(), data[1].copy()
        denoiser, classifier = EstimatorDenoiser(PCA(10)), KNeighborsClassifier()
        np.random.seed(3)
        quick(X, y, denoiser, classifier)
        assert np.random.rand() == np.random.RandomState(3).rand()
        np.testing.assert_array_equal(X, data[0])
        assert not hasattr(denoiser, "estimator_") and not hasattr(classifier, "classes_")

    def test_units_do_not_matter(self, data):
        X, y = data
        for row, other in zip(plain(quick(X, y).rows), plain(quick(X * 16, y).rows)):
            assert row["accuracy_denoised"] == pytest.approx(other["accuracy_denoised"], abs=0.03)
            assert row["psnr_denoised"] == pytest.approx(other["psnr_denoised"], abs=0.01)


@pytest.mark.slow
class TestTraining:
    def test_a_range_as_a_matrix(self, data):
        trained = [NoiseInjector(level=(0, 0.4)), NoiseInjector("masking", 0.5)]
        report = quick(*data, noises=["gaussian", "masking"], levels=[0.3, 0.5], trained_on=trained)
        values, rows, columns = report.matrix("accuracy_denoised", denoiser="PCA")
        assert rows == ["gaussian 0-0.4", "masking 0.5"]
        tested = ["gaussian 0.3", "gaussian 0.5", "masking 0.3", "masking 0.5"]
        assert columns == [*tested, "clean", "salt_pepper 0.3", "salt_pepper 0.5"]
        assert np.isfinite(values).all()
        tests = {(r["trained_on"], r["kind"], r["level"]): r["test"] for r in report.rows}
        assert tests["gaussian 0-0.4", "gaussian", 0.3] == "as trained"
        assert tests["gaussian 0-0.4", "gaussian", 0.5] == "other level"
        assert tests["masking 0.5", "gaussian", 0.3] == "other kind"

    def test_what_comes_fitted_is_used_as_it_is(self, data):
        X, y = data
        noisy = NoiseInjector(level=0.3, random_state=0).fit_transform(X[:200])
        denoiser = EstimatorDenoiser(PCA(20)).fit(noisy)
        classifier = KNeighborsClassifier(3).fit(X[:100], y[:100])
        report = quick(X[:300], y[:300], denoiser, classifier, X_test=X[300:], y_test=y[300:], levels=[0.3, 0.5])
        assert {row["trained_on"] for row in report.rows} == {"fitted before"}
        assert len({(r["kind"], r["level"]) for r in report.rows}) == len(report.rows) == 5
        row = report.select(level=0.0)[0]
        assert row["accuracy_clean"] == classifier.score(X[300:], y[300:])
        assert row["fit_seconds"] == 0 and np.isnan(row["accuracy_refitted"])  # of which noise, nobody could say
        assert {r["test"] for r in report.select(kind="gaussian") if r["level"]} == {"fitted before"}
        assert np.isfinite(report.select(level=0.5, kind="gaussian")[0]["accuracy_refitted"])
        assert "fitted before" in report.to_html()

    def test_what_comes_fitted_is_tested_once_on_each_noise(self, data):
        X, y = data
        denoiser = EstimatorDenoiser(PCA(20)).fit(NoiseInjector(level=0.3, random_state=0).fit_transform(X[:200]))
        alone = quick(X, y, denoiser, noises="salt_pepper", rival={"max_draws": 2})
        among = quick(X, y, denoiser, noises=["gaussian", "salt_pepper"], rival={"max_draws": 2})
        mine, other = (r.select(kind="salt_pepper", level=0.3)[0] for r in (alone, among))
        np.testing.assert_equal(
            *plain(
                [
                    {k: mine[k] for k in ("accuracy_rival", "accuracy_denoised", "test")},
                    {k: other[k] for k in ("accuracy_rival", "accuracy_denoised", "test")},
                ]
            )
        )
        assert len(among.predictions(kind="salt_pepper", level=0.3)[0]) == mine["n_test"]

    def test_a_frozen_classifier_is_never_trained(self, data):
        X, y = data
        frozen = FrozenEstimator(KNeighborsClassifier(3).fit(X[:300], y[:300]))
        row = quick(X[:300], y[:300], None, frozen, X_test=X[300:], y_test=y[300:], rival={"max_draws": 1}).rows[0]
        assert (
            np.isnan(row["accuracy_refitted"])
            and np.isnan(row["accuracy_rival"])
            and row["refit"] == "frozen classifier"
        )

    def test_cross_fitting_keeps_rows_from_their_denoiser(self, data):
        class Memory(TransformerMixin, BaseEstimator):
            """Knows the rows it was fitted on, and ruins all others."""

            def fit(self, X, y=None):
                self.rows_ = {np.asarray(row).tobytes(): clean for row, clean in zip(X, X.clean)}
                return self

            def transform(self, X):
                return np.array([self.rows_.get(row.tobytes(), np.zeros_like(row)) for row in np.asarray(X)])

        own, crossed = (quick(*data, Memory(), cross_fit=folds).rows[0] for folds in (None, 3))
        assert (own["refit"], crossed["refit"]) == ("not cross-fitted", "cross-fitted in 3 folds")
        # Trained on rows that were all ruined, the classifier can only guess; test rows are ruined either way.
        assert own["accuracy_refitted"] < 0.2 and crossed["accuracy_refitted"] < 0.2
        seen = []

        class Watched(KNeighborsClassifier):
            def fit(self, X, y):
                seen.append(np.abs(X).sum())
                return super().fit(X, y)

        quick(*data, Memory(), Watched(), cross_fit=3)
        assert seen[0] > 0 and seen[1] == 0  # clean rows; rows denoised by a denoiser that knows none of them
        seen.clear()
        quick(*data, Memory(), Watched())
        assert seen[1] > 0

    def test_labels_are_a_draw_of_the_rows(self, data):
        row = quick(*data, n_labels=50).rows[0]
        assert (row["n_rows"], row["n_labels"], row["n_test"]) == (300, 50, 100)

    def test_folds_test_each_row_once(self, data):
        report = quick(*data, cv=StratifiedKFold(4), n_seeds=2)
        row = report.rows[0]
        assert (row["n_test"], row["n_rows"]) == (400, 300) and report.n_seeds == 2
        assert len(report.predictions()[0]) == 800

    def test_pipelines_and_callables(self, data):
        def darker(X, level, rng):
            return X * (1 - level)

        report = quick(
            *data,
            [make_pipeline(EstimatorDenoiser(PCA(20))), DenoisingAutoencoder(epochs=2)],
            make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=300)),
            noises=darker,
        )
        assert {row["denoiser"] for row in report.rows} == {"PCA", "dense"}
        assert {row["kind"] for row in report.rows} == {"darker", "salt_pepper"}

    def test_a_pipeline_that_ends_in_a_function_is_not_fitted(self, data):
        clipped = make_pipeline(
            EstimatorDenoiser(PCA(20)), FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1})
        )
        assert quick(*data, clipped).rows[0]["trained_on"] == "gaussian 0.3"

    def test_searches_are_given_the_clean_rows(self, data):
        search = GridSearchCV(EstimatorDenoiser(PCA()), {"estimator__n_components": [2, 20]}, cv=2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            best = quick(*data, {"search": search, "2": EstimatorDenoiser(PCA(2)), "20": EstimatorDenoiser(PCA(20))})
        found = {row["denoiser"]: row["psnr_denoised"] for row in best.select(test="as trained")}
        assert found["search"] == pytest.approx(max(found["2"], found["20"]), abs=0.3)

    def test_denoisers_that_work_in_place_harm_no_other(self, data):
        def ruin(X):
            X[...] = 0.5
            return X

        alone = quick(*data, {"median": ImageFilter("median", size=3)})
        beside = quick(*data, {"ruin": FunctionTransformer(ruin), "median": ImageFilter("median", size=3)})
        mine, other = (plain(r.select(denoiser="median")) for r in (alone, beside))
        assert [row["psnr_denoised"] for row in mine] == [row["psnr_denoised"] for row in other]
        assert [row["accuracy_refitted"] for row in mine] == [row["accuracy_refitted"] for row in other]

    def test_configuration_for_frames_changes_nothing(self, data):
        with sklearn.config_context(transform_output="pandas"):
            framed = quick(*data).rows
        np.testing.assert_equal(plain(framed), plain(quick(*data).rows))

    def test_level_zero_is_clean_whatever_a_callable_does(self, data):
        def fixed(X, level, rng):
            return X + 0.4 * rng.standard_normal(X.shape)

        row = quick(*data, "passthrough", noises=fixed).select(test="clean")[0]
        assert row["accuracy_noisy"] == row["accuracy_clean"] and np.isinf(row["psnr_noisy"])

    def test_splits_as_masks_and_lists(self, data):
        mask = np.arange(400) < 300
        rows = [quick(*data, cv=cv).rows for cv in ([(mask, ~mask)], [(list(range(300)), list(range(300, 400)))])]
        np.testing.assert_equal(plain(rows[0]), plain(rows[1]))

    def test_changes_count_over_folds(self, data):
        for row in quick(*data, cv=StratifiedKFold(3)).rows:
            assert row["gain"] == pytest.approx(100 * (row["repaired"] - row["broken"]) / row["n_test"])

    def test_nearly_all_labels(self, data):
        assert quick(*data, n_labels=297).rows[0]["n_labels"] == 297

    def test_ranges_that_overlap_are_drawn_apart(self, data):
        trained = [NoiseInjector(level=(0, 0.4)), NoiseInjector(level=(0, 0.7))]
        page = quick(*data, trained_on=trained).to_html()
        assert "trained on gaussian 0-0.4" in page and "trained on gaussian 0-0.7" in page

    def test_progress(self, data, capsys):
        quick(*data, n_seeds=2, verbose=1)
        assert len(capsys.readouterr().out.splitlines()) == 2

    def test_signals_too_short_for_ssim(self, data):
        X, y = data
        report = quick(X[:, :2], y, {"PCA": EstimatorDenoiser(PCA(1))}, image_shape=(1, 2))
        assert np.isnan(report.rows[0]["ssim_denoised"]) and np.isfinite(report.rows[0]["psnr_denoised"])
        assert "PCA" in str(report)


class TestRival:
    @pytest.mark.slow
    def test_it_profits_from_redrawn_noise(self, digits):
        X, y = digits[0] / 16, digits[1]
        injector = NoiseInjector(level=0.3, random_state=0)
        classifier = LogisticRegression(max_iter=300)
        rival, n_draws, _ = fit_rival(classifier, injector, X[:600], y[:600], max_draws=16)
        noisy = np.asarray(NoiseInjector(level=0.3, random_state=1).fit(X[:600]).transform(X[1200:]))
        once = LogisticRegression(max_iter=300).fit(injector.fit_transform(X[:600]), y[:600])
        assert n_draws > 1
        assert rival.score(noisy, y[1200:]) > once.score(noisy, y[1200:])

    def test_a_classifier_that_learns_in_steps_sees_new_noise_each_epoch(self, data):
        seen = []

        class Watched(GaussianNB):
            def partial_fit(self, X, y, classes=None):
                seen.append(X[0].tobytes())
                return super().partial_fit(X, y, classes)

        _, n_draws, saturated = fit_rival(Watched(), NoiseInjector(level=0.3), *data, max_draws=4)
        assert (n_draws, saturated) == (4, False)
        assert len(seen) == len(set(seen)) == 8  # four draws of the rows to search on, four of all

    def test_early_stopping_networks_are_fitted_on_copies(self, data):
        classifier = MLPClassifier((8,), early_stopping=True, max_iter=3, random_state=0)
        with pytest.warns(Warning):  # three iterations are too few, and enough here
            assert fit_rival(classifier, NoiseInjector(), *data, max_draws=2)[1] == 2

    @pytest.mark.slow
    def test_few_labels_still_make_many_steps(self, data):
        """One gradient step an epoch: sixteen of them would train next to nothing, and look saturated."""
        X, y = data
        for seed in range(3):
            classifier = MLPClassifier((16,), random_state=seed)
            _, n_draws, _ = fit_rival(classifier, NoiseInjector(level=0.5), X[:60], y[:60], random_state=seed)
            assert n_draws == 256

    def test_it_goes_by_accuracy_whatever_a_search_scores(self, data):
        searches = [
            GridSearchCV(NEAREST, {"n_neighbors": [1, 5]}, cv=2, scoring=s) for s in ("accuracy", "neg_log_loss")
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first, second = (fit_rival(s, NoiseInjector(level=0.3), *data, max_draws=4)[1:] for s in searches)
        assert first == second

    def test_it_stops_where_more_gains_no_more(self, data):
        # Without noise every draw is the same.
        assert fit_rival(NEAREST, NoiseInjector(level=0.0), *data)[1:] == (16, True)

    def test_it_is_as_strong_as_the_limit_allows(self, data):
        assert fit_rival(NEAREST, NoiseInjector(level=0.5), *data, max_values=3 * data[0].size)[1:] == (2, False)

    def test_not_clean_rows_alone(self, report):
        row = report.select(denoiser="PCA", classifier="bayes", kind="masking", level=0.5, test="as trained")[0]
        assert row["rival_draws"] == 4 and row["rival_saturated"] == "no"


class TestIntervals:
    def test_they_cover_together(self):
        """Of 200 families of 20 comparisons without any difference, about one in ten has an interval without zero."""
        rng = np.random.default_rng(0)
        missed = 0
        for _ in range(200):
            _, low, high = simultaneous_intervals(
                rng.normal(size=(20, 80)), confidence_level=0.9, n_resamples=400, rng=rng
            )
            missed += bool(np.any((low > 0) | (high < 0)))
        assert 8 <= missed <= 36

    def test_more_comparisons_make_them_wider(self):
        D = np.random.default_rng(0).normal(size=(50, 100))
        one, many = (simultaneous_intervals(d, rng=np.random.default_rng(0)) for d in (D[:1], D))
        assert many[2][0] - many[1][0] > 1.2 * (one[2][0] - one[1][0])

    def test_one_alone_is_the_normal_one(self):
        D = np.random.default_rng(0).normal(1, 2, size=(1, 400))
        mean, low, high = simultaneous_intervals(D, n_resamples=4000, rng=np.random.default_rng(0))
        assert high[0] - mean[0] == pytest.approx(1.96 * D.std() / 20, rel=0.08)
        assert mean[0] - low[0] == pytest.approx(high[0] - mean[0])

    def test_no_spread_no_width(self):
        means, low, high = simultaneous_intervals(np.array([[0.0] * 9, [1.0] * 9]), rng=np.random.default_rng(0))
        assert means.tolist() == low.tolist() == high.tolist() == [0, 1]


class TestReport:
    def test_frame(self, report):
        frame = report.to_frame()
        assert len(frame) == len(report.rows) and list(frame) == list(report.rows[0])

    def test_text_fits_a_terminal(self, report):
        text = str(report)
        assert max(map(len, text.splitlines())) <= 125
        unseen = "trained on gaussian 0.2, tested on salt_pepper 0.2"
        for word in ("In short", unseen, "no difference", "4 draws, limit"):
            assert word in text
        assert repr(report).startswith("<RecoveryReport of 48 rows")

    def test_page_is_self_contained(self, report, tmp_path):
        import matplotlib

        before = dict(matplotlib.rcParams)
        page = report.to_html(tmp_path / "report.html")
        assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
        assert "http" not in page and page.count("prefers-color-scheme: dark") > 1
        for title in ("In short", "Where denoising costs accuracy", "What was repaired", "Trained on one noise"):
            assert title in page
        assert dict(matplotlib.rcParams) == before
        assert "<table>" in report._repr_html_() and "<img" not in report._repr_html_()

    def test_names_are_escaped(self, data):
        report = quick(*data, {"<b>&": "passthrough"})
        assert "&lt;b&gt;&amp;" in report.to_html() and "<b>&" not in report.to_html()

    def test_compare(self, report):
        rows = report.compare("PCA")
        assert {row["other"] for row in rows} == {"median"}
        for row in rows:
            mine, theirs = (
                next(
                    r
                    for r in report.rows
                    if r["denoiser"] == name
                    and r["trained_on"] == row["trained_on"]
                    and all(r[key] == row[key] for key in ("kind", "level", "classifier"))
                )
                for name in ("PCA", "median")
            )
            if row["trained_on"] == row["other_trained_on"]:
                assert row["accuracy"] == pytest.approx(100 * (mine["accuracy_denoised"] - theirs["accuracy_denoised"]))
                assert row["ssim"] == pytest.approx(mine["ssim_denoised"] - theirs["ssim_denoised"])
                assert (row["psnr_verdict"] == "better") <= (row["psnr"] > 0)

    def test_join(self, data):
        first, second = (quick(*data, d) for d in ("passthrough", ImageFilter("median", size=3)))
        joined = first.join(second)
        assert len(joined.rows) == len(first.rows) + len(second.rows)
        assert {row["other"] for row in joined.compare("passthrough")} == {"median"}
        assert "in each of 2 reports joined" in str(joined) and "median" in joined.to_html()
        X, y = data
        others = (
            quick(X, y, "passthrough", random_state=1),
            quick(X, y[::-1], "passthrough"),
            quick(X[::-1], y, "passthrough"),
        )
        for other in others:
            with pytest.raises(ValueError, match="same test rows"):
                first.join(other)
        with pytest.raises(ValueError, match="in both"):
            first.join(first)

    def test_pickles(self, report):
        import pickle

        assert str(pickle.loads(pickle.dumps(report))) == str(report)

    @pytest.mark.parametrize(
        ("call", "match"),
        [
            (lambda r: r.select(denoiser="pca"), "denoiser must be one of .*'PCA'.*got 'pca'"),
            (lambda r: r.select(level=0.5, kind="salt_pepper", test="clean"), "test must be"),
            (lambda r: r.select(colour="red"), "no column"),
            (lambda r: r.matrix("gian"), "Did you mean 'gain'"),
            (lambda r: r.compare("tv"), "denoiser must be one of"),
            (lambda r: r.predictions(trained_on="gaussian 0.9"), "trained_on must be one of"),
        ],
    )
    def test_wrong_names(self, report, call, match):
        with pytest.raises(ValueError, match=match):
            call(report)

    def test_nothing_to_compare_with(self, data):
        with pytest.raises(ValueError, match="no other"):
            quick(*data, "passthrough").compare("passthrough")


BAD = [
    ({"levels": []}, "levels must hold a level above 0"),
    ({"levels": [0]}, "levels must hold a level above 0"),
    ({"levels": "high"}, "levels must be numbers"),
    ({"levels": [0.3, 0.3]}, "must differ"),
    ({"levels": 25}, "level must be"),
    ({"noises": "gausian"}, "Did you mean 'gaussian'"),
    ({"noises": ["gaussian", "gaussian"]}, "must differ"),
    ({"unseen": "gaussian"}, "unseen must be"),
    ({"unseen": "rain"}, "unseen must hold"),
    ({"trained_on": [NoiseInjector(level=0)]}, "trained_on must hold"),
    ({"trained_on": 0.3}, "trained_on must hold"),
    ({"n_labels": 0}, "n_labels must be"),
    ({"n_labels": 10_000}, "n_labels must be"),
    ({"n_seeds": 0}, "n_seeds must be"),
    ({"n_resamples": 5}, "n_resamples must be"),
    ({"confidence_level": 95}, "confidence_level must be"),
    ({"cross_fit": 1}, "cross_fit must be"),
    ({"refit": "no"}, "refit must be"),
    ({"rival": {"draws": 3}}, "rival must be"),
    ({"rival": "strong"}, "rival must be"),
    ({"X_test": [[0.0] * 64]}, "go together"),
    ({"X_test": [[0.0] * 3], "y_test": [1]}, "features of X"),
    ({"X_test": [[0.0] * 64], "y_test": [1], "cv": 3}, "Give one of them"),
    ({"y": [1, 2]}, "one label for each"),
    ({"denoisers": {}}, "denoisers must hold at least one"),
    ({"denoisers": PCA}, "must have fit and transform"),
    ({"denoisers": LogisticRegression()}, "must have fit and transform"),
    ({"classifiers": PCA()}, "must be scikit-learn classifiers"),
    ({"image_shape": (3, 3)}, "image_shape must be"),
    ({"data_range": 3}, "data_range must be"),
    ({"denoisers": PCA(3)}, "must give rows of the shape they got"),
    ({"noises": []}, "at least one kind"),
    ({"trained_on": []}, "trained_on must hold"),
    ({"noises": ["gaussian", NoiseInjector(clip=False)]}, "two different noises"),
    ({"trained_on": NoiseInjector(level=0.3, clip=False)}, "two different noises"),
    ({"denoisers": make_pipeline(NoiseInjector(), "passthrough")}, "no NoiseInjector"),
    ({"classifiers": make_pipeline(NoiseInjector(), KNeighborsClassifier())}, "no NoiseInjector"),
    ({"denoisers": {1: "passthrough", "1": "passthrough"}}, "differ as text"),
    ({"data_range": (0, 0.5)}, "X has values"),
    ({"X_test": [[200.0] * 64] * 2, "y_test": [1, 2]}, "X_test has values"),
    ({"X_test": [[0.0] * 64], "y_test": [1]}, "at least two test rows"),
    ({"denoisers": FunctionTransformer(lambda X: X * np.nan)}, "'FunctionTransformer' gave NaN"),
    ({"rival": {"max_draws": 0}}, "max_draws must be a positive integer"),
]


@pytest.mark.parametrize(("options", "match"), BAD, ids=[str(options)[:50] for options, _ in BAD])
def test_bad_input(data, options, match):
    options = dict(options)
    y = options.pop("y", data[1])
    with pytest.raises((ValueError, TypeError), match=match):
        quick(data[0], y, options.pop("denoisers", "passthrough"), options.pop("classifiers", NEAREST), **options)


def test_importing_does_not_import_tensorflow_or_matplotlib():
    code = (
        "import sys, sk_denoise.evaluation;"
        "print([m for m in ('tensorflow', 'keras', 'skimage', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
