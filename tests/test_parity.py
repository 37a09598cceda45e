"""The proof at equal weights, and mutants that the comparison must find."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xor_torch import XOR, XORModule, manual, model, parity, squared_error, truth_table
from xor_torch.data import Parameters, initial_weights

from .strategies import random_parameters


def autograd(X, y, parameters: Parameters) -> Parameters:
    bits, hidden = parameters.W1.shape
    module = XORModule(0, hidden, bits)
    module.load_numpy(parameters)
    squared_error(module(torch.from_numpy(X)), torch.from_numpy(y)).backward()
    return module.gradients()


def by_hand(X, y, parameters: Parameters) -> Parameters:
    return manual.backward(X, y, parameters, manual.forward(X, parameters)).gradients


@settings(max_examples=200)
@given(random_parameters())
def test_autograd_equals_the_manual_gradients_at_random_weights(parameters):
    X, y = truth_table(len(parameters.W1))
    expected, actual = by_hand(X, y, parameters), autograd(X, y, parameters)
    bound = parity.rounding_bound(X, y, parameters)
    # the derived bound alone, without any constant, whatever is saturated or cancels
    parity.assert_equal(actual, expected, rtol=0, rounding=bound)
    # and 1e-12 of the largest element wherever the bound says that nothing is amplified
    for name, a, e, b in zip(Parameters._fields, actual, expected, bound, strict=True):
        if b.max() <= 1e-12 * np.abs(e).max():
            assert parity.difference(name, a, e, rtol=1e-12).ok


@pytest.mark.parametrize("scale", [0.3, 1.0])
@pytest.mark.parametrize(("hidden", "bits"), [(1, 1), (2, 2), (8, 2), (3, 5)])
def test_1e_12_where_nothing_is_saturated_or_cancels(hidden, bits, scale):
    X, y = truth_table(bits)
    start = initial_weights(1, hidden, bits)
    parameters = Parameters(*(scale * (w + 0.1) / np.abs(w + 0.1).max() for w in start))
    step = manual.forward(X, parameters)
    assert max(step.a1.max(), step.a2.max()) < 1 - 1e-3
    parity.assert_equal(autograd(X, y, parameters), by_hand(X, y, parameters), rtol=1e-12)


@pytest.mark.parametrize(("hidden", "bits"), [(1, 1), (2, 2), (8, 2), (3, 5)])
def test_a_batch_of_gradients_is_the_single_calls(hidden, bits):
    X, y = truth_table(bits)
    random = np.random.RandomState(3)
    shapes = [(bits, hidden), (1, hidden), (hidden, 1), (1, 1)]
    weights = [  # from nearly linear to saturated
        Parameters(*(10.0 ** random.uniform(-3, 2) * random.randn(*shape) for shape in shapes))
        for _ in range(100)
    ]
    batch = model.gradients_at(
        XOR(0, hidden, bits),
        *map(torch.from_numpy, (X, y)),
        Parameters(*map(np.stack, zip(*weights, strict=True))),
    )
    for k, one in enumerate(weights):
        row, alone = Parameters(*(g[k] for g in batch)), autograd(X, y, one)
        bound = parity.rounding_bound(X, y, one)
        # what two correct programs may differ by at these weights, and no constant beside it
        parity.assert_equal(row, alone, rtol=0, rounding=bound)


def test_a_batch_refuses_flat_targets():
    X, y = map(torch.from_numpy, truth_table())
    weights = Parameters(*(w[None] for w in initial_weights()))
    with pytest.raises(ValueError, match=r"y has shape \(4,\)"):
        model.gradients_at(XOR(), X, y[:, 0], weights)


def test_sympy_is_not_imported(monkeypatch):
    """Torch imports it if `grad` is given its first gradients: half a second."""
    monkeypatch.setitem(sys.modules, "torch.fx.experimental.symbolic_shapes", None)
    assert all(p.ok for p in parity.compare(epochs=2))


def test_equal_at_every_one_of_the_notebooks_epochs():
    for p in parity.compare():
        assert p.gradient.ok, str(p.gradient)
        assert p.drift <= 1e-13


MANUAL = manual.backward


def mean_instead_of_sum(X, y, parameters):
    return Parameters(*(g / len(X) for g in by_hand(X, y, parameters)))


def w2_updated_first(X, y, parameters):
    first = manual.descend(parameters, by_hand(X, y, parameters), lr=0.1)
    step = manual.forward(X, parameters)
    return MANUAL(X, y, parameters._replace(W2=first.W2), step).gradients


def missing_derivative(X, y, parameters):
    step = manual.forward(X, parameters)
    grad = MANUAL(X, y, parameters, step)
    dz1 = grad.da1  # * sigmoid_derivative(a1) is missing
    return grad.gradients._replace(W1=X.T @ dz1, b1=dz1.sum(axis=0, keepdims=True))


def swapped_draws(X, y, parameters):
    hidden, bits = len(parameters.W2), len(parameters.W1)
    draw = np.random.RandomState(42).randn
    W2 = draw(hidden, 1)
    return by_hand(X, y, parameters._replace(W2=W2, W1=draw(bits, hidden)))


def float32(X, y, parameters):
    return by_hand(X, y, Parameters(*(w.astype(np.float32) for w in parameters)))


@pytest.mark.parametrize(
    ("mutant", "message"),
    [
        (mean_instead_of_sum, r"W1\[\d, \d\]: actual .*, expected .*, ratio 0.25; "),
        (w2_updated_first, r"W1\[\d, \d\]: actual .*, expected .*, ratio"),
        (missing_derivative, r"b1\[0, \d\]: actual .*, expected .*, ratio"),
        (swapped_draws, r"W2\[\d, 0\]: actual .*, expected .*, ratio"),
        (float32, r"W1\[\d, \d\]: actual .*, expected .*, ratio 1; absolute"),
    ],
)
def test_mutants_are_refused(mutant, message):
    X, y = truth_table()
    weights = initial_weights()
    expected = autograd(X, y, weights)
    with pytest.raises(AssertionError, match=message):
        parity.assert_equal(mutant(X, y, weights), expected)


def test_flat_targets_are_refused():
    X, y = truth_table()
    with pytest.raises(ValueError, match=r"y has shape \(4,\)"):
        by_hand(X, y[:, 0], initial_weights())
    with pytest.raises(ValueError, match=r"y has shape \(4,\)"):
        autograd(X, y[:, 0], initial_weights())


def test_a_difference_names_everything():
    expected = np.array([[1.0, -4.0], [0.5, 0.25]])
    actual = expected.copy()
    actual[1, 0] = 1.0
    actual[0, 1] = -4.1
    assert str(parity.difference("W1", actual, expected, rtol=1e-3)) == (
        "W1[1, 0]: actual 1, expected 0.5, ratio 2; absolute difference 0.5, allowed 0.004; "
        "relative to the largest W1 0.125; 2 of 4 elements differ"
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["actual", "expected", "both"])
def test_what_is_not_finite_differs(bad, side):
    actual, expected = np.ones((2, 1)), np.ones((2, 1))
    if side != "expected":
        actual[1] = bad
    if side != "actual":
        expected[1] = bad
    assert not parity.difference("W2", actual, expected).ok


@given(st.floats(1e-300, 1e300), st.floats(1e-11, 1))
def test_small_gradients_are_not_swallowed(size, off):
    expected = np.array([[size, -size / 3]])
    assert parity.difference("b1", expected, expected).ok
    assert not parity.difference("b1", expected + np.array([[0, off * size]]), expected).ok
    assert not parity.difference("b1", 0 * expected, expected).ok


def test_shapes_and_names_must_agree():
    with pytest.raises(AssertionError, match=r"W1: actual has shape \(2,\), expected \(2, 1\)"):
        parity.difference("W1", np.ones(2), np.ones((2, 1)))
    with pytest.raises(AssertionError, match=r"actual has \['W1'\], expected \['W2'\]"):
        parity.differences({"W1": np.ones(1)}, {"W2": np.ones(1)})


def test_compare_finds_a_mistake_of_one_epoch(monkeypatch):
    epochs = manual.train(*truth_table(), initial_weights(), epochs=20)
    ninth = next(epoch.parameters for epoch in epochs if epoch.number == 9)

    def wrong_once(X, y, parameters, step):
        grad = MANUAL(X, y, parameters, step)
        at_the_ninth = np.array_equal(parameters.W1, ninth.W1)
        return grad._replace(dW2=grad.dW2 * (1 + 1e-9)) if at_the_ninth else grad

    monkeypatch.setattr(manual, "backward", wrong_once)
    found = {p.name: p for p in parity.compare(epochs=20)}
    assert [name for name, p in found.items() if not p.gradient.ok] == ["W2"]
    assert found["W2"].gradient_epoch == 9
    text = parity.report(
        {"seed": 42, "hidden": 2, "bits": 2, "lr": 0.1, "epochs": 20}, list(found.values())
    )
    assert text.splitlines()[-1] == "DIFFERENT: the gradient of W2"
    assert "W2[" in text


def _mean(prediction, y):
    return torch.nn.functional.mse_loss(prediction, y)


def _at_the_epoch_before(net, X, y, weights):
    earlier = Parameters(*(np.concatenate([w[:1], w[:-1]]) for w in weights))
    return GRADIENTS_AT(net, X, y, earlier)


def _wrong_once(net, X, y, weights):
    found = GRADIENTS_AT(net, X, y, weights)
    found.b1[17] *= 1 + 1e-9
    return found


GRADIENTS_AT = model.gradients_at


@pytest.mark.parametrize(
    ("name", "mutant", "wrong"),
    [
        ("squared_error", _mean, ["W1", "b1", "W2", "b2"]),
        ("gradients_at", _at_the_epoch_before, ["W1", "b1", "W2", "b2"]),
        ("gradients_at", _wrong_once, ["b1"]),
    ],
)
def test_compare_finds_mistakes_of_autograds_side(name, mutant, wrong, monkeypatch):
    monkeypatch.setattr(model, name, mutant)
    found = {p.name: p.gradient_epoch for p in parity.compare(epochs=30) if not p.gradient.ok}
    assert [*found] == wrong
    assert mutant is not _wrong_once or found == {"b1": 17}


def test_epochs_are_the_same_in_one_batch_and_in_many(monkeypatch):
    whole = parity.compare(epochs=70)
    monkeypatch.setattr(parity, "EPOCHS_AT_ONCE", 16)
    calls = []
    assert parity.compare(epochs=70, progress=lambda: calls.append(1)) == whole
    assert len(calls) == 70
    monkeypatch.setattr(parity, "NUMBERS_AT_ONCE", 1)
    for one, p in zip(parity.compare(epochs=70), whole, strict=True):
        assert one.drift == p.drift
        assert one.gradient.ok


def test_compare_finds_a_run_that_drifts(monkeypatch):
    descend = manual.descend
    monkeypatch.setattr(manual, "descend", lambda p, g, lr: descend(p, g, lr * (1 + 1e-9)))
    assert not any(p.ok for p in parity.compare(epochs=50))
