"""Docstrings by numpydoc's rules; examples run as doctests by themselves."""

import importlib
import inspect
import pkgutil

import pytest
from numpydoc.validate import validate

import sk_denoise

PUBLIC = []
for info in pkgutil.iter_modules(sk_denoise.__path__):
    if info.name.startswith("_"):
        continue
    module = importlib.import_module(f"sk_denoise.{info.name}")
    for name, item in vars(module).items():
        if (
            name not in getattr(module, "__all__", vars(module))
            or name.startswith("_")
            or getattr(item, "__module__", None) != module.__name__
        ):
            continue
        if inspect.isclass(item) or inspect.isfunction(item):
            PUBLIC.append(f"{module.__name__}.{name}")
        if inspect.isclass(item):
            PUBLIC += [
                f"{module.__name__}.{name}.{m}" for m, f in vars(item).items() if inspect.isfunction(f) and m[0] != "_"
            ]

# Not asked for: an example and a reference in every small thing, a summary on a line of its own.
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
