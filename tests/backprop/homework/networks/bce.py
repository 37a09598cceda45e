import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
N = len(X)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


np.random.seed(2)
W1 = np.random.randn(2, 3)
b1 = np.zeros((1, 3))
W2 = np.random.randn(3, 1)
b2 = np.zeros((1, 1))
lr = 1.0

losses = []
for epoch in range(5000):
    a1 = sigmoid(X @ W1 + b1)
    p = sigmoid(a1 @ W2 + b2)
    bce = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    losses.append(bce)

    # the long way round: dL/dp first, then the sigmoid
    dp = -(y / p - (1 - y) / (1 - p)) / N
    dz2 = dp * p * (1 - p)
    dz1 = (dz2 @ W2.T) * a1 * (1 - a1)

    W2 -= lr * (a1.T @ dz2)
    b2 -= lr * dz2.sum(axis=0, keepdims=True)
    W1 -= lr * (X.T @ dz1)
    b1 -= lr * dz1.sum(axis=0, keepdims=True)

print("first and last loss:", losses[0], losses[-1])
