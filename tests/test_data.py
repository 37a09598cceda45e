import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xor_torch import initial_weights, truth_table
from xor_torch.ranges import MAX_SEED


def test_xor_is_the_notebooks_table():
    X, y = truth_table()
    np.testing.assert_array_equal(X, [[0, 0], [0, 1], [1, 0], [1, 1]], strict=False)
    np.testing.assert_array_equal(y, [[0], [1], [1], [0]], strict=False)
    assert X.dtype == y.dtype == np.float64


@given(st.integers(1, 8))
def test_rows_count_upwards_and_targets_are_their_parity(bits):
    X, y = truth_table(bits)
    assert X.shape == (2**bits, bits)
    assert y.shape == (2**bits, 1)
    for row, (x, target) in enumerate(zip(X, y, strict=True)):
        assert "".join(str(int(bit)) for bit in x) == format(row, f"0{bits}b")
        assert target[0] == bin(row).count("1") % 2


@given(st.integers(0, MAX_SEED), st.integers(1, 8), st.integers(1, 5))
def test_draws_are_those_after_numpys_seed_bit_for_bit(seed, hidden, bits):
    before = np.random.get_state()
    try:
        np.random.seed(seed)
        W1 = np.random.randn(bits, hidden)
        W2 = np.random.randn(hidden, 1)
    finally:
        np.random.set_state(before)
    weights = initial_weights(seed, hidden, bits)
    np.testing.assert_array_equal(weights.W1, W1, strict=True)
    np.testing.assert_array_equal(weights.b1, np.zeros((1, hidden)), strict=True)
    np.testing.assert_array_equal(weights.W2, W2, strict=True)
    np.testing.assert_array_equal(weights.b2, np.zeros((1, 1)), strict=True)


def test_the_global_random_states_are_left_alone():
    numpy_state, python_state = np.random.get_state(), random.getstate()
    initial_weights(7)
    assert random.getstate() == python_state
    for now, before in zip(np.random.get_state(), numpy_state, strict=True):
        np.testing.assert_array_equal(now, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be from 0 to 4294967295, got -1"),
        ({"seed": 2**32}, "seed must be from 0 to 4294967295, got 4294967296"),
        ({"hidden": 0}, "hidden must be from 1 to 4096, got 0"),
        ({"bits": 0}, "bits must be from 1 to 16, got 0"),
        ({"bits": 64}, "bits must be from 1 to 16, got 64"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        initial_weights(**arguments)


def test_a_table_that_would_fill_the_memory_is_refused():
    with pytest.raises(ValueError, match="bits must be from 1 to 16, got 60"):
        truth_table(60)
