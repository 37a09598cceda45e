"""Weights and biases of all layers in lists of their own, tanh, relu by hand, momentum."""

import math
import random

random.seed(7)
sizes = [2, 4, 3, 1]
weights, biases, speeds = [], [], []
for a, b in zip(sizes, sizes[1:]):
    weights.append([[random.gauss(0, 0.7) for _ in range(a)] for _ in range(b)])
    biases.append([0.1] * b)
    speeds.append([[0.0] * a for _ in range(b)])
data = [([random.uniform(-1, 1), random.uniform(-1, 1)],) for _ in range(8)]
data = [(x, [x[0] * x[1]]) for (x,) in data]
for epoch in range(15):
    for x, y in data:
        outs = [x]
        for W, B in zip(weights, biases):
            outs.append(
                [math.tanh(sum(w * v for w, v in zip(row, outs[-1])) + b) for row, b in zip(W, B)]
            )
        deltas = [(o - t) * (1 - o**2) for o, t in zip(outs[-1], y)]
        for l in reversed(range(len(weights))):
            below = outs[l]
            before = []
            if l > 0:
                for j in range(len(below)):
                    total = sum(weights[l][k][j] * deltas[k] for k in range(len(deltas)))
                    before.append(total * (1 - below[j] ** 2))
            for k in range(len(deltas)):
                for j in range(len(below)):
                    speeds[l][k][j] = 0.9 * speeds[l][k][j] - 0.02 * deltas[k] * below[j]
                    weights[l][k][j] += speeds[l][k][j]
                biases[l][k] -= 0.02 * deltas[k]
            deltas = before
print(weights[0][0], biases)
