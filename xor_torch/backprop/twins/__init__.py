"""A function in torch and float64 for each NumPy operation of a tape, its twin: `TWINS`.

A twin has NumPy's name (see `operations`), arguments, defaults and rules. If it does not have an
option as a parameter, `replay` refuses the option and names it. If it has one and cannot follow it,
it raises a ValueError. Only options that change no number are ignored (``copy``, ``optimize``).

Three mechanisms do most of the work. Functions of numbers are torch's own. Reductions share one
frame for ``axis``, ``keepdims``, ``where`` and ``initial``. A function that only moves numbers is
NumPy's own, applied to the positions of the numbers: its result says which number goes where, with
every option that NumPy has.
"""

from .arguments import Tensor, Twin, dtype_of, number, of_kind, tensor
from .arrays import ARRAYS
from .at import AT
from .numbers import FIRST_OF_EQUAL, NUMBERS, OF_TWO_NUMBERS
from .products import PRODUCT_TWINS

__all__ = [
    "FIRST_OF_EQUAL",
    "OF_TWO_NUMBERS",
    "TWINS",
    "Tensor",
    "Twin",
    "dtype_of",
    "number",
    "of_kind",
    "tensor",
]

TWINS: dict[str, Twin] = NUMBERS | PRODUCT_TWINS | ARRAYS | AT
