"""Regression of a bumpy surface: three layers, mini-batches, Nesterov's momentum with look-ahead."""
import numpy as np


class Network:
    def __init__(self, sizes, rng):
        self.weights = [rng.standard_normal((a, b)) / np.sqrt(a) for a, b in zip(sizes, sizes[1:])]
        self.biases = [np.zeros((1, b)) for b in sizes[1:]]
        self.vw = [np.zeros_like(w) for w in self.weights]
        self.vb = [np.zeros_like(b) for b in self.biases]

    def loss_and_gradient(self, x, y, weights, biases):
        activations = [x]
        for w, b in zip(weights[:-1], biases[:-1]):
            activations.append(np.tanh(activations[-1] @ w + b))
        prediction = activations[-1] @ weights[-1] + biases[-1]
        loss = np.mean((prediction - y) ** 2) / 2

        gw, gb = [None] * len(weights), [None] * len(weights)
        delta = (prediction - y) / y.size
        for layer in reversed(range(len(weights))):
            gw[layer] = activations[layer].T @ delta
            gb[layer] = delta.sum(axis=0, keepdims=True)
            if layer > 0:
                delta = (delta @ weights[layer].T) * (1 - activations[layer] ** 2)
        return loss, gw, gb

    def train_batch(self, x, y, lr, mu):
        ahead_w = [w + mu * v for w, v in zip(self.weights, self.vw)]
        ahead_b = [b + mu * v for b, v in zip(self.biases, self.vb)]
        loss, gw, gb = self.loss_and_gradient(x, y, ahead_w, ahead_b)
        for i in range(len(self.weights)):
            self.vw[i] = mu * self.vw[i] - lr * gw[i]
            self.vb[i] = mu * self.vb[i] - lr * gb[i]
            self.weights[i] += self.vw[i]
            self.biases[i] += self.vb[i]
        return loss


rng = np.random.default_rng(44)
inputs = rng.uniform(-1, 1, (40, 2))
outputs = (np.sin(3 * inputs[:, 0]) * inputs[:, 1]).reshape(-1, 1) + 0.5

net = Network([2, 6, 5, 1], rng)
for epoch in range(8):
    order = rng.permutation(len(inputs))
    losses = []
    for k in range(0, len(order), 10):
        batch = order[k:k + 10]
        losses.append(net.train_batch(inputs[batch], outputs[batch], lr=0.1, mu=0.8))
    print(epoch, np.mean(losses))
