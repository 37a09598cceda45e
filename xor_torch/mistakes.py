"""Find the first wrong line of a backward pass, and name the mistake.

Known are the loss and which parameters do not follow its gradient. Every value of one step is
compared, at several sets of parameters, with the derivative of the loss with respect to every
value of the forward pass. A value that is such a derivative, but for a constant factor, is good.
From a wrong update one walks back along what depends on the target until everything is good: the
first value on that way is where it goes wrong.

The mistake gets a name only if it explains the numbers: the wrong value is computed as the
mistake would, and must agree in every element.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import torch
from torch.nn.functional import leaky_relu

from . import replay
from .losses import FLOOR, RTOL, Case, Fit, Loss, Point
from .tape import PARTS, SAME_NUMBERS, squeezed

Tensor = torch.Tensor

# The catalogue; docs/mistakes.md has an example of each.
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
PROBES = 6


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


@dataclass
class Diagnosis:
    """Where a backward pass goes wrong."""

    line: int
    variable: str
    mistake: MistakeName | None
    sure: bool  # do the numbers agree with the mistake of that name?
    spoils: list[str]
    shape: tuple[int, ...] = ()
    node: int | None = None  # of the tape
    derivative: tuple[int, float] | None = None  # (v, c): the node should be c * dL/dv
    step: "LossStep | None" = field(default=None, repr=False)  # where it was found
    # of its worst element, or of that of a spoilt parameter's step; None if not determined
    of: str = ""
    index: tuple[int, ...] = ()
    actual: float | None = None
    expected: float | None = None

    @property
    def ratio(self) -> float | None:
        if self.actual is None or not self.expected:
            return None
        return self.actual / self.expected


class LossStep:
    """One step under one loss, with the derivative with respect to every forward value."""

    def __init__(self, case: Case, loss: Loss, k: int) -> None:
        self.case, self.loss, self.k = case, loss, k
        self.tape, self.step = case.tape, case.steps[k]
        self.inside = set(self.step.nodes)
        self.begin = {self.step.start[i]: n for n, i in enumerate(case.parameters)}
        self.ends = {self.step.end[i]: n for n, i in enumerate(case.parameters)}
        # anywhere, or, should the script then take another branch, near where it is
        points = [
            case.point(k, seed, 1.2) or case.point(k, seed, 0.03)
            for seed in range(5000 + 7 * k, 5000 + 7 * k + PROBES)
        ]
        self.points: list[Point] = [p for p in points if p is not None]
        self.terms = loss.terms[k]
        self.predictions = [t.prediction for t in self.terms if t.prediction is not None]
        self.forward = self._forward()
        self.derivatives = self._derivatives()
        self.tainted = self._tainted()
        self.layers = find_layers(self)
        self._labels: dict[int, dict[int, float]] = {}

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

    def _tainted(self) -> set[int]:
        """What depends on the target as well as on the parameters."""
        forward = set(self.forward)
        tainted = {t.source for t in self.terms}
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
            comes_in = of_number or any(i in tainted or i in from_target for i in node.inputs)
            if comes_in and n not in forward and n not in self.ends:
                tainted.add(n)
        return tainted

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
            self._labels[n] = {}
            mine = self.values(n)
            if mine is not None and self.tape.nodes[n].dtype == "f":
                for v, theirs in self.derivatives.items():
                    c = ratio(mine, theirs)
                    if c is not None:
                        self._labels[n][v] = c
        return self._labels[n]

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
    for turn in (False, True):
        pairs = []
        for a, b in zip(mine, theirs, strict=True):
            b = b.transpose(-1, -2) if turn and b.ndim == 2 else b
            if a.numel() != b.numel() or squeezed(a.shape) != squeezed(b.shape):
                break
            pairs.append((a.reshape(-1).double(), b.reshape(-1)))
        if len(pairs) == len(mine) and pairs:
            below = sum(float(b @ b) for _, b in pairs)
            c = sum(float(a @ b) for a, b in pairs) / below if below else 0.0
            top = max(float(b.abs().max()) for _, b in pairs)
            if (
                c
                and math.isfinite(c)
                and all(
                    float((a - c * b).abs().max())
                    <= RTOL * abs(c) * float(b.abs().max()) + FLOOR * abs(c) * top
                    for a, b in pairs
                )
            ):
                return c
        if mine[0].ndim != 2 and theirs[0].ndim != 2:
            break
    return None


# ---------------------------------------------------------------------------- the network


def find_layers(step: LossStep) -> list[Layer]:
    """The linear maps of the forward pass and their activations, found by execution."""
    nodes, forward = step.tape.nodes, set(step.forward)
    users: dict[int, list[int]] = {}
    for n in step.forward:
        for i in nodes[n].inputs:
            users.setdefault(i, []).append(n)
    first: dict[int, list[int]] = {}  # product -> parameters in it
    adds: dict[int, list[int]] = {}  # sum -> parameters in it
    for begin, number in step.begin.items():
        stack = [begin]
        while stack:
            for user in users.get(stack.pop(), ()):
                node = nodes[user]
                if node.op in PARTS | {"item"}:
                    stack.append(user)
                elif node.op in PRODUCTS or (node.op == "multiply" and len(node.inputs) == 2):
                    first.setdefault(user, []).append(number)
                elif node.op in ("add", "subtract"):
                    adds.setdefault(user, []).append(number)
    layers: list[Layer] = []
    for product, weights in sorted(first.items()):
        z, biases = product, []
        grown = True
        while grown:
            grown = False
            for user in users.get(z, ()):
                node = nodes[user]
                if node.op in ("add", "subtract"):
                    own = adds.get(user, [])
                    other = [i for i in node.inputs if i != z]
                    if (
                        own
                        or all(i not in forward for i in other)
                        or (
                            node.op == "add"
                            and any(
                                i in first or nodes[i].op in ("add", "sum", "multiply")
                                for i in other
                            )
                        )
                    ):
                        z, grown = user, True
                        biases += own
                        break
                elif node.op == "sum":
                    z, grown = user, True
                    break
        x = next((i for i in nodes[product].inputs if step.origin(i) not in step.begin), product)
        if layers and layers[-1].z == z:
            layers[-1].weights += [w for w in weights if w not in layers[-1].weights]
            continue
        layers.append(Layer(len(layers) + 1, z, z, x, list(weights), biases))
    for layer, following in zip(layers, [*layers, None][1:], strict=True):
        if following is None:
            layer.a = step.forward[-1] if step.predictions else layer.z
        else:
            layer.a = _activation_node(step, following.x, layer.z)
        layer.activation = _activation(step, layer)
    return layers


def _activation_node(step: LossStep, x: int, z: int) -> int:
    """What the next layer reads, before a transpose or a column of ones is put to it."""
    nodes = step.tape.nodes
    while nodes[x].op in SAME_NUMBERS | {
        "concatenate",
        "hstack",
        "vstack",
        "append",
        "insert",
        "column_stack",
        "getitem",
    }:
        inside = [i for i in nodes[x].inputs if (i in step.inside and i > z) or i == z]
        if not inside:
            break
        x = inside[0]
    return x


SHAPES: dict[
    str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]
] = {
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
    candidates = {name: f for name, (f, _, _) in SHAPES.items()}
    candidates["softmax"] = lambda x: torch.softmax(x, -1)
    candidates["softmax "] = lambda x: torch.softmax(x, 0)
    for slope in (0.01, 0.1, 0.2, 0.001):
        candidates[f"leaky relu ({slope:g})"] = partial(leaky_relu, negative_slope=slope)
    for name, f in candidates.items():
        if all(torch.allclose(f(x), y, rtol=1e-9, atol=1e-12) for x, y in zip(z, a, strict=True)):
            return name.strip()
    return "another function"


# -------------------------------------------------------------------------- the diagnosis


def diagnose(case: Case, fit: Fit) -> Diagnosis | None:
    """The first wrong value, and the name of the mistake; None if it cannot be found."""
    good = fit.in_scale()
    bad = [i for i, ok in enumerate(good) if not ok]
    k = max(case.chosen, key=lambda k: (_moved(case, k, bad), -k))
    step = LossStep(case, fit.loss, k)
    if len(step.points) < 3 or not step.layers:
        return None
    found = _by_scale(step, fit, bad) or _by_value(step, fit, bad)
    if found is not None:
        found.step = step
    return found


def _moved(case: Case, k: int, bad: list[int]) -> int:
    """How many of the parameters a step changes: the sample (0, 0) leaves W1 alone."""
    return sum(
        any(p.step == k and bool(p.changes[i].abs().max() > 0) for p in case.points) for i in bad
    )


def _by_scale(step: LossStep, fit: Fit, bad: list[int]) -> Diagnosis | None:
    """Parameters that follow the gradient with a factor of their own."""
    explained = fit.explained()
    own = [i for i in bad if explained[i] and not math.isnan(fit.scale)]
    if not own or len(own) < len(bad):
        return None
    usual = {1.0}
    for i in range(len(fit.error)):
        if i not in own:
            usual.update(abs(f) for _, f, _ in _factors(step, i))
    found = []
    for i in own:
        off = fit.factor(i) / fit.scale
        places = _factors(step, i)
        exact = [at for at, f, sign in places if _near(f * sign, off)]
        odd = [at for at, _, sign in places if sign < 0] if _near(off, -1.0) else []
        unusual = [at for at, f, _ in places if not any(_near(f, u) for u in usual)]
        at = (odd or exact or unusual or [gradient_node(step, i)])[-1]
        found.append((at, i, off))
    at, _, off = min(found)
    name: MistakeName = "wrong sign" if off < 0 else "scale of one parameter"
    return _report(step, at, name, True, [step.case.names[j] for j in own])


def _factors(step: LossStep, i: int) -> list[tuple[int, float, float]]:
    """(node, factor, sign) of each operation between the delta and the update, in order."""
    number = step.case.parameters[i]
    begin, parts = step.step.start[number], step.case.change_nodes(step.k, number)
    if not parts:
        return []
    n, sign = parts[-1]
    result = [(step.step.end[number], 1.0, -sign)]
    while begin in step.labels(n):
        following = [m for m in step.tape.nodes[n].inputs if m in step.tainted and m != begin]
        before = step.labels(following[0]) if following else {}
        if not before:
            break
        change = step.labels(n)[begin] / before.get(begin, next(iter(before.values())))
        result.append((n, abs(change), math.copysign(1.0, change)))
        n = following[0]
    return result[::-1]


def gradient_node(step: LossStep, i: int) -> int:
    """The last value before the update that bears a name and is the parameter's gradient."""
    number = step.case.parameters[i]
    n, begin = step.step.end[number], step.step.start[number]
    for _ in range(20):
        inputs = [
            m for m in step.tape.nodes[n].inputs if begin in step.labels(m) and m in step.tainted
        ]
        if not inputs:
            break
        n = inputs[0]
        if step.tape.nodes[n].name:
            return n
    return step.step.end[number]


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))


def _by_value(step: LossStep, fit: Fit, bad: list[int]) -> Diagnosis | None:
    """The first value on the way to a wrong update that is no derivative."""
    explained = fit.explained()
    wrong = [i for i in bad if not explained[i]] or bad
    sources = {i: _sources(step, i) for i in wrong}
    first = min((n for found in sources.values() for n in found), default=None)
    if first is None:
        return None
    layers = [step.layer_of(i) for i in wrong if first in sources[i]]
    layer = max((la for la in layers if la), key=lambda la: la.number, default=None)
    spoils = [step.case.names[i] for i in bad]
    return _explain(step, _out_of_functions(step, first), layer, spoils)


def _sources(step: LossStep, i: int) -> set[int]:
    """What a wrong update is computed from and is no derivative, where all before is good."""
    number = step.case.parameters[i]
    changes = [n for n, _ in step.case.change_nodes(step.k, number) or ()]
    region, stack = set[int](), changes or [step.step.end[number]]
    while stack:
        n = stack.pop()
        if n in step.tainted and n not in region and (n in changes or not step.labels(n)):
            region.add(n)
            stack = [*stack, *step.tape.nodes[n].inputs]
    return {n for n in region if not region.intersection(step.tape.nodes[n].inputs)}


def _out_of_functions(step: LossStep, s: int) -> int:
    """If a function is taken of a delta alone, the last place that puts its result to the delta."""
    nodes = step.tape.nodes
    if any(i in step.inside and i not in step.tainted for i in nodes[s].inputs):
        return s
    derivatives = {v for i in nodes[s].inputs if i in step.tainted for v in step.labels(i)}
    place, of_delta = s, {s}
    for m in step.step.nodes:
        inputs = {i for i in nodes[m].inputs if i in step.inside}
        deltas = {i for i in inputs & step.tainted if derivatives & step.labels(i).keys()}
        if inputs & of_delta and inputs <= of_delta | deltas:
            of_delta.add(m)
            place = m if deltas else place
    return place


def _early(step: LossStep, s: int) -> int | None:
    """A parameter's new value that `s` is computed from, where the old one makes it right."""
    order, _ = replay.needed(step.tape, [s], dict.fromkeys(step.step.start.values()))
    for n in order:
        if n in step.ends and n != s:
            number = step.case.parameters[step.ends[n]]
            values = []
            for point in step.points:
                given = {m: point.values[m].detach() for m in step.step.start.values()}
                given[n] = point.values[step.step.start[number]].detach()
                values.append(replay.run(step.tape, [s], given, step.case.ties)[s])
            if any(ratio(values, d) for d in step.derivatives.values()):
                return n
    return None


def _explain(step: LossStep, s: int, layer: Layer | None, spoils: list[str]) -> Diagnosis:
    """Say what is wrong with the first wrong value, `s`."""
    if _early(step, s) is not None:
        return _report(step, s, "updated too early", True, spoils)
    inputs = step.tape.nodes[s].inputs
    deltas = [n for n in inputs if n in step.tainted and step.labels(n)]
    plain = [n for n in inputs if n not in step.tainted]
    if layer is not None and deltas:
        for explain in (_missing, _from_weights, _from_inputs, _from_slope):
            found = explain(step, s, deltas[0], plain, layer)
            if found:
                name, sure, at = found
                report = _report(step, at, name, sure, spoils)
                scale = step.labels(deltas[0]).get(layer.a)
                if scale is not None:
                    report.derivative = layer.z, scale
                return report
    return _report(step, s, None, False, spoils)


Found = tuple[MistakeName, bool, int] | None


def _missing(step: LossStep, s: int, delta: int, plain: list[int], layer: Layer) -> Found:
    """A parameter's gradient is made from dL/da where dL/dz belongs."""
    labels = step.labels(delta)
    if layer.z in labels or layer.a not in labels or not _makes_gradient(step, s, plain, layer):
        return None
    last = layer is step.layers[-1]
    name: MistakeName = "missing output derivative" if last else "missing hidden derivative"
    right = [n for n in step.tainted if layer.z in step.labels(n)]
    return name, True, s if right else delta


def _makes_gradient(step: LossStep, s: int, plain: list[int], layer: Layer) -> bool:
    """Is `s` made from a delta and what the layer reads, or from a delta alone?"""
    node = step.tape.nodes[s]
    origins = [step.origin(n) for n in plain]
    read = step.origin(layer.x)
    if any(n in step.begin or (n in step.inside and n != read) for n in origins):
        return False
    if sum(n in step.tainted for n in node.inputs) > 1:
        return False
    return node.op in PRODUCTS | SUMS | {"multiply", "divide"}


def _from_weights(step: LossStep, s: int, delta: int, plain: list[int], layer: Layer) -> Found:
    """A delta is taken back through weights."""
    used = [step.begin[o] for n in plain if (o := step.origin(n)) in step.begin]
    if not used:
        inner = [
            m
            for n in plain
            if step.tape.nodes[n].op in PRODUCTS and n not in step.forward
            for m in step.tape.nodes[n].inputs
        ]
        if any(step.origin(m) in step.begin for m in inner):
            return "dot for element-wise product", True, s
        return None
    labels = step.labels(delta)
    following = next((la for la in step.layers if la.number == layer.number + 1), None)
    if following is None or not any(i in following.weights for i in used):
        return "weights of the wrong layer", True, s
    if following.z in labels:
        return "wrong transpose", True, s
    if following.a in labels:
        if following is step.layers[-1] and not any(
            following.z in step.labels(n) for n in step.tainted
        ):
            return "missing output derivative", True, delta
        return "raw error in the hidden delta", True, s
    return None


def _from_inputs(step: LossStep, s: int, delta: int, plain: list[int], layer: Layer) -> Found:
    """A right delta, put together with the wrong thing."""
    node, labels = step.tape.nodes[s], step.labels(delta)
    if layer.z not in labels:
        return None
    if node.op in SUMS:
        return "bias summed over the wrong axis", True, s
    if node.op in ("getitem", "item"):
        return "hard-coded sample", True, s
    if node.op not in PRODUCTS | {"multiply"}:
        return None
    if not plain:  # but numbers, as if every sample were that one
        typed = any(isinstance(a, list) for a in node.args)
        return ("hard-coded sample", True, s) if typed and layer.x not in step.inside else None
    operand = step.origin(plain[0])
    if operand == step.origin(layer.x):
        return "wrong transpose", True, s
    if operand not in step.inside:
        if step.from_earlier(operand):
            return "stale activation", True, s
        return ("hard-coded sample", True, s) if layer.x not in step.inside else None
    if step.from_earlier(operand):
        return "stale activation", True, s
    return "derivative of the wrong quantity", True, s


def _from_slope(step: LossStep, s: int, delta: int, plain: list[int], layer: Layer) -> Found:
    """dL/da times what is not the derivative of the activation."""
    labels = step.labels(delta)
    own = next((la for la in step.layers if la.a in labels), None)
    if own is None:
        return None
    node = step.tape.nodes[s]
    upstream = step.derivatives[own.a]
    if node.op in PRODUCTS and plain and (factor := step.values(plain[0])):
        with_star = [u * f for u, f in zip(upstream, factor, strict=True) if u.shape == f.shape]
        if len(with_star) == len(upstream) and ratio(with_star, step.derivatives[own.z]):
            return "dot for element-wise product", True, s
    z, a = step.values(own.z) or [], step.values(own.a) or []
    of_z, of_a = SHAPES.get(own.activation, SHAPES["linear"])[1:]
    for mine in map(step.values, _statement(step, s)):
        if mine is None:
            continue
        if own.activation in ("sigmoid", "tanh"):
            for f, x in ((of_z, a), (of_a, z)):
                if _agrees(mine, upstream, [f(v) for v in x]):
                    return "derivative taken twice", True, s
        for q in step.forward:
            there = step.values(q)
            if there is None:
                continue
            for of_z_too, of_a_too in ((f[1], f[2]) for f in SHAPES.values()):
                if any(
                    _agrees(mine, upstream, [f(v) for v in there]) for f in (of_z_too, of_a_too)
                ):
                    return "derivative of the wrong quantity", True, s
    if node.op in PRODUCTS:
        return None
    return "derivative of the wrong quantity", False, s


def _agrees(mine: list[Tensor], upstream: list[Tensor], slope: list[Tensor]) -> bool:
    try:
        product = [u * f for u, f in zip(upstream, slope, strict=True)]
    except RuntimeError:  # shapes
        return False
    return ratio(mine, product) is not None


def _statement(step: LossStep, s: int) -> list[int]:
    """`s` and what the same line, or the next, computes from it by multiplying."""
    found = [s]
    for m in step.step.nodes:
        node = step.tape.nodes[m]
        if (
            m > s
            and node.op in ("multiply", "assign", "copy", "divide")
            and found[-1] in node.inputs
        ):
            found.append(m)
            if node.name:
                break
    return found[::-1]


def _report(
    step: LossStep, at: int, mistake: MistakeName | None, sure: bool, spoils: list[str]
) -> Diagnosis:
    node = step.tape.nodes[at]
    line, variable = node.line, _variable(step, at)
    # the mistake is where a good value gets the name of another: d_final = d_loss
    if mistake in ("missing output derivative", "missing hidden derivative") and step.labels(at):
        for id, name, alias_line in step.tape.aliases:
            if id == at:
                line, variable = alias_line, name
                break
    return Diagnosis(line, variable, mistake, sure, spoils, node.shape, at)


def _variable(step: LossStep, n: int) -> str:
    """What the statement assigns that computes this value."""
    nodes = step.tape.nodes
    seen = {n}
    if nodes[n].name:
        return nodes[n].name
    for m in [m for m in step.step.nodes if m > n]:
        if any(i in seen for i in nodes[m].inputs):
            seen.add(m)
            if nodes[m].name:
                return nodes[m].name
    return ""
