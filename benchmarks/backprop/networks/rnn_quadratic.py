"""Vanilla RNN that sends the error of each time step back to the start separately. Slow and clear."""
import numpy as np


class RNNNumpy:
    def __init__(self, word_dim, hidden_dim=5):
        self.word_dim = word_dim
        self.hidden_dim = hidden_dim
        self.U = np.random.uniform(-np.sqrt(1. / word_dim), np.sqrt(1. / word_dim), (hidden_dim, word_dim))
        self.V = np.random.uniform(-np.sqrt(1. / hidden_dim), np.sqrt(1. / hidden_dim), (word_dim, hidden_dim))
        self.W = np.random.uniform(-np.sqrt(1. / hidden_dim), np.sqrt(1. / hidden_dim), (hidden_dim, hidden_dim))

    def forward_propagation(self, x):
        T = len(x)
        s = np.zeros((T + 1, self.hidden_dim))       # s[-1] is the state before the first word
        o = np.zeros((T, self.word_dim))
        for t in range(T):
            s[t] = np.tanh(self.U[:, x[t]] + self.W.dot(s[t - 1]))
            z = self.V.dot(s[t])
            e = np.exp(z - np.max(z))
            o[t] = e / np.sum(e)
        return o, s

    def calculate_loss(self, x, y):
        o, s = self.forward_propagation(x)
        return -np.sum(np.log(o[np.arange(len(y)), y]))

    def bptt(self, x, y):
        T = len(y)
        o, s = self.forward_propagation(x)
        dLdU = np.zeros(self.U.shape)
        dLdV = np.zeros(self.V.shape)
        dLdW = np.zeros(self.W.shape)
        delta_o = o
        delta_o[np.arange(len(y)), y] -= 1.
        for t in np.arange(T)[::-1]:
            dLdV += np.outer(delta_o[t], s[t])
            delta_t = self.V.T.dot(delta_o[t]) * (1 - (s[t] ** 2))
            for bptt_step in np.arange(0, t + 1)[::-1]:
                dLdW += np.outer(delta_t, s[bptt_step - 1])
                dLdU[:, x[bptt_step]] += delta_t
                delta_t = self.W.T.dot(delta_t) * (1 - s[bptt_step - 1] ** 2)
        return dLdU, dLdV, dLdW

    def sgd_step(self, x, y, learning_rate):
        dLdU, dLdV, dLdW = self.bptt(x, y)
        self.U -= learning_rate * dLdU
        self.V -= learning_rate * dLdV
        self.W -= learning_rate * dLdW


def train_with_sgd(model, X_train, y_train, learning_rate=0.1, nepoch=4):
    for epoch in range(nepoch):
        total = 0
        for i in range(len(y_train)):
            loss = model.calculate_loss(X_train[i], y_train[i])
            total += loss
            model.sgd_step(X_train[i], y_train[i], learning_rate)
        print("epoch", epoch, "loss for each word", total / sum(len(y) for y in y_train))


np.random.seed(10)
sentences = [[0, 1, 2, 5], [0, 3, 2, 5], [0, 1, 4, 4, 5], [0, 3, 4, 2, 5], [0, 1, 2, 2, 5], [0, 3, 4, 5]]
X_train = [s[:-1] for s in sentences]
y_train = [s[1:] for s in sentences]
train_with_sgd(RNNNumpy(word_dim=6), X_train, y_train)
