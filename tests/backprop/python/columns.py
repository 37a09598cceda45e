"""A class for matrices that keeps its size, and a list of them in which each step puts new ones."""

import math
import random


class Matrix:
    def __init__(self, w, h, data=None):
        self.w, self.h = w, h
        self.data = data or [[random.uniform(-1, 1) for _ in range(w)] for _ in range(h)]

    def each(self, other, function):
        rows = [[function(x, y) for x, y in zip(*r)] for r in zip(self.data, other.data)]
        return Matrix(self.w, self.h, rows)

    def __add__(self, other):
        return self.each(other, lambda x, y: x + y)

    def __sub__(self, other):
        return self.each(other, lambda x, y: x - y)

    def __mul__(self, other):
        return self.each(other, lambda x, y: x * y)

    def __matmul__(self, other):
        rows = [[0.0] * other.w for _ in range(self.h)]
        for i in range(self.h):
            for j in range(other.w):
                s = 0
                for k in range(self.w):
                    s += self.data[i][k] * other.data[k][j]
                rows[i][j] = s
        return Matrix(other.w, self.h, rows)

    def map(self, function):
        return Matrix(self.w, self.h, [[function(x) for x in row] for row in self.data])

    @property
    def turned(self):
        return Matrix(self.h, self.w, [list(column) for column in zip(*self.data)])


def changed(w, step):
    w = w - step
    return w


random.seed(4)
weights = [Matrix(2, 3), Matrix(3, 1)]
biases = [Matrix(1, 3), Matrix(1, 1)]
pairs = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]
for epoch in range(10):
    for inputs, label in pairs:
        outputs = [Matrix(1, 2, [[x] for x in inputs])]
        for W, b in zip(weights, biases):
            outputs.append((W @ outputs[-1] + b).map(lambda x: 1 / (1 + math.exp(-x))))
        error = outputs[-1] - Matrix(1, 1, [[label]])
        for k in (1, 0):
            delta = error * outputs[k + 1].map(lambda y: y * (1 - y))
            error = weights[k].turned @ delta
            step = (delta @ outputs[k].turned).map(lambda g: 0.5 * g)
            weights[k] = changed(weights[k], step)
            biases[k] = changed(biases[k], delta.map(lambda g: 0.5 * g))
print([m.data for m in weights + biases])
