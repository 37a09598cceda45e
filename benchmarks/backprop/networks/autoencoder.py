"""An autoencoder 6 - 4 - 2 - 4 - 6 for points on a curve; Adam; one class for the layers."""
import numpy as np


class Layer:
    def __init__(self, n_in, n_out, act, rng):
        self.W = rng.uniform(-1, 1, (n_in, n_out)) * np.sqrt(3 / n_in)
        self.b = np.zeros(n_out)
        self.act = act
        self.state = {}

    def __call__(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        self.y = np.tanh(self.z) if self.act == 'tanh' else self.z
        return self.y

    def backward(self, dy):
        dz = dy * (1 - self.y ** 2) if self.act == 'tanh' else dy
        self.gW = self.x.T @ dz
        self.gb = dz.sum(axis=0)
        return dz @ self.W.T

    def adam(self, t, lr=0.02, beta1=0.9, beta2=0.99, eps=1e-8):
        for name, p, g in (('W', self.W, self.gW), ('b', self.b, self.gb)):
            m, s = self.state.get(name, (0, 0))
            m = beta1 * m + (1 - beta1) * g
            s = beta2 * s + (1 - beta2) * g ** 2
            self.state[name] = m, s
            p -= lr * m / (1 - beta1 ** t) / (np.sqrt(s / (1 - beta2 ** t)) + eps)


rng = np.random.default_rng(26)
phase = rng.uniform(0, 2 * np.pi, 32)
mixing = rng.normal(size=(3, 6))
points = np.stack([np.cos(phase), np.sin(phase), np.sin(2 * phase)], axis=1) @ mixing

layers = [Layer(6, 4, 'tanh', rng), Layer(4, 2, 'linear', rng),
          Layer(2, 4, 'tanh', rng), Layer(4, 6, 'linear', rng)]

for t in range(1, 51):
    batch = points[rng.integers(0, len(points), 12)]
    signal = batch
    for layer in layers:
        signal = layer(signal)
    reconstruction_loss = ((signal - batch) ** 2).mean()
    d = 2 * (signal - batch) / batch.size
    for layer in layers[::-1]:
        d = layer.backward(d)
    for layer in layers:
        layer.adam(t)
    if t % 10 == 0:
        print(t, reconstruction_loss)
