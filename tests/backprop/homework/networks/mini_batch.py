import numpy as np

rng = np.random.default_rng(12)
X = rng.uniform(-1, 1, (60, 2))
y = (X[:, :1] * X[:, 1:] < 0).astype(float)

W1 = rng.normal(0, 1, (2, 10))
b1 = np.zeros(10)
W2 = rng.normal(0, 0.5, (10, 1))
b2 = np.zeros(1)
lr, batch_size = 0.5, 15


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


for epoch in range(300):
    order = rng.permutation(len(X))
    epoch_loss = 0.0
    for start in range(0, len(X), batch_size):
        batch = order[start:start + batch_size]
        xb, yb = X[batch], y[batch]

        hidden = np.tanh(xb @ W1 + b1)
        p = sigmoid(hidden @ W2 + b2)
        epoch_loss -= np.sum(yb * np.log(p) + (1 - yb) * np.log(1 - p))

        d_logit = (p - yb) / len(xb)
        d_hidden = d_logit @ W2.T
        d_pre = d_hidden * (1 - hidden ** 2)

        W2 -= lr * hidden.T @ d_logit
        b2 -= lr * d_logit.sum(0)
        W1 -= lr * xb.T @ d_pre
        b1 -= lr * d_pre.sum(0)
    if epoch % 50 == 0:
        print(epoch, epoch_loss / len(X))
