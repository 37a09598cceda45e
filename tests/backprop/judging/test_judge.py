"""The new judge on a few scripts, right and wrong; it is tried on many more while it is built."""

import contextlib
import io

import numpy as np
import pytest

from tests.backprop.homework import CORRECT, MISTAKES
from xor_torch.backprop.judging.judge import judge
from xor_torch.backprop.recording.script import record
from xor_torch.backprop.tape import Tape

RIGHT = ["plain", "columns", "sample", "softmax", "mini-batch"]
WRONG = [
    "plain-updated_too_early",
    "columns-missing_output_derivative-one_gradient",
    "columns-wrong_sign",
    "columns-l2-detached_regularisation",
]
RNN = """\
import numpy as np
rng = np.random.default_rng(0)
H, V = 4, 3
Wxh, Whh, Why = (rng.normal(size=s) * .5 for s in ((H, V), (H, H), (V, H)))
for it in range(30):
    ids = rng.integers(0, V, 6); xs, hs, ps = {}, {-1: np.zeros((H, 1))}, {}
    loss = 0
    for t in range(5):
        xs[t] = np.zeros((V, 1)); xs[t][ids[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1])
        y = Why @ hs[t]; ps[t] = np.exp(y) / np.exp(y).sum()
        loss += -np.log(ps[t][ids[t + 1], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dn = np.zeros((H, 1))
    for t in reversed(range(5)):
        dy = ps[t].copy(); dy[ids[t + 1]] -= 1
        dWhy += dy @ hs[t].T
        dr = (1 - hs[t] ** 2) * (Why.T @ dy + dn)
        dWxh += dr @ xs[t].T; dWhh += dr @ hs[t - 1].T
        dn = Whh.T @ dr
    Wxh -= .1 * dWxh; Whh -= .1 * dWhh; Why -= .1 * dWhy
"""


def judged(source, folder):
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        _, tape = record(source, "homework.py")
    tape.save(folder, end="ran")
    tape, _ = Tape.load(folder)
    return judge(tape, 120.0)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_network_is_right(name, tmp_path):
    assert [f.verdict for f in judged(CORRECT[name], tmp_path)] == ["correct"]


@pytest.mark.parametrize("id", WRONG)
def test_a_planted_mistake_is_found(id, tmp_path):
    (mistake,) = [m for m in MISTAKES if m.id == id]
    (finding,) = judged(mistake.source, tmp_path)
    assert finding.verdict == "wrong"
    assert finding.diagnosis.line in (mistake.line, *mistake.near)
    assert finding.diagnosis.mistake in (mistake.name, *mistake.also)


def test_backpropagation_through_time(tmp_path):
    assert [f.verdict for f in judged(RNN, tmp_path)] == ["correct"]
    (finding,) = judged(RNN.replace("dn = Whh.T @ dr", "dn = Whh @ dr"), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 20)
