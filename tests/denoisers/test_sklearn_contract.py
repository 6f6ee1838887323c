"""All of scikit-learn's estimator checks, without expected failures."""

import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector

# The tables of the checks are not square images, about which estimators warn.
pytestmark = pytest.mark.filterwarnings("ignore:image_shape=None:UserWarning", "ignore:set_output hides:UserWarning")

ESTIMATORS = [
    NoiseInjector(random_state=0),
    NoiseInjector(),
    NoiseInjector("poisson", (0.1, 0.5), random_state=0),
    DenoisingAutoencoder(epochs=2),
    *[ImageFilter(method) for method in ("median", "gaussian", "bilateral", "tv", "wavelet", "nlm", "nl_ridge")],
    EstimatorDenoiser(PCA(1)),
    EstimatorDenoiser(Ridge()),
]
THAT_COMPILE_LONG = [
    DenoisingAutoencoder("conv", epochs=1),
    DenoisingAutoencoder("unet", epochs=1),
    DenoisingAutoencoder(epochs=1, output="latent"),
]


@parametrize_with_checks(ESTIMATORS)
def test_estimator_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(THAT_COMPILE_LONG)
def test_estimator_check_of_larger_networks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", [NoiseInjector(random_state=0), DenoisingAutoencoder(epochs=1, random_state=0)])
def test_feature_names_and_set_output(estimator, digits):
    import pandas as pd

    frame = pd.DataFrame(digits[0][:50], columns=[f"pixel{i}" for i in range(64)])
    estimator.fit(frame)
    assert list(estimator.get_feature_names_out()) == list(frame.columns) == list(estimator.feature_names_in_)
    out = estimator.set_output(transform="pandas").transform(frame)
    assert list(out.columns) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        estimator.transform(frame[frame.columns[::-1]])
