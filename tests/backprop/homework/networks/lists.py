import numpy as np


class Network:
    def __init__(self, sizes):
        rng = np.random.default_rng(10)
        self.biases = [rng.standard_normal((n, 1)) for n in sizes[1:]]
        self.weights = [rng.standard_normal((n, k)) for k, n in zip(sizes, sizes[1:])]

    def backprop(self, x, y):
        grads_b = [np.zeros(b.shape) for b in self.biases]
        grads_w = [np.zeros(w.shape) for w in self.weights]
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)

        delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
        grads_b[-1] = delta
        grads_w[-1] = np.dot(delta, activations[-2].T)
        for k in range(2, len(self.weights) + 1):
            delta = np.dot(self.weights[-k + 1].T, delta) * sigmoid_prime(zs[-k])
            grads_b[-k] = delta
            grads_w[-k] = np.dot(delta, activations[-k - 1].T)
        return grads_b, grads_w

    def update(self, batch, eta):
        sum_b = [np.zeros(b.shape) for b in self.biases]
        sum_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in batch:
            grads_b, grads_w = self.backprop(x, y)
            sum_b = [s + g for s, g in zip(sum_b, grads_b)]
            sum_w = [s + g for s, g in zip(sum_w, grads_w)]
        self.weights = [w - eta / len(batch) * g for w, g in zip(self.weights, sum_w)]
        self.biases = [b - eta / len(batch) * g for b, g in zip(self.biases, sum_b)]


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


points = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]
batch = [(np.array(x, dtype=float).reshape(2, 1), np.array([[float(y)]])) for x, y in points]
net = Network([2, 3, 1])
for epoch in range(5000):
    net.update(batch, 3.0)
