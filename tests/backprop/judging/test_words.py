"""What a report says beside the verdict is true: the loss, the layers, the numbers, the lines."""

import pytest

from ..test_judge import judged

COLUMNS = """
import numpy as np
rng = np.random.RandomState(0)
X, T = rng.randn(6, 20), np.eye(3)[rng.randint(0, 3, 20)]
W1, W2 = rng.randn(6, 5), rng.randn(5, 3)
for step in range(10):
    H = np.tanh(np.dot(W1.T, X))
    Y = (1 / (1 + np.exp(-np.dot(W2.T, H)))).T
    E = T - Y
    dH = np.dot(W2, E.T) * (1 - H**2)
    W2 = W2 + 0.01 * np.dot(H, E)
    W1 = W1 + 0.01 * np.dot(X, dH.T)
"""


@pytest.mark.parametrize(
    ("old", "new", "loss", "place"),
    [
        ("", "", "BCE", None),
        ("E = T - Y", "E = (T - Y) * Y * (1 - Y)", "1/2 SSE", None),
        ("E = T - Y", "E = np.sign(T - Y) * Y * (1 - Y)", "absolute error", None),
        ("E = T - Y", "E = (T - Y) * Y", "BCE", (9, (20, 3))),
        ("(1 - H**2)", "(1 - H)", "BCE", (10, (5, 20))),
    ],
)
def test_an_output_that_is_transposed_after_its_activation(old, new, loss, place, tmp_path):
    """The samples are columns for the network, and rows for the targets."""
    (finding,) = judged(COLUMNS.replace(old, new), tmp_path)
    assert (finding.verdict, finding.loss) == ("wrong" if place else "correct", loss)
    wrong = finding.diagnosis
    assert (wrong and (wrong.line, wrong.shape)) == place
    # the place of the worst number is one of the value's own
    assert wrong is None or all(i < n for i, n in zip(wrong.index, wrong.shape, strict=True))


CLIPPED = """
import numpy as np
rng = np.random.RandomState(0)
X = rng.rand(60, 6)
Y = np.eye(3)[np.argmax(X[:, :3], axis=1)]
W, b = 11 * rng.randn(6, 3), np.zeros((1, 3))
for step in range(8):
    x, y = (A[step % 3 * 20 :][:20] for A in (X, Y))
    e = np.exp(x @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(np.sum(np.clip(p, 1e-7, 1 - 1e-7) * y, axis=1)))
    W -= 0.01 * x.T @ (p - y)
    b -= 0.01 * (p - y).sum(axis=0, keepdims=True)
"""
SOME_ROWS = """
import numpy as np
rng = np.random.RandomState(0)
X, T = list(rng.randn(12, 3)), list(np.eye(2)[rng.randint(0, 2, 12)])
W = rng.randn(3, 2)
def net(x):
    e = np.exp(x @ W)
    return e / e.sum()
def cost():
    c = 0.0
    for x, t in zip(X, T):
        c = c - np.sum(t * np.log(net(x)))
    return c / 12
for i in range(10):
    step = 0
    for x, t in [(X[j], T[j]) for j in rng.choice(12, 4)]:
        step = step + np.outer(x, net(x) - t)
    W = W - 0.1 * step
    loss = cost()
"""
ROWS_OF_A_SOFTMAX = """
import numpy as np
rng = np.random.RandomState(0)
X, T, W = rng.randn(20, 4), rng.randint(0, 3, 20), rng.randn(3, 4)
for x, t in zip(X, T):
    z = W @ x
    e = np.exp(z - max(z))
    y = np.zeros((1, 3))
    y[0] = e / sum(e)
    d = np.eye(3)[t]
    W += 0.1 * np.outer(d - y[0], x)
"""
SQUARES = "np.mean((np.clip(p, 1e-7, 1 - 1e-7) - y) ** 2)"
LOG = "-np.mean(np.log(np.sum(np.clip(p, 1e-7, 1 - 1e-7) * y, axis=1)))"


@pytest.mark.parametrize(
    ("source", "old", "new", "warns"),
    [
        (CLIPPED, "", "", False),
        (CLIPPED, "11 *", "2 *", False),
        (CLIPPED, LOG, SQUARES, True),
        (CLIPPED, "1e-7, 1 - 1e-7", "0.1, 0.9", True),
        (SOME_ROWS, "", "", False),
        (SOME_ROWS, "c - np.sum(t * np.log(net(x)))", "c + np.sum((t - net(x)) ** 2)", True),
        (ROWS_OF_A_SOFTMAX, "", "", False),
        (ROWS_OF_A_SOFTMAX, "(3)[t]", "(3)[t]; loss = ((d - y[0]) ** 2).sum()", True),
    ],
)
def test_a_loss_is_another_one_only_if_it_is(source, old, new, warns, tmp_path):
    (finding,) = judged(source.replace(old, new), tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "CE")
    assert finding.other_loss == warns
    assert all("softmax" in layer for layer in finding.layers)


def test_a_constant_that_the_check_leaves_out_is_no_bias(tmp_path):
    """Of ``p + 1e-9`` the check makes p, not ``p + 0``."""
    source = CLIPPED.replace("keepdims=True)\n    loss", "keepdims=True) + 1e-6\n    loss")
    source = source.replace("(p - y)", "(-(y / p) * p + p)").replace("11 *", "1 *")
    (finding,) = judged(source.replace("p = e", "p = 0 + e"), tmp_path)
    assert finding.verdict == "correct"
    assert not any("the 0 that" in warning for warning in finding.warnings)


SUMMED = """
import numpy as np
rng = np.random.RandomState(0)
X, T = rng.rand(6, 20), np.eye(3)[rng.randint(0, 3, 20)].T
W1, W2 = rng.rand(4, 6) - 0.5, rng.rand(3, 4) - 0.5
b1, b2 = rng.rand(4, 1) - 0.5, rng.rand(3, 1) - 0.5
for i in range(10):
    Z = W1.dot(X) + b1
    H = np.maximum(Z, 0)
    e = np.exp(W2.dot(H) + b2)
    d = e / sum(e) - T
    dW2 = d.dot(H.T) / 20
    db2 = np.sum(d) / 20
    dZ = W2.T.dot(d) * (Z > 0)
    dW1 = dZ.dot(X.T) / 20
    db1 = np.sum(dZ) / 20
    W1, b1 = W1 - 0.1 * dW1, b1 - 0.1 * db1
    W2, b2 = W2 - 0.1 * dW2, b2 - 0.1 * db2
"""


def test_the_numbers_are_those_of_the_parameter_that_the_line_moves(tmp_path):
    """The derivative of a softmax and a cross-entropy sums to 0: the wrong step of b2 is 0."""
    (finding,) = judged(SUMMED, tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 13)
    assert finding.diagnosis.of == "b2 step"
    assert {p.name: (p.ok, p.difference > 0.5) for p in finding.parameters} == {
        "W1": (True, False), "b1": (False, True), "W2": (True, False), "b2": (False, True)
    }  # fmt: skip


POSITIVE = """
import numpy as np
rng = np.random.RandomState(0)
X, T, w = rng.rand(20, 3), rng.rand(20), 3 * np.ones(3)
for step in range(1, 10):
    z = X @ w
    d = z - T
    w -= 0.01 * (X.T @ d)
"""


def test_a_linear_output_whose_numbers_are_all_positive_is_no_relu(tmp_path):
    (finding,) = judged(POSITIVE, tmp_path)
    assert (finding.loss, finding.lr) == ("1/2 SSE", 0.01)
    assert (finding.layers[0][-6:], finding.rates_differ) == ("linear", False)
    source = POSITIVE.replace("z - T", "np.maximum(z, 0) - T").replace("0.01", "0.01 / step")
    (finding,) = judged(source, tmp_path)
    assert (finding.layers[0][-4:], finding.rates_differ) == ("relu", True)


BENT = """
import numpy as np
rng = np.random.RandomState(0)
X, W, V = rng.randn(20, 3), rng.randn(3, 4), rng.randn(4)
def bend(z):
    return np.piecewise(z, [z < 0, z >= 0], [lambda x: 0.1 * x, lambda x: x])
for x in X:
    z = x @ W
    h = bend(z)
    d = h @ V - np.sin(x.sum())
    dz = d * V * np.piecewise(z, [z < 0], [0.1, 1])
    V = V - 0.01 * d * h
    W = W - 0.01 * np.outer(x, dz)
"""


@pytest.mark.parametrize(
    "other", ["", "np.fromiter((x if x > 0 else 0.1 * x for x in z), float, count=4)"]
)
def test_functions_that_call_functions_for_a_part_of_the_numbers(other, tmp_path):
    source = BENT.replace("bend(z)\n    d", f"{other or 'bend(z)'}\n    d")
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "1/2 SSE")
    (finding,) = judged(source.replace("[0.1, 1]", "[0.2, 1]"), tmp_path)
    assert (finding.verdict, finding.diagnosis.variable) == ("wrong", "dz")


HELPER = """
import numpy as np
rng = np.random.RandomState(0)
X, T, W, V = rng.randn(20, 3), rng.rand(20, 1), rng.randn(3, 4), rng.randn(4, 1)
def times(a, b):
    return a * b
for i in range(10):
    h = np.tanh(X @ W)
    y = 1 / (1 + np.exp(-h @ V))
    d = times(times(y - T, y), 1 - y)
    e = d @ V.T
    g = times(e, 1 + h * h)
    V = V - 0.1 * h.T @ d
    W = W - 0.1 * X.T @ g
"""


def test_a_line_that_several_lines_call_is_told_with_the_call(tmp_path):
    (finding,) = judged(HELPER, tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 6)
    assert finding.notes == ["the wrong value on line 6 is made by the call on line 12"]
    (finding,) = judged(HELPER.replace("1 + h * h", "1 - h * h"), tmp_path)
    assert (finding.verdict, finding.notes) == ("correct", [])


@pytest.mark.parametrize(
    "loops",
    [
        "for j in range(2):\n        for i in range(3):",
        "for i in range(3):\n        for j in range(2):",
    ],
)
def test_the_rate_where_each_number_has_a_forward_pass_of_its_own(loops, tmp_path):
    source = f"""
X, y = [[1, 1], [1, 3], [1, 0]], [5, 11, 2]
theta = [0.0, 0.0]
for epoch in range(8):
    g = [0, 0]
    {loops}
            h = sum(t * v for t, v in zip(theta, X[i]))
            g[j] += (h - y[i]) * X[i][j]
    theta = [t - 0.1 * d for t, d in zip(theta, g)]
"""
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "1/2 SSE")
    assert finding.lr == pytest.approx(0.1)
