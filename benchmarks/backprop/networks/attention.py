# %% [markdown]
# Self-attention with one head. Which symbol of the sequence is the odd one out?

# %%
import numpy as np

rng = np.random.default_rng(2)
n_symbols, seq_len, d_model, d_head = 4, 5, 6, 4

# %%
# sequences like 2 2 2 0 2: the class is the symbol that is there once
sequences, classes = [], []
for _ in range(16):
    common, odd = rng.choice(n_symbols, size=2, replace=False)
    s = np.full(seq_len, common)
    s[rng.integers(seq_len)] = odd
    sequences.append(s)
    classes.append(odd)
sequences, classes = np.array(sequences), np.array(classes)
onehot = np.eye(n_symbols)[sequences]                 # (16, 5, 4)
position = 0.3 * rng.standard_normal((seq_len, n_symbols))
inputs = onehot + position

# %%
Win = rng.standard_normal((n_symbols, d_model)) * 0.5
WQ = rng.standard_normal((d_model, d_head)) * 0.5
WK = rng.standard_normal((d_model, d_head)) * 0.5
WV = rng.standard_normal((d_model, d_head)) * 0.5
Wout = rng.standard_normal((d_head, n_symbols)) * 0.5
bout = np.zeros(n_symbols)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# %%
batch = 8
lr = 0.2
history = []
for step in range(40):
    rows = rng.choice(len(inputs), batch, replace=False)
    x, target = inputs[rows], classes[rows]

    # forward
    E = x @ Win
    Q, K, V = E @ WQ, E @ WK, E @ WV
    S = Q @ K.transpose(0, 2, 1) / np.sqrt(d_head)
    A = softmax(S)
    O = A @ V
    pooled = O.mean(axis=1)
    P = softmax(pooled @ Wout + bout)
    loss = -np.log(P[np.arange(batch), target]).mean()
    history.append(loss)

    # backward
    dlogits = P - np.eye(n_symbols)[target]
    dlogits /= batch
    dWout = pooled.T @ dlogits
    dbout = dlogits.sum(axis=0)
    dpooled = dlogits @ Wout.T
    dO = np.repeat(dpooled[:, None, :], seq_len, axis=1) / seq_len
    dA = dO @ V.transpose(0, 2, 1)
    dV = A.transpose(0, 2, 1) @ dO
    dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))
    dS = dS / np.sqrt(d_head)
    dQ = dS @ K
    dK = dS.transpose(0, 2, 1) @ Q
    dWQ = np.tensordot(E, dQ, axes=([0, 1], [0, 1]))
    dWK = np.tensordot(E, dK, axes=([0, 1], [0, 1]))
    dWV = np.tensordot(E, dV, axes=([0, 1], [0, 1]))
    dE = dQ @ WQ.T + dK @ WK.T + dV @ WV.T
    dWin = np.tensordot(x, dE, axes=([0, 1], [0, 1]))

    Win -= lr * dWin
    WQ -= lr * dWQ
    WK -= lr * dWK
    WV -= lr * dWV
    Wout -= lr * dWout
    bout -= lr * dbout

# %%
print("loss at the start", history[0], "and at the end", history[-1])
