"""Compares two sets of gradients, or of weights, element by element, and reports what differs.

The file is long because one rule is here from end to end: how far rounding may move a gradient, how
two arrays are compared by it, at every epoch of a run, and how the result is reported.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import manual
from .data import Array, Parameters, initial_weights, truth_table

if TYPE_CHECKING:
    import torch

    from .model import XOR

# The measured agreement is a few units in the last place, 1e-15. 1e-12 leaves room for a BLAS that
# adds in another order, and none for a mistake.
RTOL = 1e-12

# Two free runs drift apart by rounding, and a saddle on the way amplifies the drift. How much is
# measured by a third run, whose initial weights differ by one unit in the last place. The factor
# is for the rounding of every later epoch, which adds to it.
DRIFT_FACTOR = 1000

# `compare` takes up to this many epochs at once, and so few that the hidden activations of all of
# them are at most NUMBERS_AT_ONCE numbers.
EPOCHS_AT_ONCE = 1000
NUMBERS_AT_ONCE = 2**18

_U = np.finfo(np.float64).eps / 2  # unit roundoff


@dataclass(frozen=True)
class Difference:
    """The worst element of one array, beside its expected value."""

    name: str
    index: tuple[int, ...]
    actual: float
    expected: float
    absolute: float  #: ``|actual - expected|``
    relative: float  #: `absolute` over the largest ``|expected|`` of the array
    ulps: float  #: `absolute` in units in the last place of the largest ``|expected|``
    allowed: float  #: greatest absolute difference allowed at this element
    wrong: int  #: how many elements differ by more than is allowed
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
    actual: Array,
    expected: Array,
    rtol: float = RTOL,
    rounding: Array | float = 0.0,
) -> Difference:
    """The worst element of `actual`, by ``|actual - expected| <= rtol * max|expected| + rounding``.

    There is no absolute floor: for an array of small numbers the allowance is small too. nan and
    inf always differ.

    Args:
        name: of the array, for the message.
        actual, expected: arrays of equal shape, of any dtype; compared in float64.
        rtol: relative to the largest ``|expected|`` of the array.
        rounding: how much rounding alone may add to each element, see `rounding_bound`.

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
    wrong = ~(absolute <= allowed) | ~np.isfinite(absolute)
    # the element that is furthest off: among the wrong ones, or among all if none is wrong
    worst = np.unravel_index(np.where(wrong | ~wrong.any(), absolute, -1).argmax(), wrong.shape)
    off = float(absolute[worst])
    with np.errstate(invalid="ignore"):
        ulps = off / np.spacing(largest) if off else 0.0
    return Difference(
        name=name,
        index=tuple(map(int, worst)),
        actual=float(actual[worst]),
        expected=float(expected[worst]),
        absolute=off,
        relative=float(_relative(off, largest)),
        ulps=float(ulps),
        allowed=float(allowed[worst]),
        wrong=int(wrong.sum()),
        size=wrong.size,
    )


def _relative(off: Array | float, largest: Array | float) -> Array:
    """`off` over the largest expected value; infinite where that is 0 and `off` is not."""
    with np.errstate(divide="ignore", invalid="ignore"):  # inf / inf
        return np.where(off == 0, 0.0, np.divide(off, largest))


def differences(
    actual: Mapping[str, Array],
    expected: Mapping[str, Array],
    rtol: float = RTOL,
    rounding: Mapping[str, Array] | None = None,
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
    """Refuse parameters or gradients that differ by the rule of `difference`.

    Raises:
        AssertionError: the arrays differ; it names each of them, with its worst element.

    """
    bound = rounding._asdict() if rounding else None
    wrong = [d for d in differences(actual._asdict(), expected._asdict(), rtol, bound) if not d.ok]
    if wrong:
        raise AssertionError("\n".join(map(str, wrong)))


def rounding_bound(X: Array, y: Array, parameters: Parameters) -> Parameters:
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
        For each parameter an array of its shape: twice the error of one implementation, because
        both round. Where nothing cancels it is a few 1e-15 of the gradient.

    """
    step = manual.forward(X, parameters)
    return _rounding_bound(X, parameters, step, manual.backward(X, y, parameters, step))


def _rounding_bound(
    X: Array, parameters: Parameters, step: manual.Forward, grad: manual.Backward
) -> Parameters:
    """`rounding_bound` from both passes; of S networks if each array has one more axis, the first.

    Only the absolute values of `grad` count.
    """
    W1, b1, W2, b2 = map(np.abs, parameters)
    da2, dz2, _, _, da1, dz1, _, _ = map(np.abs, grad)
    rows, bits = X.shape
    hidden = W2.shape[-2]
    a1_T, W2_T = np.swapaxes(step.a1, -1, -2), np.swapaxes(W2, -1, -2)
    s1, s2 = manual.sigmoid_derivative(step.a1), manual.sigmoid_derivative(step.a2)

    e_z1 = (bits + 1) * _U * (X @ W1 + b1)
    e_a1 = s1 * e_z1 + 4 * _U * step.a1
    e_z2 = (hidden + 1) * _U * (step.a1 @ W2 + b2) + e_a1 @ W2
    e_a2 = s2 * e_z2 + 4 * _U * step.a2
    e_s1 = e_a1 + 3 * _U * s1
    e_s2 = e_a2 + 3 * _U * s2

    e_da2 = 2 * e_a2 + 2 * _U * da2
    e_dz2 = e_da2 * s2 + da2 * e_s2 + 2 * _U * dz2
    e_dW2 = np.swapaxes(e_a1, -1, -2) @ dz2 + a1_T @ e_dz2 + rows * _U * a1_T @ dz2
    e_db2 = np.sum(e_dz2 + rows * _U * dz2, axis=-2, keepdims=True)
    e_da1 = e_dz2 @ W2_T + _U * da1
    e_dz1 = e_da1 * s1 + da1 * e_s1 + 2 * _U * dz1
    e_dW1 = X.T @ (e_dz1 + rows * _U * dz1)
    e_db1 = np.sum(e_dz1 + rows * _U * dz1, axis=-2, keepdims=True)
    return Parameters(W1=2 * e_dW1, b1=2 * e_db1, W2=2 * e_dW2, b2=2 * e_db2)


class DifferenceError(Exception):
    """A gradient differs from the manual one."""


def check(parameters: Parameters, gradients: Parameters) -> list[Difference]:
    """Compare `gradients` with the manual ones at the same `parameters`, on the whole table."""
    X, y = truth_table(len(parameters.W1))
    step = manual.forward(X, parameters)
    expected = manual.backward(X, y, parameters, step).gradients
    bound = rounding_bound(X, y, parameters)
    return differences(gradients._asdict(), expected._asdict(), rounding=bound._asdict())


@dataclass(frozen=True)
class ParameterComparison:
    """The result of `compare` for one parameter."""

    name: str
    gradient: Difference  #: at equal weights, the worst of all epochs
    gradient_epoch: int
    drift: float  #: greatest ``|difference|`` of the weights, each run on its own
    drift_epoch: int
    drift_allowed: float

    @property
    def ok(self) -> bool:
        return self.gradient.ok and self.drift <= self.drift_allowed


def report(run: Mapping[str, float], parameters: Sequence[ParameterComparison]) -> str:
    """The result of `compare` as a table with a verdict.

    Args:
        run: the arguments of `compare`.
        parameters: what it returned.

    """
    lines = [
        "Manual NumPy backprop against torch autograd: "
        f"{run['bits']}-{run['hidden']}-1 network, seed {run['seed']}, lr {run['lr']}, "
        f"{run['epochs']} epochs",
        "",
        "           gradients, at equal weights             weights, each run on its own",
        "           relative difference  in ulp   at epoch  difference  at epoch  allowed",
    ]
    for p in parameters:
        d = p.gradient
        lines.append(
            f"{p.name:<11}{d.relative:<21.2g}{d.ulps:<9.3g}{p.gradient_epoch:<10}"
            f"{p.drift:<12.2g}{p.drift_epoch:<10}{p.drift_allowed:.2g}{'' if p.ok else '  WRONG'}"
        )
    if any(p.gradient.ok and p.gradient.relative > RTOL for p in parameters):
        lines += [
            "",
            "More than 1e-12 is rounding where a gradient passes through zero: the terms of its",
            "sum over the rows cancel, and the difference is divided by the little that is left.",
        ]
    lines.append("")
    wrong = [p for p in parameters if not p.gradient.ok]
    drifting = [p.name for p in parameters if not p.drift <= p.drift_allowed]
    if wrong:
        lines += [str(p.gradient) for p in wrong]
        lines.append(f"DIFFERENT: the gradient of {', '.join(p.name for p in wrong)}")
    elif drifting:
        lines.append(f"DIFFERENT: {', '.join(drifting)} drift further than rounding explains")
    else:
        lines.append(f"EQUAL: W1, b1, W2 and b2 at all {run['epochs']} epochs, except for rounding")
    return "\n".join(lines)


def to_json(run: Mapping[str, float], parameters: Sequence[ParameterComparison]) -> str:
    """The result of `compare` as a JSON object: `run`, ``equal`` and one entry a parameter."""
    result = {
        **run,
        "equal": all(p.ok for p in parameters),
        "parameters": [{"ok": p.ok, **asdict(p)} for p in parameters],
    }
    return json.dumps(result, indent=2)


@dataclass
class _Found:
    """The worst of one parameter so far."""

    sensitivity: float  # the greatest effect of one unit in the last place of the initial weights
    worst: Difference | None = None
    worst_epoch: int = 0
    drift: float = -1.0
    drift_epoch: int = 0

    def see_gradients(
        self, name: str, actual: Array, epochs: Sequence[manual.Epoch], X: Array, y: Array
    ) -> None:
        """Compare `actual`, the gradients at the weights of these epochs, with the manual ones.

        `difference` takes longer than the rest of an epoch. So it is called only for the epoch
        where the gradients differ most, and for those where an element is further off than the
        smallest allowance: no other epoch can be worse than these.
        """
        expected = np.array([getattr(epoch.backward.gradients, name) for epoch in epochs])
        off, largest = _apart(actual, expected), _apart(expected, 0)
        relative = _relative(off, largest)
        ask = ~(relative <= RTOL)
        if ask.any():
            asked = [epochs[k] for k in np.flatnonzero(ask).tolist()]
            bound = _rounding_bound(
                X,
                Parameters(*_stacked(epoch.parameters for epoch in asked)),
                manual.Forward(*_stacked(epoch.forward for epoch in asked)),
                manual.Backward(*_stacked(epoch.backward for epoch in asked)),
            )
            least = getattr(bound, name).min(axis=(1, 2))
            ask[ask] = ~(off[ask] <= RTOL * largest[ask] + least)
        ask[relative.argmax()] = True  # of nan, too
        for k in np.flatnonzero(ask).tolist():
            rounding = getattr(rounding_bound(X, y, epochs[k].parameters), name)
            found = difference(name, actual[k], expected[k], rounding=rounding)
            known = self.worst
            if known is None or (known.ok, -known.relative) > (found.ok, -found.relative):
                self.worst, self.worst_epoch = found, epochs[k].number

    def see_weights(self, first: int, own: Array, manual: Array, near: Array) -> None:
        """Compare the weights of epoch `first` and the following in three runs."""
        apart = _apart(own, manual)
        k = int(apart.argmax())
        if not apart[k] <= self.drift:
            self.drift, self.drift_epoch = float(apart[k]), first + k
        self.sensitivity = float(np.fmax(self.sensitivity, _apart(near, manual).max()))

    def comparison(self, name: str) -> ParameterComparison:
        assert self.worst is not None
        allowed = DRIFT_FACTOR * self.sensitivity
        return ParameterComparison(
            name, self.worst, self.worst_epoch, self.drift, self.drift_epoch, allowed
        )


def _apart(a: Array, b: Array | float) -> Array:
    """The greatest absolute difference in each of S arrays, shape (S,)."""
    with np.errstate(invalid="ignore"):  # inf - inf
        return np.asarray(np.abs(a - b).reshape(len(a), -1).max(axis=1))


def _stacked(rows: Iterable[tuple[Array, ...]]) -> list[Array]:
    """The columns of S tuples, as arrays with one more axis, the first."""
    return [np.array(column) for column in zip(*rows, strict=True)]


def compare(
    seed: int = 42,
    hidden: int = 2,
    bits: int = 2,
    lr: float = 0.1,
    epochs: int = 10_000,
    progress: Callable[[], object] = lambda: None,
) -> list[ParameterComparison]:
    """The manual backward pass against autograd, at every epoch of one training run.

    Two comparisons side by side. *At equal weights*: torch is given the weights of the manual
    run at every epoch, and the gradients are compared; because the weights are known, autograd
    gets those of many epochs at once, see `model.gradients_at`. *Each on its own*: torch also
    trains by itself from the same initial weights, and the weights are compared.

    Args:
        seed, hidden, bits, lr, epochs: of the run.
        progress: called after every epoch.

    Returns:
        One `ParameterComparison` for each of W1, b1, W2, b2.

    """
    import torch

    from . import model

    X, y = truth_table(bits)
    table = torch.from_numpy(X), torch.from_numpy(y)
    net = model.XOR(seed, hidden, bits)
    start = initial_weights(seed, hidden, bits)
    ulp = np.spacing(max(np.abs(w).max() for w in start))
    perturbed = Parameters(*(w + ulp for w in start))
    by_hand = manual.train(X, y, start, lr, epochs)
    nearby = manual.train(X, y, perturbed, lr, epochs)
    found = {name: _Found(float(ulp)) for name in Parameters._fields}
    at_once = max(1, min(EPOCHS_AT_ONCE, NUMBERS_AT_ONCE // (len(X) * hidden)))
    for first in range(0, epochs, at_once):
        S = min(at_once, epochs - first)
        these = [*itertools.islice(by_hand, S)]
        weights = Parameters(*_stacked(epoch.parameters for epoch in these))
        near = _stacked(epoch.parameters for epoch in itertools.islice(nearby, S))
        own = _descend(net, *table, lr, S, progress)
        actual = model.gradients_at(net, *table, weights)
        for name, a, w, n, o in zip(found, actual, weights, near, own, strict=True):
            found[name].see_gradients(name, a, these, X, y)
            found[name].see_weights(first, o, w, n)
    return [one.comparison(name) for name, one in found.items()]


def _descend(
    net: "XOR",
    X: "torch.Tensor",
    y: "torch.Tensor",
    lr: float,
    epochs: int,
    progress: Callable[[], object],
) -> Parameters:
    """Train `net` by autograd and plain descent: its weights before each update, stacked."""
    import torch

    from .model import squared_error, to_numpy

    weights = [*net.parameters()]
    values = [w.detach() for w in weights]  # the same memory, without a history
    before = []
    for _ in range(epochs):
        before.append([v.clone() for v in values])
        gradients = torch.autograd.grad(squared_error(net(X), y), weights)
        for v, g in zip(values, gradients, strict=True):
            v.sub_(g, alpha=lr)  # what torch.optim.SGD does, without its 1.3 s of import
        progress()
    return to_numpy(*map(torch.stack, zip(*before, strict=True)))
