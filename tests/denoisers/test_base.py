"""Properties shared by all denoisers."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers import quick, run_python
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from sk_denoise import EstimatorDenoiser, ImageFilter, NoiseInjector
from sk_denoise.metrics import psnr

DENOISERS = {
    "dense": quick(),
    "filter": ImageFilter("tv", weight=0.1),
    "pca": EstimatorDenoiser(PCA(4, random_state=0)),
    "ridge": EstimatorDenoiser(Ridge(), random_state=0),
}


@pytest.fixture(params=DENOISERS)
def denoiser(request):
    return clone(DENOISERS[request.param])


@pytest.fixture(scope="module")
def noisy(digits):
    """Noisy digits in [0, 16] that keep the clean rows."""
    return NoiseInjector(level=0.3, random_state=0).fit_transform(digits[0][:200])


class TestTarget:
    def test_sources(self, denoiser, noisy):
        rows, clean = np.asarray(noisy), noisy.clean
        plain = "none" if isinstance(denoiser, ImageFilter) else "noise"
        for source, arguments, keywords in (
            ("X_clean", [rows, clean[::-1]], {"X_clean": clean}),
            ("y", [rows, clean], {}),
            ("injector", [noisy, np.arange(200)], {}),
            (plain, [clean, np.arange(200)], {}),
        ):
            fitted = clone(denoiser).fit(*arguments, **keywords)
            assert (fitted.target_source_, fitted.data_range_) == (source, (0, 16))

    def test_scores(self, denoiser, noisy):
        rows, clean = np.asarray(noisy), noisy.clean
        denoiser.fit(noisy)
        expected = psnr(clean, denoiser.predict(rows), data_range=(0, 16))
        assert denoiser.score(noisy) == denoiser.score(rows, clean) == denoiser.score(rows, X_clean=clean) == expected
        first_ten = np.arange(200) < 10
        assert denoiser.score(noisy, sample_weight=first_ten) == pytest.approx(denoiser.score(rows[:10], clean[:10]))

    def test_plain_rows_are_scored_with_the_noise_trained_on(self, denoiser, noisy):
        denoiser.fit(noisy)
        again = NoiseInjector(level=0.3, data_range=(0, 16), random_state=0).fit_transform(noisy.clean)
        assert denoiser.score(noisy.clean) == denoiser.score(again) == denoiser.score(noisy)

    def test_without_known_noise_plain_rows_have_no_score(self, denoiser, noisy):
        fits = [clone(denoiser).fit(np.asarray(noisy), noisy.clean)]
        if isinstance(denoiser, ImageFilter):
            fits.append(clone(denoiser).fit(np.asarray(noisy)))
        else:
            fits.append(clone(denoiser).set_params(noise=None).fit(noisy.clean))
        for fitted in fits:
            with pytest.warns(UndefinedMetricWarning, match="X_clean="):
                assert np.isnan(fitted.score(noisy.clean))


class TestUnits:
    @pytest.mark.parametrize("factor", [1 / 16, 100.0])
    def test_equal_units_out(self, denoiser, noisy, factor):
        rows, clean = np.asarray(noisy), noisy.clean
        one, other = (clone(denoiser).fit(rows * f, clean * f) for f in (1, factor))
        np.testing.assert_allclose(other.predict(rows * factor), one.predict(rows) * factor, atol=1e-4 * factor)

    @pytest.mark.parametrize(
        ("dtype", "out"), [("f2", "f2"), ("f4", "f4"), ("f8", "f8"), ("u1", "f4"), ("i4", "f4"), (">f8", "f8")]
    )
    def test_dtypes(self, denoiser, digits, dtype, out):
        X = digits[0][:100]
        denoiser.fit(X)
        assert denoiser.transform(X.astype(dtype)).dtype == np.dtype(out)
        atol = 0.05 if dtype == "f2" else 1e-3
        expected = denoiser.transform(X)
        if np.dtype(dtype).kind in "iu":
            expected = expected.clip(0, 16)
        np.testing.assert_allclose(denoiser.transform(X.astype(dtype)), expected, atol=atol)

    def test_uint8(self, denoiser, digits):
        X = (digits[0][:200] * 15).astype("u1")
        denoiser.fit(NoiseInjector(level=0.1, random_state=0).fit_transform(X))
        assert denoiser.data_range_ == (0, 255) and denoiser.transform(X).max() > 100

    def test_one_feature(self, denoiser):
        X = np.random.default_rng(0).random((30, 1))
        if "estimator__n_components" in denoiser.get_params():
            denoiser.set_params(estimator__n_components=1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert denoiser.fit(X).transform(X).shape == X.shape


def test_predict_transform_and_blocks_agree(denoiser, noisy, monkeypatch):
    X = np.asarray(noisy)
    denoiser.fit(noisy)
    whole = denoiser.transform(X)
    np.testing.assert_array_equal(denoiser.predict(X), whole)
    monkeypatch.setattr(type(denoiser), "_block_values", 64 * 30)
    np.testing.assert_allclose(denoiser.transform(X), whole, rtol=0, atol=1e-11)


def test_copies_are_equal_and_fit_on(denoiser, noisy):
    expected = denoiser.fit(noisy).transform(noisy)
    for again in (pickle.loads(pickle.dumps(denoiser)), copy.deepcopy(denoiser)):
        np.testing.assert_array_equal(again.transform(noisy), expected)
        np.testing.assert_allclose(again.fit(noisy).transform(noisy), expected, atol=1e-9)
    np.testing.assert_allclose(clone(denoiser).fit(noisy).transform(noisy), expected, atol=1e-9)


def test_input_is_not_modified(denoiser, digits):
    X = np.array(digits[0][:100]) / 16  # in [0, 1], so the denoisers get the rows themselves
    before = X.copy()
    out = denoiser.fit(X, X_clean=X).transform(X)
    np.testing.assert_array_equal(X, before)
    X.flags.writeable = False
    assert not np.shares_memory(out, X) and denoiser.fit(X).transform(X).flags.writeable


def test_ordinary_use_does_not_warn(denoiser, noisy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_pipeline(denoiser).fit(noisy).score(noisy)


def test_frames(denoiser, noisy):
    frame = pd.DataFrame(np.asarray(noisy), columns=[f"pixel{i}" for i in range(64)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denoiser.fit(frame, X_clean=noisy.clean).set_output(transform="pandas")
        assert np.isfinite(denoiser.score(frame, X_clean=noisy.clean))
    assert list(denoiser.transform(frame).columns) == list(frame.columns)


def test_clean_rows_with_columns_in_another_order(denoiser, noisy):
    frame = pd.DataFrame(np.asarray(noisy)).rename(columns=str)
    clean = pd.DataFrame(noisy.clean).rename(columns=str)[frame.columns[::-1]]
    for given in ({"X_clean": clean}, {"y": clean}):
        with pytest.raises(ValueError, match=next(iter(given))):
            denoiser.fit(frame, **given)


def test_frames_of_polars(denoiser, noisy):  # regression: `score` once used a constructor that they lack
    frame = pytest.importorskip("polars").DataFrame(np.asarray(noisy), schema=[f"pixel{i}" for i in range(64)])
    denoiser.fit(frame, X_clean=noisy.clean)
    assert np.isfinite(denoiser.score(frame, X_clean=noisy.clean))


def test_metadata_routing(denoiser, noisy):
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipeline(denoiser.set_fit_request(X_clean=True), LogisticRegression(max_iter=5000))
        pipe.fit(np.asarray(noisy), np.arange(len(noisy)) % 2, X_clean=noisy.clean)
    assert pipe[0].target_source_ == "X_clean"


def test_memory_of_a_pipeline_keeps_the_source(denoiser, digits, tmp_path):
    X = digits[0][:100]
    steps = [("noise", NoiseInjector(level=0.3, random_state=0)), ("denoise", denoiser)]
    expected = Pipeline(steps).fit(X).transform(X)
    for _ in range(2):
        cached = Pipeline(steps, memory=str(tmp_path)).fit(X)
        assert cached[-1].target_source_ == "injector"
        np.testing.assert_allclose(cached.transform(X), expected)


def test_not_fitted(denoiser, small):
    for name in ("transform", "predict", "score"):
        with pytest.raises(NotFittedError):
            getattr(denoiser, name)(small)


BAD = [
    ({"data_range": 255}, {}, "data_range"),
    ({"data_range": (0, 0.5)}, {"X_clean": np.full((60, 16), 2.0)}, "X_clean"),
    ({"random_state": "seed"}, {}, "random_state"),
    ({}, {"X": np.full((60, 16), np.nan)}, "X contains NaN"),
    ({}, {"X": np.full((60, 16), np.inf)}, "X contains infinity"),
    ({}, {"X": np.full((60, 16), "a")}, "X must"),
    ({}, {"X": np.zeros((60, 4, 4))}, r"X.*reshape"),
    ({}, {"X": csr_array(np.eye(60, 16))}, "[Ss]parse"),
    ({}, {"X_clean": np.zeros((60, 3))}, "X_clean"),
    ({}, {"y": np.zeros(3)}, "y must"),
]


@pytest.mark.parametrize(("params", "given", "match"), BAD)
def test_a_failed_fit_names_the_argument_and_changes_nothing(denoiser, small, params, given, match):
    before, state = denoiser.fit(small).transform(small), dict(vars(denoiser))
    old = denoiser.get_params(deep=False)
    with pytest.raises((ValueError, TypeError), match=match):
        denoiser.set_params(**params).fit(**({"X": small} | given))
    denoiser.set_params(**{name: old[name] for name in params})
    assert vars(denoiser) == state
    np.testing.assert_array_equal(denoiser.transform(small), before)


def test_values_too_far_from_the_range(denoiser, small):
    denoiser.set_params(data_range=(0, 1)).fit(small)
    for far in (1e13, 1e300):
        with (
            pytest.raises(ValueError, match="X has values up to"),
            pytest.warns(UserWarning, match="order of magnitude"),
        ):
            denoiser.transform(np.full((1, 16), far))


def test_an_interrupted_fit_changes_nothing(denoiser, small, monkeypatch):
    before, learn = dict(vars(denoiser.fit(small))), type(denoiser)._learn

    def interrupted(*arguments, **keywords):
        learn(*arguments, **keywords)
        raise KeyboardInterrupt

    monkeypatch.setattr(type(denoiser), "_learn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        denoiser.fit(small[:, :9] * 3)
    assert vars(denoiser) == before


def test_what_is_imported():
    code = """
import sys
from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter
heavy = "tensorflow", "keras", "scikeras", "skimage", "pywt", "matplotlib"
DenoisingAutoencoder().get_params(), ImageFilter("tv").get_params()
print([name for name in heavy if name in sys.modules])
import numpy as np
from sklearn.linear_model import Ridge
EstimatorDenoiser(Ridge()).fit(np.eye(16)).score(np.eye(16))
ImageFilter("tv").fit(np.eye(16))
print([name for name in heavy[:3] if name in sys.modules])
"""
    assert run_python(code).split() == ["[]", "[]"]


def test_what_comes_from_integers_can_be_cast_back():
    rng = np.random.default_rng(0)
    clean = rng.choice([0, 255], (40, 256)).astype("uint8")
    noisy = np.clip(clean + rng.normal(0, 60, clean.shape), 0, 255).astype("uint8")
    ridge = EstimatorDenoiser(Ridge(1e-3)).fit(noisy, clean)
    assert ridge.predict(noisy.astype(float)).max() > 255 > ridge.predict(noisy.astype(float)).min() - 1
    denoised = ridge.predict(noisy)
    assert denoised.dtype == np.float32 and denoised.min() >= 0 and denoised.max() <= 255
    assert ridge.score(noisy, clean) == pytest.approx(psnr(clean, denoised, data_range=(0, 255)))
