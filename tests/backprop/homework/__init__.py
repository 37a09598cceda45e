"""Hand-written NumPy networks for XOR, correct ones and ones with a planted mistake.

A checker of backprop is only as good as the scripts it was tried on. Here is what learners hand in:
the same small network written in several styles, correct variants of it, and a table of mistakes.

``networks/``
    The correct scripts. Each runs by itself and needs NumPy only. Their text is what the tests
    check, so no formatter touches them.
``mistakes/``
    The mistakes, each planted by replacing a line or two of a correct script.

The scripts have four samples and four hidden units on purpose: a forgotten transpose, a sum over
the wrong axis and ``dot`` in place of ``*`` then run without an error, as they do in the wild.

>>> mistake = next(m for m in MISTAKES if m.id == "plain-updated_too_early")
>>> mistake.source.splitlines()[mistake.line - 1].strip()
'd_hidden = np.dot(d_final, W2.T) * sigmoid_derivative(hidden_output)'
>>> mistake.spoils
('W1', 'b1')
"""

from .mistakes import MISTAKES
from .mistakes._plant import CORRECT, NAMES, Mistake

STYLES = ("plain", "function", "class", "columns")
"""The names in ``CORRECT`` into which every mistake of the catalogue is planted."""

__all__ = ["CORRECT", "MISTAKES", "NAMES", "STYLES", "Mistake"]
