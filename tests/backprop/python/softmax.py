"""Softmax and cross-entropy in lists, ReLU by a comparison."""

import math
import random

random.seed(5)


class Dense:
    def __init__(self, n_in, n_out):
        self.w = [[random.gauss(0, 0.5) for _ in range(n_in)] for _ in range(n_out)]
        self.b = [0.0 for _ in range(n_out)]

    def forward(self, x):
        self.x = x
        return [sum(wi * xi for wi, xi in zip(row, x)) + b for row, b in zip(self.w, self.b)]

    def backward(self, d, rate):
        dx = [sum(self.w[k][i] * d[k] for k in range(len(d))) for i in range(len(self.x))]
        for k in range(len(d)):
            for i in range(len(self.x)):
                self.w[k][i] -= rate * d[k] * self.x[i]
            self.b[k] -= rate * d[k]
        return dx


def relu(v):
    return [a if a > 0 else 0.0 for a in v]


def softmax(v):
    top = max(v)
    e = [math.exp(a - top) for a in v]
    s = sum(e)
    return [a / s for a in e]


first, second = Dense(2, 5), Dense(5, 3)
data = [([random.uniform(-1, 1), random.uniform(-1, 1)], random.randrange(3)) for _ in range(10)]
for epoch in range(12):
    loss = 0.0
    for x, label in data:
        z = first.forward(x)
        a = relu(z)
        p = softmax(second.forward(a))
        loss -= math.log(p[label])
        d = p[:]
        d[label] -= 1
        da = second.backward(d, 0.1)
        first.backward([g if s > 0 else 0.0 for g, s in zip(da, z)], 0.1)
print(loss)
