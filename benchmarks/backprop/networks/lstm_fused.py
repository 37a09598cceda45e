"""An LSTM with one matrix for all four gates predicts the next value of a damped wave."""

import numpy as np


class LSTMLayer:
    def __init__(self, input_dim, hidden_dim, seed):
        gen = np.random.default_rng(seed)
        self.H = hidden_dim
        self.Wx = gen.uniform(-0.5, 0.5, (input_dim, 4 * hidden_dim))
        self.Wh = gen.uniform(-0.5, 0.5, (hidden_dim, 4 * hidden_dim))
        self.b = np.zeros(4 * hidden_dim)
        self.b[hidden_dim:2 * hidden_dim] = 1.0  # remember at first

    def forward(self, x):
        N, T, _ = x.shape
        H = self.H
        h = np.zeros((N, H))
        c = np.zeros((N, H))
        self.cache = []
        for t in range(T):
            a = x[:, t].dot(self.Wx) + h.dot(self.Wh) + self.b
            i = 1 / (1 + np.exp(-a[:, :H]))
            f = 1 / (1 + np.exp(-a[:, H:2 * H]))
            o = 1 / (1 + np.exp(-a[:, 2 * H:3 * H]))
            g = np.tanh(a[:, 3 * H:])
            c_new = f * c + i * g
            tc = np.tanh(c_new)
            self.cache.append((x[:, t], h, c, i, f, o, g, tc))
            h = o * tc
            c = c_new
        return h

    def backward(self, dh):
        self.dWx = np.zeros_like(self.Wx)
        self.dWh = np.zeros_like(self.Wh)
        self.db = np.zeros_like(self.b)
        dc = np.zeros_like(dh)
        for xt, h_prev, c_prev, i, f, o, g, tc in reversed(self.cache):
            do = dh * tc
            dc = dc + dh * o * (1 - tc * tc)
            di = dc * g
            df = dc * c_prev
            dg = dc * i
            da = np.hstack([
                di * i * (1 - i),
                df * f * (1 - f),
                do * o * (1 - o),
                dg * (1 - g * g),
            ])
            self.dWx += xt.T.dot(da)
            self.dWh += h_prev.T.dot(da)
            self.db += da.sum(axis=0)
            dh = da.dot(self.Wh.T)
            dc = dc * f


class Regressor:
    def __init__(self, hidden_dim, seed):
        self.lstm = LSTMLayer(1, hidden_dim, seed)
        gen = np.random.default_rng(seed + 1)
        self.Wo = gen.uniform(-0.5, 0.5, (hidden_dim, 1))
        self.bo = np.zeros(1)
        self.velocity = {}

    def move(self, owner, name, grad, lr, momentum):
        v = momentum * self.velocity.get(name, 0.0) - lr * grad
        self.velocity[name] = v
        setattr(owner, name, getattr(owner, name) + v)

    def fit_batch(self, x, y, lr=0.05, momentum=0.8):
        h = self.lstm.forward(x)
        pred = h.dot(self.Wo) + self.bo
        err = pred - y
        loss = np.mean(err ** 2)

        dpred = 2 * err / err.size
        dWo = h.T.dot(dpred)
        dbo = dpred.sum(axis=0)
        self.lstm.backward(dpred.dot(self.Wo.T))

        for name in ("Wx", "Wh", "b"):
            self.move(self.lstm, name, getattr(self.lstm, "d" + name), lr, momentum)
        self.move(self, "Wo", dWo, lr, momentum)
        self.move(self, "bo", dbo, lr, momentum)
        return loss


time = np.arange(40)
wave = np.exp(-time / 60) * np.sin(time / 2.5)
windows = np.array([wave[k:k + 5] for k in range(35)])
nexts = np.array([wave[k + 5] for k in range(35)])

model = Regressor(hidden_dim=4, seed=11)
order = np.random.default_rng(5)
for step in range(50):
    pick = order.choice(35, size=8, replace=False)
    mse = model.fit_batch(windows[pick][:, :, None], nexts[pick][:, None])
    if step % 10 == 0:
        print(f"step {step}: mse {mse:.5f}")
