"""The gradient inside an update: momentum, AdaGrad, RMSprop, Adam, clipping.

No optimiser is recognised. Walking back from the new value of a parameter through operations that
work element by element, one comes to a single value that everything else went through: what the
backward pass hands to the optimiser. That value is checked. What the optimiser makes of it is
found by giving it other numbers.
"""

import math

import torch

from .. import replay
from ..operations import SAME_NUMBERS
from ..tape import squeezed
from .fit import FOLLOWS, PROPORTIONAL
from .points import PUT_TOGETHER, Bench, CannotTell, Inner, kept, largest
from .steps import BETWEEN

Tensor = torch.Tensor
MORE = BETWEEN | {"where"}
STEADY = {*SAME_NUMBERS, "multiply", "divide", "negative", "assign", "getitem"}


def enter(bench: Bench) -> Inner | None:
    """The gradients inside the optimiser, with the sign that a step has by each; None: unknown."""
    found = handed_over(bench)
    if found is None or any(_keeps_old_weights(bench, found, k) for k in bench.chosen):
        return None
    clipped, free = set[int](), False
    try:
        for k in bench.chosen:
            signs, by_norm = _signs(bench, found, k)
            if 0 < len(by_norm) < len(bench.parameters) and _by_one_norm(bench, found, k):
                return None
            clipped |= by_norm
            free = free or not by_norm
            for i, sign in signs.items():
                found[k, i] = found[k, i][0], sign
            if _drifts(bench, found, k):
                return None
    except CannotTell:
        return None
    # if one array is always clipped and others never are, its rate is not known beside theirs
    return found if free or len(clipped) == len(bench.parameters) else None


def proportional(bench: Bench, inner: Inner) -> bool:
    """Is a step a multiple of the gradient as long as the optimiser's state is zero?

    A momentum's step is. A step of Adam has one size, whatever the gradient is.
    """
    little, much = (_answer(bench, inner, bench.chosen[0], size, 0.0) for size in (0.01, 1.0))
    return all(math.isclose(much[i], 100 * little[i], rel_tol=PROPORTIONAL) for i in much)


def handed_over(bench: Bench) -> Inner | None:
    """(step, state) -> what the backward pass hands to the optimiser; None if it is not seen.

    Its sign is taken as that of a gradient.
    """
    ways = {(k, i): _gradient_nodes(bench, k, i) for k in bench.chosen for i in bench.parameters}
    # a clipped step has a shorter way: take what all steps have
    least = {i: min(len(ways[k, i]) for k in bench.chosen) for i in bench.parameters}
    if not all(least.values()):
        return None
    return {(k, i): (way[least[i] - 1], -1.0) for (k, i), way in ways.items()}


def scaled(bench: Bench) -> bool:
    """Is the gradient multiplied with a number that the step computes: clipping by norm?

    Nothing but the gradients, and what the step begins with, may come into it.
    """
    nodes, any_number = bench.tape.nodes, False
    for k in bench.chosen:
        view, step = bench.view(k), bench.steps[k]
        gradients = set[int]()
        for i in bench.parameters:
            n = bench.inner[k, i][0]
            gradients.add(n)
            while nodes[n].op in STEADY and len(inside := view.inside & {*nodes[n].inputs}) == 1:
                (n,) = inside  # the norm may be that of the gradient before it was multiplied
                gradients.add(n)
        stack, seen = [step.end[i] for i in bench.parameters], set[int]()
        after = view.after(gradients)
        while stack:
            n = stack.pop()
            if n in seen or n in gradients or n in view.starts or n not in view.inside:
                continue
            seen.add(n)
            if n not in after and nodes[n].op not in MORE:
                return False
            any_number = any_number or (not nodes[n].shape and n in after)
            stack += nodes[n].inputs
    return any_number


def _keeps_old_weights(bench: Bench, inner: Inner, k: int) -> bool:
    """Does a step read what the parameters were in the step before, not only how they changed?

    Then it makes another change if the old and the new parameters are off by the same numbers.
    """
    step, nodes = bench.steps[k], bench.tape.nodes
    new = [step.start[i] for i in bench.parameters]
    old = [bench.steps[k - 1].start[i] for i in bench.parameters] if k else []
    known = {n: nodes[n].value for n in (*step.start.values(), *old)}
    ways = (_gradient_nodes(bench, k - 1, i)[-1:] for i in bench.parameters if k)
    handed = {inner[k, i][0] for i in bench.parameters}.union(*ways)
    known |= {n: nodes[n].value for n in handed}
    given = {n: replay.tensor(x).double() for n, x in known.items() if x is not None}
    if not old or len(given) < len(known):
        return False

    def changes(moved: list[int]) -> list[Tensor]:
        values = replay.run(
            bench.tape,
            step.end.values(),
            given | {n: given[n] + 1.0 for n in moved},
            bench.ties,
        )
        return [values[step.end[i]] - values[step.start[i]] for i in bench.parameters]

    was, off, both = changes([]), changes(old), changes([*old, *new])
    return any(
        largest(b - a) > FOLLOWS * largest(b) and largest(c - a) > FOLLOWS * largest(b)
        for a, b, c in zip(was, off, both, strict=True)
    )


def _reads_a_state(bench: Bench, k: int, n: int) -> bool:
    """Is value n computed, element by element, from a state of the optimiser?"""
    view, nodes, step = bench.view(k), bench.tape.nodes, bench.steps[k]
    states = {step.start[i] for i, s in enumerate(bench.network.states) if s.optimiser}
    stack, seen = [n], set[int]()
    while stack:
        m = stack.pop()
        if m in states:
            return True
        if m not in seen and m in view.inside and m not in view.starts and nodes[m].op in MORE:
            seen.add(m)
            stack += nodes[m].inputs
    return False


def _gradient_nodes(bench: Bench, k: int, i: int) -> list[int]:
    """The value that the backward pass hands to the optimiser, and that times steady factors."""
    nodes, view, step = bench.tape.nodes, bench.view(k), bench.steps[k]
    begin, end = step.start[i], step.end[i]
    moved, put = nodes[begin].shape, nodes[end].inputs
    if nodes[end].op == "assign" and put[0] == begin:
        part = nodes[put[-1]].shape
        if bench.states_kept or math.prod(part) == math.prod(moved) > 1:
            moved = part  # some rows, or a view of the whole
    shape = squeezed(moved)
    alone = not any(squeezed(nodes[step.start[j]].shape) for j in bench.parameters)
    waiting, through = {end}, list[int]()
    while waiting:
        n = max(waiting)
        waiting.remove(n)
        partly = nodes[n].op == "assign" and n in view.updated  # the parameter, element by element
        if not waiting and n != end and squeezed(nodes[n].shape) == shape and not partly:
            through.append(n)
            if view.reaches[n] & (view.reaches[n] - 1) and n in _of_others(bench, k, i):
                break  # the error of one sample is its bias's gradient: before it is no gradient
        inputs = [a for a in nodes[n].inputs if a in view.inside and a not in view.starts]
        made_of = [a for a in inputs if not _of_states(bench, k, a)]
        # if units are off, a gradient does not depend on every parameter
        forward = any(view.depends[a] != view.depends[end] for a in made_of)
        # the gradient that the backward pass puts together, piece by piece
        whole = nodes[n].op == "assign" and len(made_of) > 1
        if n != end and (nodes[n].op not in MORE or forward or whole):
            break
        # a number beside an array is a factor, as of a clip by the norm of all gradients
        arrays = [a for a in made_of if nodes[a].shape]
        numbers = not moved or not (arrays or shape or alone)
        waiting.update(made_of if numbers else arrays)
    if bench.states_kept:  # single numbers lead on into the forward pass
        return [n for n in through if not _reads_a_state(bench, k, n)][:1]
    # what is put together of single numbers that an optimiser has made is no gradient
    last = nodes[through[-1]] if through else None
    parts = last.inputs if last is not None and last.op in PUT_TOGETHER else []
    if last is None or any(_reads_a_state(bench, k, n) for n in parts):
        return []
    *after, node = through
    asked = _asked(bench, k)
    way = [node]
    for n in reversed(after):
        others = [a for a in nodes[n].inputs if a != node]
        penalty = nodes[n].op == "add" and all(
            _of_states(bench, k, a) and a in view.inside for a in others
        )
        steady = nodes[n].op in STEADY and not any(a in view.inside for a in others)
        # its norm, by which it is divided or that a branch asks for, is made of it, too
        users = {*view.users.get(node, ())} - {n}
        beside = not asked.isdisjoint(users) or any(view.reaches[m] for m in users)
        if beside or not (steady or (penalty and _in_the_state(bench, k, n, i))):
            break
        node = n
        way.append(node)
    return way


@kept
def _of_others(bench: Bench, k: int, i: int) -> set[int]:
    """The values of a step that the updates of other parameters are made of, at the old value."""
    view = bench.view(k)
    end = bench.steps[k].end[i]
    return bench.tape.behind(view.ends.keys() - {end}, view.inside, view.starts | {end})


@kept
def _asked(bench: Bench, k: int) -> set[int]:
    """The values of a step that the script takes a branch by, and all that they are made of."""
    view = bench.view(k)
    return view.behind(n for n, _ in bench.tape.branches if n in view.inside)


def _in_the_state(bench: Bench, k: int, n: int, i: int) -> bool:
    """Is the old parameter added to the gradient before it, not to a momentum?"""
    nodes, begin = bench.tape.nodes, bench.steps[k].start[i]
    behind = {m for a in nodes[n].inputs for m in (a, *nodes[a].inputs)}
    return begin in behind


def _of_states(bench: Bench, k: int, n: int) -> bool:
    """Is it made of what the step begins with, element by element: ``beta * m``?"""
    view = bench.view(k)
    return n in view.starts or n not in view.inside or n in _all_of_states(bench, k)


@kept
def _all_of_states(bench: Bench, k: int) -> set[int]:
    """The values of a step that are made of what it begins with, element by element."""
    view, nodes, found = bench.view(k), bench.tape.nodes, set[int]()
    for n in view.step.nodes:
        made_of = (a for a in nodes[n].inputs if a in view.inside and a not in view.starts)
        if n not in view.starts and nodes[n].op in MORE and found.issuperset(made_of):
            found.add(n)
    return found


def _signs(bench: Bench, found: Inner, k: int) -> tuple[dict[int, float], set[int]]:
    """Does each step go with its gradient (1) or against it (-1)? And which are clipped?

    Returns:
        The signs, and the parameters that move by the same amount for gradients of any size: each
        of these is clipped by its own norm.

    """
    answers: list[dict[int, float]] = []
    for size, state in ((0.01, 0.0), (1.0, 0.0), (1.0, 0.1)):
        answers.append(_answer(bench, found, k, size, state))
    little, much, _ = answers
    states = any(s.optimiser for s in bench.network.states) or _reads_earlier(bench, k)
    by_norm = {
        i for i in much if not states and math.isclose(much[i], little[i], rel_tol=PROPORTIONAL)
    }
    for a in answers:
        if any(map(math.isnan, a.values())):
            raise CannotTell("the optimiser does not move every element of an array alike")
        first = next((i for i in a if i not in by_norm), bench.parameters[0])
        like_the_first = {first}
        for i, moved in a.items():
            name = bench.names[bench.parameters.index(i)]
            if not moved:
                raise CannotTell(f"the optimiser does not move {name}")
            # the same statements may move both: their step numbers may differ, as if one is
            # counted for each layer
            sizes = (abs(a[j]) for j in like_the_first)
            same = any(math.isclose(abs(moved), size, rel_tol=PROPORTIONAL) for size in sizes)
            if same or (states and any(_alike(bench, found, k, i, j) for j in like_the_first)):
                like_the_first.add(i)
            elif i not in by_norm:
                raise CannotTell(f"the optimiser does not treat {name} as it treats the others")
    return {i: math.copysign(1.0, moved) for i, moved in little.items()}, by_norm


def _by_one_norm(bench: Bench, found: Inner, k: int) -> bool:
    """Is a step made of the gradients of several parameters? Their norm must then clip all."""
    view = bench.view(k)
    given = {found[k, i][0] for i in bench.parameters}
    made_of = (
        bench.tape.behind([bench.steps[k].end[i]], view.inside, view.starts | given)
        for i in bench.parameters
    )
    return any(len(given & made) > 1 for made in made_of)


def _alike(bench: Bench, found: Inner, k: int, i: int, j: int) -> bool:
    """Do the same places of the script make the steps of two parameters of their gradients?"""
    view, nodes, end = bench.view(k), bench.tape.nodes, bench.steps[k].end

    def places(i: int) -> set[object]:
        between = view.behind([end[i]]) & view.after([found[k, i][0]])
        return {(nodes[n].site, nodes[n].op) for n in between - {found[k, i][0]}}

    return places(i) == places(j)


@kept
def _plan(bench: Bench, ends: tuple[int, ...], given: tuple[int, ...]) -> replay.Plan:
    """How to compute what an optimiser makes of the numbers that it is given."""
    return replay.Plan(bench.tape, ends, given)


def _answer(
    bench: Bench,
    found: Inner,
    k: int,
    gradient: float,
    state: float,
) -> dict[int, float]:
    """By how much a parameter moves if all elements of its gradient are equal.

    It is half of what their opposite makes different, so what is added beside it drops out.
    """
    step, result = bench.steps[k], dict[int, float]()
    given = _begin(bench, k, state)
    moves = [_with(bench, found, k, given, size) for size in (gradient, -gradient)]
    for i in bench.parameters:
        moved = (moves[0][step.end[i]] - moves[1][step.end[i]]).reshape(-1) / 2
        if bench.states_kept and bool(moved.any()):  # some rows are updated
            moved = moved[moved != 0]
        off = float((moved - moved[0]).abs().max())
        alike = off <= PROPORTIONAL * float(moved[0].abs()) + 1e-15
        # a state that was not seen keeps the numbers of the run: the steps differ, but not in sign
        alike = alike or (bool((moved * moved[0] > 0).all()) and _reads_earlier(bench, k))
        result[i] = float(moved[0]) if alike else math.nan
    return result


@kept
def _reads_earlier(bench: Bench, k: int) -> bool:
    """Does a step read what steps before it have made, beside what is known as a state?"""
    view, nodes = bench.view(k), bench.tape.nodes
    earlier = set[int]().union(*(step.nodes for step in bench.steps[:k]))
    behind = view.behind(bench.steps[k].end.values()) - view.starts
    return not earlier.isdisjoint({i for n in behind for i in nodes[n].inputs} - view.inside)


def _begin(bench: Bench, k: int, state: float) -> dict[int, Tensor]:
    """The parameters as they were at the begin of a step, and this for each state."""
    given: dict[int, Tensor] = {}
    for i, n in bench.steps[k].start.items():
        node = bench.tape.nodes[n]
        known = i in bench.parameters or bench.network.states[i].carried
        if known and node.value is not None:
            given[n] = replay.tensor(node.value).double()
        else:
            size = state + bench.states_kept
            given[n] = torch.full(node.shape, size, dtype=torch.float64)
    return given


def _with(
    bench: Bench, found: Inner, k: int, begin: dict[int, Tensor], size: float
) -> dict[int, Tensor]:
    """What a step computes if all elements of its gradients are equal."""
    nodes = (found[k, i][0] for i in bench.parameters)
    shapes = {n: bench.tape.nodes[n].shape for n in nodes}
    given = begin | {n: torch.full(x, size, dtype=torch.float64) for n, x in shapes.items()}
    ends = tuple(bench.steps[k].end[i] for i in bench.parameters)
    return _plan(bench, ends, tuple(given)).run(given, bench.ties)


def _drifts(bench: Bench, found: Inner, k: int) -> bool:
    """Does a parameter move without a gradient, and the same way whatever its sign is?

    A decay or a penalty turns round with the parameter. A number that is added to each step does
    not.
    """
    step, begin = bench.steps[k], _begin(bench, k, 0.0)
    turned = {n: -x if x.is_floating_point() else x for n, x in begin.items()}
    one, other = (_with(bench, found, k, given, 0.0) for given in (begin, turned))
    for i in bench.parameters:
        both = (one[step.end[i]] + other[step.end[i]]) / 2
        size = largest(begin[step.start[i]]) or 1.0
        if largest(both[torch.isfinite(both)]) > PROPORTIONAL * size:
            return True
    return False
