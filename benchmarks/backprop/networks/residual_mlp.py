# Residual blocks: h <- h + tanh(h A + a) B. Momentum.
import numpy as np

np.random.seed(61)
n, d, width, blocks = 14, 3, 5, 3

X = np.random.randn(n, d)
Y = np.sort(X, axis=1)            # learn to sort three numbers

W_in = np.random.randn(d, width) * 0.5
W_out = np.random.randn(width, d) * 0.5
A = [np.random.randn(width, 4) * 0.5 for _ in range(blocks)]
a = [np.zeros(4) for _ in range(blocks)]
B = [np.random.randn(4, width) * 0.3 for _ in range(blocks)]

everything = [W_in, W_out] + A + a + B
speed = [np.zeros_like(p) for p in everything]

for it in range(50):
    # forward
    h = X @ W_in
    hs, us = [h], []
    for k in range(blocks):
        u = np.tanh(h @ A[k] + a[k])
        h = h + u @ B[k]
        us.append(u)
        hs.append(h)
    out = h @ W_out
    loss = np.sum((out - Y) ** 2) / n

    # backward
    g_out = 2 * (out - Y) / n
    gW_out = hs[-1].T @ g_out
    gh = g_out @ W_out.T
    gA, ga, gB = [None] * blocks, [None] * blocks, [None] * blocks
    for k in reversed(range(blocks)):
        gB[k] = us[k].T @ gh
        gu = gh @ B[k].T
        gz = gu * (1 - us[k] ** 2)
        gA[k] = hs[k].T @ gz
        ga[k] = gz.sum(axis=0)
        gh = gh + gz @ A[k].T
    gW_in = X.T @ gh

    for p, v, g in zip(everything, speed, [gW_in, gW_out] + gA + ga + gB):
        v *= 0.7
        v += g
        p -= 0.03 * v

    if it % 10 == 0:
        print(it, loss)
