"""Errors for input that is not an array of rows say what was passed, and what to pass instead."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sk_denoise import ImageFilter, NoiseInjector
from sk_denoise.datasets import load_digit_images
from sk_denoise.metrics import psnr

PIXELS = np.zeros((8, 6))
SIZES = [np.zeros((8, 6)), np.zeros((4, 6)), np.zeros((8, 6))]


class DataSet:
    """Mimics pydicom: iterates over elements other than pixels, and decodes pixels on access."""

    def __iter__(self):
        return iter([1, 2])

    def __len__(self):
        return 2

    def __getitem__(self, key):
        raise KeyError(key)

    @property
    def pixel_array(self):
        return pytest.fail("decoded for an error")


class Volume:
    """Mimics nibabel."""

    shape, ndim = (8, 6, 4), 3

    def get_fdata(self):
        return np.zeros(self.shape)


class Tensor:
    """Mimics PyTorch, on a GPU."""

    shape, ndim = (2, 48), 2

    def __len__(self):
        return 2

    def detach(self):
        return self

    cpu = detach

    def __array__(self, *args, **kwargs):
        raise TypeError("can't convert cuda:0 device type tensor to numpy.")


class GradientTensor(Tensor):
    def __array__(self, *args, **kwargs):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


CASES = {
    "DICOM": (DataSet(), "DICOM", r"X\.pixel_array\.reshape\(1, -1\)"),
    "object with pixels": (SimpleNamespace(pixel_array=PIXELS), "SimpleNamespace", r"X\.pixel_array"),
    "list of DICOM": ([DataSet(), DataSet()], "list of .*DICOM", r"image\.pixel_array\.reshape"),
    "nibabel": (Volume(), "nibabel", r"np\.moveaxis\(X\.get_fdata\(\)"),
    "Pillow": (Image.new("L", (8, 8)), "Pillow", r"np\.asarray\(X\)"),
    "colour Pillow": (Image.new("RGB", (8, 8)), "Pillow", r"np\.asarray\(X\)"),
    "list of Pillow": ([Image.new("L", (8, 8))] * 2, "list of .*Pillow", r"np\.asarray\(image\)"),
    "path": ("scan.dcm", "path.*scan.dcm", r"pydicom\.dcmread"),
    "Path": (Path("scan.png"), "path.*scan.png", r"skimage\.io\.imread"),
    "list of paths": ([Path("a.png"), Path("b.png")], "list of paths", r"skimage\.io\.imread"),
    "file": (io.BytesIO(b"P5"), "file", r"skimage\.io\.imread"),
    "dict": ({"__header__": b"", "images": PIXELS}, "dict with keys: 'images'", r"X\['images'\]"),
    "generator": ((row for row in PIXELS), "generator", r"np\.stack"),
    "tensor": (Tensor(), "tensor.*cuda", r"X\.detach\(\)\.cpu\(\)\.numpy\(\)"),
    "tensor with gradient": (GradientTensor(), "tensor.*grad", r"X\.detach\(\)\.cpu\(\)\.numpy\(\)"),
    "list of tensors": ([Tensor(), Tensor()], "tensors", r"row\.detach\(\)"),
    "several sizes": (SIZES, r"3 images of 2 sizes: \(8, 6\), \(4, 6\)", "Crop or resize.*each size"),
    "several sizes as objects": (pd.Series(SIZES).to_numpy(), "3 images of 2 sizes", "Crop or resize"),
    "several colour sizes": ([np.zeros((8, 6, 3)), np.zeros((4, 6, 3))], r"2 sizes: \(8, 6, 3\)", "Crop or resize"),
    "many sizes": ([np.zeros((n, 6)) for n in range(1, 9)], "8 images of 8 sizes", r"\(3, 6\), \.\.\."),
    "one size": (SIZES[::2], r"shape \(2, 8, 6\)", r"np\.stack\(X\)\.reshape\(len\(X\), -1\)"),
    "one size as objects": (pd.Series(SIZES[::2]), r"shape \(2, 8, 6\)", r"np\.stack\(X\)\.reshape"),
    "rows of several lengths": ([[1, 2], [3]], "equal length", "2 lengths: 2, 1"),
    "rows and labels": (load_digit_images(), r"pair of arrays.*\(1797, 64\), \(1797,\)", "separately"),
    "one image": ([1.0, 2.0], "2-dimensional", r"np\.reshape\(X, \(1, -1\)\)"),
    "a column": (pd.Series([1.0, 2.0]), "Series", r"np\.reshape\(X, \(1, -1\)\)"),
    "nothing": ([], "no rows", ""),
    "labels in the frame": (pd.DataFrame({"a": [1.0, 2.0], "label": ["x", "y"]}), "'label'", "labels belong in y"),
    "masked rows in a list": ([np.ma.masked_equal([1.0, 2.0], 2.0)], "masked", "filled"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_came_and_what_to_pass(name):
    X, came, remedy = CASES[name]
    with pytest.raises((TypeError, ValueError), match=rf"\bX\b(?s:.*){came}") as caught:
        ImageFilter("median", size=3).fit(X)
    assert caught.match(remedy)
    if remedy.startswith(r"X\."):
        assert "Reshape your data" not in str(caught.value)


@pytest.mark.parametrize(
    "X", [DataSet(), SIZES, "scan.dcm", {"images": PIXELS}], ids=["data set", "sizes", "path", "dict"]
)
def test_everywhere(X, small):
    fitted = ImageFilter("median", size=3).fit(small)
    for call in (fitted.fit, fitted.transform, fitted.score, lambda X: fitted.fit(small, X_clean=X)):
        with pytest.raises((TypeError, ValueError), match=r"\bX(_clean)?\b.*(DICOM|sizes|path|dict)"):
            call(X)
    with pytest.raises((TypeError, ValueError), match=r"\bX_pred\b.*(DICOM|sizes|path|dict)"):
        psnr(small, X)


def test_columns_may_have_any_name(small):
    names = ["pixel_array", "get_fdata", "getbands", "read", "detach", "cpu", "collect_schema", *range(9)]
    frame = pd.DataFrame(small, columns=[*map(str, names)])
    assert NoiseInjector().fit(frame).n_features_in_ == 16


def test_lazy_frames(small):
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"X must be .*lazy frame.*X\.collect\(\)"):
        NoiseInjector().fit(polars.DataFrame(small).lazy())


@pytest.mark.parametrize(("given", "meant"), [("gausian", "Did you mean 'gaussian'"), ("normal", "$")])
def test_names_are_suggested_for_slips_only(given, meant):
    with pytest.raises(ValueError, match=rf"got '{given}'\. ?{meant}"):
        NoiseInjector(given).fit(np.zeros((2, 4)))
