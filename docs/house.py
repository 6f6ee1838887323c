"""Draw a diagram of the subpackages ("rooms") and their imports: ``python docs/house.py [house.svg]``.

`tests/test_house.py` checks that each room imports only from rooms on lower floors.
"""

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "sk_denoise"
#: Rooms of each floor, from the bottom up.
FLOORS = (
    ("_core",),
    ("metrics", "datasets"),
    ("networks", "noise"),
    ("denoisers",),
    ("displays", "files"),
    ("evaluation",),
    ("demo", "folders"),
    ("cli",),
)


def imports():
    """For each module of the package, the set of modules and libraries that it imports, also inside functions."""
    paths = {".".join(p.relative_to(PACKAGE).with_suffix("").parts): p for p in PACKAGE.rglob("*.py")}
    found = {}
    for name, path in paths.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level:
                base = [*name.split(".")[: -node.level], *(node.module.split(".") if node.module else ())]
                for alias in node.names:
                    deep, flat = ".".join([*base, alias.name]), ".".join(base)
                    known = [m for m in (deep, f"{deep}.__init__", flat, f"{flat}.__init__") if m in paths]
                    found[name] |= set(known[:1])
            elif isinstance(node, ast.ImportFrom):
                found[name].add(node.module)
    return found


def room(module):
    """Return the room of a module."""
    return module.split(".")[0]


def draw(path):
    """Draw the rooms with their lines of code; arrows are imports, without those implied by other arrows."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "sk_denoise"  # makes the file reproducible
    edges = {(room(a), room(b)) for a, found in imports().items() for b in found if room(a) != room(b)}
    edges = {(a, b) for a, b in edges if not any((a, via) in edges and (via, b) in edges for _, via in edges)}
    axes = Figure(figsize=(7, 7.5), layout="constrained").subplots()
    places = {}
    for height, rooms in enumerate(FLOORS):
        for number, name in enumerate(rooms):
            places[name] = (2 * number - len(rooms) + 1) * 0.8, height
            files = [PACKAGE / f"{name}.py"] if (PACKAGE / f"{name}.py").exists() else (PACKAGE / name).glob("*.py")
            lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
            box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "#0072B2"}
            axes.text(*places[name], f"{name}  ({lines:,} lines)", ha="center", va="center", bbox=box, zorder=3)
    for above, below in sorted(edges):
        if above in places and below in places:
            bend = 0.25 * (places[above][1] - places[below][1] - 1)
            style = {"arrowstyle": "->", "color": "0.6", "shrinkA": 14, "shrinkB": 16}
            style["connectionstyle"] = f"arc3,rad={min(0.6, bend / 3)}"
            axes.annotate("", places[below], places[above], arrowprops=style, zorder=1)
    axes.set(xlim=(-2.6, 2.6), ylim=(-0.6, len(FLOORS) - 0.4))
    axes.axis("off")
    axes.figure.savefig(path, metadata={"Date": None} if str(path).endswith("svg") else None)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "house.svg")
