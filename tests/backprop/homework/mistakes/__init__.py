"""The table of planted mistakes: edits of the correct networks.

Each name of the catalogue is planted into each of the four styles (`in_plain`, `in_function`,
`in_class`, `in_columns`).

A few mistakes make the training diverge, as they should: after some tens of updates NumPy warns of
an overflow. And a few are hard to see on purpose: a stale activation is right at the first update,
and ``columns-small`` starts where tanh is almost a straight line.
"""

from . import in_class, in_columns, in_function, in_others, in_plain
from ._plant import Mistake

MISTAKES: list[Mistake] = [
    *in_plain.MISTAKES,
    *in_function.MISTAKES,
    *in_class.MISTAKES,
    *in_columns.MISTAKES,
    *in_others.MISTAKES,
]
