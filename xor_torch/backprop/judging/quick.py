"""Is an objective worth a closer look? A quick test at few points, and with few numbers."""

import torch

from .objectives import Objective, gradients_at
from .points import Bench, Point, is_finite, largest

Tensor = torch.Tensor


def quick_points(bench: Bench, objective: Objective) -> list[Point]:
    """The points of one step, if possible one that moves something, for a quick test."""
    some = [p for p in reversed(bench.points) if p.step in objective.terms]
    k = next((p.step for p in some if p.changing), some[0].step if some else None)
    return [p for p in some if p.step == k]


def hopeless(bench: Bench, objective: Objective, decay: bool) -> bool:
    """Does no update follow it at the points of one step? A quick test before `fit`."""
    rows: dict[int, list[Tensor]] = {i: [] for i in range(len(bench.parameters))}
    for p in quick_points(bench, objective):
        found = gradients_at(objective, p)
        for i in [*rows] if found is not None else []:
            assert found is not None
            if p.changes[i].shape != found[i].shape:
                del rows[i]
                continue
            change, gradient, value = (
                x.reshape(-1)[p.telling[i]] for x in (p.changes[i], found[i], p.leaves[i].detach())
            )
            columns = [change, gradient, *([value * (change != 0)] if decay else [])]
            rows[i].append(torch.stack(columns, 1) / max(largest(change), 1e-300))
            table = torch.cat(rows[i])
            if not is_finite(table):
                continue
            table = table / table.abs().amax(0).clamp(min=1e-300)
            y, a = table[:, :1], table[:, 1:]
            if len(table) < len(columns):
                continue
            off = y - a @ _least_squares(a, y)
            if largest(off) > 1e-4 or not largest(a[:, :1]):
                del rows[i]
            elif len(rows[i]) > 1 and largest(y):
                return False
        if not rows:
            return True
    # what does not change follows nothing
    return not any(largest(block[:, :1]) for blocks in rows.values() for block in blocks)


def _least_squares(a: Tensor, y: Tensor) -> Tensor:
    """The x for which ``a @ x`` is nearest to y."""
    if a.shape[1] == 1:  # mostly there is one column, and starting LAPACK takes long
        return (a * y).sum(0, keepdim=True) / (a * a).sum(0, keepdim=True).clamp(min=1e-300)
    found: Tensor = torch.linalg.lstsq(a, y, driver="gelsd").solution
    return found
