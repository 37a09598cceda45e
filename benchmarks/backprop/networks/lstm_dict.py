import numpy as np

# LSTM that learns to repeat a short melody. One gate, one matrix; everything in dictionaries.

rs = np.random.RandomState(7)

H = 6   # hidden units
D = 5   # different notes
T = 5   # steps that are unrolled

melody = [0, 2, 4, 2, 3, 1, 4, 4, 0, 1, 2, 3, 0, 3, 1, 2, 4, 0, 2, 1, 3]


def sigmoid(x):
    return 1. / (1. + np.exp(-x))


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / e.sum()


def init():
    Z = H + D
    model = {}
    for gate in ['f', 'i', 'c', 'o']:
        model['W' + gate] = rs.randn(Z, H) / np.sqrt(Z / 2.)
        model['b' + gate] = np.zeros((1, H))
    model['Wy'] = rs.randn(H, D) / np.sqrt(H / 2.)
    model['by'] = np.zeros((1, D))
    return model


def lstm_forward(x_idx, state, m):
    h_old, c_old = state
    x = np.zeros(D)
    x[x_idx] = 1.
    X = np.column_stack((h_old, x.reshape(1, -1)))
    hf = sigmoid(X @ m['Wf'] + m['bf'])
    hi = sigmoid(X @ m['Wi'] + m['bi'])
    ho = sigmoid(X @ m['Wo'] + m['bo'])
    hc = np.tanh(X @ m['Wc'] + m['bc'])
    c = hf * c_old + hi * hc
    h = ho * np.tanh(c)
    y = h @ m['Wy'] + m['by']
    prob = softmax(y)
    cache = (X, hf, hi, ho, hc, c, c_old, h)
    return prob, (h, c), cache


def lstm_backward(prob, target, d_next, cache, m):
    X, hf, hi, ho, hc, c, c_old, h = cache
    dh_next, dc_next = d_next
    dy = prob.copy()
    dy[0, target] -= 1.

    grad = {}
    grad['Wy'] = h.T @ dy
    grad['by'] = dy
    dh = dy @ m['Wy'].T + dh_next

    dho = dh * np.tanh(c)
    dho = dho * ho * (1. - ho)
    dc = dh * ho * (1. - np.tanh(c) ** 2) + dc_next
    dhf = dc * c_old
    dhf = dhf * hf * (1. - hf)
    dhi = dc * hc
    dhi = dhi * hi * (1. - hi)
    dhc = dc * hi
    dhc = dhc * (1. - hc ** 2)

    grad['Wf'] = X.T @ dhf
    grad['bf'] = dhf
    grad['Wi'] = X.T @ dhi
    grad['bi'] = dhi
    grad['Wo'] = X.T @ dho
    grad['bo'] = dho
    grad['Wc'] = X.T @ dhc
    grad['bc'] = dhc

    dX = dhf @ m['Wf'].T + dhi @ m['Wi'].T + dho @ m['Wo'].T + dhc @ m['Wc'].T
    dh_next = dX[:, :H]
    dc_next = hf * dc
    return grad, (dh_next, dc_next)


def train_step(xs, ys, state, m):
    probs, caches = [], []
    loss = 0.
    for x, y in zip(xs, ys):
        prob, state, cache = lstm_forward(x, state, m)
        loss += -np.log(prob[0, y])
        probs.append(prob)
        caches.append(cache)
    loss /= len(xs)

    d_next = (np.zeros((1, H)), np.zeros((1, H)))
    grads = {k: np.zeros_like(v) for k, v in m.items()}
    for prob, y, cache in reversed(list(zip(probs, ys, caches))):
        grad, d_next = lstm_backward(prob, y, d_next, cache, m)
        for k in grads:
            grads[k] += grad[k] / len(xs)
    return loss, grads, state


model = init()
M = {k: np.zeros_like(v) for k, v in model.items()}
R = {k: np.zeros_like(v) for k, v in model.items()}
beta1, beta2, alpha = .9, .999, 2e-2

it = 0
for epoch in range(12):
    state = (np.zeros((1, H)), np.zeros((1, H)))
    for start in range(0, len(melody) - 1, T):
        it += 1
        xs = melody[start:start + T]
        ys = melody[start + 1:start + T + 1]
        loss, grads, state = train_step(xs, ys, state, model)
        # Adam
        for k in model:
            M[k] = beta1 * M[k] + (1. - beta1) * grads[k]
            R[k] = beta2 * R[k] + (1. - beta2) * grads[k] ** 2
            m_hat = M[k] / (1. - beta1 ** it)
            r_hat = R[k] / (1. - beta2 ** it)
            model[k] -= alpha * m_hat / (np.sqrt(r_hat) + 1e-8)
    print('epoch', epoch, 'loss', round(float(loss), 4))
