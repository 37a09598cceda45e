"""Logistic regression with a list of weights, rebuilt by a comprehension."""

import math
import random

random.seed(4)
data = [[random.random() * 4 - 2, random.random() * 4 - 2] for _ in range(12)]
labels = [1 if a + 2 * b > 0.3 else 0 for a, b in data]
weights = [0.0, 0.0]
bias = 0.0
rate = 0.1
for epoch in range(60):
    grad = [0.0, 0.0]
    grad_bias = 0.0
    loss = 0.0
    for x, y in zip(data, labels):
        z = sum(w * v for w, v in zip(weights, x)) + bias
        p = 1 / (1 + math.exp(-z))
        loss += -(y * math.log(p) + (1 - y) * math.log(1 - p))
        for j in range(2):
            grad[j] += (p - y) * x[j]
        grad_bias += p - y
    weights = [w - rate * g / len(data) for w, g in zip(weights, grad)]
    bias -= rate * grad_bias / len(data)
print(weights, bias, loss)
