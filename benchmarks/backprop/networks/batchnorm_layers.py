# Small framework of layers with a batch normalisation layer, Adam
import numpy as np


class Layer:
    params = ()

    def update(self, t, lr=0.01, b1=0.9, b2=0.999):
        for p in self.params:
            g = self.grads[p]
            m, v = self.moments.setdefault(p, [np.zeros_like(g), np.zeros_like(g)])
            m[:] = b1 * m + (1 - b1) * g
            v[:] = b2 * v + (1 - b2) * g * g
            step = lr * (m / (1 - b1 ** t)) / (np.sqrt(v / (1 - b2 ** t)) + 1e-8)
            setattr(self, p, getattr(self, p) - step)


class Dense(Layer):
    params = ("W", "b")

    def __init__(self, n_in, n_out, rng):
        self.W = rng.normal(scale=1 / np.sqrt(n_in), size=(n_in, n_out))
        self.b = np.full((1, n_out), 0.1)
        self.grads, self.moments = {}, {}

    def forward(self, x, training):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.grads["W"] = self.x.T @ grad
        self.grads["b"] = grad.sum(axis=0, keepdims=True)
        return grad @ self.W.T


class BatchNorm(Layer):
    params = ("gamma", "beta")

    def __init__(self, n, momentum=0.9):
        self.gamma, self.beta = np.ones((1, n)), np.zeros((1, n))
        self.running_mean, self.running_var = np.zeros((1, n)), np.ones((1, n))
        self.momentum = momentum
        self.grads, self.moments = {}, {}

    def forward(self, x, training):
        if not training:
            return self.gamma * (x - self.running_mean) / np.sqrt(self.running_var + 1e-5) + self.beta
        mean, var = x.mean(axis=0, keepdims=True), x.var(axis=0, keepdims=True)
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        self.inv_std = 1 / np.sqrt(var + 1e-5)
        self.x_hat = (x - mean) * self.inv_std
        return self.gamma * self.x_hat + self.beta

    def backward(self, grad):
        n = len(grad)
        self.grads["beta"] = grad.sum(axis=0, keepdims=True)
        self.grads["gamma"] = (grad * self.x_hat).sum(axis=0, keepdims=True)
        g = grad * self.gamma
        total = n * g - g.sum(axis=0) - self.x_hat * (g * self.x_hat).sum(axis=0)
        return self.inv_std / n * total


class Tanh(Layer):
    def forward(self, x, training):
        self.out = np.tanh(x)
        return self.out

    def backward(self, grad):
        return grad * (1 - self.out ** 2)


rng = np.random.default_rng(17)
X = rng.uniform(-2, 2, (60, 2))
Y = np.sin(X[:, :1]) * X[:, 1:] + 0.05 * rng.standard_normal((60, 1))

net = [Dense(2, 6, rng), Tanh(), BatchNorm(6), Dense(6, 5, rng), Tanh(), BatchNorm(5), Dense(5, 1, rng)]
t = 0
for epoch in range(10):
    shuffled = rng.permutation(60)
    epoch_loss = 0
    for idx in np.array_split(shuffled, 5):
        t += 1
        out = X[idx]
        for layer in net:
            out = layer.forward(out, training=True)
        diff = out - Y[idx]
        loss = (diff ** 2).mean()
        epoch_loss += loss / 5
        grad = 2 * diff / len(idx)
        for layer in net[::-1]:
            grad = layer.backward(grad)
        for layer in net:
            layer.update(t)
    print("epoch", epoch, "loss", epoch_loss)

out = X
for layer in net:
    out = layer.forward(out, training=False)
print("loss with the running statistics", ((out - Y) ** 2).mean())
