"""Is the loss that the script computes the one that its steps follow?"""

import math

import torch

from ..operations import PARTS
from .findings import Finding
from .fit import Fit, Sample, fit_part
from .losses import Match, identify_own
from .objectives import Objective, gradients_at, own_scalars, pair_of
from .points import Bench, Point, largest
from .words import name_of_multiple

SAME_GRADIENT = 1e-8  # relative: two gradients by autograd, at the same point
MOST_NODES = 20_000  # of a step whose printed loss gets a name: that takes seconds
NEARLY = 1e-3  # a constant against log(0) in one of the two


def compare(
    bench: Bench, fit: Fit, match: Match | None, own: list[Objective], finding: Finding
) -> None:
    """Say how the printed loss of a right network is related to its steps."""
    others, points, followed = list[Objective](), bench.points, fit.objective
    if not own and followed.kind == "pair" and followed.key and 0 not in bench.chosen:
        # a loss that is printed now and then is printed in the first step
        d, z, reverse = followed.key
        there = pair_of(bench, d, z, reverse, [0])
        if there is not None:
            own, followed = own_scalars(bench, [0]), there
            points = [p for seed in (1, 2, 3) if (p := bench.point(0, seed, 0.6)) is not None]
    for one in [o for o in own if o is followed or not o.by_branches]:  # which is not computed
        if one is followed and match is None:
            return
        relation = [(1.0, 0.0)] if one is followed else _relation(points, one, followed)
        if relation is None:
            continue
        off, factors = max(off for _, off in relation), [c for c, _ in relation]
        alike = all(math.isclose(c, factors[0], rel_tol=NEARLY) for c in factors)
        # with one number, the gradients of any two functions are parallel
        single = match is not None and bench.tape.nodes[match.value].shape in ((), (1,), (1, 1))
        if off > NEARLY or min(factors) <= 0 or (single and not alike):
            others.append(one)
        elif alike and off <= SAME_GRADIENT and match is not None:
            _other_multiple(bench, fit, match, factors[0], finding)
            return
        else:
            return
    others = [o for o in others if o.name] or others
    of_error = match is not None and match.of_error  # which has read its target already
    worth = [
        o
        for o in others
        if (of_error or _reads_more(bench, o, followed)) and not _monitor(bench, o, match)
    ]
    if worth and _with_constants(bench, worth[0], followed):
        return
    if worth and not _of_others(bench, worth[0], followed, match):
        k = max(worth[0].terms)
        line = bench.tape.nodes[worth[0].values(k)[-1]].line
        finding.other_loss = True
        finding.warnings.append(
            f"the script computes another loss than it trains on: {worth[0].name or 'a value'} on "
            f"{bench.tape.code.where(line)} is not, up to a constant factor, the {finding.loss} "
            "whose gradient the steps follow" + _broadcast(bench, k, worth[0])
        )
    elif match is not None and match.name == "BCE" and not others:
        finding.notes.append(
            "the script computes no loss: its steps are those of cross-entropy, or of squared "
            "errors without the derivative of the output's activation"
        )


def penalised(bench: Bench, printed: Objective, followed: Objective) -> bool:
    """Is one gradient a multiple of the other, and a multiple of the parameters beside it?"""
    samples: list[list[Sample]] = [[] for _ in bench.parameters]
    for p in bench.points:
        if p.step in printed.terms and p.step in followed.terms:
            a = gradients_at(printed, p)
            b = gradients_at(followed, p)
            if a is None or b is None:
                continue
            for i, some in enumerate(samples):
                some.append(Sample(0, -a[i], b[i], p.leaves[i].detach(), p.moved))
    parts = [fit_part(some, decay=True, noise=False) for some in samples]
    factors = [p.factor for p in parts if p.factors]
    alike = all(math.isclose(c, factors[0], rel_tol=1e-6) for c in factors)
    return all(p.ok for p in parts) and alike and any(p.decay for p in parts)


def _relation(
    points: list[Point], one: Objective, other: Objective
) -> list[tuple[float, float]] | None:
    """At each point: (factor between the two gradients, largest relative difference)."""
    found = []
    for p in points:
        if p.step not in one.terms or p.step not in other.terms:
            continue
        a = gradients_at(one, p)
        b = gradients_at(other, p)
        if a is None or b is None:
            continue
        mine, theirs = (torch.cat([x.reshape(-1) for x in g]) for g in (a, b))
        below = float(theirs @ theirs)
        if not below or not largest(mine):
            continue
        c = float(mine @ theirs) / below
        found.append((c, largest(mine - c * theirs) / largest(mine)))
    return found or None


def _other_multiple(bench: Bench, fit: Fit, match: Match, factor: float, finding: Finding) -> None:
    """The printed loss is ``factor`` times the objective: is it the one that is named?"""
    rate = fit.scale / factor
    if not math.isclose(rate, finding.lr or 0.0, rel_tol=1e-6):
        printed = name_of_multiple(bench, match, abs(match.scale) * factor)
        if " times the " in printed:  # a running mean, as ``0.99 * mean + 0.01 * loss``
            return
        times = (
            f"{rate:.6g} times the {printed}" if bench.inner else f"{printed} with lr {rate:.6g}"
        )
        finding.notes.append(
            f"your printed loss is the {printed}, your steps follow the {finding.loss}: "
            f"equal to {times}"
        )


def _reads_more(bench: Bench, one: Objective, followed: Objective) -> bool:
    """Does it read data that the predictions do not, as a loss does its targets?"""
    k = next(iter(one.terms.keys() & followed.terms.keys()), None)
    if k is None or followed.kind != "pair":
        return True
    view, nodes = bench.view(k), bench.tape.nodes

    def data(values: list[int]) -> set[object]:
        """The data, and the numbers that are typed, which a computation reads."""
        made = view.behind(values)
        typed = ((nodes[n].op, a) for n in made for a in nodes[n].args)
        return {*view.read(made), *((op, a) for op, a in typed if isinstance(a, int | float))}

    made = view.behind(followed.values(k))
    if all(bench.tape.origin(n, PARTS) in made for n in one.values(k)):
        return False  # numbers of the forward pass, as Python's max(x) compares them
    return bool(data(one.values(k)) - data(followed.values(k)))


def _monitor(bench: Bench, one: Objective, match: Match | None) -> bool:
    """Is it the mean of absolute errors, which is printed to be read, not to be followed?

    Its derivative by the prediction has one size everywhere.
    """
    sizes = []
    if match is None:
        return False
    for p in bench.points:
        if not p.moved or p.step not in one.terms or p.step != match.step:
            continue
        of, by = p.values[one.values(p.step)[-1]], p.values.get(match.value)
        if by is None or not (of.requires_grad and by.requires_grad):
            return False
        (g,) = torch.autograd.grad(of.sum(), by, retain_graph=True, allow_unused=True)
        sizes.append(torch.zeros(1) if g is None else g.abs().reshape(-1))
    if not sizes:
        return False
    every = torch.cat(sizes)
    return 0 < largest(every) <= (1 + 1e-9) * float(every.min())


def _with_constants(bench: Bench, one: Objective, followed: Objective) -> bool:
    """Is it the loss that the steps follow, except for its constants against log(0)?

    In the run they may count: a probability may be below 1e-7.
    """
    plain = bench.tape.without_small_constants()
    if plain is None:
        return False
    other = Bench(plain, bench.network, bench.clock, bench.ties)
    asked = ((k, seed) for k in [*one.terms][:2] for seed in (1, 2))
    points = [p for k, seed in asked if (p := other.point(k, seed, 0.6)) is not None]
    relation = _relation(points, one, followed)
    return relation is not None and all(c > 0 and off <= SAME_GRADIENT for c, off in relation)


def _of_others(bench: Bench, one: Objective, followed: Objective, match: Match | None) -> bool:
    """Is it the same loss of other samples, as that of all rows beside steps for some of them?"""
    short = len(bench.steps[max(one.terms)].nodes) < MOST_NODES
    named = identify_own(bench, one) if match is not None and short else None
    if match is None or named is None or named.is_vague or named.name != match.name:
        return False
    k = named.step
    if k not in followed.terms or named.scale * match.scale <= 0:
        return False
    view = bench.view(k)
    mine, theirs = view.made_at(view.key(named.value)), followed.values(k)
    return not view.read(view.behind(mine)) <= view.read(view.behind(theirs))


def _broadcast(bench: Bench, k: int, one: Objective) -> str:
    """Do a column and a row broadcast on the way, so that each number meets all?"""
    view, nodes = bench.view(k), bench.tape.nodes
    for n in sorted(view.behind(one.values(k))):
        if view.crosses(n):
            a, b = (nodes[i].shape for i in nodes[n].inputs)
            return f"; {a} and {b} on {bench.where(n)} broadcast to {nodes[n].shape}"
    return ""
