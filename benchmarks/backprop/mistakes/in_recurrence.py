"""Mistakes in backpropagation through time: RNN, LSTM, GRU.

The file is long because it is a list: each mistake takes a few lines.
"""

from ._plant import plant

_RESET = """\
        self.dU = np.zeros_like(self.U)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)
"""

MISTAKES = [
    plant(
        "rnn_char",
        "dhnext not added",
        ("dh = np.dot(Why.T, dy) + dhnext", "dh = np.dot(Why.T, dy)"),
    ),
    plant(
        "rnn_char",
        "transpose of Whh",
        ("dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh, dhraw)"),
        name="wrong transpose",
    ),
    plant(
        "rnn_char",
        "no tanh derivative",
        ("dhraw = (1 - hs[t] * hs[t]) * dh", "dhraw = dh"),
        near=("dh = np.dot(Why.T, dy) + dhnext",),
        name="missing hidden derivative",
    ),
    plant(
        "rnn_char",
        "state of the same step",
        ("dWhh += np.dot(dhraw, hs[t - 1].T)", "dWhh += np.dot(dhraw, hs[t].T)"),
    ),
    plant(
        "rnn_char",
        "dhnext before tanh derivative",
        ("dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh.T, dh)"),
        name="missing hidden derivative",
        also=(None, "raw error in the hidden delta"),
    ),
    plant(
        "rnn_char",
        "state of the last step for Why",
        (
            "dWhy += np.dot(dy, hs[t].T)",
            "dWhy += np.dot(dy, hs[len(inputs) - 1].T)",
        ),
    ),
    plant(
        "rnn_class",
        "derivative at the step before",
        ("da = dh * (1 - self.h[t + 1] ** 2)", "da = dh * (1 - self.h[t] ** 2)"),
        name="derivative of the wrong quantity",
    ),
    plant(
        "rnn_class",
        "only the first step",
        ("self.dW += self.h[t].T @ da", "self.dW = self.h[t].T @ da"),
    ),
    plant(
        "rnn_class",
        "gradients not reset",
        (
            "        self.c = np.zeros(n_out)\n",
            "        self.c = np.zeros(n_out)\n" + _RESET,
        ),
        (
            "        self.dc = delta.sum(axis=0)\n" + _RESET,
            "        self.dc = delta.sum(axis=0)\n",
        ),
        at="self.dU += self.x[:, t].T @ da",
        near=(
            "self.dW += self.h[t].T @ da",
            "self.db += da.sum(axis=0)",
            "self.dU = np.zeros_like(self.U)",
            "self.dW = np.zeros_like(self.W)",
            "self.db = np.zeros_like(self.b)",
        ),
    ),
    plant(
        "rnn_class",
        "transpose of W",
        ("dh = da @ self.W.T", "dh = da @ self.W"),
        name="wrong transpose",
    ),
    plant(
        "rnn_class",
        "bias summed over all",
        ("self.db += da.sum(axis=0)", "self.db += da.sum()"),
        name="bias summed over the wrong axis",
    ),
    plant(
        "rnn_class",
        "output bias not clipped",
        ("self.c -= lr * scale * self.dc", "self.c -= lr * self.dc"),
        name="scale of one parameter",
    ),
    plant(
        "lstm_dict",
        "forget gate missing in dc",
        ("dc_next = hf * dc", "dc_next = dc"),
        near=("dc = dh * ho * (1. - np.tanh(c) ** 2) + dc_next",),
    ),
    plant(
        "lstm_dict",
        "dc_next not added",
        (
            "dc = dh * ho * (1. - np.tanh(c) ** 2) + dc_next",
            "dc = dh * ho * (1. - np.tanh(c) ** 2)",
        ),
    ),
    plant(
        "lstm_dict",
        "new cell for the forget gate",
        ("dhf = dc * c_old", "dhf = dc * c"),
    ),
    plant(
        "lstm_dict",
        "sigmoid derivative of the candidate",
        ("dhc = dhc * (1. - hc ** 2)", "dhc = dhc * hc * (1. - hc)"),
        also=("derivative of the wrong quantity",),
    ),
    plant(
        "lstm_dict",
        "candidate missing in dX",
        (" + dho @ m['Wo'].T + dhc @ m['Wc'].T", " + dho @ m['Wo'].T"),
        at="dX = dhf @ m['Wf'].T + dhi @ m['Wi'].T + dho @ m['Wo'].T",
        near=("dh_next = dX[:, :H]",),
    ),
    plant(
        "lstm_dict",
        "tanh of the cell forgotten",
        (
            "dc = dh * ho * (1. - np.tanh(c) ** 2) + dc_next",
            "dc = dh * ho * (1. - c ** 2) + dc_next",
        ),
        name="derivative taken twice",
        also=("derivative of the wrong quantity", None),
    ),
    plant(
        "lstm_dict",
        "dh_next not added",
        ("dh = dy @ m['Wy'].T + dh_next", "dh = dy @ m['Wy'].T"),
    ),
    plant(
        "lstm_fused",
        "forget gate missing in dc",
        (
            "            dh = da.dot(self.Wh.T)\n            dc = dc * f\n",
            "            dh = da.dot(self.Wh.T)\n",
        ),
        at="dc = dc + dh * o * (1 - tc * tc)",
        near=("dh = da.dot(self.Wh.T)",),
    ),
    plant(
        "lstm_fused",
        "dc not carried",
        ("dc = dc + dh * o * (1 - tc * tc)", "dc = dh * o * (1 - tc * tc)"),
        near=("dc = dc * f",),
    ),
    plant(
        "lstm_fused",
        "gates in another order",
        (
            "da = np.hstack([\n"
            "                di * i * (1 - i),\n"
            "                df * f * (1 - f),\n",
            "da = np.hstack([\n"
            "                df * f * (1 - f),\n"
            "                di * i * (1 - i),\n",
        ),
        near=("df * f * (1 - f),", "di * i * (1 - i),", "])"),
    ),
    plant(
        "lstm_fused",
        "derivative of another gate",
        ("df * f * (1 - f),", "df * i * (1 - i),"),
        near=("da = np.hstack([",),
        name="derivative of the wrong quantity",
    ),
    plant(
        "lstm_fused",
        "mean for the output bias",
        ("dbo = dpred.sum(axis=0)", "dbo = dpred.mean(axis=0)"),
        name="scale of one parameter",
    ),
    plant(
        "lstm_fused",
        "old cell for the output gate",
        ("do = dh * tc", "do = dh * c_prev"),
    ),
    plant(
        "gru",
        "old state forgotten in dz",
        ("dz = dh * (hc - h_prev)", "dz = dh * hc"),
    ),
    plant(
        "gru",
        "z and 1 - z confused",
        ("dh_prev = dh * (1 - z)", "dh_prev = dh * z"),
        near=("dh = dh_prev",),
    ),
    plant(
        "gru",
        "reset gate missing in dh_prev",
        ("dh_prev += drh * r\n", "dh_prev += drh\n"),
        near=("drh = np.dot(dhc_raw, Uc.T)", "dh = dh_prev"),
    ),
    plant(
        "gru",
        "path through the reset gate forgotten",
        (
            "        dh_prev += np.dot(dr_raw, Ur.T)\n\n        dh = dh_prev",
            "        dh = dh_prev",
        ),
        near=("dh_prev += np.dot(dz_raw, Uz.T)", "dbr += dr_raw.sum(axis=0)"),
    ),
    plant(
        "gru",
        "reset gate missing in dUc",
        ("dUc += np.dot((r * h_prev).T, dhc_raw)", "dUc += np.dot(h_prev.T, dhc_raw)"),
    ),
    plant(
        "gru",
        "derivative of another gate",
        ("dr_raw = dr * r * (1 - r)", "dr_raw = dr * z * (1 - z)"),
        name="derivative of the wrong quantity",
    ),
    plant(
        "gru",
        "last state for dUz",
        ("dUz += np.dot(h_prev.T, dz_raw)", "dUz += np.dot(h.T, dz_raw)"),
        also=("stale activation",),
    ),
    plant(
        "gru",
        "square forgotten in tanh derivative",
        ("dhc_raw = dhc * (1 - hc ** 2)", "dhc_raw = dhc * (1 - hc)"),
    ),
    plant(
        "rnn_embedding",
        "repeated tokens lost",
        (
            "np.add.at(g['E'], s['tok'], dpre @ p['Wx'].T)",
            "g['E'][s['tok']] += dpre @ p['Wx'].T",
        ),
    ),
    plant(
        "rnn_embedding",
        "ReLU of the gradient",
        ("dpre = np.where(s['pre'] > 0, dh, 0.)", "dpre = np.where(dh > 0, dh, 0.)"),
        name="derivative of the wrong quantity",
        also=(None,),
    ),
    plant(
        "rnn_embedding",
        "gradient of later steps not added",
        ("dh = dscore @ p['Wy'].T + dh_later", "dh = dscore @ p['Wy'].T"),
    ),
    plant(
        "rnn_embedding",
        "gradient of later steps added up",
        ("dh_later = dpre @ p['Wh'].T", "dh_later += dpre @ p['Wh'].T"),
        near=("dh = dscore @ p['Wy'].T + dh_later",),
    ),
    plant(
        "rnn_embedding",
        "state of the same step",
        ("g['Wh'] += s['h_prev'].T @ dpre", "g['Wh'] += s['h'].T @ dpre"),
    ),
    plant(
        "gru_cell",
        "reset gate missing in dinner",
        ("dinner = dcand * r", "dinner = dcand"),
    ),
    plant(
        "gru_cell",
        "sign of the update gate",
        ("du = dout * (h - cand) * u * (1 - u)", "du = dout * (cand - h) * u * (1 - u)"),
        also=("wrong sign",),
    ),
    plant(
        "gru_cell",
        "direct path forgotten",
        ("return dout * u + duh @ p['U'].T", "return duh @ p['U'].T"),
        near=("dh = cell.step_back(dh + derr @ params['V'].T, caches.pop(), grads)",),
    ),
    plant(
        "gru_cell",
        "gradient of the inputs for U",
        ("g['U'] += h.T @ duh", "g['U'] += h.T @ dwx"),
    ),
    plant(
        "gru_cell",
        "dh not carried",
        (
            "dh = cell.step_back(dh + derr @ params['V'].T,",
            "dh = cell.step_back(derr @ params['V'].T,",
        ),
        at="dh = cell.step_back(derr @ params['V'].T, caches.pop(), grads)",
    ),
    plant(
        "gru_cell",
        "gradients not reset",
        (
            "    h = np.zeros((4, 5))\n    for begin in range(0, 60, 6):\n",
            "    h = np.zeros((4, 5))\n"
            "    grads = {k: np.zeros_like(p) for k, p in params.items()}\n"
            "    for begin in range(0, 60, 6):\n",
        ),
        (
            "        grads = {k: np.zeros_like(p) for k, p in params.items()}\n"
            "        dh = np.zeros((4, 5))\n",
            "        dh = np.zeros((4, 5))\n",
        ),
        at="grads['V'] += outs.pop().T @ derr",
        near=(
            "grads['d'] += derr.sum(axis=0)",
            "g['W'] += x.T @ dwx",
            "g['b'] += dwx.sum(axis=0)",
            "g['U'] += h.T @ duh",
            "g['c'] += dinner.sum(axis=0)",
            "grads = {k: np.zeros_like(p) for k, p in params.items()}",
        ),
    ),
    plant(
        "rnn_class",
        "one sequence only",
        ("self.dU += self.x[:, t].T @ da", "self.dU += self.x[:1, t].T @ da[:1]"),
        name="hard-coded sample",
    ),
    plant(
        "lstm_dict",
        "only the first step",
        ("grads[k] += grad[k] / len(xs)", "grads[k] = grad[k] / len(xs)"),
    ),
    plant(
        "lstm_fused",
        "updated too early",
        (
            "        self.lstm.backward(dpred.dot(self.Wo.T))\n",
            '        self.move(self, "Wo", dWo, lr, momentum)\n'
            "        self.lstm.backward(dpred.dot(self.Wo.T))\n",
        ),
        (
            '        self.move(self, "Wo", dWo, lr, momentum)\n        self.move(self, "bo"',
            '        self.move(self, "bo"',
        ),
        at="self.lstm.backward(dpred.dot(self.Wo.T))",
        near=('self.move(self, "Wo", dWo, lr, momentum)',),
        name="updated too early",
    ),
    plant(
        "rnn_quadratic",
        "transpose of W",
        ("delta_t = self.W.T.dot(delta_t)", "delta_t = self.W.dot(delta_t)"),
        name="wrong transpose",
    ),
    plant(
        "rnn_quadratic",
        "derivative at another step",
        (
            "self.W.T.dot(delta_t) * (1 - s[bptt_step - 1] ** 2)",
            "self.W.T.dot(delta_t) * (1 - s[t - 1] ** 2)",
        ),
        name="derivative of the wrong quantity",
    ),
    plant(
        "rnn_quadratic",
        "state at another step",
        ("np.outer(delta_t, s[bptt_step - 1])", "np.outer(delta_t, s[t - 1])"),
    ),
    plant(
        "rnn_quadratic",
        "steps in another order",
        ("for bptt_step in np.arange(0, t + 1)[::-1]:", "for bptt_step in np.arange(0, t + 1):"),
        at="dLdW += np.outer(delta_t, s[bptt_step - 1])",
        near=(
            "for bptt_step in np.arange(0, t + 1):",
            "dLdU[:, x[bptt_step]] += delta_t",
            "delta_t = self.W.T.dot(delta_t) * (1 - s[bptt_step - 1] ** 2)",
        ),
    ),
    plant(
        "rnn_quadratic",
        "word at another step",
        ("dLdU[:, x[bptt_step]] += delta_t", "dLdU[:, x[t]] += delta_t"),
    ),
    plant(
        "rnn_bidirectional",
        "backward network in its own order",
        ("run_back('b', forwards, hb, dout, g)", "run_back('b', backwards, hb, dout, g)"),
        at="dh = dout[:, t] @ p['Wy' + side].T + dlater",
        near=(
            "run_back('b', backwards, hb, dout, g)",
            "da = dh * (1 - h * h)",
            "dlater = da @ p['Wh' + side].T",
        ),
    ),
    plant(
        "rnn_bidirectional",
        "state of the same step",
        ("g['Wh' + side] += before.T @ da", "g['Wh' + side] += h.T @ da"),
    ),
    plant(
        "rnn_bidirectional",
        "carried before the tanh derivative",
        ("dlater = da @ p['Wh' + side].T", "dlater = dh @ p['Wh' + side].T"),
        name="missing hidden derivative",
        also=("raw error in the hidden delta",),
    ),
    plant(
        "rnn_bidirectional",
        "mean for the output bias",
        ("g['by'] += dout.sum(axis=(0, 1))", "g['by'] += dout.mean(axis=(0, 1))"),
        name="scale of one parameter",
    ),
    plant(
        "seq2seq",
        "nothing reaches the encoder",
        (
            "    for t in reversed(range(T)):\n        dh = cell_back(dh, onehot[:, t]",
            "    dh = np.zeros((B, H))\n"
            "    for t in reversed(range(T)):\n"
            "        dh = cell_back(dh, onehot[:, t]",
        ),
        at="dh = np.zeros((B, H))",
        near=(
            "dh = cell_back(dh, onehot[:, t], enc_h[t], enc_h[t + 1], enc, g_enc)",
            "dz = dh_new * (1 - h_new ** 2)",
        ),
    ),
    plant(
        "seq2seq",
        "gradient of later steps not added",
        ("dh = dh + ds @ dec['Wo'].T", "dh = ds @ dec['Wo'].T"),
    ),
    plant(
        "seq2seq",
        "derivative at the step before",
        ("dz = dh_new * (1 - h_new ** 2)", "dz = dh_new * (1 - h ** 2)"),
        name="derivative of the wrong quantity",
    ),
    plant(
        "seq2seq",
        "output weights with the state before",
        ("g_dec['Wo'] += dec_h[t + 1].T @ ds", "g_dec['Wo'] += dec_h[t].T @ ds"),
    ),
    plant(
        "seq2seq",
        "weights of the decoder",
        ("enc_h[t], enc_h[t + 1], enc, g_enc)", "enc_h[t], enc_h[t + 1], dec, g_enc)"),
        at="dh = cell_back(dh, onehot[:, t], enc_h[t], enc_h[t + 1], dec, g_enc)",
        near=("return dz @ q['Wh'].T",),
        name="weights of the wrong layer",
    ),
    plant(
        "lstm_stacked",
        "steps in another order",
        ("dxs.insert(0, dv[:-H])", "dxs.append(dv[:-H])"),
        near=("dhs1, dW2, db2 = layer_backward(dhs2, saved2, W2)", "dh = dh_above + dh_time"),
    ),
    plant(
        "lstm_stacked",
        "gradient of later steps not added",
        ("dh = dh_above + dh_time", "dh = dh_above"),
    ),
    plant(
        "lstm_stacked",
        "new cell for the forget gate",
        ("da[H:2 * H] = dc * c_old * f * (1 - f)", "da[H:2 * H] = dc * c * f * (1 - f)"),
    ),
    plant(
        "lstm_stacked",
        "no derivative of the output gate",
        ("da[2 * H:3 * H] = dh * tanh_c * o * (1 - o)", "da[2 * H:3 * H] = dh * tanh_c"),
        name="missing hidden derivative",
    ),
    plant(
        "lstm_stacked",
        "input gate for the cell",
        ("dc_time = dc * f", "dc_time = dc * i"),
        near=("dc = dc_time + dh * o * (1 - tanh_c ** 2)",),
    ),
]
