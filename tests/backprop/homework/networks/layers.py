import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.7
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T

    def step(self, lr):
        self.W -= lr * self.dW
        self.b -= lr * self.db


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad):
        return grad * self.out * (1 - self.out)

    def step(self, lr):
        pass


def mse(pred, target):
    return np.mean((pred - target) ** 2)


def mse_grad(pred, target):
    return 2 * (pred - target) / pred.size


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
T = np.array([[0], [1], [1], [0]], dtype=np.float64)

np.random.seed(11)
network = [Dense(2, 4), Sigmoid(), Dense(4, 4), Sigmoid(), Dense(4, 1), Sigmoid()]

for epoch in range(10000):
    signal = X
    for layer in network:
        signal = layer.forward(signal)

    loss = mse(signal, T)
    grad = mse_grad(signal, T)
    for layer in reversed(network):
        grad = layer.backward(grad)
    for layer in network:
        layer.step(2.0)

    if epoch % 1000 == 0:
        print(epoch, loss)
