"""What became of the seeds of a sweep: counted by outcome, and as a table."""

from typing import Any

import numpy as np

from ..outcome import fraction, wilson
from .result import Result


def summary(result: Result, shown: int = 5) -> list[dict[str, Any]]:
    """Count the seeds of each class, the largest class first.

    Returns:
        A dictionary for each class that occurs, with ``outcome``; ``level`` (None if it has
        none); ``tied``, the groups of rows that are tied, each a list of rows as their bits;
        ``count``; ``share`` and its 95 % interval ``low`` to ``high``; and ``seeds``, the first
        `shown` of them.

    """
    S, N = result.prediction.shape
    level = np.nan_to_num(result.level.round(12), nan=-1.0)
    entries = []
    for outcome, height in {*zip(result.outcome.tolist(), level.tolist(), strict=True)}:
        of_level = (result.outcome == outcome) & (level == height)
        for tied in np.unique(result.tied[of_level], axis=0):
            members = of_level & (result.tied == tied).all(axis=1)
            count = int(members.sum())
            low, high = wilson(count, S)
            width = N.bit_length() - 1
            groups = [
                [f"{row:0{width}b}" for row in np.flatnonzero(tied == group)]
                for group in range(1, tied.max() + 1)
            ]
            entry = {
                "outcome": outcome,
                "level": height if height >= 0 else None,
                "tied": groups,
                "count": count,
                "share": count / S,
                "low": low,
                "high": high,
                "seeds": result.seed[members][:shown].tolist(),
            }
            entries.append(entry)
    return sorted(entries, key=lambda entry: (-entry["count"], entry["seeds"]))


def table(result: Result) -> str:
    """`summary` as a table."""
    rows = [("outcome", "level", "tied", "seeds", "share", "95 % interval", "the first")]
    for entry in summary(result):
        rows.append((
            entry["outcome"],
            "" if entry["level"] is None else fraction(entry["level"]),
            "; ".join(" ".join(group) for group in entry["tied"]),
            f"{entry['count']}",
            f"{entry['share']:.2%}",
            f"{entry['low']:.2%} to {entry['high']:.2%}",
            ",".join(map(str, entry["seeds"])),
        ))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = {3, 4}  # columns that are aligned on the right
    return "\n".join(
        "  ".join(
            cell.rjust(width) if k in numbers else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
