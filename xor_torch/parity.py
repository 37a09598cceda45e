"""Are two sets of gradients, or of weights, the same numbers? Element by element, in words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import manual
from .data import Parameters

# Measured agreement is a few units in the last place, 1e-15; 1e-12 leaves room for the order in
# which another BLAS adds, and none for a mistake.
RTOL = 1e-12

_U = np.finfo(np.float64).eps / 2  # unit roundoff


@dataclass(frozen=True)
class Difference:
    """The worst element of one array beside what it should be."""

    name: str
    index: tuple[int, ...]
    actual: float
    expected: float
    absolute: float  # |actual - expected|
    relative: float  # the same over the largest |expected| of the array
    ulps: float  # the same in units in the last place of the largest |expected|
    allowed: float  # greatest absolute difference allowed at this element
    wrong: int  # how many elements differ by more than they may
    size: int

    @property
    def ok(self) -> bool:
        return self.wrong == 0

    def __str__(self) -> str:
        at = f"{self.name}[{', '.join(map(str, self.index))}]"
        ratio = self.actual / self.expected if self.expected else np.nan
        return (
            f"{at}: actual {self.actual:.17g}, expected {self.expected:.17g}, "
            f"ratio {ratio:.6g}; absolute difference {self.absolute:.3g}, "
            f"allowed {self.allowed:.3g}; relative to the largest {self.name} "
            f"{self.relative:.3g}; {self.wrong} of {self.size} elements differ"
        )


def difference(
    name: str,
    actual: np.ndarray,
    expected: np.ndarray,
    rtol: float = RTOL,
    rounding: np.ndarray | float = 0.0,
) -> Difference:
    """The worst element of `actual`, by ``|actual - expected| <= rtol * max|expected| + rounding``.

    There is no absolute floor: where everything is small, so is what is allowed. nan and inf
    always differ.

    Args:
        name: of the array, for the message.
        actual, expected: arrays of equal shape, of any dtype; compared in float64.
        rtol: relative to the largest ``|expected|`` of the array.
        rounding: what rounding alone may contribute to each element, see `rounding_bound`.

    Raises:
        AssertionError: the shapes differ.

    """
    if np.shape(actual) != np.shape(expected):
        raise AssertionError(
            f"{name}: actual has shape {np.shape(actual)}, expected {np.shape(expected)}"
        )
    actual = np.asarray(actual, dtype=np.float64)
    expected = np.asarray(expected, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        absolute = np.abs(actual - expected)
    absolute[~np.isfinite(absolute)] = np.inf
    largest = np.abs(expected).max()
    allowed = np.broadcast_to(rtol * largest + rounding, absolute.shape)
    wrong = ~(absolute <= allowed)
    # of the wrong elements, or of all where none is, the one that is furthest off
    worst = np.unravel_index(np.where(wrong | ~wrong.any(), absolute, -1).argmax(), wrong.shape)
    off = float(absolute[worst])
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = off / largest if off else 0.0
        ulps = off / np.spacing(largest) if off else 0.0
    return Difference(
        name=name,
        index=tuple(map(int, worst)),
        actual=float(actual[worst]),
        expected=float(expected[worst]),
        absolute=off,
        relative=float(relative),
        ulps=float(ulps),
        allowed=float(allowed[worst]),
        wrong=int(wrong.sum()),
        size=wrong.size,
    )


def differences(
    actual: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray],
    rtol: float = RTOL,
    rounding: Mapping[str, np.ndarray] | None = None,
) -> list[Difference]:
    """One `Difference` for each name of `expected`, in its order.

    Raises:
        AssertionError: the names or the shapes differ.

    """
    if set(actual) != set(expected):
        raise AssertionError(f"actual has {sorted(actual)}, expected {sorted(expected)}")
    return [
        difference(name, actual[name], expected[name], rtol, rounding[name] if rounding else 0.0)
        for name in expected
    ]


def assert_equal(
    actual: Parameters,
    expected: Parameters,
    rtol: float = RTOL,
    rounding: Parameters | None = None,
) -> None:
    """Refuse parameters or gradients that differ, see `difference` for the rule.

    Raises:
        AssertionError: names each parameter that differs, with its worst element.

    """
    bound = rounding._asdict() if rounding else None
    wrong = [d for d in differences(actual._asdict(), expected._asdict(), rtol, bound) if not d.ok]
    if wrong:
        raise AssertionError("\n".join(map(str, wrong)))


def rounding_bound(X: np.ndarray, y: np.ndarray, parameters: Parameters) -> Parameters:
    r"""How far apart rounding alone can bring two correct gradients at the same weights.

    A running error analysis to first order (Higham, "Accuracy and Stability of Numerical
    Algorithms", section 3.3) of `manual.forward` and `manual.backward`. Write ``e_v`` for the
    greatest absolute error of ``v`` and ``u = 2^-53``. A sum of n products is off by at most
    ``n u`` times the sum of their absolute values, a sigmoid by ``4 u a`` (two units in the
    last place for exp, one for 1 +, one for the division), and errors propagate by the chain
    rule. Two places amplify them:

    - **1 - a, where a unit is saturated.** ``e_a`` is at least ``4 u a`` however close a is to
      1, so the slope ``s = a (1 - a)`` is known to ``e_s = e_a + 3 u s`` absolutely, and no
      better than ``4 u / (1 - a)`` relatively. Within 1e-3 of 1 that passes 4e-13.
    - **Sums over rows that cancel**, as they do near small weights, where every unit answers
      one half to every row. Their error is relative to the sum of ``|terms|``.

    Returns:
        For each parameter an array of its shape: twice the error of one implementation, since
        both round. Where nothing cancels it is a few 1e-15 of the gradient.

    """
    W1, b1, W2, b2 = map(np.abs, parameters)
    step = manual.forward(X, parameters)
    grad = manual.backward(X, y, parameters, step)
    da2, dz2, _, _, da1, dz1, _, _ = map(np.abs, grad)
    rows, bits = X.shape
    hidden = len(W2)
    s1, s2 = manual.sigmoid_derivative(step.a1), manual.sigmoid_derivative(step.a2)

    e_z1 = (bits + 1) * _U * (X @ W1 + b1)
    e_a1 = s1 * e_z1 + 4 * _U * step.a1
    e_z2 = (hidden + 1) * _U * (step.a1 @ W2 + b2) + e_a1 @ W2
    e_a2 = s2 * e_z2 + 4 * _U * step.a2
    e_s1 = e_a1 + 3 * _U * s1
    e_s2 = e_a2 + 3 * _U * s2

    e_da2 = 2 * e_a2 + 2 * _U * da2
    e_dz2 = e_da2 * s2 + da2 * e_s2 + 2 * _U * dz2
    e_dW2 = e_a1.T @ dz2 + step.a1.T @ e_dz2 + rows * _U * step.a1.T @ dz2
    e_db2 = np.sum(e_dz2 + rows * _U * dz2, axis=0, keepdims=True)
    e_da1 = e_dz2 @ W2.T + _U * da1
    e_dz1 = e_da1 * s1 + da1 * e_s1 + 2 * _U * dz1
    e_dW1 = X.T @ (e_dz1 + rows * _U * dz1)
    e_db1 = np.sum(e_dz1 + rows * _U * dz1, axis=0, keepdims=True)
    return Parameters(W1=2 * e_dW1, b1=2 * e_db1, W2=2 * e_dW2, b2=2 * e_db2)
