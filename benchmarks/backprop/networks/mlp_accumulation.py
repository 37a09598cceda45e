"""One sample at a time, the gradient added up over four of them, then one step. Targets by a teacher."""
import numpy as np

rng = np.random.default_rng(15)
IN, HIDDEN, ACCUMULATE = 3, 5, 4

teacher = rng.normal(size=(IN, 1))
xs = rng.normal(size=(24, IN))
ys = np.abs(xs @ teacher).ravel()

W1 = rng.normal(0, 0.6, (HIDDEN, IN))
b1 = np.zeros(HIDDEN)
W2 = rng.normal(0, 0.6, HIDDEN)
b2 = np.zeros(1)


def softplus(v):
    return np.log1p(np.exp(v))


def softplus_slope(v):
    return 1 / (1 + np.exp(-v))


learning_rate = 0.02
for epoch in range(6):
    epoch_loss = 0.0
    gW1, gb1, gW2, gb2 = np.zeros_like(W1), np.zeros_like(b1), np.zeros_like(W2), np.zeros_like(b2)
    for i, (x, y) in enumerate(zip(xs, ys)):
        pre = W1 @ x + b1
        hid = softplus(pre)
        out = W2 @ hid + b2
        loss = ((out - y) ** 2)[0]
        epoch_loss += loss

        err = 2 * (out - y)
        gW2 += err * hid
        gb2 += err
        back = err * W2 * softplus_slope(pre)
        gW1 += np.outer(back, x)
        gb1 += back

        if (i + 1) % ACCUMULATE == 0:
            W1 -= learning_rate * gW1 / ACCUMULATE
            b1 -= learning_rate * gb1 / ACCUMULATE
            W2 -= learning_rate * gW2 / ACCUMULATE
            b2 -= learning_rate * gb2 / ACCUMULATE
            gW1[:], gb1[:], gW2[:], gb2[:] = 0, 0, 0, 0
    print("epoch", epoch, "mean loss", epoch_loss / len(xs))
