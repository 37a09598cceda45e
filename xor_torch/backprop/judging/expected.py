"""The numbers of a mistake: what the first wrong value is, and what it should be.

What it should be is not guessed from its name: it is the derivative which, put in its place,
makes the updates right. If no derivative does that, the numbers are those of a spoilt
parameter's step, and if it is not known what that should be either, there are none.
"""

import math

import torch

from .. import replay
from ..tape import squeezed
from .candidates import losses
from .case import Case
from .derivatives import LossStep
from .findings import Diagnosis
from .fit import Fit
from .losses import gradients
from .optimisers import gradient_nodes
from .points import Point

Tensor = torch.Tensor
Pairs = list[tuple[Tensor, Tensor]]  # (actual, expected)

SAME = 1e-7  # relative: of an update, with the derivative put in its place
VISIBLE = 1e-9  # relative: what is no larger is no difference
FIRST_POINTS = 4
MOST_POINTS = 16


def add_numbers(case: Case, fit: Fit, diagnosis: Diagnosis, step: LossStep) -> None:
    """Fill in `of`, `index`, `actual`, `expected` of the worst element of an early update."""
    points = _of_the_run(case, fit)[:MOST_POINTS]
    # later ones only if the mistake does not show before: a training that diverges says little
    for some in (points[:FIRST_POINTS], points):
        _look_at(case, fit, diagnosis, step, some)
        if diagnosis.of:
            return


def _look_at(
    case: Case, fit: Fit, diagnosis: Diagnosis, step: LossStep, points: list[Point]
) -> None:
    n = _wrong_value(step, diagnosis)
    if n is not None:
        pairs = _of_value(case, fit, diagnosis, step, n, points) or _of_derivative(
            case, fit, diagnosis, step, n, points
        )
        if pairs:
            fill(diagnosis, diagnosis.variable, pairs)
            return
    inside = (
        gradient_nodes(case, losses(case)) if any(s.optimiser for s in case.network.states) else {}
    )
    for i, name in enumerate(case.names):
        if name in diagnosis.spoils and inside is not None:
            pairs = _of_step(case, fit, i, points, inside)
            if pairs:
                fill(diagnosis, f"gradient of {name}" if inside else f"{name} step", pairs)
                return


def fill(diagnosis: Diagnosis, of: str, pairs: Pairs) -> None:
    """Of all points, the one that is most wrong; of it, the worst element."""

    def off(pair: tuple[Tensor, Tensor]) -> float:
        actual, expected = pair
        size = max(float(actual.abs().max()), float(expected.abs().max()))
        return float((actual - expected).abs().max()) / size if size else 0.0

    if not pairs:
        return
    actual, expected = max(pairs, key=off)
    if off((actual, expected)) <= VISIBLE:
        return  # at the numbers of the run it is right by chance
    flat = int((actual - expected).abs().argmax())
    at, rest = [], flat
    for size in reversed(actual.shape):
        rest, place = divmod(rest, size)
        at.append(place)
    diagnosis.of, diagnosis.index = of, tuple(at[::-1])
    diagnosis.actual = float(actual.reshape(-1)[flat])
    diagnosis.expected = float(expected.reshape(-1)[flat])


def _wrong_value(step: LossStep, diagnosis: Diagnosis) -> int | None:
    """The value that the statement of the diagnosis assigns, if that is no parameter."""
    nodes, at = step.tape.nodes, diagnosis.node
    if at is None or at in step.ends:
        return None
    if any(id == at and name == diagnosis.variable for id, name, _ in step.tape.aliases):
        return at
    reached = {at}
    for n in [at, *(m for m in step.step.nodes if m > at)]:
        if n == at or any(i in reached for i in nodes[n].inputs):
            reached.add(n)
            if nodes[n].name:
                named = nodes[n].name == diagnosis.variable and n not in step.ends
                return n if named else None
    return None


# ------------------------------------------------------------------- a parameter's step


def _factor(fit: Fit, k: int) -> float | None:
    """The factor that the right parameters have at a step."""
    for i, ok in enumerate(fit.share_factor()):
        if ok and k in fit.factors[i]:
            return fit.factors[i][k]
    return None


def _of_step(
    case: Case, fit: Fit, i: int, points: list[Point], inside: dict[tuple[int, int], int]
) -> Pairs:
    """What is added to a parameter; with an optimiser in between, what goes `inside` it."""
    pairs = []
    for p in points:
        factor, grads = _factor(fit, p.step), gradients(fit.loss, p)
        if factor is None or grads is None or p.changes[i].shape != grads[i].shape:
            continue
        actual, scale = p.changes[i], 1.0
        if inside:
            actual = p.values[inside[p.step, case.parameters[i]]].detach().reshape(actual.shape)
            scale = float((p.changes[i] * actual).sum() / (actual**2).sum())
        if scale and math.isfinite(scale):
            pairs.append((actual, -factor * grads[i] / scale))
    return pairs


def of_constant(case: Case, fit: Fit, added: int, shape: tuple[int, ...]) -> Pairs:
    """(0, the step that it should make) of a bias that nobody updates, added at a node."""
    pairs = []
    for p in _of_the_run(case, fit)[:FIRST_POINTS]:
        factor, at = _factor(fit, p.step), counterpart(case, added, case.chosen[0], p.step)
        if factor is not None and at is not None and at in p.values:
            (slope,) = fit.loss.derivatives(p, [at])
            if slope is not None:
                step = -factor * slope.sum_to_size(shape)
                pairs.append((torch.zeros_like(step), step))
    return pairs


def of_penalty(case: Case, fit: Fit, i: int, decay: float) -> Pairs:
    """(the step, the step with a penalty) of a parameter whose penalty is only in the loss."""
    return [
        (p.changes[i], p.changes[i] - fit.scale * decay * p.leaves[i].detach())
        for p in _of_the_run(case, fit)[:FIRST_POINTS]
    ]


def _of_the_run(case: Case, fit: Fit) -> list[Point]:
    return [p for p in case.points if not p.perturbed and p.step in fit.loss.terms]


def _of_derivative(
    case: Case, fit: Fit, diagnosis: Diagnosis, step: LossStep, n: int, points: list[Point]
) -> Pairs:
    """(actual, expected) where it is known which derivative belongs there."""
    if diagnosis.derivative is None:
        return []
    v, scale = diagnosis.derivative
    pairs = []
    for p in points:
        at, of = counterpart(case, n, step.k, p.step), counterpart(case, v, step.k, p.step)
        if (
            at is None
            or of is None
            or not {at, of} <= p.values.keys()
            or not _as_recorded(case, p, at)
        ):
            continue
        (slope,) = fit.loss.derivatives(p, [of])
        actual = p.values[at].detach()
        if slope is not None and slope.numel() == actual.numel():
            pairs.append((actual, scale * slope.detach().reshape(actual.shape)))
    return pairs


# ----------------------------------------------------------------- the first wrong value


def _of_value(
    case: Case, fit: Fit, diagnosis: Diagnosis, step: LossStep, n: int, points: list[Point]
) -> Pairs:
    """(actual, expected) at each point, for the derivative that makes the updates right."""
    shape: tuple[int, ...] = case.tape.nodes[n].shape
    scale = None if any(fit.share_factor()) else _scale_before(step, n)
    # the deepest first: of a sum of products it is the whole sum that has a name
    for v in sorted(step.derivatives, reverse=True):
        if squeezed(step.derivatives[v][0].shape) != squeezed(shape) or not math.prod(shape):
            continue
        pairs: Pairs = []
        for p in points:
            at, of = counterpart(case, n, step.k, p.step), counterpart(case, v, step.k, p.step)
            found = None
            if at in p.values and of in p.values:
                found = _put_in(case, fit, p, at, of, scale)
            if found is None:
                pairs = []
                break
            if found[0].numel():
                pairs.append(found)
        if pairs:
            diagnosis.derivative = v, 1.0
            return pairs
    return []


def counterpart(case: Case, n: int, k: int, other: int) -> int | None:
    """The value of another step that stands where `n` stands in step `k`; None if none does."""
    nodes, here, there = case.tape.nodes, case.steps[k].nodes, case.steps[other].nodes
    at = here.index(n) if n in here else len(there)
    return there[at] if at < len(there) and nodes[there[at]].op == nodes[n].op else None


def _put_in(
    case: Case, fit: Fit, p: Point, n: int, v: int, given_scale: float | None
) -> tuple[Tensor, Tensor] | None:
    """(actual, expected) if a multiple of dL/dv in the place of `n` makes the updates right.

    If no parameter follows the gradient, the multiple is that of the value before.
    """
    factor, grads = _factor(fit, p.step), gradients(fit.loss, p)
    if grads is None or (factor is None and given_scale is None):
        return None
    if not _as_recorded(case, p, n):
        return None
    (slope,) = fit.loss.derivatives(p, [v])
    actual = p.values[n].detach()
    if slope is None or slope.numel() != actual.numel():
        return None
    slope = slope.detach().reshape(actual.shape)
    starts = {m: p.values[m].detach() for m in case.steps[p.step].start.values()}
    wanted_nodes: list[int] = []
    for i in case.parameters:
        parts = case.change_nodes(p.step, i)
        wanted_nodes += [case.end(p.step, i)] if parts is None else [m for m, _ in parts]

    def updates(x: Tensor) -> list[Tensor]:
        given = {**starts, n: x}
        values = {**given, **replay.run(case.tape, wanted_nodes, given, case.ties)}
        return [case.change(p.step, i, values) for i in case.parameters]

    without, once = updates(torch.zeros_like(actual)), updates(slope)
    wanted = [-g if factor is None else -factor * g for g in grads]
    depends = [i for i in range(len(without)) if bool((once[i] - without[i]).abs().max() > 0)]
    if not bool(slope.abs().max() > 0):
        return actual.new_empty(0), actual.new_empty(0)  # says nothing
    if not depends or any(without[i].shape != wanted[i].shape for i in depends):
        return None
    x = torch.cat([(once[i] - without[i]).reshape(-1) for i in depends])
    y = torch.cat([(wanted[i] - without[i]).reshape(-1) for i in depends])
    c = float(x @ y) / float(x @ x)
    size = max(float(y.abs().max()), float(x.abs().max()) * abs(c))
    if not c or float((c * x - y).abs().max()) > SAME * size:
        return None
    return actual, (given_scale if factor is None and given_scale else c) * slope


def _as_recorded(case: Case, p: Point, n: int) -> bool:
    """Is it the number of the run? At a point the state of an optimiser is zero."""
    was = case.tape.nodes[n].value
    if was is None:
        return not any(s.optimiser for s in case.network.states)
    then, now = replay.tensor(was).double(), p.values[n].detach()
    return then.shape == now.shape and torch.allclose(then, now, rtol=1e-2, atol=1e-9)


def _scale_before(step: LossStep, n: int) -> float | None:
    """The constant in front of the derivatives that a value is computed from."""
    scales = [
        c
        for m in step.tape.nodes[n].inputs
        if m in step.depends_on_target
        for c in step.labels(m).values()
    ]
    return scales[0] if scales else None
