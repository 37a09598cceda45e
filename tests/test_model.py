import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xor_torch import XOR, initial_weights, manual, squared_error, truth_table
from xor_torch.ranges import MAX_SEED


@given(st.integers(0, MAX_SEED), st.integers(1, 8), st.integers(1, 5))
def test_starts_from_the_notebooks_draws_bit_for_bit(seed, hidden, bits):
    net = XOR(seed, hidden, bits)
    expected = initial_weights(seed, hidden, bits)
    for actual, e in zip(net.to_numpy(), expected, strict=True):
        np.testing.assert_array_equal(actual, e, strict=True)
    np.testing.assert_array_equal(net.hidden.weight.detach().numpy(), expected.W1.T)


def test_state_dict_is_the_one_that_others_rely_on():
    state = XOR(hidden=3).state_dict()
    assert {name: tuple(t.shape) for name, t in state.items()} == {
        "hidden.weight": (3, 2),
        "hidden.bias": (3,),
        "output.weight": (1, 3),
        "output.bias": (1,),
    }
    assert {t.dtype for t in state.values()} == {torch.float64}


def test_numpy_layout_and_back():
    weights = initial_weights(3, hidden=4, bits=3)
    net = XOR(seed=4, hidden=4, bits=3)
    net.load_numpy(weights)
    for actual, expected in zip(net.to_numpy(), weights, strict=True):
        np.testing.assert_array_equal(actual, expected, strict=True)


def test_to_numpy_is_a_copy():
    net = XOR()
    net.to_numpy().W1[:] = 0
    assert (net.hidden.weight != 0).all()


def test_forward_is_the_manual_one():
    X, _ = truth_table(3)
    weights = initial_weights(5, hidden=4, bits=3)
    expected = manual.forward(X, weights).a2
    actual = XOR(5, hidden=4, bits=3)(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(actual, expected, rtol=1e-14)


def test_the_loss_is_the_sum_and_refuses_to_broadcast():
    prediction = torch.tensor([[0.5], [0.25]])
    assert squared_error(prediction, torch.tensor([[1.0], [0.0]])) == 0.3125
    with pytest.raises(ValueError, match=r"shape \(2, 1\) and y has shape \(2,\)"):
        squared_error(prediction, torch.tensor([1.0, 0.0]))


def test_the_global_random_states_are_left_alone():
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    XOR(seed=9)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    np.testing.assert_array_equal(np.random.get_state()[1], before[2])


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match=r"W1 has shape \(2, 1\), this network's has \(2, 2\)"):
        XOR().load_numpy(initial_weights(hidden=1))  # which would be broadcast


def test_gradients_before_any_backward():
    with pytest.raises(ValueError, match="call backward"):
        XOR().gradients()
