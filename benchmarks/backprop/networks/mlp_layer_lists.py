# A network of any depth in lists, weight decay in the loss, the learning rate falls
import numpy as np

np.random.seed(99)

n_samples = 15
t = np.linspace(0, 1, n_samples)
data = np.c_[t * np.cos(5 * t), t * np.sin(5 * t)]
data = np.vstack([data, -data]) + 0.02 * np.random.randn(2 * n_samples, 2)
target = np.eye(2)[np.repeat([0, 1], n_samples)]

sizes = [2, 8, 6, 2]
W = []
b = []
for i in range(len(sizes) - 1):
    W.append(np.random.randn(sizes[i], sizes[i + 1]) * np.sqrt(2 / sizes[i]))
    b.append(np.zeros(sizes[i + 1]) + 0.05)

reg = 1e-2
lr = 0.5
L = len(W)

for epoch in range(60):
    a = [data]
    z = []
    for l in range(L):
        z.append(a[l].dot(W[l]) + b[l])
        if l < L - 1:
            a.append(np.maximum(z[l], 0))
    e = np.exp(z[-1] - z[-1].max(axis=1)[:, None])
    probs = e / e.sum(axis=1)[:, None]

    data_loss = -np.sum(target * np.log(probs)) / len(data)
    reg_loss = 0
    for w in W:
        reg_loss += 0.5 * reg * np.sum(w * w)
    loss = data_loss + reg_loss

    dz = (probs - target) / len(data)
    dW = [0] * L
    db = [0] * L
    for l in range(L - 1, -1, -1):
        dW[l] = a[l].T.dot(dz) + reg * W[l]
        db[l] = dz.sum(axis=0)
        if l > 0:
            da = dz.dot(W[l].T)
            dz = da * (z[l - 1] > 0)

    for l in range(L):
        W[l] -= lr * dW[l]
        b[l] -= lr * db[l]
    lr = lr * 0.97

    if epoch % 15 == 0:
        print('epoch', epoch, 'loss', loss, 'of which penalty', reg_loss)
