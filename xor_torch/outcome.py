"""What became of a network: solved, stuck on a plateau, still moving, diverged.

On a plateau a network gives one answer to a group of rows that it cannot tell apart. The error of
one answer is least at the mean of the group's targets, and there descent comes to rest. So the
groups alone decide the loss. Two rows of XOR with targets 0 and 1 are answered by 1/2, each with a
squared error of 1/4: 2 * 1/4 / 4 rows = 1/8. Three rows are answered by 1/3 or 2/3:
(2 * 1/9 + 4/9) / 4 = 1/6. All four: 4 * 1/4 / 4 = 1/4.

The outcomes; the first that applies is taken:

- **diverged**: a weight, the loss or a prediction is not a finite number.
- **solved**: every row gets the right class, see `predicts_one`.
- **moving**: at the pace of the last epoch the loss would lose more than half of itself in as
  many epochs again. (The pace is ``lr |gradient|^2``: what one small step of descent gains.
  A loss that falls as 1/t would lose all of itself; a settled one, nearly nothing.)
- **plateau**: the rows fall into groups, at least one of them with both targets. The predictions
  are within 0.1 of the mean of their group's targets, and the loss is within 5 % of the level of
  those groups. A group ends where the next higher prediction is more than 0.1 away.
- **moving**, also if there is no plateau and the loss would lose more than a hundredth.
- **stuck**: none of these; the loss hardly moves, for instance because the network answers 1 for
  0 with a sigmoid so far out that its slope is zero.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .data import truth_table

OUTCOMES = ("solved", "plateau", "moving", "stuck", "diverged")

TIE = 0.1  # predictions further apart than this belong to different groups
NEAR = 0.05  # how far the loss may be from a plateau's level, as a share of the level
PACE = 0.5  # moving: the loss would lose this share of itself in as many epochs again
CRAWL = 0.01  # moving, where there is no plateau


class Outcomes(NamedTuple):
    """What became of S networks."""

    outcome: np.ndarray  #: (S,) str, of `OUTCOMES`
    level: np.ndarray  #: (S,) the plateau's loss, nan where there is none
    tied: np.ndarray  #: (S, N) int: rows with the same number are tied; 0 means not tied


def predicts_one(prediction: Any) -> Any:
    """The class of each prediction, True for 1: as in the notebook, 1/2 itself is class 1.

    Args:
        prediction: an array or a tensor of any shape.

    """
    return prediction >= 0.5


def is_right(prediction: np.ndarray) -> np.ndarray:
    """Whether each row gets the right class, bool, in the shape of `prediction`.

    Args:
        prediction: (..., N) of N = 2**bits rows in counting order.

    """
    y = truth_table(prediction.shape[-1].bit_length() - 1)[1][:, 0]
    right: np.ndarray = predicts_one(prediction) == (y == 1)
    return right


def classify(
    prediction: np.ndarray,
    loss: np.ndarray,
    gradient_norm: np.ndarray,
    epochs: int,
    lr: float,
    criterion: str = "mse",
    finite: np.ndarray | None = None,
) -> Outcomes:
    """The outcome of each of S networks; the module's text defines the outcomes.

    Args:
        prediction: (S, N) of N = 2**bits rows in counting order.
        loss: (S,), the mean over the rows.
        gradient_norm: (S,), of the gradient of the SUM over the rows.
        epochs: how many epochs each network was trained.
        lr: the learning rate.
        criterion: "mse" or "bce".
        finite: (S,) bool, whether all weights of a network are finite; by default they are.

    """
    S, N = prediction.shape
    y = truth_table(N.bit_length() - 1)[1][:, 0]
    known = np.isfinite(loss) & np.isfinite(prediction).all(axis=1)
    finite = known if finite is None else finite & known
    solved = finite & is_right(prediction).all(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        pace = epochs * lr * gradient_norm**2 / N / loss

    # number the groups of each network from 0, in the order of their predictions
    order = np.argsort(prediction, axis=1)
    ranked = np.take_along_axis(prediction, order, axis=1)
    with np.errstate(invalid="ignore"):
        apart = np.diff(ranked, axis=1, prepend=ranked[:, :1]) > TIE
    group = np.cumsum(apart, axis=1, dtype=np.intp)
    slot = (np.arange(S)[:, None] * N + group).ravel()
    size, ones = (
        np.bincount(slot, weights=w, minlength=S * N).reshape(S, N)
        for w in (None, y[order].ravel())
    )
    with np.errstate(invalid="ignore"):
        mean = ones / size  # nan for numbers that no group has
        level = _level(mean, size, N, criterion)
        settled = np.abs(ranked - np.take_along_axis(mean, group, axis=1)).max(axis=1) <= TIE
        mixed = (ones > 0) & (ones < size)
        plateau = settled & mixed.any(axis=1) & (np.abs(loss - level) <= NEAR * level)

    outcome = np.select(
        [~finite, solved, pace > PACE, plateau, pace > CRAWL],
        ["diverged", "solved", "moving", "plateau", "moving"],
        "stuck",
    )
    at = outcome == "plateau"
    # number the groups that have both targets from 1; 0 stands for every other group
    number = np.where(mixed, np.cumsum(mixed, axis=1), 0)
    tied = np.empty_like(order)
    np.put_along_axis(tied, order, np.take_along_axis(number, group, axis=1), axis=1)
    return Outcomes(outcome, np.where(at, level, np.nan), np.where(at[:, None], tied, 0))


def _level(mean: np.ndarray, size: np.ndarray, N: int, criterion: str) -> np.ndarray:
    """The loss of groups that answer the mean of their targets, summed over the last axis."""
    if criterion == "mse":
        each = mean * (1 - mean)  # the variance of a group's targets
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            each = -np.nan_to_num(mean * np.log(mean)) - np.nan_to_num((1 - mean) * np.log1p(-mean))
    level: np.ndarray = np.nansum(size * each, axis=-1) / N
    return level


def fraction(value: float) -> str:
    """A level or a tied answer as a fraction, if it is a simple one: 1/8 for 0.125, else 0.3466."""
    nearest = Fraction(value).limit_denominator(2**16)
    return (
        str(nearest)
        if abs(nearest - Fraction(value)) < 1e-12 and nearest.denominator <= 1000
        else f"{value:.4g}"
    )


def in_words(found: Outcomes) -> str:
    """The outcome of the first network in two or three words, such as "stuck at 1/8"."""
    outcome = str(found.outcome[0])
    return f"stuck at {fraction(found.level[0])}" if outcome == "plateau" else outcome


def wilson(count: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % confidence interval of a share that was seen `count` times in `total`."""
    z = 1.959963984540054
    p = count / total
    middle = p + z * z / (2 * total)
    half = z * np.sqrt(p * (1 - p) / total + (z / (2 * total)) ** 2)
    low, high = ((middle + sign * half) / (1 + z * z / total) for sign in (-1, 1))
    return max(0.0, float(low)), min(1.0, float(high))
