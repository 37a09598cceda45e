"""What can be said of updates that follow the gradient of no known loss.

Most losses are not known here, so that alone is no mistake. It is one if a known mistake explains
every number; if what comes after the script's own derivative at the output is not right; or if no
loss whatever can have these steps as its gradient.
"""

import contextlib
import math
from collections.abc import Callable

import torch

from .. import replay
from ..tape import squeezed
from .candidates import asked
from .case import Case
from .derivatives import ACTIVATIONS, LossStep
from .expected import counterpart
from .findings import Diagnosis, MistakeName
from .fit import NEARLY, Fit, fit_if_possible, is_saturated
from .losses import ORDER, Loss, Term
from .mistakes import diagnose
from .points import CannotTell, Point, Values, largest

CURL_POINTS = 6
Slope = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # of z and a
Wrong = tuple[Fit, Diagnosis, str | None]  # the last is what to say of the loss


def for_any_loss(case: Case, fits: list[Fit], losses: list[Loss]) -> Wrong:
    """What is wrong, if no parameter follows any known loss.

    Args:
        case: the network.
        fits: of all candidates that can be computed.
        losses: all candidates.

    Raises:
        CannotTell: perhaps nothing is.

    """
    for fit in fits:
        if max(fit.error) < NEARLY and all(fit.factor(i) > 0 for i in range(len(fit.error))):
            raise CannotTell(
                f"the steps follow the gradient of the {fit.loss.name} to within "
                f"{max(fit.error):.1e}, but not exactly: perhaps a constant against a division "
                "by zero, which only one of the two has"
            )
    if branches := [n for k in case.chosen for n in asked(case, k)]:
        raise CannotTell(
            f"the script chooses its way by a target, on {case.where(branches[0])}, so "
            "that the loss which its steps follow cannot be seen; without the branch it can: "
            "-(y * log(a) + (1 - y) * log(1 - a)) is right for both"
        )
    for fit in sorted(fits, key=lambda f: ORDER[f.loss.kind]):
        diagnosis = None
        with contextlib.suppress(CannotTell):
            diagnosis = diagnose(case, fit)
        if diagnosis is None or not diagnosis.sure:
            continue
        if _explains(case, fit, diagnosis.mistake):
            missing = diagnosis.mistake == "missing output derivative"
            beside = [loss for loss in losses if loss.place[1:] == fit.loss.place[1:]]
            if missing and any(is_saturated(case, loss) for loss in beside):
                # the very same line is right for a cross-entropy, which could not be tried
                raise CannotTell(
                    "the outputs reach 0 or 1 exactly when the parameters are moved a little, so "
                    "that a cross-entropy cannot be checked; scale the inputs or start smaller"
                )
            return fit, diagnosis, None
    found = _by_own_delta(case, fits) or _by_curl(case, fits)
    if found is not None:
        return found
    raise CannotTell(
        "the updates follow the gradient of no loss that this check knows (squared or absolute "
        "errors, cross-entropies, or a loss that the script itself computes); computing the loss "
        "in the training loop and assigning it to a variable may help"
    )


def _explains(case: Case, fit: Fit, mistake: MistakeName | None) -> bool:
    """Does the output layer follow what a known mistake makes of the derivative there?"""
    step = LossStep(case, fit.loss, case.chosen[0])
    if not step.layers:
        return False
    last = step.layers[-1]
    of_z, of_a = ACTIVATIONS.get(last.activation, ACTIVATIONS["linear"])[1:]
    slopes: dict[MistakeName | None, list[Slope]] = {
        "missing output derivative": [lambda z, a: torch.ones_like(a)],
        "derivative taken twice": [lambda z, a: of_z(a), lambda z, a: of_a(z)],
    }
    for slope in slopes.get(mistake, ()):
        loss = Loss("delta", ("delta", mistake), "")
        for k in case.chosen:
            z, a = (counterpart(case, n, step.k, k) for n in (last.z, last.a))
            if z is not None and a is not None:
                loss.terms[k] = [_with_slope(term, z, a, slope) for term in fit.loss.terms[k]]
        found = fit_if_possible(case, loss)
        if found is not None and any(found.share_factor()[i] for i in last.weights):
            return True
    return False


def _with_slope(term: Term, z: int, a: int, slope: Slope) -> Term:
    """A term whose derivative with respect to z is dL/da times a slope of one's own."""

    def function(values: Values) -> torch.Tensor:
        (of_a,) = torch.autograd.grad(
            term.function(values), values[a], retain_graph=True, materialize_grads=True
        )
        return ((of_a * slope(values[z], values[a])).detach() * values[z]).sum()

    return Term(function, term.source, term.prediction)


def _by_own_delta(case: Case, fits: list[Fit]) -> Wrong | None:
    """Wrong for any loss: what explains the output layer as dL/dz does not explain the others.

    Whatever the loss is, its derivative with respect to the last layer's z is a value of the
    script's own, if the step of that layer's weights is made from it.
    """
    k, seen, best = case.chosen[0], set[int](), None
    for base in sorted(fits, key=lambda f: ORDER[f.loss.kind]):
        step = LossStep(case, base.loss, k)
        if not step.layers or step.layers[-1].z in seen:
            continue
        last = step.layers[-1]
        seen.add(last.z)
        for n in sorted(step.depends_on_target):
            if squeezed(case.tape.nodes[n].shape) != squeezed(case.tape.nodes[last.z].shape):
                continue
            fit = fit_if_possible(case, _of_delta(step, base.loss, n, last.z))
            # a parameter without a gradient belongs to another loss
            if fit is None or not all(fit.factors):
                continue
            good = fit.share_factor()
            if any(good[i] for i in last.weights) and (
                best is None or sum(good) > sum(best.share_factor())
            ):
                best = fit
    if best is None:
        return None
    node = case.tape.nodes[best.loss.terms[k][0].source]
    decayed = fit_if_possible(case, best.loss, penalty=True)
    if all(best.share_factor()) or (decayed is not None and all(decayed.share_factor())):
        name = node.name or "the delta"
        raise CannotTell(
            f"from {name} on {case.tape.code.where(node.line)} on, every update is right, but "
            f"{name} is the derivative of no loss that this check knows; computing the loss in "
            "the training loop and assigning it to a variable may help"
        )
    diagnosis = diagnose(case, best)
    if diagnosis is None:
        return None
    note = (
        f"of which loss {node.name or 'the delta'} is the derivative is not known, but for none "
        "are all steps right"
    )
    return best, diagnosis, note


def _of_delta(step: LossStep, base: Loss, delta: int, z: int) -> Loss:
    """The loss, whatever it is, that a value is the derivative of with respect to z."""
    case, node = step.case, step.tape.nodes[delta]
    loss = Loss("delta", ("delta", node.line, node.op, node.site), node.name)
    for k in case.chosen:
        d, at = counterpart(case, delta, step.k, k), counterpart(case, z, step.k, k)
        if d is not None and at is not None:
            loss.terms[k] = [Term(_slope_at(d, at), d, base.terms[k][0].prediction)]
    return loss


def _slope_at(delta: int, z: int) -> Callable[[Values], torch.Tensor]:
    return lambda values: (values[delta].detach().reshape(values[z].shape) * values[z]).sum()


# ------------------------------------------------------------------------- no loss at all


def _by_curl(case: Case, fits: list[Fit]) -> Wrong | None:
    """Wrong for any loss: the steps are made from the error, but are no gradient of anything."""
    errors = [f for f in fits if f.loss.kind == "SSE" and _made_from_errors(case, f.loss, fits)]
    if not errors or not _has_curl(case):
        return None
    for fit in errors:
        with contextlib.suppress(CannotTell):
            diagnosis = diagnose(case, fit)
            if diagnosis is not None:
                note = (
                    "no loss at all has these steps as its gradient: the matrix of their own "
                    f"derivatives is not symmetric; the line is where the {fit.loss.name} has "
                    "another derivative"
                )
                return fit, diagnosis, note
    return None


def _made_from_errors(case: Case, loss: Loss, fits: list[Fit]) -> bool:
    """Are all steps proportional to prediction - target, so that nothing but its way back counts?

    A clipped gradient, a perceptron's or a Hebbian rule are not.
    """
    for p in case.points[-3:]:
        predictions = {t.prediction for t in loss.terms[p.step]}
        terms = [t for f in fits if f.loss.kind == "SSE" for t in f.loss.terms[p.step]]
        # 1 - a is a part of a slope, too
        terms = [t for t in terms if t.prediction in predictions and isinstance(t.target, int)]
        errors = {t.source for t in terms}
        given = {n: p.values[n].detach() for n in case.steps[p.step].start.values()}
        given |= {n: 0.5 * p.values[n].detach() for n in errors}
        ends = [case.end(p.step, i) for i in case.parameters]
        values = given | replay.run(case.tape, ends, given, case.ties)
        for i, change in zip(case.parameters, p.changes, strict=True):
            half = case.change(p.step, i, values)
            if not torch.allclose(half, 0.5 * change, rtol=1e-9, atol=0):
                return False
    return True


def _has_curl(case: Case) -> bool:
    """Is the matrix of the steps' derivatives by the parameters not symmetric?

    That of a gradient is: it holds the loss's second derivatives (Schwarz's theorem). If each
    parameter has a rate of its own, its blocks are so but for a constant.
    """
    ratios: dict[tuple[int, int], list[float]] = {}
    for p in [p for p in case.points if p.perturbed][:CURL_POINTS]:
        draw = torch.Generator().manual_seed(p.step)
        changes = [case.change(p.step, i, p.values) for i in case.parameters]
        if any(c.shape != x.shape for c, x in zip(changes, p.leaves, strict=True)):
            return False
        u, v = (
            [torch.randn(x.shape, generator=draw, dtype=torch.float64) for x in p.leaves]
            for _ in range(2)
        )
        uJ, vJ = ([_pulled_back(c, p, x) for c, x in zip(changes, w, strict=True)] for w in (u, v))
        size, numbers = max(map(largest, p.changes)), range(len(changes))
        for i in numbers:
            for j in numbers[: i + 1]:
                one, other = float((vJ[i][j] * u[j]).sum()), float((uJ[j][i] * v[i]).sum())
                if max(abs(one), abs(other)) > 1e-9 * size:
                    ratios.setdefault((i, j), []).append(one / other if other else math.inf)
    return any(
        any(abs(r - (1.0 if i == j else found[0])) > NEARLY * abs(found[0]) for r in found)
        or not all(map(math.isfinite, found))
        for (i, j), found in ratios.items()
    )


def _pulled_back(change: torch.Tensor, p: Point, weights: torch.Tensor) -> list[torch.Tensor]:
    """The derivatives by all parameters of a weighted sum of the change of one."""
    if not change.requires_grad:
        return [torch.zeros_like(x) for x in p.leaves]
    return list(
        torch.autograd.grad(change, p.leaves, weights, retain_graph=True, materialize_grads=True)
    )
