"""Additive attention: a query word looks over a sequence of vectors and takes a weighted mean."""
import numpy as np

rng = np.random.RandomState(29)
T, D, A = 6, 3, 5

# the answer is the value of the item whose key fits the query
examples = []
for _ in range(20):
    keys = rng.randn(T, D)
    values = rng.randn(T, 1)
    k = rng.randint(T)
    query = keys[k] + 0.1 * rng.randn(D)
    examples.append((np.hstack([keys, values]), query, values[k]))

Wk = 0.5 * rng.randn(A, D + 1)
Wq = 0.5 * rng.randn(A, D)
ba = np.zeros(A)
va = 0.5 * rng.randn(A)
Wv = 0.5 * rng.randn(1, D + 1)
bv = np.zeros(1)


def forward(seq, query):
    pre = seq @ Wk.T + Wq @ query + ba         # T, A
    th = np.tanh(pre)
    score = th @ va                            # T
    ex = np.exp(score - score.max())
    alpha = ex / ex.sum()
    context = alpha @ seq                      # D + 1
    out = Wv @ context + bv
    return out, (seq, query, th, alpha, context)


def backward(dout, cache):
    seq, query, th, alpha, context = cache
    gWv = np.outer(dout, context)
    gbv = dout
    dcontext = Wv.T @ dout
    dalpha = seq @ dcontext
    jacobian = np.diag(alpha) - alpha[:, None] * alpha[None, :]
    dscore = jacobian @ dalpha
    gva = th.T @ dscore
    dth = dscore[:, None] * va[None, :]
    dpre = dth * (1 - th ** 2)
    gWk = dpre.T @ seq
    gWq = np.outer(dpre.sum(axis=0), query)
    gba = dpre.sum(axis=0)
    return gWk, gWq, gba, gva, gWv, gbv


params = [Wk, Wq, ba, va, Wv, bv]
lr = 0.1
for epoch in range(10):
    total = 0
    for start in range(0, 20, 5):
        sums = [np.zeros_like(p) for p in params]
        batch_loss = 0
        for seq, query, answer in examples[start:start + 5]:
            out, cache = forward(seq, query)
            batch_loss += 0.5 * np.sum((out - answer) ** 2) / 5
            for s, g in zip(sums, backward((out - answer) / 5, cache)):
                s += g
        total += batch_loss
        for p, s in zip(params, sums):
            p -= lr * s
    print(epoch, total / 4)
