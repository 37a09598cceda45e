"""Compare two sets of gradients, or of weights, element by element, and say what differs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from . import manual
from .data import Array, Parameters, initial_weights, truth_table

# The measured agreement is a few units in the last place, 1e-15. 1e-12 leaves room for a BLAS that
# adds in another order, and none for a mistake.
RTOL = 1e-12

# Two free runs drift apart by rounding, and a saddle on the way amplifies the drift. How much is
# measured by a third run, whose initial weights differ by one unit in the last place. The factor
# is for the rounding of every later epoch, which adds to it.
DRIFT_FACTOR = 1000

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
    wrong: int  #: how many elements differ by more than they may
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
        relative=_relative(off, largest),
        ulps=float(ulps),
        allowed=float(allowed[worst]),
        wrong=int(wrong.sum()),
        size=wrong.size,
    )


def _relative(off: float, largest: float) -> float:
    """`off` over the largest expected value; infinite where that is 0 and `off` is not."""
    if not off:
        return 0.0
    with np.errstate(invalid="ignore"):  # inf / inf
        return float(np.divide(off, largest)) if largest else float("inf")


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
    """How one parameter fared in `compare`."""

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
            "sum over the rows cancel, and what is left of them is compared with itself.",
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
        lines.append(f"EQUAL: W1, b1, W2 and b2 at all {run['epochs']} epochs, but for rounding")
    return "\n".join(lines)


def to_json(run: Mapping[str, float], parameters: Sequence[ParameterComparison]) -> str:
    """The result of `compare` as a JSON object: `run`, ``equal`` and one entry a parameter."""
    result = {
        **run,
        "equal": all(p.ok for p in parameters),
        "parameters": [{"ok": p.ok, **asdict(p)} for p in parameters],
    }
    return json.dumps(result, indent=2)


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
    run at every epoch, and the gradients are compared. *Each on its own*: torch also trains by
    itself from the same initial weights, and the weights are compared.

    Args:
        seed, hidden, bits, lr, epochs: of the run.
        progress: called after every epoch.

    Returns:
        One `ParameterComparison` for each of W1, b1, W2, b2.

    """
    import torch

    from .model import XOR, squared_error

    X, y = truth_table(bits)
    X_torch, y_torch = torch.from_numpy(X), torch.from_numpy(y)
    given, free = XOR(seed, hidden, bits), XOR(seed, hidden, bits)

    def gradients(net: XOR) -> Parameters:
        net.zero_grad()
        squared_error(net(X_torch), y_torch).backward()
        return net.gradients()

    start = initial_weights(seed, hidden, bits)
    ulp = np.spacing(max(np.abs(w).max() for w in start))
    perturbed = Parameters(*(w + ulp for w in start))
    names = Parameters._fields
    worst: dict[str, Difference] = {}
    worst_epoch = dict.fromkeys(names, 0)
    drift = dict.fromkeys(names, (-1.0, 0))
    sensitivity = dict.fromkeys(names, float(ulp))
    for epoch, near in zip(
        manual.train(X, y, start, lr, epochs),
        manual.train(X, y, perturbed, lr, epochs),
        strict=True,
    ):
        given.load_numpy(epoch.parameters)
        expected, actual = epoch.backward.gradients, gradients(given)
        gradients(free)
        own = free.to_numpy()
        for name, e, a, w, o, n in zip(
            names, expected, actual, epoch.parameters, own, near.parameters, strict=True
        ):
            relative = _relative(np.abs(a - e).max(), np.abs(e).max())
            known = worst.get(name)
            # `difference` takes longer than the epoch: call it only if the result can matter
            if known is None or not relative <= min(known.relative, RTOL):
                bound = getattr(rounding_bound(X, y, epoch.parameters), name)
                found = difference(name, a, e, rounding=bound)
                if known is None or (known.ok, -known.relative) > (found.ok, -found.relative):
                    worst[name], worst_epoch[name] = found, epoch.number
            apart = float(np.abs(o - w).max())
            if not apart <= drift[name][0]:
                drift[name] = apart, epoch.number
            sensitivity[name] = max(sensitivity[name], float(np.abs(n - w).max()))
        with torch.no_grad():
            for p in free.parameters():  # what torch.optim.SGD does, without its 1.3 s of import
                p.add_(p.grad, alpha=-lr)  # type: ignore[arg-type]  # not None after backward()
        progress()
    return [
        ParameterComparison(
            name, worst[name], worst_epoch[name], *drift[name], DRIFT_FACTOR * sensitivity[name]
        )
        for name in names
    ]
