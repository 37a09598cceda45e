"""Gradients clipped by their norm in some steps, saturated outputs, samples: each with a twin."""

import pytest

from ..test_judge import judged

CLIPPED = """
import numpy as np

rng = np.random.RandomState(0)
X = rng.randn(40, 3)
T = (X[:, :1] > 0) * 1.0
W1, W2 = rng.rand(3, 6), rng.rand(6, 1)

def s(z):
    return 1.0 / (1.0 + np.exp(-z))

def clip(g):
    n = np.linalg.norm(g)
    return g * 0.5 / n if n > 0.5 else g

for i in range(24):
    x, t = X[i : i + 1], T[i : i + 1]
    h = s(x.dot(W1))
    o = s(h.dot(W2))
    d = o - t
    dh = d.dot(W2.T) * h * (1 - h)
    g1, g2 = clip(x.T.dot(dh)), clip(h.T.dot(d))
    W1 -= g1 * 0.1
    W2 -= g2 * 0.1
"""
SATURATED = CLIPPED.replace("rng.rand(6, 1)", "rng.rand(6, 1) + 5.5").replace("0.5", "0.01")
SATURATED = SATURATED.replace("(X[:, :1] > 0) * 1.0", "np.ones((40, 1))")
MACHINE = """
import numpy as np

rng = np.random.RandomState(0)
V = (rng.rand(20, 6) > 0.5) * 1.0
W, b, c = 0.1 * rng.randn(6, 3), np.zeros(6), np.zeros(3)

def s(z):
    return 1.0 / (1.0 + np.exp(-z))

for i in range(12):
    h = s(V @ W + c)
    v = s((h > np.random.rand(20, 3)) @ W.T + b)
    h2 = s(v @ W + c)
    W += 0.1 * (V.T @ h - v.T @ h2) / 20
    b += 0.1 * (V - v).mean(0)
    c += 0.1 * (h - h2).mean(0)
    print(((V - v) ** 2).mean())
"""


@pytest.mark.parametrize(
    ("source", "old", "new", "verdict"),
    [
        (CLIPPED, "", "", "correct"),
        (CLIPPED, " * h * (1 - h)", " * h", "wrong"),
        (CLIPPED, "clip(h.T.dot(d))", "clip(2 * h.T.dot(d))", "wrong"),
        (CLIPPED, "return g *", "return -g *", "cannot tell"),
        (CLIPPED, "clip(x.T.dot(dh))", "x.T.dot(dh)", "cannot tell"),  # only one is clipped
        (SATURATED, "", "", "cannot tell"),
        (SATURATED, "d = o - t", "d = -(1 - o) * o * t", "cannot tell"),
        (MACHINE, "", "", "cannot tell"),
    ],
)
def test_a_clip_saturation_and_samples(tmp_path, source, old, new, verdict):
    (finding,) = judged(source.replace(old, new) if old else source, tmp_path)
    assert finding.verdict == verdict
    assert not finding.warnings
