"""Row k of a batch is the single run of its network, eager and compiled."""

import shutil

import numpy as np
import pytest
import torch

from xor_torch import manual
from xor_torch.batch import train
from xor_torch.data import Parameters, initial_weights, truth_table


def stack(rows) -> Parameters:
    return Parameters(*map(np.stack, zip(*rows, strict=True)))


def single(parameters, lr, epochs, loss="mse"):
    """The run of one network in NumPy: weights after it, last predictions, last gradient norm."""
    bits = len(parameters.W1)
    X, y = truth_table(bits)
    for _ in range(epochs):
        step = manual.forward(X, parameters)
        gradient = manual.backward(X, y, parameters, step).gradients
        if loss == "bce":  # the one loss for which the error signal is the difference
            dz2 = step.a2 - y
            dz1 = dz2 @ parameters.W2.T * manual.sigmoid_derivative(step.a1)
            db1, db2 = dz1.sum(0, keepdims=True), dz2.sum(0, keepdims=True)
            gradient = Parameters(X.T @ dz1, db1, step.a1.T @ dz2, db2)
        parameters = manual.descend(parameters, gradient, lr)
    a2 = step.a2
    error = (a2 - y) ** 2 if loss == "mse" else -np.log(np.where(y == 1, a2, 1 - a2))
    norm = np.sqrt(sum((g**2).sum() for g in gradient))
    return parameters, a2[:, 0], error.mean(), norm


def sensitivity(start, end, lr, epochs, loss="mse"):
    """How far one unit in the last place of the start, up or down, moves the end of the run."""
    nudged = (
        single(Parameters(*(np.nextafter(p, to) for p in start)), lr, epochs, loss)[0]
        for to in (np.inf, -np.inf)
    )
    return max(np.abs(a - b).max() for other in nudged for a, b in zip(other, end, strict=True))


def assert_rows(trained, seeds, starts, lr, epochs, loss="mse"):
    for k, (seed, start) in enumerate(zip(seeds, starts, strict=True)):
        end, prediction, mean, norm = single(start, lr, epochs, loss)
        # every epoch rounds anew, a few units in the last place at the scale of the weights
        scale = max(np.abs(p).max() for p in end)
        allowed = 50 * sensitivity(start, end, lr, epochs, loss) + 50 * np.spacing(scale)
        for name, row, expected in zip(Parameters._fields, trained.parameters, end, strict=True):
            off = np.abs(row[k] - expected).max()
            assert off <= allowed, f"seed {seed}: {name} is off by {off:.3g}, allowed {allowed:.3g}"
        assert np.abs(trained.prediction[k] - prediction).max() <= allowed, f"seed {seed}"
        assert abs(trained.loss[k] - mean) <= allowed, f"seed {seed}"
        assert abs(trained.gradient_norm[k] - norm) <= 10 * allowed, f"seed {seed}"


@pytest.mark.parametrize(
    ("bits", "hidden", "lr", "loss"),
    [
        (2, 2, 0.1, "mse"),
        (2, 2, 2.0, "mse"),
        (3, 3, 0.3, "mse"),
        (1, 1, 0.5, "mse"),
        (2, 3, 0.1, "bce"),
    ],
)
def test_every_row_is_its_single_run(bits, hidden, lr, loss):
    seeds = [0, 1, 2, 42, 2**32 - 1]
    starts = [initial_weights(seed, hidden, bits) for seed in seeds]
    trained = train(stack(starts), 700, lr, loss)
    assert_rows(trained, seeds, starts, lr, 700, loss)


@pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
@pytest.mark.parametrize("loss", ["mse", pytest.param("bce", marks=pytest.mark.slow)])
def test_compiled_rows_are_their_single_runs(loss, compiled_once):
    seeds = range(19)  # not a multiple of the vector length
    starts = [initial_weights(seed) for seed in seeds]
    trained = train(stack(starts), 700, 0.1, loss, compiled=True)
    assert_rows(trained, seeds, starts, 0.1, 700, loss)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("bits", "hidden", "lr", "loss"),
    [(2, 2, 0.1, "mse"), (3, 3, 0.3, "mse"), (1, 1, 0.5, "mse"), (2, 3, 0.1, "bce")],
)
def test_rows_from_a_gpu_are_their_single_runs(bits, hidden, lr, loss, compiled, compiled_once):
    seeds = range(150)  # the kernel's second program is not full
    starts = [initial_weights(seed, hidden, bits) for seed in seeds]
    trained = train(stack(starts), 700, lr, loss, compiled=compiled, device="cuda")
    assert_rows(trained, seeds, starts, lr, 700, loss)


def test_momentum_is_that_of_torch_sgd():
    from xor_torch.model import XOR, squared_error

    X, y = map(torch.from_numpy, truth_table())
    models = [XOR(seed) for seed in range(3)]
    for model in models:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for _ in range(100):
            optimizer.zero_grad()
            squared_error(model(X), y).backward()
            optimizer.step()
    trained = train(stack([initial_weights(seed) for seed in range(3)]), 100, 0.1, momentum=0.9)
    for k, model in enumerate(models):
        for row, expected in zip(trained.parameters, model.to_numpy(), strict=True):
            np.testing.assert_allclose(row[k], expected, rtol=1e-11)


def test_curve_records_forward_passes_before_their_update():
    start = stack([initial_weights(seed) for seed in range(4)])
    trained = train(start, 10, 0.1, curve=[0, 4, 9])
    assert trained.curve_loss.shape == trained.curve_solved.shape == (3, 4)
    np.testing.assert_array_equal(trained.curve_loss[0], train(start, 1, 0.1).loss)
    np.testing.assert_array_equal(trained.curve_loss[1], train(start, 5, 0.1).loss)
    np.testing.assert_array_equal(trained.curve_loss[2], trained.loss)


def test_the_argument_is_left_as_it_is():
    start = stack([initial_weights(seed) for seed in range(4)])
    before = [p.copy() for p in start]
    train(start, 5, 0.1)
    for p, q in zip(start, before, strict=True):
        np.testing.assert_array_equal(p, q)


def test_one_network_that_diverges_leaves_the_others_alone():
    start = stack([initial_weights(seed) for seed in range(3)])
    alone = train(start, 50, 0.1)
    start.W1[1] = np.nan
    trained = train(start, 50, 0.1)
    assert np.isnan(trained.loss[1])
    for p, q in zip(trained.parameters, alone.parameters, strict=True):
        np.testing.assert_array_equal(p[[0, 2]], q[[0, 2]])


def test_tick_is_called_with_the_epochs_done():
    done = []
    train(stack([initial_weights(0)]), 5, 0.1, tick=done.append)
    assert done[0] == 1


def descend_all(parameters, lr, epochs):
    """`manual.train` with a first axis of networks, in NumPy: an independent implementation."""
    W1, b1, W2, b2 = (p.copy() for p in parameters)
    X, y = truth_table(W1.shape[1])
    for _ in range(epochs):
        a1 = manual.sigmoid(X @ W1 + b1)
        a2 = manual.sigmoid(a1 @ W2 + b2)
        dz2 = 2 * (a2 - y) * manual.sigmoid_derivative(a2)
        dz1 = dz2 @ W2.transpose(0, 2, 1) * manual.sigmoid_derivative(a1)
        W2 -= lr * (a1.transpose(0, 2, 1) @ dz2)
        b2 -= lr * dz2.sum(axis=1, keepdims=True)
        W1 -= lr * (X.T @ dz1)
        b1 -= lr * dz1.sum(axis=1, keepdims=True)
    return Parameters(W1, b1, W2, b2), a2[:, :, 0]


def largest(parameters):
    """The largest number of each network, shape (S,)."""
    return np.max([np.abs(p).max(axis=(1, 2)) for p in parameters], axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("bits", "hidden", "lr", "seeds"), [(2, 2, 0.1, 2000), (2, 3, 0.5, 200), (3, 3, 0.3, 200)]
)
def test_ten_thousand_epochs_of_every_seed(bits, hidden, lr, seeds, compiled):
    """The tolerance of each row is how far rounding alone can move its own run."""
    start = stack([initial_weights(seed, hidden, bits) for seed in range(seeds)])
    end, prediction = descend_all(start, lr, 10_000)
    # one unit in the last place of every weight: up, down, away from zero, towards it
    nudges = [Parameters(*(np.nextafter(p, to) for p in start)) for to in (np.inf, -np.inf)]
    nudges += [Parameters(*(p * (1 + u) for p in start)) for u in (2**-52, -(2**-52))]
    nudged = [descend_all(nudge, lr, 10_000)[0] for nudge in nudges]
    moved = np.max([largest(a - b for a, b in zip(n, end, strict=True)) for n in nudged], axis=0)
    allowed = 100 * (moved + np.spacing(largest(end)))
    trained = train(start, 10_000, lr, compiled=compiled)
    off = largest(a - b for a, b in zip(trained.parameters, end, strict=True))
    wrong = np.flatnonzero(~(off <= allowed))
    worst = [f"seed {k}: off by {off[k]:.3g}, allowed {allowed[k]:.3g}" for k in wrong[:5]]
    assert not wrong.size, f"{wrong.size} of {seeds} rows differ; {worst}"
    y = truth_table(bits)[1][:, 0] > 0.5
    np.testing.assert_array_equal(trained.curve_solved[-1], ((prediction > 0.5) == y).all(axis=1))
    share = np.max(off / allowed)
    print(f"median {np.median(off):.2g}, largest {off.max():.2g}, {share:.2g} of allowed")
