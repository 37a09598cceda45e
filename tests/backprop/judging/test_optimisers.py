"""Optimisers with states of several kinds: the gradient that goes into them is right or wrong."""

import pytest

from ..test_judge import judged

TRAINING = """
import numpy as np

rng = np.random.RandomState(1)
X = rng.randn(20, 3)
Y = (X[:, :1] * X[:, 1:2] > 0) * 1.0
P = {"W1": rng.randn(3, 4), "b1": np.zeros((1, 4)), "W2": rng.randn(4, 1), "b2": np.zeros((1, 1))}
M, V, H = ({k: np.zeros_like(v) for k, v in P.items()} for _ in range(3))

for t in range(1, 20):
    a1 = np.tanh(X @ P["W1"] + P["b1"])
    p = 1 / (1 + np.exp(-(a1 @ P["W2"] + P["b2"])))
    d2 = (p - Y) / len(X)
    d1 = d2 @ P["W2"].T * (1 - a1 ** 2)
    G = {"W1": X.T @ d1, "b1": d1.sum(0, keepdims=True)}
    G |= {"W2": a1.T @ d2, "b2": d2.sum(0, keepdims=True)}
    for k in P:
        g = G[k]
"""
OPTIMISERS = {
    "Adadelta": """
        V[k] = 0.9 * V[k] + 0.1 * g * g
        step = np.sqrt((M[k] + 1e-6) / (V[k] + 1e-6)) * g
        P[k] -= step
        M[k] = 0.9 * M[k] + 0.1 * step * step
""",
    "AMSGrad": """
        M[k] = 0.9 * M[k] + 0.1 * g
        V[k] = 0.999 * V[k] + 0.001 * g ** 2
        H[k] = np.maximum(H[k], V[k])
        P[k] -= 0.01 * M[k] / (np.sqrt(H[k]) + 1e-8)
""",
    "Adamax": """
        M[k] = 0.9 * M[k] + 0.1 * g
        V[k] = np.maximum(0.999 * V[k], np.abs(g))
        P[k] -= 0.01 / (1 - 0.9 ** t) * M[k] / (V[k] + 1e-8)
""",
    "Rprop": """
        turns = g * V[k]
        H[k] = np.where(turns < 0, H[k] * 0.5, np.where(turns > 0, H[k] * 1.2, H[k] + 1e-3))
        P[k] -= np.sign(g) * H[k]
        V[k] = g
""",
}


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_the_gradient_inside_an_optimiser(tmp_path, optimiser):
    source = TRAINING + OPTIMISERS[optimiser].strip("\n")
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "mean BCE")
    (finding,) = judged(source.replace("(1 - a1 ** 2)", "(1 - a1)"), tmp_path)
    assert finding.verdict == "wrong"
    assert finding.diagnosis.variable == "d1"


ONE_BY_ONE = """
import numpy as np

rng = np.random.RandomState(0)
W, V, b, c = rng.randn(4, 3), rng.randn(1, 4), np.zeros((4, 1)), np.zeros((1, 1))
sW, sV, sb, sc = W * 0, V * 0, b * 0, c * 0
for i in range(9):
    x = rng.rand(3, 1)
    h = np.tanh(W @ x + b)
    d = V @ h + c - x.sum()
    e = V.T @ d * (1 - h ** 2)
    gW, gV, gb, gc = e @ x.T, d @ h.T, e, d
"""
ADAGRAD = "".join(
    f"""    s{w} = s{w} + g{w} ** 2
    {w} -= 0.001 * g{w} / (np.sqrt(s{w}) + 1e-8)
"""
    for w in "WVbc"
)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [("= s", "= 0.9 * s", None), ("", "", None), ("e, d", "V.T @ d, d", 12), ("e, d", "e, -d", 20)],
)
def test_the_gradient_of_a_bias_is_the_error_of_one_sample(tmp_path, old, new, line):
    """What the error is made of belongs to the forward pass."""
    (finding,) = judged((ONE_BY_ONE + ADAGRAD).replace(old, new), tmp_path)
    assert finding.verdict == ("wrong" if line else "correct")
    assert (finding.diagnosis and finding.diagnosis.line) == line


def test_two_computations_of_one_gradient_are_not_accused(tmp_path):
    """The check does not see that ``0.1 * d @ h.T`` is a multiple of ``d @ h.T``."""
    source = ONE_BY_ONE + ADAGRAD.replace("0.001 * gV", "0.001 * d @ h.T")
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == "cannot tell"


NORMED = """
        memory = np.zeros_like(g)
        memory += g * g
        P[k] += -0.01 * g / np.sqrt(memory + 1e-4)
"""


def test_a_step_that_an_optimiser_without_a_state_makes(tmp_path):
    """AdaGrad whose memory is new in each step: nearly the sign of the gradient."""
    (finding,) = judged(TRAINING + NORMED, tmp_path)
    assert finding.verdict == "correct"
    assert any("not proportional" in note for note in finding.notes)
    (finding,) = judged(TRAINING.replace("(1 - a1 ** 2)", "(1 - a1)") + NORMED, tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 14)


NESTEROV = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
y = (X @ [1.0, -2.0, 0.5] > 0.3).astype(float)
w, b = np.zeros(3), BIAS
vw, vb = np.zeros(3), BIAS
mu = 0.9
for epoch in range(40):
    W, B = w + mu * vw, b + mu * vb
    d = 1 / (1 + np.exp(-(X @ W + B))) - y
    vw = mu * vw - 0.05 * (X.T @ d / 40 + 0.01 * W)
    vb = mu * vb - 0.05 * d.mean()
    w = w + vw
    b = b + vb
    p = 1 / (1 + np.exp(-(X @ w + b)))
    print(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.01 / 2 * w @ w)
"""


@pytest.mark.parametrize("bias", ["np.zeros(1)", "0.0", "np.float64(0)"])
def test_a_penalty_that_is_only_printed_is_no_step(bias, tmp_path):
    """It multiplies the weights by a number, as a decay does. A bias may be a number, too."""
    source = NESTEROV.replace("BIAS", bias)
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "mean BCE")
    (finding,) = judged(source.replace("* d.mean()", "* d.sum()"), tmp_path)
    assert finding.verdict == "wrong"
