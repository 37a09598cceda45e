"""What forbids the verdict "correct", whatever the numbers say.

The file is long because it is a list: many short questions, which the judge asks one after another.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch

from .. import replay
from ..operations import CUTS, JOINS, PARTS, PRODUCTS, SAME_NUMBERS, STEPS, SUMS
from ..tape import SMALL, Node, Ref, Tape
from .findings import Diagnosis, MistakeName
from .fit import FOLLOWS, Fit, fit
from .objectives import Objective, derivatives_of, gradients, gradients_at, total
from .points import Bench, CannotTell, View, equal, largest
from .samples import power_of_sample
from .steps import BETWEEN, Network, consumers, moves_others

OTHER_FORMS = {*SAME_NUMBERS, "negative"}  # of the same data
OFTEN = 4  # changes of sign of a number in a run


def clips(bench: Bench) -> list[int]:
    """Where the backward pass cuts values off."""
    view = bench.view(bench.chosen[0])
    return [
        n
        for n in view.step.nodes
        if bench.tape.nodes[n].op in CUTS and view.depends[n] == view.full and view.reaches.get(n)
    ]


def optimised(bench: Bench) -> bool:
    """Is there something between a gradient and its parameter that is not linear, or a state?"""
    return any(s.optimiser for s in bench.network.states) or bool(clips(bench))


def unseen(bench: Bench) -> str | None:
    """A value in an update that came from code that was not recorded.

    It is data if every step reads the same, while the parameters change: ``names.astype(float)``.
    """
    nodes, first = bench.tape.nodes, min(bench.steps[0].start.values())
    found: dict[object, dict[int, Node]] = {}  # place of the script -> the values made there
    for k in bench.chosen:
        view = bench.view(k)
        for i in (i for n in view.behind(view.ends) for i in nodes[n].inputs if i > first):
            if nodes[i].op in ("foreign", "lost") and nodes[i].dtype == "f":
                found.setdefault(nodes[i].site, {})[i] = nodes[i]
    for made in found.values():
        one, *others = made.values()
        if len(others) < 2 or not all(equal(one, x) for x in others):
            return (
                f"{one.name or 'a value'} on {bench.where(one.id)} was computed by code that could "
                "not be recorded"
            )
    return None


def grown(bench: Bench) -> Diagnosis | None:
    """A bias whose gradient is not summed over the samples grows to one row for each of them."""
    nodes = bench.tape.nodes
    for i in bench.parameters:
        state = bench.network.states[i]
        for root in [n for n in state.nodes[:2] if n is not None]:
            node = nodes[root]
            if node.op not in ("add", "subtract") or len(node.inputs) != 2:
                continue
            old, change = node.inputs
            if math.prod(nodes[old].shape) >= math.prod(node.shape) or nodes[old].dtype != "f":
                continue
            at = change
            while not nodes[at].name and nodes[at].inputs:
                at = nodes[at].inputs[-1]
            # the forward pass adds it to each sample; it adds no momentum, ``np.zeros(1)`` at first
            added = [n for n in nodes[old:root] if old in n.inputs and n.shape == node.shape]
            if not added:
                continue
            summed = nodes[at].op in SUMS or any(nodes[m].op in SUMS for m in nodes[at].inputs)
            line, name = nodes[at].line, nodes[at].name
            alias = next(
                ((a, where) for n, a, where in bench.tape.aliases if n == at and where > line), None
            )
            users = sum(at in other.inputs for other in nodes)
            if alias:
                name, line = alias
            elif users > 1:  # the delta itself
                name, line = state.name, node.line
            mistake: MistakeName = "bias not summed"
            if summed:
                mistake = "bias summed over the wrong axis"
            return Diagnosis(line, name, mistake, True, [state.name], node.shape)
    return None


def broadcast(bench: Bench) -> Diagnosis | None:
    """A column and a row of data put together, so that each sample is compared with every other."""
    view, nodes = bench.view(bench.chosen[0]), bench.tape.nodes
    for n in sorted(view.behind(view.ends)):
        node = nodes[n]
        if n in view.starts or not view.crosses(n):
            continue
        mine, data = sorted(node.inputs, key=lambda i: -view.depends.get(i, 0))
        if data not in view.inside and view.depends.get(mine) == view.full:
            return Diagnosis(
                node.line, view.variable(n), None, True, list(bench.names), node.shape, n
            )
    return None


def unseen_parameter(bench: Bench, objective: Objective) -> str | None:
    """An array that the forward pass reads, and that was made of the deltas of the step before."""
    k = max(objective.terms)
    if not k:
        return None
    view, before, nodes = bench.view(k), bench.view(k - 1), bench.tape.nodes
    begin, deltas = max(view.starts), [d for d, _ in objective.terms[k] if d is not None]
    forward = {n for n in view.behind(objective.values(k)) if n > begin}
    # a bias that is added to the value may lie between it and its delta; there a factor is a rate
    forward |= {n for n in view.behind(deltas) if n > begin and nodes[n].op in ("add", "subtract")}
    # also in a pass of the same function that is trained, or that is not
    places = {view.key(v)[:3] for v in objective.values(k)}
    there = [n for key, ids in before.groups.items() if key[:3] in places for n in ids]
    backward = {
        n for n in before.step.nodes if before.reaches.get(n) and n not in before.starts
    } - before.behind(there)
    # the states of another network that the script trains are judged there
    known = (*bench.network.states, *bench.network.of_others)
    states = {n for s in known for n in s.nodes if n is not None}
    since = min(before.starts)
    given = {i for i in view.read(forward) if i > since}
    # a running loss reads what it was: it is not a weight
    for i in sorted(given - states - {*there}):
        stack, seen = [i], set[int]()
        while stack:
            n = stack.pop()
            if n in seen or n in states or n < since:
                continue
            seen.add(n)
            if n in backward and _matters(bench, objective, k, i):
                name = nodes[bench.tape.origin(i, PARTS)].name or "an array"
                return (
                    f"the forward pass reads {name}, which the step before made on "
                    f"{bench.where(i)}: if it is a parameter, change it by W -= lr * gradient, of "
                    "the whole array; if it is not, no step should read what another has made"
                )
            stack += nodes[n].inputs
    return None


def leaves_out(bench: Bench, one: Fit, own: list[Fit]) -> str | None:
    """Does a loss of the script count samples that no update is made of, beside those of a pair?"""
    nodes = bench.tape.nodes
    terms = one.objective.terms if one.objective.kind == "pair" else {}
    if len({_turn(bench, k, one.objective.values(k)) for k in terms}) > 1:
        return None  # each step draws a sample
    for k in terms:
        view, zs = bench.view(k), {*one.objective.values(k)}
        places = {(nodes[z].site, nodes[z].op) for z in zs}
        known = view.behind(zs) | view.after(zs)
        for other in own:
            values = other.objective.values(k) if k in other.objective.terms else []
            behind = view.behind(values)
            more = [
                n
                for n in behind
                if zs <= behind and not view.reaches[n] and view.depends[n] == view.full
                if (nodes[n].site, nodes[n].op) in places
                if n not in known
            ]
            if more and not other.all_good:
                name = other.objective.name or "a loss"
                return (
                    f"the updates are right for some of the samples, and {name} counts others, too "
                    f"({view.variable(more[0])} on {bench.where(more[0])}), which no update is "
                    "made of: should an = be a +=?"
                )
    return None


def without_target(bench: Bench, one: Fit) -> str | None:
    """Data that the script's own loss reads and no update does, as in the mean of all errors.

    Such a loss is a sum with its targets: its derivative is the same whatever they are.
    """
    if one.objective.kind != "own" or one.objective.by_branches:
        return None
    tape, nodes, k = bench.tape, bench.tape.nodes, min(one.objective.terms)
    view = bench.view(k)
    loss, steps = view.behind(one.objective.values(k)), view.behind(view.ends)

    def read(made: Iterable[int]) -> set[int]:
        """What is read from outside, except for an array that is then filled."""
        every = ((nodes[n], i) for n in made for i in nodes[n].inputs if nodes[i].shape)
        return {i for n, i in every if n.op != "assign" or i != n.inputs[0]} - view.inside

    def first(made: Iterable[int]) -> set[int]:
        """The data that what they read was made of."""
        known = read(made)
        return {n for n in tape.behind(known, range(len(nodes))) if nodes[n].op == "leaf"}

    states = {n for s in bench.network.of_others for n in s.nodes if n is not None}
    known = read(steps)
    made_of = tape.behind(known, range(len(nodes))) | states  # ``X.T``, ``-X``, ``X.T @ y``
    left = [
        nodes[n].name
        for n in sorted(read(loss))
        if nodes[n].name and tape.origin(n, OTHER_FORMS) not in made_of
        if not any(equal(nodes[n], nodes[i]) for i in known)
    ]
    if not left or first(steps) - first(loss & steps):
        return None
    name = one.objective.name or "a number that the script computes"
    return (
        f"every update makes {name} smaller, which reads {left[0]}, but no update does: its "
        "derivative is the same whatever the targets are"
    )


def target_that_learns(bench: Bench, one: Fit) -> str | None:
    """An output of another pass that is part of the error, and need not be meant as its target.

    No update goes back through it. Q-learning means this: its target ``r + 0.9 * max(Q(s'))`` is
    subtracted, and counts for less than the prediction. Of ``f(a) - f(b)``, both must learn.
    """
    k = min(one.objective.terms)
    view, nodes, ((d, z), *others) = bench.view(k), bench.tape.nodes, one.objective.terms[k]
    if d is None or others:
        return None
    points, z = [p for p in bench.points if p.step == k and p.moved], bench.tape.origin(z)
    mine = {n for n in view.after([z]) if n <= d and view.only_through(n, z)}
    for e in sorted(view.behind([d]) - mine):
        parts = [i for i in nodes[e].inputs if i in mine]
        other = [i for i in nodes[e].inputs if i not in mine and view.depends.get(i)]
        if nodes[e].op not in ("add", "subtract") or not parts or not other:
            continue
        for y in sorted(view.behind(other) - view.behind(mine) - view.after([z])):
            for f in (f for f in mine & view.behind(parts) if view.is_like(f, y)):
                slopes = [
                    derivatives_of(p.values[e].sum(), [p.values[f], p.values[y]]) for p in points
                ]
                added = any(a.sum() * b.sum() > 0 for a, b in slopes)
                if added or any(b.any() and torch.equal(a, -b) for a, b in slopes):
                    return (
                        f"every update is right if {view.variable(y) or 'a value'} on "
                        f"{bench.where(y)}, which another forward pass makes, counts as a "
                        f"constant: but {bench.where(e)} does not use it as a target"
                    )
        return None
    return None


def _turn(bench: Bench, k: int, values: list[int]) -> int:
    """How many samples the step has computed before those of these values."""
    first = bench.tape.nodes[min(values)]
    same = (bench.tape.nodes[n] for n in bench.view(k).step.nodes if n < first.id)
    return sum((n.site, n.op) == (first.site, first.op) for n in same)


def moved_by_data(bench: Bench, one: Fit) -> str | None:
    """A weight of the forward pass that each step moves without a gradient: ``w -= rate``."""
    nodes, k = bench.tape.nodes, max(one.objective.terms)
    view = bench.view(k)
    forward = view.behind(one.objective.values(k)) - view.starts
    stack = sorted(view.read(forward))
    states = (*bench.network.states, *bench.network.of_others)
    trained = {n for s in states for n in s.nodes if n is not None}
    seen = {*trained}
    while stack:
        product = nodes[stack.pop()]
        if product.id in seen or product.op == "leaf":
            continue
        seen.add(product.id)
        stack += [i for i in product.inputs if nodes[i].op != "leaf"]
        for w in product.inputs if product.op in PRODUCTS | {"multiply"} else ():
            if nodes[w].op in ("add", "subtract") and nodes[w].dtype == "f" and w not in seen:
                before = [nodes[i] for i in nodes[w].inputs if nodes[i].site == nodes[w].site]
                moved = any(n.op == nodes[w].op and not equal(n, nodes[w]) for n in before)
                if moved and trained.isdisjoint(bench.tape.behind([w], range(w + 1))):
                    return (
                        f"{nodes[w].name or 'a number'} on {bench.where(w)} moves by the same "
                        "number in each step, whatever the error is"
                    )
    return None


def by_the_sample(bench: Bench, one: Fit) -> tuple[Diagnosis | None, str]:
    """A step that lacks the number that a sample multiplies the only weight with: ``w -= error``.

    Any step of a single number is a multiple of its gradient. This multiple then differs from
    sample to sample as that number does; or as one divided by it, if the step has it twice.
    """
    power, name = power_of_sample(bench, one.objective, one.factors), bench.names[0]
    single = all(math.prod(bench.tape.nodes[n].shape) == 1 for n in bench.view(0).begin)
    if len(bench.parameters) > 1 or not single or abs(power) != 1:
        return None, ""
    k, nodes = min(one.factors), bench.tape.nodes
    view = bench.view(k)
    backward = view.behind(view.ends) - view.starts - view.behind(one.objective.values(k))
    given = bench.tape.behind(view.read(backward), range(len(nodes)))
    divides = {n for n in backward if view.outside(n, 1)} | given
    if power < 0 and any(nodes[n].op == "divide" for n in divides):
        return None, ""  # perhaps on purpose, by a rate of 0.1 / x
    node = nodes[_made_at(bench, k)]
    how = "lacks a factor" if power < 0 else "has a factor once too often"
    return (
        Diagnosis(node.line, node.name or name, None, True, [name], (), node.id),
        f"the step of {name} {how}: the number that a sample multiplies it with",
    )


def _made_at(bench: Bench, k: int) -> int:
    """The change of the only parameter, where it was made on another line than the update."""
    nodes, end = bench.tape.nodes, bench.steps[k].end[bench.parameters[0]]
    n = next((n for n, _ in bench.change_nodes(k, bench.parameters[0]) or ()), end)
    while nodes[n].op in ("multiply", "divide") and len(nodes[n].inputs) == 1:
        if nodes[n].line != nodes[end].line:
            return n
        (n,) = nodes[n].inputs
    return n if nodes[n].line != nodes[end].line else end


def without_delta(bench: Bench, one: Fit) -> str | None:
    """A step that moves parameters, but not by the delta that explains the other steps."""
    terms = one.objective.terms if one.objective.kind == "pair" else dict.fromkeys(bench.chosen)
    moving = {p.step for p in bench.points if p.changing}
    left = [k for k in bench.chosen if k in moving and k not in terms]
    numbers = {
        (p.step, d): p.values.get(d or -1) for p in bench.points for d, _ in terms.get(p.step) or ()
    }
    # the answers of a perceptron are whole numbers, and a branch may return them
    if not left or not any(x is not None and x.requires_grad for x in numbers.values()):
        return None
    # there the places may have other parts: the parameters were printed before the step
    same, all_points = Objective("pair", ""), bench.points
    for k in left:
        ds, zs = (
            [n for n in _at(bench, k, one, i) if i or bench.view(k).reaches[n]] for i in (0, 1)
        )
        if zs and len(ds) in (0, len(zs)):  # without a rate, as in clipping by norm, it is a loss
            same.terms[k] = [*zip(ds, zs, strict=True)] if ds else [(None, z) for z in zs]
    bench.points = [p for p in all_points if p.step in left]
    found = fit(bench, same, decay=True) if len(same.terms) == len(left) else None
    bench.points = all_points
    if found is not None and found.all_good and found.scale * one.scale > 0:
        return None
    end = min(bench.steps[left[0]].end[i] for i in bench.parameters)
    return (
        f"some steps, the first on {bench.where(end)}, are made of other values than the steps "
        "that were checked, which are right"
    )


def _at(bench: Bench, k: int, one: Fit, i: int) -> list[int]:
    """The values of a step that are made where a part of each term of other steps is made."""
    nodes = bench.tape.nodes
    known = {n for terms in one.objective.terms.values() for n in (t[i] for t in terms)}
    places = {(nodes[n].site, nodes[n].op) for n in known if n is not None}
    starts = bench.view(k).starts
    return [
        n
        for n in bench.steps[k].nodes
        if (nodes[n].site, nodes[n].op) in places and n not in starts
    ]


def after_another_pass(tape: Tape, network: Network) -> tuple[Tape, int] | None:
    """The same program in which what is left over from an evaluation is data.

    The pass that is trained begins with a state that another one has left: one of the same
    function, called from another place, whose prediction no update is made of.

    Returns:
        The tape and the first such value; None if there is none.

    """
    nodes, left, predictions = tape.nodes, set[int](), dict[int, int]()
    for k in range(len(network.steps)):
        view = View(tape, network, k)
        whole = [
            n for n in view.step.nodes if n not in view.starts and view.depends[n] == view.full
        ]
        trained = {(nodes[n].site, nodes[n].shape): n for n in reversed(whole) if view.reaches[n]}
        since = -1
        for n in whole:
            z = trained.get((nodes[n].site, nodes[n].shape), n)
            if n < z and not view.reaches[n] and nodes[n].calls != nodes[z].calls:
                since, predictions[k] = n, z
        new = {n for n in view.step.nodes if n > since >= 0 and view.reaches[n]}
        read = {i for n in new for i in nodes[n].inputs if i <= since}
        left |= {i for i in read & view.inside - view.starts if nodes[i].value is not None}
    data = [replace(n, op="leaf", args=(), kwargs={}) if n.id in left else n for n in nodes]
    made = tape.with_nodes(data)
    views = [View(made, network, k) for k in [*predictions][-1:] if left]
    # all parameters come into the pass that is trained: it is a whole one
    whole_pass = [v for v in views if v.depends[predictions[v.k]] == v.full]
    return (made, min(left)) if whole_pass else None


def sometimes(bench: Bench, one: Fit) -> tuple[str, Diagnosis | None] | None:
    """A parameter that only some steps change, and not by its gradient: a bias in one branch.

    It is a mistake if the change is made of the data: a number that is typed may be a schedule.
    """
    nodes, steps = bench.tape.nodes, bench.steps
    for k in [k for k in one.objective.terms if k + 1 < len(steps)]:
        read, later = _read(bench, one, k), _read(bench, one, k + 1)
        for place in sorted(read.keys() & later.keys(), key=later.__getitem__):
            old, new = read[place], later[place]
            at = new
            while at != old and nodes[at].op in ("add", "subtract") and nodes[at].inputs:
                at = nodes[at].inputs[0]
            if at != old or old == new or new in bench.view(k).inside:
                continue
            known = {n: nodes[n].value for n in (*steps[k].start.values(), old, new)}
            given = {n: replay.tensor(v).double() for n, v in known.items() if v is not None}
            if len(given) < len(known):
                continue
            leaf, after = given[old].requires_grad_(True), given.pop(new)
            made = replay.run(bench.tape, one.objective.values(k), given, bench.ties)
            loss = total(one.objective, k, made)
            if loss is None or not loss.requires_grad:
                continue
            (slope,) = torch.autograd.grad(loss, leaf, allow_unused=True)
            change = after - leaf.detach()
            if slope is None or largest(change + one.scale * slope) > FOLLOWS * largest(change):
                name = nodes[new].name or "an array"
                how = "is changed in some steps only, and not by the gradient"
                if not bool(change.any()):
                    how = "never changes, because each step adds 0, and its gradient is not 0"
                reason = f"{name} on {bench.where(new)} {how}; the other updates are right"
                parts = bench.tape.behind([new], range(old + 1, new + 1)) - {new}
                data = any(nodes[m].op in ("getitem", "item") or nodes[m].shape for m in parts)
                node = nodes[new]
                return reason, Diagnosis(
                    node.line, name, None, True, [name], node.shape, new
                ) if data and nodes[old].dtype == "f" else None
    return None


def _read(bench: Bench, one: Fit, k: int) -> dict[tuple[object, int], int]:
    """The values from outside that a forward pass reads, except parameters, and where it does."""
    view, nodes = bench.view(k), bench.tape.nodes
    values = one.objective.values(k) if k in one.objective.terms else view.step.nodes
    found: dict[tuple[object, int], int] = {}
    for n in sorted(view.behind(values) - view.starts):
        for at, i in enumerate(nodes[n].inputs):
            if i not in view.inside:
                found[view.key(n), at] = i
    return found


def _matters(bench: Bench, objective: Objective, k: int, n: int) -> bool:
    """Does the gradient change with this value? A running loss only adds to the loss."""
    points = [p for p in bench.points if p.step == k]
    value = bench.tape.nodes[n].value
    if not points or value is None:
        return True
    p, starts = points[-1], bench.steps[k].start.values()
    number = replay.tensor(value).double()
    wanted = [x for term in objective.terms[k] for x in term if x is not None]
    before = gradients(objective, k, p.values, p.leaves)
    for other in (1.5 * number + 0.5, number + 5.0, number - 5.0):  # an answer may be a step
        given = {**{m: p.values[m] for m in starts}, n: other}
        values = replay.run(bench.tape, wanted, given, bench.ties)
        after = gradients(objective, k, {**p.values, **values}, p.leaves)
        if before is None or after is None:
            return True
        both = zip(after, before, strict=True)
        if any(largest(a - b) > FOLLOWS * largest(b) for a, b in both):
            return True
    return False


def moves_without(bench: Bench) -> str | None:
    """A place that adds what no parameter is in, as a momentum, beside one that adds a gradient."""
    nodes, plain, others = bench.tape.nodes, dict[object, int](), set[object]()
    for k in bench.chosen:
        ends = [bench.steps[k].end[i] for i in bench.parameters]
        places = {nodes[n].site for n in ends}
        changes = [p.changes for p in bench.points if p.step == k]
        if all(_same(a, b) for more in changes[1:] for a, b in zip(more, changes[0], strict=True)):
            plain |= dict.fromkeys(places, min(ends))
        else:
            others |= places
    where = [bench.where(n) for place, n in plain.items() if place not in others]
    if not others or not where:
        return None
    return (
        f"{where[0]} moves the parameters in a step of its own, by what does not depend on them: "
        "a momentum that is added before the forward pass"
    )


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=0.0)


def accumulated(bench: Bench) -> Diagnosis | None:
    """A sum of gradients that no step resets: what it held before is added to each step in full."""
    k, nodes = bench.chosen[-1], bench.tape.nodes
    step, view = bench.steps[k], bench.view(k)
    begins = min(n for n in step.nodes if n not in view.starts)
    for s, state in enumerate(bench.network.states):
        was = nodes[step.start[s]].value
        since = (
            step.start[s] < begins
        )  # what the step itself has begun is not a sum of earlier steps
        if not state.optimiser or not since or was is None or not was.any():
            continue
        answers = []
        for size in (0.0, 1.0, 2.0):
            given = {}
            for i, n in step.start.items():
                value = nodes[n].value
                if i == s:
                    given[n] = torch.full(nodes[n].shape, size, dtype=torch.float64)
                elif i in bench.parameters and value is not None:
                    given[n] = replay.tensor(value).double()
                else:
                    given[n] = torch.zeros(nodes[n].shape, dtype=torch.float64)
            values = replay.run(bench.tape, step.end.values(), given, bench.ties)
            answers.append({i: values[n] for i, n in step.end.items()})
        none, once, twice = answers
        if not torch.allclose(once[s] - none[s], torch.ones_like(once[s]), rtol=1e-9):
            continue
        for i in bench.parameters:
            first, second = once[i] - none[i], twice[i] - once[i]
            if first.shape == once[s].shape and bool((first != 0).all()):
                even = float(first.std(correction=0)) <= 1e-6 * largest(first)
                if even and torch.allclose(first, second, rtol=1e-6):
                    end = nodes[step.end[s]]
                    name = state.name or end.name
                    return Diagnosis(end.line, name, None, True, [name], end.shape, end.id)
    return None


def straight_through(bench: Bench, one: Fit) -> str | None:
    """Parameters that move, though they come into the loss through step functions only.

    Their derivative is zero. What moves them instead may be an estimate, which is no mistake.
    """
    found, nodes = list[int](), bench.tape.nodes
    points = [p for p in bench.points if p.step in one.objective.terms]
    grads = [(p, g) for p in points if (g := gradients_at(one.objective, p)) is not None]
    for i in [i for i, ok in enumerate(one.good) if not ok]:
        if any(largest(g[i]) for _, g in grads) or not any(largest(p.changes[i]) for p, _ in grads):
            return None
        view = bench.view(min(one.objective.terms))
        forward = view.behind(one.objective.values(view.k))
        found += [n for n in sorted(forward) if view.depends[n] >> i & 1 and nodes[n].op in STEPS][
            :1
        ]
    if not found:
        return None
    return (
        f"the derivative of the step function on {bench.where(found[0])} is zero wherever it has "
        "one; the steps below it may be estimates, as with a straight-through estimator"
    )


def of_another(bench: Bench) -> Diagnosis | None:
    """A parameter that moves, number by number, by the momentum of another: ``v2 = 0.9 * v1 - g2``.

    The momentum's own parameter is the one that its new value is added to.
    """
    k, nodes = bench.chosen[-1], bench.tape.nodes
    step, view = bench.steps[k], bench.view(k)
    for s in [s for s in step.start if bench.network.states[s].optimiser]:
        begin = step.start[s]
        size = math.prod(nodes[begin].shape)
        if size < 2:
            continue
        reached: dict[int, int] = {}  # what is made of it, number by number -> what uses it first
        for n in [n for n in view.step.nodes if n > begin and n not in view.starts]:
            read = [i for i in nodes[n].inputs if i in reached or i == begin]
            if read and nodes[n].op in BETWEEN and math.prod(nodes[n].shape) == size:
                reached[n] = n if begin in nodes[n].inputs else reached[read[0]]
        moved = {reached[n]: n for n in reached if n in view.ends}
        mine = view.behind([step.end[s]])
        for first, end in moved.items() if len({*moved.values()}) > 1 else ():
            if first not in mine and step.end[s] not in view.behind([end]):
                node = nodes[first]
                name = view.variable(first) or "a momentum"
                spoilt = bench.names[view.ends[end]]
                return Diagnosis(node.line, name, None, True, [spoilt], node.shape, first)
    return None


def growing(bench: Bench) -> Diagnosis | None:
    """A sum of gradients that goes on over several updates: each step repeats those before it."""
    nodes = bench.tape.nodes
    for k in bench.chosen:
        view = bench.view(k)
        for a in bench.remembered(k):
            for n in view.step.nodes:
                summed = nodes[n].op in ("add", "subtract") and a in nodes[n].inputs
                if summed and n not in view.starts and _holds_sum(bench.view(k - 1), a, n):
                    name = view.variable(n) or "the sum"
                    names = [
                        bench.names[i] for i in range(len(bench.names)) if view.reaches[n] >> i & 1
                    ]
                    return Diagnosis(nodes[n].line, name, None, True, names, nodes[n].shape, n)
    return None


def _holds_sum(before: View, a: int, n: int) -> bool:
    """Is a value of the step before its sum n, perhaps times slopes or in an array of others?

    A factor that is made of no parameter is the rate of a momentum.
    """
    nodes, stack, seen = before.tape.nodes, [a], set[int]()
    while stack:
        m = stack.pop()
        if (nodes[m].site, nodes[m].op) == (nodes[n].site, nodes[n].op):
            return True
        both = len(nodes[m].inputs) == 2 and all(before.depends.get(i) for i in nodes[m].inputs)
        if m in seen or m not in before.inside:
            continue
        seen.add(m)
        if nodes[m].op in PARTS | JOINS or (nodes[m].op in ("multiply", "divide") and both):
            stack += nodes[m].inputs
    return False


def wrong_near_the_run_only(bench: Bench, one: Fit) -> bool:
    """Are the wrong updates right at all numbers of the run, and wrong near them only?

    Then the run took what the tape does not have: the place of a maximum as a plain integer, say.
    """
    bad, points = [i for i, ok in enumerate(one.good) if not ok], 0
    for p in [p for p in bench.points if not p.moved and p.step in one.objective.terms]:
        grads = gradients_at(one.objective, p)
        factor = one.factors.get(p.step)
        if grads is None or factor is None:
            continue
        points += 1
        for i in bad:
            if grads[i].shape != p.changes[i].shape or not largest(grads[i]):
                return False
            if largest(p.changes[i] + factor * grads[i]) > FOLLOWS * largest(p.changes[i]):
                return False
    return points > 1


def rewards(bench: Bench) -> Iterable[tuple[int, dict[int, float]]]:
    """A product of the updates and, by step, a number in it whose sign changes often in the run.

    A rate that falls below zero changes its sign once.
    """
    nodes, view = bench.tape.nodes, bench.view(bench.chosen[0])
    products = {
        nodes[n].site: n
        for n in view.behind(view.ends) - view.starts
        if nodes[n].op == "multiply" and view.depends[n] == view.full
    }
    found, known = dict[tuple[object, int], dict[int, float]](), list[dict[int, float]]()
    for k, step in enumerate(bench.steps):
        inside = {*step.nodes}
        for node in (nodes[n] for n in step.nodes if nodes[n].site in products):
            for at, a in enumerate(node.args if node.op == "multiply" else ()):
                x = nodes[a.id].value if isinstance(a, Ref) and a.id not in inside else a
                if isinstance(x, int | float | np.ndarray) and np.size(x) == 1:
                    found.setdefault((node.site, at), {})[k] = float(np.sum(x))
    for (site, _), numbers in found.items():
        signs = [x > 0 for x in numbers.values() if x]
        if numbers not in known and sum(a != b for a, b in pairwise(signs)) >= OFTEN:
            known.append(numbers)
            yield products[site], numbers


def is_input(bench: Bench, weighed: Objective) -> bool:
    """Are the weights of a pair a multiple of a single number that the forward pass reads, too?"""
    nodes, found = bench.tape.nodes, list[set[float]]()
    for k, terms in weighed.terms.items():
        view, most = bench.view(k), abs(weighed.weights[terms[0][1]])
        forward = view.behind(weighed.values(k)) - view.starts
        read = [nodes[i].value for i in view.read(forward)]
        numbers = [a for n in forward for a in nodes[n].args if isinstance(a, int | float)]
        numbers += [float(np.sum(x)) for x in read if x is not None and np.size(x) == 1]
        found.append({float(f"{abs(x) / most:.9g}") for x in numbers if x})
    return bool(set.intersection(*found))


def turns_round(bench: Bench) -> str | None:
    """Is what all parameters move by multiplied with a number that turns its sign, as a reward may?

    It is above zero in some steps only, or below zero in all, and it rises and falls: a learning
    rate, or a schedule of one, does not. So few may be above zero that none was chosen.
    """
    nodes, view = bench.tape.nodes, bench.view(bench.chosen[0])
    places = {
        nodes[n].site: n
        for n in view.behind(view.ends) - view.starts
        if nodes[n].op == "multiply" and view.depends[n] == view.reaches[n] == view.full
    }
    numbers: dict[object, list[float]] = {site: [] for site in places}
    for n in sorted({n for step in bench.steps for n in step.nodes}):
        node = nodes[n]
        if node.op == "multiply" and node.site in numbers:
            for a in node.args:
                number = nodes[a.id].value if isinstance(a, Ref) else a
                given = not isinstance(a, Ref) or nodes[a.id].op in PARTS | {"leaf"}
                if given and number is not None and np.size(number) == 1 and np.all(number):
                    numbers[node.site].append(float(np.ravel(number)[0]))
    found = [
        places[site]
        for site, some in numbers.items()
        if some
        and min(some) < 0
        and (max(some) > 0 or (np.any(np.diff(some) > 0) and np.any(np.diff(some) < 0)))
    ]
    return (
        f"the steps are multiplied with a number on {bench.where(found[0])} that is below zero in "
        "some and differs from step to step: it may be a reward, and the loss is not known"
        if found
        else None
    )


def replaced(bench: Bench, one: Fit) -> Diagnosis | None:
    """A parameter whose old value is lost in each step, as with a decay of 100 %."""
    if bench.inner:  # a decay of the gradient that goes into an optimiser is a penalty of any size
        return None
    for i, part in zip(bench.parameters, one.parts, strict=True):
        if part.decay and math.isclose(part.decay, 1.0, rel_tol=1e-9):
            end = bench.tape.nodes[bench.steps[min(one.objective.terms)].end[i]]
            state = bench.network.states[i]
            name = state.name or end.name
            own = {n for s in bench.network.states for n in s.nodes}
            others = {new for _, new in bench.tape.links} - own
            if moves_others(bench.tape, consumers(bench.tape), state, others):
                raise CannotTell(
                    f"{name} on {bench.where(end.id)} belongs to an optimiser, and how it moves "
                    "the parameters could not be seen"
                )
            return Diagnosis(end.line, name, None, True, [name], end.shape, end.id)
    return None


def never_read(bench: Bench) -> Diagnosis | None:
    """An array that is updated where the parameters are, and that the forward pass leaves out."""
    k, nodes = bench.chosen[-1], bench.tape.nodes
    view = bench.view(k)
    places = {(nodes[n].site, nodes[n].op) for n in view.ends}
    states = {*view.ends, *view.starts, *(n for s in bench.network.of_others for n in s.nodes)}
    known = view.inside | states
    rates = {x for n in view.ends for x in _rates(view, n)}
    for n in [n for n in view.step.nodes if n not in states and not view.reaches[n]]:
        node = nodes[n]
        old = nodes[node.inputs[0]] if node.inputs else node
        again = (node.site, node.op) == (old.site, old.op)
        again = again and ((node.site, node.op) in places or not rates.isdisjoint(_rates(view, n)))
        unread = again and node.shape and old.id not in known and view.users[old.id] == [n]
        if unread and not _adds_nothing(bench, n):
            name = node.name or "an array"
            return Diagnosis(node.line, name, None, True, [name], node.shape, n)
    return None


def _rates(view: View, n: int) -> set[float]:
    """The single numbers that a change is multiplied with before it is subtracted."""
    nodes = view.tape.nodes
    if nodes[n].op != "subtract" or len(nodes[n].inputs) != 2:
        return set()
    change = nodes[nodes[n].inputs[1]]
    read = [
        nodes[i].value for i in change.inputs if change.op == "multiply" and i not in view.inside
    ]
    typed = [x for x in change.args if isinstance(x, float)]
    return {*typed, *(float(x) for x in read if x is not None and x.size == 1)}


def _adds_nothing(bench: Bench, n: int) -> bool:
    """Is what is added a sum whose terms cancel, as those of a bias before a batch norm do?"""
    view, nodes = bench.view(bench.chosen[-1]), bench.tape.nodes
    sums = [m for m in view.behind([n]) if nodes[m].op in SUMS and nodes[m].shape == nodes[n].shape]
    points = [p for p in bench.points if p.step == view.k]
    ratios = list[float]()
    for m, p in [(m, p) for m in sums[-1:] for p in points]:
        terms, given = nodes[m].inputs[0], {i: p.values[i] for i in view.starts}
        values = replay.run(bench.tape, [m, terms], given, bench.ties)
        ratios.append(largest(values[m]) / (largest(values[terms]) or 1.0))
    return bool(ratios) and max(ratios) <= FOLLOWS


def cancels(bench: Bench) -> Diagnosis | None:
    """A value minus itself, which all updates are multiplied with: ``s * 1 - s`` for a slope.

    No step moves a parameter, wherever they are. What is subtracted must not be constant: a
    softmax of one number is, and its derivative is zero.
    """
    view, nodes = bench.view(bench.chosen[0]), bench.tape.nodes
    points = [p for p in bench.points if p.moved and p.step == view.k]
    if len(points) < 2 or any(p.changing for p in bench.points) or _moved(bench):
        return None
    for n in [n for n in view.step.nodes if view.reaches[n] == view.full and n not in view.starts]:
        node, (a, *others) = nodes[n], nodes[n].inputs or (n,)
        if node.op == "subtract" and others and {a, *others} <= view.inside:
            given = [p.values[a] for p in points]
            moves = given[0].shape == given[1].shape and largest(given[0] - given[1]) > 0
            if moves and not any(largest(p.values[n]) for p in points):
                name = view.variable(n) or "a value"
                return Diagnosis(node.line, name, None, True, [*bench.names], node.shape, n)
    return None


def step_above(bench: Bench, one: Fit, i: int) -> str | None:
    """The step function that parameter i goes into, which passes no derivative on."""
    k, nodes = min(one.objective.terms), bench.tape.nodes
    view = bench.view(k)
    for n in sorted(view.behind(one.objective.values(k))):
        if nodes[n].op in STEPS and view.depends[n] >> i & 1 and n not in view.starts:
            return f"{view.variable(n) or 'a value'} on {bench.where(n)} is a step function of it"
    return None


def _moved(bench: Bench) -> bool:
    """Did the recorded steps move a parameter? Without its small constants, f(x + h) is f(x)."""
    both = (
        (bench.tape.nodes[bench.steps[k].start[i]], bench.tape.nodes[bench.steps[k].end[i]])
        for k in bench.chosen
        for i in bench.parameters
    )
    known = ((a, b) for a, b in both if a.value is not None and b.value is not None)
    return any(not equal(a, b) for a, b in known)


def lost(bench: Bench, one: Fit) -> Diagnosis | None:
    """A value that the forward pass reads, and whose new value each step computes in vain."""
    nodes, k = bench.tape.nodes, min(one.objective.terms)
    for old, new in bench.tape.lost_steps:
        step = next((k for k, s in enumerate(bench.steps) if new in s.nodes), None)
        read = bench.tape.behind(one.objective.values(k), range(old, len(nodes)))
        if step is not None and old in read and nodes[old].dtype == "f":
            view, node = bench.view(step), nodes[new]
            # what the step also has for its updates is computed again: z, for the slope there
            again = any(equal(node, nodes[n]) for n in view.step.nodes if view.reaches[n])
            if view.depends[new] == view.full and not view.reaches[new] and not again:
                name = nodes[old].name or "an array"
                return Diagnosis(node.line, node.name, "lost step", True, [name], node.shape, new)
    return None


def never_updated(bench: Bench, one: Fit) -> Diagnosis | None:
    """An array that is added to a product of parameters like a bias, and never changes."""
    k = next(iter(one.objective.terms))
    view, nodes = bench.view(k), bench.tape.nodes
    forward = view.behind(one.objective.values(k))
    # in another network of the script, the same line adds a bias that is trained
    others = {n for s in bench.network.of_others for n in s.nodes}
    trained = {node.site for node in nodes if others and not others.isdisjoint(node.inputs)}
    by_data = {
        at[i]: state.name or "a number"
        for i, state in enumerate(bench.network.states)
        if state.carried and not view.depends.get(view.step.end[i])
        for at in (view.step.start, view.step.end)
        if view.step.start[i] != view.step.end[i]
    }

    def number(i: int) -> float | None:
        """A single number of the script that is no whole one, is not tiny, and never changes."""
        value = nodes[i].value
        single = nodes[i].op == "leaf" and nodes[i].shape == () and i not in view.inside
        known = single and value is not None and value % 1 and abs(value) > SMALL
        return float(value) if known and value is not None else None

    singles = defaultdict[object, set[float]](set)  # where they are added: each neuron has its own
    used_in_sums, reads = Counter[int](), Counter[object]()
    for n in forward:
        if nodes[n].op == "add":
            singles[nodes[n].site] |= {x for i in nodes[n].inputs if (x := number(i)) is not None}
            used_in_sums.update(nodes[n].inputs)
        if nodes[n].op == "getitem" and nodes[n].inputs[0] in view.begin:
            reads[repr(nodes[n].args)] += 1
    # a bias is added for each sample for which a weight is read, and a target for one of them
    several = max(reads.values(), default=0) > 1
    linear: set[int] = set()
    for n in sorted(forward):
        node = nodes[n]
        origins = {bench.tape.origin(i, PARTS) for i in node.inputs}
        if node.op in PRODUCTS | {"multiply"} and origins & view.begin.keys():
            linear.add(n)
            continue
        # np.array(x @ W) is the product, too
        if node.op in ("array", "copy") and len(node.inputs) == 1 and node.inputs[0] in linear:
            linear.add(n)
        if node.op != "add" or linear.isdisjoint(node.inputs):
            continue
        linear.add(n)
        typed = [a for a in node.args if isinstance(a, float) and a % 1 and abs(a) > SMALL]
        targets = {
            i for i in node.inputs if several and used_in_sums[i] == 1 and number(i) is not None
        }
        one_number = len(singles[node.site]) == 1
        alone = [
            i
            for i in node.inputs
            if one_number and number(i) is not None and i not in targets and _in_all(bench, i)
        ]
        if typed or alone:
            name = typed[0] if typed else nodes[alone[0]].name or number(alone[0])
            raise CannotTell(
                f"{name} is added on {bench.where(n)} as if it were a bias, and never "
                "changes; the updates of the parameters are right"
            )
        for i in node.inputs if node.site not in trained else ():
            if i in targets:
                continue
            other = nodes[i]
            root = nodes[bench.tape.origin(i, PARTS)]
            if root.id in by_data:
                raise CannotTell(
                    f"{by_data[root.id]} is added on {bench.where(n)} as if it were a bias, and "
                    "changes from step to step by what no parameter is in"
                )
            if i in view.inside or other.dtype != "f" or root.op != "leaf":
                continue
            if not other.shape and number(i) is None:
                continue
            small = other.shape != node.shape or 1 in node.shape or len(node.shape) <= 1
            if small and _in_all(bench, i):
                name = other.name or "a list"
                return Diagnosis(
                    node.line, name, "bias never updated", True, [name], other.shape, n, i
                )
    return None


def _in_all(bench: Bench, i: int) -> bool:
    """Do all steps read the same value?"""
    nodes = bench.tape.nodes
    return all(
        any(_same_number(nodes, i, j) for m in s.nodes for j in nodes[m].inputs)
        for s in bench.steps[:: max(1, len(bench.steps) // 5)]
    )


def _same_number(nodes: list[Node], i: int, j: int) -> bool:
    """The same value, or the same list made an array of again."""
    a, b = nodes[i], nodes[j]
    if i == j or a.op != "leaf" or b.op != "leaf" or a.site != b.site:
        return i == j
    # zeros that are made again begin a sum
    return equal(a, b) and bool(np.any(a.value))
