"""Recurrent networks whose gradient goes back a few steps only."""

import pytest

from ..test_judge import judged

# many to many: the gradient of each output goes back three steps
EACH = """
import numpy as np
rng = np.random.default_rng(0)
back, n, m = 3, 5, 4
Wx, Wh, Wy = (0.5 * rng.normal(size=s) for s in ((m, n), (m, m), (n, m)))
text = rng.integers(0, n, 40)
for at in range(0, 30, 3):
    xs, ts = text[at : at + 8], text[at + 1 : at + 9]
    h, p = {-1: np.zeros(m)}, {}
    for t in range(8):
        h[t] = np.tanh(Wx[:, xs[t]] + Wh @ h[t - 1])
        p[t] = np.exp(Wy @ h[t]) / np.exp(Wy @ h[t]).sum()
    dWx, dWh, dWy = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(Wy)
    for t in range(8):
        dy = p[t].copy()
        dy[ts[t]] -= 1
        dWy += np.outer(dy, h[t])
        d = Wy.T @ dy * (1 - h[t] ** 2)
        for s in range(t, max(t - back, -1), -1):
            dWh += np.outer(d, h[s - 1])
            dWx[:, xs[s]] += d
            d = Wh.T @ d * (1 - h[s - 1] ** 2)
    Wx -= 0.1 * dWx
    Wh -= 0.1 * dWh
    Wy -= 0.1 * dWy
"""
# many to one: all samples at once, two steps back from the last state
LAST = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 7, 3)), rng.integers(0, 2, (12, 1)).astype(float)
U, W, V = (0.5 * rng.normal(size=s) for s in ((3, 4), (4, 4), (4, 1)))
for epoch in range(12):
    states = [np.zeros((12, 4))]
    for t in range(7):
        states.append(np.tanh(X[:, t] @ U + states[-1] @ W))
    p = 1 / (1 + np.exp(-states[-1] @ V))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    dz = (p - y) / 12
    dV, d, dU, dW = states[-1].T @ dz, dz @ V.T, 0, 0
    for t in range(7, 5, -1):
        da = d * (1 - states[t] ** 2)
        dU, dW = dU + X[:, t - 1].T @ da, dW + states[t - 1].T @ da
        d = da @ W.T
    U, W, V = U - dU, W - dW, V - dV
"""


@pytest.mark.parametrize(("source", "steps"), [(EACH, 3), (LAST, 2)], ids=["each", "last"])
def test_a_gradient_that_is_truncated_is_right_and_said(source, steps, tmp_path):
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.diagnosis) == ("correct", None)
    (note,) = (n for n in finding.notes if "truncated" in n)
    assert f" {steps} steps of" in note


@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        (EACH, "(1 - h[s - 1] ** 2)", "(1 - h[s] ** 2)"),
        (EACH, "h[s - 1])\n", "h[s])\n"),
        (EACH, "max(t - back, -1)", "max(0, -1)"),  # none goes back to the first state
        (EACH, "max(t - back, -1)", "t - 1"),  # none goes back at all
        (LAST, "da @ W.T", "da @ W"),
        (LAST, "range(7, 5, -1)", "range(7, 1, -1)"),  # stops before the first state
    ],
    ids=["slope", "state", "first", "none", "transpose", "early"],
)
def test_a_gradient_that_is_truncated_and_wrong(source, right, wrong, tmp_path):
    assert right in source
    (finding,) = judged(source.replace(right, wrong), tmp_path)
    assert finding.verdict == "wrong"


@pytest.mark.parametrize("source", [EACH, LAST], ids=["each", "last"])
def test_a_gradient_that_goes_back_to_the_beginning(source, tmp_path):
    whole = source.replace("back, n, m = 3", "back, n, m = 9").replace("(7, 5, -1)", "(7, 0, -1)")
    (finding,) = judged(whole, tmp_path)
    assert finding.verdict == "correct"
    assert not any("truncated" in n for n in finding.notes)
