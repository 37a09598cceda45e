"""Convolution, batch normalisation for each channel, ReLU, global mean: rings or crosses?"""
import numpy as np

rng = np.random.default_rng(3)
ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], float)
cross = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], float)


def make_batch(n):
    label = rng.integers(0, 2, n)
    img = rng.normal(0, 0.2, (n, 6, 6))
    for k in range(n):
        r, c = rng.integers(0, 4, 2)
        img[k, r:r + 3, c:c + 3] += ring if label[k] else cross
    return img, label


C = 3
K = rng.normal(0, 0.4, (C, 3, 3))
gamma, beta = np.ones((1, C, 1, 1)), np.zeros((1, C, 1, 1))
Wf, bf = rng.normal(0, 0.6, (C, 2)), np.zeros(2)
lr = 0.3

for step in range(30):
    img, label = make_batch(8)
    n = len(img)

    # forward
    z = np.zeros((n, C, 4, 4))
    for dy in range(3):
        for dx in range(3):
            z += K[None, :, dy, dx, None, None] * img[:, None, dy:dy + 4, dx:dx + 4]
    mu = z.mean(axis=(0, 2, 3), keepdims=True)
    var = z.var(axis=(0, 2, 3), keepdims=True)
    std = np.sqrt(var + 1e-5)
    zn = (z - mu) / std
    bn = gamma * zn + beta
    act = np.maximum(bn, 0)
    feat = act.mean(axis=(2, 3))
    s = feat @ Wf + bf
    e = np.exp(s - s.max(axis=1, keepdims=True))
    prob = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(prob[np.arange(n), label]))

    # backward
    ds = prob.copy()
    ds[np.arange(n), label] -= 1
    ds /= n
    dWf, dbf = feat.T @ ds, ds.sum(axis=0)
    dfeat = ds @ Wf.T
    dact = np.broadcast_to(dfeat[:, :, None, None], act.shape) / 16
    dbn = dact * (bn > 0)
    dgamma = np.sum(dbn * zn, axis=(0, 2, 3), keepdims=True)
    dbeta = np.sum(dbn, axis=(0, 2, 3), keepdims=True)
    dzn = dbn * gamma
    m = n * 16
    dvar = np.sum(dzn * (z - mu), axis=(0, 2, 3), keepdims=True) * -0.5 / std ** 3
    dmu = np.sum(-dzn / std, axis=(0, 2, 3), keepdims=True)
    dz = dzn / std + dvar * 2 * (z - mu) / m + dmu / m
    dK = np.zeros_like(K)
    for dy in range(3):
        for dx in range(3):
            dK[:, dy, dx] = np.sum(dz * img[:, None, dy:dy + 4, dx:dx + 4], axis=(0, 2, 3))

    K -= lr * dK
    gamma -= lr * dgamma
    beta -= lr * dbeta
    Wf -= lr * dWf
    bf -= lr * dbf
    if step % 6 == 0:
        print(f'step {step}, loss {loss:.4f}')
