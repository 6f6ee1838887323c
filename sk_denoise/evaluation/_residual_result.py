"""`ResidualCheck`: the verdict on an image, and how it is put into words."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ._residual_table import FAULTS, TESTS

#: Tests that say more than that the amount is wrong, in groups, those that explain others first.
_STRUCTURE = (("shift",), ("detail", "peak", "brightness", "agreement"), ("stripes",))
_AMOUNT = (("level",), ("variance",), ("smoothing",))
_GROUPS = {test: number for number, group in enumerate((*_STRUCTURE, *_AMOUNT)) for test in group}
_WORDS = {
    "shift": "the denoised image is shifted, or its edges are",
    "detail": "detail was removed or added near row {row}, column {column}",
    "peak": "a point was removed or added at row {peak_row:.0f}, column {peak_column:.0f}",
    "brightness": "the denoised image is {direction} than the noisy one, by {offset:.2g} sigma on average",
    "stripes": "the denoised image has stripes",
    "level": "the noise is {direction} than stated",
    "variance": "{direction} was removed than {usual}: {removed:.0%} of the variance of the noise",
    "smoothing": "the image was smoothed more than {usual}",
    "agreement": "the images differ by more than the noise explains, near row {row}, column {column}",
}
_DIRECTIONS = {"brightness": ("brighter", "darker"), "level": ("weaker", "stronger"), "variance": ("less", "more")}
_ALTHOUGH = "edges were smoothed although little noise was removed"


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class ResidualCheck:
    """What `residual_check` or `agreement_check` found in one image.

    Attributes
    ----------
    verdict : {"nothing found", "structure", "amount", "not checked"}
        "structure" is a residual that is related to the image or whose mean is not zero, or stripes; "amount" means
        that less or more was removed than the noise explains; "not checked" images are too small or have hardly any
        noise. "nothing found" does not mean that the image is fine, only that these tests found nothing.
    severity : float
        The largest ratio of a statistic to its threshold, both measured from the median of good outputs; above 1,
        something was found. Use it to sort images. NaN if nothing was checked.
    found : tuple of str
        Names of the tests that found something, those that explain the others first: "shift"; the clearest of
        "detail", "peak", "brightness" and "agreement"; "stripes"; "level"; "variance"; "smoothing".
    figures : dict of str to float
        For each test, its statistic, "..._threshold" (and "..._lowest", for tests with two thresholds),
        "..._false_alarms", the measured share of good images with an alarm, and "..._detected", that of faulty ones;
        then other figures, which are not tested.
    residual : ndarray of shape (height, width) or (height, width, channels)
        Noisy minus denoised image, in standard deviations of the noise; for `agreement_check`, the difference of the
        images, in standard deviations of the difference of the shots' noise.
    map : ndarray of shape (height, width)
        Where structure is: response of disc-shaped filters to the residual, in standard deviations of the noise,
        positive where the noisy image is brighter than the denoised one. Discs have radii of 3, 6 and 12 pixels; each
        pixel has the largest response.
    notes : tuple of str
        What limits the verdict, such as tests that were not run, and what is never seen.
    denoiser : str
        The denoiser whose thresholds were used, or "any".

    See Also
    --------
    sk_denoise.displays.ResidualDisplay : Draws it.
    """

    verdict: str
    severity: float
    found: tuple
    figures: dict
    residual: np.ndarray = field(repr=False)
    map: np.ndarray = field(repr=False)
    notes: tuple = ()
    denoiser: str = "any"

    def __str__(self):
        if self.verdict == "not checked":
            return "\n".join(["Not checked.", *self.notes])
        tests = [name for name in (*TESTS, "agreement") if name in self.figures]
        if self.found:
            lines = [f"{self._title()}: {'; '.join(map(self._words, self.found))}."]
        else:
            lines = [f"Nothing found by these tests: {', '.join(tests)}."]
        together = self.figures.get("all_false_alarms", math.nan)
        if math.isfinite(together):
            lines.append(f"Measured together, these tests raised a false alarm for {together:.0%} of good images.")
        return "\n".join([*lines, *map(self._line, tests), *self.notes])

    def _line(self, name):
        """A line on one test: its statistic and thresholds, and how often it was right."""
        limits = (self.figures.get(f"{name}_{end}", math.nan) for end in ("lowest", "threshold"))
        shown = " to ".join(f"{limit:.3g}" for limit in limits if math.isfinite(limit))
        detected, alarms = (self.figures[f"{name}_{share}"] for share in ("detected", "false_alarms"))
        faults = f"{FAULTS[name]}: found in {detected:.0%}" if name in FAULTS else "meant for no fault in particular"
        mark = "!" if name in self.found else " "
        return (
            f"{mark} {name:<11}{self.figures[name]:>7.3g}  (thresholds: {shown}; {faults}; false alarms: {alarms:.0%})"
        )

    def _title(self):
        if self.verdict == "structure":
            return "Structure in the residual"
        amount, level = self._removed(), self._sign("level")
        # If the noise is stronger than stated, what was removed seems to be too much.
        if level and amount in (0, level):
            return "Wrong noise level"
        return "Too little was removed" if amount < 0 else "Too much was removed"

    def _removed(self):
        """1 if too much was removed, -1 if too little, and otherwise 0."""
        return self._sign("variance") or int("smoothing" in self.found)

    def _sign(self, name):
        if name not in self.found:
            return 0
        return 1 if self.figures[name] > 0 else -1

    def _words(self, name):
        if name == "smoothing" and self._sign("variance") < 0:
            return _ALTHOUGH
        row, column = np.unravel_index(np.abs(self.map).argmax(), self.map.shape)
        values = self.figures | {
            "row": row,
            "column": column,
            "direction": _DIRECTIONS.get(name, ("", ""))[self.figures[name] > 0],
            "usual": "usual" if self.denoiser == "any" else "usual with this denoiser",
            "removed": math.exp(self.figures.get("variance", 0.0)),
            "offset": abs(self.figures.get("offset", 0.0)),
        }
        return _WORDS[name].format_map(values)


def make_result(ratios, figures, planes, where, notes, name):
    """Make a `ResidualCheck` of the ratios of statistics to thresholds, by test."""
    found = [test for test in ratios if ratios[test] > 1]
    found = tuple(sorted(found, key=lambda test: (_GROUPS[test], -ratios[test])))
    # A shift, for example, also changes the variance.
    structure = found and _GROUPS[found[0]] < len(_STRUCTURE)
    verdict = "structure" if structure else "amount" if found else "nothing found"
    residual = as_image(np.moveaxis(planes.residual, 0, -1)).astype(np.float32)
    severity = float(max(ratios.values()))
    return ResidualCheck(verdict, severity, found, figures, residual, where.astype(np.float32), tuple(notes), name)


def not_checked(image, reason, name):
    """Make a `ResidualCheck` of an image (height, width, channels) that cannot be checked."""
    nothing = np.zeros(image.shape, np.float32)
    return ResidualCheck("not checked", math.nan, (), {}, as_image(nothing), nothing[..., 0], (reason,), name)


def as_image(array):
    """Drop a single channel."""
    return array[..., 0] if array.shape[-1] == 1 else array
