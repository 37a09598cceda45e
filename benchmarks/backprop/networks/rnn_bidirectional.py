# One network reads from the left, one from the right; at each position both decide.
import numpy as np

rng = np.random.default_rng(71)
N, T, H = 8, 5, 4

X = rng.normal(size=(N, T, 2))
# target: the mean of the neighbours' first feature
left = np.concatenate([np.zeros((N, 1)), X[:, :-1, 0]], axis=1)
right = np.concatenate([X[:, 1:, 0], np.zeros((N, 1))], axis=1)
Y = ((left + right) / 2)[:, :, None]

p = {}
for side in ('f', 'b'):
    p['Wx' + side] = rng.normal(0, 0.5, (2, H))
    p['Wh' + side] = rng.normal(0, 0.4, (H, H))
    p['bh' + side] = np.zeros(H)
    p['Wy' + side] = rng.normal(0, 0.4, (H, 1))
p['by'] = np.zeros(1)


def run(side, order):
    hidden = {}
    h = np.zeros((N, H))
    for t in order:
        before = h
        h = np.tanh(X[:, t] @ p['Wx' + side] + before @ p['Wh' + side] + p['bh' + side])
        hidden[t] = (h, before)
    return hidden


def run_back(side, order, hidden, dout, g):
    dlater = np.zeros((N, H))
    for t in order:
        h, before = hidden[t]
        g['Wy' + side] += h.T @ dout[:, t]
        dh = dout[:, t] @ p['Wy' + side].T + dlater
        da = dh * (1 - h * h)
        g['Wx' + side] += X[:, t].T @ da
        g['Wh' + side] += before.T @ da
        g['bh' + side] += da.sum(axis=0)
        dlater = da @ p['Wh' + side].T


forwards, backwards = list(range(T)), list(range(T - 1, -1, -1))
rate = 0.4
for it in range(30):
    hf = run('f', forwards)
    hb = run('b', backwards)
    out = np.stack([hf[t][0] @ p['Wyf'] + hb[t][0] @ p['Wyb'] + p['by'] for t in range(T)], axis=1)
    loss = np.mean((out - Y) ** 2)

    g = {k: np.zeros_like(v) for k, v in p.items()}
    dout = 2 * (out - Y) / Y.size
    g['by'] += dout.sum(axis=(0, 1))
    run_back('f', backwards, hf, dout, g)
    run_back('b', forwards, hb, dout, g)
    for k in p:
        p[k] -= rate * g[k]
    if it % 6 == 0:
        print(it, loss)
