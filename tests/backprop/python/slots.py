"""Dataclasses with slots, private attributes, a gradient of a mean over all samples."""

import math
import random
from dataclasses import dataclass, field


@dataclass
class Unit:
    weights: list = field(default_factory=list)
    bias: float = 0.0


class Model:
    __slots__ = ("units", "last", "__rate")

    def __init__(self, rate):
        self.units = [Unit([random.random() - 0.5, random.random() - 0.5], 0.1) for _ in range(3)]
        self.last = Unit([random.random() - 0.5 for _ in range(3)], 0.0)
        self.__rate = rate

    def predict(self, x):
        hidden = [math.tanh(u.weights[0] * x[0] + u.weights[1] * x[1] + u.bias) for u in self.units]
        return hidden, sum(w * h for w, h in zip(self.last.weights, hidden)) + self.last.bias

    def fit(self, xs, ys):
        n = len(xs)
        g_last, g_bias = [0.0] * 3, 0.0
        g_units = [[0.0, 0.0, 0.0] for _ in self.units]
        cost = 0.0
        for x, y in zip(xs, ys):
            hidden, out = self.predict(x)
            cost += (out - y) ** 2 / n
            e = 2 * (out - y) / n
            g_bias += e
            for k, unit in enumerate(self.units):
                g_last[k] += e * hidden[k]
                d = e * self.last.weights[k] * (1 - hidden[k] * hidden[k])
                g_units[k][0] += d * x[0]
                g_units[k][1] += d * x[1]
                g_units[k][2] += d
        for k, unit in enumerate(self.units):
            unit.weights[0] -= self.__rate * g_units[k][0]
            unit.weights[1] -= self.__rate * g_units[k][1]
            unit.bias -= self.__rate * g_units[k][2]
            self.last.weights[k] -= self.__rate * g_last[k]
        self.last.bias -= self.__rate * g_bias
        return cost


random.seed(9)
points = [(random.uniform(-1, 1), random.uniform(-1, 1)) for _ in range(6)]
model = Model(0.1)
for _ in range(25):
    cost = model.fit(points, [math.sin(a) + b for a, b in points])
print(cost, model.last.bias)
