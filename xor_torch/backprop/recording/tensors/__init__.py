"""Records what a script does with torch's tensors, on the tape that NumPy's arrays are on.

A tensor stands for the recorded array that has its memory. Each torch operation is done again with
these arrays, by the NumPy operations that it is made of, which record themselves; the numbers that
the script sees are torch's. Loaded only when a script imports torch.
"""

from .mode import Tensors

__all__ = ["Tensors"]
