"""The names of mistakes: a row for each, with what must hold of a wrong value."""

import itertools
import math
from collections.abc import Callable, Sequence

import torch

from ..operations import PARTS, PRODUCTS, SAME_NUMBERS, SUMS
from .expected import worst
from .findings import Diagnosis, MistakeName
from .fit import FOLLOWS, Fit
from .losses import is_sigmoid, is_tanh
from .objectives import gradients, reads_data, total
from .points import Bench, largest
from .repair import Culprit, Repair

MOST_NUMBERS = 2_000_000  # that are looked at for the name of one mistake
LEAST_UPSTREAM = 8  # derivatives of later values that are tried, however large they are
# what a wrong value is taken apart through
THROUGH = {*PRODUCTS, *SUMS, *PARTS, "multiply", "negative", "copy", "astype", "assign"}


def name_of(bench: Bench, one: Fit, repair: Repair, culprit: Culprit) -> Diagnosis:
    """The diagnosis of a culprit."""
    nodes = bench.tape.nodes
    n = culprit.nodes[0]
    wrong = Wrong(bench, repair, culprit) if culprit.values else None
    mistake = wrong.name() if wrong is not None else None
    spoils = [bench.names[i] for i in repair.bad]
    line, name = nodes[n].line, repair.view.variable(n)
    aliases = bench.tape.aliases
    if culprit.alias is not None:
        aliases = [(n, *culprit.alias[:2])]
    elif culprit.edited:
        aliases = []
    elif mistake in ("missing output derivative", "missing hidden derivative"):
        view, bad = repair.view, sum(1 << i for i in repair.bad)
        users = [m for m in view.users.get(n, ()) if view.reaches[m] & bad and m not in view.ends]
        first = min((nodes[m].line for m in users), default=math.inf)
        aliases = [a for a in aliases if a[0] == n and a[2] <= first]
    # a view that the step made before the update
    elif mistake == "updated too early" and wrong is not None:
        lines = {nodes[m].line for m in repair.view.step.nodes}
        aliases = [a for a in aliases if a[0] in wrong.updated and a[2] in lines]
    else:
        aliases = []
    if aliases:
        _, name, line = aliases[0]
    v = next(iter(culprit.values), None)
    v = repair.edges[v][0] if v is not None and v < 0 else v
    found = Diagnosis(line, name, mistake, True, spoils, nodes[n].shape, n, v)
    worst(found, name, *_in_the_run(bench, repair, culprit))
    found.part = not nodes[n].name
    return found


def _in_the_run(
    bench: Bench, repair: Repair, culprit: Culprit
) -> tuple[torch.Tensor, torch.Tensor]:
    """(actual, expected) at the numbers of the run; at others if they are equal there."""
    n, v = culprit.nodes[0], next(iter(culprit.values), -1)
    for p in [p for p in bench.points if p.step == repair.k and not p.moved and v >= 0]:
        value = total(repair.objective, repair.k, p.values)
        if value is None or v not in p.values or not p.values[v].requires_grad:
            continue
        (slope,) = torch.autograd.grad(value, p.values[v], retain_graph=True, allow_unused=True)
        actual = p.values[n].detach()
        if slope is not None and not torch.allclose(actual, culprit.factor * slope, rtol=1e-9):
            return actual, culprit.factor * slope.reshape(actual.shape)
    return culprit.actual, culprit.expected


def wrong_element(bench: Bench, one: Fit) -> Diagnosis | None:
    """The first wrong element, if the parameters are updated element by element."""
    k, nodes = min(one.objective.terms), bench.tape.nodes
    points = [p for p in bench.points if p.step == k and p.moved]
    grads = gradients(one.objective, k, points[-1].values, points[-1].leaves) if points else None
    factor = one.factors.get(k)
    if grads is None or factor is None:
        return None
    written: dict[int, list[int]] = {}  # the values of each parameter, element after element
    for i, at in enumerate(bench.parameters):
        n = bench.steps[k].end[at]
        while nodes[n].op == "assign" and n not in bench.view(k).starts:
            written.setdefault(i, []).append(n)
            n = nodes[n].inputs[0]
    found: list[tuple[int, int]] = []
    for i in [i for i, ok in enumerate(one.good) if not ok and len(written.get(i, ())) > 1]:
        off = points[-1].changes[i] + factor * grads[i]
        for n in written[i]:
            touched = points[-1].values[n] != points[-1].values[nodes[n].inputs[0]]
            if largest(off[touched]) > FOLLOWS * largest(grads[i] * factor):
                found.append((n, i))
    if not found:
        return None
    n, i = min(found)
    others = {m for j, ids in written.items() if j != i for m in ids}
    value = bench.view(k).behind([nodes[n].inputs[-1]])
    early = any(bench.tape.origin(a, PARTS) in others for m in value for a in nodes[m].inputs)
    return Diagnosis(
        nodes[n].line,
        bench.view(k).variable(n),
        "updated too early" if early else None,
        True,
        [bench.names[i] for i, ok in enumerate(one.good) if not ok],
        (),
        n,
    )


class Wrong:
    """A wrong value, taken apart: what it is computed of, and what it should be.

    Going back through products, sums and parts, one meets true derivatives (``upstream``), weights,
    values of the forward pass, data, and other computed values, such as the slope of an activation.
    """

    def __init__(self, bench: Bench, repair: Repair, culprit: Culprit) -> None:
        self.bench, self.repair, self.culprit = bench, repair, culprit
        self.view, self.nodes, self.tape = repair.view, bench.tape.nodes, bench.tape
        self.n = culprit.nodes[0]
        # at all points: two numbers of a scalar network are in proportion at one
        self.actual = _flat([p.values[self.n].detach() for p in repair.points])
        v = culprit.values[0]
        self.v = repair.edges[v][0] if v < 0 else v  # it should be the derivative by v
        # z and -z, or the sum before a bias is added, have one derivative
        self.same = {u for u in repair.parallel(repair.slopes[v]) if u > 0} | {self.v}
        self.uses = {*self.view.users.get(self.v, ())} & repair.forward
        taken = {u for u in self.uses if self.nodes[u].op == "getitem"}  # element by element
        self.uses |= {m for u in taken for m in self.view.users.get(u, ())} & repair.forward
        self.uses -= taken
        # the pre-activations that v makes, if v is a parameter or a layer's output
        self.zs = self.uses | {
            m for u in self.uses for m in self.view.users.get(u, ()) if self.nodes[m].op == "add"
        }
        self.is_output = (
            any(self.view.depends[u] == self.view.full for u in self.zs)
            if self.v in self.view.begin
            else self.view.depends[self.v] == self.view.full
        )
        self.upstream: dict[int, int] = {}  # forward value -> the value that is its derivative
        self.weights: set[int] = set()
        self.read: set[int] = set()  # of the forward pass
        self.given: set[int] = set()  # from outside the step
        self.updated = set[int]()  # parameters, or parts, that have been updated already
        self.products: list[int] = []  # on the way, of nothing that is a derivative
        self._take_apart()

    def _take_apart(self) -> None:
        seen, stack = set[int](), [*self.nodes[self.n].inputs]
        while stack:
            m = stack.pop()
            if m in seen:
                continue
            seen.add(m)
            known = {v: m for v in self.repair.matches(m) if v > 0}
            origin = self.tape.origin(m, PARTS)
            if {m, origin} & self.view.updated:
                self.updated.add(m)
            elif known:
                self.upstream |= known
            elif origin in self.view.begin:
                self.weights.add(origin)
            elif m in self.repair.forward:
                self.read.add(origin)
            elif m not in self.view.inside:
                self.given.add(origin)
            elif self.nodes[m].op in THROUGH:
                stack += self.nodes[m].inputs
                if self.nodes[m].op in PRODUCTS:
                    self.products.append(m)

    def name(self) -> MistakeName | None:
        """The first row of the catalogue that holds."""
        rows = OF_PARAMETERS if self.v in self.view.begin else OF_VALUES
        return next((name for name, holds in rows if holds(self)), None)

    # ------------------------------------------------------------------ what a row can ask

    def partly(self) -> bool:
        """Does it lack what comes through other uses of v? That has no name."""
        uses = self.repair.edges
        return any(e < 0 and uses[e][0] == self.v for e in self.repair.matches(self.n))

    def penalty(self) -> bool:
        """Is only a multiple of the parameter itself missing? In a plain function, any term is."""
        own = self.repair.objective.kind == "own" and reads_data(self.bench)
        k = self.view.begin[self.v]
        by = self.repair.slopes[self.culprit.values[0]]
        values, lacks = [], []
        for p, slope in zip(self.repair.points, by, strict=True):
            values.append(p.leaves[k].detach())
            actual = p.values[self.n].detach()
            lacks.append(self.culprit.factor * slope.reshape(actual.shape) - actual)
        return own and _proportional(_flat(lacks), _flat(values))

    def later(self) -> bool:
        """Is it the derivative by something that comes after v?"""
        if self.v in self.view.begin:
            return bool(self.upstream) and not self.zs & self.upstream.keys()
        mine = self.repair.matches(self.n).keys()
        return bool(mine and self.view.after([self.v]) & mine)

    def twice(self) -> bool:
        """Is the slope of the activation taken at its output, or its formula at the input?"""
        first, *_ = points = [p.values for p in self.repair.points]
        for v, (a, slopes) in itertools.product(self.same, self.repair.slopes.items()):
            if a <= v or a not in first or first[a].shape != first[v].shape:
                continue
            z, f = _flat([p[v] for p in points]), _flat([p[a] for p in points])
            if is_sigmoid(z, f):
                s = torch.sigmoid(f)
                slope = [s * (1 - s), z * (1 - z)]
            elif is_tanh(z, f):
                slope = [1 - torch.tanh(f) ** 2, 1 - z**2]
            else:
                continue
            if any(_proportional(self.actual, _flat(slopes) * t) for t in slope):
                return True
        return False

    def raw(self) -> bool:
        """Do the weights of v carry back the derivative by what comes after their product?"""
        later = self.view.after(self.zs) - self.zs
        return bool(
            self.weights and later & self.upstream.keys() and not self.zs & self.upstream.keys()
        )

    def other_slope(self) -> bool:
        """Is the derivative by the activation multiplied with the slope at another value?"""
        points, shape = [p.values for p in self.repair.points], self.culprit.actual.shape
        here = [m for m in self.view.step.nodes if all(m in p for p in points)]
        values = [
            _flat([p[m].detach().expand(shape) for p in points])
            for m in here
            if all(_fits(p[m].shape, shape) for p in points)
        ]
        if not values:
            return False
        x = torch.stack(values[: max(1, MOST_NUMBERS // len(values[0]))])
        s, t = torch.sigmoid(x), torch.tanh(x)
        slopes = (x * (1 - x), 1 - x**2, s * (1 - s), 1 - t**2, (x > 0).double(), x)
        after = sorted(m for m in self.view.after([self.v]) if m in self.repair.slopes)
        upstream = [u for u in (self.repair.slopes[m] for m in after) if u[0].shape == shape]
        upstream = upstream[: max(LEAST_UPSTREAM, MOST_NUMBERS // x.numel())]  # the nearest
        return any(_proportional(self.actual, _flat(u) * y) for u in upstream for y in slopes)

    def other_factor(self) -> bool:
        """Is it made of the right derivative, and another value than the one that v meets?"""
        return len(self.uses) == 1 and bool(self.zs & self.upstream.keys() and self.read)

    def dot(self) -> bool:
        """Are two arrays of one shape multiplied as matrices, instead of element by element?"""
        for m in self.products:
            sizes = {tuple(sorted(self.nodes[i].shape)) for i in self.nodes[m].inputs}
            if len(sizes) == 1:
                return True
        if self.nodes[self.n].op not in PRODUCTS or not self.upstream or self.weights:
            return False
        p = self.repair.points[0]
        others = [p.values[i].detach() for i in self.nodes[self.n].inputs if i in p.values]
        shape = self.culprit.expected.shape
        return len(others) == 2 and others[0].shape == others[1].shape == shape

    def transposed(self) -> bool:
        """The right two factors, in another order or turned?"""
        if self.v in self.view.begin:
            if len(self.uses) == 1:
                (use,) = self.uses
                factors = {self.tape.origin(a, PARTS) for a in self.nodes[use].inputs} - {self.v}
                product = self.nodes[use].op in PRODUCTS
                return bool(self.upstream and product and factors & (self.read | self.given))
            actual, expected = self.culprit.actual, self.culprit.expected
            return (
                expected.ndim == 2
                and expected.numel() > 1
                and _proportional(_flat([actual.T]), _flat([expected]))
            )
        return bool(self.weights and not self.read and self.zs & self.upstream.keys())

    def turned(self) -> bool:
        """Was it right before it was transposed?"""
        return self.nodes[self.n].op in SAME_NUMBERS and bool(self.same & self.upstream.keys())

    def other_weights(self) -> bool:
        """Is there a weight that v is not multiplied with?"""
        shape, like = self.nodes[self.v].shape, {*self.same}  # z, and what is made of it
        for m in self.view.step.nodes:
            if m > self.v and self.nodes[m].shape == shape and m in self.repair.forward:
                like |= {m} if like & {*self.nodes[m].inputs} else set()
        uses = {u for m in like for u in self.view.users.get(m, ())}
        used = {self.tape.origin(a, PARTS) for u in uses for a in self.nodes[u].inputs}
        return bool(self.weights) and not used & self.weights

    def of_data(self) -> bool:
        """Does it read an array from outside the step, and nothing of the forward pass?"""
        whole = not self.put_together()
        return whole and bool(self.upstream) and bool(self.given or not self.read)

    def put_together(self) -> bool:
        """Was it made of numbers, one for each element? What they are made of is not asked."""
        return self.nodes[self.n].op == "array" and len(self.nodes[self.n].inputs) > 1

    def stale(self) -> bool:
        """The same with an array that was computed before, for instance in the last step."""
        return self.of_data() and any(self.nodes[o].inputs for o in self.given)

    def picked(self) -> bool:
        """Is it a part of a true derivative?"""
        if self.nodes[self.n].op in ("getitem", "item"):
            return True
        parts = [(i, self.tape.origin(i, PARTS)) for i in self.nodes[self.n].inputs]
        return not self.put_together() and any(o != i and self.repair.matches(o) for i, o in parts)

    def summed(self) -> bool:
        """Is it a sum, where a bias belongs?"""
        added = all(self.nodes[u].op in ("add", *PARTS) for u in self.uses)
        made = self.n, *self.nodes[self.n].inputs  # in a loop, a sum is added to another
        return added and any(self.nodes[m].op in SUMS for m in made)


Holds = Callable[[Wrong], bool]

# In this order: the more special mistakes come first.
OF_PARAMETERS: list[tuple[MistakeName | None, Holds]] = [
    ("updated too early", lambda w: bool(w.updated)),
    ("detached regularisation", Wrong.penalty),
    (None, Wrong.partly),
    ("missing output derivative", lambda w: w.later() and w.is_output),
    ("missing hidden derivative", lambda w: w.later()),
    ("bias summed over the wrong axis", Wrong.summed),
    ("hard-coded sample", Wrong.picked),
    ("wrong transpose", Wrong.transposed),
    ("stale activation", Wrong.stale),
    ("hard-coded sample", Wrong.of_data),
    ("derivative of the wrong quantity", Wrong.other_factor),
]
OF_VALUES: list[tuple[MistakeName | None, Holds]] = [
    (None, Wrong.partly),
    ("updated too early", lambda w: bool(w.updated)),
    ("derivative taken twice", Wrong.twice),
    ("missing output derivative", lambda w: w.later() and w.is_output),
    ("missing hidden derivative", lambda w: w.later()),
    ("wrong transpose", Wrong.turned),
    ("dot for element-wise product", Wrong.dot),
    ("weights of the wrong layer", Wrong.other_weights),
    ("wrong transpose", Wrong.transposed),
    ("raw error in the hidden delta", Wrong.raw),
    ("derivative of the wrong quantity", Wrong.other_slope),
]


def _fits(shape: torch.Size, whole: torch.Size) -> bool:
    """Can it be broadcast to that?"""
    return len(shape) == len(whole) and all(a in (1, b) for a, b in zip(shape, whole, strict=True))


def _flat(values: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([x.detach().reshape(-1).double() for x in values])


def _proportional(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Is one a multiple of the other, or of a row of it?"""
    rows = b if b.ndim > 1 else b[None]
    if rows.shape[1:] != a.shape:
        return False
    below = (rows**2).sum(1)
    c = rows @ a / torch.where(below > 0, below, 1.0)
    off = (a - c[:, None] * rows).abs().amax(1)
    return bool(((c != 0) & (off <= 1e-7 * a.abs().max())).any())
