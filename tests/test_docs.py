"""Docstrings follow the numpydoc rules; pytest runs their examples as doctests."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from numpydoc.validate import validate

import sk_denoise


def _is_public(item, name, module):
    """Whether `item` is defined in `module`, or in a private module and listed in ``__all__`` of `module`."""
    home = getattr(item, "__module__", None) or ""
    private = home.startswith(("sk_denoise._", f"{module.__name__}._")) and name in getattr(module, "__all__", ())
    return name in getattr(module, "__all__", vars(module)) and (home == module.__name__ or private)


PUBLIC, seen = [], set()
for info in pkgutil.walk_packages(sk_denoise.__path__, "sk_denoise."):
    # In `networks`, only the builders are documented.
    if "._" in info.name or (".networks." in info.name and not info.name.endswith(".architectures")):
        continue
    module = importlib.import_module(info.name)
    for name, item in vars(module).items():
        if name.startswith("_") or not (inspect.isclass(item) or inspect.isfunction(item)):
            continue
        if not _is_public(item, name, module) or item in seen:
            continue
        seen.add(item)
        PUBLIC.append(f"{module.__name__}.{name}")
        if inspect.isclass(item):
            for m in dir(item):  # defined in this package, including inherited methods
                method = getattr(item, m, None)
                if (
                    m[0] != "_"
                    and callable(method)
                    and (getattr(method, "__module__", None) or "").startswith("sk_denoise")
                ):
                    PUBLIC.append(f"{module.__name__}.{name}.{m}")

# Not required: examples and references in small functions, and a summary on its own line.
IGNORED = {
    "ES01",
    "EX01",
    "SA01",
    "SA04",
    "GL01",
    "GL08",
    "SS06",
    "RT02",
    "RT03",
    "RT05",
    "PR01",
    "PR02",
    "PR09",
    "SS05",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_numpydoc(name):
    errors = [(code, text) for code, text in validate(name)["errors"] if code not in IGNORED]
    assert not errors


def test_names_from_private_modules_are_looked_at_once():
    assert PUBLIC.count("sk_denoise.displays.DenoisingDisplay") == 1
    assert "sk_denoise.displays.DenoisingDisplay.from_estimator" in PUBLIC
    assert len(PUBLIC) == len(set(PUBLIC))


def test_every_promise_names_tests_that_exist():
    tests = Path(__file__).parent
    page = (tests.parent / "docs" / "understand" / "promises.rst").read_text()
    names = set(re.findall(r"``(test_\w+|Test\w+|test_\w+\.py)``", page))
    assert len(names) > 20
    code = "".join(path.read_text() for path in tests.rglob("test_*.py"))
    for name in names:
        found = any(tests.rglob(name)) if name.endswith(".py") else re.search(rf"(def|class) {name}\b", code)
        assert found, name
