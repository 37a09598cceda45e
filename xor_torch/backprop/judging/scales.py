"""Steps that follow the gradient, each with a factor of its own: where the factor comes in."""

import functools
import operator
from collections.abc import Sequence

import torch

from .beside import by_sample
from .expected import worst
from .findings import Diagnosis, MistakeName
from .fit import FOLLOWS, Fit, alike
from .objectives import Objective, gradients_at
from .points import Bench, Point, largest
from .repair import Repair

Tensor = torch.Tensor


def scaled(bench: Bench, one: Fit) -> Diagnosis:
    """Parameters that follow the gradient with a factor of their own: where it comes in."""
    repair = Repair(bench, one)
    view, nodes, k = repair.view, bench.tape.nodes, repair.k
    slope = _wrong_in_all_layers(bench, one, repair)
    if slope is not None:
        return slope
    paths = {i: _path(bench, repair, i) for i in range(len(one.parts))}
    usual = {1.0} | {abs(f) for i in paths if i not in repair.bad for _, f in paths[i]}
    right = sum(1 << i for i in paths if i not in repair.bad)  # what moves these is right, too
    wrong = sum(1 << i for i in repair.bad)
    found = []
    for i in repair.bad:
        off, end = one.parts[i].factor / one.scale, bench.steps[k].end[bench.parameters[i]]
        jumps = [n for n, c in repair.jumps.items() if view.reaches[n] == wrong and alike(c, off)]
        turned = [
            n
            for n, c in repair.jumps.items()
            if view.reaches[n] & right == view.reaches[n] and alike(c, 1 / off)
            if view.reaches[n] & (view.reaches[n] - 1)
        ]  # of several parameters: one alone has its own factor as well as the others have theirs
        if functools.reduce(operator.or_, (view.reaches[n] for n in turned), 0) != right:
            turned = []  # it may come in once in each neuron, but the same for all of the others
        if jumps or turned:
            if not jumps:  # that of the others came in here
                one.leader = repair.bad[0]
            found.append(((jumps or turned)[-1], off))  # the first may be that of all
            continue
        path = [(n, f) for n, f in paths[i] if not view.reaches.get(n, 0) & right]
        exact = [n for n, f in path if alike(f, off) and not alike(f, 1.0)]
        odd = [n for n, f in path if off < 0 and f < 0 and n != end]
        rates = [f for j in paths if j not in repair.bad for n, f in paths[j][-2:]]
        lacking = [end] if any(alike(f * off, 1.0) for f in map(abs, rates)) else []
        unusual = [n for n, f in path if not any(alike(abs(f), u) for u in usual)]
        named = [n for n, _ in path if nodes[n].name and n != end]
        found.append(((odd or exact or lacking or unusual or named[-1:] or [end])[-1], off))
    at, off = min(found)
    if off < 0:
        at = min(n for n, _ in found)
    mistake: MistakeName | None = "wrong sign" if off < 0 else "scale of one parameter"
    if any(by_sample(bench, one, i) for i in repair.bad):
        mistake = None
    bad = [i for i, ok in enumerate(one.good) if not ok]  # the others, if there is a new leader
    spoils = [bench.names[i] for i in bad]
    made = Diagnosis(nodes[at].line, view.variable(at), mistake, True, spoils, nodes[at].shape, at)
    if nodes[at].name and at not in view.ends and len(bad) == 1 and mistake is not None:
        at_run = [p for p in bench.points if p.step == k and not p.moved]
        actual = (at_run or repair.points)[0].values[at].detach()
        worst(made, made.variable, actual, actual / off)
    return made


def _wrong_in_all_layers(bench: Bench, one: Fit, repair: Repair) -> Diagnosis | None:
    """The slope that all layers take from one line, if it has a factor that does not belong there.

    With -1 times the slope, the steps of every second layer go uphill.
    """
    nodes, view = bench.tape.nodes, repair.view
    found: dict[object, list[tuple[int, float]]] = {}
    for n in view.step.nodes:
        mine = _by_parameter(repair, n) if nodes[n].op == "multiply" else None
        for slope in nodes[n].inputs if mine else ():
            (upstream,) = {*nodes[n].inputs} - {slope} or {slope}
            theirs = repair.matches(upstream)
            if mine and theirs and slope in view.inside and not repair.matches(slope):
                factor = mine / next(iter(theirs.values()))
                place = nodes[slope].site, nodes[slope].op
                found.setdefault(place, []).append((slope, factor))
    for slopes in found.values():
        at, factor = slopes[0]
        times = [sum(view.reaches[n] >> i & 1 for n, _ in slopes) for i in range(len(one.parts))]
        rates = [p.factor / factor**t for p, t in zip(one.parts, times, strict=True)]
        if len(slopes) > 1 and all(alike(r, rates[0]) for r in rates):
            node, spoils = nodes[at], [bench.names[i] for i in repair.bad]
            mistake: MistakeName = "wrong sign" if factor < 0 else "scale of one parameter"
            return Diagnosis(node.line, "the slope", mistake, True, spoils, node.shape, at)
    return None


def _by_parameter(repair: Repair, n: int) -> float | None:
    """What a derivative is multiplied by, as the gradient shows that is made of it.

    A script may compute -z alone, and the derivative by z is -1 times that by -z.
    """
    level = [n]
    while level:
        found = [repair.matches(m) for m in level]
        known = [c for match in found for v, c in match.items() if v in repair.view.begin]
        if known:
            return known[0]
        users = (u for m in level for u in repair.view.users.get(m, ()))
        level = [u for u in users if repair.matches(u) and u not in repair.view.ends]
    return None


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


def preconditioned(bench: Bench, objective: Objective) -> str | None:
    """Does each step make its change of the right gradient, but not as a multiple of it?

    Something that is not the gradient of anything may do that on purpose: a curvature, a natural
    gradient. It goes downhill, and scales with the gradient.
    """
    bench.clock.check()
    k = next((k for k in objective.terms if sum(p.step == k for p in bench.points) > 1), None)
    points = [p for p in bench.points if p.step == k]
    grads = [g for p in points if (g := gradients_at(objective, p)) is not None]
    if k is None or len(grads) < len(points):
        return None
    view, words = bench.view(k), list[str]()
    for i, at in enumerate(bench.parameters):
        changes, wanted = [p.changes[i] for p in points], [g[i] for g in grads]
        both = [*zip(changes, wanted, strict=True)]
        if any(c.shape != g.shape or float((c * g).sum()) >= 0 for c, g in both):
            return None
        turned = _multiple([*map(_in_order, changes)], [*map(_in_order, wanted)])
        if turned or _multiple(changes, wanted):
            continue
        behind = view.behind([bench.steps[k].end[at]]) - view.starts - view.ends.keys()
        own = (n for n in sorted(behind, reverse=True) if _multiple(_all(points, n), wanted))
        n = next(own, None)
        again = [] if n is None else [bench.again(p, {n: 2 * p.values[n]})[i] for p in points]
        if not _multiple(again, changes):
            return None
        words.append(f"{bench.names[i]} ({bench.where(n or 0)})")
    return (
        f"the gradient of {', '.join(words)} is right, but the step is no multiple of it: it may "
        "be a preconditioner, and what the step makes of the gradient could not be checked"
        if words
        else None
    )


def followed_in_part(repair: Repair) -> bool:
    """Do some elements of a wrong step follow the gradient with one factor, at all points?

    An optimiser that works number by number gives each of them a factor of its own.
    """
    for i in repair.bad:
        both = zip(repair.points, repair.wanted, strict=True)
        ratios = torch.stack([(p.changes[i] / wanted[i]).reshape(-1) for p, wanted in both])
        low, high = ratios.amin(0), ratios.amax(0)
        steady = low[(high - low).abs() <= FOLLOWS * high.abs()].tolist()
        if len(steady) > len({f"{x:.5g}" for x in steady}):
            return True
    return False


def _all(points: list[Point], n: int) -> list[Tensor]:
    return [p.values[n].detach() for p in points if n in p.values]


def _in_order(x: Tensor) -> Tensor:
    return x.abs().reshape(-1).sort().values


def _multiple(some: Sequence[Tensor], of: Sequence[Tensor]) -> bool:
    """Are arrays the same multiple of others at all points?"""
    if [a.numel() for a in some] != [b.numel() for b in of]:
        return False
    x, y = (torch.cat([a.reshape(-1).double() for a in part]) for part in (some, of))
    factor = float(x @ y) / float(y @ y)
    return factor != 0 and largest(x - factor * y) <= FOLLOWS * largest(x)
