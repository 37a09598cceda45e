"""NumPy functions that change an array or return a view: the tape holds what they did."""

import json

import numpy as np
import pytest
import torch

from xor_torch.backprop import replay
from xor_torch.backprop.check import check_file
from xor_torch.backprop.recording import script

pytestmark = pytest.mark.usefixtures("forked")

BEGIN = """import numpy as np
from numpy.lib.stride_tricks import as_strided
rng = np.random.default_rng(0)
a = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]]) * 1.5
v = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) * 0.5
i = np.array([1, 1, 0])
"""
CHANGES = [
    "np.add.at(a, i, 1.0)", "np.add.at(a, (i, [0, 1, 2]), v[:3])", "np.subtract.at(v, i, a[0])",
    "np.maximum.at(v, i, a[0])", "np.minimum.at(v, i, a[0])", "np.multiply.at(v, i, a[0])",
    "np.divide.at(v, i, a[0])", "np.add.at(a.T, i, 2 * a.T)", "np.add.at(a[0], i, v[:3])",
    "np.add.at(a, (slice(None), i), 2.0)", "np.add.at(v, [0, 0], [a[0, 0], 2.0])",
    "np.put(v, i, a[0])", "v.put([0, 4], [9.0, 8.0])", "np.putmask(v, v > 1, a[0])",
    "np.place(v, v > 1, a[0])", "np.copyto(v, a.ravel())", "np.copyto(v, 0.0, where=v > 1)",
    "np.put_along_axis(a, np.argmax(a, axis=1)[:, None], 0.5, axis=1)", "np.fill_diagonal(a, v[0])",
    "p, q = np.split(v, 2); p += 1; q *= p", "p = np.array_split(v, 4)[1]; p[0] = 9",
    "p = np.hsplit(a, 3)[2]; p *= 2", "p = v.view(); p += 1", "v.resize((2, 3)); v[0] = 1",
    "v.resize(3, 2, refcheck=False)", "a.T.flat[1] = 5", "a.flat[i] = v[:3]", "a @= np.eye(3)",
    "as_strided(v, (2, 2), (8, 8))[0] += 7", "rng.shuffle(a)", "np.random.shuffle(v)",
    "p = a[:, 1:]; rng.shuffle(p)", "for k in np.arange(2): a[k] *= k + 1",
]  # fmt: skip
VALUES = [
    "np.resize(a, (3, 4))", "np.roll(a, (1, 1), (0, 1))", "np.rot90(a)", "np.dstack([a, a * 2])",
    "np.split(v, 3)[1]", "np.take_along_axis(a, np.argmax(a, axis=1)[:, None], axis=1)",
    "np.tril(a)", "np.pad(a, ((0, 0), (1, 2)), 'edge')", "a.flat[1:3]", "a.flat[i]",
    "np.array([a[0, 0], v[1]], ndmin=3)", "np.lib.stride_tricks.sliding_window_view(v, 3)",
    "as_strided(v, (4, 3), (8, 8))", "as_strided(a.T, (3, 2), a.T.strides)",
    "as_strided(a.astype('f4'), shape=(2, 2), strides=(4, 4))",
    "np.exp([v[0], v[1]])", "np.maximum([v[0], 1.0], 0)", "np.tanh((v[0], 2.0))",
    "np.apply_along_axis(lambda row: row / row.sum(), 1, a)", "np.apply_along_axis(np.sum, 0, a)",
    "np.full((2, 2), v[0])", "np.full(3, v[1], dtype=int)", "np.asfortranarray(a)",
    "np.rollaxis(a, 1)", "np.extract(a > 1, a)",
    "np.divide(a, 2, out=np.ones((2, 3)), where=a > 0)",
    "np.array([v[k] for k in np.arange(1, 3)])", "a[:, i].sum(np.int64(1))",
]  # fmt: skip


def repeated(tape):
    """The values of a tape, computed again from those that came from outside."""
    given = {n.id: replay.tensor(n.value) for n in tape.nodes if not n.inputs}
    return replay.run(tape, [n.id for n in tape.nodes], given)


@pytest.mark.filterwarnings("ignore:you are shuffling:UserWarning")
@pytest.mark.parametrize("statement", [*CHANGES, *(f"z = {value}" for value in VALUES)])
def test_the_tape_holds_what_was_done(statement):
    source = f"{BEGIN}np.random.seed(0)\n{statement}\nend = a * 1, v * 1\n"
    plain = {}
    exec(source, plain)
    found, tape = script.record(source, "script.py")
    for name in ("a", "v", "z"):
        if name in plain:
            np.testing.assert_array_equal(np.asarray(found[name]), plain[name])
    assert not any(n.op in ("lost", "foreign") for n in tape.nodes)
    values = repeated(tape)
    for node in tape.nodes:
        was, again = replay.tensor(node.value), values[node.id]
        assert again.dtype == was.dtype
        torch.testing.assert_close(again, was, rtol=1e-14, atol=0, equal_nan=True)
    for whole, end in zip((plain["a"], plain["v"]), found["end"], strict=True):
        np.testing.assert_array_equal(tape.nodes[end._node].value, whole)


@pytest.mark.parametrize(
    "value",
    [
        "np.full_like(a, v[0])", "as_strided(a[:, ::2], (2, 2), (24, 16))",
        "np.random.normal(v, 1.0)",
        "np.frompyfunc(lambda x: x * 2, 1, 1)(v).astype(float)", "np.fft.fft(v).real",
    ],
)  # fmt: skip
def test_a_value_that_numpy_made_unseen_is_lost(value):
    """If it counted as a value from outside, the numbers that it was made of would not count."""
    _, tape = script.record(f"{BEGIN}z = {value}\nend = z * 1.0\n", "script.py")
    (end,) = (n for n in tape.nodes if n.name == "end")
    assert tape.nodes[end.inputs[0]].op in ("lost", "foreign")


def test_rows_that_are_shuffled_keep_what_they_were():
    source = f"{BEGIN}x = rng.normal(size=(6, 2)); w = x * 2\nrng.shuffle(w)\nend = w + 0\n"
    _, tape = script.record(source, "script.py")
    x = next(n for n in tape.nodes if n.name == "x")
    given = {n.id: replay.tensor(n.value) for n in tape.nodes if not n.inputs}
    given[x.id] = given[x.id].requires_grad_()
    end = replay.run(tape, [len(tape.nodes) - 1], given)[len(tape.nodes) - 1]
    end[2, 1].backward()
    (row, column), *more = torch.nonzero(given[x.id].grad).tolist()
    assert not more
    assert 2 * x.value[row, column] == tape.nodes[-1].value[2, 1]
    assert column == 1


EMBEDDING = """import numpy as np
rng = np.random.default_rng(0)
E, W = rng.normal(size=(7, 4)) * 0.5, rng.normal(size=(4, 7)) * 0.5
ids, t = np.array([0, 1, 2, 1, 3, 4, 5, 6]), np.array([1, 2, 1, 3, 4, 5, 6, 0])
for i in range(100):
    h = E[ids]
    p = np.exp(h @ W)
    p /= p.sum(axis=1, keepdims=True)
    d = p.copy()
    d[np.arange(8), t] -= 1
    dW = h.T @ d
    dh = d @ W.T
    np.subtract.at(E, ids, 0.1 * dh)
    W -= 0.1 * dW
"""


def test_rows_of_an_embedding_are_updated(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(EMBEDDING)
    verdict = check_file(path)
    assert verdict.verdict == "correct", verdict.report()
    assert {p.name for p in verdict.findings[0].parameters} == {"E", "W"}
    path.write_text(EMBEDDING.replace("0.1 * dh)", "0.1 * dh ** 2)"))
    assert check_file(path).verdict == "wrong"


NETWORK = """import numpy as np
X, y = np.array([[0.0, 1], [1, 0], [1, 1], [0, 0]]), np.array([[1.0], [1], [0], [0]])
rng = np.random.default_rng(0)
W, w = rng.normal(size=(2, 3)), rng.normal(size=(3, 1))
"""
LOOP = """for epoch in range(12):
    h = np.tanh(X @ W)
    d = h @ w - y
    dW = X.T @ (d @ w.T * (1 - h * h))
    w -= 0.1 * h.T @ d
    W -= 0.1 * dW
"""


@pytest.mark.parametrize("cell", ["1 / 0", "import no_such_package", "raise ValueError", "x = y2"])
def test_a_cell_that_crashes_is_skipped(tmp_path, cell):
    cells = [NETWORK, f"before = 1\n{cell}\nW = None", LOOP]
    path = tmp_path / "book.ipynb"
    path.write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": source} for source in cells]})
    )
    verdict = check_file(path)
    assert verdict.verdict == "correct", verdict.report()
    assert verdict.traceback
    assert "cell 2, line 2" in verdict.traceback
    (tmp_path / "script.py").write_text("".join(f"{source}\n" for source in cells))
    assert check_file(tmp_path / "script.py").verdict == "cannot tell"


def test_without_cupy_a_script_goes_on_with_numpy(tmp_path):
    path = tmp_path / "script.py"
    fallback = "try:\n    import cupy as np\nexcept ImportError:\n    import numpy as np\n"
    path.write_text(fallback + NETWORK.partition("\n")[2] + LOOP)
    assert check_file(path).verdict == "correct"
    path.write_text(NETWORK.replace("numpy", "cupy") + LOOP)
    verdict = check_file(path)
    assert verdict.verdict == "cannot tell"
    assert "cupy" in verdict.reason
    assert "except ImportError: import numpy as np" in verdict.reason
