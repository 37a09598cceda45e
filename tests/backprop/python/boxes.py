"""A network of matrices with a class of their own: each step makes new ones."""

import math
import random


class Matrix:
    def __init__(self, rows):
        self.rows = rows
        self.shape = len(rows), len(rows[0])

    def with_each(self, function):
        return Matrix([[function(x) for x in row] for row in self.rows])

    def plus(self, other, factor=1.0):
        both = zip(self.rows, other.rows)
        return Matrix([[x + factor * y for x, y in zip(a, b)] for a, b in both])

    def times(self, other):
        both = zip(self.rows, other.rows)
        return Matrix([[x * y for x, y in zip(a, b)] for a, b in both])

    def turned(self):
        return Matrix([list(column) for column in zip(*self.rows)])

    def dot(self, other):
        columns = list(zip(*other.rows))
        return Matrix([[sum(x * y for x, y in zip(row, c)) for c in columns] for row in self.rows])


class Network:
    def __init__(self, *sizes):
        self.weights, self.biases = [], []
        for n, m in zip(sizes, sizes[1:]):
            self.weights.append(Matrix([[random.gauss(0, 1) for _ in range(m)] for _ in range(n)]))
            self.biases.append(Matrix([[random.gauss(0, 1) for _ in range(m)]]))

    def train(self, x, y, rate):
        values = [Matrix([x])]
        for w, b in zip(self.weights, self.biases):
            z = values[-1].dot(w)
            z = z.plus(b)
            values.append(z.with_each(lambda v: 1 / (1 + math.exp(-v))))
        error = values[-1].plus(Matrix([y]), -1.0)
        for k in reversed(range(len(self.weights))):
            delta = error.times(values[k + 1].with_each(lambda v: v * (1 - v)))
            error = delta.dot(self.weights[k].turned())
            self.weights[k], self.biases[k] = self.moved(k, values[k], delta, rate)

    def moved(self, k, below, delta, rate):
        new = self.weights[k].plus(below.turned().dot(delta), -rate)
        return new, self.biases[k].plus(delta, -rate)


random.seed(5)
net = Network(2, 3, 1)
rows = [([0.0, 0.0], [0.0]), ([0.0, 1.0], [1.0]), ([1.0, 0.0], [1.0]), ([1.0, 1.0], [0.0])]
for _ in range(20):
    for x, y in rows:
        net.train(x, y, 0.5)
print(net.weights[0].rows, net.biases[1].rows)
