"""Perceptrons in the styles of beginners: each is judged, and none with a mistake is called right.

The truth is known by derivation: all of them are the rule ``w += rate * (t - y) * x``.
"""

import contextlib
import io
import re

import pytest

from xor_torch.backprop.check import check_file
from xor_torch.backprop.judging.judge import judge
from xor_torch.backprop.recording import script

pytestmark = pytest.mark.usefixtures("forked")

PERCEPTRON = """
import random
random.seed(4)
rows = [(random.uniform(-1, 1), random.uniform(-1, 1)) for _ in range(30)]
NO, YES = 0, 1
labels = [YES if a - 2 * b > 0.3 else NO for a, b in rows]
w, b = [0, 0], 0
def answer(x):
    z = w[0] * x[0] + w[1] * x[1] + b
    ANSWER
def learn(x, t, y):
    global b
    for i in range(2):
        w[i] += 0.1 * (t - y) * x[i]
    b += 0.1 * (t - y)
for epoch in range(6):
    wrong = 0
    for x, t in zip(rows, labels):
        y = answer(x)
        if y != t:
            wrong += 1
            learn(x, t, y)
    print(epoch, wrong, w, b, y, type(y) is bool, f"{y}")
    if not wrong:
        break
"""
ANSWERS = {
    "comparison": "return z > 0",
    "truth": "fires = z > 0\n    return bool(fires)",
    "int of a truth": "fires = z > 0\n    return int(fires)",
    "times": "return (z > 0) * 1",
    "and or": "return z > 0 and 1 or 0",
    "index": "return (0, 1)[z > 0]",
    "setting": "return 1 if z > 0 else (2 if NO else 0)",
    "elif": "if z > 0:\n        return 1\n    elif z <= 0:\n        return 0",
    "two ifs": "if z <= 0: y = 0\n    if z > 0: y = 1\n    return y",
    "append": "found = []\n    if z > 0:\n        found.append(1)\n    else:\n"
    "        found.append(0)\n    return found[0]",
    "talks": "if z > 0:\n        print(end='')\n        return 1\n    else:\n"
    "        print(end='')\n        return 0",
    "default": "y = 0\n    n = len(x)\n    if z > 0:\n        y = 1\n    return y",
    "True": "if z > 0:\n        return True\n    else:\n        return False",
}
WRONG = {
    "sign": ("w[i] += 0.1", "w[i] -= 0.1"),
    "sign of the bias": ("b += 0.1", "b -= 0.1"),
    "other sample": ("* x[i]", "* rows[0][i]"),
    "other input": ("* x[i]", "* x[i - 1]"),
    "no sign": ("0.1 * (t - y)", "0.1 * abs(t - y)"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_any_form_is_a_step(name, tmp_path):
    source = PERCEPTRON.replace("ANSWER", ANSWERS[name])
    with contextlib.redirect_stdout(io.StringIO()) as plain:
        exec(compile(source, "plain", "exec"), {"__name__": "__main__"})
    with contextlib.redirect_stdout(io.StringIO()) as recorded:
        script.record(source, "script.py")
    assert recorded.getvalue() == plain.getvalue()
    path = tmp_path / "script.py"
    path.write_text(source)
    verdict = check_file(path)
    assert verdict.verdict == "correct", verdict.report()


@pytest.mark.parametrize("mistake", WRONG)
@pytest.mark.parametrize("name", ["comparison", "elif", "talks"])
def test_a_wrong_perceptron_is_not_right(name, mistake, tmp_path):
    old, new = WRONG[mistake]
    path = tmp_path / "script.py"
    path.write_text(PERCEPTRON.replace("ANSWER", ANSWERS[name]).replace(old, new))
    assert check_file(path).verdict != "correct"


def test_a_bias_that_each_step_overwrites_is_not_passed_over(tmp_path):
    path = tmp_path / "script.py"
    source = PERCEPTRON.replace("ANSWER", ANSWERS["comparison"]).replace("[0, 0], 0", "[0, 0], 0.2")
    path.write_text(source)
    assert check_file(path).verdict == "correct"
    path.write_text(source.replace("b += 0.1", "b = 0.1"))
    assert check_file(path).verdict != "correct"


GATE = """
rows = [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
w, b = [0.0, 0.0], START
def learn(error, x):
    for i in range(2):
        w[i] = w[i] + 0.1 * error * x[i]
    return b - 0.1 * error
for k in range(24):
    x1, x2, t = rows[k % 4]
    s = x1 * w[0] + x2 * w[1] - b
    if s >= 0:
        if t == 0:
            b = learn(-1, (x1, x2))
    elif t == 1:
        b = learn(1, (x1, x2))
"""


def test_a_branch_that_no_update_follows_accuses_nobody(tmp_path):
    """The rule is right; its targets are whole numbers, which are not recorded."""
    path = tmp_path / "script.py"
    path.write_text(GATE.replace("START", "0.1"))
    verdict = check_file(path)
    assert verdict.verdict != "wrong", verdict.report()


COUNTED = """
def answer(x, w):
    return 1.0 if sum(a * b for a, b in zip(x, w)) >= 0.0 else 0.0
def right(rows, w):
    return sum(1.0 for *x, t in rows if answer(x, w) == t) / len(rows)
rows = [[1.0, 0.1 * k * k, float(k % 3 == 0)] for k in range(8)]
w = [0.2, 1.0]
for epoch in range(10):
    rate = right(rows, w)
    for *x, t in rows:
        error = t - answer(x, w)
        for j in range(2):
            w[j] = w[j] + error * x[j]
"""


def test_a_count_of_right_answers_is_no_other_loss(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(COUNTED)
    found = check_file(path).to_json()
    assert (found["verdict"], found["warnings"]) == ("correct", [])


NEURON = """
import random
random.seed(3)
class Neuron:
    def __init__(self):
        self.w = [random.random(), random.random()]
        self.b = BIAS
    def answer(self, x):
        z = sum(w * v for w, v in zip(self.w, x)) SIGN self.b
        return 1 if z >= 0.5 else 0
n = Neuron()
for epoch in range(15):
    for x, t in (([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 1)):
        error = t - n.answer(x)
        for i in range(2):
            n.w[i] += 0.1 * error * x[i]
        UPDATE
"""


@pytest.mark.parametrize("bias", ["0", "0.3"])
def test_a_bias_that_no_step_trains_is_not_passed_over(bias, tmp_path):
    """It may be an int that nothing is added to; a threshold is subtracted."""
    path = tmp_path / "script.py"

    def checked(sign, update):
        source = NEURON.replace("SIGN", sign).replace("UPDATE", update).replace("BIAS", bias)
        path.write_text(source)
        return check_file(path)

    assert checked("+", "n.b += 0.1 * error").verdict == "correct"
    found = checked("+", "n.b = 0.1 * error").to_json()
    assert (found["verdict"], found["line"]) == ("wrong", 17)
    assert "never change" in (checked("+", "pass").reason or "")
    if bias != "0":
        assert checked("-", "n.b -= 0.1 * error").verdict == "correct"
        assert "never change" in (checked("-", "pass").reason or "")


APPENDED = """
import random
random.seed(3)
w = []
for _ in range(3):
    w.append(random.random() - 1)
def answer(x, w):
    z = 0.0
    for i in range(2):
        z += x[i] * w[i]
    z += w[2]
    return 1 if z >= 0 else 0
for epoch in range(15):
    for x, t in (([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 1)):
        error = t - answer(x, w)
        if error != 0:
            for i in range(2):
                w[i] = w[i] + 0.1 * error * x[i]
            UPDATE
"""


def test_a_bias_that_was_appended_to_the_weights_is_not_passed_over(tmp_path):
    path = tmp_path / "script.py"
    for update, verdict in (("w[2] = w[2] + 0.1 * error", "correct"), ("pass", "cannot tell")):
        path.write_text(APPENDED.replace("UPDATE", update))
        assert check_file(path).verdict == verdict


ANSWERS_FIRST = """
import numpy as np
w = np.array([0.5, 0, 1])
x = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]])
t = np.array([0, 0, 0, 1])
y = np.zeros(4, int)
for epoch in range(9):
    for i in range(4):
        y[i] = 1 if np.dot(w, x[i]) > 0 else 0
    change = np.zeros(3)
    for a, b, c in zip(x, t, y):
        if b != c:
            change = change + (b - c) * a
    w = w + change
"""


def test_an_array_of_ints_that_were_chosen(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(ANSWERS_FIRST)
    assert check_file(path).verdict == "correct"
    path.write_text(ANSWERS_FIRST.replace("w + change", "w - change"))
    assert check_file(path).verdict == "wrong"


ROUNDED = """
import numpy as np
rng = np.random.default_rng(SEED)
x = rng.normal(size=(12, 2)) + np.repeat([[-3], [3]], 6, 0)
t = np.repeat([0.0, 1.0], 6)
w = rng.normal(size=2)
def s(z):
    return 1 / (1 + np.exp(-z))
for epoch in range(5):
    g = np.zeros(2)
    for a, b in zip(x, t):
        z = np.dot(a, w)
        g += (np.round(s(z)) - b) * s(z) * (1 - s(z)) * a
    w = w - 0.1 * g
"""


@pytest.mark.parametrize("seed", [0, 2])
def test_a_loss_that_fits_one_sample_by_chance_is_not_named(seed, tmp_path):
    """Each sample alone has so few numbers that some loss fits them, up or down."""
    path = tmp_path / "script.py"
    path.write_text(ROUNDED.replace("SEED", str(seed)))
    assert check_file(path).verdict == "cannot tell"


SUMS = """
import math
import random
random.seed(1)
w, b = [], 0.1
for i in range(2):
    w.append(random.uniform(-1, 1))
data = [([0.2, 0.7], 1.0), ([0.9, -0.3], 0.0), ([-0.5, 0.4], 1.0), ([0.3, 0.8], 0.0)]
for epoch in range(40):
    gw, gb = [0.0, 0.0], 0.0
    for x, t in data:
        z = b
        for i in range(2):
            z += w[i] * x[i]
        y = 1 / (1 + math.exp(-z))
        gb += y - t
        for i in range(2):
            gw[i] += (y - t) * x[i]
    for i in range(2):
        w[i] -= 0.3 * gw[i] / 4
    b -= 0.3 * gb / 4
"""


def test_a_sum_that_begins_with_the_bias_is_no_update_of_it(tmp_path):
    """Elements of a list with the index of another list's are that list's only by chance."""
    path = tmp_path / "script.py"
    path.write_text(SUMS)
    verdict = check_file(path)
    assert verdict.verdict == "correct", verdict.report()
    path.write_text(SUMS.replace("gb += y - t", "gb = y - t"))
    assert check_file(path).verdict == "wrong"
    in_list = SUMS.replace("range(2):\n    w.app", "range(3):\n    w.app")
    in_list = in_list.replace("z = b", "z = w[2]").replace("    b -= 0.3 * gb / 4\n", "")
    path.write_text(in_list)  # the last element is never trained
    assert check_file(path).verdict == "cannot tell"
    in_place = SUMS.replace("z = b", "net[0] = 0; net[0] += fixed[0]; z = net[0]")
    path.write_text("net, fixed = [0], [0.35]" + in_place.replace("    b -= 0.3 * gb / 4\n", ""))
    assert "fixed are used like" in (check_file(path).reason or "")


REDUCED = """
from functools import reduce
import math
data = [((1, 0), 0), ((1, 1), 1), ((1, 2), 1), ((1, -1), 0)]
def step(w, sample):
    x, t = sample
    y = 1 / (1 + math.exp(-(w[0] * x[0] + w[1] * x[1])))
    return [wi + 0.5 * (t - y) * xi for wi, xi in zip(w, x)]
w = [0.1, -0.3]
for _ in range(30):
    w = reduce(step, data, w)
"""


def test_weights_that_no_name_holds_between_two_samples_are_not_known_to_be_wrong(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(REDUCED)
    assert check_file(path).verdict != "wrong"


BY_BRANCHES = """
import random
random.seed(3)
rows = [(random.randint(-5, 5), random.randint(-5, 5)) for _ in range(30)]
labels = [1 if 2 * a - b > 1 else -1 for a, b in rows]
w = [0, 0, 0]
for epoch in range(10):
    for x, t in zip(rows, labels):
        if t * (w[0] + w[1] * x[0] + w[2] * x[1]) <= 0:
            w[0] += t
            w[1] += t * x[0]
            w[2] += t * x[1]
"""


def test_weights_may_be_ints_that_only_a_branch_changes(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(BY_BRANCHES)
    assert check_file(path).verdict == "correct"
    for old, new in (("w[2] += t", "w[2] -= t"), ("t * x[1]\n", "t * x[0]\n")):
        path.write_text(re.sub(re.escape(old) + "(?!.*<=)", new, BY_BRANCHES))
        assert check_file(path).verdict != "correct"


TRUTHS = """
y = z > 0.5
found = [
    y, y + 1, 1 - y, y * 2.5, -y, +y, abs(y), y & True, y | False, y == 1, y is True, y is not True,
    int(y), float(y), bool(y), not y, [5, 6][y], "ab" * y, f"{y}", "%d %s" % (y, y), repr([y]),
    isinstance(y, bool), type(y), type(1 if z > 0 else 2), type(z), sum([y, y]), max(y, 0),
    {True: "a", False: "b"}[y], y and 3, sorted([True, y]), hash(y), round(y), z == z, "a" == "b",
    (1, 2) < (1, 3), int(z), int("7"), int(" 12", 5), z > 0 and 1 or 0, [1, 2][z < 0],
]
"""


@pytest.mark.parametrize("z", [0.7, -0.7])
def test_a_truth_value_is_the_one_that_python_has(z):
    source = f"z = {z}{TRUTHS}"
    plain = {}
    exec(source, plain)
    found, _ = script.record(source, "script.py")
    assert repr(found["found"]) == repr(plain["found"])


def test_what_takes_only_pythons_ints_gets_them():
    source = """
import json, datetime
from decimal import Decimal
from fractions import Fraction
z = 0.7
y, fires = 1 if z > 0.5 else 0, z > 0.5
found = [
    json.dumps({"w": [y, fires], "z": (z, 2)}), json.dumps([y, [fires]], indent=2), Decimal(y),
    Fraction(y, 3), datetime.timedelta(days=y), json.dumps(None, sort_keys=True),
]
"""
    plain = {}
    exec(source, plain)
    found, _ = script.record(source, "script.py")
    assert repr(found["found"]) == repr(plain["found"])


def test_an_instruction_has_one_place_when_python_has_specialised_it():
    source = "w = 0.5\nfor n in range(40):\n    d = abs(w)\n    w -= 0.1 * d\n"
    _, tape = script.record(source, "script.py")
    assert len({node.site for node in tape.nodes if node.op == "absolute"}) == 1


BY_ERROR = """
import random
random.seed(3)
rows = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(20)]
w, b = [0.0, 0.0], 0.3
for k in range(60):
    x = rows[k % 20]
    t = 1 if x[0] - x[1] > 0.2 else 0
    y = 1 if x[0] * w[0] + x[1] * w[1] + b > 0 else 0
    if t == 0 and y == 1:
        error = -1
    elif y == 0 and t == 1:
        error = 1
    else:
        error = 0
    if error:
        w[0] += 0.1 * error * x[0]
        w[1] += 0.1 * error * x[1]
        b += 0.1 * error
"""
DOTS_OF_LISTS = """
import numpy as np
rows, targets, w = [[-1, 0, 0], [-1, 0, 1], [-1, 1, 0], [-1, 1, 1]], [0, 0, 0, 1], [0, 1, -1]
for k in range(60):
    x, t = rows[k % 4], targets[k % 4]
    y = 1 if np.dot(x, w) > 0 else 0
    if y != t:
        for i in range(3):
            w[i] = w[i] + 0.6 * (t - y) * x[i]
"""


@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        (BY_ERROR, "error = -1", "error = 1"),
        (BY_ERROR, "error = 1\n", "error = -1\n"),
        (BY_ERROR, "error * x[1]", "error * x[0]"),
        (DOTS_OF_LISTS, "(t - y)", "(y - t)"),
        (DOTS_OF_LISTS, "x[i]\n", "x[i - 1]\n"),
    ],
)
def test_targets_computed_from_the_data_and_products_of_lists(source, right, wrong):
    for text in (source, source.replace(right, wrong)):
        verdicts = [f.verdict for f in judge(script.record(text, "script.py")[1])]
        assert (verdicts == ["correct"]) is (text == source), verdicts


AND = """
w, b = [0, 0], 0
X, T = [[0, 0], [0, 1], [1, 0], [1, 1]], [-1, -1, -1, 1]
for epoch in range(10):
    for i in range(4):
        z = 0
        for j in range(2):
            z += X[i][j] * w[j]
        z += b
        y = 1 if z >= 0 else -1
        error = T[i] - y
        if y != T[i]:
            for j in range(2):
                w[j] += 0.5 * error * X[i][j]
            b += 0.5 * error
"""


@pytest.mark.parametrize(
    ("wrong", "factor"), [("0.5 * X", 0.5), ("0.5 * X", 1), ("-0.5 * error * X", 0.5)]
)
def test_weights_that_are_asked_are_no_momentum(wrong, factor):
    """The sum of their products moves the bias; a momentum moves it number by number."""
    source = AND.replace("b += 0.5", f"b += {factor}")
    for text in (AND, source.replace("0.5 * error * X", wrong)):
        (finding,) = judge(script.record(text, "script.py")[1])
        assert (finding.verdict == "correct") is (text == AND), finding


ONE_WEIGHT = """
w, x, t, error = 0.55, 1, 0, 9
while error != 0:
    y = 1 if x * w > 0 else 0
    error = t - y
    w = w + 0.1 * error * x
"""


def test_steps_whose_data_never_change():
    (finding,) = judge(script.record(ONE_WEIGHT, "script.py")[1])
    assert finding.reason.startswith("the steps of w read no data that change, and the loop")
