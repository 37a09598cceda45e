"""A neural language model: two words in, the next one out; input and output share one embedding."""
import numpy as np

text = """the cat sat on the mat the dog sat on the rug the cat saw the dog
the dog saw the cat and the cat ran""".split()
words = sorted(set(text))
index = {w: i for i, w in enumerate(words)}
ids = np.array([index[w] for w in text])
contexts = np.stack([ids[:-2], ids[1:-1]], axis=1)
nexts = ids[2:]

V, E, CONTEXT = len(words), 4, 2
rng = np.random.default_rng(52)
C = rng.normal(0, 0.5, (V, E))                 # a row for each word, used twice
H = rng.normal(0, 0.5, (CONTEXT * E, E))
d = np.zeros(E)
bias = np.zeros(V)

lr = 0.3
for step in range(45):
    pick = rng.integers(0, len(nexts), 10)
    ctx, nxt = contexts[pick], nexts[pick]

    emb = C[ctx]                               # (10, 2, E)
    flat = emb.reshape(len(pick), -1)
    hid = np.tanh(flat @ H + d)
    logits = hid @ C.T + bias
    logits -= logits.max(axis=1, keepdims=True)
    counts = np.exp(logits)
    probs = counts / counts.sum(axis=1, keepdims=True)
    loss = -np.log(probs[range(len(pick)), nxt]).mean()

    dlogits = probs.copy()
    dlogits[range(len(pick)), nxt] -= 1
    dlogits /= len(pick)
    dbias = dlogits.sum(0)
    dC = dlogits.T @ hid
    dhid = dlogits @ C
    dpre = (1 - hid ** 2) * dhid
    dH = flat.T @ dpre
    dd = dpre.sum(0)
    demb = (dpre @ H.T).reshape(emb.shape)
    for k in range(ctx.shape[0]):
        for j in range(ctx.shape[1]):
            dC[ctx[k, j]] += demb[k, j]

    C += -lr * dC
    H += -lr * dH
    d += -lr * dd
    bias += -lr * dbias
    if step % 15 == 0:
        print(step, loss)
