"""One transformer block on short sequences: attention, residual, layer norm, feed-forward.

Learns to say for each position the symbol of the position before it.
"""
import numpy as np

VOCAB, LENGTH, DIM, FF = 5, 5, 6, 8


class Block:
    def __init__(self, seed):
        r = np.random.default_rng(seed)

        def init(*shape):
            return r.standard_normal(shape) * 0.4

        self.p = {
            'tok': init(VOCAB, DIM), 'pos': init(LENGTH, DIM),
            'Wq': init(DIM, DIM), 'Wk': init(DIM, DIM), 'Wv': init(DIM, DIM), 'Wo': init(DIM, DIM),
            'g1': np.ones(DIM), 'b1': np.zeros(DIM),
            'F1': init(DIM, FF), 'f1': np.zeros(FF), 'F2': init(FF, DIM), 'f2': np.zeros(DIM),
            'g2': np.ones(DIM), 'b2': np.zeros(DIM),
            'head': init(DIM, VOCAB), 'hb': np.zeros(VOCAB),
        }
        self.mask = np.triu(np.full((LENGTH, LENGTH), -1e9), 1)

    @staticmethod
    def norm(x, g, b):
        mu = x.mean(-1, keepdims=True)
        sd = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        xh = (x - mu) / sd
        return g * xh + b, (xh, sd, g)

    @staticmethod
    def norm_back(dy, cache):
        xh, sd, g = cache
        dg = (dy * xh).sum(axis=(0, 1))
        db = dy.sum(axis=(0, 1))
        dxh = dy * g
        dx = (dxh - dxh.mean(-1, keepdims=True) - xh * (dxh * xh).mean(-1, keepdims=True)) / sd
        return dx, dg, db

    def forward(self, ids):
        p, c = self.p, {}
        c['ids'] = ids
        c['x'] = x = p['tok'][ids] + p['pos']
        c['q'], c['k'], c['v'] = x @ p['Wq'], x @ p['Wk'], x @ p['Wv']
        s = np.einsum('bid,bjd->bij', c['q'], c['k']) / np.sqrt(DIM) + self.mask
        e = np.exp(s - s.max(-1, keepdims=True))
        c['a'] = a = e / e.sum(-1, keepdims=True)
        c['mix'] = mix = np.einsum('bij,bjd->bid', a, c['v'])
        r1 = x + mix @ p['Wo']
        c['n1'], c['ln1'] = self.norm(r1, p['g1'], p['b1'])
        c['u'] = u = c['n1'] @ p['F1'] + p['f1']
        c['z'] = z = np.maximum(u, 0)
        r2 = c['n1'] + z @ p['F2'] + p['f2']
        c['n2'], c['ln2'] = self.norm(r2, p['g2'], p['b2'])
        logits = c['n2'] @ p['head'] + p['hb']
        e = np.exp(logits - logits.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True), c

    def backward(self, probs, targets, c):
        p, g = self.p, {}
        B = len(targets)
        d = (probs - np.eye(VOCAB)[targets]) / (B * LENGTH)
        g['head'] = np.einsum('bid,biv->dv', c['n2'], d)
        g['hb'] = d.sum(axis=(0, 1))
        dr2, g['g2'], g['b2'] = self.norm_back(d @ p['head'].T, c['ln2'])
        g['F2'] = np.einsum('bif,bid->fd', c['z'], dr2)
        g['f2'] = dr2.sum(axis=(0, 1))
        du = (dr2 @ p['F2'].T) * (c['u'] > 0)
        g['F1'] = np.einsum('bid,bif->df', c['n1'], du)
        g['f1'] = du.sum(axis=(0, 1))
        dn1 = dr2 + du @ p['F1'].T
        dr1, g['g1'], g['b1'] = self.norm_back(dn1, c['ln1'])
        g['Wo'] = np.einsum('bid,bie->de', c['mix'], dr1)
        dmix = dr1 @ p['Wo'].T
        da = np.einsum('bid,bjd->bij', dmix, c['v'])
        dv = np.einsum('bij,bid->bjd', c['a'], dmix)
        ds = c['a'] * (da - (da * c['a']).sum(-1, keepdims=True)) / np.sqrt(DIM)
        dq = np.einsum('bij,bjd->bid', ds, c['k'])
        dk = np.einsum('bij,bid->bjd', ds, c['q'])
        g['Wq'] = np.einsum('bid,bie->de', c['x'], dq)
        g['Wk'] = np.einsum('bid,bie->de', c['x'], dk)
        g['Wv'] = np.einsum('bid,bie->de', c['x'], dv)
        dx = dr1 + dq @ p['Wq'].T + dk @ p['Wk'].T + dv @ p['Wv'].T
        g['pos'] = dx.sum(axis=0)
        g['tok'] = np.zeros_like(p['tok'])
        np.add.at(g['tok'], c['ids'], dx)
        return g


rng = np.random.default_rng(6)
model = Block(seed=1)
lr = 0.3
for step in range(30):
    ids = rng.integers(0, VOCAB, (6, LENGTH))
    targets = np.concatenate([ids[:, :1], ids[:, :-1]], axis=1)
    probs, cache = model.forward(ids)
    picked = np.take_along_axis(probs, targets[:, :, None], axis=2)
    loss = -np.log(picked).mean()
    grads = model.backward(probs, targets, cache)
    for name, value in model.p.items():
        value -= lr * grads[name]
    if step % 10 == 0:
        print('step', step, 'loss', loss)
