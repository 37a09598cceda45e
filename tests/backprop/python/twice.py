"""A network whose weights are changed twice in a step: by the gradient, and by the last change."""

import math
import random

random.seed(2)
w = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(2)]
v = [random.uniform(-1, 1) for _ in range(3)]
last_w, last_v = [[0.0] * 3 for _ in range(2)], [0.0] * 3
for epoch in range(20):
    for row, target in (((0, 1), 1), ((1, 0), 1), ((1, 1), 0)):
        h = [math.tanh(row[0] * w[0][j] + row[1] * w[1][j]) for j in range(3)]
        y = sum(v[j] * h[j] for j in range(3))
        below = [(target - y) * v[j] * (1 - h[j] ** 2) for j in range(3)]
        for j in range(3):
            for i in range(2):
                change = 0.1 * below[j] * row[i]
                w[i][j] += change
                w[i][j] += 0.5 * last_w[i][j]
                last_w[i][j] = change
            change = 0.1 * (target - y) * h[j]
            v[j] += change
            v[j] += 0.5 * last_v[j]
            last_v[j] = change
print(w, v)
