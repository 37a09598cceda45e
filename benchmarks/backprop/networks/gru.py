# GRU for "was there a 1 after the first 0?" -- sigmoid output, binary cross-entropy, RMSprop
import numpy as np

np.random.seed(12)

n_x, n_h, n_steps, n_seq = 2, 5, 5, 12


def sigm(v):
    return 1.0 / (1.0 + np.exp(-v))


# data: features are (bit, 1 - bit)
bits = np.random.randint(0, 2, (n_seq, n_steps))
labels = np.array([float('01' in ''.join(map(str, row))) for row in bits]).reshape(-1, 1)
seqs = np.stack([bits, 1 - bits], axis=2).astype(float)

scale = 0.5
Wz, Uz, bz = scale * np.random.randn(n_x, n_h), scale * np.random.randn(n_h, n_h), np.zeros(n_h)
Wr, Ur, br = scale * np.random.randn(n_x, n_h), scale * np.random.randn(n_h, n_h), np.zeros(n_h)
Wc, Uc, bc = scale * np.random.randn(n_x, n_h), scale * np.random.randn(n_h, n_h), np.zeros(n_h)
Wo, bo = scale * np.random.randn(n_h, 1), np.zeros(1)

params = [Wz, Uz, bz, Wr, Ur, br, Wc, Uc, bc, Wo, bo]
cache = [np.zeros_like(p) for p in params]
lr, rho = 0.02, 0.9

for it in range(40):
    # ---- forward through time
    h = np.zeros((n_seq, n_h))
    tape = []
    for t in range(n_steps):
        x = seqs[:, t, :]
        z = sigm(np.dot(x, Wz) + np.dot(h, Uz) + bz)
        r = sigm(np.dot(x, Wr) + np.dot(h, Ur) + br)
        hc = np.tanh(np.dot(x, Wc) + np.dot(r * h, Uc) + bc)
        h_new = (1 - z) * h + z * hc
        tape.append((x, h, z, r, hc))
        h = h_new
    p = sigm(np.dot(h, Wo) + bo)
    cost = -np.sum(labels * np.log(p) + (1 - labels) * np.log(1 - p)) / n_seq

    # ---- backward through time
    dlogit = (p - labels) / n_seq
    dWo = np.dot(h.T, dlogit)
    dbo = np.sum(dlogit, axis=0)
    dh = np.dot(dlogit, Wo.T)
    dWz, dUz, dbz = np.zeros_like(Wz), np.zeros_like(Uz), np.zeros_like(bz)
    dWr, dUr, dbr = np.zeros_like(Wr), np.zeros_like(Ur), np.zeros_like(br)
    dWc, dUc, dbc = np.zeros_like(Wc), np.zeros_like(Uc), np.zeros_like(bc)
    for t in range(n_steps - 1, -1, -1):
        x, h_prev, z, r, hc = tape[t]
        dhc = dh * z
        dz = dh * (hc - h_prev)
        dh_prev = dh * (1 - z)

        dhc_raw = dhc * (1 - hc ** 2)
        dWc += np.dot(x.T, dhc_raw)
        dUc += np.dot((r * h_prev).T, dhc_raw)
        dbc += dhc_raw.sum(axis=0)
        drh = np.dot(dhc_raw, Uc.T)
        dr = drh * h_prev
        dh_prev += drh * r

        dz_raw = dz * z * (1 - z)
        dWz += np.dot(x.T, dz_raw)
        dUz += np.dot(h_prev.T, dz_raw)
        dbz += dz_raw.sum(axis=0)
        dh_prev += np.dot(dz_raw, Uz.T)

        dr_raw = dr * r * (1 - r)
        dWr += np.dot(x.T, dr_raw)
        dUr += np.dot(h_prev.T, dr_raw)
        dbr += dr_raw.sum(axis=0)
        dh_prev += np.dot(dr_raw, Ur.T)

        dh = dh_prev

    grads = [dWz, dUz, dbz, dWr, dUr, dbr, dWc, dUc, dbc, dWo, dbo]
    for k in range(len(params)):
        cache[k] = rho * cache[k] + (1 - rho) * grads[k] ** 2
        params[k] -= lr * grads[k] / (np.sqrt(cache[k]) + 1e-6)

    if it % 10 == 0:
        print(it, cost)
