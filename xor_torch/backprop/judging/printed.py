"""Is the loss that the script computes the one that its steps follow?"""

import math

import torch

from .candidates import losses_of
from .case import Case
from .derivatives import LossStep
from .expected import fill, of_penalty
from .findings import Diagnosis, Finding
from .fit import NEARLY, Fit, least_squares
from .losses import Loss, Term, gradients, total
from .mistakes import gradient_node
from .points import FAR, Place, Point, largest
from .words import name_of_multiple

SAME_GRADIENT = 1e-8  # relative: the residual of least squares over many points


def compare_with_printed(case: Case, fit: Fit, finding: Finding) -> None:
    """Is the loss that the script computes the one that its steps follow?"""
    same: list[tuple[int, str, float]] = []
    penalised: list[tuple[int, str, float, list[float]]] = []
    other: list[tuple[int, str]] = []
    for k in sorted({0, *case.chosen[:3]}):
        at = [Place(k, 10 * k + seed, FAR) for seed in (71, 72, 73)]
        points = [p for place in at if (p := case.point(place))]
        terms = fit.loss.terms.get(k)
        if terms is None:
            terms = [t for loss, t in losses_of(case, k) if loss.place == fit.loss.place]
        if len(points) < 2 or not terms:
            continue
        mine = Loss(fit.loss.kind, (), "", {k: terms})
        for name, line, term in _printed(case, k, terms):
            if any(line == seen for seen, *_ in (*same, *penalised, *other)):
                continue
            relation = _relation(case, points, Loss("own", (), name, {k: [term]}), mine)
            if relation is None:
                continue
            factors, decays, exact, near = relation
            if exact and not any(decays):
                same.append((line, name, factors[0]))
            elif exact:
                penalised.append((line, name, factors[0], decays))
            elif near:  # a constant in it, against log(0)
                same.append((line, name, 0.0))
            else:
                other.append((line, name))
    for line, name, factor, decays in penalised:
        _compare_penalty(case, fit, finding, line, name, factor, decays)
    if same and not penalised:
        _, name, factor = same[0]
        if factor > 0 and not math.isclose(fit.scale / factor, finding.lr or 0.0, rel_tol=1e-6):
            printed = name_of_multiple(case, fit, factor)
            finding.notes.append(
                f"your printed loss is the {printed}, your steps follow the {finding.loss}: "
                f"equal to {printed} with lr {fit.scale / factor:.6g}"
            )
    if other and not same and not penalised:
        line, name = other[0]
        finding.other_loss = True
        finding.warnings.append(
            f"the script computes another loss than it trains on: {name} on "
            f"{case.tape.code.where(line)} is not, "
            f"up to a constant factor, the {finding.loss} whose gradient the steps follow"
        )
    elif not same and not penalised and not other and finding.loss and "BCE" in finding.loss:
        finding.notes.append(
            "the script computes no loss: its steps are those of cross-entropy, or of squared "
            "errors without the derivative of the output's activation"
        )


def _printed(case: Case, k: int, terms: list[Term]) -> list[tuple[str, int, Term]]:
    """The scalars of a step that look like a loss: of the predictions, used for no update."""
    nodes, step = case.tape.nodes, case.steps[k]
    needed = case.needed(k)
    predicted = {t.source if t.prediction is None else t.prediction for t in terms}
    if any(t.prediction is None for t in terms):
        predicted |= needed
    for n in sorted(step.nodes):
        if predicted & {*nodes[n].inputs}:
            predicted.add(n)
    users = {i for n in step.nodes for i in nodes[n].inputs}
    found = []
    for n in step.nodes:
        node = nodes[n]
        if n in needed or node.dtype != "f" or node.shape not in ((), (1,), (1, 1)):
            continue
        if n not in predicted:  # a weight, or the slope of the line that two of them make
            continue
        if node.name or n not in users:
            found.append((node.name or "a value", node.line, total(n)))
    return [f for f in found if f[0] != "a value"] or found


def _relation(
    case: Case, points: list[Point], printed: Loss, followed: Loss
) -> tuple[list[float], list[float], bool, bool] | None:
    """(factors, decays, exact, near) with d printed = factor * d followed + decay * parameter.

    It is near if it is so to within `NEARLY`, without any decay.
    """
    grads = []
    for p in points:
        a, b = gradients(printed, p), gradients(followed, p)
        if a is None or b is None:
            return None
        grads.append((p, a, b))
    if not any(float(x.abs().max()) > 0 for _, a, _ in grads for x in a):
        return None
    factors, decays, multiples, exact, near = [], [], [], True, True
    for i in range(len(case.parameters)):
        mine = torch.cat([x[i].reshape(-1) for _, x, _ in grads])
        columns = [
            torch.cat([x[i].reshape(-1) for _, _, x in grads]),
            torch.cat([p.leaves[i].detach().reshape(-1) for p, _, _ in grads]),
        ]
        if not float(columns[0].abs().max()):
            decays.append(0.0)
            continue
        multiples.append(float(columns[0] @ mine / (columns[0] @ columns[0])))
        rest = float((mine - multiples[-1] * columns[0]).abs().max())
        near = near and rest <= NEARLY * float(mine.abs().max())
        (factor, decay), left = least_squares(columns, mine)
        exact = exact and largest(left) <= SAME_GRADIENT * max(largest(mine), 1e-300)
        factors.append(factor)
        small = abs(decay) * largest(columns[1]) <= SAME_GRADIENT * largest(mine)
        decays.append(0.0 if small else decay)
    exact = (
        exact and bool(factors) and all(math.isclose(f, factors[0], rel_tol=1e-6) for f in factors)
    )
    near = (
        near
        and bool(multiples)
        and all(math.isclose(m, multiples[0], rel_tol=NEARLY) for m in multiples)
    )
    return factors, decays, exact, near


def _compare_penalty(
    case: Case, fit: Fit, finding: Finding, line: int, name: str, factor: float, decays: list[float]
) -> None:
    """The printed loss has a penalty on some parameters: do their steps have it too?"""
    if fit.loss.kind == "own":
        return
    lacking = [i for i, d in enumerate(decays) if d and abs(fit.decay[i]) <= 1e-9 * fit.scale]
    if lacking:
        step = LossStep(case, fit.loss, case.chosen[0])
        i = min(lacking, key=lambda i: case.end(step.k, case.parameters[i]))
        at = gradient_node(step, i)
        node = case.tape.nodes[at]
        finding.verdict = "wrong"
        finding.diagnosis = Diagnosis(
            node.line,
            node.name or case.names[i],
            "detached regularisation",
            True,
            [case.names[j] for j in lacking],
            node.shape,
        )
        pairs = of_penalty(case, fit, i, decays[i] / factor)
        fill(finding.diagnosis, f"{case.names[i]} step", pairs)
