"""A convolutional network with nothing but loops: conv 3x3, ReLU, max-pooling 2x2, softmax.

Tells horizontal from vertical stripes. One image at a time.
"""
import numpy as np

np.random.seed(0)


def make_image(kind):
    img = np.random.uniform(0, 0.3, (6, 6))
    k = np.random.randint(0, 6)
    if kind == 0:
        img[k, :] += 1.0
    else:
        img[:, k] += 1.0
    return img - 0.3


images = [make_image(i % 2) for i in range(12)]
labels = [i % 2 for i in range(12)]

n_filters = 2
filters = np.random.randn(n_filters, 3, 3) * 0.3
filter_bias = np.zeros(n_filters)
weights = np.random.randn(n_filters * 2 * 2, 2) * 0.3
bias = np.zeros(2)


def conv_forward(image, filters, filter_bias):
    n_f = filters.shape[0]
    h, w = image.shape[0] - 2, image.shape[1] - 2
    out = np.zeros((n_f, h, w))
    for f in range(n_f):
        for i in range(h):
            for j in range(w):
                patch = image[i:i + 3, j:j + 3]
                out[f, i, j] = np.sum(patch * filters[f]) + filter_bias[f]
    return out


def conv_backward(d_out, image, filters):
    d_filters = np.zeros(filters.shape)
    d_bias = np.zeros(filters.shape[0])
    n_f, h, w = d_out.shape
    for f in range(n_f):
        for i in range(h):
            for j in range(w):
                d_filters[f] += d_out[f, i, j] * image[i:i + 3, j:j + 3]
                d_bias[f] += d_out[f, i, j]
    return d_filters, d_bias


def pool_forward(x):
    n_f, h, w = x.shape
    out = np.zeros((n_f, h // 2, w // 2))
    for f in range(n_f):
        for i in range(h // 2):
            for j in range(w // 2):
                out[f, i, j] = np.max(x[f, 2 * i:2 * i + 2, 2 * j:2 * j + 2])
    return out


def pool_backward(d_out, x, out):
    d_x = np.zeros(x.shape)
    n_f, h, w = d_out.shape
    for f in range(n_f):
        for i in range(h):
            for j in range(w):
                for a in range(2):
                    for b in range(2):
                        if x[f, 2 * i + a, 2 * j + b] == out[f, i, j]:
                            d_x[f, 2 * i + a, 2 * j + b] = d_out[f, i, j]
    return d_x


lr = 0.05
for epoch in range(4):
    total = 0.0
    for image, label in zip(images, labels):
        # forward
        conv = conv_forward(image, filters, filter_bias)
        act = np.maximum(conv, 0)
        pooled = pool_forward(act)
        flat = pooled.reshape(-1)
        scores = flat.dot(weights) + bias
        exp = np.exp(scores - scores.max())
        probs = exp / exp.sum()
        loss = -np.log(probs[label])
        total += loss

        # backward
        d_scores = probs.copy()
        d_scores[label] -= 1
        d_weights = np.outer(flat, d_scores)
        d_bias = d_scores
        d_flat = weights.dot(d_scores)
        d_pooled = d_flat.reshape(pooled.shape)
        d_act = pool_backward(d_pooled, act, pooled)
        d_conv = d_act * (conv > 0)
        d_filters, d_filter_bias = conv_backward(d_conv, image, filters)

        # update
        weights -= lr * d_weights
        bias -= lr * d_bias
        filters -= lr * d_filters
        filter_bias -= lr * d_filter_bias
    print("epoch", epoch, "mean loss", total / len(images))
