"""Styles of writing a network with Python's numbers, each with a wrong twin."""

import pytest

from .test_judge import judged

BEGIN = """
import math, random
from collections import namedtuple
random.seed(3)
rows = [((0.1, 0.9), 0.7), ((0.8, -0.2), 0.2), ((-0.6, 0.4), 0.9), ((0.5, 0.5), 0.4)]
def drawn(n):
    return [random.uniform(-1, 1) for _ in range(n)]
def sigmoid(z):
    return 1 / (1 + math.exp(-z))
"""
TUPLE = """
w = (0.1, 0.2, 0.3)
for epoch in range(12):
    for (a, b), t in rows:
        e = t - (w[0] + w[1] * a + w[2] * b)
        w = (w[0] + 0.05 * e, w[1] + 0.05 * e * a, w[2] + 0.05 * e * b)
"""
NAMED = """
Model = namedtuple("Model", "slope start")
m = Model(0.1, 0.2)
for epoch in range(12):
    for (x, _), t in rows:
        e = m.slope * x + m.start - t
        m = Model(m.slope - 0.1 * e * x, m.start - 0.1 * e)
"""
PAIRS = """
def answer(unit, x):
    ws, b = unit
    return sigmoid(sum(w * v for w, v in zip(ws, x)) + b)
def moved(unit, x, d):
    ws, b = unit
    return ([w - 0.5 * d * v for w, v in zip(ws, x)], b - 0.5 * d)
hidden = [(drawn(2), random.random()) for _ in range(2)]
top = (drawn(2), 0.1)
for epoch in range(8):
    for x, t in rows:
        h = [answer(unit, x) for unit in hidden]
        p = answer(top, h)
        d = (p - t) * p * (1 - p)
        ds = [d * w * v * (1 - v) for w, v in zip(top[0], h)]
        top = moved(top, h, d)
        hidden = [moved(unit, x, e) for unit, e in zip(hidden, ds)]
"""
ROUNDED = """
w = drawn(3)
for epoch in range(8):
    for (a, b), t in rows:
        p = round(sigmoid(round(w[0] + w[1] * a + w[2] * b, 4)), 4)
        d = round(p - t, 5)
        w = [round(v - 0.5 * d * x, 4) for v, x in zip(w, (1, a, b))]
"""
TENTHS = """
w, b = [0, 0], 0
for epoch in range(6):
    for x, t in zip([(0, 0), (0, 1), (1, 0), (1, 1)], [1, 0, 1, 0]):
        y = 1 if w[0] * x[0] + w[1] * x[1] + b > 0 else 0
        for j in range(2):
            w[j] = round(w[j] + 0.1 * x[j] * (t - y), 2)
        b = round(b + 0.1 * (t - y), 1)
"""
ONE_LIST = """
w = drawn(9)
goals = [0.0, 1.0]
for epoch in range(8):
    g = [0.0] * 9
    loss = 0.0
    for (x, _), t in zip(rows, goals):
        h = [sigmoid(w[3 * k] * x[0] + w[3 * k + 1] * x[1] + w[3 * k + 2]) for k in range(2)]
        p = sigmoid(w[6] * h[0] + w[7] * h[1] + w[8])
        loss -= t * math.log(p) + (1 - t) * math.log(1 - p)
        d = p - t
        for k in range(2):
            g[6 + k] += d * h[k]
            e = d * w[6 + k] * h[k] * (1 - h[k])
            for i, v in enumerate((x[0], x[1], 1)):
                g[3 * k + i] += e * v
        g[8] += d
    for i in range(9):
        w[i] -= 0.3 * g[i]
"""
TWO_FUNCTIONS = """
class Line:
    def __init__(self):
        self.start, self.slope = 0.0, 0.0
line, data = Line(), [(a, t) for (a, _), t in rows]
def off(x):
    return line.start + line.slope * x
def by_start():
    return sum(off(x) - y for x, y in data) / 4
def by_slope():
    return sum((off(x) - y) * x for x, y in data) / 4
for epoch in range(12):
    start = line.start - 0.1 * by_start()
    slope = line.slope - 0.1 * by_slope()
    line.start = start
    line.slope = slope
"""
RECURSIVE = """
net = [[drawn(n + 1) for _ in range(m)] for n, m in ((2, 2), (2, 1))]
def run(k, xs, t):
    if k == len(net):
        return [xs[0] - t]
    ys = [math.tanh(sum(w * x for w, x in zip(ws, xs + [1.0]))) for ws in net[k]]
    ds = [u * (1 - y * y) for u, y in zip(run(k + 1, ys, t), ys)]
    back = [sum(ws[i] * d for ws, d in zip(net[k], ds)) for i in range(2)]
    for ws, d in zip(net[k], ds):
        for i, x in enumerate(xs + [1.0]):
            ws[i] -= 0.3 * d * x
    return back
for epoch in range(8):
    for x, t in rows:
        run(0, list(x), t)
"""
SHARED = """
import numpy as np
class Unit:
    def __init__(self, n):
        self.w, self.b = np.array(drawn(n)), 0
    def forward(self, x):
        self.x = x
        self.y = 1 / (1 + np.exp(-(np.dot(x, self.w) + self.b)))
        return self.y
    def learn(self, error):
        d = error * self.y * (1 - self.y)
        back = d * self.w
        self.w = self.w - 0.3 * d * np.array(self.x)
        self.b -= 0.3 * d
        return back
layers = [[Unit(2), Unit(2)], [Unit(2), Unit(2)]]
for epoch in range(8):
    for x, t in rows:
        for layer in layers:
            x = [unit.forward(x) for unit in layer]
        errors = [x[0] - t, x[1] - 1 + t]
        for layer in reversed(layers):
            errors = sum(unit.learn(e) for unit, e in zip(layer, errors))
"""
INDEX = """
import numpy as np
X, Y = np.array([x for x, _ in rows * 3]), np.array([[t] for _, t in rows * 3])
W, size, begin = np.array([drawn(1), drawn(1)]), 2, 0
for step in range(30):
    x, y = X[begin : begin + size], Y[begin : begin + size]
    begin += size
    if begin >= 12:
        begin = 0
    W -= 0.1 * x.T @ (x @ W - y)
"""
PERCEPTRON = """
data = [([2, 1], 1), ([1, 3], 1), ([-1, -2], 0), ([-2, 4], 0), ([3, -2], 1), ([1, -1], 0)]
w, b = [0.3, -0.2], 0.1
for epoch in range(9):
    for x, t in data:
        y = 1 if w[0] * x[0] + w[1] * x[1] + b > 0 else 0
        if y == 0 and t == 1:
            w = [v + 0.1 * u for v, u in zip(w, x)]
            b += 0.1
        elif t == 0 and y == 1:
            w = [v - 0.1 * u for v, u in zip(w, x)]
            b -= 0.1
"""
APPENDED = """
data = [([3, 3], 1), ([4, 3], 1), ([1, 1], -1)]
w, b = [], 0
for i in range(2):
    w.append(0)
def learn(x, t):
    global b
    for i in range(2):
        w[i] = w[i] + t * x[i]
    b = b + t
for epoch in range(9):
    for x, t in data:
        score = 0
        for i in range(2):
            score += x[i] * w[i]
        score += b
        if t * score <= 0:
            learn(x, t)
"""
STYLES = {  # source, what is replaced in it, and by what
    "tuple": (TUPLE, "e * a", "e * a * a"),
    "named tuple": (NAMED, "m.start - 0.1", "m.start + 0.1"),
    "pairs": (PAIRS, "w * v * (1 - v)", "w * v"),
    "rounded": (ROUNDED, "d * x, 4", "d * p * x, 4"),
    "tenths": (TENTHS, "round(b + 0.1", "round(b - 0.1"),
    "one list": (ONE_LIST, "h[k] * (1 - h[k])", "(1 - h[k])"),
    "two functions": (TWO_FUNCTIONS, "(off(x) - y) * x", "(off(x) - y) * y"),
    "recursive": (RECURSIVE, "u * (1 - y * y)", "u * (1 - y)"),
    "shared": (SHARED, "self.y * (1 - self.y)", "(1 - self.y)"),
    "index": (INDEX, "x.T @", "y.T @"),
    "perceptron": (PERCEPTRON, "b -= 0.1", "b += 0.1"),
    "appended": (APPENDED, "b = b + t", "b = b - t"),
}


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_judged(name, tmp_path):
    source, right, wrong = STYLES[name]
    assert right in source
    findings = judged(BEGIN + source, tmp_path)
    assert {f.verdict for f in findings} == {"correct"}, findings
    findings = judged(BEGIN + source.replace(right, wrong), tmp_path)
    assert "wrong" in {f.verdict for f in findings}, findings


NO_VERDICT = {  # what a mistake hides behind
    "coarse": (ROUNDED, "round(p - t, 5)", "round(0.001 * (p - t), 3)"),
    "other target": (PERCEPTRON, "y == 0 and t == 1", "y == 0 and t == 0"),
}


@pytest.mark.parametrize("name", NO_VERDICT)
def test_a_mistake_is_not_called_right(name, tmp_path):
    source, right, wrong = NO_VERDICT[name]
    findings = judged(BEGIN + source.replace(right, wrong), tmp_path)
    assert "correct" not in {f.verdict for f in findings}, findings


def test_a_recursion_that_updates_too_early(tmp_path):
    back = RECURSIVE[RECURSIVE.index("    back =") : RECURSIVE.index("    for ws, d in zip(net[k]")]
    late = RECURSIVE.replace(back, "").replace("    return back", back + "    return back")
    (finding,) = judged(BEGIN + late, tmp_path)
    assert finding.diagnosis.mistake == "updated too early"
