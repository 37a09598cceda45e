"""What a script adds beside a gradient: a penalty, a limit, a rate of its own.

The file is long because each of these is told from a mistake in another way.
"""

import math
from itertools import pairwise

import numpy as np
import torch

from .. import replay
from ..operations import COMPARISONS, CUTS, PARTS
from ..tape import Ref, Tape
from .fit import FOLLOWS, Fit, alike
from .objectives import PASSED_ON, gradients_at
from .points import Bench, CannotTell, largest
from .repair import Culprit, Repair
from .samples import power_of_sample
from .steps import Network, Step

STATES = PARTS | {"assign"}  # lead back from a parameter that is updated in part to its old value
MOST_STEPS = 8  # that are asked
GATHERED = PASSED_ON | PARTS  # a gradient may be put together of rows: of those in use
BY_ITS_NORM = (
    "a step is its gradient times a number that differs from step to step: it may be clipped by "
    "its norm, which may be intended"
)


def own_rates(bench: Bench, one: Fit) -> str | None:
    """Are the factors of the parameters numbers that the script typed in their updates?

    Or do they come nearer to each other from step to step: a rate that decays by a count of
    updates, which goes on from layer to layer?

    A factor that is the square of the other, or one N-th of it for a number of samples or units,
    was not meant as a rate; nor were 1 and 2 beside a rate that both have, or a number of
    the sample.
    """
    k = next(iter(one.factors), None)
    if k is None:
        return None
    if _come_nearer(one):
        return "with a rate that decays from update to update"
    view, nodes = bench.view(k), bench.tape.nodes
    sizes = {n for m in view.step.nodes for n in nodes[m].shape} - {1}
    factors = [p.factors.get(k, math.nan) for p in one.parts]
    typed = [_typed(bench, k, [alike(f, of_one) for f in factors]) for of_one in factors]
    good = [i for i, ok in enumerate(one.good) if ok and one.parts[i].factors]
    found = []
    for i in [i for i, ok in enumerate(one.good) if not ok]:
        off = factors[i] / one.scale
        if not off > 0 or any(alike(off, n) or alike(off * n, 1) for n in sizes):
            return None
        if by_sample(bench, one, i):
            return None
        rates = [
            (a, b)
            for a in typed[i]
            for j in good
            for b in typed[j]
            if alike(a, off * b) and not alike(a, b * b) and not alike(b, a * a)
            if a % 1 or b % 1 or not any(rate % 1 for rate in typed[i] & typed[j])
        ]
        if not rates:
            return None
        found.append(
            f"that of {bench.names[i]} with a rate of its own, {rates[0][0]:.6g} beside "
            f"{rates[0][1]:.6g}"
        )
    return ", ".join(found) or None


def by_sample(bench: Bench, one: Fit, i: int) -> bool:
    """Does a factor differ from that of most by a number of the sample, as a forgotten input?

    It rises and falls from step to step, as a rate rarely does.
    """
    ratios = one.ratios(i)
    falls = [a > b for a, b in pairwise(ratios.values()) if not alike(a, b)]
    return len({*falls}) > 1 or power_of_sample(bench, one.objective, ratios) != 0


def _come_nearer(one: Fit) -> bool:
    """Do all factors come nearer to that of most parameters, in each step?"""
    parts = [p for p, ok in zip(one.parts, one.good, strict=True) if not ok]
    for part in parts:
        steps = sorted(part.factors.keys() & one.factors.keys())
        ratios = [part.factors[k] / one.factors[k] for k in steps]
        off = [abs(math.log(x)) for x in ratios if x > 0]
        if not 3 <= len(off) == len(ratios) or any(a <= b for a, b in pairwise(off)):
            return False
    return bool(parts)


def only_rated(bench: Bench, one: Fit) -> bool:
    """Is every wrong step a multiple of its gradient, with another positive factor at each point?

    A step that is clipped by the norm of its own array is one, too.
    """
    bad = [i for i, ok in enumerate(one.good) if not ok]
    for p in [p for p in bench.points if p.step in one.objective.terms]:
        grads = gradients_at(one.objective, p)
        if grads is None:
            continue
        for g, change in ((grads[i], p.changes[i]) for i in bad):
            below = float((g * g).sum())
            if g.shape != change.shape or g.numel() < 2 or not below:
                return False
            factor = -float((change * g).sum()) / below
            # some pairs are of the negative value: the right parameters tell which way is down
            if factor * one.scale <= 0 or largest(change + factor * g) > FOLLOWS * largest(change):
                return False
    return True


def scheduled(bench: Bench, one: Fit) -> str | None:
    """Are the factors numbers that the script has computed, in a ratio of two that it typed?

    So they are with ``rates[k] * schedule``. Whole ratios alone, such as 2, are a mistake.
    """
    k = min(one.factors)
    factors = [p.factors.get(k, math.nan) for p in one.parts]
    made = [_multipliers(bench, k, [alike(f, of_one) for f in factors]) for of_one in factors]
    computed = [{x for x in some if not any(alike(x, y) for y in bench.typed)} for some in made]
    rates = [(a, b) for a in bench.typed for b in bench.typed if b and (a % 1 or b % 1)]
    odd = False
    for i in [i for i, ok in enumerate(one.good) if not ok]:
        off = factors[i] / one.scale
        odd = odd or not any(alike(x, round(x)) for x in (off, 1 / off))
        good = [j for j, ok in enumerate(one.good) if ok and one.parts[j].factors]
        by_rate = any(alike(x, off * y) for j in good for x in computed[i] for y in computed[j])
        if not by_rate or not any(alike(a, off * b) for a, b in rates):
            return None
    return (
        "every step follows the gradient, but not with one rate: each parameter may have a rate of "
        "its own"
        if odd
        else None
    )


def _multipliers(bench: Bench, k: int, same: list[bool]) -> set[float]:
    """The numbers that the updates of some parameters alone are multiplied with.

    `same` tells which: those that move with the same factor, as a layer's weights and its bias do.
    """
    view, others = bench.view(k), sum(1 << i for i, its in enumerate(same) if not its)
    nodes = bench.tape.nodes
    theirs = [n for n in view.step.nodes if view.reaches.get(n) and not view.reaches[n] & others]
    for n in theirs:  # a factor may be a product itself: ``lr * (1 / n) * gradient``
        if nodes[n].op == "multiply":
            theirs += [i for i in nodes[n].inputs if i not in view.inside and nodes[i].shape == ()]
    return bench.multipliers(theirs)


def _typed(bench: Bench, k: int, same: list[bool]) -> set[float]:
    """Those of `_multipliers` that are typed: ``2 / n`` is a part of the gradient, and no rate."""
    found = _multipliers(bench, k, same)
    return {x for x in found if any(alike(x, y) for y in bench.literals)}


def meant(bench: Bench, repair: Repair, culprit: int) -> list[int]:
    """Terms that are added to a derivative and have no target in them: perhaps a penalty.

    Raises:
        CannotTell: a derivative is clipped on the way, which may be intended.

    """
    view, nodes = repair.view, bench.tape.nodes
    targets = _from_targets(repair)
    around = view.behind([culprit]) | view.after([culprit])
    found = []
    for n in sorted(around - repair.forward - view.ends.keys()):
        inputs = [i for i in nodes[n].inputs if i in view.inside]
        # a truth value may agree with a derivative of 0 and 1
        right = [i for i in inputs if nodes[i].dtype != "b" and repair.matches(i)]
        if nodes[n].op == "where" and not {*map(Ref, right)} & {*nodes[n].args[1:]}:
            continue  # where(z > 0, 1, 0) chooses between two numbers
        # where(z > 0, dz, 0) asks the forward pass, where(dz > 5, 5, dz) the derivative
        asks = nodes[n].op != "where" or nodes[n].inputs[0] in view.after(right)
        if nodes[n].op in CUTS and right and asks and not _by_sign(repair, n, right[0]):
            raise CannotTell(f"derivatives are clipped on {bench.where(n)}, which may be intended")
        # the culprit is a derivative times a number that is made of a derivative
        scaled = n == culprit and nodes[n].op in ("multiply", "divide") and right
        numbers = {i for i in inputs if i not in right and not nodes[i].shape}
        made_of = view.behind(numbers) - repair.forward if scaled and nodes[right[0]].shape else ()
        if any(repair.matches(i) for i in made_of):
            raise CannotTell(BY_ITS_NORM)
        if nodes[n].op in ("add", "subtract") and right:
            found += [
                i
                for i in inputs
                if i not in right and i not in targets and view.depends.get(i)
                if not _is_state(bench, repair.k, i)
            ]
    return found


def _by_sign(repair: Repair, n: int, derivative: int) -> bool:
    """Is it ``max(derivative, 0)``: a ReLU's mask of the wrong quantity, and no limit?"""
    pairs = [(p.values[derivative], p.values[n]) for p in repair.points if n in p.values]
    return any(
        all(torch.equal(x.clamp(**cut), y) for x, y in pairs) for cut in ({"min": 0}, {"max": 0})
    )


def everywhere(bench: Bench, k: int, found: list[int]) -> dict[int, list[int]]:
    """The same values in all steps that are looked at."""
    keys = dict.fromkeys(bench.view(k).key(n) for n in found)
    return {
        step: [n for key in keys for n in bench.view(step).made_at(key)] for step in bench.chosen
    }


def _is_state(bench: Bench, k: int, n: int) -> bool:
    """Is it a parameter, or a part of one whose other parts may be updated?"""
    view, nodes = bench.view(k), bench.tape.nodes
    while n not in view.starts and nodes[n].op in STATES and nodes[n].inputs:
        n = nodes[n].inputs[0]
    return n in view.starts


def is_penalty(bench: Bench, k: int, added: list[int], culprit: Culprit) -> bool:
    """Is what is added to one derivative the derivative of a convex function of the same value?

    The derivative of any function of z has a symmetric Jacobian by z, and a convex one a Jacobian
    without a direction of descent. Both are asked in random directions.
    """
    nodes = bench.tape.nodes
    if len(added) > 1 or len(culprit.nodes) > 1 or added[0] not in nodes[culprit.nodes[0]].inputs:
        return False
    n, z = added[0], culprit.values[0]
    if z < 0 or not bench.view(k).only_through(n, z):
        return False
    sign = math.copysign(1.0, culprit.factor)
    if nodes[culprit.nodes[0]].op == "subtract" and nodes[culprit.nodes[0]].inputs[-1] == n:
        sign = -sign
    for p in [p for p in bench.points if p.step == k and p.moved]:
        term, value = p.values[n], p.values[z]
        if term.numel() == value.numel():
            term = term.reshape(value.shape)
        # one number for each unit, made of its mean over the samples, is added to each sample
        many = term.ndim == value.ndim and all(
            a in (1, b) for a, b in zip(term.shape, value.shape, strict=True)
        )
        if not (many and term.requires_grad and value.requires_grad):
            return False
        draw = torch.Generator().manual_seed(k)
        u, v = (torch.randn(value.shape, generator=draw, dtype=torch.float64) for _ in range(2))
        rows = [
            torch.autograd.grad((term * x).sum(), value, retain_graph=True, allow_unused=True)[0]
            for x in (u, v)
        ]
        if rows[0] is None or rows[1] is None:
            return False
        uv, vu, uu = (float((a * b).sum()) for a, b in ((rows[0], v), (rows[1], u), (rows[0], u)))
        if not math.isclose(uv, vu, rel_tol=1e-9, abs_tol=1e-9 * abs(uu)) or sign * uu < 0:
            return False
    return True


def without_signs(tape: Tape, network: Network) -> Tape | None:
    """The tape without ``if w > 0: dw += l1``, ``else: dw -= l1``: a penalty by branches.

    None if there is no such number, or if one of them lets a parameter grow.
    """
    nodes, found, some = tape.nodes, set[int](), list[Step]()
    for step in network.steps[:: max(1, len(network.steps) // MOST_STEPS)]:
        inside, starts = {*step.nodes}, {*step.start.values()}
        asked = {n for n, _ in tape.branches if n in inside and nodes[n].op in COMPARISONS}
        if any(
            tape.origin(i, STATES) in starts and 0 in nodes[n].args
            for n in asked
            for i in nodes[n].inputs
        ):
            some.append(step)
    places = set[object]()
    for step in some:
        seen, stack = {*step.start.values()}, [*step.end.values()]
        while stack:
            n = stack.pop()
            if n not in seen and nodes[n].op in GATHERED:
                seen.add(n)
                stack += nodes[n].inputs
                typed = [a for a in nodes[n].args if isinstance(a, int | float) and a]
                if typed and nodes[n].op in ("add", "subtract"):
                    places.add((nodes[n].site, nodes[n].op))
    for step in network.steps if places else ():
        found |= {n for n in step.nodes if (nodes[n].site, nodes[n].op) in places}
    if not found:
        return None
    made = tape.without_numbers(found)
    for step in some:
        given = {
            n: replay.tensor(x).double()
            for n in step.start.values()
            if (x := nodes[n].value) is not None
        }
        with_it, without = (replay.run(t, step.end.values(), given) for t in (tape, made))
        for i, n in step.end.items():
            grown = (with_it[n] - without[n]) * given.get(step.start[i], torch.zeros(()))
            if bool((grown > 0).any()):
                return None
    return made


def of_earlier_steps(bench: Bench) -> tuple[dict[int, list[int]], str] | None:
    """Values that an earlier step has made and that are added to a parameter, and are no momentum.

    The check takes a part of the last gradient as zero if it was itself a part of the last step;
    it cannot tell what another value is for.

    Returns:
        The values by step, and what to say of them; None if there are none.

    """
    nodes, found, reason = bench.tape.nodes, dict[int, list[int]](), ""
    for k in [k for k in bench.chosen if k]:
        view, before, known = bench.view(k), bench.view(k - 1), {*bench.remembered(k)}
        for i in bench.parameters:
            stack, seen = [bench.steps[k].end[i]], set[int]()
            while stack:
                n = stack.pop()
                if n in seen or n in view.starts or n in known:
                    continue
                seen.add(n)
                if nodes[n].shape != nodes[bench.steps[k].end[i]].shape:
                    continue
                if n in view.inside and nodes[n].op in PASSED_ON:
                    base, *rest = nodes[n].inputs
                    # what an array held that is written over is added to nothing
                    written_over = nodes[n].op == "assign" and base not in view.inside
                    if nodes[n].op in ("multiply", "divide"):  # a factor is not added
                        stack += [a for a in nodes[n].inputs if a in view.inside]
                    else:
                        stack += rest if written_over else [base, *rest]
                elif n not in view.inside and n in before.inside and not _made_of(bench, n, known):
                    found.setdefault(k, []).append(n)
                    reason = reason or (
                        f"each step adds something to {bench.names[bench.parameters.index(i)]} "
                        f"that the step before has made, on {bench.where(n)}: a momentum of "
                        "another kind, or a mistake"
                    )
    return (found, reason) if found else None


def _made_of(bench: Bench, n: int, known: set[int]) -> bool:
    """Is it one of these values, or a multiple of one?"""
    nodes = bench.tape.nodes
    while n not in known:
        inputs = [a for a in nodes[n].inputs if nodes[a].shape == nodes[n].shape]
        if nodes[n].op not in PASSED_ON or len(inputs) != 1:
            return False
        (n,) = inputs
    return True


def penalties(bench: Bench) -> dict[int, list[int]]:
    """Terms, by step, that are added to a parameter's gradient and made of that parameter alone.

    If each number of it changes the step of that number only, as in ``lam * sign(W)``, the term is
    the gradient of a penalty, whatever its formula. It may be one on a part: ``lam * W[:, 1:]`` or
    ``lam * U[ids]``. The step of the only parameter is made of that parameter alone, too: of it,
    the terms that read no data are meant, beside others that read some, in this step or in another:
    an SVM only shrinks its weights for a sample on the right side.
    """
    found: dict[int, list[int]] = {}
    alone = bench.parameters if len(bench.parameters) == 1 else []
    bare = {
        k for k in bench.chosen for i in alone if not _reads_data(bench, k, bench.steps[k].end[i])
    }
    for k in sorted(bench.chosen, key=bare.__contains__):
        if k in bare and not found:
            break
        view, nodes, step = bench.view(k), bench.tape.nodes, bench.steps[k]
        for number, i in enumerate(bench.parameters):
            stack, seen = [step.end[i]], set[int]()
            while stack:
                n = stack.pop()
                if n in seen or n not in view.inside or n in view.starts:
                    continue
                seen.add(n)
                if (
                    view.depends[n] == view.reaches[n] == 1 << number
                    and not (alone and _reads_data(bench, k, n))
                    and not _is_state(bench, k, n)
                    and _in_place(bench, k, number, n)
                ):
                    found.setdefault(k, []).append(n)
                elif view.depends[n] == view.full and nodes[n].op in GATHERED:
                    stack += nodes[n].inputs
    return found


def _reads_data(bench: Bench, k: int, n: int) -> bool:
    """Is a value made of numbers from outside, beside zeros that fill an array?"""
    view, nodes = bench.view(k), bench.tape.nodes
    read = view.read(view.behind([n]) - view.starts) - view.starts
    return any((x := nodes[i].value) is None or bool(np.any(x)) for i in read)


def grows(bench: Bench, found: dict[int, list[int]]) -> bool:
    """Does what is added let a parameter grow, instead of shrink?"""
    for p in bench.points:
        zero = {n: torch.zeros_like(p.values[n]) for n in found.get(p.step, ())}
        without = bench.again(p, zero)
        for change, other, leaf in zip(p.changes, without, p.leaves, strict=True):
            if float(((change - other) * leaf.detach()).sum()) > 0:
                return True
    return False


def _in_place(bench: Bench, k: int, number: int, n: int) -> bool:
    """Does each number of a parameter change only its own step, as far as value n is in between?

    Then the derivative of the step through n is a diagonal matrix, which multiplies any two vectors
    with the same numbers.
    """
    p = next((p for p in bench.points if p.step == k and p.moved and n in p.values), None)
    if p is None or not p.values[n].requires_grad:
        return False
    value = p.values[n].detach().clone().requires_grad_(True)
    change = bench.again_with_graph(p, {n: value})[number]
    if not change.requires_grad:
        return False
    draw, ratios = torch.Generator().manual_seed(k), []
    for _ in range(2):
        u = torch.randn(change.shape, generator=draw, dtype=torch.float64)
        by = torch.autograd.grad((u * change).sum(), value, retain_graph=True)
        slopes = torch.autograd.grad(
            p.values[n], p.leaves[number], by, retain_graph=True, allow_unused=True
        )
        if slopes[0] is None or slopes[0].shape != u.shape:
            return False
        ratios.append(slopes[0] / u)
    return largest(ratios[0] - ratios[1]) <= FOLLOWS * largest(ratios[0])


def _from_targets(repair: Repair) -> set[int]:
    """All values with the error in them: those computed from a true derivative of this objective.

    A value that is made of the forward pass alone has no target in it.
    """
    right = {n for n in repair.view.step.nodes if n not in repair.forward and repair.matches(n)}
    return repair.view.after(right) if right else {*repair.view.inside}
