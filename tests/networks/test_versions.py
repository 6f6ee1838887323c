"""Networks and checkpoints from versions of the package in which architectures had different layers."""

import joblib
import numpy as np
import pytest
from helpers import quick

from sk_denoise.networks import checkpoints
from sk_denoise.networks.spec import ARCHITECTURES, NetworkSpec

X = np.random.default_rng(0).random((20, 64)).astype("float32")


@pytest.fixture
def older():
    """A network as from an earlier version, in which the last array of weights was missing."""
    est = quick("unet", epochs=1).fit(X)
    est._weights = est._weights[:-1]
    return est


@pytest.mark.parametrize(
    "use",
    [
        lambda est: est.transform(X),
        lambda est: est.score(X),
        lambda est: est.to_keras(),
        lambda est: est.model_,
        lambda est: est.partial_fit(X),
        lambda est: est.set_params(warm_start=True).fit(X),
    ],
    ids=["transform", "score", "to_keras", "model_", "partial_fit", "warm_start"],
)
def test_networks_of_other_versions(older, use):
    with pytest.raises(ValueError, match=r"architecture='unet' was fitted with another version.*Fit again"):
        use(older)
    assert quick("unet", epochs=1).fit(X).transform(X).shape == X.shape


def test_checkpoints_of_other_formats_are_not_used(tmp_path, monkeypatch):
    est = quick(epochs=1, checkpoint=tmp_path).fit(X)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"other contents")
    monkeypatch.setattr(checkpoints, "FORMAT", checkpoints.FORMAT + 1)
    again = quick(epochs=1, checkpoint=tmp_path).fit(X)
    np.testing.assert_array_equal(again.transform(X), est.transform(X))
    assert len(list(tmp_path.iterdir())) == 2


def test_the_format_of_checkpoints_follows_the_layers():
    """If this fails because layers were changed, increase `FORMAT` and copy the new pair here."""
    from sk_denoise.networks.building import build_uncompiled

    shapes = []
    for name in sorted(ARCHITECTURES):
        for head in ("sigmoid", "linear", "residual") if ARCHITECTURES[name].reach else ("sigmoid", "linear"):
            spec = NetworkSpec(name, (32, 32, 1), 4, (), "mse", "adam", head)
            shapes.append([tuple(variable.shape) for variable in build_uncompiled(spec).weights])
    assert (checkpoints.FORMAT, joblib.hash(shapes)) == (2, "c393a6e3ffbcd3768f6d8542d6fb4fbd")
