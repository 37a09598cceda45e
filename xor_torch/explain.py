"""Why one network is where it is: its answers, its plateau, its curvature, and what would help.

Everything is measured. The Hessian is exact, by autograd; remedies are tried by training the
network again with each of them. Those that train from the start are one batch with the network's
own run, and all kicks from its end are one, see `xor_torch.batch`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from .batch import Problem, Trained, train
from .data import Parameters, initial_weights, truth_table
from .outcome import classify, fraction
from .threads import one_thread

KICKS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
CHECKS = 200  # a remedy's run is checked this often, to find the epoch from which it is solved


@dataclass(frozen=True)
class Remedy:
    """One thing that was tried."""

    name: str
    solved: bool
    epochs: int | None  #: from this epoch on it was solved; None if it is not solved
    loss: float  #: the mean over the rows, at the end


@dataclass(frozen=True)
class Explanation:
    """What was found out about one network; ``str()`` says it in words.

    The gradient and the Hessian are those of the SUM of the rows' errors, which descent follows;
    `loss` and `level` are means.
    """

    seed: int | None
    epochs: int
    lr: float
    criterion: str
    parameters: Parameters
    prediction: np.ndarray  #: (N,)
    loss: float
    outcome: str  #: see `xor_torch.outcome`
    level: float  #: of the plateau, nan where there is none
    tied: np.ndarray  #: (N,) int: rows with the same number are tied; 0 means not tied
    gradient_norm: dict[int, float]  #: epoch -> norm
    eigenvalues: np.ndarray  #: (P,) of the Hessian, ascending
    direction: np.ndarray  #: (P,) the eigenvector of the lowest one: W1 row by row, b1, W2, b2
    place: str  #: "solved", "early", "saddle", "flat" or "diverged"
    remedies: list[Remedy]

    def __str__(self) -> str:
        return "\n".join(_words(self))


class _Trial(NamedTuple):
    """A network to train, and how."""

    name: str
    start: Parameters
    lr: float
    loss: str
    momentum: float = 0.0


def explain(
    seed: int | None = 42,
    *,
    parameters: Parameters | None = None,
    epochs: int = 10_000,
    lr: float = 0.1,
    hidden: int = 2,
    bits: int = 2,
    loss: str = "mse",
    progress: Callable[[Explanation], object] = lambda so_far: None,
) -> Explanation:
    """Train a seed, or take weights as they are, and find out why they are where they are.

    Args:
        seed: to train from its initial weights.
        parameters: weights to take instead, for example those of a checkpoint. Their shapes
            replace `hidden` and `bits`. `seed`, if it is given too, is used for the remedies that
            train from the start.
        epochs: the length of the run, and of each remedy.
        lr, hidden, bits, loss: as in `xor_torch.sweep.sweep`.
        progress: called, before further remedies are tried, with what is known by then. The text
            of what `explain` returns is the text of this and more lines.

    Raises:
        ValueError: an argument is out of range, or there is neither a seed nor weights.

    """
    if parameters is not None:
        parameters = Parameters(*(np.asarray(p, dtype=np.float64) for p in parameters))
        bits, hidden = parameters.W1.shape
    elif seed is None:
        raise ValueError("--seed or a checkpoint is needed")
    anew = [] if seed is None else _anew(seed, lr, loss, bits, hidden)
    with one_thread():
        if parameters is not None:
            trained = train(Parameters(*(p[None] for p in parameters)), 1, lr, loss)
            history = {0: float(trained.gradient_norm[0])}
            tried = []
        else:
            run = _Trial("its own", initial_weights(seed or 0, hidden, bits), lr, loss)
            stops = sorted({*(10**k for k in range(1, 12) if 10**k < epochs), epochs})
            trained, looks = _train([run, *anew], epochs, [stop - 1 for stop in stops])
            norms = dict(zip(looks, trained.curve_gradient_norm[:, 0], strict=True))
            history = {stop: float(norms[stop - 1]) for stop in stops}
            tried, anew = _remedies(anew, looks, trained, first=1), []
            parameters = _first(trained.parameters, hidden)
        found = _study(seed, epochs, lr, loss, parameters, trained, history)
        if found.place == "solved":
            return found
        found = replace(found, remedies=tried)
        progress(found)
        kicked = [] if found.place == "diverged" else _kicks(found)
        if anew or kicked:
            trained, looks = _train([*anew, *kicked], epochs)
            remedies = _remedies([*anew, *kicked], looks, trained)
            tried = [*tried, *remedies[: len(anew)]]
            if kicked:
                tried.append(_smallest(found, remedies[len(anew) :]))
        return replace(found, remedies=tried)


def _study(
    seed: int | None,
    epochs: int,
    lr: float,
    loss: str,
    parameters: Parameters,
    trained: Trained,
    history: dict[int, float],
) -> Explanation:
    """Explain the first network of `trained`, now at `parameters`, without any remedy."""
    bits, hidden = parameters.W1.shape
    outcome, level, tied = (
        field[0]
        for field in classify(
            trained.prediction[:1],
            trained.loss[:1],
            trained.gradient_norm[:1],
            epochs,
            lr,
            loss,
            np.array([all(np.isfinite(p).all() for p in parameters)]),
        )
    )
    theta = np.concatenate([p.ravel() for p in parameters])
    if outcome == "diverged":
        eigenvalues, direction = np.full(theta.size, np.nan), np.full(theta.size, np.nan)
        place = "diverged"
    else:
        eigenvalues, vectors = np.linalg.eigh(hessian(theta, bits, hidden, loss))
        direction = vectors[:, 0]
        rounding = theta.size * np.finfo(float).eps * np.abs(eigenvalues).max()
        below = "saddle" if eigenvalues[0] < -rounding else "flat"
        place = {"solved": "solved", "moving": "early"}.get(outcome, below)
    return Explanation(
        seed=seed,
        epochs=epochs,
        lr=lr,
        criterion=loss,
        parameters=parameters,
        prediction=trained.prediction[0],
        loss=float(trained.loss[0]),
        outcome=str(outcome),
        level=float(level),
        tied=tied,
        gradient_norm=history,
        eigenvalues=eigenvalues,
        direction=direction,
        place=place,
        remedies=[],
    )


def hessian(theta: np.ndarray, bits: int, hidden: int, loss: str = "mse") -> np.ndarray:
    """The exact second derivatives of the summed error, shape (P, P).

    Args:
        theta: (P,), W1 row by row, b1, W2, b2.
        bits, hidden, loss: of the network.

    """
    problem = Problem(bits, hidden, loss)

    def total(theta: torch.Tensor) -> torch.Tensor:
        z2 = problem.forward(*problem.split(theta[:, None]))
        return problem.error(z2, problem.y, "sum")

    # torch.func.hessian gives the same, and imports torch._dynamo for a second
    second = torch.autograd.functional.hessian(total, torch.from_numpy(theta))
    assert isinstance(second, torch.Tensor)
    return np.asarray(second)


def _anew(seed: int, lr: float, loss: str, bits: int, hidden: int) -> list[_Trial]:
    """The seed again from its initial weights, each time with one setting changed."""
    start = initial_weights(seed, hidden, bits)
    wider = initial_weights(seed, hidden + 1, bits)
    words = {"bce": "cross-entropy", "mse": "squared error"}
    other = {"mse": "bce", "bce": "mse"}[loss]
    return [
        _Trial(f"learning rate {10 * lr:g} instead of {lr:g}", start, 10 * lr, loss),
        _Trial(f"{words[other]} instead of {words[loss]}", start, lr, other),
        _Trial(f"{hidden + 1} hidden units (other initial weights)", wider, lr, loss),
        _Trial("momentum 0.9", start, lr, loss, 0.9),
    ]


def _kind(found: Explanation) -> str:
    return "most negative" if found.eigenvalues[0] < 0 else "flattest"


def _kicks(found: Explanation) -> list[_Trial]:
    """The weights moved along the lowest direction by each of `KICKS`, both ways."""
    ends = np.cumsum([p.size for p in found.parameters])[:-1]
    pieces = np.split(found.direction, ends)
    trials = []
    for kick in (sign * size for size in KICKS for sign in (1, -1)):
        moved = (
            p + kick * piece.reshape(p.shape)
            for p, piece in zip(found.parameters, pieces, strict=True)
        )
        name = f"a kick of {kick:+g} along the {_kind(found)} direction"
        trials.append(_Trial(name, Parameters(*moved), found.lr, found.criterion))
    return trials


def _smallest(found: Explanation, kicks: Sequence[Remedy]) -> Remedy:
    """The smallest kick that solves it, or a line for all of them."""
    name = f"kicks of up to {KICKS[-1]:g}, both ways, along the {_kind(found)} direction"
    none = Remedy(name, False, None, min(kick.loss for kick in kicks))
    return next((kick for kick in kicks if kick.solved), none)


def _train(
    trials: Sequence[_Trial], epochs: int, looks: Sequence[int] = ()
) -> tuple[Trained, list[int]]:
    """Train all of them as one batch; return the epochs that were looked at, too.

    Each network gets as many hidden units as the widest. Weights that it does not have are 0 and
    have the learning rate 0: such a unit adds 0 to the output and never changes.
    """
    S, bits = len(trials), len(trials[0].start.W1)
    hidden = max(trial.start.W1.shape[1] for trial in trials)
    shapes = (bits, hidden), (1, hidden), (hidden, 1), (1, 1)
    weights, rates = (Parameters(*(np.zeros((S, *shape)) for shape in shapes)) for _ in range(2))
    for k, trial in enumerate(trials):
        for weight, rate, own in zip(weights, rates, trial.start, strict=True):
            rows, columns = own.shape
            weight[k, :rows, :columns] = own
            rate[k, :rows, :columns] = trial.lr
    at = sorted({*looks, *range(0, epochs, -(-epochs // CHECKS)), epochs - 1})
    losses = [trial.loss for trial in trials]
    trained = train(
        weights,
        epochs,
        rates,
        losses if len({*losses}) > 1 else losses[0],  # one loss takes fewer operations
        np.array([trial.momentum for trial in trials]),
        curve=at,
        norms=bool(looks),
    )
    return trained, at


def _first(parameters: Parameters, hidden: int) -> Parameters:
    """The weights of the first network of a batch, without the units that it does not have."""
    W1, b1, W2, b2 = (p[0] for p in parameters)
    return Parameters(W1[:, :hidden], b1[:, :hidden], W2[:hidden], b2)


def _remedies(
    trials: Sequence[_Trial], looks: Sequence[int], trained: Trained, first: int = 0
) -> list[Remedy]:
    """What became of these trials, which are the networks of `trained` from `first` on."""
    remedies = []
    for k, trial in enumerate(trials, start=first):
        wrong = np.flatnonzero(~trained.curve_solved[:, k])
        last = int(wrong[-1]) if wrong.size else -1  # the last look at which it was not solved
        solved = last < len(looks) - 1
        since = looks[last + 1] + 1 if solved else None
        remedies.append(Remedy(trial.name, solved, since, float(trained.loss[k])))
    return remedies


def _words(e: Explanation) -> list[str]:
    N = e.prediction.size
    X, y = truth_table(N.bit_length() - 1)
    rows = ["".join(str(int(bit)) for bit in x) for x in X]
    who = f"seed {e.seed}" if e.seed is not None else "these weights"
    lines = [f"{who}, after {e.epochs} epochs at lr {e.lr:g}: {e.outcome}", ""]
    lines += ["input  target  prediction"]
    for row, target, a, tie in zip(rows, y[:, 0], e.prediction, e.tied, strict=True):
        note = f"   tied, group {tie}" if tie else ""
        lines.append(f"{row:>5}  {target:6.0f}  {a:10.4f}{note}")

    lines += ["", f"loss {e.loss:.6g}, the mean over {N} rows"]
    if np.isfinite(e.level):
        terms = []
        for group in range(1, e.tied.max() + 1):
            members = np.flatnonzero(e.tied == group)
            p = y[members].mean()
            names = " ".join(rows[k] for k in members)
            lines.append(
                f"  {names} get one answer; their targets have the mean {fraction(p)}, "
                f"the one answer with the least error"
            )
            for target, error in (0, p), (1, 1 - p):
                n = int((y[members] == target).sum())
                error = f"({fraction(error)})^2" if e.criterion == "mse" else f"-ln {1 - error:.3g}"
                terms.append(f"{n} x {error}")
        lines.append(
            f"  plateau: ({' + '.join(terms)}) / {N} = {fraction(e.level)} = {e.level:.6g}"
        )
        side = "above" if e.loss > e.level else "below"
        lines.append(f"  the loss is {abs(e.loss - e.level):.3g} {side} it")

    lines += ["", "gradient norm"]
    lines += [f"  epoch {epoch:>9}  {norm:.3e}" for epoch, norm in e.gradient_norm.items()]
    if len(e.gradient_norm) > 1:
        (t0, g0), (t1, g1) = [*e.gradient_norm.items()][-2:]
        if g0 > 0 and g1 > 0:
            lines.append(f"  at the end like epoch^{np.log(g1 / g0) / np.log(t1 / t0):.2f}")

    if e.place != "diverged":
        values = " ".join(f"{value:.2e}" for value in e.eigenvalues[:12])
        lines += [
            "",
            f"eigenvalues of the Hessian: {values}{' ...' if e.eigenvalues.size > 12 else ''}",
        ]
    words = {
        "solved": "It has learned the table.",
        "early": "It is early: the loss is still falling at a pace that matters. More epochs help.",
        "saddle": "It is near a saddle: along one direction the error curves down.",
        "flat": "No direction curves down and the slope goes to zero: the valley is flat, and the "
        "loss keeps falling only as the weights grow without bound.",
        "diverged": "It has diverged: some weights are no longer finite. A smaller lr helps.",
    }[e.place]
    if e.place == "saddle":
        epochs = 1 / (e.lr * abs(e.eigenvalues[0]))
        words += f" Descent leaves along it, e times as far every {epochs:,.0f} epochs."
    lines += ["", words]
    if e.remedies:
        lines += ["", f"tried, {e.epochs} epochs each"]
        for r in e.remedies:
            end = f"solves it, in {r.epochs} epochs" if r.solved else f"does not: loss {r.loss:.4g}"
            lines.append(f"  {r.name}: {end}")
    return lines
