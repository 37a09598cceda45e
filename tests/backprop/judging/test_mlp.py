"""Ways to write small networks that once had no answer, each with a wrong twin or a right one."""

import pytest

from ..test_judge import judged

PENALTY = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3))
Y = (X[:, :1] > 0).astype(float)
weights = [rng.normal(size=(4, 4)), rng.normal(size=(1, 5))]
ones = np.ones((20, 1))
for step in range(30):
    Theta = [np.array(t) for t in weights]
    A0 = np.hstack([ones, X])
    A1 = np.hstack([ones, 1 / (1 + np.exp(-A0 @ Theta[0].T))])
    P = 1 / (1 + np.exp(-A1 @ Theta[1].T))
    delta = P - Y
    back = (delta @ Theta[1][:, 1:]) * A1[:, 1:] * (1 - A1[:, 1:])
    gradients = [back.T @ A0 / 20, delta.T @ A1 / 20]
    for i in range(2):
        gradients[i][:, 1:] += 0.1 / 20 * Theta[i][:, 1:]
        weights[i] -= 0.5 * gradients[i]
"""


def test_a_penalty_that_leaves_out_the_bias(tmp_path):
    """The bias is a column of the weights; the penalty is on the other columns."""
    (finding,) = judged(PENALTY, tmp_path)
    assert finding.verdict == "correct"
    assert "line 17 adds" in finding.notes[-1]
    (finding,) = judged(PENALTY.replace("+= 0.1", "-= 0.1"), tmp_path)  # it lets them grow
    assert finding.verdict != "correct"
    # each number is added to the step of another one: that of no penalty
    (finding,) = judged(PENALTY.replace("* Theta[i][:, 1:]", "* Theta[i][:, :0:-1]"), tmp_path)
    assert finding.verdict != "correct"
    (finding,) = judged(PENALTY.replace(" * (1 - A1[:, 1:])", ""), tmp_path)
    assert finding.verdict != "correct"


ELEMENT = """
import numpy as np
rng = np.random.default_rng(0)
X = np.hstack([np.ones((12, 1)), rng.normal(size=(12, 2))])
Y = (X[:, 1:2] > 0).astype(float) @ np.ones((1, 2))
W = rng.normal(size=(3, 2))
def train(X, y, w):
    for step in range(12):
        p = 1 / (1 + np.exp(-X @ w))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 / 12 * np.sum(w[1:] ** 2)
        for j in range(3):
            penalty = w[j] / 12 if j else 0
            w[j] -= 0.1 * (np.mean((p - y) * X[:, j]) + penalty)
for c in range(2):
    train(X, Y[:, c], W[:, c])
"""


def test_elements_with_a_penalty_of_their_own(tmp_path):
    (finding,) = judged(ELEMENT, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "loss")
    (finding,) = judged(ELEMENT.replace("w[j] / 12", "w[j - 1] / 12"), tmp_path)
    assert finding.verdict != "correct"
    (finding,) = judged(ELEMENT.replace("(p - y) * X", "(p - y) * p * X"), tmp_path)
    assert finding.verdict != "correct"


PERCEPTRON = """
import numpy as np
rng = np.random.default_rng(3)
X = np.insert(rng.uniform(-1, 1, (20, 2)), 0, 1, axis=1)
y = (X[:, 1:2] > 0.1).astype(int)
w = rng.random((1, 3))
for step in range(20):
    u = np.dot(X, w.T)
    e = y - np.where(u >= 0, 1, 0).astype(int)
    w = w + 0.1 * np.dot(e.T, X)
"""


def test_the_errors_of_a_perceptron_may_be_whole_numbers(tmp_path):
    (finding,) = judged(PERCEPTRON, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "perceptron loss")
    (finding,) = judged(PERCEPTRON.replace("w + 0.1", "w - 0.1"), tmp_path)
    assert (finding.verdict, finding.diagnosis.mistake) == ("wrong", "wrong sign")


CHOICE = """
import numpy as np
rng = np.random.default_rng(3)
answer = lambda x: 0 if x < 1 else 1
data = [(np.array([i, j, k]), 1 - i * j * k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
w, b = rng.random(3), rng.random(1)
for i in range(60):
    x, t = data[rng.integers(8)]
    error = t - answer(np.dot(w, x) + b)
    if error != 0:
        w += 0.05 * error * x
        b += 0.05 * error
"""


def test_a_step_unit_is_not_a_clip(tmp_path):
    (finding,) = judged(CHOICE, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(CHOICE.replace("b += 0.05 * error", "b += 0.05 * error * b"), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 12)


ANEW = """
import numpy as np
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(12, 3, 1)), rng.random((12, 2, 1))
w = [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))]
sums = [np.zeros((2, 1)), np.zeros((2, 4))]
for step in range(40):
    x, y = X[step % 12], Y[step % 12]
    h = np.tanh(w[0] @ x)
    p = w[1] @ h
    sums[0] += p - y
    sums[1] += (p - y) @ h.T
    back = w[1].T @ sums[0] * (1 - h**2)
    w[1] = w[1] - 0.1 * sums[1]
    w[0] = w[0] - 0.1 * back @ x.T
    sums[0] = 0 * sums[0]
    sums[1] = sums[1] * 0.0
"""


def test_a_sum_that_is_replaced_by_0_times_itself_begins_anew(tmp_path):
    (finding,) = judged(ANEW, tmp_path)
    assert (finding.verdict, len(finding.parameters)) == ("correct", 2)
    back, step = ANEW.splitlines()[12:14]
    early = ANEW.replace(f"{back}\n{step}\n", f"{step}\n{back}\n")
    (finding,) = judged(early, tmp_path)
    assert (finding.verdict, finding.diagnosis.mistake) == ("wrong", "updated too early")
    # what is never set back grows
    (finding,) = judged(ANEW.replace("sums[1] * 0.0", "sums[1] * 1.0"), tmp_path)
    assert finding.verdict != "correct"


SHAPES = """
import numpy as np
rng = np.random.default_rng(1)
X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
first, second = np.array(list(rng.normal(size=12))).reshape(3, 4), rng.normal(size=(4, 2))
bias = np.zeros((1, 4))
m = [np.zeros((3, 4)), np.zeros((4, 2)), np.zeros(4)]
for step in range(30):
    a = np.tanh(X @ first + bias)
    error = a @ second - Y
    back = error @ second.T * (1 - a**2)
    for i, g in enumerate((X.T @ back, a.T @ error, back.sum(axis=0))):
        m[i] = 0.9 * m[i] + 0.1 * g
    first -= 0.01 * m[0]
    second -= 0.01 * m[1]
    bias -= 0.01 * m[2]
"""


def test_a_momentum_of_another_shape_than_its_parameter(tmp_path):
    """A row of numbers moves a row with two axes, and a matrix a part of a long row."""
    (finding,) = judged(SHAPES, tmp_path)
    assert (finding.verdict, len(finding.parameters)) == ("correct", 3)
    (finding,) = judged(SHAPES.replace("(1 - a**2)", "(1 - np.tanh(a)**2)"), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 11)


NUMBERS = """
import math, random
random.seed(2)
u1, u2, v1, v2, c1, c2 = (random.uniform(-1, 1) for _ in range(6))
for step in range(20):
    h1, h2 = u1 * 0.8 + c1, u2 * 0.6 + c2
    p = 1 / (1 + math.exp(-(v1 * h1 + v2 * h2)))
    d = (p - 0.9) * p * (1 - p)
    d1, d2 = d * v1, d * v2
    u1 -= 0.3 * d1 * 0.8
    u2 -= 0.3 * d2 * 0.6
    c1 -= 0.3 * d1
    c2 -= 0.3 * d2
    v1 -= 0.3 * d * h1
    v2 -= 0.3 * d * h2
"""


@pytest.mark.parametrize("more", ["", " + 0.0 * step"])
def test_a_number_that_a_loop_changes_twice_in_a_step(more, tmp_path):
    twice = "    for k in range(2):\n        c1 = c1 - 0.15 * d1" + more
    source = NUMBERS.replace("    c1 -= 0.3 * d1", twice)
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(source.replace("0.15 * d1", "0.15 * d1 * h1"), tmp_path)
    assert (finding.verdict, finding.diagnosis.spoils) == ("wrong", ["c1"])


def test_a_factor_that_comes_in_once_in_each_of_two_neurons(tmp_path):
    """That of most parameters is not the right one: it has come in on a line of its own."""
    source = NUMBERS.replace("d * v1, d * v2", "d * v1 * 3, d * v2 * 3")
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 9)
    assert finding.diagnosis.spoils == ["u1", "u2", "c1", "c2"]
    (finding,) = judged(NUMBERS.replace("0.3 * d * h", "0.3 * d * 3 * h"), tmp_path)
    assert (finding.verdict, finding.diagnosis.spoils) == ("wrong", ["v1", "v2"])


def test_single_numbers_whose_steps_are_the_gradient_of_no_function(tmp_path):
    """The target is typed. Of two numbers, each step is a multiple of the other's at one point."""
    (finding,) = judged(NUMBERS, tmp_path)
    assert finding.verdict == "correct"
    wrong = NUMBERS.replace("d * v1, d * v2", "d * v1 * h1 * (1 - h1), d * v2 * h2 * (1 - h2)")
    wrong = wrong.replace("0.3 * d * h1", "0.3 * d * p").replace("0.3 * d * h2", "0.3 * d * p")
    (finding,) = judged(wrong, tmp_path)
    assert finding.verdict == "wrong"
    # each number has a rate of its own
    rates = NUMBERS.replace("0.3 * d1", "0.1 * d1").replace("0.3 * d * h2", "0.7 * d * h2")
    (finding,) = judged(rates, tmp_path)
    assert finding.verdict == "correct"


ANSWERS = """
import numpy as np, random
random.seed(0)
w = [random.uniform(-1, 1) for _ in range(3)]
for step in range(40):
    x = [random.random(), random.random(), 1]
    if random.random() < 0.5:
        target = 1
    else:
        target = 0
    p = 1 / (1 + np.exp(-np.dot(x, w)))
    delta = (target - p) * p * (1 - p)
    w = w + 0.5 * np.dot(x, delta)
"""


def test_a_target_that_an_if_chooses(tmp_path):
    (finding,) = judged(ANSWERS, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(ANSWERS.replace("np.dot(x, delta)", "np.dot(p, delta)"), tmp_path)
    assert finding.verdict == "wrong"


FLOOR = """
import numpy as np
rng = np.random.default_rng(0)
X, T = rng.normal(size=(9, 4)), np.eye(3)[rng.integers(0, 3, 9)]
W = rng.normal(size=(4, 3))
tiny = 10 ** -10
for step in range(20):
    e = np.exp(X @ W)
    below = e.sum(axis=1)
    below[below < tiny] = tiny
    p = e / below.reshape(-1, 1)
    W = W - 0.05 * X.T @ (p - T)
"""


def test_an_array_is_compared_with_a_number_of_the_script(tmp_path):
    (finding,) = judged(FLOOR, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "CE")
    (finding,) = judged(FLOOR.replace("(p - T)", "((p - T) * p)"), tmp_path)
    assert finding.verdict == "wrong"


SLOPE = """
import numpy as np
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 2)), rng.random((6, 1))
W1, W2 = rng.normal(size=(2, 3)), rng.normal(size=(3, 1))
def slope(a):
    return a * (1 - a)
for step in range(20):
    h = 1 / (1 + np.exp(-X @ W1))
    p = 1 / (1 + np.exp(-h @ W2))
    d2 = (p - Y) * slope(p)
    d1 = d2 @ W2.T * slope(h)
    W2 -= h.T @ d2
    W1 -= X.T @ d1
"""


@pytest.mark.parametrize("text", ["a * (a - 1)", "2 * a * (1 - a)"])
def test_a_slope_that_is_wrong_in_all_layers(text, tmp_path):
    """One of two layers goes the wrong way, or too far, and nothing is wrong at its update."""
    (finding,) = judged(SLOPE.replace("a * (1 - a)", text), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 7)
    (finding,) = judged(SLOPE.replace("W2 -= h", "W2 -= 2 * h"), tmp_path)
    assert finding.diagnosis.line in (13, 14)  # one of two has a factor of its own


NEURONS = """
import numpy as np
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(4, 2)), [0, 1, 1, 0]
w, v = rng.normal(size=(2, 2)), rng.normal(size=2)
for step in range(20):
    for (p, q), y in zip(X, Y):
        h = 1 / (1 + np.exp(-(w[0, 0] * p + w[1, 0] * q)))
        k = 1 / (1 + np.exp(-(w[0, 1] * p + w[1, 1] * q)))
        out = 1 / (1 + np.exp(-(v[0] * h + v[1] * k)))
        e = out - y
        slope = out * (1 - out)
        w[0, 0] -= e * slope * v[0] * h * (1 - h) * p
        w[0, 1] -= e * slope * v[1] * k * (1 - k) * p
        w[1, 0] -= e * slope * v[0] * h * (1 - h) * q
        w[1, 1] -= e * slope * v[1] * k * (1 - k) * q
        v[0] -= e * h
        v[1] -= e * k
"""


def test_of_two_losses_the_one_that_leaves_fewer_elements_wrong(tmp_path):
    """V follows a cross-entropy and w the squared errors: 2 elements are wrong, or 4."""
    (finding,) = judged(NEURONS, tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 17)


TYPED = """
import math, random
random.seed(3)
w = [random.uniform(-1, 1) for _ in range(4)]
rows = [([0, 0, 0], 0), ([0, 1, 0], 1), ([1, 0, 1], 1), ([1, 1, 0], 0)]
for epoch in range(30):
    for x, t in rows:
        p = 1 / (1 + math.exp(-(sum(a * b for a, b in zip(w[1:], x)) + w[0])))
        e = t - p
        w[0] += 0.1 * e
        for i in range(1, 4):
            w[i] += 0.1 * e * x[i - 1]
"""


def test_inputs_that_are_typed(tmp_path):
    (finding,) = judged(TYPED, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "BCE")
    (finding,) = judged(TYPED.replace("e * x[i - 1]", "e * p"), tmp_path)
    assert finding.verdict != "correct"


CHANGE = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=20)
y = 2 * x + 1
theta = np.zeros(2)
for step in range(30):
    e = theta[0] + theta[1] * x - y
    change = 0.1 * np.array([e.sum() / 20, (e * x).sum() / 20])
    moved = (abs(change[0] - theta[0]) + abs(change[1] + theta[1])) / 2
    theta = theta - change
"""


def test_any_number_explains_a_step_that_is_replaced_as_a_whole(tmp_path):
    (finding,) = judged(CHANGE, tmp_path)
    assert finding.verdict != "wrong"
