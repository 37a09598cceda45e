"""Weights as Python lists, numbers through NumPy's exp."""

import random

import numpy as np

random.seed(3)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


w_hidden = [[random.uniform(-1, 1) for _ in range(2)] for _ in range(3)]
b_hidden = [random.uniform(-1, 1) for _ in range(3)]
w_out = [random.uniform(-1, 1) for _ in range(3)]
b_out = random.uniform(-1, 1)
inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
targets = np.array([0, 1, 1, 0])
for epoch in range(30):
    for x, t in zip(inputs, targets):
        h = [sigmoid(w[0] * x[0] + w[1] * x[1] + b) for w, b in zip(w_hidden, b_hidden)]
        o = sigmoid(sum(w * v for w, v in zip(w_out, h)) + b_out)
        d_out = (o - t) * o * (1 - o)
        d_hidden = [d_out * w_out[j] * h[j] * (1 - h[j]) for j in range(3)]
        for j in range(3):
            w_out[j] -= 0.5 * d_out * h[j]
            for i in range(2):
                w_hidden[j][i] -= 0.5 * d_hidden[j] * x[i]
            b_hidden[j] -= 0.5 * d_hidden[j]
        b_out -= 0.5 * d_out
print(w_out, b_out)
