"""What forbids the verdict "correct", whatever the numbers say."""

import math

from ..tape import PARTS
from .fit import Fit
from .mistakes import PRODUCTS, SUMS, Diagnosis
from .points import Bench

CUTS = {"clip", "minimum", "maximum", "fmin", "fmax", "where"}


def clips(bench: Bench) -> list[int]:
    """Where the backward pass cuts values off."""
    view = bench.view(bench.chosen[0])
    return [
        n
        for n in view.step.nodes
        if bench.tape.nodes[n].op in CUTS and view.depends[n] == view.full and view.reaches.get(n)
    ]


def plain(bench: Bench) -> bool:
    """Is there no optimiser between a gradient and its parameter?"""
    return not any(s.optimiser for s in bench.network.states) and not clips(bench)


def unseen(bench: Bench) -> str | None:
    """A value in an update that came from code that was not recorded."""
    nodes, first = bench.tape.nodes, min(bench.steps[0].start.values())
    for k in bench.chosen:
        view = bench.view(k)
        for n in sorted(view.behind(view.ends)):
            for i in nodes[n].inputs:
                if nodes[i].op in ("foreign", "lost") and nodes[i].dtype == "f" and i > first:
                    return (
                        f"{nodes[i].name or 'a value'} on {bench.where(i)} was computed by code "
                        "that could not be recorded"
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
            mistake = "bias summed over the wrong axis" if summed else "bias not summed"
            return Diagnosis(line, name, mistake, True, [state.name], node.shape)
    return None


def never_updated(bench: Bench, one: Fit) -> Diagnosis | None:
    """An array that is added to a product of parameters like a bias, and never changes."""
    k = next(iter(one.objective.terms))
    view, nodes = bench.view(k), bench.tape.nodes
    forward = view.behind(one.objective.values(k))
    linear: set[int] = set()
    for n in sorted(forward):
        node = nodes[n]
        origins = {bench.tape.origin(i, PARTS) for i in node.inputs}
        if node.op in PRODUCTS | {"multiply"} and origins & view.begin.keys():
            linear.add(n)
            continue
        if node.op != "add" or linear.isdisjoint(node.inputs):
            continue
        linear.add(n)
        for i in node.inputs:
            other = nodes[i]
            root = nodes[bench.tape.origin(i, PARTS)]
            if i in view.inside or other.dtype != "f" or root.op != "leaf" or not other.shape:
                continue
            used = all(
                any(i in nodes[m].inputs for m in s.nodes) for s in bench.steps[:: max(1, len(bench.steps) // 5)]
            )
            small = other.shape != node.shape or 1 in node.shape or len(node.shape) <= 1
            if used and small:
                name = other.name or "a list"
                return Diagnosis(
                    node.line, name, "bias never updated", True, [name], other.shape, n
                )
    return None
