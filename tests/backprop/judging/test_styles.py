"""Styles of writing an MLP or a perceptron that once had no verdict, each with a wrong twin."""

import numpy as np
import pytest
import torch

from xor_torch.backprop import replay
from xor_torch.backprop.judging.objectives import backwards
from xor_torch.backprop.recording.limits import Limits
from xor_torch.backprop.recording.script import record

from ..test_judge import LIMITS, judged

BEGIN = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(12, 2))
labels = (X[:, 0] > X[:, 1]).astype(int)
Y = labels[:, None].astype(float)
W, b, V, c = rng.normal(size=(2, 4)), np.zeros(4), rng.normal(size=(4, 1)), np.zeros(1)
"""
FILLED = """
V = rng.normal(size=(4, 2))
for step in range(12):
    h = np.tanh(X @ W)
    p = np.exp(h @ V) / np.exp(h @ V).sum(1, keepdims=True)
    d = p
    for i in range(12):
        if labels[i] == 0:
            d[i, 0] = p[i, 0] - 1
            d[i, 1] = p[i, 1]
        else:
            d[i, 0] = p[i, 0]
            d[i, 1] = p[i, 1] - 1
    back = (d @ V.T) * (1 - h * h)
    V = V - 0.1 * (h.T @ d)
    W = W - 0.1 * (X.T @ back)
"""
LATE = """
parameters = [W, b, V, c]
change = [0.0] * 4
for step in range(24):
    x, y = X[step % 12], Y[step % 12]
    W, b, V, c = parameters
    h = np.tanh(x @ W + b)
    d = h @ V + c - y
    back = (V @ d) * (1 - h * h)
    gradients = np.outer(x, back), back, np.outer(h, d), d
    for j in range(4):
        parameters[j] -= change[j]
    for j in range(4):
        change[j] = 0.1 * gradients[j] + 0.9 * change[j]
"""
TEXT = """
words = X.round(2).astype(str).tolist()
text = np.array([*map(list, words)])
for step in range(12):
    x = text.astype(float)
    h = np.tanh(x @ W)
    d = h @ V - Y
    back = (d @ V.T) * (1 - h * h)
    V -= 0.1 * h.T @ d
    W -= 0.1 * x.T @ back
"""
JOINED = """
V = rng.normal(size=5)
for step in range(36):
    x, y = X[step % 12], Y[step % 12, 0]
    h = np.r_[np.tanh(x @ W), 1.0]
    d = h @ V - y
    back = d * V[:-1] * (1 - h[:-1] ** 2)
    V = V - 0.1 * d * h
    W = W - 0.1 * np.outer(x, back)
"""
AHEAD = """
parameters, velocities = {"W": W, "V": V}, {}
for step in range(12):
    h = np.tanh(X @ parameters["W"])
    d = h @ parameters["V"] - Y
    gradients = {"W": X.T @ ((d @ parameters["V"].T) * (1 - h * h)), "V": h.T @ d}
    for name, w in parameters.items():
        before = velocities.get(name, np.zeros_like(w))
        v = 0.9 * before - 0.01 * gradients[name]
        velocities[name] = v
        parameters[name] = w - 0.9 * before + 1.9 * v
"""
POCKET = """
signs = np.sign(Y[:, 0] - 0.5)
w, best, least = np.zeros(2), np.zeros(2), 1.0
for step in range(60):
    i = rng.integers(12)
    if np.sign(w @ (X[i] + 0.5)) != signs[i]:
        w = w + signs[i] * (X[i] + 0.5)
        error = np.mean(np.sign((X + 0.5) @ w) != signs)
        if error < least:
            best, least = w.copy(), error
"""
INDICES = """
for step in range(8):
    z = X @ W
    h = np.empty(z.shape)
    at = np.nditer(z, flags=["multi_index"])
    for x in at:
        h[at.multi_index] = np.tanh(x)
    d = h @ V - Y
    back = (d @ V.T) * (1 - h * h)
    V = V - 0.1 * h.T @ d
    W = W - 0.1 * X.T @ back
"""
INTERRUPTED = """
for step in range(15):
    h = np.tanh(X @ W)
    d = h @ V - Y
    gradients = X.T @ ((d @ V.T) * (1 - h * h)), h.T @ d
    if step % 5 == 0:
        for w, g in zip((W, V), gradients):
            kept = w[0, 0]
            w[0, 0] = kept + 1e-5
            more = ((np.tanh(X @ W) @ V - Y) ** 2).sum() / 2
            w[0, 0] = kept - 1e-5
            less = ((np.tanh(X @ W) @ V - Y) ** 2).sum() / 2
            w[0, 0] = kept
            print((more - less) / 2e-5 - g[0, 0])
    for w, g in zip((W, V), gradients):
        w -= 0.02 * g
"""
NEURONS = """
rows = [*W.T]  # each neuron has its own array
for step in range(12):
    h = np.tanh(np.column_stack([X @ w for w in rows]))
    d = h @ V - Y
    back = (d @ V.T) * (1 - h * h)
    V = V - 0.1 * h.T @ d
    new = np.array(rows) - 0.1 * back.T @ X
    rows = [new[n] for n in range(4)]
"""
FACTORS = """
P, Q, a, c = rng.normal(size=(6, 3)), rng.normal(size=(5, 3)), np.zeros(6), np.zeros(5)
for step in range(40):
    i, j = rng.integers(6), rng.integers(5)
    guess = a[i] + c[j]
    for k in range(3):
        guess += P[i, k] * Q[j, k]
    error = (i + j) % 3 - guess
    a[i] += 0.01 * (error - 0.02 * a[i])
    c[j] += 0.01 * (error - 0.02 * c[j])
    for k in range(3):
        p, q = P[i, k], Q[j, k]
        P[i, k] += 0.01 * (error * q - 0.02 * p)
        Q[j, k] += 0.01 * (error * p - 0.02 * q)
"""
BY_PLACES = """
P, Q = rng.normal(size=(5, 2)), rng.normal(size=(2, 4))
for step in range(4):
    for i in range(5):
        for j in range(4):
            error = (i * j) % 3 - P[i, :] @ Q[:, j]
            for k in range(2):
                p = P[i][k]
                P[i][k] = P[i][k] + 0.01 * (2 * error * Q[k][j] - 0.02 * P[i][k])
                Q[k][j] = Q[k][j] + 0.01 * (2 * error * p - 0.02 * Q[k][j])
"""
SHRUNK = """
w = np.array([0, 0])
for step in range(1, 60):
    i = rng.integers(12)
    x, y, rate = X[i], 2 * labels[i] - 1, 10 / step
    if y * (w @ x) >= 1:
        w = (1 - rate * 0.1) * w
    else:
        w = (1 - rate * 0.1) * w + rate * y * x
"""
VIEWS = """
theta = rng.normal(size=17)
W, V, b, c = theta[:8].reshape(2, 4), theta[8:12].reshape(4, 1), theta[12:16], theta[16:]
for step in range(20):
    x, y = X[step % 12], Y[step % 12]
    h = np.tanh(x @ W - b)
    d = h @ V - c - y
    back = (V @ d) * (1 - h * h)
    V -= 0.1 * np.outer(h, d)
    c += 0.1 * d
    W -= 0.1 * np.outer(x, back)
    b += 0.1 * back
"""
BY_ROWS = """
V = rng.normal(size=(4, 2))
def softmax(rows):
    powers = [[2.718281828459045 ** (z - max(row)) for z in row] for row in rows]
    return [[z / sum(row) for z in row] for row in powers]
for step in range(8):
    h = np.tanh(X @ W + b)
    d = (softmax(h @ V) - np.eye(2)[labels]) / 12
    back = (d @ V.T) * (1 - h * h)
    V = V - 0.5 * h.T @ d
    W = W - 0.5 * X.T @ back
    b = b - 0.5 * back.sum(0)
"""
TURNED = """
W, V = rng.normal(size=8).reshape(4, 2).T, rng.normal(size=4).reshape(1, 4).T
weights, m, v = [W, V], [0.0, 0.0], [0.0, 0.0]
for step in range(1, 12):
    h = np.tanh(X @ W)
    d = (h @ V - Y) / 12
    gradients = X.T @ ((d @ V.T) * (1 - h * h)), h.T @ d
    for k, g in enumerate(gradients):
        m[k] = 0.9 * m[k] + 0.1 * g
        v[k] = 0.99 * v[k] + 0.01 * g**2
        to = m[k] / (1 - 0.9**step), v[k] / (1 - 0.99**step)
        weights[k] -= 0.01 * (to[0] / (np.sqrt(to[1]) + 1e-8) + 1e-3 * weights[k])
"""
UNITS = """
W, b, y = rng.normal(size=(2, 3)), rng.normal(size=3), np.zeros(3)
targets = np.where(X @ rng.normal(size=(2, 3)) > 0, 1.0, -1.0)
for step in range(24):
    x, t = X[step % 12], targets[step % 12]
    z = np.zeros(3)
    for j in range(3):
        for i in range(2):
            z[j] = z[j] + x[i] * W[i][j]
        z[j] = z[j] + b[j]
    for j in range(3):
        if z[j] >= 0:
            y[j] = 1.0
        else:
            y[j] = -1.0
    for i in range(2):
        for j in range(3):
            W[i][j] = W[i][j] + 0.1 * (t[j] - y[j]) * x[i]
    for j in range(3):
        b[j] = b[j] + 0.1 * (t[j] - y[j])
"""
MOMENTUM = """
w, last = rng.normal(size=(2, 2)), np.zeros((2, 2))
v, last_v = rng.normal(size=2), np.zeros(2)
for step in range(12):
    x, t = X[step], Y[step, 0]
    h = np.tanh(x @ w)
    d = t - h @ v
    back = d * v * (1 - h * h)
    for j in range(2):
        v[j] = v[j] + 0.1 * d * h[j] + 0.05 * last_v[j]
        last_v[j] = d * h[j]
        for i in range(2):
            w[i][j] = w[i][j] + 0.1 * back[j] * x[i] + 0.05 * last[i][j]
            last[i][j] = back[j] * x[i]
"""
SPLIT = """
for step in range(12):
    h = np.tanh(X @ W)
    d = h @ V - Y
    print((d * d).sum())
    back = (d @ V.T) * (1 - h * h)
    gradient = np.concatenate([(X.T @ back).ravel(), (h.T @ d).ravel()])
    theta = np.concatenate([W.ravel(), V.ravel()])
    theta = theta - 0.01 * gradient
    W, V = theta[:8].reshape(2, 4).copy(), theta[8:].reshape(4, 1).copy()
"""
TURNS = """
w = before = ahead = np.zeros(2)
for step in range(20):
    d = X @ ahead - Y[:, 0]
    w = ahead - 0.02 * X.T @ d
    ahead = w + step / (step + 3) * (w - before)
    before = w
"""
FIRST = """
factors = rng.random((12, 3)), rng.random((5, 3))
P, Q, R = *factors, factors[0] @ rng.random((3, 5))
for epoch in range(4):
    for i in range(12):
        for j in range(5):
            d = R[i, j] - P[i] @ Q[j]
            old = P[i].copy()
            P[i] += 0.02 * d * Q[j]
            Q[j] += 0.02 * d * old
    print(((R - P @ Q.T) ** 2).mean())
"""
SEQUENCES = """
U = rng.normal(size=(4, 4)) / 3
for step in range(6):
    dW, dU, dV = [], [], []
    for s in 0, 6:
        h, p = [np.zeros(4)], []
        for t in range(3):
            h.append(np.tanh(X[s + t] @ W + h[t] @ U))
            p.append(h[-1] @ V)
        back = np.zeros(4)
        for t in reversed(range(3)):
            d = p[t] - Y[s + t]
            dV.append(np.outer(h[t + 1], d))
            dz = (V @ d + back) * (1 - h[t + 1] ** 2)
            dW.append(np.outer(X[s + t], dz))
            dU.append(np.outer(h[t], dz))
            back = U @ dz
    W, U, V = W - 0.02 * sum(dW), U - 0.02 * sum(dU), V - 0.02 * sum(dV)
"""
DECAYS = """
count = 0
for step in range(12):
    h = np.tanh(X @ W)
    d = h @ V - Y
    for w, g in ((W, X.T @ ((d @ V.T) * (1 - h * h))), (V, h.T @ d)):
        w -= 0.02 / (1 + 0.1 * count) * g
        count += 1
"""
COUNTS = """
counts, w = rng.poisson(np.exp(X[:, 0])), np.zeros(2)
for step in range(12):
    mean = np.exp(w @ X.T)
    for j in range(2):
        w[j] = w[j] + 0.02 * ((counts - mean) * X[:, j]).sum()
"""
# the loss reads the targets in another shape than the error, and its penalty leaves one weight out
RIDGE = """
t, w = (Y[:, :1] > 0).astype(int), rng.normal(size=(2, 1))
for step in range(12):
    p = 1 / (1 + np.exp(-X @ w))
    g = (p - t).T @ X + 0.1 * w.T
    g[0, 0] = ((p - t).T @ X[:, 0]).item()
    w = w - 0.02 * g.T
    p = 1 / (1 + np.exp(-X @ w))
    print(-t.T @ np.log(p) - (1 - t).T @ np.log(1 - p) + 0.05 * np.sum(w[1:] ** 2))
"""
# the new weights are put, one by one, into an array of their own
ANEW = """
w = rng.normal(size=(3, 1))
def moved(w):
    e, new = X @ w[1:, :] + w[0, :] - Y, np.zeros((3, 1))
    new[0, :] = w[0, :] - 0.01 * np.sum(e)
    new[1, :] = w[1, :] - 0.01 * np.sum(e * X[:, :1])
    new[2, :] = w[2, :] - 0.01 * np.sum(e * X[:, 1:])
    return new
for step in range(12):
    w = moved(w)
"""
# each number of a series replaces the one before, as a gradient may replace a parameter
SERIES = """
def follow(y1, y2, noise):
    y = np.exp(-(y1**2))
    return (0.8 - 0.5 * y) * y1 - (0.3 + 0.9 * y) * y2 + noise
y, noise = [0.5, 1] + 40 * [0.0], rng.normal(size=42) / 20
for k in range(2, 42):
    y[k] = follow(y[k - 1], y[k - 2], noise[k])
W, U, V = rng.normal(size=(3, 3)), rng.normal(size=(3, 1)), rng.normal(size=(1, 3))
before = np.zeros((3, 1))
for k in range(2, 42):
    u = np.array([[y[k - 1]]])
    h = np.tanh(W @ before + U @ u)
    e = y[k] - V @ h
    d = V.T @ e * (1 - h * h)
    V = V + 0.1 * e @ h.T
    W = W + 0.1 * d @ before.T
    U = U + 0.1 * d @ u.T
    before = h
"""
BRANCHES = """
w, b = np.zeros(2), 0.0
for step in range(60):
    x, t = X[step % 12], labels[step % 12]
    fires = w @ x + b > 0
    if t and not fires:
        w, b = w + x, b + 1
    elif fires and not t:
        w = w - x
        b = b - 1
"""
IN_PLACE = """
def relu(z):
    for i in range(len(z)):
        z[i] = z[i] if z[i] > 0 else 0
    return z
def slope(z):
    for i in range(len(z)):
        z[i] = 1 if z[i] > 0 else 0
    return z
w = np.array([0.3, -0.8])
for step in range(30):
    z = X[step % 3 * 4 :][:4] @ w - 0.8
    e = labels[step % 3 * 4 :][:4] - relu(z)
    w = w + 0.001 * (e * slope(z)) @ X[step % 3 * 4 :][:4]
"""
LONG = """
for step in range(12):
    h = np.tanh(X @ W)
    d = np.longdouble(1 / (1 + np.exp(-(h @ V)))) - Y
    back = d @ V.T * (1 - h * h)
    V, W = V - 0.1 * h.T @ d, W - 0.1 * X.T @ back
"""
# ReLU and its derivative, each by a mask that is written to in place
MASKED = """
for i in range(20):
    h = X @ W
    h[h <= 0] *= 0
    e = h @ V - Y
    d = e @ V.T
    d[h <= 0] *= 0
    V -= 0.01 * h.T @ e
    W -= 0.01 * X.T @ d
"""
# a table of another package: NumPy asks it for an array
TABLE = """
class Table:
    def __init__(self, numbers):
        self.numbers = numbers
    def __array__(self, dtype=None, copy=None):
        return self.numbers

X, T = Table(X), Table(X @ W)
for i in range(20):
    h = np.tanh(np.dot(X, W))
    d = np.subtract(h, T) * (1 - h * h)
    W -= 0.01 * np.dot(X.numbers.T, d)
"""
# the sum of what the target picks is 1, or 0 for a row that is left out: it is no prediction
LEFT_OUT = """
mask, V = np.arange(12) % 4 > 0, rng.normal(size=(4, 2))
for step in range(12):
    h = np.tanh(X @ W)
    p = np.exp(h @ V) / np.exp(h @ V).sum(1, keepdims=True)
    g = -np.eye(2)[labels] * mask[:, None]
    d = g - p * g.sum(1, keepdims=True)
    back = d @ V.T * (1 - h * h)
    V, W = V - 0.1 * h.T @ d, W - 0.1 * X.T @ back
"""
WEIGHTS = """
weights = np.array([0.0, 1, 2, 1] * 3)[:, None]
for step in range(12):
    h = np.tanh(X @ W)
    d = weights * (h @ V) - weights * Y
    back = d @ V.T * (1 - h * h)
    V, W = V - 0.01 * h.T @ d, W - 0.01 * X.T @ back
"""
# the penalty leaves out one element of the only parameter
INTERCEPT = """
A, w = np.c_[np.ones(12), X], rng.normal(size=3)
for step in range(12):
    p = 1 / (1 + np.exp(-A @ w))
    g = A.T @ (p - labels)
    g[1:] += 0.3 * w[1:]
    w = w - 0.02 * g
"""
# the targets are very many numbers
IMAGES = """
X = rng.random((110, 100))
W, V = rng.normal(size=(100, 4)) / 10, rng.normal(size=(4, 100)) / 10
for step in range(4):
    h = np.tanh(X @ W)
    d = h @ V - X
    back = d @ V.T * (1 - h * h)
    V, W = V - 0.001 * h.T @ d, W - 0.001 * X.T @ back
"""
STYLES = {  # source, what is replaced in it, and by what
    "filled": (FILLED, "(1 - h * h)", "(1 - h)"),
    "late": (LATE, "(1 - h * h)", "(1 - h)"),
    "text": (TEXT, "(1 - h * h)", "(1 - h)"),
    "joined": (JOINED, "V[:-1] *", "V[1:] *"),
    "ahead": (AHEAD, "(1 - h * h)", "(1 - h)"),
    "pocket": (POCKET, "w + signs", "w - signs"),
    "indices": (INDICES, "(1 - h * h)", "(1 - h)"),
    "interrupted": (INTERRUPTED, "(1 - h * h)", "(1 - h)"),
    "neurons": (NEURONS, "(1 - h * h)", "(1 - h)"),
    "neurons in turn": (NEURONS, "back.T @ X", "back.T[::-1] @ X"),
    "factors": (FACTORS, "error * p", "error * P[i, k]"),
    "by places": (BY_PLACES, "error * p", "error * P[i][k]"),
    "shrunk": (SHRUNK, "+ rate * y", "- rate * y"),
    "by rows": (BY_ROWS, "(1 - h * h)", "(1 - h)"),
    "turned": (TURNED, "(1 - h * h)", "(1 - h)"),
    "decays": (DECAYS, "(1 - h * h)", "(1 - h)"),
    "decays, and a factor": (DECAYS, "h.T @ d)", "2 * h.T @ d)"),
    "counts": (COUNTS, "(counts - mean)", "(counts - mean**2)"),
    "units": (UNITS, "W[i][j] + 0.1", "W[i][j] - 0.1"),
    "momentum": (MOMENTUM, "(1 - h * h)", "(1 - h)"),
    "split": (SPLIT, "(1 - h * h)", "(1 - h)"),
    "turns": (TURNS, "X.T @ d", "X[:, ::-1].T @ d"),
    "sequences": (SEQUENCES, "V @ d + back", "V @ d"),
    "ridge": (RIDGE, "(p - t).T @ X +", "(p**2 - t).T @ X +"),
    "anew": (
        ANEW,
        "w[2, :] - 0.01 * np.sum(e * X[:, 1:])",
        "w[2, :] - 0.01 * np.sum(e + X[:, 1:])",
    ),
    "series": (SERIES, "(1 - h * h)", "(1 - h)"),
    "branches": (BRANCHES, "b - 1", "b - 2"),
    "in place": (IN_PLACE, "w + 0.001", "w - 0.001"),
    "table": (TABLE, "(1 - h * h)", "(1 - h)"),
    "masked": (MASKED, "d[h <= 0] *= 0", "d[h > 0] *= 1"),
    "long": (LONG, "(1 - h * h)", "(1 - h)"),
    "left out": (LEFT_OUT, "(1 - h * h)", "(1 - h)"),
    "left out, without a sum": (LEFT_OUT, "g.sum(1, keepdims=True)", "g"),
    "weights": (WEIGHTS, "(1 - h * h)", "(1 - h)"),
    "intercept": (INTERCEPT, "(p - labels)", "(p**2 - labels)"),
    "images": (IMAGES, "(1 - h * h)", "(1 - h)"),
    "first": (FIRST, "0.02 * d * old", "0.02 * d * P[i]"),
}


def test_the_deltas_of_each_sequence_are_walked_backwards():
    assert backwards([13, 14, 23, 24], [11, 12, 21, 22]) == [14, 13, 24, 23]
    assert backwards([21, 22], [11, 12]) == [22, 21]


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_judged(name, tmp_path):
    source, right, wrong = STYLES[name]
    findings = judged(BEGIN + source, tmp_path)
    assert {f.verdict for f in findings} == {"correct"}, findings
    findings = judged(BEGIN + source.replace(right, wrong), tmp_path)
    assert "wrong" in {f.verdict for f in findings}, findings


def test_no_perceptron_is_right_whose_targets_are_not_those_of_its_branches(tmp_path):
    for condition in ("fires and t", "fires"):
        source = BRANCHES.replace("fires and not t", condition)
        findings = judged(BEGIN + source.replace("t and not fires", "not fires"), tmp_path)
        assert "correct" not in {f.verdict for f in findings}, findings


def test_parameters_that_are_views_of_one_vector(tmp_path):
    assert {f.verdict for f in judged(BEGIN + VIEWS, tmp_path)} == {"correct"}
    findings = judged(BEGIN + VIEWS.replace("(1 - h * h)", "(1 - h)"), tmp_path)
    assert {f.verdict for f in findings} == {"wrong"}, findings


STALE = """
for step in range(24):
    x, y = X[step % 4 * 3 :][:3], Y[step % 4 * 3 :][:3]
    d = x @ w - y if step % 4 or step < 8 else d
    w = w - 0.1 * x.T @ d
"""
HALF_DECAY = """
for step in range(12):
    d = X @ w - Y
    loss = (d**2).sum() + 0.1 * (w**2).sum()
    w = w - 0.02 * (2 * X.T @ d + 0.2 * w)
    print(loss)
"""
ONE_NUMBER = """
w = rng.normal(size=2)
for step in range(12):
    d = Y[:, 0] - X[:, 0] * w[0]
    w[0] += 0.01 * d.sum()
    w[1:] += 0.01 * X[:, 0] @ d
"""


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        (STALE, "else d", "else x @ w - y"),
        (HALF_DECAY, "0.2 * w)", "0.1 * w)"),
        (ONE_NUMBER, "w[1:] += 0.01 * X[:, 0] @ d", "w[0] += 0.01 * X[:, 0] @ d - 0.01 * d.sum()"),
    ],
)
def test_a_mistake_of_a_part_is_not_taken_for_correct(source, old, new, tmp_path):
    """In some steps only, of the penalty only, or of an element that the forward pass lacks."""
    begin = BEGIN + "w = rng.normal(size=(2, 1))"
    verdicts = [
        {f.verdict for f in judged(begin + text, tmp_path)}
        for text in (source, source.replace(old, new))
    ]
    assert ({"correct"} in verdicts) and verdicts.count({"correct"}) == 1, verdicts


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ("0.9 * state + 0.01 * gradient", "state"),
        ("state + gradient**2", "0.01 / np.sqrt(state + 1e-6) * gradient"),
    ],
)
def test_a_state_that_begins_as_one_number_is_not_accused(state, step, tmp_path):
    """It is no bias that grows, and a step of its numbers follows no gradient as a whole."""
    source = SPLIT.replace("0.01 * gradient", step)
    line = f"    state = {state}\n    theta = np"
    source = "\nstate = np.zeros(1)" + source.replace("    theta = np", line)
    assert "wrong" not in {f.verdict for f in judged(BEGIN + source, tmp_path)}


FLAT = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(20, 2))
y = np.sin(X[:, 0])
theta = rng.normal(size=12)
for step in range(12):
    W, V = theta[:8].reshape(2, 4), theta[8:]
    h = np.tanh(X @ W)
    d = h @ V - y
    back = np.outer(d, V) * (1 - h)
    theta = theta - 0.05 * np.hstack([(X.T @ back).ravel(), h.T @ d])
"""


def test_a_target_that_is_computed_from_the_inputs(tmp_path):
    (finding,) = judged(FLAT, tmp_path)
    assert finding.verdict == "wrong"
    assert finding.reason.startswith("the steps of theta are the gradient of no function")
    (finding,) = judged(FLAT.replace("(1 - h)", "(1 - h * h)"), tmp_path)
    assert finding.verdict == "correct"


OJA = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3))
w = rng.normal(size=3)
for step in range(40):
    x = X[step % 20]
    z = x @ w
    w = w + 0.01 * z * (x - z * w)
"""


def test_a_rule_that_reads_nothing_but_the_inputs_is_not_accused(tmp_path):
    """Oja's rule finds the first principal component, and is the gradient of no function."""
    (finding,) = judged(OJA, tmp_path)
    assert finding.verdict == "cannot tell"


IN_VAIN = """
def step(parameters, gradients):
    for p, g in zip(parameters, gradients):
        p = p - 0.02 * g
    return parameters
for epoch in range(12):
    h = np.tanh(X @ W)
    d = h @ V - Y
    W, V = step([W, V], [X.T @ ((d @ V.T) * (1 - h * h)), h.T @ d])
"""
# Each of these is right, though the same values are begun with again and again.
NOT_IN_VAIN = {
    "kept": """
def step(W, V, x, y):
    h = np.tanh(x @ W)
    d = h @ V - y
    return W - 0.02 * x.T @ ((d @ V.T) * (1 - h * h)), V - 0.02 * h.T @ d
for epoch in range(12):
    parts = [step(W, V, X[i:][:2], Y[i:][:2]) for i in range(10)]
    W, V = (sum(some) / 10 for some in zip(*parts))
""",
    "a forward pass": """
def forward(x):
    x = x + np.tanh(x @ W) @ V @ np.ones((1, 2))
    return x
for i in range(12):
    forward(X)
""",
}


def test_steps_that_are_lost(tmp_path):
    (finding,) = judged(BEGIN + IN_VAIN, tmp_path)
    place = finding.diagnosis
    assert (finding.verdict, place.mistake, place.spoils) == ("wrong", "lost step", ["W", "V"])
    assert (BEGIN + IN_VAIN).splitlines()[place.line - 1].strip() == "p = p - 0.02 * g"
    # of two parameters one is trained, at the end of the step
    in_part = IN_VAIN.replace("W, V = step([W, V],", "step([W],").replace(", h.T @ d])", "])")
    in_part += "    V -= 0.02 * h.T @ d\n"
    (finding,) = judged(BEGIN + in_part, tmp_path)
    assert (finding.diagnosis.mistake, finding.diagnosis.spoils) == ("lost step", ["W"])
    for source in (IN_VAIN, in_part):
        found = judged(BEGIN + source.replace("p = p -", "p -="), tmp_path)
        assert {f.verdict for f in found} == {"correct"}


@pytest.mark.parametrize("name", NOT_IN_VAIN)
def test_steps_that_are_not_lost(name, tmp_path):
    assert "wrong" not in {f.verdict for f in judged(BEGIN + NOT_IN_VAIN[name], tmp_path)}


def test_a_running_sum_is_computed_at_once(monkeypatch):
    """What it was in between is read by nothing, or it is computed one by one."""
    source = (
        BEGIN + "s = t = W\nfor i in range(40):\n    s = s + X[i % 12]\n    t = t + s\nz = s * t"
    )
    source = source.replace("+ X[i % 12]", "+ X[i % 12, :1]")
    _, tape = record(source, "script.py")
    monkeypatch.setattr(replay, "MANY", 1)
    first = next(n.id for n in tape.nodes if n.name == "W")
    wanted, values = tape.nodes[-1].id, {n.id: torch.as_tensor(n.value) for n in tape.nodes[:13]}
    later = [n for n in tape.nodes if n.id > first and n.id not in values]
    steps = replay.in_order(tape, later, {wanted}, sums=True)
    values |= {n.id: torch.as_tensor(n.value) for n in tape.nodes if n.op == "leaf"}
    replay.do(tape, steps, values, False)
    assert len(steps) < len(later) - 30
    assert np.allclose(values[wanted].numpy(), tape.nodes[-1].value, rtol=1e-14, atol=0)


ANOTHER = """
D, c = rng.normal(size=(2, 1)), rng.normal(size=(1, 1))
for step in range(12):
    h = np.tanh(X @ W)
    e = h @ V @ np.ones((1, 2)) @ D + c - Y
    D, c = D - 0.02 * (h @ V @ np.ones((1, 2))).T @ e, c - 0.02 * e.sum()
    h = np.tanh(X @ W)
    d = (h @ V @ np.ones((1, 2)) @ D + c - Y) @ D.T @ np.ones((2, 1))
    W, V = W - 0.02 * X.T @ ((d @ V.T) * (1 - h * h)), V - 0.02 * h.T @ d
"""


def test_weights_of_another_network_that_were_not_kept(tmp_path):
    """They are some numbers, and not zeros, through which no gradient goes."""
    small = Limits(updates=LIMITS.updates, nodes=LIMITS.nodes, fitting=10**9)
    findings = judged(BEGIN + ANOTHER, tmp_path, small)
    assert [f.verdict for f in findings] == ["correct", "correct"]
    wrong = ANOTHER.replace("(1 - h * h)", "(1 - h)")
    assert "wrong" in {f.verdict for f in judged(BEGIN + wrong, tmp_path, small)}


SVM = """
import numpy as np
X = np.array([[-2.0, 4, -1], [4, 1, -1], [1, 6, -1], [2, 4, -1], [6, 2, -1]])
y = np.array([-1, -1, 1, 1, 1])
w = np.zeros(3)
for epoch in range(1, 20):
    for i in range(5):
        if y[i] * np.dot(X[i], w) < 1:
            w += 0.5 * (y[i] * X[i] + (-2 * (1 / epoch) * w))
        else:
            w += 0.5 * (-2 * (1 / epoch) * w)
"""


def test_steps_that_only_shrink_the_weights(tmp_path):
    (finding,) = judged(SVM, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "hinge loss")
    for right, wrong in (("y[i] * X[i] +", "y[i] * X[i][::-1] +"), ("(-2 * (1 / e", "(2 * (1 / e")):
        (finding,) = judged(SVM.replace(right, wrong), tmp_path)
        assert finding.verdict != "correct"


LOOP = """
for epoch in range(6):
    for x, t in zip(X, T):
        h = forward(x)
        e = [h[1] - t][0]
        d = [v * e * h[1] * (1 - h[1]) * a * (1 - a) for a, v in zip(h[0], V)]
        for j in range(2):
            V[j] -= e * h[1] * (1 - h[1]) * h[0][j]
            for i in range(2):
                W[i][j] -= d[j] * x[i]
"""
LISTS = """
import math, random
random.seed(1)
X, T = [[0.2, 0.9], [0.8, 0.4], [0.6, 0.1], [0.3, 0.3]], [0.0, 1.0, 1.0, 0.0]
W = [[random.uniform(-1, 1) for _ in range(2)] for _ in range(2)]
V = [random.uniform(-1, 1) for _ in range(2)]
def sigmoid(z):
    return 1 / (1 + math.exp(-z))
def forward(x):
    a = [sigmoid(sum(x[i] * W[i][j] for i in range(2))) for j in range(2)]
    return a, sigmoid(sum(v * u for v, u in zip(V, a)))
"""


def test_two_loops_that_train_the_same_lists(tmp_path):
    """The second loop has other places than the first, and is judged as well."""
    (finding,) = judged(LISTS + LOOP + LOOP, tmp_path)
    assert finding.verdict == "correct"
    wrong = LOOP.replace("* a * (1 - a)", "* a")
    for loops in (LOOP + wrong, wrong + LOOP):
        (finding,) = judged(LISTS + loops, tmp_path)
        assert finding.verdict != "correct"
