"""The ranges of a network's settings and of its training.

They are not in `data`, which imports NumPy: ``--help`` and a refused call do not wait for NumPy.
"""

# A truth table of 2**16 rows still trains. A slip such as --bits 64 must not fill the memory.
MAX_BITS = 16
MAX_HIDDEN = 4096
MAX_SEED = 2**32 - 1

LOSSES = ("mse", "bce")  # squared error as in the notebook, and cross-entropy
DEVICES = ("auto", "cpu", "cuda")  # where a sweep trains
