"""Right steps that look wrong, and wrong ones that look right: never the opposite verdict.

Each script comes with an edit, and with the verdicts on both.
"""

import pytest

from ..test_judge import judged

BEGIN = """
import numpy as np
rng = np.random.default_rng(3)
X = rng.normal(size=(12, 3))
Y, B = np.sin(X[:, :1]), (X[:, 1:2] > 0) * 1.0
W, U, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 1)), rng.normal(size=(4, 1))
"""
# two outputs on one hidden layer, the second with half the weight
OUTPUTS = """
for step in range(10):
    h = np.tanh(X @ W)
    u, v = h @ U, 1 / (1 + np.exp(-(h @ V)))
    du, dv = u - Y, v - B
    dh = (du @ U.T + 0.5 * dv @ V.T) * (1 - h * h)
    U -= 0.02 * h.T @ du
    V -= 0.01 * h.T @ dv
    W -= 0.02 * X.T @ dh
"""
# the critic's error weighs the actor's steps, and no derivative goes through it there
ACTOR = """
for step in range(10):
    h = np.tanh(X @ W)
    p, v = 1 / (1 + np.exp(-(h @ U))), h @ V
    gain = Y - v
    loss = -(gain * np.log(np.where(B == 1, p, 1 - p))).sum() + 0.5 * (gain**2).sum()
    du, dv = gain * (p - B), -gain
    dh = (du @ U.T + dv @ V.T) * (1 - h * h)
    U -= 0.02 * h.T @ du
    V -= 0.02 * h.T @ dv
    W -= 0.02 * X.T @ dh
"""
LOSSLESS = "\n".join(line for line in ACTOR.splitlines() if "loss" not in line)
# each gradient is divided by a curvature
CURVED = """
for step in range(10):
    h = np.tanh(X @ W)
    d = h @ U - Y
    loss = 0.5 * (d**2).sum()
    dW = X.T @ (d @ U.T * (1 - h * h))
    U -= 0.02 * (h.T @ d) / (0.1 + (h**2).mean(0)[:, None])
    W -= 0.02 * dW / (0.1 + (X**2).mean(0)[:, None])
"""
# weights of the errors that count as constants, as in iteratively reweighted least squares
WEIGHED = """
for step in range(10):
    h = np.tanh(X @ W)
    u = h @ U
    q = 1 / (1 + np.abs(u - Y))
    loss = (q * (u - Y) ** 2).sum()
    d = 2 * q * (u - Y)
    dW = X.T @ (d @ U.T * (1 - h * h))
    U -= 0.02 * h.T @ d
    W -= 0.02 * dW
"""
# the gradient is that at another place
AHEAD = """
def gradients(W, U):
    h = np.tanh(X @ W)
    d = h @ U - Y
    return X.T @ (d @ U.T * (1 - h * h)), h.T @ d
for step in range(10):
    dW, dU = gradients(W, U)
    dW, dU = gradients(W - 0.02 * dW, U - 0.02 * dU)
    W, U = W - 0.02 * dW, U - 0.02 * dU
"""
STEP = """
for step in range(10):
    z = X @ W
    h = np.where(z > 0, 1.0, 0.0)
    d = h @ U - Y
    dz = d @ U.T * (np.abs(z) < 1)
    U -= 0.02 * h.T @ d
    W -= 0.02 * X.T @ dz
"""
# the code of an autoencoder goes on into a second network, which has turns of its own
TURNS = """
D, P = rng.normal(size=(4, 3)), rng.normal(size=(4, 1))
for step in range(20):
    h = np.tanh(X @ W)
    if step % 2 == 0:
        d = h @ D - X
        dh = d @ D.T * (1 - h * h)
        D -= 0.02 * h.T @ d
        W -= 0.02 * X.T @ dh
    else:
        P -= 0.02 * h.T @ (h @ P - Y)
"""
MOMENTUM = """
W2, v1, v2 = rng.normal(size=(3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
W1, T = rng.normal(size=(3, 3)), np.cos(X)
for step in range(12):
    h = np.tanh(X @ W1)
    d = h @ W2 - T
    v2 = 0.9 * v2 - 0.01 * h.T @ d
    v1 = 0.9 * v1 - 0.01 * X.T @ (d @ W2.T * (1 - h * h))
    W1 += v1
    W2 += v2
"""
RATES = """
rates = {"W": 0.07, "U": 0.05}
for step in range(10):
    h = np.tanh(X @ W)
    d = h @ U - Y
    now = (step + 2.7) ** -0.3
    dW = X.T @ (d @ U.T * (1 - h * h))
    U -= now * rates["U"] * (h.T @ d)
    W -= now * rates["W"] * dW
"""
FLAT = """
w, b, t = np.zeros(3), 0.0, np.where(X[:, 0] > 0.2, 1.0, -1.0)
for step in range(20):
    margin = t * (X @ w + b)
    cost = 0.5 * w @ w + np.maximum(0, 1 - margin).sum()
    out = margin < 1
    dw = w - (t[out, None] * X[out]).sum(0)
    db = -t[out].sum()
    w = w - 0.01 * dw
    b = b - 0.01 * db
"""
# each unit of a sparse autoencoder is held near its mean over the samples
SPARSE = """
W, V, X = W.T, rng.normal(size=(3, 4)), X.T
for step in range(10):
    h = 1 / (1 + np.exp(-W @ X))
    d = V @ h - X
    mean = h.mean(axis=1, keepdims=True)
    dh = V.T @ d + 0.3 * (0.9 / (1 - mean) - 0.1 / mean)
    dW = dh * h * (1 - h) @ X.T
    V = V - 0.02 * d @ h.T
    W = W - 0.02 * dW
"""
# the context of a recurrent network comes from an evaluation, through which nothing is trained
EVALUATED = """
layer, context, W = np.ones(7), np.zeros(4), 0.5 * rng.normal(size=(7, 4))
def forward(x):
    global h, context
    layer[:3], layer[3:] = x, context
    h = np.tanh(layer @ W)
    context = h.copy()
    return h @ U
for step in range(12):
    y = Y[step % 4]
    out = forward(X[step % 4])
    d = out - y
    loss = (d**2).sum()
    dh = d @ U.T * (1 - h * h)
    W -= 0.05 * np.outer(layer, dh)
    U -= 0.05 * np.outer(h, d)
    error = np.mean([(forward(a) - b) ** 2 for a, b in zip(X[:4], Y[:4])])
"""
PASS = "    out = forward(X[step % 4])\n"


@pytest.mark.parametrize(
    ("source", "verdict", "old", "new", "changed"),
    [
        (OUTPUTS, "correct", "0.5 * dv @ V.T", "0.5 * dv @ U.T", "wrong"),
        (ACTOR, "correct", "gain * (p - B)", "v * (p - B)", "wrong"),
        (LOSSLESS, "cannot tell", "dv @ V.T", "dv @ U.T", "wrong"),
        (CURVED, "cannot tell", "1 - h * h", "1 - h", "wrong"),
        (WEIGHED, "cannot tell", "1 - h * h", "1 - h", "wrong"),
        (AHEAD, "cannot tell", "gradients(W - 0.02 * dW, U - 0.02 * dU)", "dW, 2 * dU", "wrong"),
        (STEP, "cannot tell", "d @ U.T * (np.abs(z) < 1)", "0 * d @ U.T", "cannot tell"),
        (TURNS, "correct", "1 - h * h", "1 - h", "wrong"),
        (MOMENTUM, "correct", "0.9 * v2", "0.9 * v1", "wrong"),
        (RATES, "cannot tell", "W -= now", "W += now", "wrong"),
        (SPARSE, "correct", "h.mean(axis=1, keepdims=True)", "h[:, :1]", "cannot tell"),
        (SPARSE, "correct", "dh * h * (1 - h)", "dh * h", "wrong"),
        (FLAT, "correct", "t[out].sum()", "t.sum()", "cannot tell"),
        (EVALUATED, "cannot tell", "1 - h * h", "1 - h", "wrong"),
        (EVALUATED, "cannot tell", PASS, f"    for _ in range(3):\n    {PASS}", "wrong"),
    ],
)
def test_what_can_be_innocent_is_not_accused(source, verdict, old, new, changed, tmp_path):
    def verdicts(text):
        return {f.verdict for f in judged(BEGIN + text, tmp_path)}

    assert verdicts(source) == {verdict}
    assert old in source
    assert changed in verdicts(source.replace(old, new))


@pytest.mark.parametrize("output", ["a", "1 / (1 + np.exp(-a))"])
def test_an_error_that_adds_the_target(output, tmp_path):
    """Its squares are a loss of some target, but not of the script's: ``p + t`` pulls p to -t."""
    source = f"""
b, c = np.zeros(4), np.zeros(1)
for step in range(20):
    h = np.tanh(X @ W + b)
    a = h @ V + c
    e = {output} + Y
    d = e @ V.T * (1 - h * h)
    W, b, V, c = W - 0.1 * X.T @ d, b - 0.1 * d.sum(0), V - 0.1 * h.T @ e, c - 0.1 * e.sum(0)
"""
    (finding,) = judged(BEGIN + source, tmp_path)
    assert finding.verdict == "wrong"
    assert (BEGIN + source).splitlines()[finding.diagnosis.line - 1].startswith("    e = ")
    (right,) = judged(BEGIN + source.replace("+ Y", "+ (-Y)"), tmp_path)
    assert right.verdict == "correct"


def test_a_sum_that_is_not_followed_by_its_targets(tmp_path):
    """The mean of all errors is made smaller, and no step knows a target."""
    source = """
for step in range(20):
    h = np.tanh(X @ W)
    p = 1 / (1 + np.exp(-(h @ V)))
    loss = np.mean(p - Y)
    d = p * (1 - p)
    W, V = W - 0.1 * X.T @ (d @ V.T * (1 - h * h)), V - 0.1 * h.T @ d
"""
    (finding,) = judged(BEGIN + source, tmp_path)
    assert finding.verdict == "cannot tell" and "whatever the targets are" in finding.reason
