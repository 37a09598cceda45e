"""The recorder: the script sees its own numbers, and the tape repeats them.

The file is long because scripts read and change arrays in many ways, and each is tried.
"""

import builtins
import itertools
import math
import pickle
import sys
import types
from collections import Counter

import numpy as np
import pytest
import torch

from xor_torch.backprop import replay
from xor_torch.backprop import tape as tapes
from xor_torch.backprop.check import _why_nothing, check_file, conclude
from xor_torch.backprop.judging.findings import Finding
from xor_torch.backprop.judging.judge import judge
from xor_torch.backprop.judging.steps import find_networks
from xor_torch.backprop.recording import script
from xor_torch.backprop.recording.ancestors import Ancestors
from xor_torch.backprop.recording.array import Matrix
from xor_torch.backprop.recording.limits import Limits
from xor_torch.backprop.recording.recorder import Recorder
from xor_torch.backprop.recording.source import read_source
from xor_torch.backprop.tape import Node, Ref, Tape
from xor_torch.backprop.verdict import Verdict


def record(source, tmp_path, name="script.py", limits=None):
    """Run a source in this process; return its globals and the tape as read back."""
    found, tape = script.record(source, name, limits)
    tape.save(tmp_path, end="ran")
    tape, _ = Tape.load(tmp_path)
    return found, tape


OPERATIONS = """
import numpy as np
a = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
v = np.array([1.0, 2.0, 3.0])
a[0, 1] = 7
a[:, 2] -= v[:2]
part = a[1]
part *= 2
b = np.concatenate([a, np.ones((2, 1))], axis=1).T @ a
c = np.where(a > 1, a, 0.1 * a)
d = np.maximum(a, 0).sum(axis=0, keepdims=True) / a.shape[0]
e = np.dot(a, v) + np.outer(v, v)[0, :2] - a.reshape(3, 2).mean(0)
f = np.array([a[0, 0], float(a[1, 1]), 2.0])
g = np.exp(-a) / np.exp(-a).sum(axis=1, keepdims=True)
i = (a * np.longdouble(0.5)).astype(float)
h = np.einsum("ij,kj->ik", a, a) + [1, 0.5] + np.add.reduce(a, (0, 1)) + np.dot(v, v).T
"""


LARGE = """
import numpy as np
x = np.arange(6000.0)
for i in range(4):
    y = np.zeros(6000)
    y[i] = x[i] + 1
    x = x + 2 * y
"""


def test_large_values(tmp_path):
    """Of equal numbers one is kept. The more is kept, the smaller is what is still kept."""
    _, tape = record(LARGE, tmp_path, limits=Limits(bytes=400_000, fitting=3))
    zeros = [n.value for n in tape.nodes if n.op == "leaf" and n.shape == (6000,)][1:]
    assert all(z.shape == (6000,) and not z.any() and z.strides == (0,) for z in zeros)
    kept = [n.value is not None for n in tape.nodes if n.op == "add" and n.shape]
    assert kept[0] and not kept[-1]
    known = {n.id: replay.tensor(n.value) for n in tape.nodes if n.op == "leaf"}
    x = replay.run(tape, [tape.nodes[-1].id], known)[tape.nodes[-1].id]
    assert x[:5].tolist() == [2, 5, 8, 11, 4]


def test_the_tape_repeats_every_value(tmp_path):
    _, tape = record(OPERATIONS, tmp_path)
    leaves = {n.id: replay.tensor(n.value) for n in tape.nodes if n.op == "leaf"}
    given = {i: v.double() for i, v in leaves.items()}
    values = replay.run(tape, [n.id for n in tape.nodes], given)
    for node in tape.nodes:
        expected = replay.tensor(node.value).double()
        torch.testing.assert_close(values[node.id].double(), expected, rtol=1e-14, atol=1e-14)


def test_the_script_sees_its_own_numbers(tmp_path):
    found, _ = record(OPERATIONS, tmp_path)
    plain = {}
    exec(OPERATIONS, plain)
    for name in "abcdefgh":
        np.testing.assert_array_equal(np.asarray(found[name]), plain[name])


NUMBERS = """
import fractions, numbers, pickle, statistics
import numpy as np
a = np.array([1.0, 2.5, 4.0])
x, n, yes = a[1], np.array([3, 4]).max(), (a > 0).all()
z = [
    isinstance(x, float), isinstance(x, np.float64), isinstance(x, np.floating), isinstance(x, int),
    isinstance(x, numbers.Real), isinstance(x, np.ndarray), isinstance(a, np.ndarray),
    np.isscalar(x), isinstance(n, np.integer), isinstance(n, numbers.Integral),
    isinstance(yes, np.bool_),
    x.is_integer(), fractions.Fraction.from_float(x), hasattr(a, "A"),
    pickle.loads(pickle.dumps(x)), pickle.loads(pickle.dumps(a)).tolist(),
    statistics.variance([*a]), str(type(statistics.mean([*a]))),
]
"""


def test_a_number_is_one_to_other_code(tmp_path):
    plain = {}
    exec(NUMBERS, plain)
    found, _ = record(NUMBERS, tmp_path)
    assert found["z"] == plain["z"]


TYPES = """
import numpy as np
a, m = np.arange(6.0).reshape(2, 3), np.asmatrix(np.eye(2))
rows = np.array([["p", *row, int(row[0] > 1)] for row in a], dtype=object)
z = [
    type(a) is np.ndarray, type(a[0]) == np.ndarray, type(a[0, 0]) == np.float64,
    type(m) is np.matrix, type(a.sum()) in (float, np.float64), type(len(a)) is int,
    str(type(a)), type(rows).__name__, rows.shape, rows[:, -1].tolist(),
]
"""


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_types_and_arrays_of_objects_are_what_they_are_alone(tmp_path):
    plain = {}
    exec(TYPES, plain)
    found, _ = record(TYPES, tmp_path)
    assert found["z"] == plain["z"]


def test_a_package_that_wants_a_float(tmp_path, monkeypatch):
    """scikit-learn checks the types of its parameters."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "strict_package.py").write_text(
        "def scale(x):\n    if not isinstance(x, float):\n        raise TypeError(type(x))\n"
        "    return 2 * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "packages")
    (tmp_path / "own").mkdir()
    source = "import numpy as np, strict_package\nz = strict_package.scale(np.ones(3).mean())\n"
    found, _ = record(source, tmp_path, str(tmp_path / "own" / "script.py"))
    assert found["z"] == 2


def test_what_a_script_adds_to_pythons_builtins(tmp_path):
    (tmp_path / "drawing.py").write_text(
        "def area(w):\n    line(w)\n    return __builtins__['size'] * w.sum()\n"
    )
    source = (
        "import builtins\nimport numpy as np\nbuiltins.size = 3\n"
        'setattr(builtins, "line", lambda *a: None)\nfrom drawing import area\n'
        "z = area(np.ones(2))\n__builtins__.line(sum([z]))\n"
    )
    found, tape = record(source, tmp_path, str(tmp_path / "script.py"))
    assert found["z"] == 6
    assert any(n.op == "multiply" for n in tape.nodes)
    assert not hasattr(builtins, "size")


def test_a_number_put_into_an_array_stays_recorded(tmp_path):
    source = "import numpy as np\na, b = np.ones(3), np.zeros(3)\nb[1] = a[0] * 2\n"
    _, tape = record(source, tmp_path)
    (assign,) = [node for node in tape.nodes if node.op == "assign"]
    assert tape.nodes[assign.inputs[-1]].op == "multiply"


CHANGES = {
    "flat": "a.flat[1] = 5; a.flat[2:4] = [7, 8]; b = a.flat[1] * 2",
    "flat of a transpose": "a.T.flat[1] = 5",
    "flat as a whole": "a.flat = 3.0",
    "shape": "a.shape = (3, 2); a[0] *= 2",
    "shape of what has a view": "v = a[0]; a.shape = (3, 2); v *= 2; a[2, 1] += 1",
    "put": "a.put([0, 4], [9.0, 8.0])",
    "partition": "a.partition(1)",
    "ndmin": "a = np.array([a[0, 0], a[1, 1]], ndmin=3) * 2",
    "keywords": "a = np.asarray(dtype=float, a=[a[0, 0], a[1, 1]]) * 2",
    "asfarray": "a = np.asfarray([[1, 2], [3, 4]]) / 2",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_not_overlooked(tmp_path, change):
    """The tape's last value is the array's present value, whoever has changed the array."""
    begin = "import numpy as np\na = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]]) + 1\n"
    source = f"{begin}{change}\nend = a * 1\n"
    plain = {}
    exec(source.replace("np.asfarray(", "np.asarray(").replace("4]])", "4.0]])"), plain)
    found, tape = record(source, tmp_path)
    np.testing.assert_array_equal(np.asarray(found["end"]), plain["end"])
    end = next(n for n in tape.nodes if n.name == "end")
    np.testing.assert_array_equal(end.value, plain["end"])
    np.testing.assert_array_equal(tape.nodes[end.inputs[0]].value, plain["a"])


def test_a_view_writes_into_its_array(tmp_path):
    source = "import numpy as np\na = np.zeros((2, 2))\nrow = a[0]\nrow += 1\nb = a + 0\n"
    found, _ = record(source, tmp_path)
    assert found["b"].tolist() == [[1.0, 1.0], [0.0, 0.0]]


# m, w (2, 3), s (2, 2) and r (1, 3) are matrices, a (2, 3) and v (3,) arrays
MATRIX = """
import numpy as np
a = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
v = np.array([1.0, 2.0, 3.0])
m, w, s, r = np.matrix(a), np.asmatrix(a) + 1, np.matrix(a[:, :2]), np.matrix(v)
"""
MATRIX_EXPRESSIONS = {
    "product": (
        "m * w.T, w.T * m, a * w.T, a.T * w, m * v[:, None], m * [[1.0], [2.0], [3.0]], [1, 2] * m,"
        "m * 2, 2 * m, m * v[1], v[1] * m, m @ w.T, v @ w.T, a.dot(w.T), np.dot(v, w.T), s ** 2"
    ),
    "element by element": (
        "np.multiply(m, w), np.power(m, 2), m / 2, 1 / m, m + a, a - m, v + m, -m, m > 0, m == w,"
        "np.exp(-m), np.maximum(m, 0), np.where(m > 0, m, 0), m.clip(0, 1), m.astype(int),"
        "np.vectorize(lambda t: t * 2)(m)"
    ),
    "part": (
        "m[0], m[0][0], m[-1, :], m[:, 1], m[:, 1:], m[0, 1], m[[0, 1], 1], m[m > 0], a[w > 3],"
        "[row for row in m], m.item(1), m.tolist(), list(m.flat), m.diagonal(), np.diag(m)"
    ),
    "sum": (
        "m.sum(), m.sum(axis=0), m.sum(1), np.sum(m, axis=0), np.mean(m, axis=1), m.max(0),"
        "m.argmax(1), m.argmax(), m.std(1), m.any(), m.all(axis=1), sum(m), np.linalg.norm(m)"
    ),
    "shape": (
        "m.T, m.H, m.ravel(), m.flatten(), m.reshape(3, 2), m.reshape(-1), m[:, 0].squeeze(),"
        "np.transpose(m), np.concatenate((m, np.ones((2, 1))), 1), np.hstack((m, w)), np.c_[m, w],"
        "np.vstack([m, v]), np.bmat([[m, w]]), np.tile(m, 2), np.append(m, w, 0), np.zeros_like(m)"
    ),
    "array or matrix": (
        "m.A, m.A1, m.getA(), np.array(m), np.asarray(m), np.asanyarray(m), np.copy(m), m.copy(),"
        "np.array([m, w]), np.matrix(m), np.matrix(3.0), np.matrix('1 2; 3 4'), np.matrix([v, v]),"
        "np.asmatrix(a[:, 0]).T, np.matrix([m[0, 0], m[1, 1]]), repr(m), isinstance(m, np.matrix),"
        "isinstance(m, np.ndarray), isinstance(m.A, np.matrix)"
    ),
    "inverse": "s.I, m.I, s ** 3, s ** -1, np.linalg.svd(m)",
}
MATRIX_STATEMENTS = [
    "m *= 2", "s *= s.T", "s **= 2", "m += a", "m[0] = 5", "m[0] += 1", "m[:, 1] *= 2",
    "m[0, 0] -= 3", "m[m > 0] = 0", "np.asmatrix(a)[0] = 7", "n = m.A; n[0] += 1",
    "n = m.T; n[0] = 4", "n = m[0]; n += 1; n *= 3.0", "np.matrix(a)[0] = 7",
    "np.add(m, 1, out=m)", "m -= 0.1 * (m * w.T) * w", "import copy; copy.deepcopy(m)[0] = 0",
]  # fmt: skip


def kind_and_numbers(x):
    """The shape, the type and the numbers of any result."""
    if isinstance(x, tuple | list):
        return [kind_and_numbers(i) for i in x]
    if not isinstance(x, np.ndarray | np.generic | float | int):
        return x
    matrix = isinstance(x, np.matrix | Matrix)
    array = isinstance(x, np.ndarray) and not getattr(x, "_scalar", False)
    return matrix, array, np.shape(x), np.asarray(x).dtype, np.asarray(x).tolist()


# NumPy's advice to its users, which is not ours to follow
matrices = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")


@matrices
@pytest.mark.parametrize("expressions", MATRIX_EXPRESSIONS.values(), ids=MATRIX_EXPRESSIONS)
def test_a_matrix_has_numpys_rules(tmp_path, expressions):
    source = f"{MATRIX}z = [{expressions}]\n"
    plain = {}
    exec(source, plain)
    found, tape = record(source, tmp_path)
    for expected, actual in zip(plain["z"], found["z"], strict=True):
        assert kind_and_numbers(actual) == kind_and_numbers(expected)
    assert not any(node.op in ("lost", "foreign") for node in tape.nodes)


@matrices
@pytest.mark.parametrize("statement", MATRIX_STATEMENTS)
def test_a_matrix_changes_as_numpys(tmp_path, statement):
    source = f"{MATRIX}{statement}\n"
    plain = {}
    exec(source, plain)
    found, _ = record(source, tmp_path)
    for name in "amswr":
        assert kind_and_numbers(found[name]) == kind_and_numbers(plain[name])


@matrices
def test_the_tape_holds_plain_operations_of_a_matrix(tmp_path):
    known = [e for name, e in MATRIX_EXPRESSIONS.items() if name in ("product", "part", "sum")]
    source = MATRIX + "".join(f"z = [{e}]\n" for e in known).replace("m.diagonal(),", "")
    _, tape = record(source.replace("m.all(axis=1),", ""), tmp_path)
    given = {n.id: replay.tensor(n.value).double() for n in tape.nodes if not n.inputs}
    values = replay.run(tape, [n.id for n in tape.nodes], given)
    for node in tape.nodes:
        expected = replay.tensor(node.value).double()
        torch.testing.assert_close(values[node.id].double(), expected, rtol=1e-13, atol=1e-14)


MATRIX_NETWORK = """import numpy as np
rng = np.random.default_rng(1)
X = np.matrix("0 0; 0 1; 1 0; 1 1")
Y = np.matrix([0, 1, 1, 0]).T
W1, b1 = np.matrix(rng.normal(size=(2, 3))), np.matrix(np.zeros(3))
W2, b2 = np.matrix(rng.normal(size=(3, 1))), np.matrix(0.0)
for epoch in range(200):
    A1 = 1 / (1 + np.exp(-(X * W1 + b1)))
    A2 = 1 / (1 + np.exp(-(A1 * W2 + b2)))
    D2 = np.multiply(A2 - Y, np.multiply(A2, 1 - A2))
    D1 = np.multiply(D2 * W2.T, np.multiply(A1, 1 - A1))
    W2 -= 0.5 * A1.T * D2
    b2 -= 0.5 * D2.sum()
    W1 -= 0.5 * X.T * D1
    b1 -= 0.5 * D1.sum(axis=0)
"""


@pytest.mark.usefixtures("forked")
def test_a_network_of_matrices(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(MATRIX_NETWORK)
    verdict = check_file(path)
    assert verdict.verdict == "correct", verdict.report()
    assert [len(f.parameters) for f in verdict.findings] == [4]
    wrong = MATRIX_NETWORK.replace("D2 * W2.T, np.multiply(A1", "(A2 - Y) * W2.T, np.multiply(A1")
    path.write_text(wrong)
    found = check_file(path).to_json()
    assert (found["verdict"], found["line"]) == ("wrong", 11)
    assert found["mistake"] == "raw error in the hidden delta"


@pytest.mark.usefixtures("forked")
def test_what_of_a_matrix_cannot_be_repeated(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(MATRIX_NETWORK.replace("A1 * W2 + b2", "A1 * W2 * (b2 + 1).I"))
    verdict = check_file(path)
    assert verdict.verdict == "cannot tell"
    assert "line 9 uses the operation linalg.inv, which this check does not know" in (
        verdict.reason or ""
    )


PREPARED = """import numpy as np
X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
rng = np.random.default_rng(0)
V, w = rng.normal(size=(3, 3)), rng.normal(size=4)
x, h = np.ones(3), np.ones(4)
def predict(sample):
    x[1:] = sample
    h[1:] = np.tanh(V @ x)
    return w @ h
picture = [predict(sample) for sample in rng.normal(size=(SAMPLES, 2))]
for epoch in range(100):
    for sample, y in zip(X, Y):
        error = predict(sample) - y
        dw = error * h
        dV = np.outer(error * w[1:] * (1 - h[1:] ** 2), x)
        w -= 0.1 * dw
        V -= 0.1 * dV
"""
FEW = Limits(updates=120)  # the training is short, the preparation is not
EARLY = PREPARED.replace("        w -= 0.1 * dw\n", "").replace(
    "        dV = ", "        w -= 0.1 * dw\n        dV = "
)


@pytest.mark.parametrize(
    ("source", "verdict", "line"),
    [(PREPARED, "correct", None), (EARLY, "wrong", 16)],
    ids=["correct", "wrong"],
)
@pytest.mark.parametrize("data", [0, 7, 100])
def test_a_long_preparation_is_left_out(tmp_path, monkeypatch, source, verdict, line, data):
    monkeypatch.setattr(tapes, "LONG", 500)
    monkeypatch.setattr(tapes, "DATA", data)
    _, tape = record(source.replace("SAMPLES", "200"), tmp_path, limits=FEW)
    assert sum(node.op == "left out" for node in tape.nodes) > 1000
    (finding,) = judge(tape, math.inf)
    found = finding.diagnosis.line if finding.diagnosis else None
    assert (finding.verdict, found) == (verdict, line), finding.reason


def test_what_the_first_update_is_computed_from_is_kept(tmp_path, monkeypatch):
    """A check of the gradient lies between the first backward pass and its update."""
    monkeypatch.setattr(tapes, "LONG", 500)
    check = "        if epoch == 0:\n            [predict(sample) for _ in range(200)]\n"
    source = PREPARED.replace("        w -= ", f"{check}        w -= ")
    _, tape = record(source.replace("SAMPLES", "200"), tmp_path, limits=FEW)
    first = min(new for _, new in tape.links)
    (dw,) = [n for n in tape.nodes[:first] if n.name == "dw"]
    assert dw.op == "multiply" and dw.id < first - 1000
    (finding,) = judge(tape, math.inf)
    assert finding.verdict != "wrong"


@pytest.mark.usefixtures("forked")
def test_training_after_a_long_preparation(tmp_path):
    """The preparation has more than `tape.LONG` operations."""
    path = tmp_path / "script.py"
    path.write_text(PREPARED.replace("SAMPLES", "2_000"))
    verdict = check_file(path)
    assert verdict.verdict == "correct", verdict.report()


def test_weights_after_many_arrays(tmp_path):
    limits = Limits(marks=3, updates=120)
    _, tape = record(PREPARED.replace("SAMPLES", "5"), tmp_path, limits=limits)
    (finding,) = judge(tape, math.inf)
    assert (finding.verdict, len(finding.parameters)) == ("correct", 2), finding.reason


UPDATES = "import numpy as np\nw = np.ones(3)\nwhile True:\n    w -= 0.1 * w\n"


def test_a_tape_that_is_full():
    ended = []
    recorder = Recorder(Limits(nodes=1000), when_full=lambda: ended.append("full"))
    script.Run(recorder).script(UPDATES.replace("    w -=", "    np.exp(w); w -="), "script.py")
    assert ended == ["full"]
    assert 1000 < len(recorder.tape.nodes) < 1020
    reason = _why_nothing({"end": "full"}, UPDATES, 60.0)
    assert "within the operations that are recorded" in reason


def long_steps(limits: Limits) -> Recorder:
    """The recorder of a script with 600 operations between two updates."""
    recorder = Recorder(limits)
    source = UPDATES.replace("    w -=", "    for _ in range(600):\n        np.exp(w)\n    w -=")
    script.Run(recorder).script(source, "script.py")
    return recorder


def test_a_second_update_is_waited_for():
    recorder = long_steps(Limits(nodes_before=620, longest_wait=700, most_nodes=1_000, nodes=500))
    assert recorder.updates.began is not None
    assert not recorder.in_vain


def test_a_recording_in_vain_ends():
    recorder = long_steps(Limits(nodes_before=100, longest_wait=100, nodes_in_vain=20, seconds=60))
    assert recorder.updates.began is None
    assert recorder.in_vain
    assert recorder.full
    assert len(recorder.tape.nodes) < 1800  # within the third step


def test_ancestors_are_those_that_a_walk_finds():
    rng, tape, read = np.random.default_rng(0), Tape(), Counter[int]()
    for n in range(300):
        # some are read often
        inputs = {int(n * x**3) for x in rng.random(2)} if n > 5 else set[int]()
        tape.nodes.append(Node(n, "add", tuple(map(Ref, inputs))))
        read.update(inputs)
    ancestors = Ancestors(tape, read)
    assert any(ancestors.is_often_read(n) for n in range(300))
    for n in range(0, 300, 7):
        walked = tape.behind([n], range(n + 1))
        assert {i for i in range(300) if ancestors.include(n, [i])} == walked


def test_a_tape_goes_on_until_an_array_was_updated_three_times():
    limits = Limits(nodes=1000, most_nodes=5000)
    long = "    for _ in range(900):\n        np.exp(w)\n    w -="
    recorder = Recorder(limits, when_full=lambda: None)
    script.Run(recorder).script(UPDATES.replace("    w -=", long), "script.py")
    assert recorder.updates.most == 3
    assert 1000 < len(recorder.tape.nodes) < 5000


PREPARES = """import numpy as np
X, y = np.array([[0.0, 1], [1, 0], [1, 1], [0, 0]]), np.array([[1.0], [1], [0], [0]])
rng = np.random.default_rng(0)
V, w = rng.normal(size=(2, 3)), rng.normal(size=(3, 1))
W = V * 0.5
def forward(X):
    return np.tanh(X @ W)
for n in range(ROUNDS):
    forward(X * n)
for epoch in range(100):
    h = forward(X)
    d = h @ w - y
    dW = X.T @ (d @ w.T * (1 - h * h))
    w -= 0.1 * h.T @ d
    W -= 0.1 * dW
"""


LIMITS = {
    "too often": Limits(runs=50, updates=120),
    "too long": Limits(nodes_before=100, longest_wait=125, updates=120),
    "both": Limits(nodes_before=100, longest_wait=125, runs=50, updates=120),
    "neither": Limits(updates=120),
}


@pytest.mark.parametrize(
    ("name", "rounds"),
    [
        *itertools.product(LIMITS, [1, 400]),
        *itertools.product(["too often", "both"], [40, 51]),  # around the 50 runs
        *(
            pytest.param(*row, marks=pytest.mark.slow)
            for row in itertools.product(["too long", "neither"], [40, 51])
        ),
    ],
)
@pytest.mark.parametrize("mistake", [False, True], ids=["right", "wrong"])
def test_a_preparation_of_any_length(tmp_path, name, rounds, mistake):
    """Leaving a part of it out changes no verdict, wherever that part ends."""
    limits = LIMITS[name]
    source = PREPARES.replace("ROUNDS", str(rounds))
    if mistake:
        source = source.replace(" * (1 - h * h)", "")
    _, tape = record(source, tmp_path, limits=limits)
    dropped = sum(node.op == "left out" for node in tape.nodes)
    assert (dropped > 0) == (limits.nodes_before == 100 and 3 * min(rounds, limits.runs) > 100)
    (finding,) = judge(tape, math.inf)
    found = finding.diagnosis.line if finding.diagnosis else None
    assert (finding.verdict, found) == (("wrong", 13) if mistake else ("correct", None))


NUMBERS_PREPARED = """
import random
from math import *
random.seed(1)
rows = [[random.random(), random.random()] for _ in range(40)]
for i in range(2):
    top = max(row[i] for row in rows)
    for row in rows:
        row[i] = row[i] / top
w, b = [0.1, -0.2], 0.05
for epoch in range(3):
    for row in rows:
        p = 1 / (1 + exp(-(b + sum(x * y for x, y in zip(w, row)))))
        d = p - (row[0] > row[1])
        for i in range(2):
            w[i] -= 0.3 * d * row[i]
        b -= 0.3 * d
"""


@pytest.mark.parametrize("mistake", [False, True], ids=["right", "wrong"])
def test_numbers_of_a_preparation_that_was_left_out(tmp_path, mistake):
    """The training uses them again: they enter the tape a second time, as data."""
    source = NUMBERS_PREPARED.replace("d * row[i]", "d * row[i - 1]" if mistake else "d * row[i]")
    _, tape = record(source, tmp_path, limits=Limits(nodes_before=50, updates=40))
    (finding,) = judge(tape, math.inf)
    assert finding.verdict == ("wrong" if mistake else "correct")


def test_an_update_that_is_not_whole_is_no_step(tmp_path):
    """The first sum of gradients is longer than what is kept of a preparation."""
    source = PREPARES.replace("ROUNDS", "1").replace(
        "    dW = X.T @ (d @ w.T * (1 - h * h))\n",
        "    dW = 0\n    for n in range(30):\n"
        "        dW = dW + X.T @ (d @ w.T * (1 - h * h)) / 30\n",
    )
    short = Limits(nodes_before=300, longest_wait=0, updates=24)
    for limits in (Limits(runs=10, updates=24), short):
        _, tape = record(source, tmp_path, limits=limits)
        assert tape.links
        assert min(old for old, _ in tape.links) > 10 * 10  # not those of the first epoch
        assert [f.verdict for f in judge(tape, math.inf)] == ["correct"]


@pytest.mark.parametrize(("read", "updates"), [("s[i]", 5), ("s[i - 1]", 0)])
def test_two_changes_are_added_to_an_element(tmp_path, read, updates):
    """The sum is an update of the element that it is stored in, and of no other."""
    source = (
        "import numpy as np\ns, x = np.ones(3), np.ones(3)\n"
        f"for i in [1, 2, 1, 2, 1]:\n    s[i] = {read} + 0.1 * (s @ x) + 0.2 * s[0]\n"
    )
    _, tape = record(source, tmp_path)
    assert len(tape.links) == updates


def test_an_array_that_a_long_preparation_fills(tmp_path):
    source = (
        "import numpy as np\nx, a = np.zeros(400), np.ones(3) * 0.5\n"
        "for n in range(400):\n    x[n] = a[0] * n\ny = x * 2\n"
    )
    found, tape = record(source, tmp_path, limits=Limits(runs=50))
    assert len(tape.nodes) < 200
    assert found["y"].tolist() == [float(n) for n in range(400)]
    np.testing.assert_array_equal(tape.nodes[-1].value, found["y"])


def test_a_notebook_keeps_its_lines(tmp_path):
    path = tmp_path / "book.ipynb"
    path.write_text(
        '{"cells": [{"cell_type": "markdown", "source": ["x"]}, {"cell_type": "code", "source": '
        '["%matplotlib inline\\n", "!pip install x\\n", "a = 1\\n"]}]}'
    )
    source, places = read_source(path)
    assert source == "pass\npass\na = 1\n"
    assert places == [(2, 1), (2, 2), (2, 3)]
    path = tmp_path / "plain.py"
    path.write_text("a = 1\n\n")
    assert read_source(path, "plain") == ("a = 1\n\n", [("plain", 1), ("plain", 2)])


def test_binary_is_refused(tmp_path):
    path = tmp_path / "x.py"
    path.write_bytes(b"\0\1\2")
    with pytest.raises(ValueError, match="not a text file"):
        read_source(path)


WHOLE_PARTS = """
import math
import numpy as np
x = np.array([2.7, -2.7])
whole = [math.trunc(x[0]), math.trunc(x[1]), math.floor(x[1]), math.ceil(x[0])]
"""


def test_a_recorded_number_has_a_whole_part(tmp_path):
    found, _ = record(WHOLE_PARTS, tmp_path)
    assert found["whole"] == [2, -2, -3, 3]


def test_what_cannot_be_repeated_is_kept(tmp_path):
    source = "import numpy as np\nx = np.arange(12.0).reshape(4, 3)\nu, s, v = np.linalg.svd(x)\n"
    _, tape = record(source + "y = u * 2\n", tmp_path, limits=Limits(fitting=10**9))
    assert tape.nodes[-2].value is not None and tape.nodes[-1].value is None


DRAWN = """
import numpy as np
import plotly as pl
axes = pl.axes()
def train(f, slope):
    w, losses = np.array([1.0]), []
    for _ in range(40):
        z = f(w * 2.0)
        losses.append((z - 0.3) ** 2)
        w = w - 0.1 * 2 * (z - 0.3) * slope(z) * 2.0
    {draws}
    return w
train(np.tanh, lambda z: 1 - z**2)
{between}
train(np.tanh, lambda z: 1 - z**2)
"""


@pytest.mark.parametrize("draws", ["pl.plot(range(40), losses)", "axes[0].plot(range(40), losses)"])
def test_a_picture_of_fewer_losses_does_not_end_the_script(draws, monkeypatch):
    """The second training is recorded, too."""

    def plot(x, y):
        if len(x) != len(y):
            raise ValueError("x and y must have same first dimension")

    axes = types.SimpleNamespace(plot=plot)
    drawing = types.SimpleNamespace(plot=plot, axes=lambda: [axes])
    monkeypatch.setitem(sys.modules, "plotly", drawing)
    source, limits = DRAWN.format(draws=draws, between=""), Limits(updates=14)
    _, tape = script.record(source, "script.py", limits)
    assert [len(network.steps) for network in find_networks(tape)] == [15, 15]
    for between in ("pl.plot([1], [])", "axes[0].plot([1], [])"):  # no loop was left
        with pytest.raises(ValueError, match="same first dimension"):
            script.record(DRAWN.format(draws=draws, between=between), "script.py")


def test_a_crash_after_a_loop_that_was_left_is_a_warning():
    verdict = Verdict("script.py", "cannot tell", findings=[Finding("correct")])
    outcome = {"end": "crash", "left": True, "error": "IndexError", "line": 12, "traceback": ""}
    conclude(verdict, outcome, "")
    assert verdict.verdict == "correct"
    (warning,) = verdict.findings[0].warnings
    assert "crashed with IndexError on line 12, after the check had left a loop" in warning


GENERATORS = """
import numpy as np
from numpy.random import Generator, default_rng
def draw(rng: np.random.Generator | None = None, old: np.random.RandomState | None = None):
    return rng
rng, old = default_rng(0), np.random.RandomState(0)
same = default_rng(rng) is rng
kinds = [isinstance(rng, Generator), isinstance(old, np.random.RandomState)]
kinds += [isinstance(old, Generator), isinstance(Generator(np.random.PCG64(0)), Generator)]
x = rng.normal(size=3)
"""


def test_random_generators_have_numpys_types(tmp_path):
    found, tape = record(GENERATORS, tmp_path)
    assert found["same"]
    assert found["kinds"] == [True, True, False, True]
    assert any(n.name == "x" for n in tape.nodes)


CONTIGUOUS = """
import numpy as np
x = np.arange(12.0).reshape(3, 4)
made = [np.ascontiguousarray(x[::-1]), np.ascontiguousarray(x.T), np.asfortranarray(x)]
flags = [made[0].flags.c_contiguous, made[1].flags.c_contiguous, made[2].flags.f_contiguous]
number = np.ascontiguousarray(3.0).shape
y = made[1] + 1
"""


def test_a_contiguous_copy_is_contiguous(tmp_path):
    found, tape = record(CONTIGUOUS, tmp_path)
    assert found["flags"] == [True, True, True]
    assert found["number"] == (1,)
    y = next(n for n in tape.nodes if n.name == "y")
    values = replay.run(tape, [y.id], {})
    assert np.array_equal(values[y.id].numpy(), np.arange(12.0).reshape(3, 4).T + 1)


PICKLED = """
import pickle
import numpy as np
with open({path!r}, "rb") as file:
    data = pickle.load(file)
part = data["train"][:2]
inner = data["more"][0][:1]
"""


def test_arrays_of_a_package_record_in_a_dictionary(tmp_path):
    path = tmp_path / "data.pkl"
    path.write_bytes(pickle.dumps({"train": np.arange(6.0), "more": [np.ones(3)], "n": 3}))
    found, tape = record(PICKLED.format(path=str(path)), tmp_path)
    parts = [n for n in tape.nodes if n.name in ("part", "inner")]
    assert [n.op for n in parts] == ["getitem", "getitem"]
    assert found["data"]["n"] == 3


ROWS = """
import numpy as np
rows = np.array([np.ones(3), np.zeros(3)], dtype=object)
ragged = np.array([np.ones(3), np.zeros(2)], dtype=object)
rows[0] -= 0.5 * (rows[0] + 1)
rows[0] -= 0.5 * (rows[0] + 1)
"""


def test_rows_of_floats_in_an_array_of_objects_record(tmp_path):
    """Weights of layers of one size, which NumPy makes a matrix of."""
    found, tape = record(ROWS, tmp_path)
    assert found["rows"].tolist() == [[-0.5] * 3, [0.0] * 3]
    assert [x.shape for x in found["ragged"]] == [(3,), (2,)]
    assert len(tape.links) == 2
