"""Two LSTM layers, one above the other, count the ones of a sequence. No class, no dictionary."""
import numpy as np

rng = np.random.RandomState(90)
B, T, D, H = 8, 4, 1, 3


def make_weights(n_in):
    return [rng.randn(4 * H, n_in + H) * 0.5, np.zeros((4 * H, 1))]


W1, b1 = make_weights(D)
W2, b2 = make_weights(H)
Wy, by = rng.randn(1, H) * 0.5, np.zeros((1, 1))


def sig(a):
    return 1 / (1 + np.exp(-a))


def layer_forward(xs, W, b):
    """xs: list of (features, batch)"""
    h, c = np.zeros((H, B)), np.zeros((H, B))
    hs, saved = [], []
    for x in xs:
        v = np.concatenate([x, h])
        a = W @ v + b
        i, f, o, g = sig(a[:H]), sig(a[H:2 * H] + 1), sig(a[2 * H:3 * H]), np.tanh(a[3 * H:])
        c_old = c
        c = f * c + i * g
        h = o * np.tanh(c)
        hs.append(h)
        saved.append((v, i, f, o, g, c_old, c))
    return hs, saved


def layer_backward(dhs, saved, W):
    """dhs: what comes from above at each step; returns what goes to the inputs"""
    dW, db = np.zeros_like(W), np.zeros((4 * H, 1))
    dh_time, dc_time = np.zeros((H, B)), np.zeros((H, B))
    dxs = []
    for dh_above, (v, i, f, o, g, c_old, c) in zip(dhs[::-1], saved[::-1]):
        dh = dh_above + dh_time
        tanh_c = np.tanh(c)
        dc = dc_time + dh * o * (1 - tanh_c ** 2)
        da = np.empty((4 * H, B))
        da[:H] = dc * g * i * (1 - i)
        da[H:2 * H] = dc * c_old * f * (1 - f)
        da[2 * H:3 * H] = dh * tanh_c * o * (1 - o)
        da[3 * H:] = dc * i * (1 - g ** 2)
        dW += da @ v.T
        db += da.sum(axis=1, keepdims=True)
        dv = W.T @ da
        dxs.insert(0, dv[:-H])
        dh_time = dv[-H:]
        dc_time = dc * f
    return dxs, dW, db


lr = 0.1
for step in range(40):
    bits = rng.randint(0, 2, (T, 1, B)).astype(float)
    count = bits.sum(axis=0) / T

    hs1, saved1 = layer_forward(list(bits), W1, b1)
    hs2, saved2 = layer_forward(hs1, W2, b2)
    y = Wy @ hs2[-1] + by
    loss = np.mean((y - count) ** 2)

    dy = 2 * (y - count) / B
    dWy = dy @ hs2[-1].T
    dby = dy.sum(axis=1, keepdims=True)
    dhs2 = [np.zeros((H, B)) for _ in range(T)]
    dhs2[-1] = Wy.T @ dy
    dhs1, dW2, db2 = layer_backward(dhs2, saved2, W2)
    _, dW1, db1 = layer_backward(dhs1, saved1, W1)

    for param, grad in ((W1, dW1), (b1, db1), (W2, dW2), (b2, db2), (Wy, dWy), (by, dby)):
        param -= lr * np.clip(grad, -1, 1)
    if step % 8 == 0:
        print(step, loss)
