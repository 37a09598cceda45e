"""A network of lists whose steps go on with a part of the last gradient."""

import math
import random

random.seed(3)
RATE, PART = 0.5, 0.1


def table(n, m, value=lambda: 0.0):
    return [[value() for _ in range(m)] for _ in range(n)]


class Network:
    def __init__(self, inputs, hidden, outputs):
        self.x = [1.0] * (inputs + 1)
        self.w = table(inputs + 1, hidden, lambda: random.uniform(-1, 1))
        self.v = table(hidden, outputs, lambda: random.uniform(-1, 1))
        self.last_w = table(inputs + 1, hidden)
        self.last_v = table(hidden, outputs)

    def forward(self, row):
        for i, value in enumerate(row):
            self.x[i] = value
        self.h = []
        for j in range(len(self.v)):
            self.h.append(math.tanh(sum(self.x[i] * self.w[i][j] for i in range(len(self.w)))))
        self.y = []
        for k in range(len(self.v[0])):
            self.y.append(math.tanh(sum(self.h[j] * self.v[j][k] for j in range(len(self.v)))))

    def step(self, targets):
        deltas = [(t - y) * (1 - y**2) for t, y in zip(targets, self.y)]
        below = []
        for j, h in enumerate(self.h):
            error = sum(d * self.v[j][k] for k, d in enumerate(deltas))
            below.append((1 - h**2) * error)
        for j in range(len(self.v)):
            for k in range(len(deltas)):
                change = deltas[k] * self.h[j]
                self.v[j][k] += RATE * change + PART * self.last_v[j][k]
                self.last_v[j][k] = change
        for i in range(len(self.w)):
            for j in range(len(below)):
                change = below[j] * self.x[i]
                self.w[i][j] = self.w[i][j] + RATE * change + PART * self.last_w[i][j]
                self.last_w[i][j] = change


net = Network(2, 3, 1)
for _ in range(20):
    for row, target in (((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 0)):
        net.forward(row)
        net.step([target])
print(net.w, net.v)
