"""Tags for words: embedding, ReLU recurrence, a softmax at each position. Batches, gradients in a dict."""
import numpy as np

TOKENS, TAGS, EMB, HID, LEN, BATCH = 6, 3, 4, 7, 5, 8


def init_params(seed):
    r = np.random.RandomState(seed)
    return dict(
        E=r.randn(TOKENS, EMB) * 0.6,
        Wx=r.randn(EMB, HID) * 0.5,
        Wh=np.eye(HID) * 0.7,
        bh=np.full(HID, 0.1),
        Wy=r.randn(HID, TAGS) * 0.5,
        by=np.zeros(TAGS),
    )


def forward(p, tokens):
    h = np.full((len(tokens), HID), 0.05)
    steps = []
    for t in range(tokens.shape[1]):
        x = p['E'][tokens[:, t]]
        pre = x @ p['Wx'] + h @ p['Wh'] + p['bh']
        h_next = np.where(pre > 0, pre, 0.)
        score = h_next @ p['Wy'] + p['by']
        ex = np.exp(score - score.max(1, keepdims=True))
        prob = ex / ex.sum(1, keepdims=True)
        steps.append(dict(x=x, h_prev=h, pre=pre, h=h_next, prob=prob, tok=tokens[:, t]))
        h = h_next
    return steps


def cross_entropy(steps, tags):
    n, total = tags.size, 0.
    for t, s in enumerate(steps):
        total -= np.log(s['prob'][np.arange(len(tags)), tags[:, t]]).sum()
    return total / n


def backward(p, steps, tags):
    g = {k: np.zeros_like(v) for k, v in p.items()}
    dh_later = np.zeros_like(steps[0]['h'])
    for t in range(len(steps) - 1, -1, -1):
        s = steps[t]
        dscore = s['prob'].copy()
        dscore[np.arange(len(tags)), tags[:, t]] -= 1.
        dscore /= tags.size
        g['Wy'] += s['h'].T @ dscore
        g['by'] += dscore.sum(0)
        dh = dscore @ p['Wy'].T + dh_later
        dpre = np.where(s['pre'] > 0, dh, 0.)
        g['Wx'] += s['x'].T @ dpre
        g['Wh'] += s['h_prev'].T @ dpre
        g['bh'] += dpre.sum(0)
        np.add.at(g['E'], s['tok'], dpre @ p['Wx'].T)
        dh_later = dpre @ p['Wh'].T
    return g


if __name__ == '__main__':
    params = init_params(8)
    memory = {k: np.zeros_like(v) for k, v in params.items()}
    data = np.random.RandomState(9)
    for step in range(40):
        tokens = data.randint(0, TOKENS, (BATCH, LEN))
        # the tag says whether the token is smaller than, equal to or larger than the one before
        before = np.hstack([tokens[:, :1], tokens[:, :-1]])
        tags = np.sign(tokens - before) + 1
        steps = forward(params, tokens)
        loss = cross_entropy(steps, tags)
        grads = backward(params, steps, tags)
        for k in params:
            memory[k] += grads[k] ** 2
            params[k] -= 0.1 * grads[k] / (np.sqrt(memory[k]) + 1e-8)
        if step % 10 == 0:
            print(step, loss)
