"""Corrections: which are proposed, and that only one that was judged correct is offered."""

import difflib

import pytest

from xor_torch.backprop import check
from xor_torch.backprop.check import check_file
from xor_torch.backprop.judging.findings import Diagnosis
from xor_torch.backprop.mending import MOST, PROPOSALS, corrections

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
    ("missing output derivative", "d = p - y", "d = (p - y) * p * (1 - p)"),
    ("missing hidden derivative", "d1 = d @ W2.T", "d1 = d @ W2.T * slope(h)"),
    ("wrong sign", "W1 += lr * g", "W1 -= lr * g"),
    ("wrong sign", "W1 = W1 + lr * g", "W1 = W1 - lr * g"),
    ("wrong sign", "g = X.T @ d", "g = -(X.T @ d)"),
    ("bias summed over the wrong axis", "b = d.sum(axis=1)", "b = d.sum(axis=0)"),
    ("bias summed over the wrong axis", "b = np.sum(d, 1)", "b = np.sum(d, 0)"),
    ("bias summed over the wrong axis", "b = d.sum()", "b = d.sum(axis=0, keepdims=True)"),
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
    for mistake in (None, "bias never updated", "a new one"):
        assert corrections(SOURCE, finding(diagnosis=Diagnosis(10, "d", mistake, True, []))) == []
    assert corrections("def f(:", finding()) == []
    assert corrections("", finding()) == []


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
    monkeypatch.setattr(check.mending, "corrections", lambda source, found: [no_better, less])
    assert check_file(path, mend=True, timeout=1000).correction is None
    assert path.read_text() == wrong


def test_the_diff_shows_what_lies_between():
    said = verdict(finding())
    said.correction = ("a\nb\nc\nd\n", "b\nc\na\nd\n")
    assert said.to_json()["correction"] == ["- a", "  b", "  c", "+ a"]


def test_every_proposal_is_for_a_mistake():
    from xor_torch.backprop.saying.catalogue import MISTAKES as NAMES

    assert {*PROPOSALS} <= {*NAMES}
