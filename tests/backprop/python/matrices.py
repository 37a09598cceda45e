"""Lists of lists as matrices, with functions of their own, over all samples at once."""

import math
import random


def product(a, b):
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def transposed(a):
    return [list(row) for row in zip(*a)]


def each(function, *arrays):
    return [[function(*xs) for xs in zip(*rows)] for rows in zip(*arrays)]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


random.seed(2)
X = [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
Y = [[0], [1], [1], [0]]
W = [[random.gauss(0, 1) for _ in range(3)] for _ in range(3)]
V = [[random.gauss(0, 1)] for _ in range(3)]
for epoch in range(40):
    hidden = each(sigmoid, product(X, W))
    output = each(sigmoid, product(hidden, V))
    delta = each(lambda o, y: (o - y) * o * (1 - o), output, Y)
    back = each(lambda e, h: e * h * (1 - h), product(delta, transposed(V)), hidden)
    dV = product(transposed(hidden), delta)
    dW = product(transposed(X), back)
    V = each(lambda v, g: v - 0.5 * g, V, dV)
    W = each(lambda w, g: w - 0.5 * g, W, dW)
print(V, W)
