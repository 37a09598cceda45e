"""What `explain` says of a network that is stuck, and whether it is true."""

import numpy as np
import pytest

from xor_torch import manual
from xor_torch.data import Parameters, initial_weights, truth_table
from xor_torch.explain import explain, hessian
from xor_torch.sweep import sweep

# torch's own: torch.func imports modules that still use torch.jit
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


@pytest.fixture(scope="module")
def tied():
    """A network by the plateau 1/4: it answers 1/2 to everything, and curves down from there."""
    return explain(65, epochs=1500)


def test_it_is_the_row_of_the_sweep(tied):
    row = sweep([65], epochs=1500)
    np.testing.assert_allclose(tied.prediction, row.prediction[0], rtol=1e-12)
    np.testing.assert_allclose(tied.loss, row.loss[0], rtol=1e-12)
    assert tied.outcome == row.outcome[0] == "plateau"
    assert [*tied.gradient_norm] == [10, 100, 1000, 1500]
    np.testing.assert_allclose(tied.gradient_norm[1500], row.gradient_norm[0], rtol=1e-9)


def test_words(tied):
    text = str(tied)
    assert "seed 65, after 1500 epochs at lr 0.1: plateau" in text
    assert "00 01 10 11 get one answer; their targets have the mean 1/2" in text
    assert "plateau: (2 x (1/2)^2 + 2 x (1/2)^2) / 4 = 1/4 = 0.25" in text
    assert "It is by a saddle" in text
    assert "learning rate 1 instead of 0.1" in text


def test_remedies_were_really_tried(tied):
    remedies = {remedy.name: remedy for remedy in tied.remedies}
    found = remedies["learning rate 1 instead of 0.1"]
    alone = sweep([65], epochs=1500, lr=1.0)
    assert found.solved == alone.solved[0]
    assert found.loss == pytest.approx(alone.loss[0], rel=1e-9)
    wider = sweep([65], epochs=1500, hidden=3)
    assert remedies["3 hidden units (other initial weights)"].solved == wider.solved[0]


def test_a_remedy_is_solved_from_the_epoch_that_it_names():
    remedies = {remedy.name: remedy for remedy in explain(42, epochs=1500).remedies}
    epochs = remedies["3 hidden units (other initial weights)"].epochs
    assert sweep([42], epochs=epochs, hidden=3).solved[0]
    assert not sweep([42], epochs=epochs - 10, hidden=3).solved[0]


def test_weights_of_a_checkpoint(tied):
    explanation = explain(None, parameters=tied.parameters, epochs=1500)
    assert "these weights" in str(explanation)
    assert explanation.place == "saddle"
    assert all("kick" in remedy.name for remedy in explanation.remedies)
    np.testing.assert_allclose(explanation.eigenvalues, tied.eigenvalues, atol=1e-6)


def test_a_network_that_has_learned_needs_no_remedy():
    explanation = explain(2, epochs=3000, lr=0.5)
    assert explanation.outcome == explanation.place == "solved"
    assert not explanation.remedies
    assert "It has learned the table." in str(explanation)


def test_neither_seed_nor_weights():
    with pytest.raises(ValueError, match="--seed or a checkpoint is needed"):
        explain(None)


@pytest.mark.parametrize("bits", [2, 3])
def test_hessian_is_the_slope_of_the_gradient(bits):
    hidden = 2
    X, y = truth_table(bits)
    parameters = initial_weights(5, hidden, bits)
    theta = np.concatenate([p.ravel() for p in parameters])
    ends = np.cumsum([p.size for p in parameters])[:-1]

    def gradient(theta):
        pieces = np.split(theta, ends)
        here = Parameters(*(q.reshape(p.shape) for q, p in zip(pieces, parameters, strict=True)))
        slopes = manual.backward(X, y, here, manual.forward(X, here)).gradients
        return np.concatenate([g.ravel() for g in slopes])

    h = 1e-5
    slope = [
        (gradient(theta + h * e) - gradient(theta - h * e)) / (2 * h) for e in np.eye(theta.size)
    ]
    np.testing.assert_allclose(hessian(theta, bits, hidden), slope, atol=1e-8)
