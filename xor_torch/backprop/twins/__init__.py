"""Each NumPy operation of a tape in torch and in float64: `TWINS`, with the names of `operations`.

A twin has NumPy's name, arguments, defaults and rules. An option that it does not have as a
parameter is refused by `replay`, which names it; one that it has and cannot follow raises a
ValueError. No option is ignored, except those that change no number (``copy``, ``optimize``).

Three mechanisms do most of the work. Functions of numbers are torch's own. Reductions share one
frame for ``axis``, ``keepdims``, ``where`` and ``initial``. What only moves numbers about is
NumPy's own function, applied to the positions of the numbers: its result says which number goes
where, with every option that NumPy has.
"""

from .arguments import Tensor, Twin, number, of_kind, tensor
from .arrays import ARRAYS
from .at import AT
from .numbers import FIRST_OF_EQUAL, NUMBERS
from .products import PRODUCT_TWINS

__all__ = ["FIRST_OF_EQUAL", "TWINS", "Tensor", "Twin", "number", "of_kind", "tensor"]

TWINS: dict[str, Twin] = NUMBERS | PRODUCT_TWINS | ARRAYS | AT
