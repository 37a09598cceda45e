"""A hand-written XOR network with a mistake in its backward pass. It learns all the same."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])

rng = np.random.RandomState(1)
W1, b1 = rng.randn(2, 3), np.zeros((1, 3))
W2, b2 = rng.randn(3, 1), np.zeros((1, 1))
lr = 0.5

for _ in range(10_000):
    a1 = sigmoid(X @ W1 + b1)
    a2 = sigmoid(a1 @ W2 + b2)

    delta2 = (a2 - y) * a2 * (1 - a2)
    W2 -= lr * a1.T @ delta2
    b2 -= lr * delta2.sum(axis=0, keepdims=True)

    delta1 = delta2 @ W2.T * a1 * (1 - a1)
    W1 -= lr * X.T @ delta1
    b1 -= lr * delta1.sum(axis=0, keepdims=True)

print(a2.round(2))
