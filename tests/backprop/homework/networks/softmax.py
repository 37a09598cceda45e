import numpy as np


def relu(z):
    return np.maximum(0, z)


def softmax(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
labels = np.array([0, 1, 1, 0])
one_hot = np.eye(2)[labels]

rng = np.random.default_rng(4)
W1 = rng.standard_normal((2, 6))
b1 = np.full((1, 6), 0.1)
W2 = rng.standard_normal((6, 2)) * 0.5
b2 = np.zeros((1, 2))
step = 0.2

for epoch in range(3000):
    z1 = X @ W1 + b1
    a1 = relu(z1)
    z2 = a1 @ W2 + b2
    probs = softmax(z2)
    loss = -np.sum(one_hot * np.log(probs + 1e-12)) / len(X)

    dz2 = (probs - one_hot) / len(X)
    dW2 = a1.T @ dz2
    db2 = np.sum(dz2, axis=0, keepdims=True)
    da1 = dz2 @ W2.T
    dz1 = da1 * (z1 > 0)
    dW1 = X.T @ dz1
    db1 = np.sum(dz1, axis=0, keepdims=True)

    W1 -= step * dW1
    b1 -= step * db1
    W2 -= step * dW2
    b2 -= step * db2

    if epoch % 500 == 0:
        print(epoch, loss, (probs.argmax(axis=1) == labels).mean())
