"""The judge: planted mistakes are found and named, correct networks are never accused.

The file is long because the judge has many answers, and each needs scripts that lead to it.
"""

import contextlib
import dataclasses
import gc
import io
import math
import sys
import weakref

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xor_torch.backprop.judging.findings import Finding
from xor_torch.backprop.judging.judge import judge
from xor_torch.backprop.judging.points import OVER, Bench, Clock
from xor_torch.backprop.judging.steps import find_networks
from xor_torch.backprop.recording.limits import Limits
from xor_torch.backprop.recording.script import record
from xor_torch.backprop.tape import Tape

from .homework import CORRECT, MISTAKES, NAMES

# As in a user's check, except that a busy machine records as much as a quiet one.
WHOLE = Limits(slow_loop_seconds=1e9)
# A twentieth of that, in which every way to write an update occurs many times. The judge takes its
# points from all parts of a recording, as many from a short one as from a long one.
LIMITS = Limits(updates=32, nodes=3_000, slow_loop_seconds=1e9)


def judged(source, folder, limits=LIMITS):
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        _, tape = record(source, "homework.py", limits)
    tape.save(folder, end="ran")
    tape, _ = Tape.load(folder)
    return judge(tape, math.inf)  # however busy the machine is


def test_a_judgement_frees_its_tape_and_points(tmp_path, monkeypatch):
    """A process that checks many files, or a kernel, does not keep all their tapes."""
    benches, made = [], Bench.__init__

    def note(self, *args, **kwargs):
        made(self, *args, **kwargs)
        benches.append(weakref.ref(self))

    monkeypatch.setattr(Bench, "__init__", note)
    (finding,) = judged(CORRECT["plain-momentum"], tmp_path)
    assert finding.verdict == "correct"
    gc.collect()
    assert benches
    assert not any(bench() for bench in benches)


UPDATES = {
    "sample": "one sample at a time, of 4 distinct input rows",
    "branch": "one sample at a time, of 4 distinct input rows",
    "typed": None,  # no product with a row of the input
    "softmax-jacobian": "one sample at a time, of 4 distinct input rows",
    "mini-batch": "mini-batch: each sees 15 of 60 distinct input rows",
}


def by_default(cases, kind, style):
    """Cases, and how much of them is recorded.

    By default one case of each kind in a short recording, and the styles take turns; with
    ``-m slow`` every case, as in a user's check.
    """
    chosen, styles = {}, list(dict.fromkeys(map(style, cases)))
    for number, k in enumerate(dict.fromkeys(map(kind, cases))):
        own = [c for c in cases if kind(c) == k]
        own = [c for c in own if "wrong" in getattr(c, "answers", ("wrong",))] or own
        chosen[k] = min(own, key=lambda c: (styles.index(style(c)) - number) % len(styles))
    whole = [
        pytest.param(c, WHOLE, marks=pytest.mark.slow, id=f"{getattr(c, 'id', c)}-whole")
        for c in cases
    ]
    return [pytest.param(c, LIMITS, id=getattr(c, "id", c)) for c in chosen.values()] + whole


# a variation of a style, "columns-l2", is of the kind "l2"
VARIANTS = by_default(list(CORRECT), lambda n: n.split("-")[-1], lambda n: n.split("-")[0])
PLANTED = by_default(MISTAKES, lambda m: m.name, lambda m: m.style.split("-")[0])


def test_every_mistake_of_the_catalogue_is_tried_by_default():
    tried = {p.values[0].name for p in PLANTED if not p.marks}
    assert tried == {p.values[0].name for p in PLANTED} == set(NAMES)


@pytest.mark.parametrize(("name", "limits"), VARIANTS)
def test_a_correct_network_is_correct(name, limits, tmp_path):
    findings = judged(CORRECT[name], tmp_path, limits)
    assert [f.verdict for f in findings] == ["correct"]
    full = "full batch: each sees all 4 distinct input rows"
    assert [f.updates for f in findings] == [UPDATES.get(name, full)]


@pytest.mark.parametrize(("mistake", "limits"), PLANTED)
def test_a_planted_mistake_is_found(mistake, limits, tmp_path):
    (finding,) = judged(mistake.source, tmp_path, limits)
    if finding.other_loss and "warned" in mistake.answers and finding.verdict == "correct":
        assert finding.warnings
        return
    assert finding.verdict == "wrong"
    assert "wrong" in mistake.answers
    d = finding.diagnosis
    assert d.line in (mistake.line, *mistake.near)
    assert d.mistake in (mistake.name, *mistake.also)
    assert d.line != mistake.line or d.variable == mistake.variable


def test_a_number_of_the_weights_is_no_loss(tmp_path):
    (finding,) = judged(CORRECT["plain-slope"], tmp_path)
    assert not finding.warnings


def test_a_constant_against_a_logarithm_of_zero_makes_no_other_loss(tmp_path):
    (finding,) = judged(CORRECT["bce"].replace("np.log(p)", "np.log(p + 1e-8)"), tmp_path)
    assert finding.verdict == "correct"
    assert not finding.warnings


SMALL = CORRECT["bce"].replace(
    "y / p - (1 - y) / (1 - p)", "y / (p + 1e-6) - (1 - y) / (1 - p + 1e-6)"
)


def test_a_constant_against_a_division_by_zero_is_no_mistake(tmp_path):
    (finding,) = judged(SMALL, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "mean BCE")
    assert "constants against a division by zero" in finding.notes[-1]
    (finding,) = judged(SMALL.replace("* a1 * (1 - a1)", "* a1"), tmp_path)
    assert (finding.verdict, finding.diagnosis.variable) == ("wrong", "dz1")


NEGATIVE = CORRECT["bce"].replace(
    "-(y / p - (1 - y) / (1 - p))", "(-y / p + (np.negative(y) + 1) / (np.negative(p) + 1))"
)


def test_a_cross_entropy_is_known_in_other_words(tmp_path):
    source = NEGATIVE.replace("    bce = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))\n", "")
    source = source.replace("    losses.append(bce)\n", "").replace("losses[0], losses[-1]", "p")
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "mean BCE")
    (finding,) = judged(source.replace("np.negative(y) + 1", "np.negative(y) + 2"), tmp_path)
    assert finding.verdict != "correct"


# inputs that saturate nearly every unit: 1 - a has lost its digits
FAR = CORRECT["sample"].replace(
    "([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)",
    "([-2, -1], 1), ([25, 60], 0), ([17, 40], 0), ([-15, -60], 1)",
)


@pytest.mark.parametrize("seed", range(5))
def test_the_rounding_of_a_saturated_unit_is_no_mistake(seed, tmp_path):
    (finding,) = judged(FAR.replace("RandomState(5)", f"RandomState({seed})"), tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "1/2 SSE")
    assert finding.lr == pytest.approx(0.25, rel=1e-9)


def test_an_exp_that_overflows_is_no_obstacle(tmp_path):
    """1 / (1 + exp(1000)) is 0, which is right."""
    (finding,) = judged(FAR.replace("uniform(-1, 1, (2, 3))", "uniform(-90, 90, (2, 3))"), tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "1/2 SSE")


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [
        ("delta_o * w2 * h * (1 - h)", "delta_o * w2 * h", None),
        ("delta_o * w2 * h", "(t - o) * w2 * h", "raw error in the hidden delta"),
        ("w1 += eta *", "w1 += 0.25 * eta *", "scale of one parameter"),
    ],
)
def test_a_mistake_is_seen_between_saturated_units(right, wrong, name, tmp_path):
    assert right in FAR
    (finding,) = judged(FAR.replace(right, wrong), tmp_path)
    assert finding.verdict == "wrong"
    assert name in (None, finding.diagnosis.mistake)


def test_a_branch_on_the_target_hides_no_mistake(tmp_path):
    hidden = CORRECT["branch"].replace(" * a1 * (1 - a1)", " * a1")
    (finding,) = judged(hidden, tmp_path)
    assert (finding.verdict, finding.diagnosis.variable) == ("wrong", "dz1")
    output = CORRECT["branch"].replace(" * p * (1 - p)", " * p")
    (finding,) = judged(output, tmp_path)
    assert (finding.verdict, finding.diagnosis.mistake) == ("wrong", "missing output derivative")


def test_weights_whose_input_is_zero_are_not_accused(tmp_path):
    rows = "[[0, 0], [0, 1], [1, 0], [1, 1]]"
    (finding,) = judged(CORRECT["plain"].replace(rows, "[[0, 0]] * 4"), tmp_path)
    assert finding.verdict == "cannot tell"
    assert finding.reason.startswith("W1 never moves")


LEARNED = """\
import numpy as np

rng = np.random.RandomState(4)
X = rng.randint(0, 2, (3, 25))
T = np.eye(5)[:3]
W1 = rng.rand(50, 25)
W2 = rng.rand(5, 50)

for epoch in range(100):
    for x, t in zip(X, T):
        a1 = 1 / (1 + np.exp(-W1 @ x))
        e = np.exp(W2 @ a1)
        p = e / e.sum()
        d2 = t - p
        d1 = W2.T @ d2 * a1 * (1 - a1)
        W2 += 0.9 * np.outer(d2, a1)
        W1 += 0.9 * np.outer(d1, x)
"""


def test_a_softmax_that_has_learned_is_not_accused_of_its_rounding(tmp_path):
    (finding,) = judged(LEARNED, tmp_path)
    assert finding.verdict == "correct"


def test_a_bias_of_a_layer_that_was_not_found(tmp_path):
    """The judge sees no layer in a product that is written as loops; its bias may be wrong."""
    loops = CORRECT["plain"].replace("np.dot(X, W1)", "product(X, W1)")
    loops = loops.replace(
        "def sigmoid(x):",
        """\
def product(a, b):
    c = np.zeros((len(a), len(b[0])))
    for i in range(len(a)):
        for j in range(len(b[0])):
            total = 0
            for k in range(len(b)):
                total += a[i][k] * b[k][j]
            c[i][j] = total
    return c


def sigmoid(x):""",
    )
    wrong = loops.replace("d_b1 = np.sum(d_hidden, axis=0, keepdims=True)", "d_b1 = d_hidden.sum()")
    (finding,) = judged(wrong, tmp_path)
    assert (finding.verdict, finding.diagnosis.spoils) == ("wrong", ["b1"])
    assert finding.diagnosis.line == 1 + wrong[: wrong.index("d_b1 =")].count("\n")


FOURTH_POWER = CORRECT["plain"].replace("d_loss = 2 * (y_pred - y)", "d_loss = (y_pred - y) ** 3")


@pytest.mark.parametrize("penalty", ["", " + 0.01 * W1"])
def test_squares_of_squares_are_a_loss(penalty, tmp_path):
    """The gradient of sum((y_pred - y)**4) / 4; the script prints the mean of those squares."""
    d_W1 = "d_W1 = np.dot(X.T, d_hidden)"
    (finding,) = judged(FOURTH_POWER.replace(d_W1, d_W1 + penalty), tmp_path)
    assert finding.verdict == "correct"
    assert finding.loss.startswith("sum of squares of")
    assert any("L2 penalty" in n for n in finding.notes) == bool(penalty)


def test_of_an_unknown_loss_it_is_known_what_is_right_but_for_it(tmp_path):
    odd = CORRECT["plain"].replace("d_loss = 2 * (y_pred - y)", "d_loss = np.sinh(y_pred - y)")
    (finding,) = judged(odd, tmp_path)
    assert finding.verdict == "cannot tell"
    assert finding.reason.startswith("from d_loss on line 40 on, every update is right")


def test_of_another_loss_what_comes_after_its_derivative_is_judged(tmp_path):
    slope = "np.dot(d_final, W2.T) * sigmoid_derivative("
    twice = FOURTH_POWER.replace(slope + "hidden_output", slope + "sigmoid(hidden_output)")
    assert twice != FOURTH_POWER
    (finding,) = judged(twice, tmp_path)
    found = finding.diagnosis
    assert (finding.verdict, finding.loss) == ("wrong", None)
    assert (found.line, found.mistake) == (44, "derivative taken twice")
    assert found.spoils == ["W1", "b1"]


NO_GRADIENT = (
    CORRECT["no-bias"]
    .replace("syn1 += l1.T.dot(l2_delta)", "syn1 += np.dot(l0, syn0).T.dot(l2_delta)")
    .replace("l1_error * nonlin(l1, deriv=True)", "l1_error * l1")
)


def test_what_is_the_gradient_of_nothing_is_not_correct(tmp_path):
    """No update is right, so no loss can be told from the others."""
    (finding,) = judged(NO_GRADIENT, tmp_path)
    assert finding.verdict != "correct"


BOTH_LAYERS = """\
import numpy as np
np.random.seed(3)
X = np.random.rand(6, 3)
Y = np.random.rand(6, 3)
W = np.random.rand(2, 3, 3)  # of both layers
for epoch in range(60):
    a = np.tanh(X @ W[0])
    p = np.tanh(a @ W[1])
    d2 = (p - Y) * (1 - p ** 2)
    d1 = d2 @ W[1].T * (1 - a ** 2)
    W[1] -= 0.1 * a.T @ d2
    W[0] -= 0.1 * X.T @ d1
"""


def test_one_array_for_both_layers(tmp_path):
    (finding,) = judged(BOTH_LAYERS, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "1/2 SSE")
    for right, wrong, line in [
        ("d1 = d2 @ W[1].T", "d1 = d2 @ W[1]", 10),
        ("(1 - a ** 2)", "(1 - p ** 2)", 10),
        ("a.T @ d2", "X.T @ d2", 11),
    ]:
        (finding,) = judged(BOTH_LAYERS.replace(right, wrong), tmp_path)
        assert finding.verdict != "correct"
        assert finding.diagnosis is None or finding.diagnosis.line == line


@pytest.mark.parametrize(
    "edit",
    [
        ("l2_error = y - l2", "l2_error = y - l2"),
        ("l2_error = y - l2", "l2_error = np.tanh(y - l2)"),
        ("l2_error = y - l2", "l2_error = y - (l2 > 0.5)"),
    ],
    ids=["plain", "robust", "perceptron"],
)
def test_steps_that_are_the_gradient_of_no_function_are_wrong_whatever_the_loss_is(edit, tmp_path):
    (finding,) = judged(NO_GRADIENT.replace(*edit), tmp_path)
    assert (finding.verdict, finding.diagnosis) == ("wrong", None)
    assert "gradient of no function" in finding.reason
    assert {p.name: p.ok for p in finding.parameters}["syn0"] is False


UNKNOWN_LOSS = """\
import numpy as np
np.random.seed(3)
X = np.random.randn(30, 3)
y = (X[:, :1] * X[:, 1:2] > 0).astype(float)
W1, b1, W2, b2 = np.random.randn(3, 5), np.zeros(5), np.random.randn(5, 1), np.zeros(1)
for epoch in range(60):
    h = np.tanh(X @ W1 + b1)
    o = 1 / (1 + np.exp(-(h @ W2 + b2)))
    error = y - o
    d = np.sinh(error) * np.cos(error) * o * (1 - o) * (1 + 0.3 * o)
    dh = d @ W2.T * (1 - h ** 2)
    W2 = W2 + 0.1 * h.T @ d
    b2 = b2 + 0.3 * d.sum(0)
    W1 = W1 + 0.05 * X.T @ dh
    b1 = b1 + 0.02 * dh.sum(0)
"""


@pytest.mark.parametrize(
    ("edit", "verdict"),
    [
        (("", ""), "cannot tell"),
        (("X.T @ dh", "X.T @ (dh * h)"), "wrong"),
        (("(1 - h ** 2)", "(1 - h)"), "wrong"),
        (("d @ W2.T", "error @ W2.T"), "wrong"),
    ],
)
def test_no_loss_has_to_be_known_to_see_that_there_is_none(edit, verdict, tmp_path):
    """A learning rate for each parameter is not a mistake, and neither is an unknown loss."""
    (finding,) = judged(UNKNOWN_LOSS.replace(*edit), tmp_path)
    assert finding.verdict == verdict


def test_what_follows_an_unknown_loss_in_the_output_layer_alone_is_wrong(tmp_path):
    """Any function of its value may be the loss, but then the hidden layer must follow it too."""
    twice = UNKNOWN_LOSS.replace("    dh = d @ W2.T * (1 - h ** 2)\n", "").replace(
        "    W1 = W1", "    dh = d @ W2.T * (1 - h ** 2)\n    W1 = W1"
    )
    for right, wrong in [("X.T @ dh", "X.T @ (dh * h)"), ("dh.sum", "(dh - dh * h).sum"),
                         ("0.3 *", "0.1 *")]:  # fmt: skip
        twice = twice.replace(right, wrong)
    (finding,) = judged(twice, tmp_path)
    assert finding.verdict == "wrong"


OTHER_RULES = {
    "Oja": """\
X, w = np.random.randn(80, 3) * [3, 1, 0.3], np.random.randn(3)
for x in X:
    y = w @ x
    w = w + 0.01 * y * (x - y * w)
""",
    "expectation-maximisation": """\
x, mu = np.r_[np.random.randn(30) - 2, np.random.randn(30) + 2], np.array([-0.5, 0.5])
for i in range(20):
    likely = np.exp(-0.5 * (x[:, None] - mu) ** 2)
    r = likely / likely.sum(1, keepdims=True)
    mu = mu + (r.T @ x / r.sum(0) - mu)
""",
    "actor and critic": """\
Wp, Wv = np.random.randn(4, 2) * 0.1, np.random.randn(4, 1) * 0.1
for t in range(60):
    s, s2 = np.random.randn(2, 4)
    e = np.exp(s @ Wp)
    p = e / e.sum()
    a = np.random.choice(2, p=p)
    delta = float(a == (s[0] > 0)) + 0.9 * (s2 @ Wv)[0] - (s @ Wv)[0]
    g = -p
    g[a] += 1
    Wp = Wp + 0.05 * delta * np.outer(s, g)
    Wv = Wv + 0.05 * delta * s[:, None]
""",
}


@pytest.mark.parametrize("rule", OTHER_RULES)
def test_a_rule_without_targets_is_not_meant_to_be_a_gradient(rule, tmp_path):
    source = "import numpy as np\nnp.random.seed(1)\n" + OTHER_RULES[rule]
    for finding in judged(source, tmp_path):
        assert finding.verdict == "cannot tell", finding


RIGHT = {
    "units that are off in some samples": """\
import numpy as np
np.random.seed(7)
X = np.random.randn(24, 2)
T = X[:, 0] * X[:, 1]
ws = [np.random.randn(2) for _ in range(3)]
vs = [np.random.randn(3) for _ in range(2)]
for step in range(40):
    dws, dvs = [np.zeros(2) for _ in ws], [np.zeros(3) for _ in vs]
    for i in range(6):
        x, t = X[(6 * step + i) % 24], T[(6 * step + i) % 24]
        h, on = [], []
        for w in ws:
            z = w @ x
            if z > 0:
                h.append(z)
            else:
                h.append(0.0)
        a = np.array(h)
        ys = [v @ a for v in vs]
        es = [y - c * t for y, c in zip(ys, (1, -2))]
        for j, e in enumerate(es):
            dvs[j] += e * a
        for j in range(3):
            if h[j] > 0:
                dws[j] += sum(e * v[j] for e, v in zip(es, vs)) * x
    for j in range(3):
        ws[j] -= 0.02 * dws[j]
    for j in range(2):
        vs[j] -= 0.02 * dvs[j]
""",
    "a softmax that a loop fills row by row": """\
import numpy as np
np.random.seed(0)
X = np.random.randn(45, 4)
T = np.eye(3)[np.random.randint(0, 3, 45)]
W = np.zeros((4, 3))
for step in range(30):
    p = np.exp(X @ W)
    for i in range(45):
        p[i] = p[i] / p[i].sum()
    W = W - 0.1 * X.T @ (p - T) / 45
""",
    "an unused gradient of the data": """\
import numpy as np
np.random.seed(0)
X, T = np.random.randn(20, 2), np.random.randn(20, 1)
p = {"W1": np.random.randn(2, 5), "b1": np.zeros(5), "W2": np.random.randn(5, 1), "b2": np.zeros(1)}
for step in range(40):
    a = np.tanh(X @ p["W1"] + p["b1"])
    y = a @ p["W2"] + p["b2"]
    d, before = (y - T) / 20, [X, a]
    for n in (2, 1):
        dW, db = before[n - 1].T @ d, d.sum(0)
        d = d @ p[f"W{n}"].T
        if n == 2:
            d = d * (1 - a**2)
        p[f"W{n}"] = p[f"W{n}"] - 0.5 * dW
        p[f"b{n}"] = p[f"b{n}"] - 0.5 * db
""",
    "a kernel's gradient, put together in a loop, and Adam": """\
import numpy as np
np.random.seed(0)
X, T = np.random.randn(3, 3, 3), np.random.randn(3, 1)
K, V = np.random.randn(2, 2) / 2, np.random.randn(4, 1) / 2
state = {n: (0, 0) for n in "KV"}
def adam(w, g, name, t):
    m, v = state[name]
    m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
    state[name] = m, v
    return w - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
for t in range(1, 31):
    z = np.zeros((3, 2, 2))
    for n in range(3):
        for i in range(2):
            for j in range(2):
                z[n, i, j] = (K * X[n, i : i + 2, j : j + 2]).sum()
    a = np.tanh(z)
    y = a.reshape(3, 4) @ V
    d = (y - T) / 3
    dV = a.reshape(3, 4).T @ d
    dz = (d @ V.T).reshape(3, 2, 2) * (1 - a**2)
    dK = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            for n in range(3):
                for k in range(2):
                    for l in range(2):
                        dK[i, j] += dz[n, k, l] * X[n, k + i, l + j]
    K, V = adam(K, dK, "K", t), adam(V, dV, "V", t)
""",
}


MISTAKEN = [(" * (1 - a**2)", ""), ("+= sum(e * v[j]", "+= sum(e"), ("X.T @", "(X.T**2) @")]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_network_in_other_words(name, tmp_path):
    (finding,) = judged(RIGHT[name], tmp_path, dataclasses.replace(LIMITS, nodes=20_000))
    assert finding.verdict == "correct", finding
    wrong = RIGHT[name]
    for right, other in MISTAKEN:
        wrong = wrong.replace(right, other)
    (finding,) = judged(wrong, tmp_path, dataclasses.replace(LIMITS, nodes=20_000))
    assert finding.verdict == "wrong", finding


ONE_UNIT = """\
import numpy as np
np.random.seed(0)
X = np.random.randn(40, 5)
y = np.sign(X[:, :1] - 0.5 * X[:, 2:3])
t = (y + 1) / 2
w, b = np.zeros((5, 1)), 0.0
for step in range(1, 61):
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    w, b = w - 0.1 * X.T @ (p - t), b - 0.1 * (p - t).sum()
"""


@pytest.mark.parametrize(
    ("edits", "loss"),
    [
        # w - grad / step, as in the Pegasos paper: the penalty shrinks with the rate
        ([("0.1 * X.T @ (p - t)", "(X.T @ (p - t) + 0.3 * w) / step"),
          ("0.1 * (p - t)", "1 / step * (p - t)")], "BCE"),
        # the sign is in the exponent: p is the sigmoid of -z
        ([("np.exp(-z)", "np.exp(z)"), ("(p - t)", "(t - p)")], "BCE"),
        # 2 / (1 + exp(-z)) - 1 goes from -1 to 1, and so do its targets
        ([("p = 1 /", "p = 2 /"), ("(1 + np.exp(-z))", "(1 + np.exp(-z)) - 1"),
          ("(p - t)", "((p - y) * (1 - p * p) / 2)")], "SSE"),
        # the first row has no penalty
        ([("0.1 * X.T @ (p - t)", "0.1 * (X.T @ (p - t) + np.r_[np.zeros((1, 1)), 0.3 * w[1:]])")],
         "BCE"),
    ],
    ids=["a rate that falls", "a sign in the exponent", "bipolar", "a penalty without the bias"],
)  # fmt: skip
def test_one_unit_in_other_words(edits, loss, tmp_path):
    source = ONE_UNIT
    for right, other in edits:
        assert right in source
        source = source.replace(right, other)
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.loss and finding.loss.split()[-1]) == ("correct", loss)
    (finding,) = judged(source.replace("X.T @", "(X.T ** 2) @"), tmp_path)
    assert finding.verdict == "wrong"


def test_a_penalty_that_lets_the_weights_grow(tmp_path):
    falling = [("0.1 * X.T @ (p - t)", "(-0.3 * w - X.T @ (t - p)) / step"),
               ("0.1 * (p - t)", "-1 / step * (t - p)")]  # fmt: skip
    source = ONE_UNIT
    for right, other in falling:
        source = source.replace(right, other)
    (finding,) = judged(source, tmp_path)
    assert finding.verdict != "correct"
    (finding,) = judged(source.replace("-0.3 * w", "0.3 * w"), tmp_path)
    assert finding.verdict == "correct"


def test_sympy_is_not_imported(tmp_path, monkeypatch):
    """Torch imports it if `grad` is given its first gradients: a third of a second."""
    monkeypatch.setitem(sys.modules, "torch.fx.experimental.symbolic_shapes", None)
    (finding,) = judged(ONE_UNIT, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(ONE_UNIT.replace("X.T @ (p - t)", "X.T @ (p * (p - t))"), tmp_path)
    assert finding.verdict == "wrong"


RATES = """\
import numpy as np
np.random.seed(0)
X = np.random.randn(30, 3)
T = X @ np.array([[1.0], [2], [3]]) + 0.5
lr = 0.3
W, b = np.zeros((3, 1)), np.zeros(1)
for step in range(50):
    d = (X @ W + b - T) / 30
    W -= lr * (X.T @ d)
    b -= RATE * d.sum(0)
"""


@pytest.mark.parametrize("rate", ["0.03", "lr / 10", "(2 * lr)"])
def test_a_rate_of_its_own(rate, tmp_path):
    (finding,) = judged(RATES.replace("RATE", rate), tmp_path)
    assert finding.verdict == "correct"
    assert "rate of its own" in finding.notes[-1]
    (finding,) = judged(RATES.replace("RATE", "lr * lr"), tmp_path)
    assert finding.verdict == "wrong"


def test_a_rate_times_data_in_float32_is_rounded(tmp_path):
    single = RATES.replace("randn(30, 3)", "randn(30, 3).astype('f4')").replace("RATE", "lr")
    single = single.replace("lr * (X.T @ d)", "lr * X.T @ d")
    (finding,) = judged(single, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(single.replace("X.T @ d", "(X.T + 1e-5) @ d"), tmp_path)
    assert finding.verdict != "correct"


SHAPED = """\
import numpy as np
np.random.seed(0)
X, T = np.random.randn(20, 3), np.random.randn(20, 2)
flat = [np.random.randn(12), np.random.randn(8)]
for step in range(10):
    W, V = flat[0].reshape(3, 4), flat[1].reshape(4, 2)
    a = np.tanh(X @ W)
    d = (a @ V - T) / 20
    dz = d @ V.T * (1 - a**2)
    W -= 0.1 * X.T @ dz
    V -= 0.1 * a.T @ d
"""


def test_the_old_parameter_may_have_another_shape(tmp_path):
    (finding,) = judged(SHAPED, tmp_path)
    assert finding.verdict == "correct"
    wrong = SHAPED.replace("X.T @ dz", "(dz * a).mean(0)").replace("a.T @ d", "(d**2).mean(0)")
    (finding,) = judged(wrong, tmp_path)
    assert finding.verdict == "wrong"


NOTHING = """\
import numpy as np
np.random.seed(0)
X, T = np.random.randn(20, 3), np.random.rand(20, 1)
W, b = np.random.randn(3, 1), np.zeros(1)
for step in range(10):
    p = 1 / (1 + np.exp(-(X @ W + b)))
    d = (p - T) * (p * (1 - p))
    W -= 0.1 * X.T @ d
    b -= 0.1 * d.sum(0)
"""


def test_a_slope_that_is_a_value_minus_itself(tmp_path):
    (finding,) = judged(NOTHING, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(NOTHING.replace("(p * (1 - p))", "(p * 1 - p)"), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 7)
    assert "minus itself on line 7" in finding.notes[0]
    # the softmax of one number is 1, whatever it is, and has no slope
    one = NOTHING.replace("1 / (1 + np.exp(-(X @ W + b)))", "np.exp(X @ W + b)")
    one = one.replace("    d =", "    p = p / p.sum(1, keepdims=True)\n    d =")
    one = one.replace("(p * (1 - p))", "(p - p * p)")
    assert "wrong" not in [finding.verdict for finding in judged(one, tmp_path)]


ALONE = """\
a, b, c = 0.2, -0.4, 0.6
for _ in range(20):
    error = (a * 5 + b * 4 + c * 2 + 9) * 0.1 - 3
    a -= 0.1 * error * 5
    b -= 0.1 * error * 4
    c -= 0.1 * error * 2
"""


def test_a_multiple_of_a_parameter_is_no_output(tmp_path):
    """Any step of it would follow from a delta of its own, also one that is no gradient."""
    (finding,) = judged(ALONE, tmp_path)
    assert finding.verdict == "correct"
    wrong = ALONE.replace("error * 5", "error * a").replace("error * 4", "error * b")
    (finding,) = judged(wrong.replace("error * 2", "error * c"), tmp_path)
    assert finding.verdict == "wrong"


BIASES = """\
import numpy as np
np.random.seed(1)
X, T = np.random.randn(20, 3), np.random.randn(20, 1)
def forward(x, W, b):
    return x @ W + b
def train(biased):
    W, V = np.random.randn(3, 4), np.random.randn(4, 1)
    b = np.random.randn(4) if biased else np.zeros(4)
    for step in range(20):
        a = np.tanh(forward(X, W, b))
        d = (a @ V - T) / 20
        dz = d @ V.T * (1 - a**2)
        V = V - 0.3 * a.T @ d
        W = W - 0.3 * X.T @ dz
        if biased:
            b = b - 0.3 * dz.sum(0)
train(False)
"""


def test_a_bias_that_another_network_trains_is_frozen_on_purpose(tmp_path):
    (finding,) = judged(BIASES, tmp_path)
    assert finding.diagnosis.mistake == "bias never updated"
    findings = judged(BIASES + "train(True)\n", tmp_path)
    assert [f.verdict for f in findings] == ["correct"] * 2


FACTORS = """\
import numpy as np
np.random.seed(0)
R = np.random.rand(4, 5)
P, Q, b, c = np.random.rand(4, 2), np.random.rand(5, 2), np.random.rand(4), np.random.rand(5)
for step in range(60):
    i, j = np.random.randint(4), np.random.randint(5)
    e = 0.5 + b[i] + c[j] + P[i] @ Q[j] - R[i, j]
    b[i] -= 0.05 * (e + 0.02 * b[i])
    c[j] -= 0.05 * (e + 0.02 * c[j])
    for f in range(2):
        p, q = P[i, f], Q[j, f]
        P[i, f] -= 0.05 * (e * q + 0.02 * p)
        Q[j, f] -= 0.05 * (e * p + 0.02 * q)
"""


def test_one_factor_after_the_other(tmp_path):
    """Each of the two biases has its own decay; a step of the search moves one of them."""
    verdicts = [f.verdict for f in judged(FACTORS, tmp_path)]
    assert verdicts[0] == "correct"
    assert "wrong" not in verdicts


SEARCHED = """\
import numpy as np
np.random.seed(0)
X, t = np.random.randn(30, 3), np.eye(2)[np.random.randint(0, 2, 30)]
W = np.random.randn(3, 2)
def loss_at(W):
    p = np.exp(X @ W)
    p = p / p.sum(1, keepdims=True)
    return -np.mean(t * np.log(p)) + 0.01 * np.sum(W * W)
for step in range(30):
    p = np.exp(X @ W)
    p = p / p.sum(1, keepdims=True)
    loss = np.copy(loss_at(W))
    W = W - 0.3 * (X.T @ (p - t) / 60 + 0.02 * W)
"""


def test_a_loss_is_no_likelihood_of_itself(tmp_path):
    (finding,) = judged(SEARCHED, tmp_path)
    assert finding.verdict == "correct"


UNREAD = """\
import numpy as np
np.random.seed(0)
X, T = np.random.randn(20, 3), np.random.randn(20, 2)
W, V, b = np.random.randn(3, 4), np.random.randn(4, 2), np.zeros(2)
for step in range(30):
    a = np.tanh(X @ W)
    d = (a @ V + b - T) / 20
    dV, db, dW = a.T @ d, d.sum(0), X.T @ (d @ V.T * (1 - a**2))
    for array, gradient in zip((W, V, b), (dW, dV, db)):
        array -= 0.2 * gradient
"""


def test_a_bias_that_is_updated_and_never_read(tmp_path):
    (finding,) = judged(UNREAD, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(UNREAD.replace("a @ V + b", "a @ V"), tmp_path)
    assert finding.verdict == "wrong"
    assert "the forward pass never reads it" in finding.notes[-1]


CANCELLED = """\
import numpy as np
np.random.seed(0)
X, T = np.random.randn(20, 3), np.random.randn(20, 2)
W, b, V = np.random.randn(3, 4), np.random.randn(4), np.random.randn(4, 2)
for step in range(20):
    z = X @ W
    c = z - z.mean(0)
    a = np.tanh(c)
    d = (a @ V - T) / 20
    dc = d @ V.T * (1 - a**2)
    dz = dc - dc.mean(0)
    for array, gradient in zip((W, b, V), (X.T @ dz, dz.sum(0), a.T @ d)):
        array -= 0.2 * gradient
"""


def test_a_bias_whose_gradient_is_zero_is_not_missed(tmp_path):
    """A layer that subtracts the mean of its inputs has no use for a bias."""
    (finding,) = judged(CANCELLED, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(CANCELLED.replace("dz.sum(0)", "dc.sum(0)"), tmp_path)
    assert finding.verdict == "wrong"
    assert "the forward pass never reads it" in finding.notes[-1]


NORMS = """\
import numpy as np
np.random.seed(0)
X, T = 3 * np.random.randn(20, 3), 5 * np.random.randn(20, 2)
W, V = np.random.randn(3, 4), np.random.randn(4, 2)
def clipped(g):
    return g * 0.5 / np.linalg.norm(g) if np.linalg.norm(g) > 0.5 else g
for step in range(60):
    x, t = X[step % 20 : step % 20 + 2], T[step % 20 : step % 20 + 2]
    a = np.tanh(x @ W)
    d = a @ V - t
    loss = (d**2).sum() / 2
    dV, dW = a.T @ d, x.T @ (d @ V.T * (1 - a**2))
    V, W = V - 0.01 * clipped(dV), W - 0.01 * dW
"""


def test_an_array_that_is_clipped_by_its_own_norm(tmp_path):
    (finding,) = judged(NORMS, tmp_path)
    assert finding.verdict == "cannot tell"
    assert "clipped by its norm" in finding.reason
    (finding,) = judged(NORMS.replace("clipped(dV)", "clipped(dV**2)"), tmp_path)
    assert finding.verdict == "wrong"


def test_every_array_is_clipped_by_its_own_norm(tmp_path):
    """What is clipped is checked, in steps that clip some of the arrays only."""
    every = NORMS.replace("* dW", "* clipped(dW)")
    (finding,) = judged(every, tmp_path)
    assert finding.verdict == "correct"
    assert "a clipped gradient" in finding.notes[-1]
    (finding,) = judged(every.replace("* (1 - a**2)", ""), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 12)
    (finding,) = judged(every.replace("- 0.01 * clipped(dW)", "+ 0.01 * clipped(dW)"), tmp_path)
    assert finding.verdict == "wrong"


LAST = """\
import numpy as np
np.random.seed(0)
w, X, T = np.random.randn(3), np.random.randn(40, 4, 3), np.random.randint(0, 2, (40, 4))
T[:, 3] = 0
for step in range(40):
    loss, dw = 0.0, np.zeros(3)
    for x, t in zip(X[step], T[step]):
        p = 1 / (1 + np.exp(-w @ x))
        loss -= np.log(p) if t else np.log(1 - p)
        dw += (p - t) * x
    w -= 0.1 * dw
    print(loss)
"""


def test_a_loss_that_counts_more_samples_than_the_steps(tmp_path):
    (finding,) = judged(LAST, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(LAST.replace("dw +=", "dw ="), tmp_path)
    assert finding.verdict == "cannot tell"
    assert "loss counts others, too" in finding.reason


PARTS = """\
import numpy as np
np.random.seed(0)
W, V = np.random.rand(9, 3), np.random.rand(9, 3)
for step in range(80):
    i, some = np.random.randint(9), np.random.randint(0, 9, 4)
    t = np.random.rand(4)
    error = V[some] @ W[i] - t
    print((error ** 2).sum())
    dV, dW = 2 * np.outer(error, W[i]), 2 * error @ V[some]
    np.subtract.at(V, some, 0.05 * dV)
    W[i] -= 0.05 * dW
"""


def test_an_index_that_names_a_row_twice(tmp_path):
    """Most steps are right; if ``some`` has a row twice, one of the row's changes is lost."""
    (finding,) = judged(PARTS, tmp_path)
    assert finding.verdict == "correct"
    lost = PARTS.replace("np.subtract.at(V, some, 0.05 * dV)", "V[some] -= 0.05 * dV")
    (finding,) = judged(lost, tmp_path)
    found = finding.diagnosis
    assert (finding.verdict, found.line, found.spoils) == ("wrong", 10, ["V"])
    assert "line 10 names an element twice" in finding.notes[-1]
    (finding,) = judged(
        lost.replace("9, 4)", "9, 1).repeat(1)").replace("rand(4)", "rand(1)"), tmp_path
    )
    assert finding.verdict == "correct"


BY_TURNS = """\
import numpy as np
np.random.seed(0)
R, P, Q = np.random.rand(8, 6), np.random.rand(8, 2), np.random.rand(6, 2)
for epoch in range(60):
    E = R - P @ Q.T
    P = P + 0.05 * E @ Q
    E = R - P @ Q.T
    Q = Q + 0.05 * E.T @ P
"""


def test_two_factors_that_move_in_turns_are_two_gradients(tmp_path):
    findings = judged(BY_TURNS, tmp_path)
    assert [f.verdict for f in findings] == ["correct", "correct"]


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (("    P = P + 0.05 * E @ Q\n    E = R - P @ Q.T\n", "    P = P + 0.05 * E @ Q\n"), 7),
        (("E.T @ P", "E.T @ P ** 2"), 8),
    ],
    ids=["the old error with the new factor", "the square of the other factor"],
)
def test_a_mistake_between_factors_is_found(edit, line, tmp_path):
    findings = judged(BY_TURNS.replace(*edit), tmp_path)
    wrong = [f for f in findings if f.verdict == "wrong"]
    assert len(wrong) == 1
    assert wrong[0].diagnosis is None or wrong[0].diagnosis.line == line


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(
            ("lr * d_W1", "lr * (d_W1 + 0.01 * np.sign(W1))"),
            "does not depend on the target",
            id="L1",
        ),
        pytest.param(
            ("np.dot(d_final, W2.T)", "(d_final @ W2.T + 0.1 * hidden_output.mean(axis=0))"),
            "does not depend on the target",
            id="activity penalty",
        ),
    ],
)
def test_what_may_belong_to_a_loss_is_no_mistake(edit, reason, tmp_path):
    source = CORRECT["plain"].replace(*edit)
    assert source != CORRECT["plain"]
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == "cannot tell"
    assert reason in finding.reason


def test_a_weight_for_each_class(tmp_path):
    source = CORRECT["plain"].replace("= d_loss *", "= np.where(y == 1, 3, 1) * d_loss *")
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "weighted SSE")
    (finding,) = judged(source.replace("(y == 1, 3, 1)", "(y == 1, -3, 1)"), tmp_path)
    assert finding.verdict != "correct"


@pytest.mark.parametrize("one", [FOURTH_POWER, CORRECT["plain"]])
def test_a_network_of_two_losses_is_not_judged_by_one(one, tmp_path):
    """The hidden layer follows the sum of two losses; at most one of them is known."""
    two = one.replace(
        "d_W1 = np.dot(X.T, d_hidden)",
        """\
other = np.dot(hidden_output, V)
    d_other = np.sinh(other - (1 - y))
    d_V = np.dot(hidden_output.T, d_other)
    d_hidden += np.dot(d_other, V.T) * sigmoid_derivative(hidden_output)
    V -= lr * d_V
    d_W1 = np.dot(X.T, d_hidden)""",
    ).replace("def sigmoid(x):", "V = np.random.randn(n_hidden, 1)\n\n\ndef sigmoid(x):")
    (finding,) = judged(two, tmp_path)
    assert finding.verdict == "cannot tell"


def test_a_momentum_that_begins_later(tmp_path):
    late = CORRECT["no-bias"]
    for name, step in [("syn1", "l1.T.dot(l2_delta)"), ("syn0", "l0.T.dot(l1_delta)")]:
        late = late.replace(
            f"    {name} += {step}\n",
            f"    d{name} = {step}\n    if j > 1:\n        d{name} += 0.9 * old{name}\n"
            f"    old{name} = d{name}.copy()\n    {name} += d{name}\n",
        )
    (finding,) = judged(late, tmp_path)
    assert finding.verdict == "correct"
    assert "momentum or other optimiser state" in finding.notes[-1]
    (finding,) = judged(late.replace("l1_error * nonlin(l1, deriv=True)", "l1_error"), tmp_path)
    assert finding.verdict == "wrong"


POOLED = """
import numpy as np
np.random.seed(0)
W, v = 0.5 * np.random.randn(4, 4), np.random.randn(4)
X, y = np.random.randn(8, 4, 4), np.random.rand(8)
for epoch in range(6):
    dW, dv = np.zeros_like(W), np.zeros_like(v)
    for x, t in zip(X, y):
        z, h, places = x @ W, np.zeros(4), []
        for i in range(4):
            window = z[:, i]
            h[i] = np.max(window)
            PLACE
        d = h @ v - t
        dv += d * h
        dz = np.zeros_like(z)
        for i, at in enumerate(places):
            dz[at[0], i] = d * v[i]
        dW += x.T @ dz
    W -= 0.01 * dW
    v -= 0.01 * dv
"""


@pytest.mark.parametrize(
    "place",
    ["np.unravel_index(np.argmax(window), (4,))", "(int(np.argmax(window)),)",
     "np.where(window == np.max(window))[0]", "divmod(np.argmax(window), 1)",
     "list(map(int, np.array(np.where(window == np.max(window)))[:, 0]))"],
)  # fmt: skip
def test_the_place_of_a_maximum(place, tmp_path):
    """An index that is computed: a plain int would be the same only near the run's numbers."""
    (finding,) = judged(POOLED.replace("PLACE", f"places.append({place})"), tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(
        POOLED.replace("PLACE", f"places.append({place})").replace("= d * v[i]", "= d * v[i - 1]"),
        tmp_path,
    )
    assert finding.verdict == "wrong"


SEARCHED = """
import numpy as np
np.random.seed(0)
X, y = np.random.randn(20, 3), np.random.randn(20)
w, step = np.zeros(3), 1.0

def loss_and_gradient(w):
    error = X @ w - y
    return np.mean(error**2) / 2, X.T @ error / len(y)

loss, gradient = loss_and_gradient(w)
for epoch in range(12):
    step *= 4
    before = w.copy()
    w = before - step * gradient
    new, new_gradient = loss_and_gradient(w)
    while new >= loss and step > 1e-12:
        step /= 2
        w = before - step * gradient
        new, new_gradient = loss_and_gradient(w)
    loss, gradient = new, new_gradient
"""


def test_a_search_for_the_step(tmp_path):
    """The loss is computed at several weights in one step; the first counts."""
    (finding,) = judged(SEARCHED, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(SEARCHED.replace("error / len(y)", "np.abs(error) / len(y)"), tmp_path)
    assert finding.verdict != "correct"


GROWING = """
import numpy as np
np.random.seed(0)
X, y = np.random.randn(8, 3), np.random.randn(8)
W, v = np.random.randn(3, 4), np.random.randn(4)
for epoch in range(10):
    sums = [np.zeros_like(W), np.zeros_like(v)]
    for x, t in zip(X, y):
        h = np.tanh(x @ W)
        d = h @ v - t
        gradients = [np.outer(x, d * v * (1 - h**2)), d * h]
        sums = [s + g for s, g in zip(sums, gradients)]
    W, v = [p - 0.1 * s for p, s in zip((W, v), sums)]
"""


def test_a_sum_of_gradients_that_goes_on_over_updates(tmp_path):
    (finding,) = judged(GROWING, tmp_path)
    assert finding.verdict == "correct"
    goes_on = GROWING.replace("\n    W, v =", "\n        W, v =")
    findings = judged(goes_on, tmp_path, Limits(updates=64, slow_loop_seconds=1e9))
    (finding,) = [f for f in findings if f.verdict == "wrong"]
    assert finding.diagnosis.line == 12
    assert "still holds the gradients of the steps before" in finding.notes[0]
    begin = "for epoch in range(10):\n", "    sums = [np.zeros_like(W), np.zeros_like(v)]\n"
    once = GROWING.replace("".join(begin), begin[1].strip() + "\n" + begin[0])
    (finding,) = judged(once, tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 12)
    assert "never set back to zero" in finding.notes[0]


REPLACED = """
import numpy as np
np.random.seed(0)
X = np.random.randn(20, 3)
y = (X[:, :1] > 0).astype(float)
W, m = np.zeros((3, 1)), np.zeros((3, 1))
for epoch in range(30):
    p = 1 / (1 + np.exp(-(X @ W)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    dW = X.T @ (p - y) / len(X)
    m = 0.0 * m + dW
    W = W - 0.1 * m
"""


def test_a_parameter_that_is_replaced_by_its_gradient(tmp_path):
    """W = -lr * dW; a momentum with a factor of 0 is not a momentum."""
    (finding,) = judged(REPLACED, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(REPLACED.replace("W = W - 0.1 * m", "W = -0.1 * dW"), tmp_path)
    assert (finding.verdict, finding.diagnosis.variable) == ("wrong", "W")
    assert "what was learnt before is lost" in finding.notes[0]


def test_a_running_mean_of_the_loss_loses_nothing(tmp_path):
    """It began as a typed number, and each step reads the last one times a number."""
    smooth = REPLACED.replace("for ", "mean = 4.0\nfor ", 1)
    smooth = smooth.replace("m = 0.0 * m", "mean = mean * 0.9 + loss * 0.1\n    m = m").replace(
        "+ dW\n", "+ dW * dW\n"
    )
    smooth = smooth.replace("0.1 * m", "0.1 * dW / np.sqrt(m + 1e-8)")
    smooth = smooth.replace("    m = m +", "    if mean < 0.1:\n        break\n    m = m +")
    (finding,) = judged(smooth, tmp_path)
    assert finding.verdict == "correct"
    lost = smooth.replace("X @ W", "X @ W + mean")
    lost = lost.replace("mean * 0.9 + loss", "0.3 * np.sum(y - p)")
    assert "correct" not in [finding.verdict for finding in judged(lost, tmp_path)]


def test_the_last_gradient_is_a_momentum(tmp_path):
    """W -= lr * dW + m * dW_before, as in bpnn.py: there is no state that updates itself."""
    memory = CORRECT["no-bias"]
    for name, step in [("syn1", "l1.T.dot(l2_delta)"), ("syn0", "l0.T.dot(l1_delta)")]:
        memory = memory.replace(
            f"    {name} += {step}\n",
            f"    d{name} = {step}\n    {name} += d{name} + 0.3 * old{name}\n"
            f"    old{name} = d{name}\n",
        ).replace("for j in", f"old{name} = np.zeros_like({name})\nfor j in", 1)
    (finding,) = judged(memory, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(memory.replace("l1_error * nonlin(l1, deriv=True)", "l1_error"), tmp_path)
    assert finding.verdict == "wrong"
    stale = memory.replace("syn1 += dsyn1 + 0.3 * oldsyn1", "syn1 += oldsyn1")
    (finding,) = judged(stale, tmp_path)
    assert finding.verdict != "correct"


LINE = """\
X, T = [0.3, 0.9, 0.4, 0.7], [1.0, 2.0, 1.5, 1.2]
m = c = 0.5
r, q = 0.3, 0.001
for _ in range(20):
    dc = sum(c + m * x - t for x, t in zip(X, T))
    dm = sum((c + m * x - t) * x for x, t in zip(X, T))
    c = c - RATES * dc
    m = m - RATE * dm
"""


def test_two_learning_rates(tmp_path):
    """W1 -= 0.1 * ..., b1 -= 0.02 * ... may be meant; W1 -= lr * lr * ... is not."""
    source = CORRECT["plain"].replace("b1 -= lr *", "b1 -= 0.02 *")
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == "correct"
    assert "that of b1 with a rate of its own, 0.02 beside 0.1" in finding.notes[-1]
    # the rates of a line, each times one N-th; a rate that one of them lacks is a mistake
    line = LINE.replace("RATES", "r * (1 / len(X))").replace("RATE", "q * (1 / len(X))")
    (finding,) = judged(line, tmp_path)
    assert finding.verdict == "correct"
    assert "rate of its own" in finding.notes[-1]
    (finding,) = judged(line.replace("q * (1", "q * r * (1"), tmp_path)
    assert finding.verdict == "wrong"
    # one rate of a layer, in what the updates of its weights and its bias are made of
    slope = "sigmoid_derivative(hidden_output)\n"
    shared = CORRECT["plain"].replace(slope, f"{slope}    d_hidden = 0.02 * d_hidden\n")
    no_other = shared.replace("lr * d_W1", "d_W1").replace("lr * d_b1", "d_b1")
    verdicts = [judged(text, tmp_path)[0].verdict for text in (no_other, shared)]
    assert verdicts == ["correct", "wrong"]  # a factor beside the rate is no rate
    for mistake in ("", "lr * lr *", "lr / 4 *"):
        (finding,) = judged(CORRECT["plain"].replace("b1 -= lr *", f"b1 -= {mistake}"), tmp_path)
        found = finding.diagnosis
        assert (found.mistake, found.spoils) == ("scale of one parameter", ["b1"])
        assert found.line == 52  # where the rate should be, not where the gradient is right


def test_a_rate_that_goes_up_and_down(tmp_path):
    cyclic = CORRECT["plain"].replace(
        "# gradient descent", "lr = 0.05 * (1.5 + np.cos(epoch / 10))"
    )
    (finding,) = judged(cyclic, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "SSE")
    # a weight for each sample
    (finding,) = judged(CORRECT["sample"].replace("eta *", "(eta + x[0]) *"), tmp_path)
    assert finding.verdict == "correct"


@pytest.mark.parametrize("one", [FOURTH_POWER, CORRECT["plain"]], ids=["unknown", "known"])
def test_a_clipped_derivative_within_the_backward_pass(one, tmp_path):
    clipped = one.replace("    d_W1 =", "    d_hidden = np.clip(d_hidden, -1e-3, 1e-3)\n    d_W1 =")
    (finding,) = judged(clipped, tmp_path)
    assert finding.verdict == "correct"
    assert "line 45 cuts derivatives off" in finding.notes[-1]


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("W2_new = W2 - lr * d_W2", "wrong"),  # what should be the new W2 is not used
        ("W2_new = (W2 * 1) - (lr * d_W2)", "wrong"),
        ("pass", "wrong"),  # d_W2 is computed, and used for nothing
    ],
)
def test_output_weights_that_never_change(line, verdict, tmp_path):
    source = CORRECT["plain"].replace("W2 -= lr * d_W2", line)
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == verdict
    if verdict == "wrong":
        at = "d_W2 = " if line == "pass" else line
        at, name = 1 + source[: source.index(at)].count("\n"), at.partition(" = ")[0]
        found = finding.diagnosis
        assert (found.line, found.variable, found.spoils) == (at, name, ["W2"])


def test_weights_that_are_put_together_before_the_product(tmp_path):
    """Data times something that is made of parameters is the first layer, not a later one."""
    rows = "[[0.1, 0.2], [0.2, 1.1], [1.1, 0.1], [1.2, 1.1]]"
    source = CORRECT["plain"].replace("[[0, 0], [0, 1], [1, 0], [1, 1]]", rows)
    source = source.replace(
        "np.dot(X, W1) + b1", "np.dot(np.c_[X, np.ones((4, 1))], np.vstack([W1, b1]))"
    )
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, len(finding.parameters)) == ("correct", 4)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the place in a line is not known before")
def test_several_updates_on_one_line(tmp_path):
    source = CORRECT["plain"].replace("d_W2\n    b2 -=", "d_W2; b2 -=")
    source = source.replace("d_W1\n    b1 -=", "d_W1; b1 -=")
    (finding,) = judged(source, tmp_path)
    assert [p.name for p in finding.parameters] == ["W2", "b2", "W1", "b1"]


def test_weights_that_are_copied_before_each_update(tmp_path):
    """As in many courses: parameters in a dictionary, with a deep copy before each update."""
    copied = CORRECT["plain"].replace("import numpy as np", "import copy\nimport numpy as np")
    for name in ("W1", "W2"):
        old = f"{name} -= lr * d_{name}"
        new = f"old = copy.deepcopy({name})\n    {name} = old - lr * d_{name}"
        assert old in copied
        copied = copied.replace(old, new)
    (finding,) = judged(copied, tmp_path)
    assert finding.verdict == "correct"
    assert {p.name for p in finding.parameters} == {"W1", "b1", "W2", "b2"}


def test_each_row_many_times(tmp_path):
    """Batches that hold every distinct row: they are not the full batch, and not a part of it."""
    many = CORRECT["plain"].replace(
        "y = np.array([[0], [1], [1], [0]])\n",
        """\
y = np.array([[0], [1], [1], [0]])
many_X, many_y = np.tile(X, (3, 1)), np.tile(y, (3, 1))
""",
    )
    (all_rows,) = judged(many, tmp_path)
    assert all_rows.updates == "full batch: each sees all 4 distinct input rows"
    cut = "for epoch in range(epochs):\n    at = 4 * (epoch % 3)\n"
    cut += "    X, y = many_X[at:at + 4], many_y[at:at + 4]\n"
    (batches,) = judged(many.replace("for epoch in range(epochs):\n", cut), tmp_path)
    assert (batches.verdict, batches.updates) == ("correct", None)


ELEMENTS = """\
import math

import numpy as np

rng = np.random.RandomState(0)
X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
W1, b1, W2, b2 = rng.rand(3, 2), np.zeros(3), rng.rand(3), np.zeros(1)
h, d_h = np.zeros(3), np.zeros(3)

for epoch in range(40):
    for x, y in zip(X, Y):
        p = b2[0]
        for j in range(3):
            s = b1[j]
            for i in range(2):
                s += W1[j][i] * x[i]
            h[j] = 1 / (1 + math.exp(-s))
            p += W2[j] * h[j]
        d_p = p - y
        for j in range(3):
            d_h[j] = d_p * W2[j] * h[j] * (1 - h[j])
        for j in range(3):
            W2[j] -= 0.1 * d_p * h[j]
            for i in range(2):
                W1[j][i] -= 0.1 * d_h[j] * x[i]
            b1[j] -= 0.1 * d_h[j]
        b2[0] -= 0.1 * d_p
"""

OLD_WEIGHTS = """\
import numpy as np

rng = np.random.RandomState(0)
X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
W1, W2 = rng.randn(2, 3), rng.randn(3, 1)

for epoch in range(40):
    steps = []
    for x, y in zip(X[:, None], Y[:, None]):
        a = np.tanh(x @ W1)
        d_p = a @ W2 - y
        d_a = d_p @ W2.T * (1 - a**2)
        steps.append((x.T @ d_a, a.T @ d_p))
    for d_W1, d_W2 in steps:
        W1 = W1 - 0.1 * d_W1
        W2 = W2 - 0.1 * d_W2
"""

NUMBERS = """\
import numpy as np

np.random.seed(1)
w1, w2, w3, w4, w5, w6 = np.random.randn(6)
t1, t2, x1, x2 = 0, 1, 0.5, -0.3


def f(x):
    return 1 / (1 + np.exp(-x))


for epoch in range(40):
    h1 = f(w1 * x1 + w2)
    h2 = f(w1 * x2 + w2)
    p1 = f(w3 * h1 + w4)
    p2 = f(w3 * h2 + w4)
    d1 = (p1 - t1) * p1 * (1 - p1)
    d2 = (p2 - t2) * p2 * (1 - p2)
    e1 = d1 * w3 * h1 * (1 - h1)
    e2 = d2 * w3 * h2 * (1 - h2)
    w3 = w3 - (d1 * h1 + d2 * h2)
    w4 = w4 - (d1 + d2)
    w1 = w1 - (e1 * x1 + e2 * x2)
    w2 = w2 - (e1 + e2)
"""

TYPED = """\
import copy
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray


def relu(z: NDArray[Any], rest: Optional[ArrayLike] = None) -> np.ndarray:
    a = copy.deepcopy(z)
    a[np.where(a < 0)] = 0
    return a


rng = copy.deepcopy(np.random.default_rng(1))
X, Y = rng.normal(size=(4, 2)), rng.normal(size=4)
W1, w2, b = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal()

for epoch in range(40):
    for x, y in zip(X, Y):
        z = x @ W1
        a = relu(z)
        p = a @ w2 + b
        d = p - y
        d_w2 = np.ndarray(3)
        for j in range(3):
            d_w2[j] = d * a[j]
        assert isinstance(d_w2, np.ndarray)
        d_z = d * w2 * (z > 0)
        w2 = w2 - 0.01 * d_w2
        b = b - 0.01 * d
        W1 = W1 - 0.01 * np.outer(x, d_z)
    # tries the network on much data, of which no update is made
    error = 0
    for x in rng.normal(size=(200, 2)):
        error = error + (relu(x @ W1) @ w2 + b) ** 2
"""

ANEW = """\
import numpy as np


def sigmoid(z):
    a = np.copy(z)
    with np.nditer(a, op_flags=["readwrite"]) as elements:
        for x in elements:
            x[...] = 1 / (1 + np.exp(-x))
    return a


rng = np.random.RandomState(0)
X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
W1, W2 = rng.randn(2, 3), rng.randn(3)

for epoch in range(40):
    a = sigmoid(X @ W1)
    d_p = a @ W2 - Y
    d_z = np.outer(d_p, W2) * a * (1 - a)
    d_W1, d_W2 = X.T @ d_z, d_p @ a
    W1 = np.array([row - 0.1 * d for row, d in zip(W1, d_W1)])
    W2 = np.array([w - 0.1 * d for w, d in zip(W2, d_W2)])
"""

SUMS = """\
import numpy as np

rng = np.random.RandomState(0)
X = rng.randn(40, 2)
Y = X.prod(1)
W1, W2 = rng.randn(3, 2), rng.randn(3)

for epoch in range(4):
    d_W1, d_W2 = np.zeros((3, 2)), np.zeros(3)
    for x, y in zip(X, Y):
        a = np.tanh(W1 @ x)
        d_p = W2 @ a - y
        d_W2 += d_p * a
        d_W1 += np.outer(d_p * W2 * (1 - a**2), x)
    W1 -= 0.1 * d_W1 / len(X)
    W2 -= 0.1 * d_W2 / len(X)
"""

# source, what is replaced, by what, the line of that, the name of the mistake
WAYS = [
    (ELEMENTS, "W1[j][i] -=", "W1[j][i] +=", 25, "wrong sign"),
    (ANEW, "[w - 0.1", "[w + 0.1", 22, "wrong sign"),
]


@pytest.mark.parametrize(
    ("source", "parameters"),
    [
        (ELEMENTS, {"W1", "b1", "W2", "b2"}),
        (TYPED, {"W1", "w2", "b"}),
        (OLD_WEIGHTS, {"W1", "W2"}),
        (ANEW, {"W1", "W2"}),
        (SUMS, {"W1", "W2"}),
    ],
    ids=["elements", "typed", "old weights", "made anew", "sums"],
)
def test_other_ways_to_write_a_training_loop(source, parameters, tmp_path):
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == "correct"
    assert {p.name for p in finding.parameters} == parameters


@pytest.mark.parametrize(("source", "right", "wrong", "line", "name"), WAYS)
def test_a_mistake_in_another_way_of_writing(source, right, wrong, line, name, tmp_path):
    assert right in source
    (finding,) = judged(source.replace(right, wrong), tmp_path)
    assert finding.verdict == "wrong"
    assert (finding.diagnosis.line, finding.diagnosis.mistake) == (line, name)


@pytest.mark.parametrize(
    ("right", "other", "verdict"),
    [
        ("", "", "cannot tell"),
        ("w4 - (d1", "w4 + (d1", "cannot tell"),
        ("e2 = d2", "e2 = d1", "wrong"),
    ],
)
def test_a_line_of_its_own_for_each_sample(right, other, verdict, tmp_path):
    """Two outputs on two lines, and no loss: the steps are not the gradient of either alone."""
    (finding,) = judged(NUMBERS.replace(right, other), tmp_path)
    assert finding.verdict == verdict


RESHAPED = CORRECT["plain"].replace(
    "b1 = np.zeros((1, n_hidden))", "b1 = np.array([0.1] * n_hidden).reshape(1, n_hidden)"
)
PRODUCT_AS_ARRAY = RESHAPED.replace("np.dot(X, W1) + b1", "np.array(np.dot(X, W1)) + b1")


@pytest.mark.parametrize(
    ("source", "update", "name"),
    [
        (RESHAPED, "    b1 -= lr * d_b1\n", "b1"),
        (PRODUCT_AS_ARRAY, "    b1 -= lr * d_b1\n", "b1"),
    ],
    ids=["reshaped", "product as an array"],
)
def test_a_bias_is_never_updated_whatever_it_is(source, update, name, tmp_path):
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == "correct"
    assert update in source
    (finding,) = judged(source.replace(update, ""), tmp_path)
    found = finding.diagnosis
    assert (finding.verdict, found.mistake, found.spoils) == ("wrong", "bias never updated", [name])


def test_a_typed_bias_may_be_meant_to_stay(tmp_path):
    source = CORRECT["plain"].replace("b1 = np.zeros((1, n_hidden))", "b1 = 0.35")
    (finding,) = judged(source.replace("    b1 -= lr * d_b1\n", ""), tmp_path)
    assert finding.verdict == "cannot tell"
    assert "0.35 is added on line 31 as if it were a bias" in finding.reason


def test_lists_of_numbers_are_arrays(tmp_path):
    """Data, targets and a bias are lists, which NumPy turns into arrays."""
    source = CORRECT["plain"].replace(
        "X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])", "X = [[0, 0], [0, 1], [1, 0], [1, 1]]"
    )
    source = source.replace("y = np.array([[0], [1], [1], [0]])", "y = [[0], [1], [1], [0]]")
    source = source.replace("np.dot(X.T, ", "np.dot(np.transpose(X), ")
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "SSE")
    assert finding.updates == "full batch: each sees all 4 distinct input rows"
    source = source.replace("b1 = np.zeros((1, n_hidden))", "b1 = [0.1, 0.2, 0.3, 0.4]")
    (finding,) = judged(source.replace("    b1 -= lr * d_b1\n", ""), tmp_path)
    assert (finding.verdict, finding.diagnosis.mistake) == ("wrong", "bias never updated")


NEURONS = """
import math, random
import numpy as np

random.seed(1)


class Neuron:
    def __init__(self, n):
        self.weights = [random.gauss(0, 1) for _ in range(n)]
        self.bias = random.gauss(0, 1)

    def out(self, x):
        self.y = 1 / (1 + math.exp(-(np.dot(self.weights, x) + self.bias)))
        return self.y


hidden = [Neuron(2) for _ in range(3)]
last = Neuron(3)
for epoch in range(10):
    for x, t in [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]:
        h = [n.out(x) for n in hidden]
        y = last.out(h)
        d = (y - t) * y * (1 - y)
        back = [d * w * n.y * (1 - n.y) for w, n in zip(last.weights, hidden)]
        last.weights = np.add(last.weights, [-0.5 * d * v for v in h])
        last.bias -= 0.5 * d
        for n, e in zip(hidden, back):
            n.weights = np.add(n.weights, [-0.5 * e * v for v in x])
            n.bias -= 0.5 * e
"""


def test_the_weights_may_be_a_list_until_the_first_update(tmp_path):
    """What is added to the list is no gradient that an optimiser begins with."""
    (right,) = judged(NEURONS, tmp_path)
    assert (right.verdict, right.loss) == ("correct", "1/2 SSE")
    (wrong,) = judged(NEURONS.replace(" * n.y * (1 - n.y)", ""), tmp_path)
    assert (wrong.verdict, wrong.diagnosis.mistake) == ("wrong", "missing hidden derivative")


def test_steps_at_the_old_weights_are_one_step(tmp_path):
    (right,) = judged(OLD_WEIGHTS, tmp_path)
    assert right.updates == "full batch: each sees all 4 distinct input rows"
    (wrong,) = judged(OLD_WEIGHTS.replace(" * (1 - a**2)", ""), tmp_path)
    assert wrong.verdict == "wrong"


def test_weights_whose_updates_are_not_seen(tmp_path):
    """New weights are filled into an array of zeros: the other weights do not decide alone."""
    unseen = ELEMENTS.replace(
        "        for j in range(3):\n            W2",
        "        new = W1 * 0\n        for j in range(3):\n            W2",
    )
    unseen = unseen.replace("W1[j][i] -= 0.1", "new[j][i] = W1[j][i] - 0.1")
    unseen = unseen.replace("        b2[0] -=", "        W1 = new\n        b2[0] -=")
    (finding,) = judged(unseen, tmp_path)
    assert finding.verdict == "cannot tell"
    assert "which the step before made on line" in finding.reason


def test_an_update_of_too_many_operations(tmp_path, monkeypatch):
    monkeypatch.setattr("xor_torch.backprop.judging.points.LONGEST_STEP", 300)
    (finding,) = judged(SUMS, tmp_path)
    assert finding.verdict == "cannot tell"
    assert "operations, which takes too long to repeat" in finding.reason


def test_an_update_of_too_many_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr("xor_torch.backprop.judging.points.LARGEST_STEP", 100)
    (finding,) = judged(SUMS, tmp_path)
    assert finding.verdict == "cannot tell"
    assert "numbers, which takes too much memory to repeat" in finding.reason


def test_few_steps_and_roundings_of_large_arrays(tmp_path, monkeypatch):
    """With less memory, two steps are repeated, and each with other rounding once."""
    points = "xor_torch.backprop.judging.points"
    monkeypatch.setattr(f"{points}.MOST_NUMBERS", 1)
    monkeypatch.setattr(f"{points}.MANY_NUMBERS", 1)
    monkeypatch.setattr("xor_torch.backprop.replay.MANY_NUMBERS", 1)
    (right,) = judged(SUMS, tmp_path)
    (wrong,) = judged(SUMS.replace("(1 - a**2)", "(1 - a)"), tmp_path)
    assert (right.verdict, wrong.verdict) == ("correct", "wrong")


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


def test_backpropagation_through_time(tmp_path):
    assert [f.verdict for f in judged(RNN, tmp_path)] == ["correct"]
    (finding,) = judged(RNN.replace("dn = Whh.T @ dr", "dn = Whh @ dr"), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 20)


NETWORK = """
import numpy as np
rng = np.random.default_rng({seed})
X = rng.normal(size=({rows}, {inputs}))
y = rng.uniform(size=({rows}, {outputs}))
W1 = rng.normal(size=({inputs}, {hidden}))
b1 = np.zeros((1, {hidden}))
W2 = rng.normal(size=({hidden}, {outputs}))
b2 = np.zeros((1, {outputs}))
for epoch in range(6):
    a1 = np.tanh(X @ W1 + b1)
    a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    dz2 = (a2 - y){slope}
    dW2 = a1.T @ dz2
    db2 = dz2.sum(axis=0, keepdims=True)
    dz1 = (dz2 @ W2.T) * (1 - a1 ** 2)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0, keepdims=True)
{error}
    W1 -= 0.05 * dW1
    b1 -= 0.05 * db1
    W2 -= 0.05 * dW2
    b2 -= 0.05 * db2
"""
SIZES = {
    "seed": st.integers(0, 10_000),
    "rows": st.integers(2, 5),
    "inputs": st.integers(1, 3),
    "hidden": st.integers(1, 4),
    "outputs": st.integers(1, 2),
    "slope": st.sampled_from(["", " * a2 * (1 - a2)"]),
}
FEW = settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(**SIZES)
def test_a_random_correct_network_is_never_wrong(tmp_path, **sizes):
    (finding,) = judged(NETWORK.format(error="", **sizes), tmp_path)
    assert finding.verdict == "correct"


@FEW
@given(name=st.sampled_from(["dW1", "db1", "dW2", "db2"]), data=st.data(), **SIZES)
def test_one_wrong_element_is_never_correct(tmp_path, name, data, **sizes):
    shape = {"dW1": ("inputs", "hidden"), "dW2": ("hidden", "outputs")}.get(name)
    rows = sizes[shape[0]] if shape else 1
    columns = sizes[shape[1]] if shape else sizes["hidden" if name == "db1" else "outputs"]
    at = data.draw(st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1)))
    error = f"    {name}[{at[0]}, {at[1]}] *= 1.001"
    (finding,) = judged(NETWORK.format(error=error, **sizes), tmp_path)
    assert finding.verdict != "correct"


SVM = """
import numpy as np
np.random.seed(1)
X = np.random.randn(40, 3)
X[:20] += 1
y = np.r_[np.ones(20), -np.ones(20)]
w, b = np.zeros(3), 0.0
for epoch in range(3):
    for x_i, y_i in zip(X, y):
        if y_i * (np.dot(x_i, w) - b) >= 1:
            w -= 0.01 * (2 * 0.02 * w)
        else:
            w -= 0.01 * (2 * 0.02 * w - np.dot(x_i, y_i))
            b -= 0.01 * y_i
"""


PEGASOS = """
import numpy as np
rng = np.random.default_rng(0)
y = rng.choice([-1, 1], 60)
X = (rng.random((60, 12)) < np.where(y > 0, 0.8, 0.2)[:, None]).astype(float)
X[:, :6] = 1 - X[:, :6]
w, lam = np.zeros(12), 0.25
for t in range(1, 400):
    rate, i = 1 / (lam * (t + 1)), rng.integers(60)
    if y[i] * w.dot(X[i]) < 1:
        w = (1 - rate * lam) * w + rate * y[i] * X[i]
    else:
        w = (1 - rate * lam) * w
"""


def test_an_svm_of_which_many_steps_only_shrink_the_weights(tmp_path):
    """Of inputs 0 and 1, a gradient and a penalty may cancel in a number."""
    (finding,) = judged(PEGASOS, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "hinge loss")
    (finding,) = judged(PEGASOS.replace("+ rate * y[i] * X[i]", "+ rate * X[i]"), tmp_path)
    assert finding.verdict != "correct"


def test_a_hinge_loss_that_is_a_branch(tmp_path):
    (finding,) = judged(SVM, tmp_path)  # the bias does not move in each step
    assert (finding.verdict, finding.loss) == ("correct", "hinge loss")
    assert [p.name for p in finding.parameters] == ["w", "b"]
    for right, wrong in (("w - np.dot(", "w + np.dot("), ("b -= 0.01", "b += 0.01")):
        (finding,) = judged(SVM.replace(right, wrong), tmp_path)
        assert finding.verdict == "wrong"
    other = "        if y_i > 0:\n            b += 0.01 * y_i\n"  # the margin does not decide
    (finding,) = judged(SVM.replace("            b -= 0.01 * y_i\n", other), tmp_path)
    assert (finding.verdict, finding.diagnosis.variable) == ("wrong", "b")
    assert "changed in some steps only, and not by the gradient" in finding.notes[0]


LASSO = """
import numpy as np
rng = np.random.default_rng(3)
X, y = rng.normal(size=(12, 4)), rng.normal(size=(12, 1))
w, b = rng.normal(size=(4, 1)), np.zeros((1, 1))
for epoch in range(30):
    error = X @ w + b - y
    w -= 0.01 * (X.T @ error + 0.3 * np.sign(w))
    b -= 0.01 * error.sum(axis=0, keepdims=True)
"""


def test_a_penalty_that_only_the_gradients_have(tmp_path):
    (finding,) = judged(LASSO, tmp_path)
    assert finding.verdict == "correct"
    assert "line 8 adds" in finding.notes[-1]
    (finding,) = judged(LASSO.replace("+ 0.3", "- 0.3"), tmp_path)  # it lets w grow
    assert finding.verdict != "correct"
    (finding,) = judged(LASSO.replace("X.T @ error", "X.T @ (error + y)"), tmp_path)
    assert finding.verdict != "correct"


def test_a_penalty_that_only_the_loss_has(tmp_path):
    apart = "    loss = np.sum((X @ w + b - y) ** 2) / 2 + 0.3 * np.sum(w**2)\n    error"
    source = LASSO.replace("    error", apart).replace(" + 0.3 * np.sign(w)", "")
    (finding,) = judged(source, tmp_path)
    found = finding.diagnosis
    assert (finding.verdict, found.mistake) == ("wrong", "detached regularisation")


SOFTMAX = """
import numpy as np
rng = np.random.default_rng(5)
X, labels = rng.normal(size=(9, 4)), np.eye(3)[rng.integers(0, 3, 9)]
W, b = rng.normal(size=(4, 3)), np.zeros((1, 3))
for epoch in range(30):
    z = X @ W + b
    e = 2.0 ** z
    p = e / e.sum(axis=1, keepdims=True)
    delta = p - labels
    W -= 0.05 * X.T @ delta
    b -= 0.05 * delta.sum(axis=0, keepdims=True)
"""


def test_a_softmax_of_another_base(tmp_path):
    (finding,) = judged(SOFTMAX, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(SOFTMAX.replace("p - labels", "p - 0.9 * labels - p**2"), tmp_path)
    assert finding.verdict != "correct"


def test_masked_arrays_do_not_end_a_script(tmp_path):
    """Plots make masked arrays of their arguments."""
    seen = "masked = np.ma.ravel(X)\nmasked.mask = masked.data > 0\nprint(masked.sum())\nfor epoch"
    (finding,) = judged(LASSO.replace("for epoch", seen), tmp_path)
    assert finding.verdict == "correct"


RESIDUAL = """
import numpy as np
rng = np.random.default_rng(2)
X, Y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
W_in, W_out = rng.normal(size=(3, 4)) / 2, rng.normal(size=(4, 2)) / 2
A = [rng.normal(size=(4, 4)) / 2 for _ in range(3)]
everything = [W_in, W_out, *A]
speed = [np.zeros_like(p) for p in everything]
losses = []
for epoch in range(20):
    h = X @ W_in
    hs, us = [h], []
    for a in A:
        u = np.tanh(h @ a)
        h = h + u
        us.append(u)
        hs.append(h)
    error = h @ W_out - Y
    losses.append(np.sum(error**2))
    if epoch % 5 == 4:
        print(np.mean(losses))
    gh = 2 * error @ W_out.T
    gA = [None] * 3
    for k in reversed(range(3)):
        gz = gh * (1 - us[k] ** 2)
        gA[k] = hs[k].T @ gz
        gh = gh + gz @ A[k].T
    gradients = [X.T @ gh, 2 * hs[-1].T @ error, *gA]
    for p, v, g in zip(everything, speed, gradients):
        v *= 0.7
        v += g
        p -= 0.003 * v
"""


def test_blocks_with_a_way_around_them(tmp_path):
    """``h = h + f(h)`` is not training, and a mean of past losses is not a weight."""
    (finding,) = judged(RESIDUAL, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(RESIDUAL.replace("gh = gh + gz", "gh = gz"), tmp_path)
    assert finding.verdict == "wrong"
    assert finding.diagnosis.line in (25, 27)  # it lacks a part, or the first that is made of it


AHEAD = """
import numpy as np
rng = np.random.default_rng(7)
X, y = rng.normal(size=(10, 3)), rng.normal(size=(10, 1))
W1, W2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
v1, v2 = np.zeros_like(W1), np.zeros_like(W2)
for epoch in range(30):
    A1, A2 = W1 + 0.8 * v1, W2 + 0.8 * v2
    h = np.tanh(X @ A1)
    error = h @ A2 - y
    back = error @ A2.T * (1 - h**2)
    v1 = 0.8 * v1 - 0.01 * X.T @ back
    v2 = 0.8 * v2 - 0.01 * h.T @ error
    W1 = W1 + v1
    W2 = W2 + v2
"""


def test_a_look_ahead_in_one_pass_only(tmp_path):
    """With a momentum of zero, the weights ahead are the weights."""
    (finding,) = judged(AHEAD, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(AHEAD.replace("error @ A2.T", "error @ W2.T"), tmp_path)
    assert finding.verdict == "cannot tell"
    assert "reads the state of the optimiser" in finding.reason


def test_a_gradient_inside_an_optimiser_has_no_rate(tmp_path):
    """The 0.5 of 1/2 SSE is not the learning rate, which is 0.2."""
    mistake = next(m for m in MISTAKES if m.id == "function-momentum-wrong_sign")
    (finding,) = judged(mistake.source, tmp_path)
    assert (finding.loss, finding.lr) == ("1/2 SSE", None)


def test_the_delta_of_a_mistake_at_the_output_has_its_numbers(tmp_path):
    """The report shows the delta's numbers, not those of a step that is right by itself."""
    mistake = next(m for m in MISTAKES if m.id == "plain-derivative_taken_twice-output")
    wrong = judged(mistake.source, tmp_path)[0].diagnosis
    assert (wrong.of, wrong.variable) == ("d_final", "d_final")
    assert abs(wrong.ratio - 1) > 1e-3
    assert wrong.elements[0] == (wrong.index, wrong.actual, wrong.expected)
    assert len(wrong.elements) > 1


ROWS = """
import numpy as np
rng = np.random.default_rng(1)
U, Z, R = rng.random((6, 3)), rng.random((5, 3)), rng.random((6, 5))
for step in range(200):
    n, q = rng.integers(6), rng.integers(5)
    u, z = U[n].reshape(-1, 1), Z[q].reshape(-1, 1)
    new_u = u + 0.05 * (R[n, q] - u.T @ z) * z
    new_z = z + 0.05 * (R[n, q] - u.T @ z) * u
    U[n] = new_u.reshape(3)
    Z[q] = new_z.reshape(3)
"""


def test_rows_of_another_shape_are_updated(tmp_path):
    (finding,) = judged(ROWS, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(ROWS.replace("z) * u", "z) * z"), tmp_path)
    assert finding.verdict == "wrong"


RESET = """
import numpy as np
rng = np.random.default_rng(2)
X, T = 3 * rng.normal(size=(20, 3)), 5 * rng.normal(size=(20, 2))
W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
dW, dV = np.zeros_like(W), np.zeros_like(V)
for step in range(40):
    for i in range(step % 20, step % 20 + 2):
        a = np.tanh(X[i % 20] @ W)
        d = a @ V - T[i % 20]
        dV += np.outer(a, d)
        dW += np.outer(X[i % 20], (d @ V.T) * (1 - a**2))
    for g in (dW, dV):
        norm = np.linalg.norm(g)
        if norm > 0.5:
            g /= norm / 0.5
    for array, g in ((W, dW), (V, dV)):
        array -= 0.01 * g
        g *= 0
"""


def test_a_sum_of_gradients_times_0_begins_anew(tmp_path):
    (finding,) = judged(RESET, tmp_path)
    assert (finding.verdict, len(finding.parameters)) == ("correct", 2)
    (finding,) = judged(RESET.replace("(1 - a**2)", "(1 + a**2)"), tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 12)


OBJECT = """
import math, random
random.seed(1)
class Neuron:
    def __init__(self):
        self.beta1, self.beta2, self.t = 0.9, 0.999, 0
        self.w = [random.uniform(-1, 1) for _ in range(3)]
        self.m, self.v = [0] * 3, [0] * 3
    def learn(self, x, t):
        self.t += 1
        p = 1 / (1 + math.exp(-sum(a * b for a, b in zip(self.w, x))))
        for i in range(3):
            g = (p - t) * x[i]
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g**2
            m, v = self.m[i] / (1 - self.beta1**self.t), self.v[i] / (1 - self.beta2**self.t)
            self.w[i] -= 0.05 * m / (math.sqrt(v) + 1e-8)
data = [([random.gauss(0, 1) for _ in range(3)], random.randrange(2)) for _ in range(10)]
neuron = Neuron()
for step in range(30):
    neuron.learn(*data[step % 10])
"""


def test_the_decay_of_an_optimiser_is_a_number_of_its_object(tmp_path):
    (finding,) = judged(OBJECT, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "BCE")
    (finding,) = judged(OBJECT.replace("(p - t)", "(p - t) * p"), tmp_path)
    assert finding.verdict == "wrong"


POOL = """
import numpy as np
rng = np.random.default_rng(0)
X, t = rng.normal(size=(8, 4)), rng.normal(size=8)
{data}
W = np.ones(4)
for step in range(20):
    z = X * W
    r = np.maximum(z, 0)
    p = r.max(1)
    largest = (r == r.max(1, keepdims=True)) * (z > 0)
    g = (p - t)[:, None] * largest / np.maximum(largest.sum(1, keepdims=True), 1)
    W = W - 0.01 * (g * X).sum(0)
"""


@pytest.mark.parametrize(
    ("data", "matters"),
    [
        # the largest numbers of a row are all 0 after the ReLU, and so are their derivatives
        ("X[:3] = -abs(X[:3])", False),
        # two numbers that are equal, each of a weight of its own
        ("X[:, 2] = X[:, 3] = 1 + abs(X[:, 3])", True),
    ],
    ids=["zeros", "equal"],
)
def test_a_tie_matters_if_a_derivative_depends_on_it(tmp_path, data, matters):
    _, tape = record(POOL.format(data=data), "homework.py", LIMITS)
    (network,) = find_networks(tape)
    bench = Bench(tape, network, Clock())
    bench.make_points()
    assert bench.tied
    assert bench.ties_matter() is matters


CROSSED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.uniform(0, 10, (20, 2))
y = (2 * X[:, :1] - X[:, 1:]) + rng.normal(0, 1, (20, 1))
theta = np.zeros((2, 1))
for step in range(30):
    error = X @ theta - y
    new = theta.copy()
    for i in range(2):
        new[i, 0] -= 0.001 / 20 * np.sum(error * X[:, i:i + 1])
    theta = new
"""


def test_a_column_of_errors_times_a_row_of_inputs(tmp_path):
    (finding,) = judged(CROSSED, tmp_path)
    assert finding.verdict == "correct"
    crossed = CROSSED.replace("X[:, i:i + 1]", "X[:, i]")  # the sum is a product of two sums
    (finding,) = judged(crossed, tmp_path)
    assert (finding.verdict, finding.diagnosis.line) == ("wrong", 11)
    assert "broadcast to (20, 20)" in finding.notes[-1]


LEFT_OUT = """
import numpy as np
rng = np.random.default_rng(0)
X, t = rng.normal(size=(12, 3)), rng.integers(0, 2, 12)
weight = rng.uniform(0.5, 3, 12)
weight[3:5] = 0
w = rng.normal(size=3)
for step in range(30):
    p = 1 / (1 + np.exp(-X @ w))
    d = weight * (p - t)
    w = w - 0.1 * X.T @ d
"""


def test_a_sample_of_weight_0(tmp_path):
    (finding,) = judged(LEFT_OUT, tmp_path)
    assert (finding.verdict, finding.loss) == ("correct", "weighted BCE")


KEPT = """
import numpy as np
rng = np.random.default_rng(4)
X, Y = rng.normal(size=(12, 3)), np.eye(2)[rng.integers(2, size=12)]
model = {"W": rng.normal(size=(3, 2))}
gradients = {"W": np.zeros((3, 2))}
for epoch in range(40):
    p = np.exp(X @ model["W"])
    p /= p.sum(axis=1, keepdims=True)
    gradients["W"] += X.T @ (p - Y) / 12
    for name in model:
        gradients[name] += 0.01 * model[name]
        model[name] = model[name] - 0.01 * gradients[name]
        gradients[name] = np.zeros((3, 2))
"""


def test_a_penalty_is_added_to_a_gradient_that_is_kept(tmp_path):
    """``g += 0.01 * W`` makes a new g, and no new W: only g comes from g again."""
    (finding,) = judged(KEPT, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(KEPT.replace("        gradients[name] = np.zeros((3, 2))\n", ""), tmp_path)
    assert finding.verdict == "wrong"
    assert finding.diagnosis.line in (10, 12)


STILL = """
import numpy as np
rng = np.random.default_rng(2)
X, Y = rng.normal(size=(20, 4)), rng.normal(size=(20, 4))
frozen = rng.normal(size=(4, 5))
W1, W2 = rng.normal(size=(5, 3)), rng.normal(size=(3, 4))
for epoch in range(12):
    for i in range(0, 20, 5):
        x, y = X[i:i + 5], Y[i:i + 5]
        h = np.tanh(x @ frozen)
        a = np.tanh(h @ W1)
        error = a @ W2 - y
        delta = error @ W2.T * (1 - a**2)
        W2 -= 0.01 * a.T @ error
        W1 -= 0.01 * h.T @ delta
"""


def test_weights_that_never_change_are_named(tmp_path):
    """Frozen on purpose or forgotten: the report says so, of batches and of all samples."""
    for script in (STILL, STILL.replace("range(0, 20, 5)", "[0]").replace("i + 5", "i + 20")):
        (finding,) = judged(script, tmp_path)
        assert finding.verdict == "correct"
        (warning,) = finding.warnings
        assert warning.startswith("frozen (4, 5) is multiplied with on line 10 in every step")
        once = script.replace("for epoch", "X = np.tanh(X @ frozen)\nfor epoch")
        (finding,) = judged(once.replace("np.tanh(x @ frozen)", "x"), tmp_path)
        assert (finding.verdict, finding.warnings) == ("correct", [])


SCALED = """
import numpy as np
rng = np.random.default_rng(2)
X, Y = rng.normal(size=(20, 4)), rng.normal(size=(20, 4))
W1, W2, scale, shift = rng.normal(size=(4, 3)), rng.normal(size=(3, 4)), np.ones(3), np.zeros(3)
for step in range(12):
    h = np.tanh(X @ W1)
    a = h * scale + shift
    d = a @ W2 - Y
    da = d @ W2.T
    dscale, dshift = (da * h).mean(0), da.mean(0)
    W2 -= 0.01 * a.T @ d
    W1 -= 0.01 * X.T @ (da * scale * (1 - h**2))
"""


def test_a_gradient_that_moves_nothing_is_named(tmp_path):
    (finding,) = judged(SCALED, tmp_path)
    assert finding.verdict == "correct"
    assert "(3,) is read on line 8 in every step and never changes" in finding.warnings[0]
    constant = SCALED.replace("    dscale, dshift = (da * h).mean(0), da.mean(0)\n", "")
    trained = f"{SCALED}    scale -= 0.2 * dscale\n    shift -= 0.2 * dshift\n"
    for script in (constant, trained):
        (finding,) = judged(script, tmp_path)
        assert (finding.verdict, finding.warnings) == ("correct", [])


SEVERAL = """
import numpy as np
rng = np.random.default_rng(2)
T = np.zeros((8, 5))
T[range(8), rng.integers(5, size=8)] = 1
T[3] = [0, 1, 0, 1, 0]
X = rng.normal(size=(8, 6))
W = rng.normal(size=(6, 5))
for epoch in range(10):
    for x, t in zip(X, T):
        e = np.exp(x @ W)
        p = e / e.sum()
        d = p - t
        W = W - 0.05 * np.outer(x, d)
"""


def test_the_targets_of_a_softmax_sum_to_one(tmp_path):
    (finding,) = judged(SEVERAL, tmp_path)
    assert finding.verdict == "cannot tell"
    assert finding.reason.startswith("d on line 13 is p - t with targets t that do not sum to 1")
    (finding,) = judged(SEVERAL.replace("p - t", "t.sum() * p - t"), tmp_path)
    assert finding.verdict == "correct"


NO_VELOCITY = """
import numpy as np
rng = np.random.default_rng(5)
X, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 1))
w = rng.normal(size=(3, 1))
before = w.copy()
for epoch in range(30):
    grad = X.T @ (X @ w - y)
    step = 0.01 * grad - 0.5 * (w - before)
    before = w.copy()
    w -= step
"""


def test_old_weights_are_no_momentum(tmp_path):
    """Their difference is the last change; the old weights alone pull the new ones to zero."""
    (finding,) = judged(NO_VELOCITY, tmp_path)
    assert finding.verdict == "correct"
    for wrong in ("0.01 * grad + 0.5 * before", "0.9 * before + 0.1 * grad"):
        script = NO_VELOCITY.replace("0.01 * grad - 0.5 * (w - before)", wrong)
        (finding,) = judged(script, tmp_path)
        assert finding.verdict == "cannot tell"
        assert "on line 9: a momentum of another kind, or a mistake" in finding.reason


BEGUN = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(9, 6)), rng.normal(size=(9, 4))
F = rng.normal(size=3)
for epoch in range(10):
    for x, t in zip(X, y):
        out = np.zeros(4)
        for a in range(3):
            out += F[a] * x[a:a + 4]
        d = out - t
        F = F - 0.01 * np.array([np.sum(d * x[a:a + 4]) for a in range(3)])
"""


def test_zeros_that_a_sum_begins_with_are_no_bias(tmp_path):
    (finding,) = judged(BEGUN, tmp_path)
    assert finding.verdict == "correct"
    (finding,) = judged(BEGUN.replace("np.zeros(4)", "np.full(4, 0.5)"), tmp_path)
    assert (finding.verdict, finding.diagnosis.mistake) == ("wrong", "bias never updated")


DIVIDES = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 2)), rng.integers(0, 2, (12, 1)).astype(float)
W, b = rng.normal(size=(2, 1)), np.zeros((1, 1))
for epoch in range(8):
    p = 1 / (1 + np.exp(-(X @ W + b)))
    d = (p - y) / (p * (1 - p) + 1e-9) * p * (1 - p)
    W, b = W - 0.1 * X.T @ d, b - 0.1 * d.sum()
"""


def test_without_the_time_to_leave_out_constants_it_is_not_wrong(tmp_path, monkeypatch):
    """They may be what is off."""
    answers = [Finding("wrong"), Finding("cannot tell", OVER)]
    module = "xor_torch.backprop.judging.judge."
    monkeypatch.setattr(f"{module}_try", lambda *args, **kwargs: answers.pop(0))
    monkeypatch.setattr(f"{module}_lost", lambda *args: None)
    (finding,) = judged(DIVIDES, tmp_path)
    assert (finding.verdict, finding.reason) == ("cannot tell", OVER)
