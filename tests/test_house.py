"""The package layout: imports point one way, and only `networks` and the MNIST download use Keras."""

import importlib.util
from graphlib import TopologicalSorter
from pathlib import Path

spec = importlib.util.spec_from_file_location("house", Path(__file__).parents[1] / "docs" / "house.py")
house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(house)

IMPORTS = house.imports()
FLOOR = {room: height for height, rooms in enumerate(house.FLOORS) for room in rooms}


def test_every_module_is_in_a_room():
    rooms = {house.room(module) for module in IMPORTS} - {"__init__", "__main__"}
    assert rooms == set(FLOOR)


def test_rooms_import_from_the_rooms_below_only():
    for module, found in IMPORTS.items():
        above = house.room(module)
        for other in found & IMPORTS.keys():
            below = house.room(other)
            if above in FLOOR and below in FLOOR and above != below:
                assert FLOOR[above] > FLOOR[below], f"{module} imports {other}"


def test_no_module_imports_itself_by_way_of_others():
    graph = {module: found & IMPORTS.keys() - {"__init__"} for module, found in IMPORTS.items()}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(IMPORTS) - 1


def test_only_networks_know_keras():
    heavy = {"keras", "tensorflow", "scikeras"}
    knowing = {m for m, found in IMPORTS.items() if heavy & {name.split(".")[0] for name in found}}
    assert {house.room(module) for module in knowing} == {"networks", "datasets"}
    assert knowing - {"datasets.__init__"} == {module for module in knowing if module.startswith("networks.")}
