"""Estimates of noise compared with the noise that was added: levels, gains, kinds, correlation.

Run: python benchmarks/noise.py [held-out | tuning]
The thresholds of `estimate_noise` were chosen on the images and seeds of "tuning" and crops of these images, on two
more photographs from scikit-image and matplotlib, and on the repeated scans at the end ("weak noise under texture");
the figures to report are those of "held-out". Five changes followed earlier runs on the held-out images, with other
seeds: photon noise has no read noise unless the variance needs it, and texture left in the flattest blocks is
subtracted (the constants of both were chosen on the tuning images); it is subtracted only from Gaussian noise, because
otherwise gains were worse; impulses must be isolated, because the text of "page" was taken for salt and pepper; and
photon counts are distinguished from Rician noise by the spacing of their values, because in benchmarks/images,
"retina" with ten photons at white was taken for Rician. So the figures of "page" and "retina" are not quite held out.
Goals: 5 % of the level in 90 % of the cases from 0.05 up (not reached for clipped noise, by one case), 10 % of the gain
in 90 % up to 100 photons and the correlation in the repeated scans (not reached).
Images come from scikit-image and scikit-learn and, if installed, from pydicom and nibabel. Writes the cases to
benchmarks/results/noise/; about five minutes on two cores.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import provenance
from scipy.ndimage import gaussian_filter

from sk_denoise import estimate_noise
from sk_denoise.noise._moments import blur_autocorrelation

RESULTS = Path(__file__).parent / "results" / "noise"
SEEDS = {"tuning": 5, "held-out": 5200}
LEVELS = (0.02, 0.05, 0.1, 0.2)
BLURS = ((0.7, 0.7), (1.0, 1.0), (0.0, 0.7), (0.7, 0.0), (0.4, 0.4))
PEAKS = ((20, 0.0), (100, 0.0), (100, 0.02), (500, 0.02))  # photons at white, and read noise


def _grey(image):
    from skimage.color import rgb2gray

    image = np.asarray(image)
    image = rgb2gray(image[..., :3]) if image.ndim == 3 else image / (255 if image.dtype == np.uint8 else image.max())
    return image.astype(float).clip(0, 1)


def _tuning():
    from skimage import data

    images = {name: _grey(getattr(data, name)()) for name in ("camera", "coins", "chelsea", "clock", "text")}
    images |= {"gravel": _grey(data.gravel())[:384, :384], "cell": _grey(data.cell())[100:500, 50:450]}
    images["ihc"] = _grey(data.immunohistochemistry())[:384, :384]
    left, right, _ = data.stereo_motorcycle()
    images |= {"motorcycle": _grey(left), "motorcycle, small": _grey(right)[::2, ::2]}
    try:
        names = ("693_J2KI", "JPEG2000", "examples_overlay", "examples_rgb_color")
        images |= {name: _scan(f"{name}.dcm") for name in names}
    except ImportError:
        print("pydicom is missing: no scans")
    return images, {"retina": _grey(data.retina())[::3, ::3], "phantom": _grey(data.shepp_logan_phantom())}


def _scan(name):
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    pixels = dcmread(get_testdata_file(name)).pixel_array.astype(float)
    pixels = pixels.mean(axis=-1) if pixels.ndim == 3 else pixels
    return (pixels - pixels.min()) / np.ptp(pixels)


def _held_out():
    from skimage import data
    from sklearn.datasets import load_sample_images

    images = {name: _grey(getattr(data, name)()) for name in ("astronaut", "brick", "grass", "moon", "coffee", "page")}
    images["rocket"] = _grey(data.rocket())
    images["hubble"] = _grey(data.hubble_deep_field())[200:700, 300:800]
    images["ihc, other half"] = _grey(data.immunohistochemistry())[:, 400:]
    images |= {name: _grey(image) for name, image in zip(("china", "flower"), load_sample_images().images)}
    background = {"horse": np.where(data.horse(), 0.0, 0.6)}
    try:
        images["CT"] = _scan("CT_small.dcm")
        volume = _repeats()[0].mean(axis=0)[8:20]
        volume = gaussian_filter(volume, (0, 1, 1)) / volume.max()
        background["MR, smoothed"] = np.where(volume > 0.08, volume, 0).clip(0, 1).transpose(1, 0, 2).reshape(128, -1)
    except ImportError:
        print("pydicom or nibabel is missing: no scans")
    return images, background


def _repeats():
    """Volumes of repeated scans, of shape (n_repeats, n_slices, height, width)."""
    import nibabel

    path = Path(nibabel.__file__).parent / "tests" / "data" / "example4d.nii.gz"
    return [np.transpose(nibabel.load(path).get_fdata(dtype=np.float32), (3, 2, 0, 1))]


def _noise(shape, blur, rng):
    noise = gaussian_filter(rng.standard_normal(shape), blur, mode="wrap")
    return noise / noise.std()


def _cases(images, background):
    """Image, kind, level, clipped, blur, peak and read noise."""
    white = (0.0, 0.0)
    for name in images:
        for clipped in (False, True):
            for level in LEVELS:
                yield name, "gaussian", level, clipped, white, None, None
            for blur in BLURS:
                for level in LEVELS if clipped else LEVELS[2:3]:
                    yield name, "gaussian", level, clipped, blur, None, None
            for peak, read in PEAKS:
                yield name, "poisson_gaussian", np.hypot(peak**-0.5, read), clipped, white, peak, read
    for name in [*images, *background]:
        for level in (0.02, 0.1, 0.2):
            yield name, "salt_pepper", level, True, white, None, None
    for name in background:
        for level in LEVELS[1:]:
            yield name, "rician", level, False, white, None, None
        for level in LEVELS:
            yield name, "gaussian", level, False, white, None, None


def _add(image, kind, level, blur, peak, read, rng):
    if kind == "poisson_gaussian":
        return rng.poisson(image * peak) / peak + read * rng.standard_normal(image.shape)
    if kind == "rician":
        return np.hypot(image + level * _noise(image.shape, blur, rng), level * _noise(image.shape, blur, rng))
    if kind == "salt_pepper":
        draw = rng.random(image.shape)
        return np.where(draw < level, draw < level / 2, image)
    return image + level * _noise(image.shape, blur, rng)


def _measure(case):
    number, which, image, (name, kind, level, clipped, blur, peak, read) = case
    rng = np.random.default_rng([SEEDS[which], number])
    noisy = _add(image, kind, level, blur, peak, read, rng)
    if clipped:
        noisy = np.round(255 * noisy.clip(0, 1)).astype(np.uint8)
    estimate = estimate_noise(noisy)
    scale = 255 if clipped else 1
    row = {"image": name, "kind": kind, "level": level, "clipped": clipped, "blur": str(blur), "peak": peak}
    row |= {"read_noise": read, "estimated_kind": estimate.kind, "estimated_blur": str(estimate.blur)}
    truth = np.sqrt(image.mean() / peak + read**2) if peak else level
    row["level_ratio"] = (estimate.level if kind == "salt_pepper" else estimate.sigma / scale) / truth
    row["gain_ratio"] = estimate.gain / scale * peak if peak else np.nan
    errors = [found - blur_autocorrelation(width)[1] for found, width in zip(estimate.correlation, blur)]
    row["correlation_error"] = max(errors, key=abs)
    row["called_correlated"] = any(estimate.blur)
    row["note_on_texture"] = any("texture" in note for note in estimate.notes)
    return row


def measure(which):
    """A data frame with one row for each case."""
    images, background = _held_out() if which == "held-out" else _tuning()
    pictures = images | background
    cases = [(i, which, pictures[case[0]], case) for i, case in enumerate(_cases(images, background))]
    with ProcessPoolExecutor(2) as pool:
        return pd.DataFrame(pool.map(_measure, cases, chunksize=4))


def show(frame):
    """Print the figures."""
    within = lambda column, share: f"{((column - 1).abs() <= share).mean():6.1%}"
    white = frame[(frame["kind"] == "gaussian") & (frame["blur"] == "(0.0, 0.0)")]
    print(f"\n{'level of white Gaussian noise':<40}{'within 5 %':>12}{'within 10 %':>13}{'cases':>7}")
    for clipped in (False, True):
        for level in LEVELS:
            ratio = white.loc[(white["clipped"] == clipped) & (white["level"] == level), "level_ratio"]
            label = f"  {level:g}{', clipped' * clipped}"
            print(f"{label:<40}{within(ratio, 0.05):>12}{within(ratio, 0.1):>13}{len(ratio):>7}")
    strong = white[white["level"] >= 0.05]
    for clipped in (False, True):
        ratio = strong.loc[strong["clipped"] == clipped, "level_ratio"]
        label = f"  0.05 and up{', clipped' * clipped}"
        print(f"{label:<40}{within(ratio, 0.05):>12}{within(ratio, 0.1):>13}{len(ratio):>7}")
    blurred = frame[(frame["kind"] == "gaussian") & (frame["blur"] != "(0.0, 0.0)")]
    print(f"\n{'correlated Gaussian noise: blur, level':<40}{'found':>9}{'r within 0.05':>15}{'level 5 %':>11}"
          f"{'level 10 %':>12}")  # fmt: skip
    for (blur, level), group in blurred.groupby(["blur", "level"]):
        close = (group["correlation_error"].abs() <= 0.05).mean()
        print(f"  {blur + ', ' + format(level, 'g'):<38}{group['called_correlated'].mean():>9.1%}{close:>15.1%}"
              f"{within(group['level_ratio'], 0.05):>11}{within(group['level_ratio'], 0.1):>12}")  # fmt: skip
    wide = blurred[blurred["blur"] != "(0.4, 0.4)"]
    plain = frame[(frame["blur"] == "(0.0, 0.0)") & (frame["kind"] != "salt_pepper")]
    both = pd.concat([wide, white])
    print(f"blur of 0.7 pixels and more found: {wide['called_correlated'].mean():.1%} of {len(wide)}")
    print(f"white Gaussian noise called correlated: {white['called_correlated'].mean():.1%} of {len(white)}")
    print(f"white noise of all kinds called correlated: {plain['called_correlated'].mean():.1%} of {len(plain)}")
    print(f"lag-one correlation within 0.05: {(wide['correlation_error'].abs() <= 0.05).mean():.1%} of blurs from 0.7,"
          f" {(both['correlation_error'].abs() <= 0.05).mean():.1%} with white ones")  # fmt: skip
    print(f"\n{'photons at white, read noise':<40}{'gain 10 %':>12}{'level 5 %':>11}{'level 10 %':>12}")
    for (peak, read), group in frame.dropna(subset="peak").groupby(["peak", "read_noise"]):
        print(f"  {f'{peak:g}, {read:g}':<38}{within(group['gain_ratio'], 0.1):>12}"
              f"{within(group['level_ratio'], 0.05):>11}{within(group['level_ratio'], 0.1):>12}")  # fmt: skip
    print("\nestimated kind (columns) of the true kinds (rows), white noise")
    print(pd.crosstab(plain_kinds := _white(frame)["kind"], _white(frame)["estimated_kind"]).to_string())
    print(f"kinds right: {(plain_kinds == _white(frame)['estimated_kind']).mean():.1%} of {len(plain_kinds)}")
    for kind in ("rician", "salt_pepper"):
        ratio = frame.loc[frame["kind"] == kind, "level_ratio"]
        print(f"level of {kind} noise: {within(ratio, 0.05)} within 5 %, {within(ratio, 0.1)} within 10 %")


def _white(frame):
    return frame[frame["blur"] == "(0.0, 0.0)"]


def show_repeats():
    """Compare estimates from single volumes with the differences of repeated scans."""
    try:
        repeats = _repeats()
    except ImportError:
        return
    for volumes in repeats:
        difference = (volumes[0] - volumes[1]) / np.sqrt(2)
        differences = difference[np.minimum(*volumes[:2]) > 0]
        truth = 1.4826 * np.median(np.abs(differences - np.median(differences)))
        inner = difference - difference.mean(axis=(1, 2), keepdims=True)
        lag_one = [(inner[:, 1:] * inner[:, :-1]).mean(), (inner[..., 1:] * inner[..., :-1]).mean()]
        print(f"\nrepeated EPI: the differences give sigma {truth:.1f}, lag-one correlation",
              *(f"{lag / inner.var():.2f}" for lag in lag_one))  # fmt: skip
        for number, volume in enumerate(volumes[:2]):
            estimate = estimate_noise(volume)
            print(f"volume {number}: sigma {estimate.sigma:.1f}, ratio {estimate.sigma / truth:.2f}, {estimate.kind},",
                  "lag-one correlation {:.2f} {:.2f}".format(*estimate.correlation))  # fmt: skip


if __name__ == "__main__":
    which = sys.argv[1] if len(sys.argv) > 1 else "held-out"
    RESULTS.mkdir(parents=True, exist_ok=True)
    with provenance.kept(f"noise.py {which}"):
        frame = measure(which)
        frame.round(4).to_csv(RESULTS / f"{which.replace('-', '_')}.csv", index=False)
    show(frame)
    if which == "held-out":
        show_repeats()
