"""Of which loss is a delta the derivative? Found without knowing the target.

A loss is a row: its derivative with respect to z is ``c * s(z) * (f(z) - t)``. At two points of
one step ``d / s`` changes by ``c`` times what ``f`` changes by, and the target drops out. So one
affine test covers all losses, and the known mistakes at the output, which are rows, too.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch

from .objectives import Objective
from .points import Bench, Point, largest

Tensor = torch.Tensor
SAME = 1e-7
NEAR_0 = 1e-12


@dataclass(frozen=True)
class Row:
    """A derivative ``c * s * (f - t)``, and what it says of the script."""

    name: str
    mistake: str | None  # None: it is the derivative of this loss
    slope: Callable[[Tensor, Tensor, Tensor], Tensor]  # s, from z, f and df/dz
    of: Callable[[Tensor, Tensor], bool] = lambda z, f: True  # for which f(z) it holds


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def is_sigmoid(z: Tensor, f: Tensor) -> bool:
    return _same(torch.sigmoid(z), f)


def is_softmax(z: Tensor, f: Tensor) -> bool:
    return any(_same(torch.softmax(z, a), f) and f.shape[a] > 1 for a in range(z.ndim))


def _is_z(z: Tensor, f: Tensor) -> bool:
    return _same(z, f)


def _is_probability(z: Tensor, f: Tensor) -> bool:
    return _same(z, f) and bool(((f > 0) & (f < 1)).all())


LOSSES = (
    Row("SSE", None, lambda z, f, df: torch.ones_like(z), _is_z),
    Row("SSE", None, lambda z, f, df: df, lambda z, f: not _is_z(z, f) and not is_softmax(z, f)),
    Row("CE", None, lambda z, f, df: torch.ones_like(z), is_softmax),
    Row("BCE", None, lambda z, f, df: torch.ones_like(z), is_sigmoid),
    Row("BCE", None, lambda z, f, df: 1 / (f * (1 - f)), _is_probability),
)
WRONG = (
    Row(
        "SSE",
        "missing output derivative",
        lambda z, f, df: torch.ones_like(z),
        lambda z, f: not (_is_z(z, f) or is_sigmoid(z, f) or is_softmax(z, f)),
    ),
    Row(
        "SSE",
        "derivative taken twice",
        lambda z, f, df: torch.sigmoid(f) * (1 - torch.sigmoid(f)),
        is_sigmoid,
    ),
    Row(
        "SSE",
        "derivative taken twice",
        lambda z, f, df: 1 - torch.tanh(f) ** 2,
        lambda z, f: _same(torch.tanh(z), f),
    ),
    Row(
        "SSE",
        "derivative of the wrong quantity",
        lambda z, f, df: z * (1 - z),
        is_sigmoid,
    ),
    Row(
        "SSE",
        "derivative of the wrong quantity",
        lambda z, f, df: 1 - z**2,
        lambda z, f: _same(torch.tanh(z), f),
    ),
    Row("CE", "derivative of the wrong quantity", lambda z, f, df: f * (1 - f), is_softmax),
    Row("CE", "derivative of the wrong quantity", lambda z, f, df: f, is_softmax),
    Row("BCE", "derivative of the wrong quantity", lambda z, f, df: f, is_sigmoid),
)


@dataclass
class Match:
    """A row that explains a delta."""

    row: Row
    sign: float  # of the delta: 1 if it is the derivative, -1 if it is the derivative's negative
    value: int  # f
    z: int
    target: Tensor | None = None


def identify(bench: Bench, pair: Objective, rows: tuple[Row, ...]) -> Match | None:
    """The row that explains the delta of a pair, if there is one."""
    tried = 0
    for k in pair.terms:
        points = bench.more_points(k)
        if len(points) < 3 or tried >= 2:
            continue
        tried += 1
        found = _identify(bench, pair, k, points, rows)
        if found is not None:
            return found
    return None


def _identify(
    bench: Bench, pair: Objective, k: int, points: list[Point], rows: tuple[Row, ...]
) -> Match | None:
    view, nodes = bench.view(k), bench.tape.nodes
    d, z = pair.terms[k][0]
    assert d is not None
    shape = nodes[z].shape
    after = [z]
    for n in sorted(view.after([z])):
        if n > d + 400 or len(after) > 40:
            break
        if nodes[n].shape == shape and nodes[n].dtype == "f" and n != z and n <= d:
            after.append(n)
    for f in after:
        data = []
        for p in points:
            if f not in p.values or z not in p.values:
                break
            if f != z and not _reaches(p.values[f], p.values[z]):
                break
            data.append(_numbers(p, d, z, f))
        if len(data) < len(points):
            continue
        for row in rows:
            if not all(row.of(zz, ff) for zz, ff, _, _ in data):
                continue
            found = _affine(row, data)
            if found is not None:
                sign, target = found
                return Match(row, sign, f, z, target)
    return None


def _reaches(f: Tensor, z: Tensor) -> bool:
    return f.requires_grad and z.requires_grad


def _numbers(p: Point, d: int, z: int, f: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(z, f, df/dz, d) at a point; the slope as if f were taken element by element."""
    zz, ff = p.values[z], p.values[f]
    (slope,) = (
        torch.autograd.grad(ff.sum(), zz, retain_graph=True, allow_unused=True)
        if f != z
        else (torch.ones_like(zz),)
    )
    slope = torch.zeros_like(zz) if slope is None else slope
    delta = p.values[d].detach().reshape(zz.shape)
    return zz.detach(), ff.detach(), slope.detach(), delta


def _affine(
    row: Row, data: list[tuple[Tensor, Tensor, Tensor, Tensor]]
) -> tuple[float, Tensor] | None:
    """(sign of c, t) if ``d / s = c (f - t)`` at all points with one c and t."""
    slopes = [row.slope(z, f, df) for z, f, df, _ in data]
    ok = torch.ones_like(slopes[0], dtype=torch.bool)
    for s in slopes:
        ok &= s.abs() > 1e-4 * max(largest(s), NEAR_0)
    if not bool(ok.any()):
        return None
    ratio = [(d / s)[ok] for s, (_, _, _, d) in zip(slopes, data, strict=True)]
    values = [f[ok] for _, f, _, _ in data]
    x = torch.cat([b - a for a, b in itertools.pairwise(values)])
    y = torch.cat([b - a for a, b in itertools.pairwise(ratio)])
    below = float((x * x).sum())
    size = max(map(largest, ratio))
    if below == 0 or largest(x) < 1e-9 * max(map(largest, values)) or len(x) < 2:
        return None
    c = float((x * y).sum()) / below
    if not c or largest(y - c * x) > SAME * max(abs(c) * largest(x), 1e-6 * size):
        return None
    target = torch.zeros_like(data[0][1])
    target[ok] = values[0] - ratio[0] / c
    # where the slope is zero, the delta is, too
    zero = [largest(d[~ok]) for _, _, _, d in data if bool((~ok).any())]
    if zero and max(zero) > 1e-3 * max(largest(d) for *_, d in data):
        return None
    return (1.0 if c > 0 else -1.0), target


def wrong_axis(bench: Bench, match: Match) -> bool:
    """Is a softmax taken over another axis than the targets say? Theirs sum to 1."""
    if match.row.name != "CE" or match.target is None:
        return False
    p = next((p for p in bench.points if match.value in p.values and match.z in p.values), None)
    if p is None:
        return False
    f, z, t = p.values[match.value].detach(), p.values[match.z].detach(), match.target
    axes = [a for a in range(z.ndim) if _same(torch.softmax(z, a), f) and f.shape[a] > 1]

    def one(a: int) -> bool:
        return bool(((t.sum(a) - 1).abs() < 1e-6).all())

    others = [a for a in range(z.ndim) if a not in axes]
    return bool(axes) and not any(map(one, axes)) and any(map(one, others))
