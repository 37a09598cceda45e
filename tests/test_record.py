"""The recorder: the script sees its own numbers, and the tape repeats them."""

import numpy as np
import pytest
import torch

from xor_torch import replay
from xor_torch.record import Recorder
from xor_torch.source import read_source
from xor_torch.tape import Tape


def record(source, tmp_path, name="script.py"):
    """Run a source in this process; return its globals and the tape as read back."""
    recorder = Recorder(30)
    found = recorder.run_script(source, name)
    recorder.full = True
    recorder.tape.save(tmp_path, end="ran")
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
h = np.einsum("ij,kj->ik", a, a)
"""


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


def test_a_view_writes_into_its_array(tmp_path):
    source = "import numpy as np\na = np.zeros((2, 2))\nrow = a[0]\nrow += 1\nb = a + 0\n"
    found, _ = record(source, tmp_path)
    assert found["b"].tolist() == [[1.0, 1.0], [0.0, 0.0]]


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
