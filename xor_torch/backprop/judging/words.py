"""What a finding says: the loss and the learning rate, the layers, the derivative of each line."""

import math
from collections.abc import Callable

import torch

from .derivatives import Derivatives
from .expected import fill
from .findings import Diagnosis, Finding, Parameter
from .fit import Fit
from .layers import find_layers
from .losses import Match
from .objectives import Objective
from .points import Bench
from .samples import samples_of_updates


def convention(bench: Bench, fit: Fit, match: Match | None) -> tuple[str | None, float]:
    """The usual name of the loss with the learning rate that goes with it.

    ``2 (a - y)`` with lr 0.1 is the sum of squares, and half of it with lr 0.2: the number that
    the script types decides. A gradient inside an optimiser has no rate yet.
    """
    if match is None:
        return (fit.objective.name or "loss") if fit.objective.kind == "own" else None, fit.scale
    whole = abs(fit.scale * match.scale) * _times(bench, fit.objective)
    if match.name == "SSE" and match.of_error:
        error = bench.tape.nodes[match.value].name or "an error"
        return f"sum of squares of {error}", whole
    rates = [(name, whole / multiple) for name, multiple in multiples(bench, match)]
    typed = bench.multipliers(bench.steps[match.step].nodes)  # one of them is the learning rate
    for name, rate in rates if not bench.inner else ():
        if any(math.isclose(rate, c, rel_tol=1e-6) for c in typed if c not in (1, 2)):
            return name, rate
    for name, rate in rates:
        if math.isclose(rate, 1.0, rel_tol=1e-6):
            return name, rate
    return rates[0]


def _times(bench: Bench, pair: Objective) -> int:
    """How often is each sample in a pair, if each number of a gradient has a forward pass anew?

    As in ``for j in range(n): g[j] = sum((h(x) - y) * x[j] for x, y in data)``.
    """
    p = next((p for p in bench.points if p.step in pair.terms and p.moved), None)
    terms = pair.terms[p.step] if p is not None and pair.kind == "pair" else []
    if p is None or not all(z in p.values and d in p.values for d, z in terms):
        return 1
    values, count = [p.values[z].detach() for _, z in terms], len(terms)
    for m in (m for m in range(count, 1, -1) if count % m == 0):
        n = count // m
        in_order = [range(j * n, j * n + n) for j in range(m)]  # all samples for the first number
        for rounds in (in_order, [range(j, count, m) for j in range(m)]):
            both = ((a, b) for r in rounds for a, b in zip(rounds[0], r, strict=True))
            if not all(torch.equal(values[a], values[b]) for a, b in both):
                continue
            moved = list[torch.Tensor]()
            for one in rounds:
                twice = {d: 2 * p.values[d] for i in one if (d := terms[i][0]) is not None}
                pairs = zip(bench.again(p, twice), p.changes, strict=True)
                moved.append(torch.cat([(a != b).reshape(-1) for a, b in pairs]))
            if all(map(torch.any, moved)) and int(torch.stack(moved).sum(0).max()) == 1:
                return m  # no number of the step is made of two of them
    return 1


def multiples(bench: Bench, match: Match) -> list[tuple[str, float]]:
    """The names of a loss's usual multiples.

    A mean is one over all elements; of a cross-entropy, over the samples, which may be the rows or
    the columns.
    """
    shape, kind = bench.tape.nodes[match.value].shape, match.name
    sizes = [n for n in (shape if kind == "CE" else [math.prod(shape)]) if n > 1]
    if kind != "SSE":
        return [(kind, 1.0), *((f"mean {kind}", 1 / n) for n in sizes)]
    means = [(name, half / n) for n in sizes for name, half in (("MSE", 1.0), ("1/2 MSE", 0.5))]
    return [("SSE", 1.0), ("1/2 SSE", 0.5), *means]


def name_of_multiple(bench: Bench, match: Match, factor: float) -> str:
    """The name of a multiple of a loss."""
    for name, multiple in multiples(bench, match):
        if math.isclose(multiple, factor, rel_tol=1e-6):
            return name
    return f"{factor:.6g} times the {match.name}"


def _named(ours: str, theirs: str) -> str:
    return f"{ours} = {theirs}" if theirs and theirs != ours else ours


def describe(bench: Bench, fit: Fit, finding: Finding, match: Match | None = None) -> None:
    """Say what a finding's parameters and layers are, and what each line computes."""
    k = match.step if match is not None else min(fit.objective.terms)
    nodes = bench.tape.nodes
    for i, name in enumerate(bench.names):
        end, part = nodes[bench.steps[k].end[bench.parameters[i]]], fit.parts[i]
        known = part.measured if math.isfinite(part.measured) else None
        finding.parameters.append(Parameter(name, end.line, known, fit.good[i], end.shape))
    finding.updates = samples_of_updates(bench)
    factors = fit.factors.values()
    finding.rates_differ = not all(math.isclose(fit.scale, c, rel_tol=1e-6) for c in factors)
    step = Derivatives(bench, fit.objective, k)
    used = [nodes[n].line for n in step.view.step.nodes if nodes[n].line]
    finding.lines = min(used), max(used)
    names = {begin: bench.names[n] for begin, n in step.view.begin.items()}
    whole = step.forward if match is None else step.view.behind([match.value]) | step.forward
    for layer in find_layers(bench, k, whole, match.value if match else None):
        names.setdefault(layer.z, f"z{layer.number}")
        names.setdefault(layer.a, f"a{layer.number}")
        weights = ", ".join(bench.names[i] for i in dict.fromkeys(layer.weights + layer.biases))
        finding.layers.append(
            f"layer {layer.number}: {weights}; "
            f"{_named(f'z{layer.number}', nodes[layer.z].name)} {nodes[layer.z].shape}, "
            f"{_named(f'a{layer.number}', nodes[layer.a].name)}, {layer.activation}"
        )
    line_of = _lines_of_calls(bench, step.forward)
    step.slopes = {v: slopes for v, slopes in step.slopes.items() if v in names}
    backward = [n for n in step.view.step.nodes if step.view.reaches.get(n) and nodes[n].line]
    for n in backward:
        if n in step.forward or n in step.view.ends or nodes[n].dtype != "f":
            continue
        known_as = step.matches(n).keys() & names.keys()
        if known_as:
            # of several, what the value has the shape of, and the parameter that it moves
            begin, moves, shape = step.view.begin, step.view.reaches[n], nodes[n].shape
            moved = {v for v in known_as & begin.keys() if moves >> begin[v] & 1}
            v = max(known_as, key=lambda v: (nodes[v].shape == shape, v in moved, v in begin, -v))
            _label(finding, line_of(n), f"dL/d{names[v]}", True)
    if finding.diagnosis is not None:
        fill(bench, fit, finding.diagnosis)
        if finding.diagnosis.node not in step.forward:
            _at_call(bench, finding.diagnosis, line_of)
            finding.notes += _called_by(bench, finding.diagnosis, k)
        _label_wrong(bench, finding, finding.diagnosis, k, names)


def _lines_of_calls(bench: Bench, forward: set[int]) -> Callable[[int], int]:
    """A function that gives the line of a value: of its call, if the forward pass calls it, too.

    What a matrix product does is right if the forward pass is made of it: what is wrong with its
    result was given to it by the line that calls it.
    """
    nodes = bench.tape.nodes
    after: dict[tuple[int, ...], set[tuple[int, ...]]] = {}  # some innermost lines -> the others
    for lines in {(nodes[n].line, *nodes[n].calls) for n in forward}:
        for i in range(1, len(lines)):
            after.setdefault(lines[:i], set()).add(lines[i:])

    def line_of(n: int) -> int:
        lines, i = (nodes[n].line, *nodes[n].calls), 1
        while i < len(lines) and after.get(lines[:i], set()) - {lines[i:]}:
            i += 1
        return lines[i - 1]

    return line_of


def _at_call(bench: Bench, wrong: Diagnosis, line_of: Callable[[int], int]) -> None:
    """Put a diagnosis on the line that calls the function in which the wrong value is computed."""
    n = wrong.node
    if n is None or wrong.line != bench.tape.nodes[n].line or line_of(n) == wrong.line:
        return
    wrong.line, wrong.called = line_of(n), True


def _called_by(bench: Bench, wrong: Diagnosis, k: int) -> list[str]:
    """A note on the call that makes a wrong value, if its line is one of a helper.

    Several lines call it, or it is in another module than the passes that call it.
    """
    n, nodes, code = wrong.node, bench.tape.nodes, bench.tape.code
    calls = nodes[n].calls if n is not None and not wrong.called else ()
    if not calls:
        return []
    made = (nodes[m] for m in bench.steps[k].nodes if nodes[m].line == wrong.line)
    several = len({node.calls[:1] for node in made}) > 1
    elsewhere = len(calls) > 1 and code.place(calls[0])[0] != code.place(wrong.line)[0]
    if not several and not elsewhere:
        return []
    return [
        f"the wrong value on {code.where(wrong.line)} is made by the call on {code.where(calls[0])}"
    ]


def without_objective(bench: Bench, bad: list[int]) -> list[Parameter]:
    """The parameters of a network whose steps could not be compared with a gradient."""
    ends = [bench.tape.nodes[bench.steps[bench.chosen[0]].end[i]] for i in bench.parameters]
    return [
        Parameter(name, end.line, None, i not in bad, end.shape)
        for i, (name, end) in enumerate(zip(bench.names, ends, strict=True))
    ]


def _label(finding: Finding, line: int, words: str, ok: bool) -> None:
    on_line = finding.labels.setdefault(line, [])
    if (words, ok) not in on_line:
        on_line.append((words, ok))


def _label_wrong(
    bench: Bench, finding: Finding, wrong: Diagnosis, k: int, names: dict[int, str]
) -> None:
    """The first wrong line, and those of the gradients that it spoils."""
    name = names.get(wrong.value or -1)
    finding.labels[wrong.line] = []
    _label(finding, wrong.line, f"dL/d{name} wrong" if name else "wrong", False)
    for i, name in enumerate(bench.names):
        parts = bench.change_nodes(k, bench.parameters[i])
        if finding.parameters[i].ok or not parts:
            continue
        line = bench.tape.nodes[parts[-1][0]].line
        right = (f"dL/d{name}", True) in finding.labels.get(line, [])
        if line != wrong.line and not right:
            _label(finding, line, f"dL/d{name} wrong", False)
