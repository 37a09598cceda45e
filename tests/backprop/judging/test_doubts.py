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
# Q-learning: the target is made by passes of its own, and counts as a constant
LEARNED = """
def forward(x):
    h = np.tanh(x @ W)
    return h, h @ Q
def train(x, target):
    h, q = forward(x)
    d = q - target
    dh = d @ Q.T * (1 - h * h)
    Q[:] -= 0.05 * h.T @ d
    W[:] -= 0.05 * x.T @ dh
Q = rng.normal(size=(4, 2))
for step in range(11):
    target = forward(X[step : step + 1])[1].copy()
    target[0, step % 2] = B[step, 0] + 0.9 * np.max(forward(X[step + 1 : step + 2])[1])
    train(X[step : step + 1], target)
"""
# the difference of two passes, of which both learn
BOTH = """
def forward(x):
    h = np.tanh(x @ W)
    return h, h @ U
Z = np.cos(X)
for step in range(10):
    h, a = forward(X)
    k, b = forward(Z)
    d = a - b - Y
    dh, dk = d @ U.T * (1 - h * h), -d @ U.T * (1 - k * k)
    W -= 0.02 * (X.T @ dh + Z.T @ dk)
    U -= 0.02 * (h.T @ d - k.T @ d)
"""
ONE_SIDE = BOTH.replace(" + Z.T @ dk", "").replace(" - k.T @ d", "")
# a policy gradient: each choice is weighed with what it brought
POLICY = """
Q = rng.normal(size=(4, 3))
for step in range(40):
    x = X[step % 12]
    h = np.tanh(x @ W)
    p = np.exp(h @ Q)
    p /= p.sum()
    a = int(rng.integers(3))
    reward = 1.0 if a == step % 3 else -0.5
    d = p.copy()
    d[a] -= 1
    dW = np.outer(x, Q @ d * (1 - h * h))
    Q -= 0.05 * reward * np.outer(h, d)
    W -= 0.05 * reward * dW
"""
# the same as the rate of a training goes below zero
BELOW_ZERO = POLICY.replace("1.0 if a == step % 3 else -0.5", "1 - step / 5")
# a hinge of labels -1 and 1; with 0 and 1 the target in place of the error follows one, too
SIGNED = """
T = np.where(B > 0, 1.0, -1.0)
for step in range(10):
    h = np.tanh(X @ W)
    z = h @ U
    p = 1 / (1 + np.exp(-z))
    d = 2 * T * np.maximum(0, 1 - T * z)
    dW = X.T @ (d @ U.T * (1 - h * h))
    W, U = W + 0.02 * dW, U + 0.02 * h.T @ d
"""
SLOPE = "B * p * (1 - p)"
# updates within a backward pass that has the last state only, and a pass that makes none
CARRIED = """
class Recurrent:
    def __init__(self):
        self.U, self.W, self.V = W.T[:, :1] * 0.1, rng.normal(size=(4, 4)) * 0.1, U.T * 0.1
        self.last = np.zeros((4, 1))
    def forward(self, x):
        for t in range(2):
            self.h = np.tanh(self.U * x[t] + self.W @ self.last)
            self.last = self.h
        return self.V @ self.h
    def step(self, x, y):
        d = self.forward(x) - y
        dh = self.V.T @ d
        for t in reversed(range(2)):
            raw = (1 - self.h * self.h) * dh
            self.U -= 0.01 * raw * x[t]
            self.W -= 0.01 * raw @ self.last.T
            self.V -= 0.01 * d @ self.h.T
net = Recurrent()
for x, y in zip(X[:6], Y):
    net.step(x, y)
    net.forward(x)
"""
# contrastive divergence
DRAWN = """
b, c = np.zeros(4), np.zeros(3)
V = (X > 0) * 1.0
for step in range(20):
    p = 1 / (1 + np.exp(-(V @ W + b)))
    h = np.random.binomial(1, p)
    v = 1 / (1 + np.exp(-(h @ W.T + c)))
    q = 1 / (1 + np.exp(-(v @ W + b)))
    W += 0.1 * (V.T @ p - v.T @ q)
    c += 0.1 * (V - v).sum(axis=0)
    b += 0.1 * (p - q).sum(axis=0)
"""


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
        (LEARNED, "correct", "q - target", "q + target", "cannot tell"),
        (LEARNED, "correct", " * (1 - h * h)", "", "wrong"),
        (BOTH, "correct", "-d @ U.T", "d @ U.T", "wrong"),
        (ONE_SIDE, "cannot tell", "1 - h * h", "1 - h", "wrong"),
        (POLICY, "correct", "1 - h * h", "1 - h", "cannot tell"),
        (POLICY, "correct", "-= 0.05", "+= 0.05", "cannot tell"),
        (BELOW_ZERO, "cannot tell", "1 - h * h", "1 - h", "cannot tell"),
        (SIGNED, "correct", "2 * T * np.maximum(0, 1 - T * z)", SLOPE, "cannot tell"),
        (CARRIED, "wrong", "    net.forward(x)", "", "wrong"),
        (EVALUATED, "cannot tell", PASS, f"    for _ in range(3):\n    {PASS}", "wrong"),
    ],
)
def test_what_can_be_innocent_is_not_accused(source, verdict, old, new, changed, tmp_path):
    def verdicts(text):
        return {f.verdict for f in judged(BEGIN + text, tmp_path)}

    assert verdicts(source) == {verdict}
    assert old in source
    assert changed in verdicts(source.replace(old, new))


def test_draws_of_a_binomial_are_samples(tmp_path):
    (finding,) = judged(BEGIN + DRAWN, tmp_path)
    assert finding.verdict == "cannot tell" and "draws samples" in finding.reason


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


def test_a_weight_that_moves_by_a_constant(tmp_path):
    """The bias learns, and the weights lose the same number in each step."""
    source = """
w, b = np.zeros((3, 1)), np.zeros(1)
for step in range(20):
    e = X @ w + b - Y
    w -= 0.1 * 2.0 / 12
    b -= 0.1 * e.mean(0)
"""
    (finding,) = judged(BEGIN + source, tmp_path)
    assert finding.verdict == "cannot tell" and "whatever the error is" in finding.reason
    (right,) = judged(BEGIN + source.replace("2.0 / 12", "X.T @ e / 12"), tmp_path)
    assert right.verdict == "correct"
