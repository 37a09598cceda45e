"""Logistic regression by rows, the bias in front. It adds up squares and descends another loss."""

from math import exp
from random import Random

draw = Random(1)
train = []
for _ in range(30):
    row = [draw.random() for _ in range(4)]
    train.append([*row, 1.0 if row[1] + row[3] > 1.0 else 0.0])
coef = [0.0 for _ in range(len(train[0]))]
for epoch in range(6):
    total = 0
    for row in train:
        z = coef[0]
        for i in range(len(row) - 1):
            z += coef[i + 1] * row[i]
        error = 1 / (1 + exp(-z)) - row[-1]
        total += error * error
        coef[0] = coef[0] - 0.01 * error
        for i in range(len(row) - 1):
            coef[i + 1] = coef[i + 1] - 0.01 * error * row[i]
    print(epoch, total)
