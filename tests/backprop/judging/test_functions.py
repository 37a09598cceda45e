"""Gradient descent on a plain function of one or two variables, without data and target."""

import re

import pytest

from xor_torch.backprop import check_file

from ..test_judge import judged

F, STEP = "    y = x ** 4 - 4 * x ** 2 + x\n", "    x = x - 0.01 * (4 * x ** 3 - 8 * x + 1)\n"
ONE = "x = 0.5\nfor i in range(20):\n" + F + STEP
SQUARES = """
import numpy as np
p, rates = np.array([3.0, -2.0]), np.array([0.1, 0.02])
for i in range(20):
    value = p[0] ** 2 + 3 * p[1] ** 2
    g = np.array([2 * p[0], 6 * p[1]])
    p = p - 0.1 * g
"""
VALLEY = """
x, y = -0.5, 1.5
for i in range(20):
    value = (1 - x) ** 2 + 100 * (y - x ** 2) ** 2
    dx = -2 * (1 - x) - 400 * x * (y - x ** 2)
    dy = 200 * (y - x ** 2)
    x, y = x - 0.001 * dx, y - 0.001 * dy
"""
BELL = """
from math import exp
p = [-0.2, 0.9]
for i in range(20):
    value = 2 - exp(-p[0] ** 2 - 3 * p[1] ** 2)
    e = exp(-p[0] ** 2 - 3 * p[1] ** 2)
    p[0] -= 0.1 * 2 * p[0] * e
    p[1] -= 0.1 * 6 * p[1] * e
"""
EARLY = """
x, y = 2.0, -1.0
for i in range(20):
    z = x ** 2 + x * y + 2 * y ** 2
    x -= 0.05 * (2 * x + y)
    y -= 0.05 * (x + 4 * y)
"""


@pytest.mark.parametrize(
    ("source", "rate"),
    [
        (ONE, 0.01),
        (ONE.replace(F + STEP, STEP + F), 0.01),  # f is computed after the step
        (SQUARES, 0.1),
        (VALLEY, 0.001),
        (BELL, None),  # 0.1 * 2 is one factor of the step
    ],
)
def test_the_function_that_the_loop_computes_is_the_loss(source, rate, tmp_path):
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == "correct"
    assert finding.loss in ("y", "value")
    assert not finding.notes
    assert finding.lr == pytest.approx(rate or 0.1)


@pytest.mark.parametrize(
    ("source", "old", "new", "line"),
    [
        (ONE, "8 * x", "2 * x", 4),
        (ONE, "+ 1)", "+ 2)", 4),
        (ONE.replace(F + STEP, STEP + F), "4 * x ** 3", "3 * x ** 3", 3),
        (SQUARES, "6 * p[1]", "3 * p[1]", 6),  # it is no weight decay
        (VALLEY, "dy = 200", "dy = 100", 6),
        (VALLEY, "dx = -2 * (1 - x)", "dx = -3 * (1 - x)", 5),
    ],
)
def test_a_wrong_term_of_the_step_is_found(source, old, new, line, tmp_path):
    assert old in source
    (finding,) = judged(source.replace(old, new), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", line)


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        (VALLEY, "    value = (1 - x) ** 2 + 100 * (y - x ** 2) ** 2\n", ""),
        (BELL, "    value = 2 - exp(-p[0] ** 2 - 3 * p[1] ** 2)\n", ""),
        (SQUARES, "0.1 * g", "rates * g"),  # a preconditioner
        (ONE, STEP, "    x = x - (4 * x ** 3 - 8 * x + 1) / (12 * x ** 2 + 8)\n"),  # Newton's
        (ONE, F, "    y = x ** 2\n"),  # another number
        (EARLY, "", ""),  # y moves by the new x; that looks like a momentum
    ],
)
def test_no_loss_is_invented(source, old, new, tmp_path):
    assert old in source
    (finding,) = judged(source.replace(old, new), tmp_path)
    assert finding.verdict == "cannot tell"


NUMERIC = """
def f(x):
    return x ** 4 - 3 * x ** 2 + x
x = 2.0
for i in range(20):
    print(f(x))
    x = x - 0.01 * (f(x + 1e-4) - f(x)) / 1e-4
"""
ERROR = """
w = 0.1
for i in range(20):
    for x, t in ((1, 2.1), (2, 3.9)):
        error = t - w * x
        w += 0.05 * error
"""
AFTER = """
import numpy as np
X, w = np.arange(6.0).reshape(3, 2), np.ones((2, 1))
for i in range(5):
    grad = X.T @ np.tanh(X @ w)
w = w - 0.1 * grad
"""
HIDDEN = """
import numpy as np
rng = np.random.default_rng(0)
X, W, V = rng.normal(size=(8, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
t = X[:, :1] * X[:, 1:2]
for i in range(20):
    h = np.where(X @ W > 0, 1, 0)
    d = h @ V - t
    W -= 0.01 * X.T @ ((d @ V.T) * h * (1 - h))
    V -= 0.01 * h.T @ d
"""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (NUMERIC, "not a multiple of that of a number on line 3"),
        (ERROR, "w on line 6 is replaced by itself plus a change that is computed from it with"),
        (AFTER, "w on line 6 is replaced .* but only once: is the step in the loop?"),
        (HIDDEN, "W never moves, .*: h on line 7 is a step function of it"),
    ],
)
def test_the_reason_is_true(source, reason, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(source)
    verdict = check_file(path)
    assert verdict.verdict == "cannot tell"
    assert re.search(reason, verdict.reason)
