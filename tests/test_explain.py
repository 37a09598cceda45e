"""What `explain` says about a network that is stuck, and whether it is true."""

import numpy as np
import pytest
import torch

from xor_torch import XOR, manual, squared_error
from xor_torch.data import Parameters, initial_weights, truth_table
from xor_torch.explain import explain, hessian
from xor_torch.sweep import sweep


@pytest.fixture(scope="module")
def tied():
    """A network near the plateau 1/4: it answers 1/2 to all rows, and its error curves down."""
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
    assert "It is near a saddle" in text
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


def test_each_remedy_is_what_it_is_alone(tied):
    X, y = map(torch.from_numpy, truth_table())

    def alone(lr=0.1, hidden=2, momentum=0.0, loss=squared_error):
        net = XOR(65, hidden)
        optimizer = torch.optim.SGD(net.parameters(), lr, momentum)
        for _ in range(1500):
            optimizer.zero_grad()
            prediction = net(X)
            loss(prediction, y).backward()
            optimizer.step()
        return prediction

    def cross_entropy(prediction, y):
        return torch.nn.functional.binary_cross_entropy(prediction, y, reduction="sum")

    predictions = [alone(lr=1.0), alone(loss=cross_entropy), alone(hidden=3), alone(momentum=0.9)]
    losses = [(p - y).square().mean().item() for p in predictions]
    losses[1] = cross_entropy(predictions[1], y).item() / 4
    assert [remedy.loss for remedy in tied.remedies[:4]] == pytest.approx(losses, rel=1e-9)
    solved = [bool(((p > 0.5) == (y == 1)).all()) for p in predictions]
    assert [remedy.solved for remedy in tied.remedies[:4]] == solved


def test_the_answer_comes_in_parts(tied):
    parts = []
    explanation = explain(65, epochs=1500, progress=parts.append)
    (so_far,) = parts
    assert str(explanation) == str(tied)
    assert str(explanation).startswith(str(so_far) + "\n  a kick of ")
    assert so_far.remedies == tied.remedies[:4]
    explain(2, epochs=3000, lr=0.5, progress=parts.append)
    assert len(parts) == 1  # it has learned: nothing more comes


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


@pytest.mark.slow
def test_every_stationary_point_of_xor_that_is_found_is_a_saddle():
    """Hamey (1998); Sprinkhuizen-Kuyper and Boers (1996, 1999): XOR has no local minima.

    Damped Newton steps on the gradient, from random weights. Points at which a unit is saturated
    are left out: there the gradient vanishes because the sigmoid has no slope left, on the way to
    infinity, not because the point is stationary.
    """
    import torch
    from torch.func import grad, vmap

    from xor_torch.batch import Problem

    problem = Problem(2, 2, "mse")

    def total(theta):
        return problem.error(problem.forward(*problem.split(theta[:, None])), problem.y, "sum")

    def slopes(theta):
        W1, W2, b2 = problem.split(theta[:, None])
        a1 = torch.sigmoid(problem.X1 @ W1)
        a2 = torch.sigmoid(problem.forward(W1, W2, b2))
        return torch.cat([(a * (1 - a)).flatten() for a in (a1, a2)])

    gradient, curvature = vmap(grad(total)), vmap(torch.func.hessian(total))
    random = np.random.RandomState(0)
    theta = torch.from_numpy(random.randn(300, 9) * random.choice([0.5, 1, 2], size=(300, 1)))
    damping = torch.full((300,), 1e-2, dtype=torch.float64)
    g = gradient(theta)
    for _ in range(400):
        eigenvalues, V = torch.linalg.eigh(curvature(theta))
        shrunk = eigenvalues / (eigenvalues**2 + damping[:, None])
        there = theta - torch.einsum("sij,sj,skj,sk->si", V, shrunk, V, g)
        g_there = gradient(there)
        better = g_there.norm(dim=1) < g.norm(dim=1)
        theta = torch.where(better[:, None], there, theta)
        g = torch.where(better[:, None], g_there, g)
        damping = torch.where(better, 0.3 * damping, 4 * damping).clamp(1e-30, 1e6)

    loss = vmap(total)(theta) / 4
    found = (g.norm(dim=1) < 1e-14) & (vmap(slopes)(theta).amin(1) > 1e-2) & (loss > 1e-6)
    eigenvalues = torch.linalg.eigvalsh(curvature(theta[found]))
    lowest = eigenvalues[:, 0] / eigenvalues[:, -1]
    levels, counts = np.unique(loss[found].numpy().round(4), return_counts=True)
    print({*zip(levels.tolist(), counts.tolist(), strict=True)}, lowest.max().item())
    assert found.sum() > 100
    assert (lowest < -1e-7).all()  # eight digits above what rounding does to them
