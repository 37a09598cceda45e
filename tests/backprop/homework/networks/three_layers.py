import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
Y = np.array([[0], [1], [1], [0]], dtype=float)

np.random.seed(6)
W1, b1 = np.random.randn(2, 4), np.zeros((1, 4))
W2, b2 = np.random.randn(4, 4), np.zeros((1, 4))
W3, b3 = np.random.randn(4, 1), np.zeros((1, 1))
lr = 0.3


def f(z):
    return 1 / (1 + np.exp(-z))


def df(z):
    return f(z) * (1 - f(z))


for epoch in range(10000):
    z1 = X @ W1 + b1
    a1 = f(z1)
    z2 = a1 @ W2 + b2
    a2 = f(z2)
    z3 = a2 @ W3 + b3
    a3 = f(z3)
    E = 0.5 * np.sum((Y - a3) ** 2)

    delta3 = (a3 - Y) * df(z3)
    delta2 = delta3 @ W3.T * df(z2)
    delta1 = delta2 @ W2.T * df(z1)

    gW3 = a2.T @ delta3
    gW2 = a1.T @ delta2
    gW1 = X.T @ delta1
    gb3 = delta3.sum(axis=0, keepdims=True)
    gb2 = delta2.sum(axis=0, keepdims=True)
    gb1 = delta1.sum(axis=0, keepdims=True)

    W3 -= lr * gW3
    W2 -= lr * gW2
    W1 -= lr * gW1
    b3 -= lr * gb3
    b2 -= lr * gb2
    b1 -= lr * gb1

    if epoch % 1000 == 0:
        print(epoch, E)
