"""Every public function with every kind of wrong value: what is said, and that it helps.

The messages stand in ``tests/data/messages.txt``, to be read by a person when they change. After a change, write that
file anew and read the difference::

    SK_DENOISE_WRITE_SNAPSHOT=1 python -m pytest -m slow tests/test_bad_input.py

A line is ``function | arguments | kinds of values | class: message``. In it ``<argument>`` and ``<value>`` stand for
what the case passed, "anything else" for the kinds of `bad_input_values` that no other line of the argument names, and
a ``~`` before the class for the words of a library underneath. Those, and the lines beside them, are compared on the
versions named at the top of the file only.
"""

import contextlib
import inspect
import io
import os
import platform
import re
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest
from bad_input_cases import CommandError, commands, entries
from bad_input_entry import methods
from bad_input_exceptions import EXEMPT, LIBRARY_WORDS, NOT_RUN, VALID
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

import sk_denoise
from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector
from sk_denoise._core.checks import shown

pytestmark = pytest.mark.slow

SNAPSHOT = Path(__file__).parent / "data" / "messages.txt"
WRITE = os.environ.get("SK_DENOISE_WRITE_SNAPSHOT") == "1"
ELSE = "anything else"
SHOWN = r"\b(got|found|invalid|expected|convert)\b|has values|has masked|not '|No such|="
ALLOWED = (
    r"must|needs?\b|Pass|Use|Lower|Leave|belongs to|has no|Give|go together|Fill|Remove|choose from|see sk-denoise"
)


def versions():
    import keras
    import pandas
    import sklearn

    modules = {"scikit-learn": sklearn, "numpy": np, "pandas": pandas, "keras": keras}
    numbers = {"Python": platform.python_version()} | {name: module.__version__ for name, module in modules.items()}
    return ", ".join(f"{name} {'.'.join(number.split('.')[:2])}" for name, number in numbers.items())


def listed(table, entry, argument, kind):
    """The row of a table of exceptions that a case falls under, or None."""
    for function, arguments, kinds, _reason in table:
        if re.fullmatch(function, entry) and re.fullmatch(arguments, argument) and re.fullmatch(kinds, kind):
            return function, arguments, kinds
    return None


def attempt(entry, argument, value):
    """What a call with a wrong value raises, or None; and what it did to the object called."""
    subject = entry.subject() if entry.subject else None
    before = dict(vars(subject)) if subject is not None else {}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            entry.run(argument, value) if subject is None else entry.run(argument, value, subject)
        except Exception as error:
            after = dict(vars(subject)) if subject is not None else {}
            changed = [name for name in before | after if before.get(name) is not after.get(name)]
            return error, [name for name in changed if name != argument and name not in entry.sets]
    return None, []


def is_ours(error):
    """True where this package raised it, and not a library underneath."""
    if isinstance(error, CommandError):
        return str(error).startswith("sk-denoise: ")  # and not argparse, in the name of a command
    return "/sk_denoise/" in traceback.extract_tb(error.__traceback__)[-1].filename.replace("\\", "/")


def fault(error, argument):
    """What is wrong with a message, or None."""
    text = " ".join(str(error).split())
    if not isinstance(error, (ValueError, TypeError, NotFittedError, OSError)):
        return "is an internal error"
    if re.search(r"truth value|operands could not be broadcast|object has no attribute|index out of range", text):
        return "tells of the inside"
    if not is_ours(error):
        return None if any(re.search(words, text) for words in LIBRARY_WORDS) else "is a library's own"
    if not re.search(rf"\b{argument.removeprefix('--')}(_true|_pred|_clean|s)?\b", text):
        return "does not name the argument"
    if not re.search(SHOWN, text):
        return "does not show what came"
    if not re.search(ALLOWED, text):
        return "does not say what is allowed"
    return None


def template(entry, argument, value, error):
    """The message without what differs from case to case or run to run."""
    text = " ".join(str(error).split())
    printed = {shown(value), " ".join(repr(value).split())}
    if hasattr(value, "shape"):
        printed.add(str(tuple(value.shape)))
    for form in map(re.escape, sorted(filter(None, printed), key=len)):
        came = rf"\b(got|Got|not|is|choice:|value:|directory:|{argument}=) ?{form}(?=[ .,;]|$)"
        text = re.sub(came, lambda found: f"{found[1]} <value>", text)
    name = rf"(?<![\w'`.]){argument}(?!\w)" if argument in entry.rows + entry.vectors else rf"^{argument}(?!\w)"
    text = re.sub(name, "<argument>", text)
    text = re.sub(r"0x[0-9a-f]+", "0x", text).replace(os.getcwd(), "<folder>")
    # Sets come in any order.
    text = re.sub(r"\{('[^{}]*')\}", lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", text)
    text = re.sub(r"[\d.]+ GiB of this machine", "<memory> of this machine", text)
    if argument in ("loss", "optimizer"):
        text = re.sub(r"one of \[.*?\]", "one of [...]", text)  # Keras'
    return f"{'' if is_ours(error) else '~'}{type(error).__name__}: {text}"


def run(entry):
    """All cases of an entry: lines for the snapshot, and what is wrong, by argument and kind."""
    found, faults = {}, []
    for argument in entry.arguments():
        for kind, value in entry.cases(argument):
            if listed(NOT_RUN, entry.name, argument, kind):
                continue
            error, changed = attempt(entry, argument, value)
            case = f"{entry.name}({argument}={shown(value)}), {kind}"
            valid, exempt = (listed(table, entry.name, argument, kind) for table in (VALID, EXEMPT))
            if error is None:
                if not (valid or entry.is_default(argument, kind)):
                    faults.append(f"{case}: is taken without a word")
                continue
            if valid:
                faults.append(f"{case}: stands in VALID and raises {error!r}")
            why = None if exempt else fault(error, argument)
            if why:
                faults.append(f"{case}: {why}: {type(error).__name__}: {str(error)[:300]}")
            if changed:
                faults.append(f"{case}: changes {changed}")
            message = template(entry, argument, value, error)
            if exempt:
                message = f"~{type(error).__name__}"  # not this package's words, so not its to keep
            found.setdefault(argument, {}).setdefault(message, []).append(kind)
    return lines(entry, found), faults


def lines(entry, found):
    """The section of the snapshot: arguments that get the same messages share their lines."""
    of_arguments = {}
    for argument, messages in found.items():
        largest = max(messages, key=lambda message: len(messages[message]))
        own = {m: ELSE if m == largest and len(kinds) > 3 else ", ".join(kinds) for m, kinds in messages.items()}
        for message, kinds in own.items():
            of_arguments.setdefault((kinds, message), []).append(argument)
    return [f"{entry.name} | {', '.join(names)} | {kinds} | {m}" for (kinds, m), names in of_arguments.items()]


def read():
    """Lines of the file by function, and whether it was written with the versions of today."""
    text = SNAPSHOT.read_text(encoding="utf-8").splitlines() if SNAPSHOT.exists() else [""]
    held = {}
    for line in filter(None, text[1:]):
        functions, rest = line.split(" | ", 1)
        for function in functions.split(", "):
            held.setdefault(function, []).append(f"{function} | {rest}")
    return held, text[0] == f"# {versions()}"


def write(held):
    """Functions that get the same lines share them, where the first one stands."""
    shared = {}
    for section in held.values():
        for line in section:
            function, rest = line.split(" | ", 1)
            shared.setdefault(rest, []).append(function)
    blocks = {}
    for rest, functions in shared.items():
        blocks.setdefault(functions[0], []).append(f"{', '.join(functions)} | {rest}")
    SNAPSHOT.parent.mkdir(exist_ok=True)
    body = "\n\n".join("\n".join(block) for block in blocks.values())
    SNAPSHOT.write_text(f"# {versions()}\n\n{body}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def snapshot():
    """What the file holds; with `WRITE`, what the tests put into it is written in the end."""
    held, same = read()
    written = {}
    yield held, same, written
    if WRITE and written:
        write({name: written[name] if name in written else held.get(name, []) for name in entries()})


@pytest.mark.parametrize("name", sorted(entries()))
def test_messages_help(name, snapshot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what takes a path
    if name.endswith("to_onnx"):
        pytest.importorskip("tf2onnx")
    held, same_versions, written = snapshot
    section, faults = run(entries()[name])
    assert not faults, "\n" + "\n".join(faults)
    written[name] = section
    if WRITE:
        return
    if same_versions:
        assert sorted(section) == sorted(held.get(name, []))
    else:
        assert sorted(own_lines(section)) == sorted(own_lines(held.get(name, [])))


def own_lines(section):
    """Lines of the arguments of which no library speaks."""
    foreign = {argument for line in section if " | ~" in line for argument in line.split(" | ")[1].split(", ")}
    return [line for line in section if not foreign & set(line.split(" | ")[1].split(", "))]


#: Public, and not called by users.
MADE_FOR_THEM = {"RecoveryReport", "DemoResult", "InvalidFileError"}


def public():
    """Names of everything public that can be called, as `entries` has them."""
    for module_name in sk_denoise._MODULES:
        module = getattr(sk_denoise, module_name)
        for name in module.__all__:
            member = getattr(module, name)
            if inspect.isclass(member):
                yield from {name} - MADE_FOR_THEM
                yield from (f"{name}.{method}" for method in methods(member) if not issubclass(member, Exception))
            elif callable(member):
                yield name if name in entries() else f"{module_name}.{name}"
    yield from (f"sk-denoise {command}" for command in commands())


def test_nothing_public_is_left_out():
    assert set(public()) == set(entries())


def test_exceptions_are_still_needed():
    """A line of a table that no case falls under has been forgotten there."""
    cases = [(e.name, a, k) for e in entries().values() for a in e.arguments() for k, _ in e.cases(a)]
    for table in (VALID, NOT_RUN, EXEMPT):
        used = {listed([row], *case) for row in table for case in cases} - {None}
        assert not [row for row in table if row[:3] not in used]


ESTIMATORS = [NoiseInjector(), DenoisingAutoencoder(), ImageFilter(), EstimatorDenoiser(PCA(2))]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_before_fit_and_unknown_parameters(estimator):
    name = type(estimator).__name__
    for method in ("transform", "inject", "predict", "encode", "decode", "score"):
        if hasattr(estimator, method):
            with pytest.raises(NotFittedError, match=f"This {name} instance is not fitted yet"):
                getattr(estimator, method)(np.zeros((3, 4)))
    with pytest.raises(ValueError, match=f"Invalid parameter 'nonsense' for estimator {name}.*Valid parameters are"):
        estimator.set_params(nonsense=1)


def test_weights_that_the_last_step_ruined():
    """No loss has seen them, so they are looked at."""
    ruined = DenoisingAutoencoder(
        latent_dim=2,
        epochs=1,
        optimizer="sgd",
        learning_rate=1e38,
        loss=lambda a, b: 1e9 * (a - b) ** 2,
        random_state=0,
    )
    with pytest.raises(ValueError, match=r"weights became NaN or infinite with learning_rate=1e\+38"):
        ruined.fit(np.random.default_rng(0).random((12, 16)))
