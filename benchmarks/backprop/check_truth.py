"""Are the labels of the benchmark true? Sees it without the checker that the benchmark measures.

    python -m benchmarks.backprop.check_truth [TEXT ...]

A right network: its first updates are predicted from central differences of its own objective,
and from a plain version of its optimiser. Each element of each trained array must move as
predicted. This re-runs the script for each element and touches no line of its backward pass.

A planted mistake: at the first update at which it and its right twin part, both stand at the same
point, so the two steps differ by nothing but the mistake. They must differ, and by more than one
common positive factor, which would be another learning rate. Where this first difference is small
(the first step of Adam is hardly more than a sign), the finite differences decide: over some
updates, the mistaken script must be far from its prediction.

TEXT restricts it to the networks and mistakes whose id contains one of the texts.
"""

from __future__ import annotations

import ast
import contextlib
import io
import sys
import types
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from .mistakes import MISTAKES, Mistake
from .truth import NETWORKS, Network, source

UPDATES = 4  # the state of each optimiser is at work from the second on
EPSILON = 1e-5  # the error of a central difference is about its square, and 1e-16 over it
ALLOWED = 1e-5  # of the largest step of the array, for the differences' own error
NOTICEABLE = 1e-3  # a mistake changes a step by at least this part of it

Arrays = dict[Any, np.ndarray]


class _Enough(BaseException):
    """Leaves a script that has done what is asked; no script catches it."""


class Probe:
    """Runs a script for some updates and looks at its parameters and its objective.

    Args:
        network: Where to look.
        text: The source.

    Raises:
        ValueError: The line of ``start`` or of ``loss`` is not in the source exactly once.

    """

    def __init__(self, network: Network, text: str) -> None:
        self.network = network
        tree = ast.parse(text)
        _insert(tree, text, network.start, "_at_start", before=True)
        _insert(tree, text, network.loss, "_at_loss", before=False)
        self.code = compile(ast.fix_missing_locations(tree), "<network>", "exec")

    def run(self, updates: int, move: tuple[Any, int, float] | None = None) -> list[Arrays]:
        """Run ``updates`` updates; return the parameters before each, and after the last.

        Args:
            updates: The number of updates. `self.objective` is then that of the last of them.
            move: Before the last one, add a number to one element: (parameter, index, number).

        """
        points: list[Arrays] = []
        losses: list[float] = []
        starts = 0

        def at_start(names: dict[str, Any], local: dict[str, Any]) -> None:
            nonlocal starts
            starts += 1
            if (starts - 1) % self.network.every:
                return
            parameters = eval(self.network.parameters, names, local)
            points.append({key: np.array(value, float) for key, value in parameters.items()})
            if len(points) > updates:
                raise _Enough
            losses.clear()
            if move is not None and len(points) == updates:
                key, index, change = move
                if np.ndim(parameters[key]):
                    parameters[key].reshape(-1)[index] += change
                else:  # a number; its key is the name of a global
                    names[key] += change
                moved = eval(self.network.parameters, names, local)[key]
                assert not np.array_equal(moved, points[-1][key]), "what was moved was a copy"

        def at_loss(names: dict[str, Any], local: dict[str, Any]) -> None:
            losses.append(float(np.sum(eval(self.network.objective, names, local))))

        module = types.ModuleType("__main__")
        module.__dict__.update(_at_start=at_start, _at_loss=at_loss)
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.suppress(_Enough),
            np.errstate(all="ignore"),  # a mistake may make a training diverge
        ):
            exec(self.code, module.__dict__)
        self.objective = sum(losses)
        return points

    def gradient(self, updates: int) -> Arrays:
        """The derivative of the objective of update number ``updates``, by central differences."""
        point = self.run(updates)[updates - 1]
        gradient = {key: np.zeros(value.shape) for key, value in point.items()}
        for key, array in gradient.items():
            for index in range(array.size):
                values = []
                for change in (EPSILON, -EPSILON):
                    self.run(updates, (key, index, change))
                    values.append(self.objective)
                array.reshape(-1)[index] = (values[0] - values[1]) / (2 * EPSILON)
        return gradient


def _insert(tree: ast.Module, text: str, line: str, function: str, before: bool) -> None:
    """Insert a call of ``function`` before or after the one statement that begins with ``line``."""
    lines = [number for number, got in enumerate(text.splitlines(), 1) if got.strip() == line]
    if len(lines) != 1:
        raise ValueError(f"{len(lines)} lines of the source are {line!r}, not one")
    call = ast.parse(f"{function}(globals(), locals())").body
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            for i, child in enumerate(body if isinstance(body, list) else []):
                if child.lineno == lines[0]:
                    i += not before
                    body[i:i] = call
                    return
    raise ValueError(f"no statement begins on the line {line!r}")


def step(
    rule: str, settings: dict[str, Any], state: dict[Any, Arrays], gradient: Arrays, number: int
) -> Arrays:
    """What one update adds to each parameter.

    Args:
        rule: ``sgd``, ``momentum``, ``nesterov``, ``adagrad``, ``rmsprop`` or ``adam``.
        settings: ``lr`` and the rule's own; ``clip_value`` and ``clip_norm`` limit the gradient,
            ``decay`` is the factor of the learning rate from one update to the next, with
            ``inverse_decay`` it is divided by 1 plus this times the number of updates before.
        state: The rule's memory, changed in place; empty at first.
        gradient: The gradient at this update.
        number: The number of the update, from 1.

    """
    lr = settings["lr"] * settings.get("decay", 1.0) ** (number - 1)
    lr /= 1 + settings.get("inverse_decay", 0.0) * (number - 1)
    eps = settings.get("eps", 1e-8)
    if "clip_value" in settings:
        bound = settings["clip_value"]
        gradient = {key: np.clip(g, -bound, bound) for key, g in gradient.items()}
    if "clip_norm" in settings:
        norm = np.sqrt(sum((g**2).sum() for g in gradient.values()))
        gradient = {key: g * min(1.0, settings["clip_norm"] / norm) for key, g in gradient.items()}

    def remember(name: str, old: float, new: float, value: Arrays) -> Arrays:
        before = state.get(name, {})
        state[name] = {key: old * before.get(key, 0.0) + new * v for key, v in value.items()}
        return state[name]

    squares = {key: g**2 for key, g in gradient.items()}
    if rule == "sgd":
        return {key: -lr * g for key, g in gradient.items()}
    if rule in ("momentum", "nesterov"):
        mu = settings["mu"]
        before = state.get("v", {})
        v = remember("v", mu, -lr, gradient)
        if rule == "momentum":
            return v
        return {key: (1 + mu) * v[key] - mu * before.get(key, 0.0) for key in v}
    if rule in ("adagrad", "rmsprop"):
        rho = settings.get("rho")
        s = (
            remember("s", 1.0, 1.0, squares)
            if rho is None
            else remember("s", rho, 1 - rho, squares)
        )
        if "eps_inside" in settings:
            return {
                k: -lr * g / np.sqrt(s[k] + settings["eps_inside"]) for k, g in gradient.items()
            }
        return {key: -lr * g / (np.sqrt(s[key]) + eps) for key, g in gradient.items()}
    if rule == "adam":
        b1, b2 = settings.get("b1", 0.9), settings.get("b2", 0.999)
        m = remember("m", b1, 1 - b1, gradient)
        s = remember("s", b2, 1 - b2, squares)
        c1, c2 = 1 - b1**number, 1 - b2**number
        return {key: -lr * (m[key] / c1) / (np.sqrt(s[key] / c2) + eps) for key in m}
    raise ValueError(f"there is no rule {rule!r}")


def error_of_right(name: str, text: str | None = None) -> tuple[float, str]:
    """How far the first updates of a right network are from the prediction, and where most.

    Args:
        name: The network.
        text: A source in place of the network's own.

    Returns:
        The largest difference, relative to the largest predicted step of the same array in the
        same update, and its place.

    """
    network = NETWORKS[name]
    probe = Probe(network, source(name) if text is None else text)
    points = probe.run(UPDATES)
    state: dict[Any, Arrays] = {}
    worst = (0.0, "")
    for number in range(1, UPDATES + 1):
        predicted = step(network.rule, network.settings, state, probe.gradient(number), number)
        for key, expected in predicted.items():
            actual = points[number][key] - points[number - 1][key]
            error = np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-300)
            worst = max(worst, (float(error), f"{key}, update {number}"))
            if not np.abs(expected).max() > 0:
                worst = (np.inf, f"{key} has no gradient in update {number}")
    return worst


def effect_of_mistake(mistake: Mistake) -> tuple[float, str]:
    """How much a planted mistake changes a step, and of which parameters.

    Returns:
        The largest relative change of an array's step at the first update at which the mistaken
        script and its right twin part, once the steps of all arrays may share one factor; and the
        arrays that change, with the number of that update.

    """
    network = NETWORKS[mistake.network]
    updates = 12
    right = Probe(network, source(mistake.network)).run(updates)
    wrong = Probe(network, mistake.source).run(updates)
    for number in range(1, updates + 1):
        a = {key: right[number][key] - right[number - 1][key] for key in right[0]}
        b = {key: wrong[number][key] - wrong[number - 1][key] for key in right[0]}
        if any(a[key].shape != b[key].shape for key in a):
            return np.inf, f"another shape in update {number}"
        if all(np.abs(a[key] - b[key]).max() <= 1e-9 * np.abs(a[key]).max() for key in a):
            continue
        changes = {factor: _changes(a, b, factor) for factor in _factors(a, b)}
        factor = min(changes, key=lambda f: sum(c > ALLOWED for c in changes[f].values()))
        spoilt = {key: c for key, c in changes[factor].items() if c > ALLOWED}
        names = ", ".join(f"{key} {change:.2g}" for key, change in spoilt.items())
        if max(spoilt.values(), default=0.0) < NOTICEABLE and factor == 1.0:
            return error_of_right(mistake.network, mistake.source)
        return max(spoilt.values(), default=0.0), f"update {number}: {names}"
    return 0.0, "no update changes"


def _factors(a: Arrays, b: Arrays) -> list[float]:
    """1, and for each array the factor that brings its right step nearest to its wrong one.

    Only positive ones: a factor below zero is uphill, and no learning rate.
    """
    found = (float(np.sum(a[k] * b[k]) / np.sum(a[k] ** 2)) for k in a if np.any(a[k]))
    return [1.0, *(factor for factor in found if factor > 0)]


def _changes(a: Arrays, b: Arrays, factor: float) -> dict[Any, float]:
    """The relative difference of the steps ``b`` from ``factor`` times the steps ``a``."""
    scale = {k: max(np.abs(a[k]).max(), np.abs(b[k]).max(), 1e-300) for k in a}
    return {k: float(np.abs(b[k] - factor * a[k]).max() / scale[k]) for k in a}


def main() -> int:
    """Check all labels, print one line each; return the exit code, 1 if a label is in doubt."""
    texts = sys.argv[1:]
    networks = [n for n in NETWORKS if not texts or any(t in n for t in texts)]
    mistakes = [m for m in MISTAKES if not texts or any(t in m.id for t in texts)]
    doubtful = 0
    with ProcessPoolExecutor() as pool:
        for name, (error, place) in zip(networks, pool.map(error_of_right, networks), strict=True):
            true = error <= ALLOWED
            doubtful += not true
            print(f"{'right   ' if true else 'IN DOUBT'} {name}: {error:.1e}, {place}", flush=True)
        effects = pool.map(effect_of_mistake, mistakes)
        for mistake, (change, place) in zip(mistakes, effects, strict=True):
            true = change >= NOTICEABLE
            doubtful += not true
            print(f"{'wrong   ' if true else 'IN DOUBT'} {mistake.id}: {place}", flush=True)
    print(f"{len(networks)} networks, {len(mistakes)} mistakes, {doubtful} in doubt")
    return int(doubtful > 0)


if __name__ == "__main__":
    sys.exit(main())
