"""DenoisingDisplay of images of any size."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_denoise import EstimatorDenoiser, PatchDenoiser
from sk_denoise.displays import DenoisingDisplay

SHAPES = [(96, 130), (70, 64)]


def ramp(shape, top=200):
    return np.linspace(20, top, int(np.prod(shape))).reshape(shape)


@pytest.fixture
def pairs():
    """Noisy, denoised and clean images of two sizes."""
    rng = np.random.default_rng(0)
    clean = [ramp(shape) for shape in SHAPES]
    noisy, denoised = ([image + rng.normal(0, sigma, image.shape) for image in clean] for sigma in (10, 3))
    return noisy, denoised, clean


def draw(noisy, denoised, **options):
    return DenoisingDisplay.from_images(noisy, denoised, **({"data_range": (0, 255)} | options))


def titles(display):
    return [[ax.get_title() for ax in line] for line in display.axes_]


def inset(ax):
    return next(child for child in ax.child_axes if child.get_gid() == "inset")


def test_images_of_several_sizes(pairs, inside):
    noisy, denoised, clean = pairs
    display = draw(noisy, denoised, clean=clean)
    assert display.axes_.shape == (2, 4) and display.axes_[0, 0].figure is display.figure_
    for i, line in enumerate(display.axes_):
        expected = [clean[i], noisy[i], denoised[i], denoised[i] - clean[i]]
        for ax, image in zip(line, expected):
            np.testing.assert_array_equal(ax.images[0].get_array(), image)
            assert ax.get_aspect() == 1
        assert {(ax.images[0].norm.vmin, ax.images[0].norm.vmax) for ax in line[:3]} == {(0, 255)}
    assert inside(display.figure_)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float16, np.float32, np.float64])
def test_dtypes(dtype):
    noisy = (ramp((64, 80)) > 90 if dtype is bool else ramp((64, 80))).astype(dtype)
    denoised = noisy.astype(np.float32) / 2
    before = noisy.copy()
    display = DenoisingDisplay.from_images(noisy, denoised)
    drawn = [ax.images[0].get_array() for ax in display.axes_[0]]
    for array, expected in zip(drawn, (noisy, denoised, denoised - noisy.astype(float))):
        np.testing.assert_array_equal(array, expected)
    np.testing.assert_array_equal(noisy, before)
    assert noisy.dtype == dtype
    display.figure_.canvas.draw()


def test_psnr_if_clean_images_are_known():
    clean = ramp((64, 64))
    display = draw(clean + 25.5, clean, clean=clean)
    assert titles(display) == [["clean", "noisy, PSNR 20.0 dB", "denoised, PSNR inf dB", "denoised − clean"]]
    halved = draw(clean + 25.5, clean, clean=clean, data_range=(0, 127.5))
    assert titles(halved)[0][1] == "noisy, PSNR 14.0 dB"


def test_sigma_of_what_was_removed():
    denoised = np.full((64, 64), 100.0)
    noise = np.where(np.indices(denoised.shape).sum(axis=0) % 2, 12.34, -12.34)
    assert titles(draw(denoised + noise, denoised)) == [
        ["noisy", "denoised", "denoised − noisy, removed: sigma 12.3"],
    ]
    assert titles(draw(denoised + 100 * noise, denoised))[0][2].endswith("sigma 1230")


def test_titles_are_broken_where_panels_are_narrow(pairs):
    display = draw(*pairs[:2], ax=Figure(figsize=(4, 4)).subplots())
    assert titles(display)[0][2].startswith("denoised − noisy\nremoved")


@pytest.mark.parametrize("scale", [1e-3, 1, 100])
def test_limits_of_residuals_follow_their_spread(pairs, scale):
    clean = pairs[2]
    denoised = [image + scale * np.random.default_rng(0).standard_normal(image.shape) for image in clean]
    norms = [line[3].images[0].norm for line in draw(clean, denoised, clean=clean).axes_]
    assert 2.5 * scale < norms[0].vmax <= 4 * scale
    assert {(norm.vmin, norm.vmax) for norm in norms} == {(-norms[0].vmax, norms[0].vmax)}


@pytest.mark.parametrize("channel_axis", [0, -1])
def test_colour(channel_axis):
    clean = np.stack([ramp((64, 80))] * 3, axis=-1)
    denoised = clean.copy()
    denoised[10, 20] += [4, -9, 1]
    given = [np.moveaxis(image, -1, channel_axis) for image in (clean, denoised, clean)]
    display = draw(*given[:2], clean=given[2], channel_axis=channel_axis)
    *colours, residual = (ax.images[0] for ax in display.axes_[0])
    np.testing.assert_allclose(colours[0].get_array(), clean / 255)
    drawn = residual.get_array()
    assert drawn.shape == (64, 80) and drawn[10, 20] == -9 and np.count_nonzero(drawn) == 1
    np.testing.assert_array_equal(residual.to_rgba(0.0), residual.cmap(0.5))
    assert all(np.shape(images[0]) == (64, 80, 3) for images in display.images.values())


def test_stacks_and_lists_give_the_same(pairs):
    noisy, denoised, _ = pairs
    stack = np.stack([noisy[0]] * 2), np.stack([denoised[0]] * 2)
    drawn = [ax.images[0].get_array() for given in (stack, map(list, stack)) for ax in draw(*given).axes_.flat]
    for a, b in zip(drawn[:6], drawn[6:]):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(64, 64), (512, 512), (200, 900), (900, 200)])
@pytest.mark.parametrize("with_clean", [True, False])
def test_new_figures_have_a_dot_for_each_pixel(shape, with_clean):
    image = ramp(shape)
    display = draw(image, image + 1, clean=image if with_clean else None)
    for ax in display.axes_.flat:
        box = ax.images[0].get_window_extent()
        assert box.width >= shape[1] and box.height >= shape[0]
        assert ax.images[0].get_interpolation() == "nearest"


def test_images_too_large_for_their_panels_are_smoothed():
    image = ramp((512, 512))
    for ax in draw(image, image, ax=Figure(figsize=(4, 2)).subplots()).axes_.flat:
        assert ax.images[0].get_interpolation() == "auto"


def test_inset_shows_the_region():
    denoised = ramp((100, 120))
    noisy = denoised + 1
    display = draw(noisy, denoised, zoom=(20, 30, 12, 16))
    for ax, image in zip(display.axes_[0], (noisy, denoised, denoised - noisy)):
        (drawn,) = inset(ax).images
        np.testing.assert_array_equal(drawn.get_array(), image[20:32, 30:46])
        assert drawn.get_extent() == [29.5, 45.5, 31.5, 19.5]
        assert (drawn.norm.vmin, drawn.norm.vmax) == (ax.images[0].norm.vmin, ax.images[0].norm.vmax)
        (frame,) = ax.patches
        assert frame.get_bbox().extents.tolist() == [29.5, 19.5, 45.5, 31.5]


@pytest.mark.parametrize("shape", [(128, 128), (128, 600), (1200, 1300), (128, 128, 3)])
def test_inset_is_where_the_structure_is(shape):
    image, top, left = np.full(shape, 100.0), int(0.4 * shape[0]), int(0.3 * shape[1])
    image[top : top + 12 : 2, left : left + 12] = 200
    image[:2] = 255  # along the border, where it does not count
    display = draw(image, image, channel_axis=-1 if len(shape) == 3 else None)
    x0, x1, y1, y0 = inset(display.axes_[0, 1]).images[0].get_extent()
    assert y0 < top + 6 < y1 and x0 < left + 6 < x1


def test_inset_hides_neither_the_region_nor_structure():
    image = np.full((200, 200), 100.0)
    image[:, 150:] += np.arange(200)[:, np.newaxis] % 2  # at the right
    display = draw(image, image, zoom=(60, 60, 30, 30))
    panel = display.axes_[0, 0]
    box, whole = inset(panel).get_window_extent(), panel.get_window_extent()
    assert (box.x0, box.y0) == pytest.approx((whole.x0, whole.y0))  # the corner at the bottom left


def test_no_inset():
    small, large = ramp((16, 16)), ramp((80, 80))
    for image, options in ((small, {}), (large, {"zoom": None})):
        assert not draw(image, image, **options).axes_[0, 0].child_axes


def test_range_is_found():
    clean = ramp((64, 64)) / 255
    noisy = clean + np.where(np.indices(clean.shape).sum(axis=0) % 2, 0.5, -0.5)
    bytes_ = np.clip(255 * noisy, 0, 255).astype(np.uint8)
    assert DenoisingDisplay.from_images(noisy, clean).data_range == (0, 1)
    assert DenoisingDisplay.from_images(noisy, noisy, clean=clean).data_range == (0, 1)
    assert DenoisingDisplay.from_images(bytes_, 255 * clean.astype("f4")).data_range == (0, 255)


def test_other_units_are_noticed():
    clean = ramp((64, 64)) / 255
    with pytest.warns(UserWarning, match="noisy"):
        DenoisingDisplay.from_images(255 * clean, clean, clean=clean)


def test_axes_placed_by_hand_and_subfigures(pairs):
    figure = Figure(figsize=(8, 6))
    by_hand, within = figure.add_axes((0.1, 0.1, 0.4, 0.8)), Figure(layout="constrained").subfigures(1, 2)[0].subplots()
    for ax in (by_hand, within):
        display = draw(*pairs[:2], ax=ax)
        assert display.ax_ is ax and display.axes_.shape == (2, 3)
        assert all(panel.figure is ax.figure for panel in display.axes_.flat)
    edges = [child.get_position() for child in figure.axes if child is not by_hand]
    assert min(edge.x0 for edge in edges) >= 0.099 and max(edge.x1 for edge in edges) <= 0.501


def test_settings_can_be_changed(pairs):
    display = draw(*pairs[:2])
    display.zoom = None
    again = display.plot()
    assert again is display and not any(ax.patches for ax in display.axes_.flat)


def test_bad_images(pairs):
    noisy, denoised, clean = pairs
    colour, hole = np.zeros((64, 64, 3)), np.full((64, 64), np.nan)
    for argument, value in {
        "noisy": [hole, colour, None, [], "image.png"],
        "denoised": [noisy[:1], noisy[::-1], noisy[0], [*noisy[:1], hole], None, [[1, 2], [3]]],
        "clean": [noisy[:1], noisy[::-1], noisy[0], [*noisy[:1], hole], []],
        "channel_axis": [0, 5, "last"],
        "data_range": [(1, 0), 255, "all"],
        "zoom": ["all", (0, 0, 70, 70), (0, 0), 3],
        "ax": [3],
    }.items():
        for bad in value:
            with pytest.raises((TypeError, ValueError), match=rf"\b{argument}\b"):
                DenoisingDisplay.from_images(
                    **({"noisy": noisy, "denoised": denoised, "clean": clean} | {argument: bad})
                )


@pytest.fixture(scope="module")
def denoiser():
    images = [ramp(shape) + np.random.default_rng(0).normal(0, 5, shape) for shape in SHAPES]
    return PatchDenoiser(EstimatorDenoiser(PCA(3)), patch_shape=(8, 8), n_patches=200, random_state=0).fit(images)


class TestPatchDenoiser:
    def test_forms(self, denoiser, pairs):
        noisy, _, clean = pairs
        display = DenoisingDisplay.from_estimator(denoiser, noisy, X_clean=clean, y=["a", "b"])
        assert display.data_range == denoiser.data_range_ and list(display.images)[-1] == "residual"
        assert [ax.get_ylabel() for ax in display.axes_[:, 0]] == ["a", "b"]
        for a, b in zip(display.images["denoised"], denoiser.transform(noisy)):
            np.testing.assert_array_equal(a, b)
        pipe = make_pipeline(FunctionTransformer(), denoiser)
        for X, n_images in ((noisy[0], 1), (np.stack([noisy[0]] * 3), 3), (noisy, 2)):
            display = DenoisingDisplay.from_estimator(pipe, X)
            assert display.axes_.shape == (n_images, 3)

    def test_choice(self, denoiser, pairs):
        noisy, _, clean = pairs
        worse = [noisy[0], 3 * noisy[1] - 2 * clean[1]]
        options = {"X_clean": clean, "n_images": 1}
        for show, shape in (("first", SHAPES[0]), ("worst", SHAPES[1]), ("best", SHAPES[0])):
            display = DenoisingDisplay.from_estimator(denoiser, worse, show=show, **options)
            assert display.images["noisy"][0].shape == shape
        chosen = DenoisingDisplay.from_estimator(denoiser, noisy, y=[1, 2], labels=[2])
        assert [image.shape for image in chosen.images["noisy"]] == SHAPES[1:]

    def test_colour_stack_with_channels_first(self):
        X = np.stack([np.stack([ramp((32, 40))] * 3)] * 4)
        X = X + np.random.default_rng(0).normal(0, 5, X.shape)
        options = {"patch_shape": (8, 8), "n_patches": 200, "channel_axis": 1, "random_state": 0}
        denoiser = PatchDenoiser(EstimatorDenoiser(PCA(3)), **options).fit(X)
        display = DenoisingDisplay.from_estimator(denoiser, X, n_images=2)
        assert [image.shape for image in display.images["denoised"]] == [(32, 40, 3)] * 2
        np.testing.assert_array_equal(display.images["denoised"][1], np.moveaxis(denoiser.transform(X)[1], 0, -1))

    def test_bad_input(self, denoiser, pairs):
        noisy, _, clean = pairs
        with pytest.raises(NotFittedError):
            DenoisingDisplay.from_estimator(PatchDenoiser(EstimatorDenoiser(PCA(3))), noisy)
        for argument, bad in (
            ("X", [np.full((64, 64), np.nan)]),
            ("X", np.zeros((64, 64, 3))),
            ("X_clean", clean[:1]),
            ("X_clean", clean[::-1]),
            ("image_shape", (8, 8)),
            ("y", [1]),
            ("labels", [7]),
            ("data_range", (1, 0)),
        ):
            given = {"X": noisy, "X_clean": clean, "y": [1, 2]} | {argument: bad}
            with pytest.raises((TypeError, ValueError), match=rf"\b{argument}\b"):
                DenoisingDisplay.from_estimator(denoiser, **given)
        with pytest.raises(ValueError, match="X_clean"):
            DenoisingDisplay.from_estimator(denoiser, noisy, show="worst")
