"""Optimisers of layers, units and lists, each with a wrong twin."""

import pytest
import torch

from xor_torch.backprop.judging import losses
from xor_torch.backprop.judging.points import Point

from ..test_judge import judged

# Adam's steps are counted for each layer, not for each step
COUNTED = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, size=(40, 1)).astype(float)
class Layer:
    def __init__(self, n, m):
        self.W, self.b = rng.normal(size=(n, m)), np.zeros((1, m))
        self.mW, self.vW = np.zeros_like(self.W), np.zeros_like(self.W)
        self.mb, self.vb = np.zeros_like(self.b), np.zeros_like(self.b)
    def forward(self, x):
        self.x, self.z = x, x @ self.W + self.b
        return self.z
    def backward(self, d):
        self.dW, self.db = self.x.T @ d, d.sum(0, keepdims=True)
        return d @ self.W.T
class Adam:
    t = 0
    def update(self, layer):
        self.t += 1  # counts the layers, not the steps
        a, b = 1 - 0.9**self.t, 1 - 0.999**self.t
        layer.mW = 0.9 * layer.mW + 0.1 * layer.dW
        layer.mb = 0.9 * layer.mb + 0.1 * layer.db
        layer.vW = 0.999 * layer.vW + 0.001 * layer.dW**2
        layer.vb = 0.999 * layer.vb + 0.001 * layer.db**2
        layer.W -= 0.01 * (layer.mW / a) / (np.sqrt(layer.vW / b) + 1e-8)
        layer.b -= 0.01 * (layer.mb / a) / (np.sqrt(layer.vb / b) + 1e-8)
one, two, adam = Layer(3, 4), Layer(4, 1), Adam()
for epoch in range(12):
    h = np.maximum(one.forward(X), 0)
    p = 1 / (1 + np.exp(-two.forward(h)))
    dh = two.backward((p - y) / len(X)) * (h > 0)
    one.backward(dh)
    adam.update(one)
    adam.update(two)
"""
# a unit moves its weights while it hands its error on
UNITS = """
import math, random
random.seed(0)
class Unit:
    def __init__(self, below):
        self.below, self.error, self.output = below, 0.0, 0.0
        self.w = [random.uniform(-1, 1) for _ in below]
        self.m = [0.0 for _ in below]
    def forward(self):
        self.output = 1 / (1 + math.exp(-sum(w * u.output for w, u in zip(self.w, self.below))))
    def backward(self):
        d = self.error * self.output * (1 - self.output)
        for i, unit in enumerate(self.below):
            before = self.w[i]
            self.m[i] = 0.3 * d * unit.output + 0.5 * self.m[i]
            self.w[i] += self.m[i]
            unit.error += before * d
        self.error = 0.0
inputs = [Unit([]) for _ in range(3)]
hidden = [Unit(inputs) for _ in range(3)]
out = Unit(hidden)
for epoch in range(12):
    for a, b, t in [(0, 1, 1), (1, 0, 1), (1, 1, 0)]:
        inputs[0].output, inputs[1].output, inputs[2].output = a, b, 1.0
        for unit in [*hidden, out]:
            unit.forward()
        out.error = t - out.output
        for unit in [out, *hidden]:
            unit.backward()
"""
# a momentum of what the weights were; the biases have none
LISTS = """
import math, random
random.seed(0)
W = [[random.uniform(-1, 1) for _ in range(2)] for _ in range(2)]
b, v, c = [0.1, 0.2], [random.uniform(-1, 1) for _ in range(2)], 0.3
old = [row[:] for row in W]
def sigmoid(z):
    return 1 / (1 + math.exp(-z))
for epoch in range(12):
    for x, t in [((0.2, 1.0), 1), ((1.0, 0.4), 1), ((1.0, 1.0), 0)]:
        h = [sigmoid(sum(w * a for w, a in zip(W[j], x)) + b[j]) for j in range(2)]
        y = sigmoid(sum(a * w for a, w in zip(h, v)) + c)
        d = (t - y) * y * (1 - y)
        dh = [d * v[j] * h[j] * (1 - h[j]) for j in range(2)]
        for j in range(2):
            for i in range(2):
                momentum = 0.2 * (W[j][i] - old[j][i])
                old[j][i] = W[j][i]
                W[j][i] += momentum + 0.3 * dh[j] * x[i]
            b[j] += 0.3 * dh[j]
            v[j] += 0.3 * d * h[j]
        c += 0.3 * d
"""
# a matrix of lists: -z and 1 + exp(-z) on the way to t - p
MATRICES = """
import math, random
from operator import mul
random.seed(0)
class Matrix:
    def __init__(self, rows):
        self.rows = rows
    def map(self, f, *others):
        rows = zip(self.rows, *[o.rows for o in others])
        return Matrix([[f(*some) for some in zip(*row)] for row in rows])
    def __neg__(self):
        return self.map(lambda a: -a)
    def __add__(self, other):
        return self.map(lambda a, b: a + b, other)
    def __sub__(self, other):
        return self + -other
    def times(self, other):
        return self.map(lambda a, b: a * b, other)
    def dot(self, other):
        columns = [*zip(*other.rows)]
        return Matrix([[sum(map(mul, row, c)) for c in columns] for row in self.rows])
    def sigmoid(self):
        return self.map(lambda z: 1 / (1 + math.exp(-z)))
    def slope(self):
        return self.map(lambda a: a * (1 - a))
    @property
    def T(self):
        return Matrix([list(column) for column in zip(*self.rows)])
X, y = Matrix([[0, 0], [0, 1], [1, 0], [1, 1]]), Matrix([[0], [1], [1], [0]])
W1 = Matrix([[random.uniform(-1, 1) for _ in range(3)] for _ in range(2)])
W2 = Matrix([[random.uniform(-1, 1)] for _ in range(3)])
for epoch in range(20):
    h = X.dot(W1).sigmoid()
    z = h.dot(W2)
    out = z.sigmoid()
    delta = (y - z.sigmoid()).times(out.slope())
    dh = delta.dot(W2.T).times(h.slope())
    W1 += X.T.dot(dh)
    W2 += h.T.dot(delta)
"""
# a step that somebody works out by hand, with weights of another shape at first
ONCE = """
import numpy as np
x, y = np.array([[0.3, 0.9], [0.5, 0.1], [0.8, 0.4]]), np.array([[1.0], [0.0], [1.0]])
W1, b1 = np.full(6, 0.4).reshape(2, 3), np.full((1, 3), 0.1)
W1[0, 1], W1[1, 2] = 0.7, -0.3
W2, b2 = np.array([0.5, -0.2, 0.9]).reshape(3, 1), np.full((1, 1), 0.2)
a1 = 1 / (1 + np.exp(-(x @ W1 + b1)))
a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
d2 = (a2 - y) * a2 * (1 - a2)
d1 = d2 @ W2.T * a1 * (1 - a1)
W2 = W2 - 0.1 * a1.T @ d2
b2 = b2 - 0.1 * d2.sum(0, keepdims=True)
W1 = W1 - 0.1 * x.T @ d1
b1 = b1 - 0.1 * d1.sum(0, keepdims=True)
"""
SCRIPTS = {  # source, what is replaced in it, by what, and the line of the mistake, if it is found
    "layers": (COUNTED, " * (h > 0)", "", 15),
    "units": (UNITS, "before * d", "self.w[i] * d", 17),
    "lists": (LISTS, "h[j] * (1 - h[j])", "h[j]", 14),
    "matrices": (MATRICES, "times(h.slope())", "times(h)", None),
    "once": (ONCE, ".sum(0", ".mean(0", None),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_moves_the_parameters_is_no_mistake(name, tmp_path):
    source, right, wrong, line = SCRIPTS[name]
    (finding,) = judged(source, tmp_path)
    assert (finding.verdict, finding.diagnosis) == ("correct", None)
    (finding,) = judged(source.replace(right, wrong), tmp_path)
    assert finding.verdict == "wrong"
    assert line is None or finding.diagnosis.line == line


def test_a_mask_may_select_another_number_of_values_elsewhere():
    """``out[z > 0]`` has the shape of another value in the run, and not at a moved point."""
    z, selected = torch.ones(5, requires_grad=True), torch.ones(2, requires_grad=True)
    point = Point(0, True, {0: z, 1: selected, 2: 2 * z}, [z], [z])
    assert losses._data([point], 0, 1, [torch.ones(5)]) == []
    assert len(losses._data([point], 0, 2, [torch.ones(5)])) == 1
