# Two convolutions on sliding windows: padded 3x3 -> tanh -> max pool, then 2x2 -> tanh -> mean pool.
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

rng = np.random.default_rng(8)

# is the blob bright or dark? 8 x 8 pixels
N = 10
X = rng.normal(0, 0.2, (N, 8, 8))
T = np.where(np.arange(N) % 2 == 0, 1.0, -1.0)[:, None]
for n in range(N):
    r, c = rng.integers(1, 5, 2)
    X[n, r:r + 3, c:c + 3] += 0.8 * T[n]

K1 = rng.normal(0, 0.3, (3, 3, 3))      # filters, 3, 3
c1 = rng.normal(0, 0.1, 3)
K2 = rng.normal(0, 0.3, (2, 3, 2, 2))   # filters, channels, 2, 2
c2 = rng.normal(0, 0.1, 2)
V = rng.normal(0, 0.5, (2, 1))
v0 = np.zeros(1)


def forward(X):
    padded = np.pad(X, ((0, 0), (1, 1), (1, 1)))
    w1 = sliding_window_view(padded, (3, 3), axis=(1, 2))            # N 8 8 3 3
    a1 = np.tanh(np.einsum('nijab,fab->nfij', w1, K1) + c1[:, None, None])
    blocks = a1.reshape(len(X), 3, 4, 2, 4, 2)
    p1 = blocks.max(axis=(3, 5))                                     # N 3 4 4
    w2 = sliding_window_view(p1, (2, 2), axis=(2, 3))                # N 3 3 3 2 2
    a2 = np.tanh(np.einsum('ncijab,fcab->nfij', w2, K2) + c2[:, None, None])
    p2 = a2.mean(axis=(2, 3))                                        # N 2
    out = p2 @ V + v0
    return out, (w1, a1, blocks, p1, w2, a2, p2)


def backward(out, T, cache):
    w1, a1, blocks, p1, w2, a2, p2 = cache
    g = {}
    dout = (out - T) / len(T)
    g['V'] = p2.T @ dout
    g['v0'] = dout.sum(0)
    dp2 = dout @ V.T
    da2 = np.ones_like(a2) * dp2[:, :, None, None] / 9
    dz2 = da2 * (1 - a2 ** 2)
    g['K2'] = np.einsum('nfij,ncijab->fcab', dz2, w2)
    g['c2'] = dz2.sum(axis=(0, 2, 3))
    # full correlation with the turned kernel
    dz2_pad = np.pad(dz2, ((0, 0), (0, 0), (1, 1), (1, 1)))
    wd = sliding_window_view(dz2_pad, (2, 2), axis=(2, 3))           # N f 4 4 2 2
    dp1 = np.einsum('nfijab,fcab->ncij', wd, K2[:, :, ::-1, ::-1])
    winner = blocks == p1[:, :, :, None, :, None]
    da1 = (winner * dp1[:, :, :, None, :, None]).reshape(a1.shape)
    dz1 = da1 * (1 - a1 ** 2)
    g['K1'] = np.einsum('nfij,nijab->fab', dz1, w1)
    g['c1'] = dz1.sum(axis=(0, 2, 3))
    return g


lr = 0.3
for step in range(40):
    out, cache = forward(X)
    loss = 0.5 * np.mean(np.sum((out - T) ** 2, axis=1))
    g = backward(out, T, cache)
    K1 -= lr * g['K1']
    c1 -= lr * g['c1']
    K2 -= lr * g['K2']
    c2 -= lr * g['c2']
    V -= lr * g['V']
    v0 -= lr * g['v0']
    lr *= 0.99
    if step % 10 == 0:
        print(step, loss)
