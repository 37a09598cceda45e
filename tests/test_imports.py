"""Which room may import what. The rules read the import graph; only a few tests start Python.

A rule is a function that takes the graph and returns a complaint for each import that breaks it.
Every rule has a mutant: one line, added to one room, that the rule must find.

The file is long because the rules, their mutants and the graph that they read belong together.
"""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import xor_torch

PACKAGE = Path(xor_torch.__file__).parent
WINGS = [f"xor_torch.{wing}" for wing in ("lit", "sweep", "backprop", "play", "cli")]

# --- the graph -------------------------------------------------------------------------------


class Import(NamedTuple):
    """One import in one room.

    `written` is the module in the source; `target` is the module that is loaded in the end, another
    one if `written` is a face that fetches a name from one of its rooms. `when` is
    "load" (at the import of the room), "call" (in a function) or "types" (for type checkers).
    """

    room: str
    written: str
    target: str
    line: int
    when: str

    def __str__(self) -> str:
        return f"{self.room}, line {self.line}: imports {self.target} ({self.when})"


def read_sources() -> dict[str, str]:
    """Room -> source; a face has the name of its wing."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


parsed = functools.cache(ast.parse)  # a mutant changes one room and leaves the others


def is_ours(name: str) -> bool:
    return name.split(".")[0] == "xor_torch"


def parents(name: str) -> list[str]:
    """The packages that Python loads before `name`, the outermost first."""
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


class Graph:
    """The imports of all rooms, from source text: ``room -> source``."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = sources
        self.trees = {room: parsed(text) for room, text in sources.items()}
        self.faces = {
            room for room in sources if any(other.startswith(f"{room}.") for other in sources)
        }
        self.homes = {face: self._homes(self.trees[face]) for face in self.faces}
        self.own = {face: self._own(self.trees[face]) for face in self.faces}
        self.imports = {room: [*self._imports(room)] for room in sources}

    @staticmethod
    def _homes(tree: ast.Module) -> dict[str, str]:
        """The names that a face fetches when they are first used: name -> room."""
        found = {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES":
                found = ast.literal_eval(node.value)
        return found

    @staticmethod
    def _own(tree: ast.Module) -> set[str]:
        """The names that a face has as soon as it is loaded."""
        return {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def _imports(self, room: str) -> Iterator[Import]:
        for node, when in found_in(self.trees[room]):
            if isinstance(node, ast.Import):
                pairs = [(alias.name, "") for alias in node.names]
            else:
                base = self._base(room, node)
                pairs = [(base, alias.name) for alias in node.names]
            for base, name in pairs:
                written, target = self._target(base, name)
                if target != room:
                    yield Import(room, written, target, node.lineno, when)

    def _base(self, room: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = room if room in self.faces else room.rpartition(".")[0]
        for _ in range(node.level - 1):
            package = package.rpartition(".")[0]
        return f"{package}.{node.module}" if node.module else package

    def _target(self, base: str, name: str) -> tuple[str, str]:
        if f"{base}.{name}" in self.sources and name not in self.own[base]:
            return f"{base}.{name}", f"{base}.{name}"
        home = self.homes.get(base, {}).get(name)
        return base, self._target(f"{base}.{home}", name)[1] if home else base

    def reach(self, room: str, *whens: str, packages: bool = True) -> dict[str, Import | None]:
        """Every module that `room` needs, of others too, and the import that brings it in.

        Python loads the packages of a room before it, with all that their faces load. Without
        `packages`, only the source of the rooms counts.
        """
        found: dict[str, Import | None] = {}
        waiting: list[tuple[str, Import | None]] = [(room, None)]
        while waiting:
            name, cause = waiting.pop()
            if name in found:
                continue
            found[name] = cause
            if packages and is_ours(name):
                waiting += [(parent, cause) for parent in parents(name)]
            for each in self.imports.get(name, []):
                # what a face tells type checkers is not what its rooms need
                if each.when in (("load",) if name in self.faces else whens):
                    waiting += [(each.written, each), (each.target, each)]
        return found

    def rooms(self, *names: str) -> list[str]:
        """The rooms that `names` stand for: a wing stands for all rooms in it."""
        return [r for r in self.sources if any(r == n or r.startswith(f"{n}.") for n in names)]

    def every(self, *names: str) -> list[Import]:
        """Every import of the rooms that `names` stand for."""
        return [each for room in self.rooms(*names) for each in self.imports[room]]


def walk(node: ast.AST, when: str = "load") -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """Every import below `node`, and when it happens."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, when
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from walk(child, "call" if when == "load" else when)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from walk(ast.Module(child.body, []), "types")
            yield from walk(ast.Module(child.orelse, []), when)
        else:
            yield from walk(child, when)


@functools.cache
def found_in(tree: ast.Module) -> list[tuple[ast.Import | ast.ImportFrom, str]]:
    """Every import of a room, and when it happens."""
    return [*walk(tree)]


def uses(
    graph: Graph, rooms: list[str], forbidden: list[str], *whens: str, packages: bool = True
) -> list[str]:
    """A complaint for each of `forbidden` that one of `rooms` needs, and by which import."""
    complaints = []
    for room in rooms:
        reached = graph.reach(room, *whens, packages=packages)
        for name, cause in reached.items():
            if name != room and any(name == f or name.startswith(f"{f}.") for f in forbidden):
                complaints.append(f"{room} needs {name}: {cause}")
    return complaints


# --- the rules -------------------------------------------------------------------------------

EVER = ("load", "call", "types")


def manual_takes_data_alone(graph):
    ours = [each for each in graph.imports["xor_torch.manual"] if is_ours(each.target)]
    return [str(each) for each in ours if each.target != "xor_torch.data"]


def the_networks_do_not_know_each_other(graph):
    return [
        *uses(graph, ["xor_torch.model"], ["xor_torch.manual"], *EVER),
        *uses(graph, ["xor_torch.manual"], ["xor_torch.model"], *EVER),
        *uses(graph, ["xor_torch.manual", "xor_torch.model"], ["lightning"], *EVER),
    ]


TENSORS = "xor_torch.backprop.recording.tensors"


def recording_needs_numpy_alone(graph):
    """Its room for tensors needs torch, and is fetched when a script has imported torch."""
    allowed = {*sys.stdlib_module_names, "numpy"}
    tensors = graph.rooms(TENSORS)
    rest = Graph({room: text for room, text in graph.sources.items() if room not in tensors})
    found = [
        f"{room} needs {name}: {cause}"
        for room in rest.rooms("xor_torch.backprop.recording")
        for name, cause in {
            **rest.reach(room, "load"),
            **rest.reach(room, "load", "call", packages=False),
        }.items()
        if not is_ours(name) and name.split(".")[0] not in allowed
    ]
    fetched = [
        str(each)
        for each in graph.every("xor_torch.backprop")
        if each.target in tensors and each.room not in tensors
        if (each.room, each.when) != ("xor_torch.backprop.recording.script", "call")
    ]
    return found + fetched


def recording_decides_nothing(graph):
    rooms = graph.rooms("xor_torch.backprop.recording")
    return uses(graph, rooms, ["xor_torch.backprop.judging"], *EVER, packages=False)


def judging_runs_no_script(graph):
    rooms = graph.rooms("xor_torch.backprop.judging")
    return uses(graph, rooms, ["xor_torch.backprop.recording"], *EVER, packages=False)


def the_checker_takes_nothing_but_threads(graph):
    return [
        str(each)
        for each in graph.every("xor_torch.backprop")
        if is_ours(each.target)
        and each.target != "xor_torch.threads"
        and not each.target.startswith("xor_torch.backprop")
    ]


# What other wings may take from a wing beside the names of its face, as the face's docstring says:
# rooms that need less than the face's names, torch or Lightning.
OPEN_ROOMS = {
    "xor_torch.lit.runs",
    "xor_torch.lit.checkpoint",
    "xor_torch.lit.console",
    "xor_torch.backprop.saying",  # a face of its own: how verdicts are laid out
    "xor_torch.sweep.plots",  # it needs matplotlib, which is an extra
}


def other_wings_use_the_face(graph):
    return [
        str(each)
        for wing in WINGS
        for each in graph.every(*graph.sources)
        if each.written.startswith(f"{wing}.")
        and each.written not in OPEN_ROOMS
        and not (each.room == wing or each.room.startswith(f"{wing}."))
    ]


def nobody_takes_from_the_command_line(graph):
    return [
        str(each)
        for each in graph.every(*graph.sources)
        if each.target.startswith("xor_torch.cli")
        and not each.room.startswith("xor_torch.cli")
        and each.room != "xor_torch.__main__"
    ]


def the_wings_stand_in_order(graph):
    """`lit` and `sweep` train networks; they import neither the derivation nor each other."""
    return [
        *uses(graph, graph.rooms("xor_torch.lit"), ["xor_torch.sweep"], *EVER),
        *uses(
            graph,
            ["xor_torch.lit.module", "xor_torch.lit.views", "xor_torch.lit.console"],
            ["xor_torch.manual"],
            "load",
        ),
    ]


def no_circle(graph):
    """There is no circle at load, in functions or for type checkers.

    A package is loaded before its rooms, so a room may take what its package's face defines
    itself, as `__version__`: the face does not wait for the room.
    """
    arrows: dict[str, set[str]] = {}
    for room, imports in graph.imports.items():
        own = {parent for parent in parents(room) if parent == "xor_torch"}
        arrows[room] = {
            each.target
            for each in imports
            if each.target in graph.sources and each.target not in own
        }
    return [" -> ".join(circle) for circle in circles(arrows)]


def circles(arrows: dict[str, set[str]]) -> Iterator[list[str]]:
    """One circle for each room that can be reached from itself."""
    for start in arrows:
        way = {start: [start]}
        waiting = [start]
        while waiting:
            room = waiting.pop(0)
            if start in arrows.get(room, ()):
                yield [*way[room], start]
                break
            for other in sorted(arrows.get(room, ())):
                if other not in way:
                    way[other] = [*way[room], other]
                    waiting.append(other)


class Free(NamedTuple):
    """These rooms, and wings with all their rooms, can be imported if `of` is not installed."""

    of: list[str]
    rooms: list[str]
    except_for: tuple[str, ...] = ()


HEAVY = ["torch", "lightning", "tensorboard", "matplotlib", "onnx", "onnxruntime"]
FREE = {
    "not even NumPy": Free(  # so that --help and a refused call answer at once
        [*HEAVY, "numpy", "rich", "tqdm", "filelock"],
        ["xor_torch.cli", "xor_torch.__main__", "xor_torch.ranges"],
    ),
    "NumPy is enough": Free(
        [*HEAVY, "yaml", "jsonargparse", "tqdm"],
        [
            "xor_torch",
            "xor_torch.data",
            "xor_torch.manual",
            "xor_torch.outcome",
            "xor_torch.backprop",
            "xor_torch.backprop.tape",
            "xor_torch.backprop.recording",
        ],
        (TENSORS, f"{TENSORS}.mode", f"{TENSORS}.custom", f"{TENSORS}.functions"),
    ),
    "no torch": Free(
        HEAVY,
        [
            "xor_torch.cli",
            "xor_torch.__main__",
            "xor_torch.files",
            "xor_torch.memory",
            "xor_torch.export",
            "xor_torch.lit",
            "xor_torch.lit.runs",
            "xor_torch.lit.schedule",
            "xor_torch.signals",
            "xor_torch.faces",
            "xor_torch.sweep",
            "xor_torch.play",
        ],
        ("xor_torch.sweep.plots", "xor_torch.sweep.work"),  # the pictures; what a worker does
    ),
    "no Lightning": Free(
        [name for name in HEAVY if name != "torch"],
        [
            "xor_torch.model",
            "xor_torch.parity",
            "xor_torch.batch",
            "xor_torch.explain",
            "xor_torch.threads",
            "xor_torch.lit.checkpoint",
            "xor_torch.backprop",
        ],
    ),
}
# a wing's name in FREE stands for all its rooms, the names of these for their face alone
FACE_ALONE = ["xor_torch", "xor_torch.lit"]


def free_rooms(graph, free):
    wings = [name for name in free.rooms if name not in FACE_ALONE]
    if free is FREE["NumPy is enough"]:
        wings.remove("xor_torch.backprop")
    named = [name for name in free.rooms if name not in wings]
    return [r for r in [*named, *graph.rooms(*wings)] if r not in free.except_for]


def what_is_heavy_waits(graph):
    return [
        complaint
        for free in FREE.values()
        for complaint in uses(graph, free_rooms(graph, free), free.of, "load")
    ]


def stubs_tell_type_checkers_what_faces_fetch(graph):
    complaints = []
    for face, homes in graph.homes.items():
        stub = PACKAGE.parent.joinpath(*face.split("."), "__init__.pyi")
        if not homes and not stub.exists():
            continue
        told = {
            alias.asname: node.module
            for node, _ in walk(ast.parse(stub.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        if told != homes:
            complaints.append(f"{face}: _HOMES has {homes}, the stub has {told}")
    return complaints


RULES = [
    manual_takes_data_alone, the_networks_do_not_know_each_other, recording_needs_numpy_alone,
    recording_decides_nothing, judging_runs_no_script, the_checker_takes_nothing_but_threads,
    other_wings_use_the_face, nobody_takes_from_the_command_line, the_wings_stand_in_order,
    no_circle, what_is_heavy_waits, stubs_tell_type_checkers_what_faces_fetch,
]  # fmt: skip


@functools.cache
def the_graph():
    """That of the package; made when the first test asks, for every worker collects all tests."""
    return Graph(read_sources())


@functools.cache
def complaints_of(rule):
    return rule(the_graph())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule):
    complaints = complaints_of(rule)
    assert not complaints, "\n" + "\n".join(complaints)


IN_A_FUNCTION = "def f():\n    "
FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
MUTANTS = [
    (manual_takes_data_alone, "manual", "from . import files"),
    (manual_takes_data_alone, "manual", f"{IN_A_FUNCTION}from .parity import compare"),
    (the_networks_do_not_know_each_other, "model", "from . import manual"),
    (the_networks_do_not_know_each_other, "model", "import xor_torch.manual as m"),
    (the_networks_do_not_know_each_other, "data", "import lightning.pytorch as L"),
    (the_networks_do_not_know_each_other, "model", f"{IN_A_FUNCTION}from xor_torch import fit"),
    (recording_needs_numpy_alone, "backprop.recording.source", f"{IN_A_FUNCTION}import torch.nn"),
    (recording_needs_numpy_alone, "backprop.tape", "import scipy"),
    (recording_needs_numpy_alone, "backprop.recording.array", "from .tensors import Tensors"),
    (recording_decides_nothing, "backprop.recording.source", "from ..judging import mistakes"),
    (judging_runs_no_script, "backprop.judging.mistakes", "from ..recording import source"),
    (judging_runs_no_script, "backprop.tape", f"{FOR_TYPES}from .recording import source"),
    (the_checker_takes_nothing_but_threads, "backprop.check", "from .. import files"),
    (the_checker_takes_nothing_but_threads, "backprop.judging", "from xor_torch import XOR"),
    (other_wings_use_the_face, "explain", "from .sweep.blocks import Blocks"),
    (other_wings_use_the_face, "cli.train", f"{IN_A_FUNCTION}from ..backprop import tape"),
    (nobody_takes_from_the_command_line, "lit.console", "from ..cli import main"),
    (the_wings_stand_in_order, "lit.views", "from .. import manual"),
    (the_wings_stand_in_order, "lit.runs", f"{FOR_TYPES}from ..sweep import Result"),
    (no_circle, "files", "from . import lit, export"),
    (no_circle, "lit.runs", f"{FOR_TYPES}from .training import fit"),
    (no_circle, "lit.runs", f"{IN_A_FUNCTION}from . import fit"),
    (what_is_heavy_waits, "cli.train", "try:\n    import torch\nexcept ImportError:\n    pass"),
    (what_is_heavy_waits, "ranges", "import numpy"),
    (what_is_heavy_waits, "files", "class C:\n    import lightning"),
    (what_is_heavy_waits, "threads", "from .lit import fit"),
    (what_is_heavy_waits, "sweep", "import torch"),
    (what_is_heavy_waits, "lit.checkpoint", "from lightning.pytorch import Trainer"),
    (stubs_tell_type_checkers_what_faces_fetch, "lit", "_HOMES = {'fit': 'training'}"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "room", "line"), MUTANTS, ids=[f"{r.__name__}-{n}" for r, n, _ in MUTANTS]
)
def test_a_planted_import_is_found(rule, room, line):
    name = f"xor_torch.{room}"
    before = complaints_of(rule)
    sources = the_graph().sources
    found = rule(Graph({**sources, name: f"{sources[name]}\n{line}\n"}))
    assert any(name in complaint for complaint in found if complaint not in before), found


def test_every_rule_has_a_mutant():
    assert {rule for rule, _, _ in MUTANTS} == {*RULES}


LONG = 400  # lines; a longer file says why it is one


def test_a_long_room_says_why_it_is_one():
    reasons = {
        room: " ".join((ast.get_docstring(parsed(text)) or "").split())
        for room, text in the_graph().sources.items()
        if len(text.splitlines()) > LONG
    }
    assert reasons
    assert [room for room, why in reasons.items() if "The file is long because" not in why] == []


# --- what only a real start can answer: what the packages of others bring along ---------------

BLOCK = """
import importlib, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in {names}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
"""


def run_without(names, code):
    code = BLOCK.format(names=names) + code
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("what", FREE)
def test_imports_without(what):
    rooms = free_rooms(the_graph(), FREE[what])
    code = f"for room in {rooms}: importlib.import_module(room)\n"
    if what == "no Lightning":  # comparing needs none either
        code += "from xor_torch.cli import main; sys.exit(main(['compare', '--epochs', '2']))\n"
    run_without(FREE[what].of, code)


def test_training_does_not_import_matplotlib():
    # not by blocking it: torchmetrics, which Lightning imports, takes it if it is installed
    graph = the_graph()
    rooms = ["xor_torch.model", "xor_torch.data", *graph.rooms("xor_torch.lit")]
    needed = {room for room in rooms if uses(graph, [room], ["matplotlib"], "load")}
    assert needed <= {"xor_torch.lit.pictures"}


def test_every_public_name_is_there():
    for name in xor_torch.__all__:
        assert getattr(xor_torch, name) is not None
    assert set(xor_torch.__all__) <= set(dir(xor_torch))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = xor_torch.nothing
