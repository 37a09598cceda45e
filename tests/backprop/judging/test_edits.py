"""The line of a mistake where a loop makes each value from the one before."""

import pytest

from ..test_judge import judged

BLOCKS = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 4))
Ws = [rng.normal(size=(4, 4)) * 0.4 for _ in range(3)]
V, g, b = rng.normal(size=(4, 4)) * 0.5, rng.normal(size=4), rng.normal(size=4)
for epoch in range(4):
    hs = [X]
    for W in Ws:
        hs.append(hs[-1] + np.tanh(hs[-1] @ W))
    n = hs[-1] * g
    p = n @ V + b
    loss = np.sum((p - y) ** 2)
    d = 2 * (p - y)
    dV, db = n.T @ d, d.sum(0)
    dn = d @ V.T
    dg = (dn * hs[-1]).sum(0)
    dh = dn * g
    dWs = [None] * 3
    for k in (2, 1, 0):
        u = np.tanh(hs[k] @ Ws[k])
        dz = dh * (1 - u * u)
        dWs[k] = hs[k].T @ dz
        dh = dh + dz @ Ws[k].T
    V -= 0.01 * dV
    b -= 0.01 * db
    g -= 0.01 * dg
    for k in range(3):
        Ws[k] = Ws[k] - 0.01 * dWs[k]
"""

# what is wrong -> the line, and what stands there instead
MISTAKES = {
    "a term is missing": ("dh = dh + dz @ Ws[k].T", "dh = dz @ Ws[k].T"),
    "the value of another layer": ("dWs[k] = hs[k].T @ dz", "dWs[k] = hs[k + 1].T @ dz"),
    "not turned": ("dh = dh + dz @ Ws[k].T", "dh = dh + dz @ Ws[k]"),
    "a factor is missing, and nothing is computed": ("dh = dn * g", "dh = dn"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_expression_that_has_to_be_written_another_way_is_named(name, tmp_path):
    right, wrong = MISTAKES[name]
    assert BLOCKS.count(right) == 1
    (finding,) = found(BLOCKS.replace(right, wrong), tmp_path)
    assert BLOCKS.splitlines()[finding.diagnosis.line - 1].strip() == right


def test_of_two_mistakes_no_line_before_them_is_named(tmp_path):
    """No single edit makes everything right."""
    (right, wrong), lost = MISTAKES["a term is missing"], MISTAKES["the value of another layer"]
    (finding,) = found(BLOCKS.replace(right, wrong).replace(*lost), tmp_path)
    first = BLOCKS.splitlines().index(" " * 8 + lost[0]) + 1
    assert finding.diagnosis is None or finding.diagnosis.line >= first


def found(source, folder):
    return [f for f in judged(source, folder) if f.verdict == "wrong"]


MASKS = """
import numpy as np
np.random.seed(13)
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]).reshape(4, 2, 1)
B = [np.random.rand(2, 1), np.random.rand(1, 1)]
W = [np.random.rand(2, 2), np.random.rand(1, 2)]
for epoch in range(99):
    dB, dW = [0 * b for b in B], [0 * w for w in W]
    for x, t in zip(X, [0, 0, 0, 1]):
        z = W[0] @ x + B[0]
        h = np.maximum(z, 0)
        u = W[1] @ h + B[1]
        d = (np.maximum(u, 0) - t) * (u > 0)
        back = W[1].T @ d * (u > 0)
        dW = [dW[0] + back @ x.T, dW[1] + d @ h.T]
        dB = [dB[0] + back, dB[1] + d]
    W = [w - 0.05 * g for w, g in zip(W, dW)]
    B = [b - 0.05 * g for b, g in zip(B, dB)]
"""


def test_a_mask_that_is_right_where_all_units_are_on(tmp_path):
    (finding,) = judged(MASKS, tmp_path)
    assert finding.verdict == "wrong", finding
    assert finding.diagnosis is None or finding.diagnosis.variable == "back"
