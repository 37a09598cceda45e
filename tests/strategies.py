"""Hypothesis strategies for several test files."""

import math

import numpy as np
from hypothesis import strategies as st

from xor_torch.data import Parameters


@st.composite
def random_parameters(draw) -> Parameters:
    """Widths 1 to 8, bits 1 to 5, weights from 1e-3 to 30, large and small in one network."""
    hidden, bits = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    size = draw(st.floats(math.log(1e-3), math.log(30)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = [(bits, hidden), (1, hidden), (hidden, 1), (1, 1)]
    return Parameters(
        *(
            random.choice([-1, 1], shape) * np.exp(random.uniform(math.log(1e-3), size, shape))
            for shape in shapes
        )
    )
