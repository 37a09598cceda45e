"""The names of mistakes."""

from collections.abc import Callable

import torch

from ..operations import PARTS, PRODUCTS, SUMS
from .findings import Diagnosis, MistakeName
from .fit import Fit
from .points import Bench, View
from .repair import Culprit, Repair


def name_of(bench: Bench, one: Fit, repair: Repair, culprit: Culprit) -> Diagnosis:
    """The diagnosis of a culprit."""
    nodes = bench.tape.nodes
    n = culprit.nodes[0]
    mistake = _name(bench, repair, culprit)
    spoils = [bench.names[i] for i in repair.bad]
    line, name = nodes[n].line, variable(bench, repair.view, n)
    if mistake in ("missing output derivative", "missing hidden derivative"):
        for id, alias, at in bench.tape.aliases:
            if id == n:
                line, name = at, alias
                break
    v = culprit.values[0]
    v = repair.edges[v][0] if v < 0 else v
    found = Diagnosis(line, name, mistake, True, spoils, nodes[n].shape, n, v)
    off = (culprit.actual - culprit.expected).abs().reshape(-1)
    if off.numel():
        flat = int(off.argmax())
        found.of, rest, index = name, flat, list[int]()
        for size in reversed(culprit.actual.shape):
            rest, place = divmod(rest, size)
            index.append(place)
        found.index = tuple(index[::-1])
        found.actual = float(culprit.actual.reshape(-1)[flat])
        found.expected = float(culprit.expected.reshape(-1)[flat])
    return found


def variable(bench: Bench, view: View, n: int) -> str:
    """What the statement assigns that computes this value."""
    nodes, seen = bench.tape.nodes, {n}
    if nodes[n].name:
        return nodes[n].name
    for m in [m for m in view.step.nodes if m > n]:
        if seen & {*nodes[m].inputs}:
            seen.add(m)
            if nodes[m].name:
                return nodes[m].name
    return ""


def scaled(bench: Bench, one: Fit) -> Diagnosis:
    """Parameters that follow the gradient with a factor of their own: where it comes in."""
    repair = Repair(bench, one)
    view, nodes, k = repair.view, bench.tape.nodes, repair.k
    paths = {i: _path(bench, repair, i) for i in range(len(one.parts))}
    usual = {1.0} | {abs(f) for i in paths if i not in repair.bad for _, f in paths[i]}
    found = []
    for i in repair.bad:
        off, path = one.parts[i].factor / one.scale, paths[i]
        end = bench.steps[k].end[bench.parameters[i]]
        exact = [n for n, f in path if _near(f, off) and not _near(f, 1.0)]
        odd = [n for n, f in path if off < 0 and f < 0 and n != end]
        rates = [f for j in paths if j not in repair.bad for n, f in paths[j][-2:]]
        lacking = [end] if any(_near(f * off, 1.0) for f in map(abs, rates)) else []
        unusual = [n for n, f in path if not any(_near(abs(f), u) for u in usual)]
        named = [n for n, _ in path if nodes[n].name and n != end]
        found.append(((odd or exact or lacking or unusual or named[-1:] or [end])[-1], off))
    at, off = min(found)
    if off < 0:
        at = min(n for n, _ in found)
    name = "wrong sign" if off < 0 else "scale of one parameter"
    spoils = [bench.names[i] for i in repair.bad]
    return Diagnosis(
        nodes[at].line, variable(bench, view, at), name, True, spoils, nodes[at].shape, at
    )


def _path(bench: Bench, repair: Repair, i: int) -> list[tuple[int, float]]:
    """(value, what it multiplies the derivative by) from the delta to the new parameter."""
    nodes, view, k = bench.tape.nodes, repair.view, repair.k
    parts = bench.change_nodes(k, bench.parameters[i])
    end = bench.steps[k].end[bench.parameters[i]]
    if not parts:
        return [(end, 1.0)]
    n, sign = parts[-1]
    begin = bench.steps[k].start[bench.parameters[i]]
    path = [(end, -sign)]
    for _ in range(20):
        mine = repair.matches(n)
        if begin not in mine:
            break
        before = [m for m in nodes[n].inputs if m in view.inside and m not in view.starts]
        factors = [(m, repair.matches(m)) for m in before if view.depends[m] == view.full]
        known = next(((m, c) for m, c in factors if c), None)
        if known is None:
            break
        m, theirs = known
        path.append((n, mine[begin] / theirs.get(begin, next(iter(theirs.values())))))
        n = m
    return path[::-1]


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))


def _name(bench: Bench, repair: Repair, culprit: Culprit) -> MistakeName | None:
    """From what the value is computed of, and what it should be."""
    nodes, view, tape = bench.tape.nodes, repair.view, bench.tape
    n, v = culprit.nodes[0], culprit.values[0]
    node = nodes[n]
    v = repair.edges[v][0] if v < 0 else v
    origins = {i: tape.origin(i, PARTS) for i in node.inputs}
    if any(o in view.ends for o in origins.values()):
        return "updated too early"
    right = {w: i for i in node.inputs for w in repair.matches(i) if w > 0}
    mine = repair.matches(n).keys()
    if v in view.begin:  # the gradient of a parameter
        i = view.begin[v]
        value = repair.points[0].leaves[i].detach()
        off = (culprit.expected - culprit.actual).reshape(-1)
        flat = value.reshape(-1)
        if off.shape == flat.shape and repair.fit.objective.kind == "own":
            c = float(off @ flat) / float(flat @ flat)
            if c and float((off - c * flat).abs().max()) <= 1e-7 * float(off.abs().max()):
                return "detached regularisation"
        uses = set(view.users.get(v, ()))
        zs = uses | {m for u in uses for m in view.users.get(u, ()) if nodes[m].op == "add"}
        if right and not zs & right.keys():
            output = any(view.depends[u] == view.full for u in zs)
            return "missing output derivative" if output else "missing hidden derivative"
        if node.op in SUMS:
            return "bias summed over the wrong axis"
        if node.op in ("getitem", "item"):
            return "hard-coded sample"
        if node.op in PRODUCTS | {"multiply"} and right:
            others = [o for a, o in origins.items() if a not in right.values()]
            read = {tape.origin(a, PARTS) for u in uses for a in nodes[u].inputs} - {v}
            if read & {*others}:
                return "wrong transpose"
            outside = [o for o in others if o not in view.inside]
            if outside or not others:
                stale = any(map(computed(bench), outside))
                return "stale activation" if stale else "hard-coded sample"
            return "derivative of the wrong quantity"
        cut = any(repair.matches(o) for a, o in origins.items() if a != o)
        return "hard-coded sample" if cut else None
    if mine and view.after([v]) & mine:
        output = view.depends[v] == view.full
        return "missing output derivative" if output else "missing hidden derivative"
    weights = [o for o in origins.values() if o in view.begin]
    if weights and node.op in PRODUCTS:
        following = set(view.users.get(v, ()))
        used = {tape.origin(a, PARTS) for u in following for a in nodes[u].inputs}
        if not used & {*weights}:
            return "weights of the wrong layer"
        zs = {m for u in following for m in view.users.get(u, ()) if nodes[m].op == "add"}
        zs |= following
        if zs & right.keys():
            return "wrong transpose"
        return "raw error in the hidden delta" if right else None
    if not right:
        return None
    return _slope(bench, repair, culprit, n, v, right)


def computed(bench: Bench) -> Callable[[int], bool]:
    """Was a value computed, and not given?"""
    return lambda o: bool(bench.tape.nodes[o].inputs)


def _slope(
    bench: Bench, repair: Repair, culprit: Culprit, n: int, v: int, right: dict[int, int]
) -> MistakeName | None:
    """dL/da, times what is not the derivative of the activation."""
    node, p = bench.tape.nodes[n], repair.points[0]
    a = max(right)
    upstream, actual = p.values[right[a]].detach(), culprit.actual
    if node.op in PRODUCTS:
        others = [p.values[i].detach() for i in node.inputs if i != right[a] and i in p.values]
        other = next(iter(others), None)
        alike = other is not None and other.shape == upstream.shape == culprit.expected.shape
        if alike and other is not None and _proportional(upstream * other, culprit.expected):
            return "dot for element-wise product"
        inner = {o for i in node.inputs for o in bench.tape.nodes[i].inputs}
        if any(bench.tape.origin(o, PARTS) in repair.view.begin for o in inner):
            return "dot for element-wise product"
    z, f = p.values[v].detach(), p.values[a].detach() if a in p.values else None
    if f is not None and f.shape == z.shape == upstream.shape == actual.shape:
        sigmoid, tanh = torch.sigmoid(z), torch.tanh(z)
        twice = []
        if torch.allclose(sigmoid, f):
            s = torch.sigmoid(f)
            twice = [s * (1 - s), z * (1 - z)]
        elif torch.allclose(tanh, f):
            twice = [1 - torch.tanh(f) ** 2, 1 - z**2]
        if any(_proportional(actual, upstream * t) for t in twice):
            return "derivative taken twice"
    return "derivative of the wrong quantity"


def _proportional(a: torch.Tensor, b: torch.Tensor) -> bool:
    a, b = a.reshape(-1), b.reshape(-1)
    below = float(b @ b)
    if not below or a.shape != b.shape:
        return False
    c = float(a @ b) / below
    return float((a - c * b).abs().max()) <= 1e-7 * float(a.abs().max())
