"""A perceptron that learns only from wrong answers: the update does not contain the weights."""

import random

random.seed(8)


def answer(w, b, x):
    z = sum(wi * xi for wi, xi in zip(w, x)) + b
    return 1 if z > 0.5 else -1


rows = [[random.gauss(0, 1), random.gauss(0, 1)] for _ in range(40)]
labels = [1 if a - 2 * b > 0.3 else -1 for a, b in rows]
w, b = [0.0, 0.0], 0.0
rate = 0.05
for epoch in range(8):
    mistakes = 0
    for x, label in zip(rows, labels):
        if answer(w, b, x) == label:
            continue
        mistakes += 1
        w = [wi + rate * label * xi for wi, xi in zip(w, x)]
        b = b + rate * label
    print(epoch, mistakes)
