"""Corrections: which are proposed, and that only one that was judged correct is shown."""

import difflib
import subprocess
import sys

import numpy as np
import pytest

from xor_torch.backprop import check
from xor_torch.backprop.check import check_file
from xor_torch.backprop.judging.findings import Diagnosis
from xor_torch.backprop.mending import (
    MOST,
    MOST_CHANGES,
    PROPOSALS,
    WITHOUT_A_NAME,
    corrections,
    small_changes,
)
from xor_torch.backprop.screening import screened

from .homework import CORRECT, MISTAKES
from .saying import SOURCE, finding, verdict

LAYERS = [
    "layer 1: W1, b1; z1 (4, 3), a1 = h, sigmoid",
    "layer 2: W2, b2; z2 = s (4, 1), a2 = p, sigmoid",
]
# mistake, the wrong line, a line that must be among the proposals
CASES = [
    ("derivative taken twice", "d = e * slope(s)", "d = e * slope(p)"),
    ("derivative of the wrong quantity", "d = e * slope(h)", "d = e * slope(z1)"),
    ("derivative of the wrong quantity", "d = e * e * (1 - e)", "d = e * p * (1 - p)"),
    ("derivative of the wrong quantity", "d = np.multiply(e, s)", "d = e * p * (1 - p)"),
    ("missing output derivative", "d = p - y", "d = (p - y) * p * (1 - p)"),
    ("missing hidden derivative", "d1 = d @ W2.T", "d1 = d @ W2.T * slope(h)"),
    ("wrong sign", "W1 += lr * g", "W1 -= lr * g"),
    ("wrong sign", "W1 = W1 + lr * g", "W1 = W1 - lr * g"),
    ("wrong sign", "g = X.T @ d", "g = -(X.T @ d)"),
    ("wrong sign", "g = -lr * X.T @ d", "g = lr * X.T @ d"),
    ("bias summed over the wrong axis", "b = d.sum(axis=1)", "b = d.sum(axis=0)"),
    ("bias summed over the wrong axis", "b = np.sum(d, 1)", "b = np.sum(d, 0)"),
    ("bias summed over the wrong axis", "b = d.sum()", "b = d.sum(axis=0, keepdims=True)"),
    (None, "d = e / sum(e)", "d = e / e.sum(axis=1, keepdims=True)"),
    ("bias not summed", "b -= lr * d", "b -= lr * d.sum(axis=0, keepdims=True)"),
    ("scale of one parameter", "g = X.T @ d / 4", "g = X.T @ d"),
    ("scale of one parameter", "W1 -= 2 * lr * g", "W1 -= lr * g"),
    ("wrong transpose", "g = np.dot(h, d)", "g = np.dot(h.T, d)"),
    ("wrong transpose", "g = h @ d.T", "g = h @ d"),
    ("dot for element-wise product", "d = np.dot(e, s)", "d = e * s"),
    ("dot for element-wise product", "d = (a + b) @ s", "d = (a + b) * s"),
    ("weights of the wrong layer", "d = e @ W1.T", "d = e @ W2.T"),
    ("hard-coded sample", "g = X[0:1].T @ d", "g = X.T @ d"),
    ("hard-coded sample", "g = np.dot(X[1:2].T, d[1:2])", "g = np.dot(X.T, d)"),
    ("stale activation", "g = last.T @ d; last = error", "g = error.T @ d; last = error"),
    ("derivative taken twice", "d = e * slope(p)", "d = e * slope(q)"),
    ("raw error in the hidden delta", "d1 = error @ W2.T", "d1 = delta @ W2.T"),
]


@pytest.mark.parametrize(("mistake", "line", "right"), CASES)
def test_what_is_proposed(mistake, line, right):
    source = (
        f"for i in range(9):\n    error = 1\n    q = slope(p)\n    delta = 2\n    {line}  # é\n"
    )
    variable = line.split()[0]
    found = finding(layers=LAYERS, diagnosis=Diagnosis(5, variable, mistake, True, []))
    proposed = corrections(source, found)
    assert 0 < len(proposed) <= MOST
    assert source.replace(line, right) in proposed
    for text in proposed:
        compile(text, "x", "exec")


def test_a_delta_that_has_no_name_is_taken_from_where_it_is_used():
    source = """\
for i in range(9):
    error = y - p
    back = error @ W2.T
    W2 += h.T @ (error * p * (1 - p))
"""
    wrong = Diagnosis(3, "back", "raw error in the hidden delta", True, ["W1"])
    proposed = corrections(source, finding(layers=LAYERS, labels={}, diagnosis=wrong))
    assert source.replace("error @ W2", "(error * p * (1 - p)) @ W2") in proposed
    named = source.replace("    back", "    d = error * slope(p)\n    back")
    wrong = Diagnosis(4, "back", "raw error in the hidden delta", True, ["W1"])
    proposed = corrections(named, finding(layers=LAYERS, labels={}, diagnosis=wrong))
    assert named.replace("error @ W2", "d @ W2") in proposed


def test_a_slope_of_the_activation_is_mended_in_its_function():
    source = """\
def slope(v):
    s = 1 / (1 + np.exp(-v))
    return s * (1 - s)
for i in range(9):
    d = (p - y) * slope(p)
"""
    wrong = Diagnosis(5, "d", "derivative taken twice", True, [])
    proposed = corrections(source, finding(layers=LAYERS, diagnosis=wrong))
    assert source.replace("s * (1 - s)", "v * (1 - v)") in proposed


def test_a_view_of_a_weight_is_copied():
    source = """\
for i in range(9):
    old = P[0]
    P[0] += e * q
    q += e * old
"""
    for line, name in ((2, "old"), (4, "q")):
        wrong = Diagnosis(line, name, "updated too early", True, ["q"])
        proposed = corrections(source, finding(layers=[], parameters=[], diagnosis=wrong))
        assert source.replace("P[0]\n", "P[0].copy()\n") in proposed


CHANGES = [
    ("d1 = e * z[i]", "d1 = e * z[i - 1]"),
    ("d1 = A * (1 - A) * g / 3", "d1 = A * (g - (g * A).sum(axis=-1, keepdims=True)) / 3"),
    ("d1 = np.multiply(p - y, p)", "d1 = (p - y)"),
    ("d1 = e * p * (1 - p)", "d1 = e"),
    ("d1 = -3 * (e @ W.T) ** 2", "d1 = (e @ W.T)"),
]


@pytest.mark.parametrize(("line", "right"), CHANGES)
def test_whatever_is_one_change_away_is_looked_at(line, right):
    source = f"import numpy as np\nmask = V = later = 1\nfor i in X:\n    {line}\n"
    changes = small_changes(source, finding(diagnosis=Diagnosis(4, "d1", None, True, [])))
    assert source.replace(line, right) in changes
    assert len(changes) == len({*changes}) <= MOST_CHANGES


SCREENED = '''\
"""A script."""
from __future__ import annotations
import numpy as np
W = np.ones((2, 2))
for i in range(5):
    e = np.array([[1.0, 2.0], [3.0, i]])
    d = {}
    W += 0.1 * d
'''


def run(source):
    subprocess.run([sys.executable, "-c", source], check=False, timeout=60)


def test_changes_are_screened_by_the_values_that_the_statement_should_have():
    source = SCREENED.format("e * 2")
    texts = [SCREENED.format(x) for x in ("e", "e * W", "e ** 2", "nothing", "-e + 2 * e")]
    texts.append(source.replace("0.1", "0.2"))  # another line: this cannot be told
    wrong = Diagnosis(7, "d", None, True, ["W"], of="d", actual=2.0, expected=1.0)
    wrong.elements = [((0, 0), 2.0, 1.0), ((1, 0), 6.0, 3.0), ((1, 1), 4.0, 2.0)]
    found = finding(diagnosis=wrong)
    good = screened(source, texts, found, run)
    assert good[:2] == [texts[0], texts[4]]
    assert good[-1] == texts[5]
    assert source.replace("e * 2", "e / 1") not in good
    wrong.elements = wrong.elements[:1]  # of one element more would be right
    assert screened(source, texts, found, run)[:4] == [*texts[:3], texts[4]]
    wrong.elements = [((1, 1), 5.0, 2.0)]  # a value that the run does not have
    assert screened(source, texts, found, run) is None
    wrong.elements = []
    assert screened(source, texts, found, run) is None


FILLED = """\
import numpy as np
draw = np.random.default_rng(0).normal
X, h, e, m, q = draw(size=(3, 4)), draw(size=(3, 4)), draw(size=(3, 2)), draw(size=(3, 4)), 0.25
V, W, n, g = draw(size=(4, 2)), draw(size=(4, 2)), draw(size=4), draw(size=(3, 4))
def act(v):
    return v * np.tanh(v)
class Net:
    z = h
    def slope(self, v):
        s = np.tanh(v)
        return 1 - s**2
net = Net()
d = {}
"""


@pytest.mark.parametrize(
    ("wrong", "right", "written"),
    [
        ("e @ W.T", "e @ V.T", None),
        ("e @ W.T", "e @ W.T * m", None),
        ("e @ W.T", "e @ W.T / len(X)", None),
        ("e @ W.T", "e @ W.T + h", None),
        ("e @ W.T", "e @ W.T * (h * (1 - h))", None),
        ("X.T @ e", "X.T @ e - m.T @ e", None),
        ("2 * (X.T @ e)", "2 * (X.T @ e + q * W)", None),
        ("np.outer(X[2], e[2])", "X.T @ e", None),
        ("act(h) * (1 - act(h))", "h * (1 - h)", None),
        ("g / n", "(g - g.mean(axis=0) - m * (g * m).mean(axis=0)) / n", None),
        ("m * g", "m * (g - (g * m).sum(axis=-1, keepdims=True))", None),
        # in the function that is called
        ("m * net.slope(h)", "m * (np.tanh(h) + h * (1 - np.tanh(h) ** 2))", "(1 - s**2) * v + s"),
    ],
)
def test_a_wrong_statement_is_filled_from_the_values_in_scope(wrong, right, written):
    source = FILLED.format(wrong)
    names = {}
    exec(source, names)
    actual = names["d"]
    expected = eval(right, names)
    found = Diagnosis(13, "d", None, True, ["W"], of="d", actual=1.0, expected=1.0)
    found.elements = [
        (index, float(actual[index]), float(expected[index])) for index in np.ndindex(actual.shape)
    ]
    texts = screened(source, [], finding(diagnosis=found), run)
    assert texts, "nothing fits"
    for text in texts:  # each is a script that has the right value
        exec(text, names)
        np.testing.assert_allclose(names["d"], expected, rtol=1e-4)
        changed = [x for x in difflib.ndiff(source.splitlines(), text.splitlines()) if x[0] == "+"]
        assert len(changed) == 1
    if written is None:
        assert source.replace(f"d = {wrong}", f"d = {right}") in texts
    else:
        assert any(written in text for text in texts)


def test_nothing_is_computed_that_would_change_a_value():
    source = SCREENED.format("np.zeros((2, 2)); np.add.at(d, [0, 1], e * 2)")
    wrong = Diagnosis(7, "d", None, True, ["W"], of="d", actual=2.0, expected=1.0)
    wrong.elements = [
        ((0, 0), 2.0, 1.0),
        ((1, 0), 6.0, 3.0),
        ((1, 1), 8.0, 4.0),
    ]  # in the last step
    texts = [source.replace("e * 2", "e")]
    assert screened(source, texts, finding(diagnosis=wrong), run)[0] == texts[0]


def test_a_step_is_screened_too():
    source = SCREENED.format("e").replace("W +=", "W -=")
    texts = [source.replace("W -= 0.1", x) for x in ("W += 0.1", "W -= 0.2", "W = W + 0.1")]
    wrong = Diagnosis(8, "W", None, True, ["W"], of="W step", actual=-0.1, expected=0.1)
    wrong.elements = [((0, 0), -0.1, 0.1), ((1, 1), -0.3, 0.3)]
    found = finding(diagnosis=wrong)
    assert screened(source, texts, found, run)[:2] == [texts[0], texts[2]]


def test_a_penalty_is_written_as_for_the_other_weights():
    source = """\
for i in range(9):
    dW2 = h.T @ d + 2 * reg * W2
    dW1 = X.T @ (d @ W2.T * slope(h) + np.log(W2))
"""
    wrong = Diagnosis(3, "dW1", "detached regularisation", True, ["W1"])
    (proposed,) = corrections(source, finding(layers=LAYERS, diagnosis=wrong))
    assert proposed == source.replace("(W2))", "(W2)) + 2 * reg * W1")


def test_an_early_update_moves_or_its_weight_is_kept():
    early = SOURCE.replace("; b2 -=", "\n    b2 -=")
    early += "    print(a2)\n"
    moved, *_, kept = corrections(early, finding_at(11))
    changes = [x for x in difflib.ndiff(early.splitlines(), moved.splitlines()) if x[0] in "+-"]
    assert moved.splitlines()[-2] == "    W2 -= 0.5 * a1.T @ delta2"
    assert len([x for x in changes if x[0] == "+" and "W2 -=" in x]) == 1
    assert "    before_W2 = W2.copy()\n    W2 -= 0.5" in kept
    assert "delta1 = delta2 @ before_W2.T" in kept
    # two statements on a line do not move
    assert all("before_W2" in text for text in corrections(SOURCE, finding_at(10)))


def finding_at(line):
    return finding(diagnosis=Diagnosis(line, "delta1", "updated too early", True, ["W1"]))


def test_nothing_is_proposed_where_nothing_is_known():
    for mistake in ("bias never updated", "a new one"):
        assert corrections(SOURCE, finding(diagnosis=Diagnosis(10, "d", mistake, True, []))) == []
    assert corrections("def f(:", finding()) == []
    assert corrections("", finding()) == []


@pytest.mark.usefixtures("forked")
def test_a_correction_is_offered_because_it_was_tried(tmp_path, monkeypatch):
    mistake = next(m for m in MISTAKES if m.id == "plain-missing_hidden_derivative")
    path = tmp_path / "net.py"
    wrong, right = (
        source.replace("epochs = 10000", "epochs = 50")
        for source in (mistake.source, CORRECT["plain"])
    )
    path.write_text(wrong)
    monkeypatch.setattr(check, "MOST_TO_TRY", 900.0)  # however busy the machine is
    said = check_file(path, mend=True, timeout=1000)
    assert said.correction[0] == wrong
    diff = said.to_json()["correction"]
    assert [line[0] for line in diff] == ["-", "+"]
    assert "hidden_output" in diff[1]  # what the slope is of, as in the correct twin
    assert "Tried: with this change" in said.report()
    assert all(line in said.report() for line in diff)
    assert "Tried: with this change" in said._repr_html_()
    # one that is no better, and one that trains less, are not offered
    no_better = wrong.replace("lr = 0.1", "lr = 0.2")
    less = "\n".join(x for x in right.splitlines() if not x.startswith("    b2 -="))
    monkeypatch.setattr(check, "screened", lambda *given: [no_better, less])
    assert check_file(path, mend=True, timeout=1000).correction is None
    assert path.read_text() == wrong


@pytest.mark.parametrize(
    ("losses", "same"),
    [
        (("1/2 SSE", "MSE"), True),
        (("SSE", "sum of squares of an error"), True),
        ((None, "BCE"), True),
        (("mean BCE", "MSE"), False),
        (("CE", "BCE"), False),
    ],
)
def test_a_correction_keeps_the_loss(losses, same):
    one, other = (verdict(finding(loss=loss)) for loss in losses)
    assert check._same_loss(one, other) is same


PAIR = """\
import numpy as np
def forward(A, W, b): return W @ A + b, (A, W, b)
def backward(dZ, cache):
    A, W, b = cache
    return W.T @ dZ, dZ @ A.T, dZ.sum(axis=1, keepdims=True) / 3
Z, cache = forward(np.ones((3, 4)), np.ones((2, 3)), np.ones((2, 1)))
backward(np.ones((2, 4)), cache)
"""


@pytest.mark.usefixtures("forked")
def test_a_pair_of_functions_is_mended_too(tmp_path, monkeypatch):
    path = tmp_path / "layers.py"
    path.write_text(PAIR)
    monkeypatch.setattr(check, "MOST_TO_TRY", 900.0)  # however busy the machine is
    said = check_file(path, mend=True, timeout=1000)
    assert said.correction == (PAIR, PAIR.replace(" / 3", ""))


def test_the_diff_shows_what_lies_between():
    said = verdict(finding())
    said.correction = ("a\nb\nc\nd\n", "b\nc\na\nd\n")
    assert said.to_json()["correction"] == ["- a", "  b", "  c", "+ a"]


def test_every_proposal_is_for_a_mistake():
    from xor_torch.backprop.saying.catalogue import MISTAKES as NAMES

    assert {*PROPOSALS} - {WITHOUT_A_NAME} <= {*NAMES}
