"""What a step keeps for the next one, and what only looks like that, each with a wrong twin."""

import re

import pytest

from xor_torch.backprop.judging.judge import judge
from xor_torch.backprop.recording.limits import Limits
from xor_torch.backprop.recording.script import record

from ..test_judge import judged
from .test_styles import BEGIN

# one of two updates is made, into the same name
EITHER = """
w, signs = np.zeros(2), np.where(labels, 1, -1)
for step in range(60):
    if signs[step % 12] * (w @ X[step % 12]) < 1:
        new = w - 0.05 * (0.1 * w - signs[step % 12] * X[step % 12])
    else:
        new = w - 0.05 * 0.1 * w
    w = new
"""
# a momentum of what the weights were
OLD = """
W_old, V_old = np.zeros((2, 4)), np.zeros((4, 1))
for step in range(24):
    x, t = X[step % 12][None], Y[step % 12]
    h = np.tanh(x @ W)
    e = h @ V - t
    W_now, V_now = W.copy(), V.copy()
    W = W - 0.1 * x.T @ ((e @ V.T) * (1 - h * h)) + 0.5 * (W - W_old)
    V = V - 0.1 * h.T @ e + 0.5 * (V_now - V_old)
    W_old, V_old = W_now, V_now
"""
# a momentum of their last change
CHANGED = """
dW, dV = np.zeros((2, 4)), np.zeros((4, 1))
for step in range(24):
    x, t = X[step % 12][None], Y[step % 12]
    h = np.tanh(x @ W)
    e = h @ V - t
    W_old, V_old = W.copy(), V.copy()
    W = W - 0.1 * x.T @ ((e @ V.T) * (1 - h * h)) + 0.5 * dW
    V = V - 0.1 * h.T @ e + 0.5 * dV
    dW, dV = W - W_old, V - V_old
"""
# arrays that the forward pass fills again, number by number
REFILLED = """
b, c, z, y = rng.normal(size=4), rng.normal(size=1), np.zeros(4), np.zeros(1)
for step in range(24):
    x, t = X[step % 12], Y[step % 12]
    for i in range(4):
        z[i] = np.dot(x, W[:, i]) + b[i]
    h = np.tanh(z)
    for i in range(1):
        y[i] = np.dot(h, V[:, i]) + c[i]
    e = y - t
    d = (V @ e) * (1 - h * h)
    V[:, 0] -= 0.1 * h * e
    c -= 0.1 * e
    for i in range(4):
        W[:, i] -= 0.1 * x * d[i]
    b -= 0.1 * d
"""
# the momentum of each bias is a number in a list
VELOCITIES = """
class Neuron:
    def __init__(self, size):
        self.w, self.b = rng.normal(size=size), float(rng.normal())

layer, out = [Neuron(2) for _ in range(3)], [Neuron(3)]
vw, vb, uw, ub = [np.zeros(2) for _ in layer], [0.0 for _ in layer], np.zeros(3), [0.0]
for step in range(24):
    x, t = X[step % 12], float(Y[step % 12, 0])
    h = np.array([np.tanh(n.w @ x + n.b) for n in layer])
    e = out[0].w @ h + out[0].b - t
    d = [e * out[0].w[j] * (1 - h[j] * h[j]) for j in range(3)]
    for j, neuron in enumerate(layer):
        vw[j] = 0.9 * vw[j] - 0.02 * d[j] * x
        vb[j] = 0.9 * vb[j] - 0.02 * d[j]
        neuron.w += vw[j]
        neuron.b += vb[j]
    uw = 0.9 * uw - 0.02 * e * h
    ub[0] = 0.9 * ub[0] - 0.02 * e
    out[0].w += uw
    out[0].b += ub[0]
"""
# a rate that grows while the loss falls
BOLD = """
def loss_of(w, b):
    return sum((w * x + b - t) ** 2 for x, t in data) / 6

data = [(0.2 * n, 0.3 * n - 0.5 + 0.1 * (-1) ** n) for n in range(6)]
w, b, rate = 0.0, 0.0, 0.3
loss = loss_of(w, b)
for epoch in range(12):
    dw = db = 0.0
    for x, t in data:
        dw += (w * x + b - t) * x
        db += w * x + b - t
    if loss > loss_of(w - rate * dw / 6, b - rate * db / 6):
        w -= rate * dw / 6
        b -= rate * db / 6
        loss = loss_of(w, b)
        rate *= 1.05
    else:
        rate *= 0.5
"""
# repeated columns get every step
COLUMNS = """
A, B, words = rng.normal(size=(5, 3)), rng.normal(size=(3, 5)), rng.integers(5, size=(24, 4))
for i, j, *others in words:
    good = 1 / (1 + np.exp(-A[i] @ B[:, j]))
    bad = 1 / (1 + np.exp(-A[i] @ B[:, others]))
    loss = -np.log(good) - np.log(1 - bad).sum()
    step = B[:, j] * (good - 1) + B[:, others] @ bad
    np.add.at(B.T, others, -0.1 * np.outer(bad, A[i]))
    np.add.at(B.T, [j], -0.1 * (good - 1) * A[i][None])
    A[i] -= 0.1 * step
"""
SCRIPTS = {  # source, what is replaced in it, and by what
    "either": (EITHER, "w - signs[step % 12] * X", "w + signs[step % 12] * X"),
    "old": (OLD, "(1 - h * h)", "(1 - h)"),
    "changed": (CHANGED, "(1 - h * h)", "(1 - h)"),
    "refilled": (REFILLED, "(1 - h * h)", "(1 - h)"),
    "velocities": (VELOCITIES, "(1 - h[j] * h[j])", "1"),
    "bold": (BOLD, "db += w * x + b - t", "db += (w * x + b - t) * x"),
    "columns": (COLUMNS, "+ B[:, others] @ bad", "- B[:, others] @ bad"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_is_kept_is_told_from_what_is_trained(name, tmp_path):
    source, right, wrong = SCRIPTS[name]
    findings = judged(BEGIN + source, tmp_path)
    assert {f.verdict for f in findings} == {"correct"}, findings
    findings = judged(BEGIN + source.replace(right, wrong), tmp_path)
    assert {f.verdict for f in findings} == {"wrong"}, findings


ONE = """
w, goal = 0.5, 0.8
for step in range(20):
    y = 2 * w
    loss = (y - goal) ** 2
    w = w - 0.1 * 2 * (y - goal)
"""


def test_a_single_number_is_no_sum(tmp_path):
    (finding,) = judged(BEGIN + ONE, tmp_path)
    assert finding.verdict == "correct", finding
    (finding,) = judged(BEGIN + ONE.replace("w - 0.1", "w + 0.1"), tmp_path)
    assert finding.verdict != "correct", finding


def test_old_weights_that_are_no_momentum(tmp_path):
    """A step back along the last change, or one that begins with what the weights were."""
    whole = "W = W - 0.1 * x.T @ ((e @ V.T) * (1 - h * h)) + 0.5 * (W - W_old)"
    for wrong in (
        whole.replace("+ 0.5 *", "- 0.5 *"),
        whole.replace("W = W -", "W = W_old -").replace(" + 0.5 * (W - W_old)", ""),
    ):
        assert whole in OLD
        findings = judged(BEGIN + OLD.replace(whole, wrong), tmp_path)
        assert "cannot tell" in {f.verdict for f in findings}, findings


LEFT = """
U, W, V = (rng.normal(size=s) * 0.3 for s in ((4, 2), (4, 4), (1, 4)))
dU, dW, dV = np.zeros((4, 2)), np.zeros((4, 4)), np.zeros((1, 4))
b, db, left = np.zeros(4), np.zeros(4), np.zeros(4)
for step in range(8):
    x, T = X[step :][:3], Y[step :][:3]
    h, y = [np.zeros(4)], []
    for t in range(3):
        h.append(np.tanh(U @ x[t] + W @ h[-1] + b))
        y.append(V @ h[-1])
    for t in reversed(range(3)):
        e = y[t] - T[t]
        dV += np.outer(e, h[t + 1])
        d = (V.T @ e + left) * (1 - h[t + 1] ** 2)
        dU += np.outer(d, x[t])
        dW += np.outer(d, h[t])
        db += d
        left = W.T @ d
    for p, g in ((U, dU), (W, dW), (V, dV), (b, db)):
        p -= 0.01 * g
"""


def test_a_mistake_beside_what_the_step_before_has_left(tmp_path):
    """Sums that are never set back are wrong, whatever else is added to the deltas."""
    (finding,) = judged(BEGIN + LEFT, tmp_path)
    assert finding.verdict == "wrong", finding
    again = "    dU, dW, dV, db = 0 * dU, 0 * dW, 0 * dV, 0 * db\n    for t in reversed"
    (finding,) = judged(BEGIN + LEFT.replace("    for t in reversed", again), tmp_path)
    assert finding.verdict == "cannot tell"
    assert "that the step before has made" in finding.reason
    again = again.replace("0 * db", "0 * db; left = 0 * left")
    (finding,) = judged(BEGIN + LEFT.replace("    for t in reversed", again), tmp_path)
    assert finding.verdict == "correct", finding


def test_a_parameter_to_which_each_step_adds_0(tmp_path):
    source = """
w, v, u = rng.normal(size=(2, 1)), np.zeros((2, 1)), np.zeros((1, 1))
c = np.zeros((1, 1))
for step in range(24):
    loss = np.mean((X @ w + c - Y) ** 2)
    d = 2 * (X @ w + c - Y) / 12
    v = 0.0 * v - 0.1 * X.T @ d
    u - 0.0 * u - 0.1 * d.sum(axis=0, keepdims=True)
    w += v
    c += u
"""
    (finding,) = judged(BEGIN + source, tmp_path)
    assert finding.verdict == "wrong" or "never changes" in finding.reason, finding
    (finding,) = judged(BEGIN + source.replace("u - 0.0 * u", "u = 0.0 * u"), tmp_path)
    assert (finding.verdict, finding.warnings) == ("correct", []), finding


def test_a_bias_whose_gradient_is_never_filled(tmp_path):
    source = """
for step in range(12):
    h = np.tanh(X @ W + b)
    d = h @ V + c - Y
    db, dc = np.zeros(4), np.zeros(1)
    back = d @ V.T * ((h > 0) + 0.0 + (h <= 0)) * (1 - h * h)
    db += back.sum(0)
    V, W = V - 0.01 * h.T @ d, W - 0.01 * X.T @ back
    b, c = b - 0.01 * db, c - 0.01 * dc
"""
    (finding,) = judged(BEGIN + source, tmp_path)
    assert finding.verdict == "correct" and "c (1,) is added on line 11" in finding.warnings[0]
    source = source.replace("    back", "    dc += d.sum(0)\n    back", 1)
    (finding,) = judged(BEGIN + source, tmp_path)
    assert (finding.verdict, finding.warnings) == ("correct", [])


# one step, as in an example that is worked out by hand, of numbers, of lists and of arrays
NUMBERS = """
import math
i1, i2, t1, t2, rate = 0.05, 0.1, 0.01, 0.99, 0.5
w1, w2, w3, w4, w5, w6, b = 0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.35
h1 = 1 / (1 + math.exp(-(w1 * i1 + w2 * i2 + b)))
h2 = 1 / (1 + math.exp(-(w3 * i1 + w4 * i2 + b)))
o1, o2 = w5 * h1, w6 * h2
loss = 0.5 * (t1 - o1) ** 2 + 0.5 * (t2 - o2) ** 2
d1, d2 = o1 - t1, o2 - t2
dh1 = d1 * w5 * h1 * (1 - h1)
dh2 = d2 * w6 * h2 * (1 - h2)
w5, w6 = w5 - rate * d1 * h1, w6 - rate * d2 * h2
w1, w2 = w1 - rate * dh1 * i1, w2 - rate * dh1 * i2
w3, w4 = w3 - rate * dh2 * i1, w4 - rate * dh2 * i2
b = b - rate * (dh1 + dh2)
"""
LISTS = """
w, v, x = [[0.3, -0.2], [0.5, 0.4], [-0.6, 0.1]], [0.7, -0.1, 0.3], [0.3, 0.7]
h = [np.tanh(sum(a * b for a, b in zip(row, x))) for row in w]
e = sum(a * b for a, b in zip(v, h)) - 1.0
dh = [e * a * (1 - b * b) for a, b in zip(v, h)]
for j in range(3):
    v[j] -= 0.5 * e * h[j]
    for i in range(2):
        w[j][i] -= 0.5 * dh[j] * x[i]
"""
NEW_NAMES = (  # w5_new = w5 - rate * d1 * h1
    re.sub(r"(\w+), (\w+) = \1 - (.*), \2 - (.*)", r"\1_new = \1 - \3\n\2_new = \2 - \4", NUMBERS)
).replace("b = b", "b_new = b")
ARRAYS = """
h = np.tanh(X @ W)
e = h @ V - Y
dh = e @ V.T * (1 - h * h)
V -= 0.1 * h.T @ e
W -= 0.1 * X.T @ dh
"""


@pytest.mark.parametrize("source", [NUMBERS, NEW_NAMES, LISTS, ARRAYS])
def test_a_single_step(source, tmp_path):
    (right,) = judged(BEGIN + source, tmp_path)
    assert right.verdict == "correct"
    assert "one step" in right.notes[-1]
    for part, wrong in (("(1 - h1)", "(1 + h1)"), ("(1 - b * b)", "(1 - b)"), ("V -= ", "V += ")):
        if part in source:
            (finding,) = judged(BEGIN + source.replace(part, wrong), tmp_path)
            assert finding.verdict == "wrong" and finding.diagnosis


def test_a_single_step_with_an_input_of_0_is_one_all_the_same(tmp_path):
    (finding,) = judged(BEGIN + NUMBERS.replace("0.05, 0.1,", "0.0, 0.1,"), tmp_path)
    assert finding.verdict == "cannot tell"
    assert finding.reason.startswith("w1 never moves, and its gradient is zero")


def test_single_steps_that_train_nothing(tmp_path):
    """A Kalman filter corrects its state; a value goes on through a forward pass."""
    kalman = "K = P / (P + 0.5)\nx = x + K * (0.3 - x)\nP = P - K * P\n"
    forward = "x = x + np.tanh(P * x) * P\nP = P + np.tanh(x * P) * x\n"
    for step in (kalman, forward):
        assert judged(BEGIN + "x, P = X[:, 0] + 0.1, X[:, 1] ** 2 + 1\n" + step, tmp_path) == []
    numbers = kalman.replace("x = ", "x_new = ").replace("P = ", "P_new = ")
    assert judged("x, P = 0.3, 0.4\n" + numbers, tmp_path) == []


def test_a_preparation_that_looks_like_a_step(tmp_path):
    """Each number of the data becomes itself minus a mean of the data, and nothing comes of it."""
    prepare = """
data = rng.normal(size=(400, 2))
means = data.mean(axis=0)
for k in range(400):
    for j in range(2):
        data[k][j] = data[k][j] - means[j]
for step in range(30):
    h = np.tanh(data[:12] @ W)
    e = h @ V - Y
    dh = e @ V.T * (1 - h * h)
    V -= 0.1 * h.T @ e
    W -= 0.1 * data[:12].T @ dh
"""
    limits = Limits(nodes_before=1_000, longest_wait=1_250, runs=100)
    _, tape = record(BEGIN + prepare, "script.py", limits)
    assert len(tape.nodes) < 4_000  # most of 4,800 operations are not recorded
    (right,) = judged(BEGIN + prepare, tmp_path, limits)
    (wrong,) = judged(BEGIN + prepare.replace("* h)", "+ h)"), tmp_path, limits)
    assert (right.verdict, wrong.verdict) == ("correct", "wrong")


def test_a_number_beside_the_gradient(tmp_path):
    """An optimiser without a gradient moves nothing, but for a decay."""
    line = "for step in range(24):\n    w = w - (0.1 * X.T @ (X @ w - Y) / 12{})\n"
    begin = BEGIN + "w = W[:, :1].copy()\n"
    (right,) = judged(begin + line.format(" + 0.001 * w"), tmp_path)
    (wrong,) = judged(begin + line.format(" + 0.1"), tmp_path)
    assert (right.verdict, wrong.verdict) == ("correct", "cannot tell")


# the backward pass computes z again, for the slope of each layer: that of the last one is 1
AGAIN = """
def z_of(a, w, b):
    return a @ w + b
for step in range(20):
    dW, dV, db, dc = 0 * W, 0 * V, 0 * b, 0 * c
    for x, y in zip(X[:3], Y[:3]):
        x = x[None]
        h = np.tanh(z_of(x, W, b))
        e = z_of(h, V, c) - y
        z = z_of(h, V, c)
        g = e * np.ones(z.shape)
        gh = g @ V.T * (1 - np.tanh(z_of(x, W, b)) ** 2)
        dV, dc, dW, db = dV + h.T @ g, dc + g, dW + x.T @ gh, db + gh
    W, b, V, c = W - 0.1 * dW, b - 0.1 * db, V - 0.1 * dV, c - 0.1 * dc
"""


def test_a_value_that_is_computed_again(tmp_path):
    """It is no step that is lost, and no other loss."""
    (right,) = judged(BEGIN + AGAIN, tmp_path)
    assert right.verdict == "correct" and not right.warnings
    (lost,) = judged(BEGIN + AGAIN.replace("c = W -", "_ = W -"), tmp_path)
    assert lost.verdict == "wrong"
    (wrong,) = judged(BEGIN + AGAIN.replace("(x, W, b)) ** 2", "(x, W, b))"), tmp_path)
    assert wrong.verdict == "wrong"


def test_a_loss_that_is_computed_twice(tmp_path):
    """It is kept and returned: the learning rate is that of one of them."""
    source = """
for step in range(20):
    h = np.tanh(X @ W + b)
    a = h @ V + c
    losses = [np.sum((a - Y) ** 2) for _ in range(2)]
    g = 2 * (a - Y)
    d = g @ V.T * (1 - h * h)
    W, b, V, c = W - 0.1 * X.T @ d, b - 0.1 * d.sum(0), V - 0.1 * h.T @ g, c - 0.1 * g.sum(0)
"""
    (finding,) = judged(BEGIN + source, tmp_path)
    assert finding.verdict == "correct" and finding.lr == pytest.approx(0.1)


def test_biases_that_are_numbers(tmp_path):
    """Each neuron has its own, as an attribute: nothing trains them."""
    neurons = """
class Neuron:
    def __init__(self, w):
        self.w, self.b = w, rng.normal()
hidden = [Neuron(W[:, j]) for j in range(W.shape[1])]
out = Neuron(V[:, 0])
def activate(neuron, x):
    return np.tanh(np.dot(x, neuron.w) + neuron.b)
for step in range(4):
    for x, y in zip(X, Y[:, 0]):
        h = np.array([activate(n, x) for n in hidden])
        a = activate(out, h)
        e = (a - y) * (1 - a * a)
        d = e * out.w * (1 - h * h)
        out.w -= 0.1 * e * h
        for n, g in zip(hidden, d):
            n.w -= 0.1 * g * x
            #
"""
    (frozen,) = judged(BEGIN + neurons, tmp_path)
    assert frozen.diagnosis.mistake == "bias never updated"
    assert "def activate" in (BEGIN + neurons).splitlines()[frozen.diagnosis.line - 2]
    trained = neurons.replace("out.w -=", "out.b -= 0.1 * e\n        out.w -=")
    (right,) = judged(BEGIN + trained.replace("#", "n.b -= 0.1 * g"), tmp_path)
    assert right.verdict == "correct"


def test_units_that_are_saturated(tmp_path):
    """With inputs up to 255, random weights leave hidden units no slope: try smaller ones."""
    source = """
X = 255 * np.abs(X)
W = 3 * rng.normal(size=W.shape)
for step in range(6):
    for x, y in zip(X[:, None], Y):
        h = 1 / (1 + np.exp(-(x @ W + b)))
        p = 1 / (1 + np.exp(-(h @ V + c)))
        e = (p - y) * p * (1 - p)
        d = e @ V.T * h * (1 - h)
        W, b, V, c = W - 0.1 * x.T @ d, b - 0.1 * d, V - 0.1 * h.T @ e, c - 0.1 * e
"""
    (right,) = judged(BEGIN + source, tmp_path)
    (wrong,) = judged(BEGIN + source.replace("h * (1 - h)", "(1 - h)"), tmp_path)
    assert (right.verdict, wrong.verdict) == ("correct", "wrong")


# the deltas of hidden neurons are sums; what they hold is from the sample before
SUMS = """
import math
class Neuron:
    def __init__(self, *w):
        self.w, self.output, self.delta = [*w], 0, 0
hidden, out = [Neuron(0.3, -0.2), Neuron(0.7, 0.4)], Neuron(0.5, -0.6)
for epoch in range(2):
    for x, t in (([0.2, 1.0], 0), ([0.5, 0.3], 1), ([0.9, 0.8], 1)):
        for n in hidden:
            n.delta = 0
            n.output = math.tanh(n.w[0] * x[0] + n.w[1] * x[1])
        out.output = math.tanh(sum(n.output * w for n, w in zip(hidden, out.w)))
        out.delta = (t - out.output) * (1 - out.output ** 2)
        for j, n in enumerate(hidden):
            n.delta += out.w[j] * out.delta
            n.delta *= 1 - n.output ** 2
        for n, xs in [(n, x) for n in hidden] + [(out, [n.output for n in hidden])]:
            for k in range(2):
                n.w[k] += 0.5 * n.delta * xs[k]
"""


def test_a_delta_that_is_summed_and_never_reset(tmp_path):
    assert [f.verdict for f in judged(SUMS, tmp_path)] == ["correct"]
    finding = judged(SUMS.replace("            n.delta = 0\n", ""), tmp_path)[0]
    assert finding.verdict == "wrong"
    assert finding.diagnosis.line == 15


CUT = """
import math, random
random.seed(1)
W = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(2)]
b = [random.uniform(-1, 1) for _ in range(2)]
for x, t in [([0.3, -0.2, 0.5], [1, 0]), ([0.1, 0.7, -0.4], [0, 1])]:
    z = [sum(w * v for w, v in zip(W[i], x)) + b[i] for i in range(2)]
    y = [1 / (1 + math.exp(-v)) for v in z]
    d = [(y[i] - t[i]) * y[i] * (1 - y[i]) for i in range(2)]
    for i in range(2):
        for j in range(3):
            W[i][j] -= 0.5 * d[i] * x[j]
    for i in range(2):
        if i and t[0] == 0:
            break  # the recording ends here
        b[i] -= 0.5 * d[i]
"""


@pytest.mark.parametrize(("ended", "verdict"), [(False, "correct"), (True, "wrong")])
def test_a_recording_may_end_within_a_step(ended, verdict):
    _, tape = record(CUT, "script.py")
    (finding,) = judge(tape, ended=ended)
    assert finding.verdict == verdict, finding
