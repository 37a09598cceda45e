"""From a tape to a verdict: correct, wrong or cannot tell.

Correct needs a loss that explains every update at every point. Wrong needs more than that none
does: a loss must explain the output layer, or a known mistake must explain the wrong numbers in
every element. Everything between is "cannot tell", with the reason.
"""

import math
from dataclasses import dataclass, field

import torch

from .losses import CannotTell, Case, Fit, Loss
from .mistakes import Diagnosis, Layer, Step, diagnose
from .record import Tape
from .replay import CannotReplay
from .steps import Network, find_networks

ORDER = {"SSE": 0, "CE": 1, "BCE": 2, "own": 3, "MAE": 4}


@dataclass
class Finding:
    """What is known about one network."""

    verdict: str  # "correct", "wrong" or "cannot tell"
    reason: str | None = None
    loss: str | None = None
    lr: float | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parameters: list[dict] = field(default_factory=list)
    layers: list[dict] = field(default_factory=list)
    labels: list[tuple[int, str, str]] = field(default_factory=list)  # line, derivative, ok or wrong
    diagnosis: Diagnosis | None = None
    strict: bool = False  # correct, but for another loss than the script computes


def judge(tape: Tape) -> list[Finding]:
    """One finding for each network that the script trains."""
    return [_judge_safely(tape, network) for network in find_networks(tape)]


def _judge_safely(tape: Tape, network: Network) -> Finding:
    try:
        return _judge(Case(tape, network))
    except (CannotTell, CannotReplay) as e:
        return Finding("cannot tell", str(e))


def _judge(case: Case) -> Finding:
    if not any(p.nudged for p in case.points):
        raise CannotTell("the training loop takes another branch as soon as a parameter changes")
    fits = [fit for loss in case.losses() if (fit := case.fit(loss))]
    perfect = [fit for fit in fits if fit.perfect]
    if perfect:
        best = min(perfect, key=lambda f: ORDER[f.loss.kind])
        return _correct(case, best, fits)
    return _wrong(case, fits)


def _correct(case: Case, fit: Fit, fits: list[Fit]) -> Finding:
    finding = Finding("correct")
    finding.loss, finding.lr = _convention(case, fit)
    _describe(case, fit, finding)
    return finding


def _wrong(case: Case, fits: list[Fit]) -> Finding:
    def merit(fit: Fit) -> tuple:
        return (sum(fit.in_scale()), sum(fit.explained()), -ORDER[fit.loss.kind])

    fits = [f for f in fits if f.loss.kind != "own" or any(f.explained())]
    if not fits:
        raise CannotTell("no prediction and target could be found that a loss could be computed from")
    best = max(fits, key=merit)
    if not any(best.in_scale()):
        raise CannotTell("the updates follow the gradient of no loss that is known here")
    diagnosis = diagnose(case, best)
    finding = Finding("wrong", diagnosis=diagnosis)
    finding.loss, finding.lr = _convention(case, best)
    _describe(case, best, finding)
    return finding


def _convention(case: Case, fit: Fit) -> tuple[str, float]:
    """The usual name of the loss with the learning rate that goes with it."""
    scale = fit.scale
    k = case.chosen[0]
    if fit.loss.kind == "own":
        return fit.loss.name, scale
    shape = case.tape.nodes[fit.loss.terms[k][0].prediction].shape
    size = math.prod(shape)
    sizes = dict.fromkeys([size, *shape])
    multiples = {"SSE": {"SSE": 1.0, "1/2 SSE": 0.5}, "BCE": {"BCE": 1.0}, "CE": {"CE": 1.0}, "MAE": {"MAE": 1.0}}
    names = dict(multiples[fit.loss.kind])
    if fit.loss.kind == "SSE":
        for n in sizes:
            if n > 1:
                names.setdefault("MSE", 1 / n)
                names.setdefault("1/2 MSE", 0.5 / n)
    else:
        for n in sizes:
            if n > 1:
                names.setdefault(f"mean {fit.loss.kind}", 1 / n)
    typed = _constants(case, k)
    for name, multiple in names.items():
        if any(math.isclose(scale / multiple, c, rel_tol=1e-6) for c in typed):
            return name, scale / multiple
    for name, multiple in names.items():
        if math.isclose(scale / multiple, 1.0, rel_tol=1e-6):
            return name, 1.0
    name = next(iter(names))
    return name, scale / names[name]


def _constants(case: Case, k: int) -> list[float]:
    """Numbers that the step multiplies with: one of them is the learning rate."""
    found = []
    for n in case.steps[k].nodes:
        node = case.tape.nodes[n]
        if node.op == "multiply":
            for a in node.args:
                if isinstance(a, int | float) and a not in (1, 2):
                    found.append(abs(float(a)))
            for i in node.inputs:
                value = case.tape.nodes[i].value
                if value is not None and value.ndim == 0 and case.tape.nodes[i].op == "leaf":
                    found.append(abs(float(value)))
    return found


def _describe(case: Case, fit: Fit, finding: Finding) -> None:
    """Parameters, layers and the labels of the lines."""
    good = fit.in_scale()
    k = case.chosen[0]
    for i, name in enumerate(case.names):
        finding.parameters.append({
            "name": name,
            "line": case.tape.nodes[case.end(k, case.parameters[i])].line,
            "difference": fit.measured[i] if math.isfinite(fit.measured[i]) else None,
            "ok": good[i],
            "shape": list(case.tape.nodes[case.start(k, case.parameters[i])].shape),
        })
