import numpy as np

# OR: one unit, whole numbers in, weights that are typed
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0, 1, 1, 1])
w1, w2, b = 0.3, -0.2, 0.1

for epoch in range(500):
    for k in range(4):
        a = 1 / (1 + np.exp(-(w1 * X[k, 0] + w2 * X[k, 1] + b)))
        delta = (a - y[k]) * a * (1 - a)
        w1 = w1 - 0.5 * delta * X[k, 0]
        w2 = w2 - 0.5 * delta * X[k, 1]
        b = b - 0.5 * delta
