"""ConfusionChangeDisplay."""

from types import SimpleNamespace

import numpy as np
import pytest

from sk_denoise.displays import ConfusionChangeDisplay

TRUE = ["cat", "cat", "cat", "dog", "dog", "eel"]
BEFORE = ["dog", "dog", "cat", "dog", "dog", "eel"]
AFTER = ["cat", "cat", "dog", "dog", "eel", "eel"]


def test_change(inside):
    display = ConfusionChangeDisplay.from_predictions(TRUE, BEFORE, AFTER)
    assert display.change.tolist() == [[1, -1, 0], [0, -1, 1], [0, 0, 0]]
    assert display.repaired.tolist() == [2, 0, 0] and display.broken.tolist() == [1, 1, 0]
    np.testing.assert_array_equal(np.diag(display.change), display.repaired - display.broken)
    assert {"+1", "−1", "+2"} <= {text.get_text() for text in display.ax_.texts}
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["cat", "dog", "eel", "repaired\n2", "broken\n2"]
    assert display.ax_.images[0].get_clim() == (-1, 1)
    assert inside(display.figure_)
    display = ConfusionChangeDisplay.from_predictions(TRUE, BEFORE, AFTER, labels=["dog", "cat"])
    assert display.change.tolist() == [[-1, 0], [-1, 1]] and display.repaired.tolist() == [0, 2]


def test_no_change_and_many_classes(inside):
    display = ConfusionChangeDisplay.from_predictions(TRUE, BEFORE, BEFORE)
    assert not display.change.any() and {text.get_text() for text in display.ax_.texts} == {"0"}
    display = ConfusionChangeDisplay.from_predictions(*np.random.default_rng(0).integers(0, 40, (3, 4000)))
    assert len(display.ax_.texts) == 80  # two columns of counts; the cells are too small for numbers
    assert inside(display.figure_)


def test_names_are_handed_to_the_report():
    asked = []
    report = SimpleNamespace(predictions=lambda **names: asked.append(names) or (TRUE, BEFORE, AFTER))
    display = ConfusionChangeDisplay.from_report(report, denoiser="median", level=0.5)
    assert asked == [{"denoiser": "median", "level": 0.5}] and display.repaired.sum() == 2


@pytest.mark.parametrize(("argument", "value"), [("labels", ["dgo"]), ("y_before", [0] * 6), ("y_true", [])])
def test_wrong_predictions(argument, value):
    options = {"y_true": TRUE, "y_before": BEFORE, "y_after": AFTER} | {argument: value}
    with pytest.raises(ValueError, match=argument):
        ConfusionChangeDisplay.from_predictions(**options)
