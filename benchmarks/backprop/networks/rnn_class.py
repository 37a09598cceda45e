# Does the sequence have more ones than zeros? A recurrent network that reads one bit at a time.
import numpy as np


class RNN:
    def __init__(self, n_in, n_hidden, n_out, rng):
        self.U = rng.normal(0, 0.4, (n_in, n_hidden))
        self.W = rng.normal(0, 0.4, (n_hidden, n_hidden))
        self.V = rng.normal(0, 0.4, (n_hidden, n_out))
        self.b = np.zeros(n_hidden)
        self.c = np.zeros(n_out)

    def forward(self, x):
        """x: (batch, time, features)"""
        n, steps, _ = x.shape
        self.x = x
        self.h = [np.zeros((n, self.W.shape[0]))]
        for t in range(steps):
            a = x[:, t] @ self.U + self.h[-1] @ self.W + self.b
            self.h.append(np.tanh(a))
        logits = self.h[-1] @ self.V + self.c
        logits = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(logits)
        self.prob = e / e.sum(axis=1, keepdims=True)
        return self.prob

    def loss(self, y):
        return -np.mean(np.log(self.prob[np.arange(len(y)), y]))

    def backward(self, y):
        n = len(y)
        delta = self.prob.copy()
        delta[np.arange(n), y] -= 1
        delta /= n
        self.dV = self.h[-1].T @ delta
        self.dc = delta.sum(axis=0)
        self.dU = np.zeros_like(self.U)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)
        dh = delta @ self.V.T
        for t in range(self.x.shape[1] - 1, -1, -1):
            da = dh * (1 - self.h[t + 1] ** 2)
            self.dU += self.x[:, t].T @ da
            self.dW += self.h[t].T @ da
            self.db += da.sum(axis=0)
            dh = da @ self.W.T

    def step(self, lr, max_norm):
        grads = [self.dU, self.dW, self.dV, self.db, self.dc]
        norm = np.sqrt(sum((g ** 2).sum() for g in grads))
        scale = min(1.0, max_norm / (norm + 1e-12))
        self.U -= lr * scale * self.dU
        self.W -= lr * scale * self.dW
        self.V -= lr * scale * self.dV
        self.b -= lr * scale * self.db
        self.c -= lr * scale * self.dc


rng = np.random.default_rng(3)
X = rng.integers(0, 2, size=(16, 5)).astype(float)
Y = (X.sum(axis=1) > 2.5).astype(int)
X = X[:, :, None]

net = RNN(1, 6, 2, rng)
for epoch in range(60):
    prob = net.forward(X)
    loss = net.loss(Y)
    net.backward(Y)
    net.step(lr=1.0, max_norm=0.2)
    if epoch % 20 == 0:
        accuracy = (prob.argmax(axis=1) == Y).mean()
        print(f"epoch {epoch:3d}  loss {loss:.4f}  accuracy {accuracy:.2f}")
