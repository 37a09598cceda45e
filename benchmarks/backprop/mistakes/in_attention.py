"""Mistakes in attention, embeddings and residual paths."""

from ._plant import plant

MISTAKES = [
    plant(
        "attention",
        "softmax diagonal only",
        (
            "dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))",
            "dS = A * (1 - A) * dA",
        ),
        near=("dS = dS / np.sqrt(d_head)",),
    ),
    plant(
        "attention",
        "scale of the scores forgotten",
        ("    dS = dS / np.sqrt(d_head)\n    dQ = dS @ K\n", "    dQ = dS @ K\n"),
        near=(
            "dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))",
            "dK = dS.transpose(0, 2, 1) @ Q",
        ),
    ),
    plant(
        "attention",
        "scores not transposed",
        ("dK = dS.transpose(0, 2, 1) @ Q", "dK = dS @ Q"),
        name="wrong transpose",
    ),
    plant(
        "attention",
        "weights not transposed",
        ("dV = A.transpose(0, 2, 1) @ dO", "dV = A @ dO"),
        name="wrong transpose",
    ),
    plant(
        "attention",
        "path through the values forgotten",
        (
            "dE = dQ @ WQ.T + dK @ WK.T + dV @ WV.T",
            "dE = dQ @ WQ.T + dK @ WK.T",
        ),
    ),
    plant(
        "attention",
        "sum over the queries",
        (
            "dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))",
            "dS = A * (dA - np.sum(dA * A, axis=-2, keepdims=True))",
        ),
        near=("dS = dS / np.sqrt(d_head)",),
    ),
    plant(
        "attention",
        "query and key matrix confused",
        (
            "dE = dQ @ WQ.T + dK @ WK.T + dV @ WV.T",
            "dE = dQ @ WK.T + dK @ WQ.T + dV @ WV.T",
        ),
        name="weights of the wrong layer",
    ),
    plant(
        "attention",
        "mean over the positions not divided",
        (
            "dO = np.repeat(dpooled[:, None, :], seq_len, axis=1) / seq_len",
            "dO = np.repeat(dpooled[:, None, :], seq_len, axis=1)",
        ),
        near=("dpooled = dlogits @ Wout.T",),
    ),
    plant(
        "transformer_block",
        "residual around the feed-forward part",
        ("dn1 = dr2 + du @ p['F1'].T", "dn1 = du @ p['F1'].T"),
    ),
    plant(
        "transformer_block",
        "residual around the attention",
        ("dx = dr1 + dq @ p['Wq'].T", "dx = dq @ p['Wq'].T"),
        at="dx = dq @ p['Wq'].T + dk @ p['Wk'].T + dv @ p['Wv'].T",
    ),
    plant(
        "transformer_block",
        "weights not transposed",
        (
            "dv = np.einsum('bij,bid->bjd', c['a'], dmix)",
            "dv = np.einsum('bij,bjd->bid', c['a'], dmix)",
        ),
        name="wrong transpose",
    ),
    plant(
        "transformer_block",
        "softmax diagonal only",
        (
            "ds = c['a'] * (da - (da * c['a']).sum(-1, keepdims=True)) / np.sqrt(DIM)",
            "ds = c['a'] * (1 - c['a']) * da / np.sqrt(DIM)",
        ),
    ),
    plant(
        "transformer_block",
        "repeated symbols lost",
        ("np.add.at(g['tok'], c['ids'], dx)", "g['tok'][c['ids']] += dx"),
    ),
    plant(
        "transformer_block",
        "layer norm divides only",
        (
            "(dxh - dxh.mean(-1, keepdims=True) - xh * (dxh * xh).mean(-1, keepdims=True)) / sd",
            "dxh / sd",
        ),
        at="dx = dxh / sd",
        near=("return dx, dg, db",),
    ),
    plant(
        "transformer_block",
        "ReLU mask that is always true",
        (
            "du = (dr2 @ p['F2'].T) * (c['u'] > 0)",
            "du = (dr2 @ p['F2'].T) * (c['z'] >= 0)",
        ),
        also=("missing hidden derivative", "derivative of the wrong quantity"),
    ),
    plant(
        "transformer_block",
        "mean for the positions",
        ("g['pos'] = dx.sum(axis=0)", "g['pos'] = dx.mean(axis=0)"),
        name="scale of one parameter",
    ),
    plant(
        "embedding_bag",
        "repeated words lost",
        ("np.add.at(d_emb, ids, d_mean / len(ids))", "d_emb[ids] += d_mean / len(ids)"),
    ),
    plant(
        "embedding_bag",
        "mean not divided",
        ("np.add.at(d_emb, ids, d_mean / len(ids))", "np.add.at(d_emb, ids, d_mean)"),
        near=("d_mean = W1 @ d_hidden",),
        also=("scale of one parameter",),
    ),
    plant(
        "embedding_bag",
        "no tanh derivative",
        ("d_hidden = d_out * w2 * (1 - hidden ** 2)", "d_hidden = d_out * w2"),
        name="missing hidden derivative",
    ),
    plant(
        "embedding_bag",
        "updated too early",
        (
            "        d_b2 = d_out\n",
            "        d_b2 = d_out\n        w2 -= lr * d_w2\n",
        ),
        ("        b1 -= lr * d_b1\n        w2 -= lr * d_w2\n", "        b1 -= lr * d_b1\n"),
        at="d_hidden = d_out * w2 * (1 - hidden ** 2)",
        near=("w2 -= lr * d_w2",),
        name="updated too early",
    ),
    plant(
        "embedding_bag",
        "gradient not reset",
        ("lr = 0.3\n", "lr = 0.3\nd_emb = np.zeros_like(emb)\n"),
        ("        d_emb = np.zeros_like(emb)\n", ""),
        at="np.add.at(d_emb, ids, d_mean / len(ids))",
        near=("emb -= lr * d_emb", "d_emb = np.zeros_like(emb)"),
    ),
]
