"""Convolutions in loops: operations that the check repeats at once, each with a wrong twin."""

import numpy as np
import pytest
import torch

from xor_torch.backprop import batches, replay
from xor_torch.backprop.judging import elements, objectives
from xor_torch.backprop.recording import script
from xor_torch.backprop.tape import Ref

from ..test_judge import judged

CONVOLUTION = """
import numpy as np
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 6)), rng.normal(size=(2, 4, 4))
F, V, b = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 2, 2)), np.zeros(2)
for step in range(8):
    z = np.zeros((2, 4, 4))
    for f in range(2):
        for r in range(4):
            for c in range(4):
                z[f, r, c] = np.sum(X[r:r + 3, c:c + 3] * F[f]) + b[f]
    h = np.tanh(z)
    y = np.zeros((2, 3, 3))
    for f in range(2):
        for r in range(3):
            for c in range(3):
                y[f, r, c] = np.sum(h[f, r:r + 2, c:c + 2] * V[f])
    d = y - Y[:, :3, :3]
    dh, dV, dF = np.zeros(h.shape), np.zeros(V.shape), np.zeros(F.shape)
    for f in range(2):
        for r in range(3):
            for c in range(3):
                dh[f, r:r + 2, c:c + 2] += d[f, r, c] * V[f]
                dV[f] += d[f, r, c] * h[f, r:r + 2, c:c + 2]
    dz = dh * (1 - h ** 2)
    for f in range(2):
        for r in range(4):
            for c in range(4):
                dF[f] += dz[f, r, c] * X[r:r + 3, c:c + 3]
    F -= 0.01 * dF
    V -= 0.01 * dV
    b -= 0.01 * dz.sum((1, 2))
"""


@pytest.fixture
def at_once(monkeypatch):
    """Repeat everything at once that can be, as in a large network."""
    monkeypatch.setattr(replay, "MANY", 1)
    monkeypatch.setattr(objectives, "MANY", 1)
    monkeypatch.setattr(batches, "LEAST", 2)


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("dh[f, r:r + 2, c:c + 2] += d", "dh[f, r:r + 2, c:c + 2] = d", 23),
        ("dz = dh * (1 - h ** 2)", "dz = dh * (1 - z ** 2)", 25),
        ("dF[f] += dz[f, r, c] *", "dF[f] += dz[f, c, r] *", 29),
    ],
)
def test_a_convolution_in_loops(at_once, tmp_path, right, wrong, line):
    (finding,) = judged(CONVOLUTION, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(CONVOLUTION.replace(right, wrong), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", line)


@pytest.mark.parametrize(
    "statement",
    [
        "x[i][j] = y[j, i]",
        "x[i, j] += y[j, i]",
        "x[i][j] += y[j, i]",
        "x[n, j] += y[j, i]",  # n is a number that the script computes
        "x[n][j] = y[j, i]",
        "x[i][j] = 0 if x[i][j] < 0.5 else y[j, i]",
    ],
)
def test_what_a_loop_writes_is_done_at_once(at_once, statement):
    source = f"""
import numpy as np
rng = np.random.default_rng(0)
x, y = rng.normal(size=(4, 5)) * 1.0, rng.normal(size=(5, 4)) * 1.0
for i, n in enumerate(np.arange(4)):
    for j in range(5):
        {statement}
"""
    found, tape = script.record(source, "script.py")
    tape = elements.followed(tape, ())
    last = max(n.id for n in tape.nodes if n.op == "assign")
    needed = [tape.nodes[n] for n in replay.needed(tape, [last], [])[0]]
    (writes,) = batches.writes(tape, needed, {last})
    assert len(writes.nodes) >= 19  # the first may be done alone
    first = replay.tensor(tape.nodes[writes.first].value)
    values = replay.run(tape, [last], {writes.first: first})
    np.testing.assert_allclose(values[last], np.asarray(found["x"]), rtol=1e-15)


def test_what_no_given_value_reaches_is_computed_once(monkeypatch):
    source = "import numpy as np\nx = np.ones(3) * 2.0\ny = np.exp(x)\nw = np.ones(3)\nz = w * y\n"
    found, tape = script.record(source, "script.py")
    y, w, z = (found[name]._node for name in "ywz")
    tape.nodes[y].value = None  # as of an array that is too large to be kept
    done, apply = [], replay.apply
    monkeypatch.setattr(replay, "apply", lambda *a: done.append(a[1].id) or apply(*a))
    plan = replay.Plan(tape, [z], [w])
    for factor in (1.0, 2.0):
        values = plan.run({w: replay.tensor(np.full(3, factor))})
        np.testing.assert_allclose(values[z], factor * np.exp(2.0), rtol=1e-15)
    assert (done.count(y), done.count(z)) == (1, 2)


def test_two_loops_that_fill_their_arrays_row_by_row(tmp_path):
    """The softmax of each row, and the target of each: the last of both arrays is what counts."""
    source = """
import numpy as np
rng = np.random.default_rng(0)
X, labels = rng.normal(size=(30, 3)), rng.integers(0, 4, 30)
W, b = rng.normal(size=(3, 4)), np.zeros(4)
for step in range(8):
    p = np.exp(X @ W + b)
    for i in range(30):
        p[i, :] /= np.sum(p[i, :])
    d = p.copy()
    for i in range(30):
        d[i, labels[i]] -= 1
    W, b = W - 0.01 * X.T @ d, b - 0.01 * d.sum(0)
"""
    (right,) = judged(source, tmp_path)
    assert (right.verdict, right.loss) == ("correct", "CE")
    (wrong,) = judged(source.replace("-= 1", "-= 2"), tmp_path)
    assert wrong.verdict != "correct"


def test_what_all_of_a_batch_read_is_not_copied(at_once):
    """The weights of a network that takes one sample after the other."""
    source = """
import numpy as np
rng = np.random.default_rng(0)
W, X = rng.random((3, 5)), rng.random((20, 5))
y = np.stack([W @ x for x in X])
"""
    found, tape = script.record(source, "script.py")
    last = tape.nodes[-1].id
    order = replay.Plan(tape, [last], [0]).order
    (products,) = (s for s in order if isinstance(s, batches.Batch) and s.op == "matmul")
    assert products.columns[0] == Ref(0)
    values = replay.run(tape, [last], {0: replay.tensor(tape.nodes[0].value)})
    np.testing.assert_allclose(values[last], np.asarray(found["y"]), rtol=1e-14)


def test_a_preparation_does_not_stay_in_memory(at_once, monkeypatch):
    """Only what the step reads of it is kept, however long it is."""
    source = """
import numpy as np
X = np.random.default_rng(0).normal(size=(4, 3))
for i in range(30):
    X = X + 1
w = np.ones(3)
z = X @ w
"""
    found, tape = script.record(source, "script.py")
    for node in tape.nodes:
        node.value = node.value if node.op == "leaf" else None  # as of a large array
    w, last = tape.nodes[-2].id, tape.nodes[-1].id
    plan, there, do = replay.Plan(tape, [last], [w]), [], replay.Plan._do

    def counting(self, node, values, *args):
        do(self, node, values, *args)
        there.append(len(values))

    monkeypatch.setattr(replay.Plan, "_do", counting)
    values = plan.run({w: torch.ones(3, dtype=torch.float64)})
    assert len(plan.before) == 30 > 5 > max(there)
    np.testing.assert_allclose(values[last], np.asarray(found["z"]), rtol=1e-14)
