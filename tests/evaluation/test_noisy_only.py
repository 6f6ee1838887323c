"""Reports on images that are noisy already, without clean copies."""

import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector, recovery_report
from sk_denoise._core.sklearn_glue import set_random_states
from sk_denoise.displays import ConfusionChangeDisplay, RecoveryDisplay
from sk_denoise.evaluation import sure_scorer

NOISE = NoiseInjector(level=0.3, data_range=(0, 1), clip=False, random_state=0)
NEAREST = KNeighborsClassifier(3)
TRAIN, TEST = np.arange(300), np.arange(300, 400)
SPLIT = [(TRAIN, TEST)]
DENOISERS = {"median": ImageFilter("median", size=3), "PCA": EstimatorDenoiser(PCA(20), noise=None)}


@pytest.fixture(scope="module")
def noisy(data):
    return np.asarray(NOISE.fit_transform(data[0]))  # unclipped


def make(X, y, denoisers=None, classifiers=NEAREST, **options):
    options = {"noises": None, "n_seeds": 1, "n_resamples": 200, "cv": SPLIT} | options
    return recovery_report(DENOISERS if denoisers is None else denoisers, classifiers, X, y, **options)


@pytest.fixture(scope="module")
def alone(noisy, data):
    classifiers = {"nearest": NEAREST, "fitted": RidgeClassifier().fit(noisy[:200], data[1][:200])}
    return make(noisy, data[1], None, classifiers)


class TestValues:
    def test_they_are_those_of_the_steps_done_by_hand(self, alone, noisy, data):
        y, denoiser = data[1], clone(DENOISERS["PCA"]).fit(noisy[TRAIN])
        denoised, denoised_test = denoiser.transform(noisy[TRAIN]), denoiser.transform(noisy[TEST])
        fitted = RidgeClassifier().fit(noisy[:200], y[:200])
        for name, original in (("nearest", clone(NEAREST).fit(noisy[TRAIN], y[TRAIN])), ("fitted", fitted)):
            row = alone.select(denoiser="PCA", classifier=name).iloc[0]
            refitted = clone(original).fit(denoised, y[TRAIN])
            assert row["accuracy_noisy"] == original.score(noisy[TEST], y[TEST])
            assert row["accuracy_denoised"] == original.score(denoised_test, y[TEST])
            assert row["accuracy_refitted"] == refitted.score(denoised_test, y[TEST])
            assert row["refitted_gain"] == pytest.approx(100 * (row["accuracy_refitted"] - row["accuracy_noisy"]))
            assert row["gain"] == pytest.approx(row["repaired"] - row["broken"])  # of 100 test rows

    def test_self_supervised_denoisers_see_noisy_rows_only(self, noisy, data):
        denoiser = EstimatorDenoiser(Ridge(100), self_supervised="recorrupted", noise=NOISE)
        report = make(noisy, data[1], {"ridge": denoiser}, n_labels=100)
        fitted = clone(denoiser)
        set_random_states(fitted, int(np.random.RandomState(0).randint(2**31 - 2)))  # the seed that the report draws
        images = report.examples["noisy rows", "noisy rows", None]
        assert set(images) == {"noisy", "ridge"}
        np.testing.assert_array_equal(images["noisy"], noisy[TEST][:10])
        np.testing.assert_allclose(images["ridge"], fitted.fit(noisy[TRAIN]).transform(noisy[TEST])[:10])
        assert np.mean((images["ridge"] - data[0][TEST][:10]) ** 2) < 0.7 * 0.3**2

    def test_output_of_an_injector_is_taken_as_plain_rows(self, noisy, data):
        seen = []
        spy = FunctionTransformer(lambda X: seen.append(type(X)) or X)
        X = NOISE.fit_transform(data[0])
        make(X[:300], data[1][:300], spy, cv=None, X_test=X[300:], y_test=data[1][300:])
        assert set(seen) == {np.ndarray}

    @pytest.mark.slow
    def test_integers_are_refitted_on_images_that_are_not_rounded(self, noisy, data):
        X = np.clip(20 * noisy, 0, 255).astype(np.uint8)
        row = make(X, data[1], DENOISERS["PCA"], cross_fit=3, data_range=(0, 20)).to_frame().iloc[0]
        single = make(X.astype(np.float32), data[1], DENOISERS["PCA"], cross_fit=3, data_range=(0, 20))
        assert row["accuracy_refitted"] == pytest.approx(single.to_frame().iloc[0]["accuracy_refitted"], abs=0.05)


class TestOptions:
    def test_range_splits_folds_and_seeds(self, noisy, data):
        options = {"cv": GroupKFold(2), "groups": np.arange(400) // 4, "cross_fit": 2, "n_seeds": 2}
        report = make(noisy, data[1], data_range=(0, 1), **options)
        frame = report.to_frame()
        assert (frame["n_test"] == 400).all() and (frame["refit"] == "cross-fitted in 2 folds").all()
        assert (frame["gain_low"] <= frame["gain"]).all() and (frame["gain"] <= frame["gain_high"]).all()
        assert "groups of test rows" in str(report)

    def test_processes(self, noisy, data):
        first, second = (make(noisy, data[1], "passthrough", n_seeds=2, n_jobs=jobs).to_frame() for jobs in (1, 2))
        assert first["accuracy_refitted"].equals(second["accuracy_refitted"])

    def test_fitted_denoisers_are_used_as_they_are(self, noisy, data):
        denoiser = EstimatorDenoiser(PCA(20)).fit(data[0][:300])
        row = make(noisy, data[1], denoiser, n_seeds=1).to_frame().iloc[0]
        assert row["trained_on"] == row["test"] == "fitted before" and row["fit_seconds"] == 0
        assert np.isfinite(row["accuracy_refitted"])
        original = clone(NEAREST).fit(noisy[TRAIN], data[1][TRAIN])
        assert row["accuracy_denoised"] == original.score(denoiser.transform(noisy[TEST]), data[1][TEST])

    def test_searches_get_no_clean_rows(self, noisy, data):
        scoring = partial(sure_scorer, noise=0.3)
        search = GridSearchCV(ImageFilter("gaussian"), {"sigma": [0.1, 0.7]}, cv=2, scoring=scoring)
        assert len(make(noisy, data[1], search, refit=False).to_frame()) == 1


@pytest.mark.slow
class TestColumns:
    def test_those_that_require_clean_images_are_left_out(self, alone, report):
        left_out = set(report.to_frame()) - set(alone.to_frame())
        assert set(alone.to_frame()) < set(report.to_frame())
        assert {"accuracy_clean", "recovery", "recovery_note", "psnr_noisy", "ssim_denoised"} < left_out
        assert all(
            name.startswith(("psnr", "ssim", "recovery")) or "clean" in name or "augmented" in name for name in left_out
        )
        assert set(alone.to_frame()["level"]) == {None} and set(alone.to_frame()["kind"]) == {"noisy rows"}

    def test_text_and_page_say_so(self, alone):
        for written in (str(alone), alone.to_html(), alone._repr_html_()):
            assert written.count("require clean images") == 1 and "look at refitted" in written
            for word in ("dB", "nan", "None", "Trained on one noise", "Accuracy against"):
                assert word not in written.replace("data:image/png", "")[: written.find("base64")]
        assert max(map(len, str(alone).splitlines())) <= 125
        assert str(pickle.loads(pickle.dumps(alone))) == str(alone)
        for name in ("Test images, noisy rows", "Repaired and broken predictions"):
            assert name in alone.to_html()

    def test_methods(self, alone, noisy, data):
        y_true, y_noisy, _ = alone.predictions(denoiser="PCA", classifier="nearest")
        assert np.mean(y_noisy == y_true) == alone.select(classifier="nearest").iloc[0]["accuracy_noisy"]
        assert alone.matrix("accuracy_refitted").shape == (1, 1)
        assert ConfusionChangeDisplay.from_report(alone, denoiser="PCA").change.shape == (10, 10)
        compared = alone.compare("PCA").set_index("classifier").loc["nearest"]
        ours, theirs = (alone.select(denoiser=name, classifier="nearest").iloc[0] for name in ("PCA", "median"))
        assert compared["accuracy"] == pytest.approx(100 * (ours["accuracy_denoised"] - theirs["accuracy_denoised"]))
        assert not {"psnr", "ssim", "psnr_verdict"} & set(compared.index)

    def test_join(self, noisy, data):
        X = np.clip(noisy, 0, 1)
        first, second = (make(X, data[1], {name: DENOISERS[name]}) for name in DENOISERS)
        assert set(first.join(second).compare("PCA")["other"]) == {"median"}
        with pytest.raises(ValueError, match="noises=None"):
            first.join(make(X, data[1], "passthrough", noises="gaussian", levels=0.3, augmented=False))


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "value"), [("levels", 0.3), ("levels", [0.1, 0.3]), ("trained_on", "gaussian"), ("unseen", "masking")]
    )
    def test_what_describes_noise_is_refused(self, noisy, data, name, value):
        with pytest.raises(ValueError, match=f"{name} must.*noises=None"):
            make(noisy, data[1], **{name: value})

    @pytest.mark.parametrize(
        "denoiser",
        [
            DenoisingAutoencoder(),
            DenoisingAutoencoder(self_supervised="noise2noise"),
            EstimatorDenoiser(Ridge(), noise=None),
            make_pipeline(EstimatorDenoiser(Ridge()), FunctionTransformer()),
            GridSearchCV(EstimatorDenoiser(Ridge()), {"estimator__alpha": [1, 2]}),
        ],
    )
    def test_denoisers_that_would_take_noisy_rows_for_clean_ones(self, noisy, data, denoiser):
        with pytest.raises(ValueError, match=r"denoisers must.*'mine'.*self_supervised='recorrupted'"):
            make(noisy, data[1], {"mine": denoiser})

    def test_clean_reports_name_the_way_out(self, data):
        with pytest.raises(ValueError, match="noises=None"):
            recovery_report("passthrough", NEAREST, NOISE.fit_transform(data[0]), data[1])

    def test_there_are_no_levels_to_draw(self, alone):
        with pytest.raises(ValueError, match="report must have noise levels"):
            RecoveryDisplay.from_report(alone)
