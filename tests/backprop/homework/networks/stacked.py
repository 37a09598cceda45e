import numpy as np

# the third input is always one
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
# XOR, NAND, XNOR
T = np.array([[0, 1, 1], [1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=float)

# the weights of both layers in one array
np.random.seed(3)
W = np.random.randn(2, 3, 3)
b = np.zeros((2, 3))


def f(z):
    return 1 / (1 + np.exp(-z))


for epoch in range(5000):
    h = f(X @ W[0] + b[0])
    o = f(h @ W[1] + b[1])
    d2 = (o - T) * o * (1 - o)
    d1 = d2 @ W[1].T * h * (1 - h)
    W[1] -= 0.5 * h.T @ d2
    b[1] -= 0.5 * d2.sum(0)
    W[0] -= 0.5 * X.T @ d1
    b[0] -= 0.5 * d1.sum(0)
print(o.round(2))
