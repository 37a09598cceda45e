import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([0, 1, 1, 0])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# of the cross-entropy
def dloss(p, y):
    if y == 1:
        return -1 / p
    else:
        return 1 / (1 - p)


rng = np.random.RandomState(6)
W1 = rng.randn(2, 3)
b1 = np.zeros(3)
W2 = rng.randn(3)
b2 = np.zeros(1)

for epoch in range(2000):
    for x, y in zip(X, Y):
        a1 = sigmoid(x @ W1 + b1)
        p = sigmoid(a1 @ W2 + b2)
        dz2 = dloss(p, y) * p * (1 - p)
        dz1 = dz2 * W2 * a1 * (1 - a1)
        W2 -= 0.3 * dz2 * a1
        b2 -= 0.3 * dz2
        W1 -= 0.3 * np.outer(x, dz1)
        b1 -= 0.3 * dz1
