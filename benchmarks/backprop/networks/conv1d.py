# Convolution over time, two channels, max over time, for short signals: has it a rising edge?
import numpy as np

np.random.seed(14)
N, T, WIDTH, FILTERS = 12, 8, 3, 4

x = 0.3 * np.random.randn(N, 2, T)
y = np.zeros(N)
for i in range(N):
    where = np.random.randint(1, T - 2)
    if i % 2:
        x[i, 0, where:] += 1.5
        y[i] = 1
    else:
        x[i, 1, :where] += 1.5

kernel = 0.4 * np.random.randn(FILTERS, 2, WIDTH)
kbias = np.zeros(FILTERS)
w = 0.4 * np.random.randn(FILTERS)
wbias = 0.0

positions = T - WIDTH + 1
lr = 0.2
for epoch in range(35):
    feat = np.zeros((N, FILTERS, positions))
    for t in range(positions):
        window = x[:, :, t:t + WIDTH]
        feat[:, :, t] = np.tensordot(window, kernel, axes=([1, 2], [1, 2])) + kbias
    act = np.tanh(feat)
    best = act.argmax(axis=2)
    pooled = np.take_along_axis(act, best[:, :, None], axis=2)[:, :, 0]
    logit = pooled.dot(w) + wbias
    p = 1 / (1 + np.exp(-logit))
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()

    dlogit = (p - y) / N
    dw = pooled.T.dot(dlogit)
    dwbias = dlogit.sum()
    dpooled = dlogit[:, None] * w[None, :]
    dact = np.zeros_like(act)
    np.put_along_axis(dact, best[:, :, None], dpooled[:, :, None], axis=2)
    dfeat = dact * (1 - act ** 2)
    dkernel = np.zeros_like(kernel)
    for t in range(positions):
        for f in range(FILTERS):
            dkernel[f] += (dfeat[:, f, t][:, None, None] * x[:, :, t:t + WIDTH]).sum(axis=0)
    dkbias = dfeat.sum(axis=(0, 2))

    kernel = kernel - lr * dkernel
    kbias = kbias - lr * dkbias
    w = w - lr * dw
    wbias = wbias - lr * dwbias
    if epoch % 7 == 0:
        print(epoch, round(loss, 4))
