"""Mutation testing of three modules with mutmut, which makes one change at a time and runs the tests of the module.

``python benchmarks/mutation.py`` prints a table and the mutants that survived, each with the reason given in
``results/mutation_reasons.txt``; ``python benchmarks/mutation.py metrics`` tests one module only. The code is copied to
``build/mutation``. Mutants killed in an earlier run are not tested again until their function changes, so delete that
folder after removing tests. A run from scratch takes half an hour.
"""

import datetime
import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "mutation"
REASONS = ROOT / "benchmarks" / "results" / "mutation_reasons.txt"
# Only the tests of the module, and only those that take up to a second, because they run for each mutant.
TESTS = {
    "noise/_injector": ["noise/test_injector.py", "test_properties.py::TestNoise"],
    "denoisers/_targets": ["denoisers/test_targets.py", "test_properties.py::TestTargetRule"],
    "metrics": ["test_metrics.py", "test_properties.py::TestMetrics"],
}
# Expressions for `pytest -k` of tests to leave out, because they train networks or start Python processes.
LEFT_OUT = {"noise/_injector": "warnings_point", "denoisers/_targets": "warnings_point"}
# The fork server of mutmut collects tests without running any, so processes forked from it can use TensorFlow.
CONFIG = """
[tool.mutmut]
source_paths = ["sk_denoise"]
only_mutate = ["sk_denoise/{module}.py"]
process_isolation = "forkserver"
use_git_change_detection = false
pytest_add_cli_args = ["-p", "no:cacheprovider", "-m", "slow or not slow", "-W", "ignore::DeprecationWarning:mutmut"]
pytest_add_cli_args_test_selection = {tests}
"""
CAUGHT = ("killed", "timeout", "segfault")


def run(module, n_processes):
    """Test the mutants of `module`; return ``{name: status}``, and a function that returns the change of a mutant."""
    folder = WORK / module
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("sk_denoise", "tests"):
        shutil.copytree(ROOT / part, folder / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    tests = [f"tests/{name}" for name in TESTS[module]] + ["-k", f"not ({LEFT_OUT.get(module, 'nothing')})"]
    config = CONFIG.format(module=module, tests=json.dumps(tests))
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + config)
    (folder / "mutants" / "mutmut-stats.json").unlink(
        missing_ok=True
    )  # its map from tests to functions may be outdated
    mutmut = [sys.executable, "-m", "mutmut"]
    test = [*mutmut, "run", "--max-children", str(n_processes)]

    def read():
        command = [*mutmut, "results", "--all", "1"]
        lines = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.splitlines()
        return dict(line.strip().split(": ") for line in lines)

    before = read()
    subprocess.run(test, cwd=folder, check=True, stdout=sys.stderr)
    statuses = read()
    # mutmut tests mutants that survived an earlier run only if they are named.
    again = [name for name, status in statuses.items() if status not in CAUGHT and before.get(name) == status]
    if again:
        subprocess.run([*test, *again], cwd=folder, check=True, stdout=sys.stderr)
        statuses = read()

    def show(name):
        shown = subprocess.run([*mutmut, "show", name], cwd=folder, check=True, capture_output=True, text=True).stdout
        changes = [line for line in shown.splitlines()[3:] if line[:1] in "+-"]
        return " ".join(" ".join(line.split()) for line in changes if not line.startswith(("+++", "---")))

    return statuses, show


def function_of(name):
    """Convert the name of a mutant to ``module.Class.function``."""
    module, _, mangled = name.removeprefix("sk_denoise.").partition(".x")
    return ".".join([module, *filter(None, mangled.rpartition("__mutmut_")[0].removeprefix("_").split("ǁ"))])


def read_reasons():
    """Read the reasons for surviving mutants, by ``function: change``."""
    blocks = REASONS.read_text().split("\n\n") if REASONS.exists() else []
    pairs = [block.strip().split("\n  ", 1) for block in blocks if block.strip() and not block.startswith("#")]
    return {fault: " ".join(reason.split()) for fault, reason in pairs}


def main(modules, n_processes=1):
    """Print the table and the surviving mutants."""
    reasons, rows, survivors = read_reasons(), [], []
    for module in modules:
        statuses, show = run(module, n_processes)
        caught = sum(status in CAUGHT for status in statuses.values())
        rows.append((module, len(statuses), caught))
        for name, status in statuses.items():
            if status not in CAUGHT:
                fault = f"{function_of(name)}: {show(name)}"
                survivors.append(f"{fault}\n  {reasons.get(fault, f'{status}, not explained')}")
    if len(rows) > 1:
        rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    print(f"mutmut {importlib.metadata.version('mutmut')}, {datetime.date.today()}\n")
    print(f"{'module':<20}{'mutants':>8}{'caught':>8}{'survived':>10}{'% caught':>10}")
    for module, total, caught in rows:
        print(f"{module:<20}{total:>8}{caught:>8}{total - caught:>10}{100 * caught / total:>10.1f}")
    print("\nSurvivors\n\n" + "\n\n".join(survivors))


if __name__ == "__main__":
    main(sys.argv[1:] or list(TESTS))
