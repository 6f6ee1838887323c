import pytest
from sklearn.decomposition import PCA
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from sk_denoise import EstimatorDenoiser, ImageFilter, recovery_report

NEAREST = KNeighborsClassifier(3)


@pytest.fixture(scope="session")
def data(digits):
    return digits[0][:400] / 16, digits[1][:400]


@pytest.fixture(scope="session")
def quick():
    """A function that makes a small report within a second."""

    def make(X, y, denoisers=None, classifiers=NEAREST, **options):
        if denoisers is None:
            denoisers = {"median": ImageFilter("median", size=3), "PCA": EstimatorDenoiser(PCA(20))}
        options = {"levels": 0.3, "n_seeds": 1, "n_resamples": 200, "augmented": False} | options
        return recovery_report(denoisers, classifiers, X, y, **options)

    return make


@pytest.fixture(scope="session")
def row(quick, data):
    """A function that returns the first row of a quick report."""
    return lambda *arguments, **options: quick(*data, *arguments, **options).to_frame().iloc[0]


@pytest.fixture(scope="session")
def report(quick, data):
    """A report with two kinds of noise, levels, denoisers, classifiers and seeds, and the baseline."""
    classifiers = {"nearest": NEAREST, "bayes": GaussianNB(var_smoothing=0.01)}
    kinds = {"noises": ["gaussian", "masking"], "levels": [0.2, 0.5]}
    return quick(*data, None, classifiers, **kinds, n_seeds=2, augmented={"max_draws": 4})


@pytest.fixture(scope="session")
def plain():
    """A function that returns the frame of a report without its times, which differ between runs."""
    return lambda report: report.to_frame().filter(regex="(?<!_seconds)$")
