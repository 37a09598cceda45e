"""What the updates may be the gradient of.

An own scalar is a number that the script computes from all parameters: its loss, if it has one.
A pair is (delta, value): the objective ``(delta.detach() * value).sum()`` has the gradient that
any loss has whose derivative with respect to the value is delta. If a pair explains the updates,
everything below the value is right, whatever the loss.

The file is long because each kind of objective is looked for in another way.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
import torch

from ..operations import JOINS, LINEAR, PARTS, SAME_NUMBERS, STEPS, SUMS
from ..replay import MANY
from ..tape import Ref, squeezed
from .points import NUMBER_BY_NUMBER, Bench, Key, Point, Values, View, is_finite, kept

Tensor = torch.Tensor
FEW = 4  # numbers whose derivatives are computed one by one, or that tell one sample from another
HINGE = "hinge loss"
PERCEPTRON = "perceptron loss"
DIFFERENT = {"not_equal": True, "equal": False}
LESS = {"less": True, "less_equal": True, "greater": False, "greater_equal": False}
# What may lie between a term of a sum and the update that it is a part of.
PASSED_ON = {"add", "subtract", "negative", "multiply", "divide", "assign", "copy", "astype"}
SELECTED = PARTS - SAME_NUMBERS
Term = tuple[int | None, int]  # (delta, value); no delta: the value itself is the objective


MOST_NUMBERS = 50_000_000  # of all values of a step, times the deltas of one walk back
BENDS = 4  # directions in which a scalar is asked how it bends


@dataclass
class Objective:
    """One scalar, in every step in which it can be computed."""

    kind: str  # "own" or "pair"
    name: str
    terms: dict[int, list[Term]] = field(default_factory=dict)
    key: tuple[Any, ...] = ()
    weights: dict[int, float] = field(default_factory=dict)  # of values; 1 if it is not here
    # step -> (product, factor, other): products in which a factor is a constant
    constant: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    # step -> the states of a recurrent network; with them, how many steps the gradient goes back
    states: dict[int, list[int]] = field(default_factory=dict)
    back: int = 0
    # what `gradients_at` has found, by the identity of a point's values, which it keeps alive
    found: dict[int, tuple[Values, list[Tensor] | None]] = field(default_factory=dict)
    # the same of `noisy_gradients`
    noisy: dict[int, tuple[Values, list[list[Tensor] | None]]] = field(default_factory=dict)

    @property
    def by_branches(self) -> bool:
        """Is it found from the branches that the script takes?"""
        return self.name in (HINGE, PERCEPTRON)

    def values(self, k: int) -> list[int]:
        return [v for _, v in self.terms[k]]


def total(objective: Objective, k: int, values: Mapping[int, Tensor]) -> Tensor | None:
    """The objective at a point, to be differentiated; None if a value of it is not there."""
    found = []
    for d, v in objective.terms[k]:
        value = values.get(v)
        if value is None or not value.is_floating_point():
            return None
        if d is None:
            found.append(objective.weights.get(v, 1.0) * value.sum())
        elif d in values and values[d].numel() == value.numel():
            delta = objective.weights.get(v, 1.0) * values[d].detach()
            found.append((in_shape(delta, value.shape) * value).sum())
        else:
            return None
    if not found:
        return None
    whole, constant = torch.stack(found).sum(), objective.constant.get(k, [])
    slopes = derivatives_of(whole, [values[product] for product, _, _ in constant])
    for by, (_, factor, other) in zip(slopes, constant, strict=True):
        whole = whole - ((by * values[other]).detach() * values[factor]).sum()
    if objective.back:
        states = [values[n] for n in objective.states[k]]
        whole = whole - _from_further(whole, states, objective.back)
    return whole


def _from_further(whole: Tensor, states: list[Tensor], back: int) -> Tensor:
    """What has the gradient that a sum sends through each state from outputs further than that.

    Args:
        whole: the sum, of outputs that are each computed from one of the states.
        states: in the order of time, each computed from the one before.
        back: the gradient of an output goes through so many of them.

    """
    slopes, found = derivatives_of(whole, states), torch.zeros((), dtype=whole.dtype)
    for t in range(back, len(states)):
        output = slopes[t]
        if t + 1 < len(states):  # without what comes from the next state
            after = (slopes[t + 1] * states[t + 1]).sum()
            output = output - derivatives_of(after, [states[t]])[0]
        first = states[t - back]
        through = derivatives_of((output.detach() * states[t]).sum(), [first])[0]
        found = found + (through.detach() * first).sum()
    return found


def in_shape(x: Tensor, shape: torch.Size) -> Tensor:
    """The same numbers in another shape: transposed if the axes are in the other order."""
    other = squeezed(x.shape) != squeezed(shape) == squeezed(x.shape[::-1])
    return (x.T if other and x.ndim == 2 else x).reshape(shape)


def gradients(
    objective: Objective, k: int, values: Mapping[int, Tensor], of: list[Tensor]
) -> list[Tensor] | None:
    """The derivatives of `total` with respect to some values of a point; None if not finite."""
    value = total(objective, k, values)
    if value is None or not value.requires_grad or not is_finite(value):
        return None
    grads = derivatives_of(value, of)
    return grads if all(map(is_finite, grads)) else None


def derivatives_of(value: Tensor, of: list[Tensor]) -> list[Tensor]:
    """The derivatives of a number by tensors; zeros for those that it is not computed from."""
    if not of or not value.requires_grad:
        return [torch.zeros_like(x) for x in of]
    # of a number: for other outputs torch imports a package that takes a third of a second
    found = torch.autograd.grad(value, of, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, of, strict=True)]


def gradients_at(objective: Objective, p: Point) -> list[Tensor] | None:
    """The derivatives with respect to the parameters, computed once for each point."""
    if id(p.values) not in objective.found:
        terms = objective.terms[p.step]
        plain = len(terms) <= FEW and not objective.weights and not objective.back
        if plain and all(_are_numbers(p, d, v) for d, v in terms):
            grads = _by_parts(terms, p)
        else:
            grads = gradients(objective, p.step, p.values, p.leaves)
        objective.found[id(p.values)] = p.values, grads
    return objective.found[id(p.values)][1]


def look_ahead(bench: Bench, some: Iterable[Objective], p: Point) -> None:
    """Compute the gradients at a point of those pairs together that have the same values.

    One walk back through a long step takes not much longer for 20 deltas than for one.
    """
    if len(bench.steps[p.step].nodes) < MANY:
        return
    alike: dict[tuple[int, ...], list[Objective]] = {}
    for one in some:
        terms = [(d, v) for d, v in one.terms.get(p.step, ()) if d in p.values and v in p.values]
        like = all(p.values[d or 0].numel() == p.values[v].numel() for d, v in terms)
        learns = all(p.values[v].requires_grad for _, v in terms)
        if like and learns and len(terms) == len(one.terms.get(p.step, ())) > 0:
            alike.setdefault(tuple(v for _, v in terms), []).append(one)
    most = max(1, MOST_NUMBERS // bench.numbers[p.step])
    for ids, same in alike.items():
        values = [p.values[v] for v in ids]
        for at in range(0, len(same), most):
            bench.clock.check()
            chunk = same[at : at + most]
            rows = ([p.values[d or 0].detach() for d, _ in o.terms[p.step]] for o in chunk)
            deltas = [
                torch.stack([in_shape(d, v.shape).to(v.dtype) for d in column])
                for v, column in zip(values, zip(*rows, strict=True), strict=True)
            ]
            try:
                found = torch.autograd.grad(
                    values, p.leaves, deltas, True, allow_unused=True, is_grads_batched=True
                )
            except RuntimeError:  # torch can do this one by one only
                return
            for n, one in enumerate(chunk):
                both = zip(found, p.leaves, strict=True)
                grads = [torch.zeros_like(x) if g is None else g[n] for g, x in both]
                one.found[id(p.values)] = p.values, grads if all(map(is_finite, grads)) else None


def noisy_gradients(bench: Bench, objective: Objective, p: Point) -> list[list[Tensor] | None]:
    """The same of each run with other rounding, computed once for all parameters."""
    if id(p.values) not in objective.noisy:
        runs = bench.noisy(p)
        again = [gradients(objective, p.step, values, leaves) for values, leaves, _ in runs]
        objective.noisy[id(p.values)] = p.values, again
    return objective.noisy[id(p.values)][1]


def _are_numbers(p: Point, d: int | None, v: int) -> bool:
    x, y = p.values.get(d or -1), p.values.get(v)
    if x is None or y is None:
        return False
    return x.numel() == 1 == y.numel() and y.is_floating_point() and y.requires_grad


def _by_parts(terms: list[Term], p: Point) -> list[Tensor] | None:
    """The same for a few numbers: the derivatives of each are computed once for all its deltas."""
    total: list[Tensor] = []
    for d, v in terms:
        if v not in p.derivatives:
            p.derivatives[v] = derivatives_of(p.values[v].sum(), p.leaves)
        factor = float(p.values[d or 0].detach())
        made = [factor * x for x in p.derivatives[v]]
        total = [a + b for a, b in zip(total, made, strict=True)] if total else made
    return total if all(map(is_finite, total)) else None


def own_scalars(bench: Bench, steps: Iterable[int] | None = None) -> list[Objective]:
    """Every scalar that depends on all parameters, outermost first, and the margins of branches.

    For each place there is the sum over the step, the last, and the first.
    """
    found = _hinges(bench)
    for k in bench.chosen if steps is None else steps:
        view, nodes = bench.view(k), bench.tape.nodes
        needed = view.behind(view.ends)
        # not the same weights on other data
        shared = view.after(needed - view.starts)
        shared |= _on_the_data_of(view, needed) if reads_data(bench) else view.inside
        may_be = shared - _beside_earlier(bench, k) - needed - view.ends.keys()
        may_be -= bench.behind_others | _of_updates(view)
        for key, ids in view.roles.items():
            ids = [
                n
                for n in ids
                if nodes[n].dtype == "f"
                and nodes[n].shape in ((), (1,), (1, 1))
                and view.depends[n]
                and n in may_be
            ]
            whole = [n for n in ids if view.depends[n] == view.full]
            if not whole:
                continue
            # of running sums the last one is the whole, of a search for a step the first one counts
            # a loss may be computed twice: to be kept, and to be returned
            values = {None if (x := nodes[n].value) is None else float(x.item()) for n in ids}
            again = len(ids) > 1 == len(values) and values.isdisjoint({None, 0.0})
            for how, some in (("sum", ids), ("last", whole[-1:]), ("first", whole[:1])):
                if again if how == "sum" else len(ids) == 1:
                    continue
                name = next((nodes[n].name for n in some if nodes[n].name), "")
                made = found.setdefault((how, *key), Objective("own", name, {}, (how, *key)))
                made.terms[k] = [(None, n) for n in some]
    order = sorted(
        found.values(), key=lambda o: max(v for v in o.values(max(o.terms))), reverse=True
    )
    return _as_recorded(bench, order)


@kept
def reads_data(bench: Bench) -> bool:
    """Are the updates made of data, beside the parameters, rates and typed constants?

    Those of a plain function, as of ``f(x, y)``, are not: such a step has no target. A typed number
    that differs from step to step is data, except for a factor with digits: it may be a rate.
    """
    nodes, typed = bench.tape.nodes, dict[object, str]()
    first: set[object] | None = None
    for k in bench.chosen:
        view, indices = bench.view(k), set[object]()
        for n in view.behind(view.ends) - view.starts:
            node = nodes[n]
            factor, outside = node.op in ("multiply", "divide"), view.outside(n, 1)
            some = [x for x in node.args if not isinstance(x, Ref | list)]
            if factor:
                some += [
                    float(x) for i in outside if (x := nodes[i].value) is not None and x.size == 1
                ]
                some = [x for x in some if isinstance(x, int | float) and not x % 1]
                arrays = (x for i in outside if (x := nodes[i].value) is not None and x.size > 1)
                some += [x.flat[:FEW].tolist() for x in arrays]  # a sample
            numbers = repr(some)
            if node.op in {"assign", *PARTS}:
                indices.add((node.site, numbers))
            elif (outside and not factor) or (
                typed.setdefault((node.site, node.op), numbers) != numbers
            ):
                return True
        first = first or indices
        if indices != first:  # of a sample, or of a word
            return True
    return False


def with_constants(bench: Bench, own: Objective) -> Iterable[Objective]:
    """The same scalar with a constant for one factor of a product: an advantage, or a weight of EM.

    It is a product of two values of the forward pass, which is only added to others in the scalar.
    """
    nodes, found = bench.tape.nodes, dict[object, Objective]()
    for k in own.terms if not own.weights else ():
        view, stack, seen = bench.view(k), own.values(k), set[int]()
        while stack:
            n = stack.pop()
            inside = [i for i in nodes[n].inputs if view.depends.get(i)]
            if n in seen or n in view.starts or nodes[n].op not in LINEAR | SUMS | {"multiply"}:
                continue
            seen.add(n)
            stack += inside if len(inside) < 2 or nodes[n].op != "multiply" else ()
            if nodes[n].op == "multiply" and len({*inside}) == 2:
                for factor, other in (inside, inside[::-1]):
                    key = (*view.key(n)[:2], view.key(factor))
                    made = found.setdefault(key, replace(own, found={}, noisy={}, constant={}))
                    made.constant.setdefault(k, []).append((n, factor, other))
    return found.values()


def different(scalars: list[Objective], points: list[Point]) -> list[Objective]:
    """Objectives that are not a multiple of an earlier one at all points, as a mean is of a sum."""
    found: dict[tuple[object, ...], Objective] = {}
    for one in scalars:
        values = [total(one, p.step, p.values) for p in points if p.step in one.terms]
        numbers = [float(v.detach()) for v in values if v is not None]
        key = one.key
        if len(numbers) > 2 and numbers[0] and all(map(math.isfinite, numbers)) and not one.weights:
            key = (*one.terms, *(f"{x / abs(numbers[0]):.10g}" for x in numbers))
        found.setdefault(key, one)
    return [*found.values()]


def _hinges(bench: Bench) -> dict[tuple[object, ...], Objective]:
    """Losses that are a branch: ``if y * f(x) < 1:`` is where max(0, 1 - y f(x)) has a slope.

    The slope may be on either side. ``if step(f(x)) != y:`` is where max(0, -y f(x)) has one.
    """
    found = _of_two_branches(bench)
    if found:
        return found
    nodes, unanswered, by_data = bench.tape.nodes, set[tuple[object, ...]](), list[int]()
    answers = {(nodes[n].site, answer) for n, answer in bench.tape.branches}
    for k in bench.chosen:
        view = bench.view(k)
        needed = view.behind(view.ends)
        answered = _answered(bench, k)
        sums = all(nodes[n].op in ("add", "subtract") for n in view.ends)
        moves = any(p.changing for p in bench.points if p.step == k)
        if needed <= {*view.starts, *view.ends} and sums and moves:
            by_data.append(k)  # no decay: it is a branch that moves the parameters
        progress = _beside_earlier(bench, k) | _of_updates(view)
        for at, (n, answer) in enumerate(bench.tape.branches):
            inputs = [i for i in nodes[n].inputs if i in view.inside]
            if n not in view.inside or len(inputs) != 1:
                continue
            (margin,) = inputs
            if nodes[n].op in DIFFERENT and margin not in needed:
                target = _target_beside(bench, at, margin)
                wrong = _wrong_answer(bench, k, n, margin, target)
                if wrong is not None:
                    z, slope = wrong
                    key = (PERCEPTRON, *view.key(z))
                    made = found.setdefault(key, Objective("own", PERCEPTRON, {}, key))
                    made.terms.setdefault(k, []).append((None, z))
                    differs = target is not None or answer == DIFFERENT[nodes[n].op]
                    made.weights[z] = slope if differs else 0.0
            # a limit that no step comes to may stop a training that diverges
            met = (nodes[n].site, not answer) in answers or bench.is_score(k, margin)
            if nodes[n].op not in LESS or not met:
                continue
            if (
                margin in needed | progress
                or view.depends[margin] != view.full
                or nodes[margin].shape not in ((), (1,), (1, 1))
            ):
                continue
            below = LESS[nodes[n].op] == answer
            if nodes[n].args[0] != Ref(margin):  # 1 > margin
                below = not below
            for slope, active in ((-1.0, below), (1.0, not below)):
                key = (HINGE, slope, *view.key(margin))
                made = found.setdefault(key, Objective("own", HINGE, {}, key))
                made.terms.setdefault(k, []).append((None, margin))
                made.weights[margin] = slope if active else 0.0
                if active and margin not in answered:
                    unanswered.add(key)
    return {
        key: one
        for key, one in found.items()
        if key not in unanswered
        if one.name != HINGE
        or all(any(one.weights[z] for z in one.values(k)) for k in by_data if k in one.terms)
    }


def _answered(bench: Bench, k: int) -> set[int]:
    """The numbers with whose sign a step has asked for, and has then computed a part of an update.

    Another question, as one for the target, may have come between: ``if z > 0 and t == 0:``.
    """
    view, nodes, found = bench.view(k), bench.tape.nodes, set[int]()
    asked = [
        (n, i)
        for n, _ in bench.tape.branches
        if n in view.inside and nodes[n].op in LESS
        for i in nodes[n].inputs
        if i in view.inside
    ]
    end = max(view.ends)
    made = bench.tape.behind(view.ends, range(asked[0][0], end + 1)) if asked else set[int]()
    for (n, z), (following, other) in pairwise([*asked, (end + 1, end)]):
        between = range(n + 1, following)
        ahead = set[int]() if other == end else bench.tape.behind([other], between)
        if not made.isdisjoint({*between} - ahead):
            found.add(z)
    return found


def _of_two_branches(bench: Bench) -> dict[tuple[object, ...], Objective]:
    """A perceptron's loss whose slope is a branch: ``if z > 0 and t == 0: w -= x``, and its twin.

    Each step has asked for z and for a target. Where z was too large, all targets are the same;
    where it was too small, too, and they are larger there.
    """
    nodes, steps, found = bench.tape.nodes, bench.steps, dict[tuple[object, ...], Objective]()
    ends = [min(step.end.values()) for step in steps]
    inside = {n for step in steps for n in step.nodes}
    asked, target = dict[int, tuple[int, bool]](), dict[int, float]()
    for n, answer in bench.tape.branches:
        k, i = bisect_left(ends, n), nodes[n].inputs[0] if len(nodes[n].inputs) == 1 else n
        if n in inside and nodes[n].op in LESS:
            asked[k] = i, (LESS[nodes[n].op] == answer) == (nodes[n].args[0] == Ref(i))
        elif n not in inside:
            value = nodes[i if nodes[n].op in {*LESS, *DIFFERENT} else n].value
            if value is not None and value.size == 1:
                target[k] = float(value.item())
    moved = [k for k in asked if k < len(steps)]
    if (
        len(moved) < len(steps) - 1
        or not {*moved} <= target.keys()
        or not {*bench.chosen} <= {*moved}
    ):
        return found
    small, large = ({target[k] for k in moved if asked[k][1] is low} for low in (True, False))
    if len(small) != 1 or len(large) != 1 or max(small) <= max(large):
        return found
    for k in bench.chosen:
        view, (z, low) = bench.view(k), asked[k]
        needed = view.behind(view.ends)
        if (
            z in needed
            or view.depends.get(z) != view.full
            or nodes[z].shape not in ((), (1,), (1, 1))
        ):
            return {}
        key = (PERCEPTRON, *view.key(z))
        made = found.setdefault(key, Objective("own", PERCEPTRON, {}, key))
        made.terms[k] = [(None, z)]
        made.weights[z] = -1.0 if low else 1.0
    return found


def _target_beside(bench: Bench, at: int, answer: int) -> int | None:
    """The target t in ``y == 0 and t == 1``, if both hold; None if there is none.

    Args:
        bench: of the network.
        at: the place of the answer's comparison among the branches; it may be the second.
        answer: y.

    """
    nodes, branches = bench.tape.nodes, bench.tape.branches
    one, holds = branches[at]
    if not holds or nodes[one].op != "equal":
        return None
    for n, holds in (*branches[at + 1 : at + 2], *branches[max(at - 1, 0) : at]):
        beside = nodes[n].line == nodes[one].line and n > answer
        if beside and holds and nodes[n].op == "equal" and len(nodes[n].inputs) == 1:
            (t,) = nodes[n].inputs
            if nodes[t].op == "leaf" and nodes[t].shape == ():
                return t
    return None


def _wrong_answer(
    bench: Bench, k: int, n: int, answer: int, target: int | None
) -> tuple[int, float] | None:
    """The number that an answer is a step function of, and the loss's slope if it is wrong.

    Args:
        bench: of the network.
        k: the step.
        n: the comparison of the answer with the target.
        answer: the value that is compared with the target.
        target: compared with another number, in the same ``if``; or None.

    """
    view, nodes = bench.view(k), bench.tape.nodes
    if nodes[answer].op not in STEPS | {"where"}:  # perhaps a number of wrong answers
        return None
    compared = [m for m in view.behind([answer]) if nodes[m].op in (*LESS, "sign")]
    asked = {i for m in compared for i in nodes[m].inputs if i in view.inside}
    others = [] if target is None else [Ref(target)]
    others += [x for x in nodes[n].args if x != Ref(answer) and isinstance(x, Ref)]
    given = [nodes[x.id].value for x in (Ref(answer), *others)]
    numbers = [float(np.reshape(x, ())) for x in given if x is not None and np.size(x) == 1]
    if len(asked) != 1 or len(numbers) != 2:
        return None
    (z,) = asked
    if view.depends[z] != view.full or nodes[z].shape not in ((), (1,), (1, 1)):
        return None
    table = bench.at_each(k, z, answer, {}) if bench.is_score(k, z) else None
    if table is None:
        return None
    slope = float((table[-1] - table[0]).sum()) * (numbers[0] - numbers[1])
    return (z, math.copysign(1.0, slope)) if slope else (z, 0.0)


@kept
def _beside_earlier(bench: Bench, k: int) -> set[int]:
    """Values that compare one of this step with the same of an earlier step: progress, not a loss.

    A running loss only adds to what was there.
    """
    view, nodes = bench.view(k), bench.tape.nodes
    before = {n for step in bench.steps[:k] for n in step.nodes} - view.inside
    compared = []
    for n in view.step.nodes:
        if n not in view.starts and nodes[n].op != "add":
            sites = [(nodes[i].site, nodes[i].op) for i in nodes[n].inputs]
            earlier = len(sites) > len({*sites}) and not before.isdisjoint(nodes[n].inputs)
            compared += [n] if earlier else []
    return view.after(compared)


def _on_the_data_of(view: View, needed: set[int]) -> set[int]:
    """Values that read data from outside the step, but only data that the updates read.

    Data are arrays, or single numbers where the updates read no array.
    """
    nodes = view.tape.nodes
    least = 2 if any(map(view.outside, needed)) else 1
    # a parameter was made of the data of the step before
    known = {i for n in needed - view.starts for i in view.outside(n, least)}
    stack = [*known]
    while stack:  # and what these are made of, but not what they are a part of
        i = stack.pop()
        before = () if nodes[i].op in SELECTED else {*nodes[i].inputs} - known
        known.update(before)
        stack += before
    parts = {(nodes[i].op, repr(nodes[i].args)) for i in known if nodes[i].op in SELECTED}

    answers = dict.fromkeys(known, True)
    outside = {i for n in view.step.nodes if n not in view.starts for i in view.outside(n, least)}
    for i in sorted(view.tape.behind(outside, range(len(nodes)))):
        made_of = [j for j in nodes[i].inputs if nodes[j].shape]
        # another part of the data is other data
        if i not in answers and nodes[i].op in SELECTED:
            answers[i] = (nodes[i].op, repr(nodes[i].args)) in parts
        answers.setdefault(i, bool(made_of) and all(answers[j] for j in made_of))

    strange, found = set[int](), set[int]()
    for n in view.step.nodes:
        if n in view.starts:
            continue
        given = view.outside(n, least)
        if not all(answers[i] for i in given) or strange & {*nodes[n].inputs}:
            strange.add(n)
        elif given or found & {*nodes[n].inputs}:
            found.add(n)
    return found


def _moved_by_itself(view: View, n: int) -> bool:
    """Is it a multiple of the only parameter, plus other terms?

    Then its derivative by it is one number, and with that any update explains itself.
    """
    if view.full != 1:
        return False
    nodes = view.tape.nodes
    mine = view.behind([n]) - view.starts
    # each part of the parameter has a number of its own: w[0] * x + w[1] * y
    weighed = {
        number
        for m in mine
        if nodes[m].op == "multiply" and any(nodes[i].op in SELECTED for i in nodes[m].inputs)
        for number in ({*nodes[m].inputs} - view.inside) or nodes[m].args
        if not isinstance(number, Ref)  # it is typed
    }
    # and one part may be added as it is: w[0] * x + w[1]
    added = any(
        nodes[m].op == "add" and any(nodes[i].op in SELECTED for i in nodes[m].inputs) for m in mine
    )
    return len(weighed) + added < 2 and all(
        nodes[m].op in {*PASSED_ON, *PARTS}
        and (nodes[m].op in ("add", "subtract") or not view.outside(m))
        for m in mine
    )


@kept
def _updates(view: View) -> set[int]:
    """Whole updates of an array, with more in them than the parameter itself.

    With a decay in it, any update follows the square of itself.
    """
    nodes, mixed, found = view.tape.nodes, set[int](), set[int]()
    for n in view.step.nodes:
        if n in view.starts:
            continue
        if nodes[n].op not in NUMBER_BY_NUMBER or not mixed.isdisjoint(nodes[n].inputs):
            mixed.add(n)
        size = math.prod(nodes[n].shape)
        if n in mixed and n in view.only_moves and size > 1:
            moved = [end for end, i in view.ends.items() if view.reaches[n] >> i & 1]
            found |= {n} if [math.prod(nodes[end].shape) for end in moved] == [size] else set()
    return found


def _of_updates(view: View) -> set[int]:
    """What is made of the update of an array, as the norm by which it may be clipped: no loss."""
    return view.after(_updates(view) - view.updated) - view.after(view.ends)


def is_copied(view: View, n: int) -> bool:
    """Is it a part of a parameter, perhaps times a number, as in its decay?

    Any update is its own derivative by a copy of the parameter.
    """
    nodes = view.tape.nodes
    while n not in view.begin and (
        nodes[n].op in {*PARTS, "assign"}
        or (nodes[n].op in ("multiply", "divide") and len(nodes[n].inputs) == 1)
    ):
        n = nodes[n].inputs[0]
    return n in view.begin


def is_linear(bench: Bench, objective: Objective) -> bool:
    """Does it have the same gradient wherever the parameters are? Then it has no minimum."""
    by_step: dict[int, list[list[Tensor]]] = {}
    for p in bench.points:
        if p.step in objective.terms:
            bench.clock.check()
            grads = gradients_at(objective, p)
            if grads is not None:
                by_step.setdefault(p.step, []).append(grads)
    return all(
        torch.allclose(a, b, rtol=1e-9, atol=0.0)
        for found in by_step.values()
        for other in found[1:]
        for a, b in zip(found[0], other, strict=True)
    )


def is_concave(bench: Bench, objective: Objective) -> bool:
    """Does it bend downwards at every point? Then it is meant to be climbed, as the dual of an SVM.

    Random directions ask: along each of them the second derivative is negative.
    """
    points = [p for p in bench.points if p.step in objective.terms]
    for p in points:
        value = total(objective, p.step, p.values)
        if value is None or not value.requires_grad:
            return False
        bench.clock.check()
        grads = torch.autograd.grad(value, p.leaves, create_graph=True, allow_unused=True)
        draw = torch.Generator().manual_seed(p.step)
        for _ in range(BENDS):
            way = [torch.randn(x.shape, generator=draw, dtype=torch.float64) for x in p.leaves]
            along = [(g * v).sum() for g, v in zip(grads, way, strict=True) if g is not None]
            slope = sum(along, torch.zeros(()))
            if not slope.requires_grad:
                return False
            bend = torch.autograd.grad(slope, p.leaves, retain_graph=True, allow_unused=True)
            some = [float((b * v).sum()) for b, v in zip(bend, way, strict=True) if b is not None]
            if not sum(some) < 0:
                return False
    return bool(points)


def as_own(bench: Bench, pair: Objective) -> Objective | None:
    """The value of a pair as an objective, if it is a scalar that no update is made of."""
    made = Objective("own", "")
    for k, terms in pair.terms.items():
        view, (_, v) = bench.view(k), terms[0]
        # an element of an array that updates are made of is no loss
        used = bench.tape.origin(v, PARTS) in view.behind(view.ends)
        if len(terms) > 1 or bench.tape.nodes[v].shape or used:
            return None
        made.terms[k] = [(None, v)]
        made.name = bench.tape.nodes[v].name
    return made


def last_used(view: View) -> int:
    """The parameter of the output: the one that the forward pass reads last."""
    return max(view.order, key=view.order.__getitem__)


def deltas(bench: Bench, k: int) -> tuple[dict[Key, list[int]], dict[Key, list[int]]]:
    """Groups of values that may be deltas, and of values that they may belong to."""
    view, nodes = bench.view(k), bench.tape.nodes
    d, z = {}, {}
    for key, ids in (*view.roles.items(), *view.places.items(), *view.calls.items()):
        depends = reaches = 0
        for n in ids:
            depends |= view.depends[n]
            reaches |= view.reaches.get(n, 0)
        # the error of a step unit may be a whole number
        if nodes[ids[0]].dtype not in ("f", "i") or depends != view.full:
            continue
        if ids[0] in view.updated or _moved_by_itself(view, ids[0]):
            continue
        if reaches >> last_used(view) & 1:
            d[key] = ids
        joined = nodes[ids[0]].inputs if nodes[ids[0]].op in JOINS else ids[:1]
        copied = all(is_copied(view, i) for i in joined)
        if nodes[ids[0]].dtype == "f" and not copied and ids[0] not in _updates(view):
            z[key] = ids
    return d, z


def pairs(bench: Bench) -> list[Objective]:
    """All pairs whose delta and value depend on all parameters."""
    k = bench.chosen[0]
    nodes = bench.tape.nodes
    found = []
    groups_d, groups_z = deltas(bench, k)

    shapes = {
        key: {squeezed(nodes[n].shape) for n in ids}
        for key, ids in (*groups_z.items(), *groups_d.items())
    }
    for z, zs in groups_z.items():
        first_use = min(zs)
        for d, ds in groups_d.items():
            alike = shapes[z] == shapes[d] or shapes[z] == {shape[::-1] for shape in shapes[d]}
            if max(ds) <= first_use or not alike or len(ds) % len(zs):
                continue
            for reverse in (False, True) if len(zs) > 1 else (False,):
                made = pair_of(bench, d, z, reverse)
                if made is not None:
                    found.append(made)
    return _as_recorded(bench, found)


def heads(
    bench: Bench, factors: Callable[[Objective, int], Mapping[int, float]]
) -> list[Objective]:
    """A pair for each output of a network that has several.

    An output is where the forward pass first uses a parameter that is below no other's first use.
    The pair explains the steps of this parameter, and has their factors as weights. If the first
    use is a multiple of the parameter, as ``0.9 * v + w`` is, any step is explained: none is asked.

    Args:
        bench: of the network.
        factors: by step, those with which a pair explains a parameter; none if it does not.

    """
    view, nodes = bench.view(bench.chosen[0]), bench.tape.nodes
    below = {i: view.behind([n]) for i, n in view.order.items()}
    sizes = {i: math.prod(nodes[n].shape) for n, i in view.begin.items()}
    found: list[Objective] = []
    for i, z in view.order.items():
        if any(z in below[j] for j in below if j != i):
            continue
        same = math.prod(nodes[z].shape) == sizes[i] and nodes[z].op in NUMBER_BY_NUMBER
        if same and view.depends.get(z) == 1 << i:
            return []
        place = next((key for key, ids in view.roles.items() if z in ids), None)
        made = (
            pair_of(bench, key, place, False)
            for key, (n, *_) in (*view.roles.items(),)
            if place is not None and n > z and nodes[n].dtype == "f" and n not in view.updated
            if view.reaches.get(n, 0) >> i & 1
            and squeezed(nodes[n].shape) == squeezed(nodes[z].shape)
        )
        known = ((one, factors(one, i)) for one in made if one is not None)
        one, rates = next(((one, rates) for one, rates in known if rates), (None, {}))
        if one is None:
            return []
        one.terms = {k: terms for k, terms in one.terms.items() if k in rates}
        one.weights = {v: rates[k] for k in one.terms for v in one.values(k)}
        found.append(one)
    return found if len(found) > 1 else []


def sum_of(some: Sequence[Objective]) -> Objective:
    """The sum of some objectives, in the steps that all of them are in, weighed as they are."""
    steps = [k for k in some[0].terms if all(k in one.terms for one in some)]
    made = Objective("pair", "", {k: [t for one in some for t in one.terms[k]] for k in steps})
    for one in some:
        made.weights |= one.weights
    return made


def _as_recorded(bench: Bench, found: list[Objective]) -> list[Objective]:
    """Those whose forward pass is that of the script: the check leaves no cut out of it."""
    if not bench.tape.uncut:
        return found
    views = [bench.view(k) for k in {k for one in found for k in one.terms}]
    cut = {view.k: view.after(bench.tape.uncut & view.inside) for view in views}
    return [one for one in found if all(cut[k].isdisjoint(one.values(k)) for k in one.terms)]


def pair_of(
    bench: Bench, d: Key, z: Key, reverse: bool, steps: Iterable[int] | None = None
) -> Objective | None:
    """The pair of two places of the script; None if they do not belong together."""
    made = Objective("pair", "", {}, (d, z, reverse))
    nodes = bench.tape.nodes
    for k in bench.chosen if steps is None else steps:
        view = bench.view(k)
        ds, zs = view.made_at(d), view.made_at(z)
        if not ds or not zs or len(ds) % len(zs):
            continue
        ds = ds[:: len(ds) // len(zs)]
        made.terms[k] = list(zip(backwards(ds, zs) if reverse else ds, zs, strict=True))
        made.name = made.name or nodes[ds[0]].name
    return made if made.terms else None


def backwards(ds: list[int], zs: list[int]) -> list[int]:
    """The deltas in the order of their values, if a backward pass begins with the last one.

    A step may have several sequences, each with a forward and a backward pass of its own.
    """
    order = sorted([*((z, False) for z in zs), *((d, True) for d in ds)])
    runs = [[n for n, _ in run] for _, run in groupby(order, key=itemgetter(1))]
    values, found = runs[::2], [run[::-1] for run in runs[1::2]]
    alternate = [*map(len, values)] == [*map(len, found)] and not order[0][1]
    return [*chain(*found)] if alternate else ds[::-1]
