# GRU that reads a long signal in pieces; the state is carried over, the gradient is not
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class GRUCell:
    """One step; the three gates in one matrix: [reset, update | candidate]."""

    def __init__(self, n_in, n_hid, rng):
        self.n = n_hid
        k = 1 / np.sqrt(n_hid)
        self.p = {
            'W': rng.uniform(-k, k, (n_in, 3 * n_hid)),
            'U': rng.uniform(-k, k, (n_hid, 3 * n_hid)),
            'b': np.zeros(3 * n_hid),
            'c': np.zeros(n_hid),
        }

    def step(self, x, h):
        n, p = self.n, self.p
        wx = x @ p['W'] + p['b']
        uh = h @ p['U']
        r = sigmoid(wx[:, :n] + uh[:, :n])
        u = sigmoid(wx[:, n:2 * n] + uh[:, n:2 * n])
        inner = uh[:, 2 * n:] + p['c']
        cand = np.tanh(wx[:, 2 * n:] + r * inner)
        out = u * h + (1 - u) * cand
        return out, (x, h, r, u, inner, cand)

    def step_back(self, dout, cache, g):
        p = self.p
        x, h, r, u, inner, cand = cache
        dcand = dout * (1 - u) * (1 - cand ** 2)
        du = dout * (h - cand) * u * (1 - u)
        dr = dcand * inner * r * (1 - r)
        dinner = dcand * r
        dwx = np.concatenate([dr, du, dcand], axis=1)
        duh = np.concatenate([dr, du, dinner], axis=1)
        g['W'] += x.T @ dwx
        g['b'] += dwx.sum(axis=0)
        g['U'] += h.T @ duh
        g['c'] += dinner.sum(axis=0)
        return dout * u + duh @ p['U'].T


rng = np.random.default_rng(40)
t = np.arange(61)
signal = np.stack([np.sin(0.5 * t + k) + 0.3 * np.sin(1.3 * t) for k in range(4)])   # 4 signals

cell = GRUCell(1, 5, rng)
readout = {'V': rng.uniform(-0.5, 0.5, (5, 1)), 'd': np.zeros(1)}
params = {**cell.p, **readout}
m = {k: np.zeros_like(v) for k, v in params.items()}
v = {k: np.zeros_like(v) for k, v in params.items()}
count = 0

for epoch in range(4):
    h = np.zeros((4, 5))
    for begin in range(0, 60, 6):
        count += 1
        caches, outs, errs = [], [], []
        loss = 0
        for k in range(begin, begin + 6):
            h, cache = cell.step(signal[:, k:k + 1], h)
            err = h @ params['V'] + params['d'] - signal[:, k + 1:k + 2]
            loss += 0.5 * (err ** 2).sum()
            caches.append(cache)
            outs.append(h)
            errs.append(err)
        loss = loss / (4 * 6)

        grads = {k: np.zeros_like(p) for k, p in params.items()}
        dh = np.zeros((4, 5))
        while caches:
            derr = errs.pop() / (4 * 6)
            grads['V'] += outs.pop().T @ derr
            grads['d'] += derr.sum(axis=0)
            dh = cell.step_back(dh + derr @ params['V'].T, caches.pop(), grads)

        for k, p in params.items():
            m[k] = 0.9 * m[k] + 0.1 * grads[k]
            v[k] = 0.999 * v[k] + 0.001 * grads[k] ** 2
            p -= 0.01 * (m[k] / (1 - 0.9 ** count)) / (np.sqrt(v[k] / (1 - 0.999 ** count)) + 1e-8)
    print('epoch', epoch, 'loss of the last piece', loss)
