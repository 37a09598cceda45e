import numpy as np

# Convolution as one matrix product (im2col), a batch at a time, momentum.


def get_indices(channels, height, width, k):
    """Where each element of each patch comes from."""
    out_h, out_w = height - k + 1, width - k + 1
    i0 = np.tile(np.repeat(np.arange(k), k), channels)
    j0 = np.tile(np.arange(k), k * channels)
    i1 = np.repeat(np.arange(out_h), out_w)
    j1 = np.tile(np.arange(out_w), out_h)
    rows = i0.reshape(-1, 1) + i1.reshape(1, -1)
    cols = j0.reshape(-1, 1) + j1.reshape(1, -1)
    chan = np.repeat(np.arange(channels), k * k).reshape(-1, 1)
    return chan, rows, cols


class Conv:
    def __init__(self, n_filters, channels, k, rng):
        self.k = k
        self.w = rng.standard_normal((n_filters, channels, k, k)) * np.sqrt(2.0 / (channels * k * k))
        self.b = np.zeros((n_filters, 1))

    def forward(self, x):
        n, c, h, w = x.shape
        n_filters = self.w.shape[0]
        self.x_shape = x.shape
        self.idx = get_indices(c, h, w, self.k)
        cols = x[:, self.idx[0], self.idx[1], self.idx[2]]      # (n, c k k, positions)
        self.cols = cols.transpose(1, 2, 0).reshape(c * self.k * self.k, -1)
        out = self.w.reshape(n_filters, -1) @ self.cols + self.b
        out = out.reshape(n_filters, h - self.k + 1, w - self.k + 1, n)
        return out.transpose(3, 0, 1, 2)

    def backward(self, dout):
        n_filters = self.w.shape[0]
        dout_flat = dout.transpose(1, 2, 3, 0).reshape(n_filters, -1)
        self.db = dout_flat.sum(axis=1, keepdims=True)
        self.dw = (dout_flat @ self.cols.T).reshape(self.w.shape)
        dcols = self.w.reshape(n_filters, -1).T @ dout_flat
        n, c, h, w = self.x_shape
        dcols = dcols.reshape(c * self.k * self.k, -1, n).transpose(2, 0, 1)
        dx = np.zeros(self.x_shape)
        np.add.at(dx, (slice(None), self.idx[0], self.idx[1], self.idx[2]), dcols)
        return dx


class Relu:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Linear:
    def __init__(self, n_in, n_out, rng):
        self.w = rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)
        self.b = np.zeros((1, n_out))

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(len(x), -1)
        return self.x @ self.w + self.b

    def backward(self, dout):
        self.dw = self.x.T @ dout
        self.db = dout.sum(axis=0, keepdims=True)
        return (dout @ self.w.T).reshape(self.shape)


def cross_entropy(scores, y):
    shifted = scores - scores.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    n = len(y)
    loss = -logp[np.arange(n), y].mean()
    d = np.exp(logp)
    d[np.arange(n), y] -= 1
    return loss, d / n


rng = np.random.default_rng(21)
n_images = 24
y = rng.integers(0, 3, n_images)
x = rng.standard_normal((n_images, 1, 6, 6)) * 0.3
for image, label in zip(x, y):
    image[0, 2 * label:2 * label + 2, 1:4] += 1.0

conv1, conv2 = Conv(2, 1, 3, rng), Conv(3, 2, 2, rng)
layers = [conv1, Relu(), conv2, Relu(), Linear(3 * 3 * 3, 3, rng)]
trained = [layer for layer in layers if hasattr(layer, 'w')]
velocity = [[np.zeros_like(layer.w), np.zeros_like(layer.b)] for layer in trained]

lr, mu, batch_size = 0.05, 0.9, 8
for epoch in range(8):
    order = rng.permutation(n_images)
    for start in range(0, n_images, batch_size):
        batch = order[start:start + batch_size]
        out = x[batch]
        for layer in layers:
            out = layer.forward(out)
        loss, grad = cross_entropy(out, y[batch])
        for layer in reversed(layers):
            grad = layer.backward(grad)
        for layer, (vw, vb) in zip(trained, velocity):
            vw *= mu
            vw -= lr * layer.dw
            layer.w += vw
            vb *= mu
            vb -= lr * layer.db
            layer.b += vb
    print(f'epoch {epoch} loss {loss:.4f}')
