"""A recurrent network that normalises its pre-activations (layer norm), for the running sum's sign."""
import numpy as np

rng = np.random.default_rng(57)
H, T, B = 6, 4, 10

Wx = rng.normal(0, 0.8, (1, H))
Wh = rng.normal(0, 0.5, (H, H))
b = rng.normal(0, 0.3, H)
gain, shift = np.ones(H), 0.1 * rng.normal(size=H)
wo, bo = rng.normal(0, 0.5, (H, 1)), np.zeros(1)


def layer_norm(a):
    m = a.mean(axis=1)[:, None]
    s = np.sqrt(((a - m) ** 2).mean(axis=1)[:, None] + 1e-5)
    return (a - m) / s, s


def layer_norm_grad(dn, n, s):
    k = n.shape[1]
    return (k * dn - dn.sum(axis=1)[:, None] - n * (dn * n).sum(axis=1)[:, None]) / (k * s)


lr = 0.1
for step in range(40):
    seq = rng.normal(size=(B, T, 1)) + 0.3
    want = np.sign(seq.cumsum(axis=1)) * 0.9

    h = np.zeros((B, H))
    states, norms, stds, outs = [h], [], [], []
    for t in range(T):
        a = seq[:, t] @ Wx + h @ Wh + b
        n, s = layer_norm(a)
        h = np.tanh(gain * n + shift)
        states.append(h)
        norms.append(n)
        stds.append(s)
        outs.append(h @ wo + bo)
    loss = sum(((o - want[:, t]) ** 2).sum() for t, o in enumerate(outs)) / (B * T)

    gWx, gWh, gb, ggain, gshift, gwo, gbo = (
        np.zeros_like(p) for p in (Wx, Wh, b, gain, shift, wo, bo))
    carry = np.zeros((B, H))
    for t in reversed(range(T)):
        do = 2 * (outs[t] - want[:, t]) / (B * T)
        gwo += states[t + 1].T @ do
        gbo += do.sum(axis=0)
        dh = do @ wo.T + carry
        du = dh * (1 - states[t + 1] ** 2)
        ggain += (du * norms[t]).sum(axis=0)
        gshift += du.sum(axis=0)
        da = layer_norm_grad(du * gain, norms[t], stds[t])
        gWx += seq[:, t].T @ da
        gWh += states[t].T @ da
        gb += da.sum(axis=0)
        carry = da @ Wh.T

    size = np.sqrt(sum(np.sum(g ** 2) for g in (gWx, gWh, gb, ggain, gshift, gwo, gbo)))
    if size > 0.5:
        gWx, gWh, gb, ggain, gshift, gwo, gbo = (
            g * 0.5 / size for g in (gWx, gWh, gb, ggain, gshift, gwo, gbo))
    Wx -= lr * gWx
    Wh -= lr * gWh
    b -= lr * gb
    gain -= lr * ggain
    shift -= lr * gshift
    wo -= lr * gwo
    bo -= lr * gbo
    if step % 10 == 0:
        print(step, loss)
