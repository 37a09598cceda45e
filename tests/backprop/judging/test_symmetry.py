"""The derivative of a gradient is symmetric: tests on numbers with a known answer."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xor_torch.backprop.judging.symmetry import Products, symmetric

from ..test_judge import judged


def drawn(seed, *shape):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draw, dtype=torch.float64)


@given(seed=st.integers(0, 10**6), rows=st.integers(1, 4), columns=st.integers(2, 12))
def test_the_derivative_of_any_function_is_symmetric(seed, rows, columns):
    z = drawn(seed, rows, columns).requires_grad_()
    loss = (torch.softmax(z, 1) * drawn(seed + 1, rows, columns)).sum().sinh() + (z**4).mean()
    (delta,) = torch.autograd.grad(loss, z, create_graph=True)
    assert symmetric(delta, z) is True


@given(seed=st.integers(0, 10**6), rows=st.integers(1, 4), columns=st.integers(2, 12))
def test_a_softmax_whose_derivative_is_taken_elementwise_is_not(seed, rows, columns):
    z = drawn(seed, rows, columns).requires_grad_()
    p = torch.softmax(z, 1)
    assert symmetric((p - drawn(seed + 1, rows, columns)) * p * (1 - p), z) is False


def test_of_a_constant_nothing_is_known():
    z = drawn(0, 2, 3).requires_grad_()
    assert symmetric(drawn(1, 2, 3), z) is None
    assert symmetric((z**2).sum(1), z) is None


def test_two_parameters_may_have_two_learning_rates():
    one = Products([1.0, -2.0, 0.5], [3.0, -6.0, 1.5], [(1.0, 3.0)] * 3)
    assert not one.contradict(False, 3.0)
    assert one.contradict(True, 3.0)  # a parameter has one rate with itself
    one.there[1] = -6.001
    assert one.contradict(False, 3.0)


def test_what_is_rounding_beside_the_largest_says_nothing():
    tiny = Products([1e-17, 2e-17, 1e-17], [3e-17, 1e-17, -1e-17], [(1e-17, 1e-17)] * 3)
    assert not tiny.contradict(True, 1.0)
    assert tiny.contradict(True, 1e-17)


def test_a_parameter_that_does_not_follow_another_at_all_may_be_held():
    held = Products([1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [(1.0, 0.0)] * 3)
    assert not held.contradict(False, 1.0)


POLE = """
import numpy as np
s = np.array([0.01, -0.03, 0.02, 0.04])
for step in range(60):
    x, v, a, w = s
    push = 10.0 if a + w > 0 else -10.0
    force = (push + 0.05 * w * w * np.sin(a)) / 1.1
    turn = 9.8 * np.sin(a) - np.cos(a) * force
    turn = turn / (0.5 * (4 / 3 - 0.1 * np.cos(a) ** 2 / 1.1))
    pushed = force - 0.05 * turn * np.cos(a)
    s = np.array([x + 0.02 * v, v + 0.02 * pushed, a + 0.02 * w, w + 0.02 * turn])
"""
BALL = """
x, v, w = 0.5, -0.3, 0.1
for step in range(60):
    pull = 1.5 - x * x
    x, v, w = x + 0.1 * v, v + 0.1 * (pull - 0.2 * v * w), w + 0.1 * (v - 0.5 * w)
"""


@pytest.mark.parametrize("source", [POLE, BALL])
def test_a_simulation_is_no_network(source, tmp_path):
    """Its equations of motion are the gradient of nothing, and need not be."""
    assert all(finding.verdict == "cannot tell" for finding in judged(source, tmp_path))
