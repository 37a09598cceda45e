"""One step under one loss: which derivative each value is, and what the layers are.

Every value of the step is compared, at several sets of parameters, with the derivative of the loss
with respect to every value of the forward pass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch.nn.functional import leaky_relu

from .. import replay
from ..operations import JOINS, PARTS, PRODUCTS, SAME_NUMBERS
from ..tape import squeezed
from .case import Case
from .losses import Loss
from .points import FARTHER, FLOOR, NEAR, NEAR_ZERO, RTOL, Place, Point

Tensor = torch.Tensor

PROBES = 6
ENOUGH = 3  # of them, to say where it goes wrong


@dataclass
class Layer:
    """A linear map of the forward pass, and what follows it."""

    number: int
    z: int  # its value, bias included
    a: int  # after the activation: what the next layer reads, or the prediction
    x: int  # what it reads
    weights: list[int]  # numbers of parameters
    biases: list[int]
    activation: str = "another function"


class LossStep:
    """One step under one loss, with the derivative with respect to every forward value."""

    def __init__(self, case: Case, loss: Loss, k: int) -> None:
        self.case, self.loss, self.k = case, loss, k
        self.tape, self.step = case.tape, case.steps[k]
        self.inside = set(self.step.nodes)
        self.begin = {self.step.start[i]: n for n, i in enumerate(case.parameters)}
        self.ends = {self.step.end[i]: n for n, i in enumerate(case.parameters)}
        self.points, self.enough = self._probes()
        self.terms = loss.terms[k]
        self.predictions = [t.prediction for t in self.terms if t.prediction is not None]
        self.forward = self._forward()
        self.derivatives = self._derivatives()
        self.depends_on_target = self._depends_on_target()
        self.layers = find_layers(self)
        # or is each neuron one, which has no layer before it?
        self.in_a_row = all(
            before.z in self.tape.behind([after.x], self.inside)
            for before, after in pairwise(self.layers)
        )
        self._labels: dict[int, dict[int, float]] = {}
        # shape -> (ids, all derivatives of that shape): compared at once, as there may be thousands
        self._by_shape: dict[tuple[int, ...], tuple[list[int], Tensor]] = {}
        shapes = {v: squeezed(d[0].shape) for v, d in self.derivatives.items()}
        for shape in set(shapes.values()):
            ids = [v for v in shapes if shapes[v] == shape]
            self._by_shape[shape] = ids, torch.stack([_flat(self.derivatives[v]) for v in ids])

    def _probes(self) -> tuple[list[Point], bool]:
        """The step at parameters that were moved; with saturated units some are of no use.

        Returns:
            The points, and whether they are enough to say where it goes wrong.

        """
        case, found = self.case, list[Point | None]()
        for seed in range(5000 + 7 * self.k, 5000 + 7 * self.k + PROBES):
            # anywhere, or, should the script then take another branch, near where it is
            far = [Place(self.k, seed, FARTHER, False), Place(self.k, seed, NEAR)]
            found.append(case.first_of(far))
            if case.is_rounded:
                found.append(case.point(Place(self.k, seed, NEAR_ZERO, False)))
        points = [p for p in found if p is not None]
        sure = [p for p in points if all(case.certain(p))] if case.is_rounded else points
        return (sure, True) if len(sure) >= ENOUGH else (points, False)

    def _forward(self) -> list[int]:
        """What the prediction is computed from, in order, the prediction last."""
        top = self.predictions or [t.source for t in self.terms]
        order, depends = replay.needed(self.tape, top, dict.fromkeys(self.step.start.values()))
        states = set(self.step.start.values()) - set(self.begin)
        return [n for n in order if depends[n] and n not in states]

    def _derivatives(self) -> dict[int, list[Tensor]]:
        result: dict[int, list[Tensor]] = {n: [] for n in self.forward}
        for point in self.points:
            wanted = [
                n for n in self.forward if n in point.values and point.values[n].requires_grad
            ]
            grads = self.loss.derivatives(point, wanted)
            for n, g in zip(wanted, grads, strict=True):
                result[n].append(torch.zeros_like(point.values[n]) if g is None else g)
        return {
            n: g
            for n, g in result.items()
            if len(g) == len(self.points) and any(bool(x.abs().max() > 0) for x in g if x.numel())
        }

    def _depends_on_target(self) -> set[int]:
        """What depends on the target as well as on the parameters."""
        forward = set(self.forward)
        depends_on_target = {t.source for t in self.terms}
        numbers = {(t.prediction, t.target) for t in self.terms if isinstance(t.target, float)}
        from_target: set[int] = set()
        for target in {t.target for t in self.terms if isinstance(t.target, int)}:
            from_target |= {target} | self._sources_of(target)
        for node in self.tape.nodes[min(from_target, default=0) : max(self.inside) + 1]:
            if node.id not in self.inside and not from_target.isdisjoint(node.inputs):
                from_target.add(node.id)
        for n in self.step.nodes:
            node = self.tape.nodes[n]
            of_number = node.op == "subtract" and any(
                p in node.inputs and t in node.args for p, t in numbers
            )
            comes_in = of_number or any(
                i in depends_on_target or i in from_target for i in node.inputs
            )
            if comes_in and n not in forward and n not in self.ends:
                depends_on_target.add(n)
        return depends_on_target

    def _sources_of(self, target: int) -> set[int]:
        """Values that hold the same numbers: the array that a target row was taken from, ..."""
        nodes = self.tape.nodes
        root, mine = self.tape.origin(target, PARTS), nodes[target].value
        if nodes[root].value is None or mine is None:
            return set()
        return {
            n.id
            for n in nodes[root : max(self.inside)]
            if n.id not in self.inside
            and n.value is not None
            and n.shape == mine.shape
            and n.op in PARTS
            and n.inputs
            and (n.value == mine).all()
            and self.tape.origin(n.id, PARTS) == root
        }

    # -- which derivative a value is

    def values(self, n: int) -> list[Tensor] | None:
        found = [p.values.get(n) for p in self.points]
        known = [v.detach().double() for v in found if v is not None]
        return known if len(known) == len(found) else None

    def labels(self, n: int) -> dict[int, float]:
        """{v: c} for all v of the forward pass with value = c * dL/dv."""
        if n not in self._labels:
            mine = self.values(n) if self.tape.nodes[n].dtype == "f" else None
            self._labels[n] = {} if mine is None else self.matches(mine)
        return self._labels[n]

    def matches(self, mine: list[Tensor]) -> dict[int, float]:
        """{v: c} for all v of the forward pass with mine = c * dL/dv at every point."""
        found: dict[int, float] = {}
        for turned in _turned(mine):
            ids, theirs = self._by_shape.get(squeezed(turned[0].shape), ([], None))
            if theirs is not None:
                constants = _constants(_flat(turned), theirs)
                found = {ids[at]: c for at, c in constants.items()} | found
        return dict(sorted(found.items()))

    def layer_of(self, parameter: int) -> Layer | None:
        """The first that it is a weight or bias of."""
        return next((la for la in self.layers if parameter in la.weights + la.biases), None)

    def from_earlier(self, n: int) -> bool:
        """Was it computed from parameters of an earlier step?"""
        states = {m for s in self.case.network.states for m in s.nodes}
        older = set(range(n)) - self.begin.keys()
        return bool(self.tape.behind(self.tape.nodes[n].inputs, older) & states)

    def origin(self, n: int) -> int:
        """The value that this one is a copy, a transpose, a reshape of; a parameter is its own."""
        nodes = self.tape.nodes
        while n not in self.begin and nodes[n].op in SAME_NUMBERS and nodes[n].inputs:
            n = nodes[n].inputs[0]
        return n


def ratio(mine: list[Tensor], theirs: list[Tensor]) -> float | None:
    """The one constant c with mine = c * theirs at every point; theirs may be transposed."""
    for turned in _turned(mine):
        if all(squeezed(a.shape) == squeezed(b.shape) for a, b in zip(turned, theirs, strict=True)):
            found = _constants(_flat(turned), _flat(theirs)[None])
            if found:
                return found[0]
    return None


def _turned(values: list[Tensor]) -> list[list[Tensor]]:
    """The same numbers, and those of a table transposed."""
    tables = [x.reshape(squeezed(x.shape)) for x in values]
    return [values, [x.mT for x in tables]] if all(x.ndim == 2 for x in tables) else [values]


def _flat(values: list[Tensor]) -> Tensor:
    """One row of numbers for each point."""
    return torch.stack([x.reshape(-1).double() for x in values])


def _constants(mine: Tensor, theirs: Tensor) -> dict[int, float]:
    """{v: c} with mine = c * theirs[v].

    Args:
        mine: (points, elements).
        theirs: (candidates, points, elements).

    """
    rows, row = theirs.flatten(1), mine.flatten()
    below, above = rows.square().sum(1), rows @ row
    # what is not even parallel (Cauchy and Schwarz) need not be compared element by element
    parallel = above.square() >= (1 - 1e-6) * below * (row @ row)
    found = {}
    for v in (parallel & (above != 0) & (below > 0)).nonzero()[:, 0].tolist():
        c = float(above[v] / below[v])
        sizes = theirs[v].abs().amax(1)
        off = (mine - c * theirs[v]).abs().amax(1)
        if bool((off <= abs(c) * (RTOL * sizes + FLOOR * sizes.max())).all()):
            found[v] = c
    return found


# ---------------------------------------------------------------------------- the layers


def find_layers(step: LossStep) -> list[Layer]:
    """The linear maps of the forward pass and their activations, found by execution."""
    nodes, forward = step.tape.nodes, set(step.forward)
    users: dict[int, list[int]] = {}
    for n in step.forward:
        for i in nodes[n].inputs:
            users.setdefault(i, []).append(n)
    products: dict[int, list[int]] = {}  # product -> parameters in it
    adds: dict[int, list[int]] = {}  # sum -> parameters in it
    for begin, number in step.begin.items():
        stack = [begin]
        while stack:
            for user in users.get(stack.pop(), ()):
                node = nodes[user]
                if node.op in PARTS:
                    stack.append(user)
                elif node.op in PRODUCTS | {"multiply"}:
                    products.setdefault(user, []).append(number)
                elif node.op in ("add", "subtract"):
                    adds.setdefault(user, []).append(number)

    def goes_on(z: int, user: int) -> bool:
        """Is it a part of the same linear map: a sum of its terms, a bias that is added?"""
        op, others = nodes[user].op, [i for i in nodes[user].inputs if i != z]
        terms = [i in products or nodes[i].op in ("add", "sum", "multiply") for i in others]
        added = user in adds or forward.isdisjoint(others) or (op == "add" and any(terms))
        return op == "sum" or (op in ("add", "subtract") and added)

    layers: list[Layer] = []
    for product, weights in sorted(products.items()):
        z, biases = product, list[int]()
        while following := [user for user in users.get(z, ()) if goes_on(z, user)]:
            z = following[0]
            biases += adds.get(z, [])
        x = next((i for i in nodes[product].inputs if step.origin(i) not in step.begin), product)
        if layers and layers[-1].z == z:
            layers[-1].weights += [w for w in weights if w not in layers[-1].weights]
        else:
            layers.append(Layer(len(layers) + 1, z, z, x, list(weights), biases))
    for layer, after in zip(layers, [*layers, None][1:], strict=True):
        if after is not None:
            layer.a = _activation_node(step, after.x, layer.z)
        elif step.predictions:
            layer.a = step.forward[-1]
        layer.activation = _activation(step, layer)
    return layers


def _activation_node(step: LossStep, x: int, z: int) -> int:
    """What the next layer reads, before a transpose or a column of ones is put to it."""
    nodes = step.tape.nodes
    while nodes[x].op in PARTS | JOINS:
        inside = [i for i in nodes[x].inputs if (i in step.inside and i > z) or i == z]
        if not inside:
            break
        x = inside[0]
    return x


Function = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, tuple[Function, Function, Function]] = {
    # the function, its derivative in terms of z, the same in terms of a
    "sigmoid": (
        torch.sigmoid,
        lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z)),
        lambda a: a * (1 - a),
    ),
    "tanh": (torch.tanh, lambda z: 1 - torch.tanh(z) ** 2, lambda a: 1 - a**2),
    "relu": (torch.relu, lambda z: (z > 0).double(), lambda a: (a > 0).double()),
    "linear": (lambda z: z, torch.ones_like, torch.ones_like),
}


def _activation(step: LossStep, layer: Layer) -> str:
    z, a = step.values(layer.z), step.values(layer.a)
    if z is None or a is None or any(x.shape != y.shape for x, y in zip(z, a, strict=True)):
        return "another function"
    candidates: list[tuple[str, Function]] = [
        *((name, f) for name, (f, _, _) in ACTIVATIONS.items()),
        *(("softmax", partial(torch.softmax, dim=axis)) for axis in (-1, 0)),
        *(
            (f"leaky relu ({slope:g})", partial(leaky_relu, negative_slope=slope))
            for slope in (0.01, 0.1, 0.2, 0.001)
        ),
    ]
    for name, f in candidates:
        if all(torch.allclose(f(x), y, rtol=1e-9, atol=1e-12) for x, y in zip(z, a, strict=True)):
            return name
    return "another function"
