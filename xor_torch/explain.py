"""Why one network is where it is: its answers, its plateau, its curvature, and what would help.

Everything is measured. The Hessian is exact, by `torch.func`; remedies are tried by training
the network again with each of them, see `xor_torch.batch`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from .batch import Problem, Trained, train
from .data import Parameters, initial_weights, truth_table
from .outcome import classify, fraction
from .threads import one_thread

KICKS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
CHECKS = 200  # a remedy's run is looked at this often, to find the epoch from which it is solved


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


def explain(
    seed: int | None = 42,
    *,
    parameters: Parameters | None = None,
    epochs: int = 10_000,
    lr: float = 0.1,
    hidden: int = 2,
    bits: int = 2,
    loss: str = "mse",
) -> Explanation:
    """Train a seed, or take weights as they are, and find out why they are where they are.

    Args:
        seed: to train from its initial weights.
        parameters: weights to take instead, for example those of a checkpoint. Their shapes
            replace `hidden` and `bits`. `seed`, if it is given too, is used for the remedies that
            train from the start.
        epochs: the length of the run, and of each remedy.
        lr, hidden, bits, loss: as in `xor_torch.sweep.sweep`.

    Raises:
        ValueError: an argument is out of range, or there is neither a seed nor weights.

    """
    with one_thread():
        if parameters is not None:
            batch = Parameters(*(np.asarray(p, dtype=np.float64)[None] for p in parameters))
            trained = train(batch, 1, lr, loss)
            history = {0: trained.gradient_norm[0]}
        elif seed is not None:
            batch = Parameters(*(p[None] for p in initial_weights(seed, hidden, bits)))
            history = {}
            stops = sorted({*(10**k for k in range(1, 12) if 10**k < epochs), epochs})
            for begin, end in pairwise([0, *stops]):
                trained = train(batch, end - begin, lr, loss)
                history[end] = trained.gradient_norm[0]
                batch = trained.parameters
        else:
            raise ValueError("--seed or a checkpoint is needed")
        return _study(seed, epochs, lr, loss, batch, trained, history)


def _study(
    seed: int | None,
    epochs: int,
    lr: float,
    loss: str,
    batch: Parameters,
    trained: Trained,
    history: dict[int, float],
) -> Explanation:
    bits, hidden = batch.W1.shape[1:]
    finite = np.array([all(np.isfinite(p).all() for p in batch)])
    outcome, level, tied = (
        field[0]
        for field in classify(
            trained.prediction, trained.loss, trained.gradient_norm, epochs, lr, loss, finite
        )
    )
    theta = np.concatenate([p.ravel() for p in batch])
    if outcome == "diverged":
        eigenvalues, direction = np.full(theta.size, np.nan), np.full(theta.size, np.nan)
        place = "diverged"
    else:
        eigenvalues, vectors = np.linalg.eigh(hessian(theta, bits, hidden, loss))
        direction = vectors[:, 0]
        rounding = theta.size * np.finfo(float).eps * np.abs(eigenvalues).max()
        below = "saddle" if eigenvalues[0] < -rounding else "flat"
        place = {"solved": "solved", "moving": "early"}.get(outcome, below)
    remedies: list[Remedy] = []
    if place != "solved":
        if seed is not None:
            remedies += _try_anew(seed, epochs, lr, loss, bits, hidden)
        if place != "diverged":
            remedies.append(_kick(theta, direction, eigenvalues[0], epochs, lr, loss, batch))
    return Explanation(
        seed=seed,
        epochs=epochs,
        lr=lr,
        criterion=loss,
        parameters=Parameters(*(p[0] for p in batch)),
        prediction=trained.prediction[0],
        loss=float(trained.loss[0]),
        outcome=str(outcome),
        level=float(level),
        tied=tied,
        gradient_norm={epoch: float(norm) for epoch, norm in history.items()},
        eigenvalues=eigenvalues,
        direction=direction,
        place=place,
        remedies=remedies,
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

    second: torch.Tensor = torch.func.hessian(total)(torch.from_numpy(theta))
    return second.numpy()


def _try_anew(
    seed: int, epochs: int, lr: float, loss: str, bits: int, hidden: int
) -> Iterator[Remedy]:
    """Train the seed again from its initial weights, each time with one setting changed."""

    def run(
        name: str, lr: float = lr, loss: str = loss, hidden: int = hidden, momentum: float = 0.0
    ) -> Iterator[Remedy]:
        start = Parameters(*(p[None] for p in initial_weights(seed, hidden, bits)))
        return _outcomes([name], start, epochs, lr, loss, momentum)

    words = {"bce": "cross-entropy", "mse": "squared error"}
    other = {"mse": "bce", "bce": "mse"}[loss]
    yield from run(f"learning rate {10 * lr:g} instead of {lr:g}", lr=10 * lr)
    yield from run(f"{words[other]} instead of {words[loss]}", loss=other)
    yield from run(f"{hidden + 1} hidden units (other initial weights)", hidden=hidden + 1)
    yield from run("momentum 0.9", momentum=0.9)


def _kick(
    theta: np.ndarray,
    direction: np.ndarray,
    lowest: float,
    epochs: int,
    lr: float,
    loss: str,
    batch: Parameters,
) -> Remedy:
    """Move the weights along `direction` and train on; the smallest move that solves it."""
    kicks = [sign * size for size in KICKS for sign in (1, -1)]
    moved = theta + np.outer(kicks, direction)
    kind = "most negative" if lowest < 0 else "flattest"
    pieces = np.split(moved, np.cumsum([p.size for p in batch])[:-1], axis=1)
    start = Parameters(
        *(piece.reshape(-1, *p.shape[1:]) for piece, p in zip(pieces, batch, strict=True))
    )
    names = [f"a kick of {k:+g} along the {kind} direction" for k in kicks]
    tried = [*_outcomes(names, start, epochs, lr, loss)]
    name = f"kicks of up to {KICKS[-1]:g}, both ways, along the {kind} direction"
    none = Remedy(name, False, None, min(remedy.loss for remedy in tried))
    return next((remedy for remedy in tried if remedy.solved), none)


def _outcomes(
    names: list[str],
    start: Parameters,
    epochs: int,
    lr: float,
    loss: str,
    momentum: float = 0.0,
) -> Iterator[Remedy]:
    curve = range(0, epochs, -(-epochs // CHECKS))
    trained = train(start, epochs, lr, loss, momentum, curve=curve)
    at = np.array(sorted({*curve, epochs - 1})) + 1
    for k, name in enumerate(names):
        wrong = np.flatnonzero(~trained.curve_solved[:, k])
        last = int(wrong[-1]) if wrong.size else -1  # the last look at which it was not solved
        solved = last < len(at) - 1
        since = int(at[last + 1]) if solved else None
        yield Remedy(name, solved, since, float(trained.loss[k]))


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
