"""Networks of Python floats: the script's own numbers, the tape and the verdict.

The file is long because it goes with the same networks from their numbers to the verdict.
"""

import contextlib
import functools
import io
import json
import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.backprop.planted import assert_no_verdict
from tests.backprop.python import FILES, MISTAKES
from tests.backprop.test_judge import judged
from xor_torch.backprop import replay
from xor_torch.backprop.check import check_file
from xor_torch.backprop.recording import places, script
from xor_torch.backprop.recording.limits import Limits
from xor_torch.backprop.recording.number import Number, Whole
from xor_torch.backprop.recording.recorder import Recorder

pytestmark = pytest.mark.usefixtures("forked")

ROOT = Path(__file__).parents[2]
ALL = Limits(updates=10**9, nodes=10**9, nodes_before=10**9, slow_loop_seconds=1e9, seconds=600)
QUICK = {
    "worked",
    "line",
    "recurrent",
    "slots",
    "mixed",
    "passed",
    "boxes",
    "last_change",
    "leaky",
    "sparse",
    "twice",
    "stops",
    "words",
    "grids",
    "apart",
    "units",
    "likelihood",
    "off",
    "front",
    "fires",
    "answers",
    "columns",
}


def quick(names, file_of=lambda name: name):
    """The quick ones in a short recording; marked as slow, all of them in a longer one."""
    short = [pytest.param(n, id=n) for n in names if file_of(n) in QUICK]
    return short + [pytest.param(n, marks=pytest.mark.slow, id=f"{n}-longer") for n in names]


def printed(run):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        found = run()
    return found, text.getvalue()


# ------------------------------------------------------------------- the script's own numbers


@pytest.mark.parametrize("name", FILES)
def test_the_script_prints_what_it_would_print(name):
    source = FILES[name].read_text()
    _, plain = printed(lambda: exec(compile(source, name, "exec"), {"__name__": "__main__"}))
    _, recorded = printed(lambda: script.Run(Recorder(ALL)).script(source, f"{name}.py"))
    assert recorded == plain


EXPRESSIONS = """
x + 1, 1 - x, x * 2.5, 2 / x, x ** 2, x ** 0.5, 2 ** x, x // 0.3, x % 0.3, -x, +x, abs(-x),
divmod(x, 0.3), round(x), round(x, 2), int(x), float(x), bool(x), x < 1, x == 0.7, x != x, 1 > x,
sum([x, 0.1, 0.2, y]), sum([0.1] * 10), sum((x, y), 0.3), sum(v * 2 for v in (x, y)), sum([]),
max(x, y), max(0, -x), max(0.0, -x), min([x, y, 3]), max([x]), max(0, x), min(x, y, key=abs),
max([], default=3), sorted([y, x, 0.5]), [x, y].index(y), x in [y, x], hash(x) == hash(0.7),
str(x), repr([x]), f"{x:.3f} {x!r} {x}", "%.2f" % x, "{:e}".format(x), isinstance(x, float),
x.is_integer(), x.hex(), x.real, x.as_integer_ratio(), x.conjugate(), json.dumps([x, y]),
pickle.loads(pickle.dumps(x)), type(pickle.loads(pickle.dumps([x]))[0]) is float,
copy.deepcopy([x, {"a": y}]), copy.copy(x), type(x)(3) / 2, complex(x, 1) * x, x * 1j,
math.exp(x), math.log(x), math.log(x, 2), math.log2(x), math.sqrt(x), math.pow(x, 2),
math.tanh(x), math.atan2(x, y), math.hypot(x, y), math.hypot(x, y, 1), math.fsum([x, y, 0.1]),
math.floor(x), math.isnan(x), math.erf(x), math.gamma(x), math.dist([x], [y]), math.copysign(1, -x),
math.prod([x, y]), math.isclose(x, y), statistics.mean([x, y, 0.4]), Fraction(x), Decimal(x),
np.exp(x), np.array([x, y]).tolist(), np.dot([x, y], [1, 2]), np.maximum(x, 1), x * np.ones(2),
np.float64(2) * x, np.clip(x, 0, 0.5), np.mean([x, y]), np.round(x, 1), np.sum([x, y]), np.sqrt(x)
"""


def test_a_number_is_a_float_to_the_last_digit():
    imports = (
        "import copy, json, math, pickle, statistics\nimport numpy as np\n"
        "from decimal import Decimal\nfrom fractions import Fraction\n"
    )
    cases = [f"z{n} = {e}" for n, e in enumerate(_split(EXPRESSIONS))]
    source = f"{imports}x = 0.7\ny = 1.9\n" + "\n".join(cases)
    plain = {}
    exec(source, plain)
    found, _ = script.record(source, "script.py", ALL)
    assert type(found["x"]) is Number
    for n, case in enumerate(cases):
        a, b = plain[f"z{n}"], found[f"z{n}"]
        if "np." in case:
            assert np.array_equal(a, b), case
        else:
            assert (repr(b), b) == (repr(a), a), case
            assert isinstance(b, type(a)), case


def _split(expressions):
    """The parts between the commas that are outside all brackets."""
    parts, depth = [""], 0
    for c in expressions.replace("\n", " "):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts if p.strip()]


@pytest.mark.parametrize("statement", ["1 / x", "math.log(x)", "x ** -1", "math.exp(x + 1e4)"])
def test_an_error_is_pythons(statement):
    source = f"import math\nx = 0.0\n{statement}\n"
    with pytest.raises((ArithmeticError, ValueError)) as a:
        exec(source, {})
    with pytest.raises((ArithmeticError, ValueError)) as b:
        script.record(source, "script.py")
    assert (type(a.value), str(a.value)) == (type(b.value), str(b.value))


STORES = """
class A:
    limit = 0.5
    def __init__(self):
        self.__x = 1.5
        self.values = [0.5, 1.5]
    def step(self):
        self.__x -= 0.25 * self.__x
        self.values[-1] *= 2
        self.values[0], self.values[1] = self.values[1], self.values[0]
        return self.__x
a = A()
steps = [a.step() for _ in range(3)]
d = {"w": [[0.1, 0.2], [0.3, 0.4]], 1: 0.5}
row = d["w"][0]
row[1] += d["w"][1][0]
d[1] /= 3
d["w"][1][:] = [7.0, 8.0]
d["new"] = d["w"][0][1]
e = [0.0] * 3
e[1] = 1.0
f = [[0.0] * 2] * 2
f[0][0] = 5.0
g = h = 0.25
g += 1
i, (j, k) = 0.1, (0.2, 0.3)
n = 3
n += 1
text = "a"
text += "b"
items = [1]
items += [2.5]
items[0] = "x"
i: float = 0.75
nested = [(0.5, [0.25])]
nested[0][1][0] += 1
class B:
    pass
b = B()
n, d[n] = 4, 2.5
b.both, (b.left, b.right), b.__dict__["z"] = 0.5, (1.5, 2.5), 3.5
b.same = e[2] = same = 0.125
e[0], *rest = 0.25, 0.5
b.late: float = 4.5
class Own(list):
    def append(self, x):
        super().append(2 * x)
        return self
own = Own([0.5]).append(1.5)
o = [0.5, 1.5, 2.5]
taken = o.pop(0), o.remove(2.5), o.insert(0, o.pop() + 1), o.extend([3.5, 4.5])
del o[0], o[:1]
o[1:] = 0.25, 0.75
def count():
    global n
    n += 0.5
count()
end = (steps, vars(a), d, row, e, f, g, h, i, j, k, n, text, items, nested, A.limit)
end += (vars(b), same, rest, own, o, taken)
"""


def test_places_hold_what_they_would_hold():
    plain = {}
    exec(STORES, plain)
    found, _ = script.record(STORES, "script.py")
    assert repr(found["end"]) == repr(plain["end"])
    assert type(found["n"]) is Number
    assert found["d"]["w"][0] is found["row"]


WHOLES = """
y = 1 if z > 0.5 else 0
y + 1, 1 - y, y * 2.5, 0.5 * y, 2 / (y + 1), y ** 2, 2 ** y, y // 2, y % 2, -y, +y, abs(-y), ~y,
divmod(y, 2), divmod(3, y + 1), round(y), round(y, -1), int(y), float(y), bool(y), y < 1, y == 1,
y != 2, 1 > y, y & 1, 3 ^ y, y << 2, sum([y, 1, y]), max(y, 3), min(0.5, y), [5, 6][y], "ab" * y,
range(y), {1: "one", 0: "none"}[y], f"{y:03d}", "%d %s" % (y, y), str(y), repr([y]), hash(y),
isinstance(y, int), y.bit_length(), sorted([3, y, 2]), y in (0, 1), math.exp(y), math.log(y + 2, 3),
(2 if z > 3 else -1), (1.0 if z < 3 else 0), int(y), copy.deepcopy([y]), y * x, x * y, x > y,
pickle.loads(pickle.dumps(y)), np.array([y, 2]), np.exp(y), y * np.ones(2), np.ones(2) - y,
np.array([3, 4])[y]
"""


@pytest.mark.parametrize("z", [0.7, -0.7])
def test_a_chosen_number_is_a_whole_number_as_python_has_it(z):
    before, _, rest = WHOLES.strip().partition("\n")
    source = f"import copy, math, pickle\nimport numpy as np\nx, z = 0.3, {z}\n{before}\n"
    source += f"found = [{' '.join(rest.splitlines())}]\n"
    plain = {}
    exec(source, plain)
    found, _ = script.record(source, "script.py")
    assert type(found["y"]) is Whole
    assert repr(found["found"]) == repr(plain["found"])


CHOICES = """
def first(z):
    if z >= 0:
        return 1
    return -1.0
def second(z):
    if z > 0.5:
        return 1
    elif z < -0.5:
        return -1
    else:
        return 0
def third(z):
    y = 0
    if z > 0:
        y = 1
    return y
def fourth(z):
    if z > 0:
        y = 1
    else:
        y = 0
    return y
def fifth(z):
    if z > 2: return 3
    if z > 0.2: return 2
    return 1
class Unit:
    def fire(self, z):
        self.y = 1 if z > 0 else 0
        return self.y
zs = [-2.0, -0.3, 0.1, 0.9, 5.0]
found = [[f(z) for z in zs] for f in (first, second, third, fourth, fifth, Unit().fire)]
"""


def test_a_statement_that_chooses_a_typed_number_is_a_step_without_a_branch():
    plain = {}
    exec(CHOICES, plain)
    found, tape = script.record(CHOICES, "script.py")
    assert repr(found["found"]) == repr(plain["found"])
    assert not tape.branches
    assert all(type(y) in (Number, Whole) for some in found["found"] for y in some)


def test_a_computed_number_is_chosen_as_python_chooses_it():
    """What is not chosen may not be there, or fail; numbers that record are data, not a branch."""
    source = """
class Settings:
    base = 3
    rate = base if base > 2 else 1
x = 0.5
a = x if x > 0 else missing
b = [1][5] if x < 0 else -x
c = "big" if x > 0 else x
d = [x] if x < 0 else [b]
"""
    recorder = Recorder(ALL)
    found = script.Run(recorder).script(source, "script.py")
    assert (found["a"], found["b"], found["c"], found["d"]) == (0.5, -0.5, "big", [-0.5])
    assert found["Settings"].rate == 3
    assert not any(n.op == "where" for n in recorder.tape.nodes)
    assert len(recorder.tape.branches) == 4
    recorder = Recorder(ALL)
    script.Run(recorder).script("x = 0.5\ny = x if x > 0 else 2 * x\n", "script.py")
    assert recorder.tape.nodes[-1].op == "where"
    assert not recorder.tape.branches


def test_an_int_that_is_computed_from_an_array_is_a_branch():
    """It chooses an item of a list or a shape: with other numbers, that would be another one."""
    for source in (
        "k = [5, 6, 7][np.argmax(z)]", "k = list(range(2, 9))[z.astype(int)[0]]",
        "k = np.zeros(int(2 * z[0])).size", "k = np.ones((3, np.argmax(z)))[:, 0]",
    ):  # fmt: skip
        recorder = Recorder(ALL)
        text = f"import numpy as np\nz = np.array([0.7, 3.2, 1.5]) * 1.0\n{source}\n"
        found = script.Run(recorder).script(text, "script.py")
        plain = {}
        exec(text, plain)
        assert np.array_equal(found["k"], plain["k"])
        assert recorder.tape.branches, source
        assert not any(n.op == "lost" for n in recorder.tape.nodes), source


def test_a_large_float_is_recorded_and_a_large_int_is_not():
    recorder = Recorder(ALL)
    source = "x = 0.5\ny = x * 1e20\nn = 2\nn += 1\nn += 2**60\n"
    script.Run(recorder).script(source, "script.py")
    values = [float(n.value) for n in recorder.tape.nodes if n.op in ("add", "multiply")]
    assert values == [5e19, 3.0]


def test_what_is_not_there_is_not_asked_for():
    """The second comparison is made only if the first has failed."""
    source = (
        "f = lambda x: 1 if len(x) < 2 else 0 if x[1] > 0.5 else -1\ny = f([0.3]), f([1.0, 2.0])"
    )
    assert repr(script.record(source, "script.py")[0]["y"]) == "(1, 0)"


# ------------------------------------------------------------------------------ the tape


@functools.cache
def recorded(source):
    """The tape of a script's first updates (do not change it), and the limit that it reached."""
    recorder = Recorder(Limits(updates=40, slow_loop_seconds=1e9))
    with contextlib.redirect_stdout(io.StringIO()):
        script.Run(recorder).script(source, "script.py")
    recorder.full = True
    return recorder.finished()


@pytest.mark.parametrize("name", FILES)
def test_the_tape_repeats_every_number(name):
    tape, limit = recorded(FILES[name].read_text())
    assert limit is None
    given = {n.id: replay.tensor(n.value) for n in tape.nodes if not n.inputs or n.op == "rounded"}
    values = replay.run(tape, [n.id for n in tape.nodes], given)
    # lists that were filled by append record from their first update on
    first = {tape.nodes[new].name: new for _, new in reversed(tape.links)}
    later = tape.nodes[max(first.values()) :]
    assert not any(n.op in ("lost", "foreign") for n in later)
    was = [replay.tensor(node.value) for node in tape.nodes]
    again = [values[node.id] for node in tape.nodes]
    assert [x.shape for x in again] == [x.shape for x in was]
    torch.testing.assert_close(*map(together, (again, was)), rtol=1e-9, atol=1e-12)


def together(tensors):
    """All their numbers in one tensor: comparing thousands one by one takes seconds."""
    return torch.cat([x.double().flatten() for x in tensors])


NAMES = {
    "neurons": {"network[0]['weights']": (2, 3), "network[1]['weights']": (2, 3)},
    "worked": dict.fromkeys(["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "b1", "b2"], (1,)),
    "objects": {
        "net.hidden.neurons.weights": (3, 2), "net.hidden.neurons.bias": (3,),
        "net.out.neurons.weights": (1, 3), "net.out.neurons.bias": (1,),
    },
    "matrices": {"W": (3, 3), "V": (3, 1)},
    "line": {"m": (1,), "b": (1,)},
    "passed": dict.fromkeys(["w", "v", "b", "c"], (1,)),
    "boxes": {
        "net.weights[0].rows": (2, 3), "net.biases[0].rows": (1, 3),
        "net.weights[1].rows": (3, 1), "net.biases[1].rows": (1, 1),
    },
    "logistic": {"weights": (2,), "bias": (1,)},
    "words": {"weights": (6,), "bias": (1,)},
    "units": {"hidden": (4, 3), "output": (2, 5)},
    "layered": {
        **{f"{kind}[{n}]": s for kind in ("weights", "speeds") for n, s in enumerate(
            [(4, 2), (3, 4), (1, 3)]
        )},
        "biases[0]": (4,), "biases[1]": (3,), "biases[2]": (1,),
    },
    "softmax": {"first.w": (5, 2), "first.b": (5,), "second.w": (3, 5), "second.b": (3,)},
    "appended": {"first.data": (3, 3), "second.data": (1, 4)},
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_arrays_with_the_names_of_a_reader(name):
    tape, _ = recorded(FILES[name].read_text())
    found = {tape.nodes[new].name: tape.nodes[new].shape for _, new in tape.links}
    assert found == NAMES[name]


def test_a_step_of_momentum_is_made_of_arrays():
    """So the rules for optimisers in NumPy hold for Python floats, too."""
    tape, _ = recorded(FILES["layered"].read_text())
    _, new = tape.links[-30]
    names = {tape.nodes[n].name: tape.nodes[n] for _, n in tape.links if n <= new}
    step = names["weights[0]"]
    assert step.op == "add"
    assert [tape.nodes[i].name for i in step.inputs] == ["weights[0]", "speeds[0]"]


# --------------------------------------------------------------------------- the verdict


@pytest.mark.parametrize("name", quick(FILES))
def test_a_right_network_is_right(name):
    verdict = check_file(FILES[name])
    assert verdict.verdict == "correct", verdict.report()


def test_an_answer_may_be_compared_with_a_typed_number(tmp_path):
    """A right perceptron, whose updates two ``if`` statements make, one for each label."""
    path = tmp_path / "script.py"
    source = THRESHOLD.replace("error = label - int(", "y = int(")
    update = """        if y == 1 and label == 0:
            w[0] -= rate * x[0]
            w[1] -= rate * x[1]
            threshold += rate
        elif y == 0 and label == 1:
            w[0] += rate * x[0]
            w[1] += rate * x[1]
            threshold -= rate
"""
    path.write_text(source.partition("        w[0] +=")[0] + update)
    assert check_file(path).verdict == "correct"


def test_a_running_sum_that_nobody_has_read_is_not_looked_into():
    """So that an engine that adds up a gradient for each value is recorded in a few seconds."""
    recorder = Recorder(Limits(updates=40, slow_loop_seconds=1e9))
    with contextlib.redirect_stdout(io.StringIO()):
        script.Run(recorder).script(FILES["engine"].read_text(), "script.py")
    looked_at = sum(map(len, recorder.updates._independent.values()))
    assert looked_at < len(recorder.tape.nodes)


def test_a_weight_is_read_and_replaced_under_another_name(tmp_path):
    path = tmp_path / "script.py"
    path.write_text("""
class Unit:
    def __init__(self):
        self.w, self.b = 0.3, 0.1
unit = Unit()
for epoch in range(10):
    for x, y in [(0.5, 1.2), (1.5, 2.0), (-0.7, 0.1), (2.2, 3.3)]:
        w = unit.w
        b = unit.b
        e = w * x + b - y
        unit.w = w - 0.1 * e * x
        unit.b = b - 0.1 * e
""")
    assert check_file(path).verdict == "correct"


THRESHOLD = """
import random
random.seed(2)
rows = [[random.gauss(0, 1), random.gauss(0, 1)] for _ in range(30)]
labels = [1 if a + b > 0.5 else 0 for a, b in rows]
w, threshold, rate = [0.1, -0.2], 0.3, 0.1
for epoch in range(8):
    for x, label in zip(rows, labels):
        error = label - int(w[0] * x[0] + w[1] * x[1] >= threshold)
        w[0] += rate * error * x[0]
        w[1] += rate * error * x[1]
        threshold -= rate * error
"""


def test_a_threshold_that_is_trained_is_a_bias(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(THRESHOLD)
    assert check_file(path).verdict == "correct"
    path.write_text(THRESHOLD.replace("threshold -=", "threshold +="))
    found = check_file(path).to_json()
    assert (found["verdict"], found["mistake"]) == ("wrong", "wrong sign")


def test_the_step_of_an_activation_is_no_answer_of_a_perceptron(tmp_path):
    """``step(o) - t`` in place of ``o - t``, with a sigmoid o, is a mistake."""
    path = tmp_path / "script.py"
    source = FILES["worked"].read_text()
    assert "(o1 - " in source
    path.write_text(source.replace("(o1 - ", "((1 if o1 > 0.5 else 0) - "))
    assert check_file(path).verdict != "correct"


ROUNDED = """
import math
xs, ys = [[0.5, 1.2], [2.0, -0.3], [-1.0, 0.7], [0.1, 0.4]], [0, 1, 0, 1]
w, b = [0.1, 0.2], 0.0
for epoch in range(20):
    g, gb = [0.0, 0.0], 0.0
    for x, y in zip(xs, ys):
        p = 1 / (1 + math.exp(-round(w[0] * x[0] + w[1] * x[1] + b, 10)))
        for i in range(2):
            g[i] += (p - y) * x[i]
        gb += p - y
    for i in range(2):
        w[i] = w[i] - 0.1 * g[i]
        w[i] = round(w[i], 10)
    b = round(b - 0.1 * gb, 10)
"""


def test_numbers_that_are_rounded_to_many_digits_are_the_same(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(ROUNDED)
    assert check_file(path).verdict == "correct"
    path.write_text(ROUNDED.replace("gb += p - y", "gb -= p - y"))
    assert check_file(path).to_json()["verdict"] == "wrong"


def test_a_change_may_be_the_sum_of_many_terms(tmp_path):
    """A batch of 60 samples, whose gradients are summed number by number."""
    path = tmp_path / "script.py"
    path.write_text("""
import random
random.seed(1)
class Line:
    def __init__(self):
        self.w, self.b, self.dw, self.db = 0.5, 0.1, 0.0, 0.0
unit = Line()
points = [(random.random(), random.random()) for _ in range(60)]
for epoch in range(8):
    unit.dw = unit.db = 0
    for x, y in points:
        error = unit.w * x + unit.b - y
        unit.dw += error * x * 0.01 + 0.0 * x
        unit.db += error * 0.01 + 0.0 * x
    unit.w -= unit.dw
    unit.b -= unit.db
""")
    assert check_file(path).verdict == "correct"


MOMENTUM = """
import math, random
random.seed(3)
class Unit:
    def __init__(self, n):
        self.weight = [random.uniform(-0.5, 0.5) for _ in range(n)]
        self.last = [0.0] * n
    def fire(self, x):
        self.x = x
        self.out = math.tanh(sum(a * b for a, b in zip(x, self.weight)))
        return self.out
    def learn(self, d, rate=0.5, momentum=0.1):
        change = [rate * x * d + momentum * c for x, c in zip(self.x, self.last)]
        self.weight = [w + c for w, c in zip(self.weight, change)]
        self.last = [x * d for x in self.x]
hidden, outer = [Unit(3) for _ in range(2)], [Unit(2) for _ in range(1)]
rows = [([0, 0, 1], [0]), ([0, 1, 1], [1]), ([1, 0, 1], [1]), ([1, 1, 1], [0])]
for epoch in range(12):
    for x, wanted in rows:
        h = [unit.fire(x) for unit in hidden]
        out = [unit.fire(h) for unit in outer]
        d = [(y - o) * (1 - o * o) for y, o in zip(wanted, out)]
        sums = [sum([e * unit.weight[k] for e, unit in zip(d, outer)]) for k in range(2)]
        back = [e * (1 - v * v) for e, v in zip(sums, h)]
        for e, unit in zip(d + back, outer + hidden):
            unit.learn(e)
"""


def test_a_momentum_may_remember_the_gradient_without_the_rate(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(MOMENTUM)
    assert check_file(path).verdict == "correct"
    assert_no_verdict(path, MOMENTUM.replace("+ momentum * c", "- momentum * c"), "momentum")
    path.write_text(MOMENTUM.replace("[e * (1 - v * v)", "[e"))
    assert check_file(path).verdict == "wrong"


AHEAD = """
import math, random
random.seed(1)
w, v, mu, b = 0.4, 0.0, 0.9, 0.1
data = [(random.gauss(0, 1), random.gauss(0, 1)) for _ in range(8)]
for step in range(40):
    x, t = data[step % 8]
    look = w + mu * v
    y = math.tanh(look * x + b)
    d = (y - t) * (1 - y * y)
    v = mu * v - 0.05 * d * x
    w = w + v
    b = b - 0.05 * d
"""
LEAK = """
import math
w, u, b, h = 0.4, 0.3, 0.1, 0.0
for step in range(40):
    x, t = math.sin(step), math.sin(step - 1)
    h = 0.5 * h + w * x
    d = u * h + b - t
    w -= 0.05 * d * u * x
    u -= 0.05 * d * h
    b -= 0.05 * d
"""


STABLE = """
import math
w = [0.0, 0.0, 0.0]
rows = [([2, 1, 1], 1), ([3, 0, 1], 0), ([0, 2, 1], 1)]

def sigmoid(z):
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    e = math.exp(z)
    return 1 - 1 / (1 + e)

for step in range(20):
    s = [0, 0, 0]
    for x, t in rows:
        d = t - sigmoid(sum(a * b for a, b in zip(x, w)))
        for k in range(3):
            s[k] += d * x[k]
    for k in range(3):
        w[k] *= 0.99
        w[k] += 0.1 * s[k]
"""


@pytest.mark.parametrize(
    "source, right, wrong",
    [
        (AHEAD, "0.05 * d * x", "0.05 * d"),
        (LEAK, "d * u * x", "d * x"),
        (STABLE, "s[k] += d * x[k]", "s[k] += d * abs(x[k] - 1)"),
    ],
    ids=["a look ahead by a momentum", "a weight of a state that leaks", "a decay, two branches"],
)
def test_single_numbers_decay(source, right, wrong, tmp_path):
    """A weight that moves one number only, the state, is no state of an optimiser."""
    path = tmp_path / "script.py"
    path.write_text(source)
    assert check_file(path).verdict == "correct"
    path.write_text(source.replace(right, wrong))
    assert check_file(path).verdict == "wrong"


ADAM = """
import math, random
random.seed(1)
W = [[random.uniform(-1, 1) for _ in range(2)] for _ in range(3)]
u, c = [random.uniform(-1, 1) for _ in range(3)], [0.0]
mW, vW = [[0.0, 0.0] for _ in W], [[0.0, 0.0] for _ in W]
mu, vu, mc, vc = [0.0] * 3, [0.0] * 3, [0.0], [0.0]
M, V = {}, {}
data = [([0, 0], -1), ([0, 1], 1), ([1, 0], 1), ([1, 1], -1)]

def adam(p, m, v, i, g, t):
    m[i] = 0.9 * m[i] + 0.1 * g
    v[i] = 0.99 * v[i] + 0.01 * g * g
    p[i] -= 0.01 * m[i] / (1 - 0.9 ** t) / (math.sqrt(v[i] / (1 - 0.99 ** t)) + 1e-8)

for t in range(1, 30):
    x, y = data[t % 4]
    h = [math.tanh(sum(a * b for a, b in zip(w, x))) for w in W]
    p = math.tanh(sum(a * b for a, b in zip(u, h)) + c[0])
    d = (p - y) * (1 - p * p)
    e = [d * b * (1 - a * a) for a, b in zip(h, u)]
    for j in range(3):
        adam(u, mu, vu, j, d * h[j], t)
        for i in range(2):
            adam(W[j], mW[j], vW[j], i, e[j] * x[i], t)
    adam(c, mc, vc, 0, d, t)
"""
ONE_DICTIONARY = """
def adam(p, m, v, i, g, t):
    k = id(p), i
    M[k] = 0.9 * M.get(k, 0.0) + 0.1 * g
    V[k] = 0.99 * V.get(k, 0.0) + 0.01 * g * g
    p[i] -= 0.01 * M[k] / (1 - 0.9 ** t) / (math.sqrt(V[k] / (1 - 0.99 ** t)) + 1e-8)

for"""


def test_adam_of_single_numbers(tmp_path):
    """With one dictionary for all its states it is not judged, but it is not wrong either."""
    path = tmp_path / "script.py"
    path.write_text(ADAM)
    assert check_file(path).verdict == "correct"
    path.write_text(ADAM.replace("(1 - a * a)", "(1 - a)"))
    assert check_file(path).verdict == "wrong"
    path.write_text(ADAM.replace("\nfor", ONE_DICTIONARY))
    assert check_file(path).verdict != "wrong"


NUMPY_PERCEPTRON = """
import numpy as np
rng = np.random.default_rng(3)
X = rng.normal(size=(40, 2))
T = np.where(X[:, 0] - X[:, 1] > 0.2, 1.0, -1.0)
w, b, rate = np.zeros(2), 0.0, 0.5
for epoch in range(6):
    for x, t in zip(X, T):
        z = np.dot(w, x) + b
        STEP
"""
STEPS = {
    "where": """y = np.where(z > 0, 1.0, -1.0)
        w += rate * (t - y) * x
        b += rate * (t - y)""",
    "sign": """w = w + rate * (t - np.sign(z)) * x
        b = b + rate * (t - np.sign(z))""",
    "if": """y = 1.0 if z > 0 else -1.0
        w += rate * (t - y) * x
        b += rate * (t - y)""",
    "branch": """if t * z <= 0:
            w += rate * t * x
            b += rate * t""",
    "continue": """y = 1 if z > 0 else -1
        if y == t:
            continue
        w += rate * t * x
        b += rate * t""",
}


@pytest.mark.parametrize("name", STEPS)
def test_a_perceptron_follows_its_loss(name, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(NUMPY_PERCEPTRON.replace("STEP", STEPS[name]))
    verdict = check_file(path)
    assert verdict.verdict == "correct", verdict.report()
    text = path.read_text()
    path.write_text(re.sub(r"([wb]) (?:\+=|= . \+) rate", r"\1 -= rate", text))
    found = check_file(path).to_json()
    assert (found["verdict"], found["mistake"]) == ("wrong", "wrong sign")


def test_a_rate_that_an_if_lowers_is_no_weight(tmp_path):
    path = tmp_path / "script.py"
    source = "rate = 0.01\n" + FILES["line"].read_text().replace("points, 0.01", "points, rate")
    path.write_text(
        source.replace(
            "    m, b = step", "    if rate > 1e-6:\n        rate -= 1e-7\n    m, b = step"
        )
    )
    assert check_file(path).verdict == "correct"


@pytest.mark.parametrize("name", ["words", "likelihood"])
def test_steps_down_a_likelihood_have_the_wrong_sign(name, tmp_path):
    path = tmp_path / "script.py"
    update = r"^( *(?:w|bias|weights\[word\])) \+="
    path.write_text(re.sub(update, r"\1 -=", FILES[name].read_text(), flags=re.MULTILINE))
    assert check_file(path).to_json()["mistake"] == "wrong sign"


@pytest.mark.parametrize("id", quick(MISTAKES, lambda id: MISTAKES[id].file))
def test_a_mistake_is_found(id, tmp_path):
    mistake = MISTAKES[id]
    path = tmp_path / "script.py"
    path.write_text(mistake.source(FILES))
    found = check_file(path).to_json()
    assert found["verdict"] == ("cannot tell" if mistake.undecided else "wrong"), found
    if "forgotten" in id and mistake.undecided:
        assert "never change" in found["reason"]


@pytest.mark.parametrize("id", ["columns-raw error", "columns-updated too early"])
def test_what_a_shared_function_computes_is_wrong_where_it_is_called(id, tmp_path):
    """The product of matrices is right in the forward pass, so its own line is right."""
    path = tmp_path / "script.py"
    path.write_text(MISTAKES[id].source(FILES))
    found = check_file(path).to_json()
    line = path.read_text().splitlines()[found["line"] - 1]
    assert line.strip().startswith("error = weights[k].turned @")
    assert found["variable"] == "error"


def test_a_number_that_is_not_one_is_data_like_others(tmp_path):
    """One step had a nan: the numbers are followed all the same."""
    path = tmp_path / "script.py"
    source = FILES["line"].read_text()
    path.write_text(source + "\nfor x in (1.0, math.nan, 2.0):\n    print(w * x)\n")
    assert "followed" not in (check_file(path).reason or "")


LINE = """import math
w, b = 0.5, 0.1
xs, ys = [1.0, 2.0, 3.5, 0.2], [0.1, 0.4, 0.5, 0.9]
for e in range(50):
    for x, y in zip(xs, ys):
        p = w * x + b
        d = p - y
        loss = d * d / 2
        w -= 0.05 * d * x
        b -= 0.05 * d
"""


def test_the_example_for_graders(tmp_path):
    grading = (ROOT / "docs/grading.md").read_text()
    section = grading[grading.index("## Whole scripts") :].partition("\n## ")[0]
    script, _, said = re.findall(
        r"^```(?:python|text)\n(.*?)^```", section, re.DOTALL | re.MULTILINE
    )
    path = tmp_path / "handed_in.py"
    path.write_text(script)
    assert check_file(path).report().splitlines()[0].replace(str(path), path.name) == said.strip()


UNSEEN = {
    "text": ("d = p - y", "d = float('%.6f' % p) - y + 0 * p"),
    "ratio": ("d = p - y", "n, m = p.as_integer_ratio(); d = n / m - y + 0 * p"),
    "complex": ("d = p - y", "d = (p + 0j).real - y + 0 * p"),
    "decimal": ("d = p - y", "from decimal import Decimal; d = float(Decimal(p)) - y + 0 * p"),
    "fraction": (
        "d = p - y", "from fractions import Fraction as F; d = float(F(p) - F(y)) + 0 * p"
    ),
    "statistics": ("d = p - y", "import statistics; d = statistics.mean([p]) - y + 0 * p"),
    "gamma": ("d = p - y", "d = p - y + 1e-3 * math.gamma(1 + abs(p))"),
}  # fmt: skip


def test_the_line_is_right(tmp_path):
    """The line is right until one of UNSEEN changes it."""
    path = tmp_path / "script.py"
    path.write_text(LINE)
    assert check_file(path).verdict == "correct"


@pytest.mark.parametrize("change", UNSEEN.values(), ids=UNSEEN)
def test_what_does_not_record_gives_no_verdict(change, tmp_path):
    path = tmp_path / "script.py"
    assert change[0] in LINE
    path.write_text(LINE.replace(*change))
    verdict = check_file(path)
    assert verdict.verdict == "cannot tell", verdict.report()
    assert verdict.reason


ENDED = "not finite|no training loop|crash"
BAD = {
    "infinite": (LINE.replace("0.5, 0.1", "float('inf'), 0.1"), ENDED),
    "overflow": (LINE.replace("0.05", "1e200"), ENDED),
    "decimal": (
        "from decimal import Decimal as D\nw = D(1)\nfor i in range(50): w -= D('.1') * w\n",
        "decimal",
    ),
    "fractions": (
        "from fractions import Fraction as F\nw = F(1)\nfor i in range(9): w -= w / 9\n",
        "fractions",
    ),
    "array": (
        "from array import array\nw = array('d', [1])\nfor i in range(9): w[0] -= w[0] / 9\n",
        "array",
    ),
    "nothing": ("x = 0.5\nfor i in range(50): x = i / 7\n", "float was replaced"),
    "game": (
        "import random\ns = 0.0\nfor i in range(99): s += random.random()\n",
        "float was replaced",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_has_a_reason(name, tmp_path):
    source, reason = BAD[name]
    assert_no_verdict(tmp_path / "script.py", source, reason)


def test_a_million_numbers_are_data(tmp_path):
    path = tmp_path / "script.py"
    path.write_text("big = [[i * 0.5 for i in range(1000)] for _ in range(1000)]\n" + LINE)
    assert check_file(path).verdict == "correct"


def test_lists_with_too_many_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "MOST_NUMBERS", 50)
    _, limit = recorded("w = [0.5] * 99\nfor n in range(99):\n    w[n] = n * 0.1\n")
    assert "its lists hold more than" in limit
    _, limit = recorded("w = [0.5] * 3\nfor n in range(99):\n    w[n % 3] = n * 0.1\n")
    assert limit is None  # three numbers, however often they are replaced
    monkeypatch.setattr(places, "MOST_IN_LIST", 40)
    _, limit = recorded("".join(f"x{k} = [0.5] * 30\n" for k in range(9)))
    assert limit is None  # the first lists may be weights, and the others are data


def test_operations_without_any_update(monkeypatch):
    monkeypatch.setattr(places, "MOST_OPERATIONS", 50)
    source = "s = 0.5\nt = []\nfor n in range(99):\n    t.append(s * n)\n"
    tape, limit = recorded(source)
    assert "within 50 operations on Python's numbers" in limit
    assert len(tape.nodes) < 70


def test_a_network_that_is_updated_in_parts_has_no_verdict(tmp_path):
    """Only the weights of the inputs that are not zero are replaced: which step is whose?"""
    path = tmp_path / "script.py"
    path.write_text(
        "import random\nrandom.seed(0)\nw = [0.1, 0.2, 0.3, 0.4]\n"
        "for n in range(200):\n    x = [random.randint(0, 1) for _ in w]\n"
        "    d = sum(a * b for a, b in zip(w, x)) - 0.5\n"
        "    for i in range(4):\n        if x[i]:\n            w[i] -= 0.1 * d * x[i]\n"
    )
    assert check_file(path).verdict != "wrong"


def test_a_script_with_numpy_has_the_tape_that_it_had():
    """Rates and lists of data do not become values of their own."""
    source = """import numpy as np
lr, decay = 0.5, 0.1
data = [[0.0, 1.0], [1.0, 0.5]]
X, W = np.array(data), np.array([[0.25], [0.75]])
for epoch in range(5):
    rate = lr / (1.0 + decay * epoch)
    W -= rate * X.T @ (X @ W - 1.0)
"""
    tape, _ = recorded(source)
    assert {n.op for n in tape.nodes} == {"leaf", "T", "matmul", "subtract", "multiply"}
    assert [n.name for n in tape.nodes if n.op == "leaf"] == ["X", "W"]
    rates = [n.args[0] for n in tape.nodes if n.op == "multiply"]
    assert rates == [pytest.approx(0.5 / (1 + 0.1 * k)) for k in range(5)]


def test_500_epochs_are_recorded_with_few_operations():
    """Counts work, not time: what is written for each of the script's operations."""
    source = FILES["neurons"].read_text().replace("rows, 0.5, 20, 2", "rows, 0.5, 500, 2")
    recorder = Recorder(Limits())
    with contextlib.redirect_stdout(io.StringIO()):
        script.Run(recorder).script(source, "script.py")
    assert recorder.loops.left
    assert len(recorder.tape.nodes) < 100_000


def test_json_of_numbers():
    found, _ = script.record("import json\nx = 0.1\nz = json.dumps({'x': x})\n", "script.py")
    assert json.loads(found["z"]) == {"x": 0.1}
    assert math.isfinite(found["x"])
    assert pickle.loads(pickle.dumps(found["x"])) == 0.1


def test_a_factor_that_nobody_typed_is_no_rate(tmp_path):
    """``2 / n`` in one gradient and ``1 / n`` in the other: both have the same learning rate."""
    path = tmp_path / "script.py"
    path.write_text(FILES["line"].read_text().replace("b_gradient += -(2", "b_gradient += -(1"))
    assert check_file(path).to_json()["mistake"] == "scale of one parameter"


def test_a_loss_of_every_fourth_step_is_not_all_that_is_asked(tmp_path):
    """Every fourth step has the first sample, whose input is 0."""
    path = tmp_path / "script.py"
    path.write_text(
        "import math\ndata = [((0, 1), 1), ((1, 1), 0), ((1, 0), 1)]\nw, v, b = 0.3, -0.2, 0.1\n"
        "for n in range(60):\n    (x, y), t = data[n % 3]\n"
        "    p = 1 / (1 + math.exp(-w * x - v * y - b))\n    d = p - t\n"
        "    if n % 3 == 0: print(-math.log(p))\n"
        "    w -= 0.1 * d * x\n    v -= 0.1 * d * y\n    b -= 0.1 * d\n"
    )
    assert check_file(path).verdict == "correct"


KINDS = """
import numpy as np
a = np.array([3, 5, 250], dtype=np.uint8)
m = np.array([True, False])
i = np.array([127, -100], dtype=np.int8)
g = np.array([3e38, -3e38], dtype=np.float32)
n = np.array([np.nan, 1.0])
f = np.array([1e-310, 2e-310])
answers = [
    1 if a[0] < a[1] else 0, 1 if m[0] == m[1] else 0, 1 if a[2] > a[0] else 0,
    1 if i[0] > i[1] else 0, 1 if g[0] > g[1] else 0, 1 if n[0] != n[1] else 0,
    1 if f[0] < f[1] else 0,
]
"""


def test_a_choice_compares_numbers_of_any_kind():
    """Unsigned and small whole numbers and truth values have no difference to compare with 0."""
    found, _ = script.record(KINDS, "script.py")
    assert [int(x) for x in found["answers"]] == [1, 0, 1, 1, 1, 1, 1]


WATCHED = """
xs, ys = [0.0, 0.2, 0.5, 0.9, 1.0], [1.0, 0.7, 0.6, 0.3, 0.0]
def cost(a, b):
    return sum((a + b * x - y) ** 2 for x, y in zip(xs, ys)) / 10
a, b, before = 0, 0, 0
for step in range(200):
    now = cost(a, b)
    if abs(before - now) < 1e-12:
        break
    if abs(now) > 1e6:
        raise SystemExit("diverged")
    before = now
    da = sum(a + b * x - y for x, y in zip(xs, ys)) / 5
    db = sum((a + b * x - y) * x for x, y in zip(xs, ys)) / 5
    a = a - 0.5 * da
    b = b - 0.5 * db
"""


def test_a_limit_that_no_step_comes_to_is_no_hinge(tmp_path):
    """Nor is how far the loss has come since the last step."""
    path = tmp_path / "script.py"
    path.write_text(WATCHED)
    found = check_file(path).to_json()
    assert (found["verdict"], found["warnings"]) == ("correct", [])
    path.write_text(WATCHED.replace("- 0.5 * d", "+ 0.001 * d"))
    found = check_file(path).to_json()
    assert (found["verdict"], found["mistake"]) == ("wrong", "wrong sign")


LAYER = """
import numpy as np
rows = [[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]]
net = [[0.1 * np.arange(4), -0.2 * np.ones(4)], [0, 0]]
for epoch in range(20):
    for x, t in zip(rows, [0, 1, 1, 0]):
        z = np.dot(net[0], x)
        for i in range(2):
            z[i] += net[1][i]
        y = 1 / (1 + np.exp(-z))
        d = (y - np.eye(2)[t]) * y * (1 - y)
        for i in range(2):
            net[0][i] = net[0][i] - np.dot(x, d[i])
            UPDATE
"""


def test_biases_of_0_in_a_list_are_not_passed_over(tmp_path):
    path = tmp_path / "script.py"
    for update, warns in (("net[1][i] = net[1][i] - d[i]", False), ("pass", True)):
        path.write_text(LAYER.replace("UPDATE", update))
        found = check_file(path).to_json()
        assert found["verdict"] == "correct"
        assert ("never changes" in str(found["warnings"])) == warns


REBUILT = """
import math
import random
random.seed(3)
class Neuron:
    def __init__(self, n):
        self.w = []
        for _ in range(n):
            self.w.append(random.uniform(-1, 1))
        self.b = random.uniform(-1, 1)
    def forward(self, x):
        self.x = x
        z = self.b
        for w, v in zip(self.w, x):
            z += w * v
        self.a = 1 / (1 + math.exp(-z))
        return self.a
    def step(self, d):
        new = [w - 0.5 * d * v for w, v in zip(self.w, self.x)]
        UPDATE
        self.b -= 0.5 * d
hidden, out = [Neuron(2) for _ in range(3)], Neuron(3)
for epoch in range(6):
    for x, t in [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]:
        y = out.forward([n.forward(x) for n in hidden])
        d = (y - t) * y * (1 - y)
        ds = [d * w * n.a * (1 - n.a) for w, n in zip(out.w, hidden)]
        out.step(d)
        for n, dn in zip(hidden, ds):
            n.step(dn)
"""
WAYS = {
    "clear": "self.w.clear(); self.w.extend(new)",
    "slice": "self.w[:] = new",
    "del": "del self.w[:]; [self.w.append(w) for w in new]",
    "insert": "for i, w in enumerate(new): self.w.pop(i); self.w.insert(i, w)",
    "turned": "for w in new: self.w.pop(0); self.w.append(w)",
    "empty": "self.w = []; self.w.extend(new)",
    "items": "for i, w in enumerate(new): self.w[i] = w",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_list_that_is_emptied_and_filled_again_is_the_same_array(way):
    tape, reason = recorded(REBUILT.replace("UPDATE", WAYS[way]))
    assert reason is None
    found = {tape.nodes[n].name: tape.nodes[n].shape for _, n in tape.links}
    assert found == {"hidden.w": (3, 2), "hidden.b": (3,), "out.w": (3,), "out.b": (1,)}


@pytest.mark.parametrize(
    ("way", "right", "wrong"),
    # a step that ended before its last bias would be wrong: the bias begins a sum
    [("clear", "", ""), ("items", "", ""), ("clear", "n.a * (1 - n.a)", "(1 - n.a)")],
)
def test_lists_that_are_emptied_and_filled_again_are_judged(way, right, wrong, tmp_path):
    source = REBUILT.replace("UPDATE", WAYS[way]).replace(right, wrong)
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == ("wrong" if wrong else "correct"), finding


def test_a_queue_of_numbers_is_no_parameter():
    """The numbers move through their places: none is the one before plus a change."""
    source = REBUILT.replace("UPDATE", "self.w[:] = new; last.pop(0); last.append(d)")
    tape, _ = recorded("last = [0.0, 0.0, 0.0]\n" + source)
    assert {tape.nodes[n].name for _, n in tape.links} == {"hidden.w", "hidden.b", "out.w", "out.b"}


COPIES = """
import math
w, b, v, c = -0.5, 0.1, -0.3, 0.2
for i in range(20):
    h = 1 / (1 + math.exp(-(w * 1 + b)))
    d = 2 * (v * h + c - 2)
    dh = d * v * h * (1 - h)
    v, c, w, b = v - 0.05 * d * h, c - 0.05 * d, w - 0.05 * dh * 1, b - 0.05 * dh
    h = 1 / (1 + math.exp(-(w * 2 + b)))
    e = 2 * (v * h + c - 5)
    eh = e * v * h * (1 - h)
    v, c, w, b = v - 0.05 * e * h, c - 0.05 * e, w - 0.05 * eh * 2, b - 0.05 * eh
"""


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("", "", None),
        (r"d \* v \* h", "d * v", 7),
        (r"e \* v \* h", "e * v", 11),
        (r"(.*\n)    v, c, w, b = (.*), (c - )", r"    v = \2\n\1    c, w, b = \3", 13),
    ],
)
def test_a_loop_with_one_step_for_each_sample_is_judged_copy_by_copy(right, wrong, line, tmp_path):
    (finding,) = judged(re.sub(right, wrong, COPIES), tmp_path)
    place = finding.diagnosis
    assert (finding.verdict, place and place.line) == ("wrong" if line else "correct", line)


@pytest.mark.parametrize("mistake", [False, True], ids=["right", "wrong"])
def test_weights_that_a_long_preparation_has_read(mistake, tmp_path):
    """They come onto the tape again in the first step: with it, not in the middle of it."""
    source = REBUILT.replace("UPDATE", "for i, v in enumerate(self.x): self.w[i] -= 0.5 * d * v")
    source = source.replace("self.w = []", "self.w = [0.1 * k for k in range(n)]\n        n = 0")
    source = source.replace("hidden, out", "rows = 30 * [[1, 0]]\nhidden, out").replace(
        "for epoch", "ys = [out.forward([n.forward(x) for n in hidden]) for x in rows]\nfor epoch"
    )
    if mistake:
        source = source.replace("n.a * (1 - n.a)", "(1 - n.a)")
    (finding,) = judged(source, tmp_path, Limits(nodes_before=400, longest_wait=500, updates=60))
    assert finding.verdict == ("wrong" if mistake else "correct"), finding


FROM_THE_RIGHT = """
import random
random.seed(0)
class Value:
    def __init__(self, data, of=()):
        self.data, self.of, self.grad, self.back = data, of, 0.0, lambda: None
    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))
        def back():
            self.grad += out.grad
            other.grad += out.grad
        out.back = back
        return out
    def __radd__(self, other):
        return self + other
    def __sub__(self, other):
        return self + (-other)
    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))
        def back():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.back = back
        return out
W, b = [Value(random.uniform(-1, 1)) for _ in range(2)], Value(0.1)
X, y = [[0.3, 0.9], [0.5, -0.4], [-0.7, 0.2]], [1.0, -1.0, 0.5]
for epoch in range(8):
    outputs = [sum(w * Value(x) for w, x in zip(W, row)) + b for row in X]
    errors = [z - t for z, t in zip(outputs, y)]
    loss = sum(e * e for e in errors)
    order, seen = [], set()
    def visit(v):
        if v not in seen:
            seen.add(v)
            for u in v.of:
                visit(u)
            order.append(v)
    visit(loss)
    for v in order:
        v.grad = 0.0
    loss.grad = 1.0
    for v in reversed(order):
        v.back()
    for p in [*W, b]:
        p.data -= 0.05 * p.grad
"""


def test_the_0_that_a_sum_begins_with_is_no_bias(tmp_path):
    """``sum`` adds it from the left, and the script's class turns that round."""
    (finding,) = judged(FROM_THE_RIGHT, tmp_path)
    assert (finding.verdict, finding.warnings) == ("correct", [])
    wrong = FROM_THE_RIGHT.replace("self.grad += other.data * out", "self.grad += self.data * out")
    (finding,) = judged(wrong, tmp_path)
    assert finding.verdict == "wrong"


def test_an_engine_that_overwrites_a_gradient(tmp_path):
    """Its loss is not known, but its steps are the gradient of none."""
    wrong = FROM_THE_RIGHT.replace("self.grad += other.data", "self.grad = other.data")
    (finding,) = judged(wrong.replace("e * e for e", "e * e * e * e for e"), tmp_path)
    assert finding.verdict == "wrong"


PROBABILITIES = """
import math, random
random.seed(17)
data = [([random.gauss(k, 0.8), random.gauss(-k, 0.8)], k) for k in range(3) for _ in range(3)]
W, b = [[random.gauss(0, 0.5) for _ in range(2)] for _ in range(3)], [0.1, -0.2, 0.0]
for epoch in range(6):
    dW, db = [[0.0] * 2 for _ in range(3)], [0.0] * 3
    for x, y in data:
        e = [math.exp(sum(w * v for w, v in zip(W[k], x)) + b[k]) for k in range(3)]
        p = [u / sum(e) for u in e]
        for k in range(3):
            d = p[k] - (1.0 if k == y else 0.0)
            for j in range(2):
                dW[k][j] += d * x[j]
            db[k] += d
    for k in range(3):
        for j in range(2):
            W[k][j] -= 0.1 * dW[k][j]
        b[k] -= 0.1 * db[k]
"""


def test_a_probability_of_a_softmax_has_no_slope_of_its_own(tmp_path):
    """``(p - t) * p * (1 - p)`` for each class is the derivative of no loss."""
    (finding,) = judged(PROBABILITIES, tmp_path)
    assert finding.verdict == "correct"
    extra = "(1.0 if k == y else 0.0); d *= p[k] * (1 - p[k])"
    wrong = PROBABILITIES.replace("(1.0 if k == y else 0.0)", extra)
    (finding,) = judged(wrong, tmp_path)
    assert finding.verdict != "correct"
