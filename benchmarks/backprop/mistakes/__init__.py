"""The table of planted mistakes: edits of the right networks.

Each is of the kind that people make: a term forgotten, an axis confused, a state not carried, a
derivative of the wrong quantity. All run without an error, and most of them still learn something.
"""

from . import in_attention, in_convolution, in_dense, in_normalisation, in_recurrence
from ._plant import Mistake

MISTAKES: list[Mistake] = [
    *in_recurrence.MISTAKES,
    *in_convolution.MISTAKES,
    *in_normalisation.MISTAKES,
    *in_attention.MISTAKES,
    *in_dense.MISTAKES,
]
