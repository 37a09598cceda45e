"""The judge on factorisations, support vector machines, recurrent and residual networks.

Each script is right, and each comes with an edit that makes it wrong: that is never "correct".
"""

import math

import pytest

from xor_torch.backprop.judging import points
from xor_torch.backprop.judging.claims import judge_all
from xor_torch.backprop.recording.script import record
from xor_torch.backprop.tape import Tape

from .homework import CORRECT
from .test_judge import judged

RECURRENT = """
import numpy as np
rng = np.random.default_rng(0)
xs = rng.normal(size=(6, 3))
ys = rng.normal(size=(6, 2)) * 40
Wx, Wh, Wy = rng.normal(size=(4, 3)) * 0.5, rng.normal(size=(4, 4)) * 0.5, rng.normal(size=(2, 4))
for epoch in range(40):
    hs, loss = {-1: np.zeros(4)}, 0.0
    for t in range(6):
        hs[t] = np.tanh(Wx @ xs[t] + Wh @ hs[t - 1])
        loss += 0.5 * np.sum((Wy @ hs[t] - ys[t]) ** 2)
    dWx, dWh, dWy, dh_next = np.zeros((4, 3)), np.zeros((4, 4)), np.zeros((2, 4)), np.zeros(4)
    for t in reversed(range(6)):
        dy = Wy @ hs[t] - ys[t]
        dWy += np.outer(dy, hs[t])
        dh = (Wy.T @ dy + dh_next) * (1 - hs[t] ** 2)
        dWx += np.outer(dh, xs[t])
        dWh += np.outer(dh, hs[t - 1])
        dh_next = np.clip(Wh.T @ dh, -1, 1)
    for d in (dWx, dWh, dWy):
        np.clip(d, -5, 5, out=d)
    Wx -= 0.01 * dWx
    Wh -= 0.01 * dWh
    Wy -= 0.01 * dWy
"""

HARD_TANH = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 1))
W1, W2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
for epoch in range(40):
    z = X @ W1
    h = np.clip(z, -1, 1)
    loss = np.sum((h @ W2 - y) ** 2)
    d = 2 * (h @ W2 - y)
    dh = d @ W2.T * (np.abs(z) < 1)
    W2 -= 0.01 * h.T @ d
    W1 -= 0.01 * X.T @ dh
"""

RESIDUAL = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 4))
params = {n: rng.normal(size=(4, 4)) * 0.4 for n in ("A", "B", "C")}
grads, state = {}, {}

def forward(x):
    cache = []
    for n in ("A", "B", "C"):
        h = np.tanh(x @ params[n])
        cache.append((n, x, h))
        x = x + h
    return x, cache

for epoch in range(10):
    for part in (slice(0, 4), slice(4, 8)):
        out, cache = forward(X[part])
        d = (out - y[part]) / 4
        for n, x, h in reversed(cache):
            dz = d * (1 - h * h)
            grads[n] = x.T @ dz
            d = d + dz @ params[n].T
        for n, g in grads.items():
            if n not in state:
                state[n] = (np.zeros_like(g), np.zeros_like(g))
            m, v = state[n]
            m[:] = 0.9 * m + 0.1 * g
            v[:] = 0.99 * v + 0.01 * g * g
            p = params[n]
            p *= 1 - 0.01 * 0.1
            p -= 0.01 * m / (np.sqrt(v) + 1e-8)
    print(np.mean((forward(X)[0] - y) ** 2))
"""

PER_LAYER = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 1))
layers = [{"W": rng.normal(size=(3, 4)), "b": np.zeros(4)}, {"W": rng.normal(size=(4, 1))}]
mt, vt, t = {}, {}, 0
for epoch in range(30):
    h = np.tanh(X @ layers[0]["W"] + layers[0]["b"])
    d = h @ layers[1]["W"] - y
    dh = d @ layers[1]["W"].T * (1 - h * h)
    for i, grads in enumerate([{"W": X.T @ dh, "b": dh.sum(0)}, {"W": h.T @ d}]):
        t += 1
        for n, g in grads.items():
            mt[i, n] = 0.9 * mt.get((i, n), 0) + 0.1 * g
            vt[i, n] = 0.999 * vt.get((i, n), 0) + 0.001 * g ** 2
            mean, square = mt[i, n] / (1 - 0.9 ** t), vt[i, n] / (1 - 0.999 ** t)
            layers[i][n] -= 0.01 * mean / (np.sqrt(square) + 1e-8)
"""

DUAL = """
import numpy as np
rng = np.random.default_rng(1)
y = np.where(np.arange(20) % 2 == 0, -1, 1)
X = rng.normal(size=(20, 2)) + y[:, None]
K = np.exp(-((X[:, None] - X[None]) ** 2).sum(-1)) * np.outer(y, y)
alpha = np.ones(20)
for epoch in range(40):
    gradient = np.ones(20) - K @ alpha
    alpha += 0.05 * gradient
    alpha = np.clip(alpha, 0, 1.2)
    gain = np.sum(alpha) - 0.5 * alpha @ K @ alpha
"""

FACTORS = """
import numpy as np
rng = np.random.default_rng(0)
ratings = np.column_stack([rng.integers(0, 5, 24), rng.integers(0, 4, 24), rng.integers(1, 6, 24)])
U, V = 0.3 * rng.normal(size=(5, 3)), 0.3 * rng.normal(size=(4, 3))
mU, mV = np.zeros((5, 3)), np.zeros((4, 3))
for epoch in range(8):
    for k in range(0, 24, 8):
        users, items, stars = ratings[k:k + 8].T
        u, v = U.take(users, axis=0), V.take(items, axis=0)
        errors = np.sum(u * v, axis=1) - stars
        du = 2 * errors[:, None] * v + 0.1 * u
        dv = 2 * errors[:, None] * u + 0.1 * v
        dU, dV = np.zeros((5, 3)), np.zeros((4, 3))
        for n in range(8):
            dU[users[n], :] += du[n]
            dV[items[n], :] += dv[n]
        mU = 0.9 * mU + 0.01 * dU
        mV = 0.9 * mV + 0.01 * dV
        U -= mU
        V -= mV
"""

PRIOR = """
import numpy as np
rng = np.random.default_rng(0)
R = (rng.random((6, 5)) > 0.5) * 1.0
U, V, b = rng.normal(size=(6, 2)), rng.normal(size=(5, 2)), rng.normal(size=6)
ms, vs = [np.zeros_like(x) for x in (U, V, b)], [np.zeros_like(x) for x in (U, V, b)]
for t in range(1, 30):
    p = 1 / (1 + np.exp(-(U @ V.T + b[:, None])))
    grads = [(p - R) @ V + 1.0 * U, (p - R).T @ U + 1.0 * V, (p - R).sum(1) + 1.0 * b]
    for i, g in enumerate(grads):
        ms[i] = 0.9 * ms[i] + 0.1 * g
        vs[i] = 0.99 * vs[i] + 0.01 * g * g
    U -= 0.01 * ms[0] / (np.sqrt(vs[0]) + 1e-8)
    V -= 0.01 * ms[1] / (np.sqrt(vs[1]) + 1e-8)
    b -= 0.01 * ms[2] / (np.sqrt(vs[2]) + 1e-8)
"""

PRIMAL = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(30, 2))
y = np.where(X.sum(1) + 0.5 * rng.normal(size=30) > 0, 1.0, -1.0)[:, None]
w, b = rng.normal(size=(2, 1)), np.zeros((1, 1))
for epoch in range(40):
    inside = (y * (X @ w + b) < 1).ravel()
    loss = 0.1 * np.sum(w * w) + 2 * np.sum(1 - y[inside] * (X[inside] @ w + b))
    dw = 0.2 * w - 2 * np.sum(y[inside] * X[inside], axis=0).reshape(-1, 1)
    db = -2 * np.sum(y[inside], axis=0).reshape(1, 1)
    w = w - 0.01 / (1 + epoch) * dw
    b = b - 0.01 / (1 + epoch) * db
"""

# Each step divides rows by what the rows of a state were: AdaGrad, as it comes with GloVe
ROWS = """
import numpy as np
rng = np.random.default_rng(0)
counts = rng.integers(1, 9, size=(5, 5)).astype(float)
W, C = rng.normal(size=(5, 3)) * 0.3, rng.normal(size=(5, 3)) * 0.3
b, c = np.zeros(5), np.zeros(5)
sW, sC, sb, sc = np.ones((5, 3)), np.ones((5, 3)), np.ones(5), np.ones(5)
for epoch in range(2):
    for i in range(5):
        for j in range(5):
            weight = min(1.0, (counts[i, j] / 6) ** 0.75)
            error = W[i] @ C[j] + b[i] + c[j] - np.log(counts[i, j])
            d = weight * error
            dW, dC = d * C[j], d * W[i]
            W[i] -= 0.05 * dW / np.sqrt(sW[i])
            C[j] -= 0.05 * dC / np.sqrt(sC[j])
            b[i] -= 0.05 * d / np.sqrt(sb[i])
            c[j] -= 0.05 * d / np.sqrt(sc[j])
            sW[i] += dW ** 2
            sC[j] += dC ** 2
            sb[i] += d ** 2
            sc[j] += d ** 2
"""

# The penalty is written as a branch on the sign of each weight
LASSO = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3))
y = X @ np.array([2.0, 0.0, -1.0]) + 0.5
w, b = np.zeros(3), 0.0
for step in range(40):
    p = X @ w + b
    dw = np.zeros(3)
    for j in range(3):
        if w[j] > 0:
            dw[j] = (-2 * X[:, j] @ (y - p) + 0.3) / 20
        else:
            dw[j] = (-2 * X[:, j] @ (y - p) - 0.3) / 20
    w = w - 0.1 * dw
    b = b - 0.1 * -2 * np.sum(y - p) / 20
"""

SCRIPTS = {
    "rows of an optimiser": (
        ROWS,
        "dW, dC = d * C[j], d * W[i]",
        "dW, dC = d * C[j], error * W[i]",
    ),
    "absolute values by branches": (LASSO, "-2 * np.sum(y - p)", "-3 * np.sum(y - p)"),
    "absolute values that may grow": (LASSO, "(y - p) - 0.3)", "(y - p) + 0.4)"),
    "derivatives that a maximum and a minimum limit": (
        RECURRENT.replace("np.clip(Wh.T @ dh, -1, 1)", "np.maximum(-1, np.minimum(Wh.T @ dh, 1))"),
        "dWh += np.outer(dh, hs[t - 1])",
        "dWh += np.outer(dh, hs[t])",
    ),
    "recurrent": (
        RECURRENT,
        "dh = (Wy.T @ dy + dh_next) * (1 - hs[t] ** 2)",
        "dh = Wy.T @ dy + dh_next",
    ),
    "residual": (RESIDUAL, "d = d + dz @ params[n].T", "d = dz @ params[n].T"),
    "per layer": (PER_LAYER, "* (1 - h * h)", "* (1 - h)"),
    "dual": (DUAL, "np.ones(20) - K @ alpha", "np.ones(20) - 0.5 * K @ alpha"),
    "factors": (FACTORS, "dv = 2 * errors[:, None] * u", "dv = 2 * errors[:, None] * v"),
    "factors that get the penalty of others": (FACTORS, "du[n]", "du[n] + u[n - 1]"),
    "prior": (PRIOR, "(p - R).T @ U", "(R - p).T @ U"),
    "primal": (PRIMAL, "0.2 * w - 2 *", "0.2 * w -"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_correct_and_its_twin_is_not(name, tmp_path):
    source, right, wrong = SCRIPTS[name]
    findings = judged(source, tmp_path)
    assert {f.verdict for f in findings} == {"correct"}, [f.reason for f in findings]
    assert source.count(right) == 1
    findings = judged(source.replace(right, wrong), tmp_path)
    assert "correct" not in {f.verdict for f in findings}


def test_a_cut_in_the_forward_pass_is_an_activation(tmp_path):
    """Its derivative belongs to the backward pass, however many derivatives are cut there."""
    (finding,) = judged(HARD_TANH, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(HARD_TANH.replace(" * (np.abs(z) < 1)", ""), tmp_path)
    assert finding.verdict != "correct"


@pytest.mark.parametrize(
    "cut", ["np.clip(Wh.T @ dh, -1, 1)", "np.minimum(np.maximum(Wh.T @ dh, -1), 1)"]
)
def test_a_cut_of_derivatives_is_named(cut, tmp_path):
    (finding,) = judged(RECURRENT.replace("np.clip(Wh.T @ dh, -1, 1)", cut), tmp_path)
    assert "line 19 cuts derivatives off" in finding.notes[-1]


def test_gradients_that_are_never_set_to_zero(tmp_path):
    """Two sums in one step, the second of a penalty, go on in the next step."""
    source = CORRECT["plain"].replace(
        "    W1 -= lr * d_W1", "    g1 += d_W1\n    g1 += 0.01 * W1\n    W1 -= lr * g1"
    )
    source = source.replace("lr = ", "g1 = np.zeros((2, 4))\nlr = ", 1)
    assert source.count("g1") == 4
    (finding,) = judged(source, tmp_path)
    assert finding.verdict != "correct"


SEVERAL = """
import numpy as np
rng = np.random.default_rng(0)
W, V = rng.normal(size=(6, 3)), rng.normal(size=(3, 6))
words = [(0, [1]), (2, [1, 3]), (4, [3, 5]), (5, [4])] * 10
for word, context in words:
    target = np.zeros(6)
    target[context] = 1 COUNT
    h = W[word]
    u = h @ V
    e = np.exp(u - u.max())
    d = e / e.sum() - target
    dV, dh = np.outer(h, d), V @ d
    V -= 0.05 * dV
    W[word] -= 0.05 * dh
"""


def test_several_classes_of_one_sample_are_no_softmax_target(tmp_path):
    (finding,) = judged(SEVERAL.replace("COUNT", "/ len(context)"), tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "CE")
    (finding,) = judged(SEVERAL.replace("COUNT", ""), tmp_path)
    assert finding.verdict != "correct"


def test_gradients_so_small_that_their_squares_are_zero_are_no_obstacle(tmp_path):
    for scale in ("1e-160", "1e165"):
        source = CORRECT["plain"].replace("d_W1 =", f"d_W1 = {scale} *", 1)
        (finding,) = judged(source, tmp_path)
        assert "itself failed" not in (finding.reason or "")


WORDS = """
import numpy as np
rng = np.random.default_rng(0)
A, B = rng.normal(size=(9, 3)), rng.normal(size=(9, 3))
for step in range(40):
    i = rng.integers(9)
    v = A[i]
    sums = np.zeros(3)
    for n, j in enumerate(rng.choice(9, 4, replace=False)):
        g = 1 / (1 + np.exp(-B[j] @ v)) - (n == 0)
        sums += g * B[j]
        B[j] -= 0.1 * g * v
    A[i] -= 0.1 * sums
"""


def test_a_sum_that_is_subtracted_before_it_is_complete(tmp_path):
    assert {finding.verdict for finding in judged(WORDS, tmp_path)} == {"correct"}
    (finding, *_) = judged(WORDS.replace("    A[i] -=", "        A[i] -="), tmp_path)
    assert finding.verdict == "wrong"
    assert "still holds the gradients of the steps before" in finding.notes[0]


GATES = """
import numpy as np
rng = np.random.default_rng(0)
X, T = rng.normal(size=(3, 4, 2)), rng.normal(size=(4, 2))
Wz, Wr, W, U, V = (rng.normal(size=s) for s in ((2, 3), (2, 3), (2, 3), (3, 3), (3, 2)))
def gate(x):
    return 1 / (1 + np.exp(-x))
for step in range(20):
    h, kept = np.zeros((4, 3)), []
    for x in X:
        z, r = gate(x @ Wz), gate(x @ Wr)
        c = np.tanh(x @ W + (r * h) @ U)
        kept.append((x, h, z, r, c))
        h = z * h + (1 - z) * c
    d = h @ V - T
    gv, dh = h.T @ d, d @ V.T
    gz, gr, g, gu = (np.zeros_like(w) for w in (Wz, Wr, W, U))
    for x, h, z, r, c in kept[::-1]:
        dz = dh * (h - c)
        dc = dh * (1 - z) * (1 - c * c)
        back = dc @ U.T
        gz += x.T @ (dz * z * (1 - z))
        gr += x.T @ (back * h * r * (1 - r))
        g += x.T @ dc
        gu += (r * h).T @ dc
        dh = dh * z + back * r
    for w, dw in ((Wz, gz), (Wr, gr), (W, g), (U, gu), (V, gv)):
        w -= 0.1 * dw
"""


def test_one_function_for_two_gates(tmp_path):
    """The values of z and r come from one line, by turns; that of z alone is wrong."""
    (finding,) = judged(GATES, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(GATES.replace("dh * (h - c)", "dh * h"), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 19)


# A decay makes the update a linear function of itself, so its square has it for a derivative
MARGINS = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
W = rng.normal(size=(4, 3)) * 0.01
for step in range(12):
    scores = X @ W
    margins = np.maximum(0, scores - scores[np.arange(20), y][:, None] + 1)
    margins[np.arange(20), y] = 0
    loss = margins.sum() / 20 + 0.01 * np.sum(W * W)
    d = (margins > 0).astype(float)
    d[np.arange(20), y] = -d.sum(axis=1)
    W -= 0.1 * (X.T @ d / 20 + 0.02 * W)
"""


def test_an_update_is_no_value_of_the_forward_pass(tmp_path):
    (finding,) = judged(MARGINS, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(MARGINS.replace("= -d.sum(axis=1)", "= -1"), tmp_path)
    assert finding.verdict != "correct"


# Each action is weighed with what it brought
REWARDS = """
import numpy as np
rng = np.random.default_rng(2)
theta = np.zeros((3, 3))
for step in range(40):
    s = step % 3
    e = np.exp(theta[s] - theta[s].max())
    p = e / e.sum()
    a = rng.choice(3, p=p)
    reward = 1.0 if a == s else LOSS
    d = -p
    d[a] += 1
    theta[s] += 0.2 * reward * d
"""


def test_a_step_against_a_loss_may_be_meant(tmp_path):
    reward = "1.0 if a == s else LOSS"
    for some in (reward.replace("LOSS", "-0.2"), "-1.0 - step % 4 + 0.8 * (a == s)"):
        for finding in judged(REWARDS.replace(reward, some), tmp_path):
            assert finding.verdict == "cannot tell"
    for finding in judged(REWARDS.replace(reward, "-(0.9**step)"), tmp_path):
        assert finding.diagnosis.mistake == "wrong sign"  # a schedule only falls
    (finding,) = judged(REWARDS.replace("LOSS", "0.1").replace("+= 0.2", "-= 0.2"), tmp_path)
    assert (finding.verdict, finding.diagnosis.mistake) == ("wrong", "wrong sign")


# Words are updated one after the other, and the same one may come twice
MEANWHILE = """
import numpy as np
rng = np.random.default_rng(0)
W, C = rng.normal(size=(6, 3)) * 0.5, rng.normal(size=(6, 3)) * 0.5
for step in range(20):
    w, others = step % 6, [(step + 1) % 6, (step + 3) % 6, (step + 3) % 6]
    v, dv, loss = W[w], np.zeros(3), 0.0
    for n, label in zip(others, (1, 0, 0)):
        p = 1 / (1 + np.exp(-C[n] @ v))
        loss += -np.log(p if label else 1 - p)
        dv += (p - label) * C[n]
        C[n] -= 0.5 * (p - label) * v
    W[w] -= 0.5 * dv
"""


def test_what_other_networks_change_meanwhile_is_a_constant(tmp_path):
    findings = judged(MEANWHILE, tmp_path)
    assert "wrong" not in {f.verdict for f in findings}
    findings = judged(MEANWHILE.replace("dv += (p", "dv += (1 - p"), tmp_path)
    assert "wrong" in {f.verdict for f in findings}


# Where each word stands is added to it: by numbers that are drawn, or by sines
PLACES = """
import numpy as np
rng = np.random.default_rng(0)
words, targets = rng.normal(size=(9, 4)), rng.normal(size=(20, 2))
place = DRAWN
W = rng.normal(size=(4, 2))
for step in range(12):
    x = words[[step % 9, (step + 2) % 9, (step + 5) % 9]][None] + place
    d = (x @ W).sum(axis=1) - targets[step][None]
    W -= 0.01 * x.sum(axis=1).T @ d
"""


def test_numbers_that_every_step_adds_may_be_meant_to_be_trained(tmp_path):
    (finding,) = judged(PLACES.replace("DRAWN", "rng.normal(size=(3, 4)) * 0.1"), tmp_path)
    assert finding.verdict == "correct"
    assert finding.warnings[-1].startswith("place (3, 4) is added on line 8")
    sines = "np.sin(np.arange(3)[:, None] * np.array([[1.0, 0.5, 0.2, 0.1]]))"
    (finding,) = judged(PLACES.replace("DRAWN", sines), tmp_path)
    assert (finding.verdict, finding.warnings) == ("correct", [])


# Both orders end with a row that comes twice: nothing reads what the last step has made
RATINGS = """
import numpy as np
rng = np.random.default_rng(0)
P, Q, a, b = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), np.zeros(3), np.zeros(3)
samples = [(i, j, float(i + 2 * j)) for i in range(3) for j in range(3)] * 4
for i, j, r in samples:
    e = r - (3 + a[i] + b[j] + P[i] @ Q[j])
    a[i] += 0.05 * (e - 0.1 * a[i])
    b[j] += 0.05 * (e - 0.1 * b[j])
    p = P[i].copy()
    P[i] += 0.05 * (e * Q[j] - 0.1 * P[i])
    Q[j] += 0.05 * (e * p - 0.1 * Q[j])
"""


def test_the_last_step_is_no_part_of_the_one_before(tmp_path):
    (finding,) = judged(RATINGS, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(RATINGS.replace(".copy()", ""), tmp_path)
    assert (finding.verdict, finding.diagnosis.mistake) == ("wrong", "updated too early")


POOLED = """
import numpy as np
rng = np.random.default_rng(0)
X, T = rng.normal(size=(5, 4, 2)), rng.normal(size=(5, 1))
W, V, c = rng.normal(size=(2, 3)), rng.normal(size=(3, 1)), np.zeros(1)
for step in range(20):
    h = np.tanh(X @ W)
    pooled = h.mean(axis=1)
    d = (pooled @ V + c - T) / 5
    dh = np.repeat((d @ V.T)[:, None, :], 4, axis=1) / 4
    gW = np.einsum("nti,ntj->ij", X, dh * (1 - h * h))
    W -= 0.1 * gW
    V -= 0.1 * pooled.T @ d
    c -= 0.1 * d.sum(axis=0)
"""


def test_a_factor_that_a_line_loses(tmp_path):
    (finding,) = judged(POOLED, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(POOLED.replace("axis=1) / 4", "axis=1)"), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 10)
    assert [p.name for p in finding.parameters if not p.ok] == ["W"]


TRAINED = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
w, v = rng.normal(size=(3, 1)), rng.normal(size=(3, 1))
for epoch in range(20):
    w -= 0.1 * X.T @ (X @ w - y)
for row in X:
    for i in range(3):
        out = row[i] * OTHER[i] + 1
"""


@pytest.mark.parametrize(("other", "warned"), [("v", True), ("w", False)])
def test_a_network_that_the_recording_does_not_reach(other, warned):
    """What is computed with ``w`` is an evaluation."""
    _, tape = record(TRAINED.replace("OTHER", other), "script.py")
    (finding,) = judge_all(tape, math.inf, cut_off=True)
    assert (finding.verdict, bool(finding.warnings)) == ("correct", warned)
    assert not warned or "on line 10: if it trains" in finding.warnings[0]
    (finding,) = judge_all(tape, math.inf)
    assert (finding.verdict, finding.warnings) == ("correct", [])


EQUAL = """
import numpy as np
rng = np.random.default_rng(0)
X = np.c_[rng.uniform(1, 2, 30), np.full(30, 1e-6)].astype(np.float32)
y = (3 * X[:, 0]).astype(np.float32)
W = np.array([[1, 1], [0, 1e-3]], dtype=np.float32)
v = np.float32(0.5)
for step in range(30):
    h = X @ W
    m = h.max(axis=1)
    d = m * v - y
    mask = h == m[:, None]
    dh = mask * (d * v)[:, None]
    v = v - np.float32(0.001) * (d * m).sum()
    W = W - np.float32(0.001) * X.T @ dh
"""


def test_numbers_that_are_equal_in_float32_only(tmp_path):
    """With float64, as the step is repeated, one of each two is the maximum."""
    (finding,) = judged(EQUAL, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(EQUAL.replace("(d * m).sum()", "d.sum()"), tmp_path)
    assert finding.verdict == "wrong"


@pytest.mark.parametrize(("edit", "verdict"), [("y", "correct"), ("y * h.mean()", "wrong")])
def test_a_single_step_of_very_many_numbers(tmp_path, monkeypatch, edit, verdict):
    """Of several, each is repeated at one other point; one alone needs two."""
    monkeypatch.setattr(points, "VERY_LARGE", 10)
    source = HARD_TANH.replace("range(40)", "range(2)").replace("- y)\n", f"- {edit})\n")
    _, tape = record(source, "script.py")
    tape.save(tmp_path, end="ran")
    (finding,) = judge_all(Tape.load(tmp_path)[0], math.inf, cut_off=True)
    assert finding.verdict == verdict
