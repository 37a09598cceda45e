"""A hidden layer of ReLUs by hand, in batches: for some samples all units are off."""

import random

random.seed(4)
data = [([x / 4, y / 4], [x * y / 8 - 0.3]) for x in range(-4, 5, 2) for y in range(-3, 4, 2)]
W1 = [[random.uniform(-1, 1) for _ in range(2)] for _ in range(2)]
b1 = [-0.2, -0.1]
W2 = [random.uniform(-1, 1) for _ in range(2)]
b2 = [0.0]
for epoch in range(12):
    off = 0.0
    for first in range(0, len(data), 5):
        dW1, db1 = [[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0]
        dW2, db2 = [0.0, 0.0], [0.0]
        for x, target in data[first : first + 5]:
            h = []
            for j in range(2):
                z = W1[j][0] * x[0] + W1[j][1] * x[1] + b1[j]
                h.append(z if z > 0 else 0.0)
            y = W2[0] * h[0] + W2[1] * h[1] + b2[0]
            error = y - target[0]
            off += abs(error)
            for j in range(2):
                dW2[j] += error * h[j]
                if h[j] > 0:
                    for i in range(2):
                        dW1[j][i] += error * W2[j] * x[i]
                    db1[j] += error * W2[j]
            db2[0] += error
        for j in range(2):
            for i in range(2):
                W1[j][i] -= 0.1 * dW1[j][i]
            b1[j] -= 0.1 * db1[j]
            W2[j] -= 0.1 * dW2[j]
        b2[0] -= 0.1 * db2[0]
    print(epoch, off)
