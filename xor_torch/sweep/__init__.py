"""Thousands of seeds at once: who learns parity, who gets stuck, and where.

Other wings and users import the names below from here. `sweep` trains and merges, `Result` is
what it returns and the file that it writes, `summary` and `table` say what became of the seeds.
None of them imports torch, which only the processes that train need. The pictures are in
`xor_torch.sweep.plots`, which needs matplotlib.
"""

from .plan import grid
from .progress import Progress, progress_bar
from .report import summary, table
from .result import Result, Timing
from .run import Interrupted, check_out, sweep
from .seeds import initial_weights, parse_seeds, row_bytes
from .workers import cores

__all__ = [
    "Interrupted",
    "Progress",
    "Result",
    "Timing",
    "check_out",
    "cores",
    "grid",
    "initial_weights",
    "parse_seeds",
    "progress_bar",
    "row_bytes",
    "summary",
    "sweep",
    "table",
]
