"""Encoder and decoder: three symbols are read, then said again. The decoder sees the right answer."""
import numpy as np

np.random.seed(3)
V, H, T, B = 4, 6, 3, 8
START = np.zeros((B, V))

enc = {'Wx': np.random.randn(V, H) * 0.5, 'Wh': np.random.randn(H, H) * 0.4, 'b': np.zeros(H)}
dec = {'Wx': np.random.randn(V, H) * 0.5, 'Wh': np.random.randn(H, H) * 0.4, 'b': np.zeros(H),
       'Wo': np.random.randn(H, V) * 0.4, 'bo': np.zeros(V)}


def cell(x, h, q):
    return np.tanh(x @ q['Wx'] + h @ q['Wh'] + q['b'])


def cell_back(dh_new, x, h, h_new, q, grads):
    dz = dh_new * (1 - h_new ** 2)
    grads['Wx'] += x.T @ dz
    grads['Wh'] += h.T @ dz
    grads['b'] += dz.sum(axis=0)
    return dz @ q['Wh'].T


velocity = [{k: np.zeros_like(v) for k, v in q.items()} for q in (enc, dec)]
for step in range(40):
    symbols = np.random.randint(0, V, (B, T))
    onehot = np.eye(V)[symbols]

    # ---------------------------------------------------------------- forward
    enc_h = [np.zeros((B, H))]
    for t in range(T):
        enc_h.append(cell(onehot[:, t], enc_h[t], enc))
    dec_in = [START] + [onehot[:, t] for t in range(T - 1)]
    dec_h, probs = [enc_h[-1]], []
    loss = 0.0
    for t in range(T):
        dec_h.append(cell(dec_in[t], dec_h[t], dec))
        s = dec_h[t + 1] @ dec['Wo'] + dec['bo']
        s = np.exp(s - s.max(axis=1, keepdims=True))
        probs.append(s / s.sum(axis=1, keepdims=True))
        loss -= np.log(probs[t][np.arange(B), symbols[:, t]]).sum() / (B * T)

    # ---------------------------------------------------------------- backward
    g_enc = {k: np.zeros_like(v) for k, v in enc.items()}
    g_dec = {k: np.zeros_like(v) for k, v in dec.items()}
    dh = np.zeros((B, H))
    for t in reversed(range(T)):
        ds = (probs[t] - onehot[:, t]) / (B * T)
        g_dec['Wo'] += dec_h[t + 1].T @ ds
        g_dec['bo'] += ds.sum(axis=0)
        dh = dh + ds @ dec['Wo'].T
        dh = cell_back(dh, dec_in[t], dec_h[t], dec_h[t + 1], dec, g_dec)
    for t in reversed(range(T)):
        dh = cell_back(dh, onehot[:, t], enc_h[t], enc_h[t + 1], enc, g_enc)

    for q, g, speed in zip((enc, dec), (g_enc, g_dec), velocity):
        for k in q:
            speed[k] = 0.8 * speed[k] + g[k]
            q[k] -= 0.2 * speed[k]
    if step % 10 == 0:
        print(step, loss)
