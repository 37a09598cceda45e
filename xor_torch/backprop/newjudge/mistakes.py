"""The names of mistakes."""

from dataclasses import dataclass
from typing import Literal

from ..tape import PARTS
from .fit import Fit
from .points import Bench
from .repair import Culprit, Repair

MistakeName = Literal[
    "updated too early",
    "derivative taken twice",
    "bias summed over the wrong axis",
    "bias not summed",
    "derivative of the wrong quantity",
    "raw error in the hidden delta",
    "scale of one parameter",
    "missing output derivative",
    "missing hidden derivative",
    "bias never updated",
    "hard-coded sample",
    "wrong sign",
    "dot for element-wise product",
    "wrong transpose",
    "weights of the wrong layer",
    "stale activation",
    "detached regularisation",
]
PRODUCTS = {"dot", "matmul", "inner", "outer", "tensordot", "einsum", "vdot"}
SUMS = {"sum", "mean", "average", "add.reduce"}


@dataclass
class Diagnosis:
    """Where a backward pass goes wrong."""

    line: int
    variable: str
    mistake: str | None
    sure: bool  # do the numbers agree with the mistake of that name?
    spoils: list[str]
    shape: tuple[int, ...] = ()
    node: int | None = None  # of the tape
    # of its worst element; None if not determined
    of: str = ""
    index: tuple[int, ...] = ()
    actual: float | None = None
    expected: float | None = None

    @property
    def ratio(self) -> float | None:
        if self.actual is None or not self.expected:
            return None
        return self.actual / self.expected


def name_of(
    bench: Bench, one: Fit, repair: Repair, culprit: Culprit, scaled: bool
) -> Diagnosis:
    """The diagnosis of a culprit."""
    nodes = bench.tape.nodes
    n = culprit.nodes[0]
    mistake = _scale(one) if scaled else _name(bench, repair, culprit)
    spoils = [bench.names[i] for i in repair.bad]
    return Diagnosis(
        nodes[n].line, variable(bench, repair, n), mistake, True, spoils, nodes[n].shape, n
    )


def variable(bench: Bench, repair: Repair, n: int) -> str:
    """What the statement assigns that computes this value."""
    nodes, seen = bench.tape.nodes, {n}
    if nodes[n].name:
        return nodes[n].name
    for m in [m for m in repair.view.step.nodes if m > n]:
        if seen & {*nodes[m].inputs}:
            seen.add(m)
            if nodes[m].name:
                return nodes[m].name
    return ""


def _scale(one: Fit) -> str:
    off = [p.factor for p, ok in zip(one.parts, one.good, strict=True) if not ok]
    return "wrong sign" if off and off[0] * one.scale < 0 else "scale of one parameter"


def _name(bench: Bench, repair: Repair, culprit: Culprit) -> str | None:
    """From what the value is computed of, and what it should be."""
    nodes, view = bench.tape.nodes, repair.view
    n, v = culprit.nodes[0], culprit.values[0]
    node = nodes[n]
    origins = [bench.tape.origin(i, PARTS) for i in node.inputs]
    if any(o in view.ends for o in origins):
        return "updated too early"
    right = {v for i in node.inputs for v, _ in repair.matches(i)}
    if v in view.begin:  # the gradient of a parameter
        if node.op in SUMS:
            return "bias summed over the wrong axis"
        if node.op in PRODUCTS and right:
            others = [o for o in origins if o not in view.inside]
            return "hard-coded sample" if others else "wrong transpose"
        return None
    if any(o in view.begin for o in origins) and node.op in PRODUCTS:
        uses = {m for o in origins if o in view.begin for m in view.users.get(o, ())}
        if right & uses or any(
            bench.tape.nodes[r].op == "add" and uses & {*nodes[r].inputs} for r in right
        ):
            return "wrong transpose"
        return "raw error in the hidden delta" if right else None
    return "derivative of the wrong quantity" if right else None
