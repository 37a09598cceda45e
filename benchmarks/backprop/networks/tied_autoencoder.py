# Autoencoder with tied weights: the decoder is the transpose of the encoder
import numpy as np

np.random.seed(18)

# bars in 4 x 4 images
patterns = []
for k in range(4):
    row = np.zeros((4, 4)); row[k, :] = 1
    col = np.zeros((4, 4)); col[:, k] = 1
    patterns += [row.ravel(), col.ravel()]
patterns = np.array(patterns)

n_visible, n_hidden = 16, 6
W = np.random.uniform(-0.4, 0.4, (n_visible, n_hidden))
hbias = np.zeros(n_hidden)
vbias = np.zeros(n_visible)


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


lr = 0.4
for epoch in range(40):
    noise = np.random.rand(*patterns.shape) > 0.2
    x = patterns * noise                      # some pixels are hidden
    h = sigmoid(np.dot(x, W) + hbias)
    y = sigmoid(np.dot(h, W.T) + vbias)
    cost = -np.mean(np.sum(patterns * np.log(y) + (1 - patterns) * np.log(1 - y), axis=1))

    d_y = (y - patterns) / len(patterns)
    d_h = np.dot(d_y, W) * h * (1 - h)
    d_W = np.dot(x.T, d_h) + np.dot(d_y.T, h)
    d_hbias = d_h.sum(axis=0)
    d_vbias = d_y.sum(axis=0)

    W -= lr * d_W
    hbias -= lr * d_hbias
    vbias -= lr * d_vbias
    if epoch % 10 == 0:
        print('epoch %d, cost %.4f' % (epoch, cost))
