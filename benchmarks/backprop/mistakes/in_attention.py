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
    plant(
        "attention_additive",
        "softmax diagonal only",
        (
            "jacobian = np.diag(alpha) - alpha[:, None] * alpha[None, :]",
            "jacobian = np.diag(alpha * (1 - alpha))",
        ),
        near=("dscore = jacobian @ dalpha",),
    ),
    plant(
        "attention_additive",
        "no tanh derivative",
        ("dpre = dth * (1 - th ** 2)", "dpre = dth"),
        near=("dth = dscore[:, None] * va[None, :]",),
        name="missing hidden derivative",
    ),
    plant(
        "attention_additive",
        "mean for the query",
        (
            "gWq = np.outer(dpre.sum(axis=0), query)",
            "gWq = np.outer(dpre.mean(axis=0), query)",
        ),
        name="scale of one parameter",
    ),
    plant(
        "attention_additive",
        "softmax without its sum",
        (
            "    jacobian = np.diag(alpha) - alpha[:, None] * alpha[None, :]\n"
            "    dscore = jacobian @ dalpha\n",
            "    dscore = alpha * dalpha\n",
        ),
    ),
    plant(
        "attention_additive",
        "weights for the scores",
        ("gva = th.T @ dscore", "gva = th.T @ dalpha"),
        also=("missing hidden derivative", "raw error in the hidden delta"),
    ),
    plant(
        "multihead_attention",
        "heads mixed",
        (
            "g['q'] = flat_in.T @ join_heads(dq).reshape(-1, D)",
            "g['q'] = flat_in.T @ dq.reshape(-1, D)",
        ),
    ),
    plant(
        "multihead_attention",
        "scale of all heads",
        ("dlogits /= np.sqrt(dh)", "dlogits /= np.sqrt(D)"),
        near=("dlogits = p * dp - p * (p * dp).sum(-1, keepdims=True)",),
    ),
    plant(
        "multihead_attention",
        "sum over the queries",
        (
            "dlogits = p * dp - p * (p * dp).sum(-1, keepdims=True)",
            "dlogits = p * dp - p * (p * dp).sum(-2, keepdims=True)",
        ),
        near=("dlogits /= np.sqrt(dh)",),
    ),
    plant(
        "multihead_attention",
        "weights not transposed",
        ("dv = p.transpose(0, 1, 3, 2) @ dheads", "dv = p @ dheads"),
        name="wrong transpose",
    ),
    plant(
        "multihead_attention",
        "gradient of the output transposed",
        (
            "g['o'] = heads.reshape(-1, D).T @ dout.reshape(-1, D)",
            "g['o'] = dout.reshape(-1, D).T @ heads.reshape(-1, D)",
        ),
        name="wrong transpose",
    ),
    plant(
        "tied_language_model",
        "repeated words lost",
        (
            "    for k in range(ctx.shape[0]):\n"
            "        for j in range(ctx.shape[1]):\n"
            "            dC[ctx[k, j]] += demb[k, j]\n",
            "    dC[ctx] += demb\n",
        ),
    ),
    plant(
        "tied_language_model",
        "use at the output forgotten",
        ("dC = dlogits.T @ hid", "dC = np.zeros_like(C)"),
        near=("dC[ctx[k, j]] += demb[k, j]", "C += -lr * dC"),
    ),
    plant(
        "tied_language_model",
        "use at the input forgotten",
        (
            "    demb = (dpre @ H.T).reshape(emb.shape)\n"
            "    for k in range(ctx.shape[0]):\n"
            "        for j in range(ctx.shape[1]):\n"
            "            dC[ctx[k, j]] += demb[k, j]\n"
            "\n"
            "    C += -lr * dC\n",
            "\n    C += -lr * dC\n",
        ),
        at="C += -lr * dC",
        near=("dC = dlogits.T @ hid",),
    ),
    plant(
        "tied_language_model",
        "embedding before the tanh derivative",
        ("demb = (dpre @ H.T).reshape(emb.shape)", "demb = (dhid @ H.T).reshape(emb.shape)"),
        name="missing hidden derivative",
        also=("raw error in the hidden delta",),
    ),
    plant(
        "tied_language_model",
        "assigned in place of added",
        ("dC[ctx[k, j]] += demb[k, j]", "dC[ctx[k, j]] = demb[k, j]"),
    ),
    plant(
        "word2vec",
        "updated too early",
        (
            "                grad_v += g * u\n                W_out[word] -= alpha * g * v\n",
            "                W_out[word] -= alpha * g * v\n                grad_v += g * u\n",
        ),
        at="grad_v += g * u",
        near=("W_out[word] -= alpha * g * v", "u = W_out[word]"),
        name="updated too early",
    ),
    plant(
        "word2vec",
        "uphill",
        ("g = score - label", "g = label - score"),
        near=("W_in[center] -= alpha * grad_v", "W_out[word] -= alpha * g * v"),
        name="wrong sign",
    ),
    plant(
        "word2vec",
        "only the last word",
        ("grad_v += g * u", "grad_v = g * u"),
        near=("W_in[center] -= alpha * grad_v",),
    ),
    plant(
        "word2vec",
        "centre updated for each word",
        (
            "                W_out[word] -= alpha * g * v\n"
            "            W_in[center] -= alpha * grad_v\n",
            "                W_out[word] -= alpha * g * v\n"
            "                W_in[center] -= alpha * grad_v\n",
        ),
        at="W_in[center] -= alpha * grad_v",
        near=(
            "grad_v += g * u",
            "W_out[word] -= alpha * g * v",
            "score = sigmoid(np.dot(u, v))",
            "g = score - label",
        ),
        also=("updated too early",),
    ),
    plant(
        "matrix_factorisation",
        "views of what is updated",
        ("pu, qi = P[u].copy(), Q[i].copy()", "pu, qi = P[u], Q[i]"),
        at="Q[i] += gamma * (e * pu - lam * qi)",
        near=("pu, qi = P[u], Q[i]", "P[u] += gamma * (e * qi - lam * pu)"),
        name="updated too early",
    ),
    plant(
        "matrix_factorisation",
        "penalty of the users forgotten",
        ("P[u] += gamma * (e * qi - lam * pu)", "P[u] += gamma * e * qi"),
        name="detached regularisation",
    ),
    plant(
        "matrix_factorisation",
        "bias of the other side",
        ("bi[i] += gamma * (e - lam * bi[i])", "bi[i] += gamma * (e - lam * bu[u])"),
    ),
    plant(
        "matrix_factorisation",
        "sign of the penalty",
        ("Q[i] += gamma * (e * pu - lam * qi)", "Q[i] += gamma * (e * pu + lam * qi)"),
        also=("wrong sign", "detached regularisation"),
    ),
    plant(
        "attention",
        "product of matrices in the softmax",
        (
            "dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))",
            "dS = A @ (dA - np.sum(dA * A, axis=-1, keepdims=True))",
        ),
        near=("dS = dS / np.sqrt(d_head)",),
        name="dot for element-wise product",
    ),
    plant(
        "attention",
        "updated too early",
        (
            "    dpooled = dlogits @ Wout.T\n",
            "    Wout -= lr * dWout\n    dpooled = dlogits @ Wout.T\n",
        ),
        (
            "    WV -= lr * dWV\n    Wout -= lr * dWout\n",
            "    WV -= lr * dWV\n",
        ),
        at="dpooled = dlogits @ Wout.T",
        near=("Wout -= lr * dWout",),
        name="updated too early",
    ),
    plant(
        "transformer_block",
        "matrix of the values",
        ("dmix = dr1 @ p['Wo'].T", "dmix = dr1 @ p['Wv'].T"),
        name="weights of the wrong layer",
    ),
]
