# %% [markdown]
# # Two heads
# Reverse a sequence: position i must look at position T - 1 - i.

# %%
import numpy as np

np.random.seed(64)
B, T, D, HEADS = 4, 4, 6, 2
dh = D // HEADS


def split_heads(x):          # B T D -> B heads T dh
    return x.reshape(B, T, HEADS, dh).transpose(0, 2, 1, 3)


def join_heads(x):           # B heads T dh -> B T D
    return x.transpose(0, 2, 1, 3).reshape(B, T, D)


# %%
W = {name: np.random.randn(D, D) / np.sqrt(D) for name in ('q', 'k', 'v', 'o')}
bo = np.zeros(D)
places = np.random.randn(T, D)
momentum = {name: np.zeros((D, D)) for name in W}
momentum_b = np.zeros(D)

# %%
for step in range(35):
    x = np.random.randn(B, T, D)
    goal = x[:, ::-1]
    inp = x + places

    q, k, v = (split_heads(inp @ W[n]) for n in 'qkv')
    logits = q @ k.transpose(0, 1, 3, 2) / np.sqrt(dh)
    logits = logits - logits.max(-1, keepdims=True)
    p = np.exp(logits)
    p = p / p.sum(-1, keepdims=True)
    heads = join_heads(p @ v)
    out = heads @ W['o'] + bo
    loss = np.mean((out - goal) ** 2)

    g = {}
    dout = 2 * (out - goal) / out.size
    g['o'] = heads.reshape(-1, D).T @ dout.reshape(-1, D)
    gbo = dout.sum((0, 1))
    dheads = split_heads(dout @ W['o'].T)
    dp = dheads @ v.transpose(0, 1, 3, 2)
    dv = p.transpose(0, 1, 3, 2) @ dheads
    dlogits = p * dp - p * (p * dp).sum(-1, keepdims=True)
    dlogits /= np.sqrt(dh)
    dq = dlogits @ k
    dk = dlogits.transpose(0, 1, 3, 2) @ q
    flat_in = inp.reshape(-1, D)
    g['q'] = flat_in.T @ join_heads(dq).reshape(-1, D)
    g['k'] = flat_in.T @ join_heads(dk).reshape(-1, D)
    g['v'] = flat_in.T @ join_heads(dv).reshape(-1, D)

    for n in W:
        momentum[n] = 0.9 * momentum[n] + 0.1 * g[n]
        W[n] -= 1.0 * momentum[n]
    momentum_b = 0.9 * momentum_b + 0.1 * gbo
    bo -= 1.0 * momentum_b
    if step % 5 == 0:
        print(step, loss)
