"""What each network of the benchmark is, and where `check_truth` looks to see that it is right.

The file is long because it is a table: each network takes about ten lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "networks"


@dataclass(frozen=True)
class Network:
    """One right script.

    Args:
        kind: The category in the table of results.
        start: The text of the line at which an update begins: what the forward pass reads is
            changed before it.
        loss: The text of the line after which ``objective`` can be computed. If it is reached
            several times in one update, the values are added up.
        every: The number of times that ``start`` is reached in one update.
        parameters: An expression, valid at ``start``, for the dictionary of all trained arrays.
        rule: The optimiser, a name that `check_truth.step` knows.
        settings: The optimiser's settings.
        objective: An expression, valid after ``loss``, for the number whose gradient the script
            follows.

    """

    kind: str
    start: str
    loss: str
    parameters: str
    rule: str
    settings: dict[str, Any] = field(default_factory=dict)
    objective: str = "loss"
    every: int = 1


def named(*expressions: str) -> str:
    """An expression for the dictionary that holds the value of each of ``expressions``."""
    return "{" + ", ".join(f"{text!r}: {text}" for text in expressions) + "}"


NETWORKS: dict[str, Network] = {
    "rnn_char": Network(
        "RNN",
        start="if p + seq_length + 1 >= len(data) or n == 0:",
        loss="loss, dWxh, dWhh, dWhy, dbh, dby, hprev = loss_and_grads(inputs, targets, hprev)",
        parameters=named("Wxh", "Whh", "Why", "bh", "by"),
        rule="adagrad",
        settings={"lr": 0.1, "eps_inside": 1e-8, "clip_value": 5},
    ),
    "rnn_class": Network(
        "RNN",
        start="prob = net.forward(X)",
        loss="loss = net.loss(Y)",
        parameters=named("net.U", "net.W", "net.V", "net.b", "net.c"),
        rule="sgd",
        settings={"lr": 1.0, "clip_norm": 0.2},
    ),
    "lstm_dict": Network(
        "LSTM",
        start="it += 1",
        loss="loss, grads, state = train_step(xs, ys, state, model)",
        parameters="model",
        rule="adam",
        settings={"lr": 0.02},
    ),
    "lstm_fused": Network(
        "LSTM",
        start="pick = order.choice(35, size=8, replace=False)",
        loss="loss = np.mean(err ** 2)",
        parameters=named("model.lstm.Wx", "model.lstm.Wh", "model.lstm.b", "model.Wo", "model.bo"),
        rule="momentum",
        settings={"lr": 0.05, "mu": 0.8},
    ),
    "gru": Network(
        "GRU",
        start="h = np.zeros((n_seq, n_h))",
        loss="cost = -np.sum(labels * np.log(p) + (1 - labels) * np.log(1 - p)) / n_seq",
        parameters="dict(enumerate(params))",
        rule="rmsprop",
        settings={"lr": 0.02, "rho": 0.9, "eps": 1e-6},
        objective="cost",
    ),
    "cnn_loops": Network(
        "CNN",
        start="conv = conv_forward(image, filters, filter_bias)",
        loss="loss = -np.log(probs[label])",
        parameters=named("filters", "filter_bias", "weights", "bias"),
        rule="sgd",
        settings={"lr": 0.05},
    ),
    "cnn_im2col": Network(
        "CNN",
        start="batch = order[start:start + batch_size]",
        loss="loss, grad = cross_entropy(out, y[batch])",
        parameters="{(i, n): getattr(l, n) for i, l in enumerate(trained) for n in 'wb'}",
        rule="momentum",
        settings={"lr": 0.05, "mu": 0.9},
    ),
    "cnn_strided": Network(
        "CNN",
        start="out, cache = forward(X)",
        loss="loss = 0.5 * np.mean(np.sum((out - T) ** 2, axis=1))",
        parameters=named("K1", "c1", "K2", "c2", "V", "v0"),
        rule="sgd",
        settings={"lr": 0.3, "decay": 0.99},
    ),
    "batchnorm_staged": Network(
        "batch norm",
        start="sel = np.random.choice(num_train, 12, replace=False)",
        loss="loss, dscores = softmax_loss(scores, y)",
        parameters=named("W1", "gamma1", "beta1", "W2", "b2"),
        rule="sgd",
        settings={"lr": 0.2},
    ),
    "batchnorm_layers": Network(
        "batch norm",
        start="t += 1",
        loss="loss = (diff ** 2).mean()",
        parameters="{(i, n): getattr(l, n) for i, l in enumerate(net) for n in l.params}",
        rule="adam",
        settings={"lr": 0.01},
    ),
    "attention": Network(
        "attention",
        start="rows = rng.choice(len(inputs), batch, replace=False)",
        loss="loss = -np.log(P[np.arange(batch), target]).mean()",
        parameters=named("Win", "WQ", "WK", "WV", "Wout", "bout"),
        rule="sgd",
        settings={"lr": 0.2},
    ),
    "embedding_bag": Network(
        "embedding",
        start="ids = np.array([vocab[word] for word in text.split()])",
        loss="loss = -(label * np.log(p) + (1 - label) * np.log(1 - p))[0]",
        parameters=named("emb", "W1", "b1", "w2", "b2"),
        rule="sgd",
        settings={"lr": 0.3},
    ),
    "layernorm_mlp": Network(
        "layer norm",
        start='a, cache1 = affine(X, p["w1"], p["b1"])',
        loss="loss = 0.5 * np.sum((out - Y) ** 2) / len(X)",
        parameters="p",
        rule="momentum",
        settings={"lr": 0.02, "mu": 0.9},
    ),
    "transformer_block": Network(
        "attention",
        start="ids = rng.integers(0, VOCAB, (6, LENGTH))",
        loss="loss = -np.log(picked).mean()",
        parameters="model.p",
        rule="sgd",
        settings={"lr": 0.3},
    ),
    "rnn_embedding": Network(
        "RNN",
        start="tokens = data.randint(0, TOKENS, (BATCH, LEN))",
        loss="loss = cross_entropy(steps, tags)",
        parameters="params",
        rule="adagrad",
        settings={"lr": 0.1},
    ),
    "rnn_quadratic": Network(
        "RNN",
        start="loss = model.calculate_loss(X_train[i], y_train[i])",
        loss="loss = model.calculate_loss(X_train[i], y_train[i])",
        parameters=named("model.U", "model.V", "model.W"),
        rule="sgd",
        settings={"lr": 0.1},
    ),
    "rnn_bidirectional": Network(
        "RNN",
        start="hf = run('f', forwards)",
        loss="loss = np.mean((out - Y) ** 2)",
        parameters="p",
        rule="sgd",
        settings={"lr": 0.4},
    ),
    "seq2seq": Network(
        "RNN",
        start="symbols = np.random.randint(0, V, (B, T))",
        loss="loss -= np.log(probs[t][np.arange(B), symbols[:, t]]).sum() / (B * T)",
        parameters="{(n, k): v for n, q in zip('ed', (enc, dec)) for k, v in q.items()}",
        rule="momentum",
        settings={"lr": 0.2, "mu": 0.8},
        objective="-np.log(probs[t][np.arange(B), symbols[:, t]]).sum() / (B * T)",
    ),
    "lstm_stacked": Network(
        "LSTM",
        start="bits = rng.randint(0, 2, (T, 1, B)).astype(float)",
        loss="loss = np.mean((y - count) ** 2)",
        parameters=named("W1", "b1", "W2", "b2", "Wy", "by"),
        rule="sgd",
        settings={"lr": 0.1, "clip_value": 1},
    ),
    "gru_cell": Network(
        "GRU",
        start="count += 1",
        loss="loss = loss / (4 * 6)",
        parameters="params",
        rule="adam",
        settings={"lr": 0.01},
    ),
    "cnn_stride_loops": Network(
        "CNN",
        start="Z1, cache1 = conv_forward(images, W1, b1, stride=2, pad=1)",
        loss="cost = np.sum(-targets * np.log(Y_hat) - (1 - targets) * np.log(1 - Y_hat)) / m",
        parameters=named("W1", "b1", "W2", "b2", "W3", "b3"),
        rule="sgd",
        settings={"lr": 0.5},
        objective="cost",
    ),
    "conv1d": Network(
        "CNN",
        start="feat = np.zeros((N, FILTERS, positions))",
        loss="loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()",
        parameters=named("kernel", "kbias", "w", "wbias"),
        rule="sgd",
        settings={"lr": 0.2},
    ),
    "cnn_batchnorm": Network(
        "batch norm",
        start="img, label = make_batch(8)",
        loss="loss = -np.mean(np.log(prob[np.arange(n), label]))",
        parameters=named("K", "gamma", "beta", "Wf", "bf"),
        rule="sgd",
        settings={"lr": 0.3},
    ),
    "layernorm_rnn": Network(
        "layer norm",
        start="seq = rng.normal(size=(B, T, 1)) + 0.3",
        loss="loss = sum(((o - want[:, t]) ** 2).sum() for t, o in enumerate(outs)) / (B * T)",
        parameters=named("Wx", "Wh", "b", "gain", "shift", "wo", "bo"),
        rule="sgd",
        settings={"lr": 0.1, "clip_norm": 0.5},
    ),
    "attention_additive": Network(
        "attention",
        start="sums = [np.zeros_like(p) for p in params]",
        loss="batch_loss += 0.5 * np.sum((out - answer) ** 2) / 5",
        parameters="dict(enumerate(params))",
        rule="sgd",
        settings={"lr": 0.1},
        objective="0.5 * np.sum((out - answer) ** 2) / 5",
    ),
    "multihead_attention": Network(
        "attention",
        start="x = np.random.randn(B, T, D)",
        loss="loss = np.mean((out - goal) ** 2)",
        parameters="{**W, 'bo': bo}",
        rule="momentum",
        settings={"lr": 0.1, "mu": 0.9},
    ),
    "tied_language_model": Network(
        "embedding",
        start="pick = rng.integers(0, len(nexts), 10)",
        loss="loss = -np.log(probs[range(len(pick)), nxt]).mean()",
        parameters=named("C", "H", "d", "bias"),
        rule="sgd",
        settings={"lr": 0.3},
    ),
    "word2vec": Network(
        "embedding",
        start="context = tokens[ctx_pos]",
        loss="epoch_loss += loss",
        parameters=named("W_in", "W_out"),
        rule="sgd",
        settings={"lr": 0.2},
    ),
    "matrix_factorisation": Network(
        "embedding",
        start="u, i, r = ratings[idx]",
        loss="loss = 0.5 * e ** 2 + 0.5 * lam * (pu @ pu + qi @ qi + bu[u] ** 2 + bi[i] ** 2)",
        parameters=named("P", "Q", "bu", "bi"),
        rule="sgd",
        settings={"lr": 0.05},
    ),
    "mlp_coursework": Network(
        "MLP",
        start="A2, cache = forward_propagation(X, parameters)",
        loss="cost = compute_cost(A2, Y)",
        parameters="parameters",
        rule="sgd",
        settings={"lr": 1.2},
        objective="cost",
    ),
    "mlp_nesterov": Network(
        "MLP",
        start="batch = order[k:k + 10]",
        loss="loss = np.mean((prediction - y) ** 2) / 2",
        parameters="{(n, i): a for n in ('weights', 'biases')"
        " for i, a in enumerate(getattr(net, n))}",
        rule="momentum",  # the differences are taken where the script looks ahead
        settings={"lr": 0.1, "mu": 0.8},
    ),
    "mlp_layer_lists": Network(
        "MLP",
        start="a = [data]",
        loss="loss = data_loss + reg_loss",
        parameters="dict(enumerate(W + b))",
        rule="sgd",
        settings={"lr": 0.5, "decay": 0.97},
    ),
    "mlp_accumulation": Network(
        "MLP",
        start="pre = W1 @ x + b1",
        every=4,
        loss="loss = ((out - y) ** 2)[0]",
        parameters=named("W1", "b1", "W2", "b2"),
        rule="sgd",
        settings={"lr": 0.02},
        objective="loss / ACCUMULATE",
    ),
    "dropout_mlp": Network(
        "MLP",
        start="rows = rng.choice(len(X), 16, replace=False)",
        loss="loss = -np.mean(Y[rows] * np.log(prob) + (1 - Y[rows]) * np.log(1 - prob))",
        parameters="params",
        rule="rmsprop",
        settings={"lr": 0.01, "rho": 0.95},
    ),
    "residual_mlp": Network(
        "MLP",
        start="h = X @ W_in",
        loss="loss = np.sum((out - Y) ** 2) / n",
        parameters="dict(enumerate(everything))",
        rule="momentum",
        settings={"lr": 0.03, "mu": 0.7},
    ),
    "softmax_jacobian": Network(
        "MLP",
        start="grads = [np.zeros_like(p) for p in (w_hidden, b_hidden, w_out, b_out)]",
        loss="loss += np.sum((prob - target[n]) ** 2)",
        parameters=named("w_hidden", "b_hidden", "w_out", "b_out"),
        rule="sgd",
        settings={"lr": 0.5},
        objective="np.sum((prob - target[n]) ** 2)",
    ),
    "mlp_neurons": Network(
        "MLP",
        start="hidden = np.zeros(n_hid)",
        loss="loss = 0.5 * (target - output) ** 2",
        parameters=named("w_ih", "b_h", "w_ho", "b_o"),
        rule="sgd",
        settings={"lr": 0.5},
    ),
    "autoencoder": Network(
        "autoencoder",
        start="batch = points[rng.integers(0, len(points), 12)]",
        loss="reconstruction_loss = ((signal - batch) ** 2).mean()",
        parameters="{(i, n): getattr(l, n) for i, l in enumerate(layers) for n in 'Wb'}",
        rule="adam",
        settings={"lr": 0.02, "b2": 0.99},
        objective="reconstruction_loss",
    ),
    "tied_autoencoder": Network(
        "autoencoder",
        start="noise = np.random.rand(*patterns.shape) > 0.2",
        loss="cost = -np.mean(np.sum("
        "patterns * np.log(y) + (1 - patterns) * np.log(1 - y), axis=1))",
        parameters=named("W", "hbias", "vbias"),
        rule="sgd",
        settings={"lr": 0.4},
        objective="cost",
    ),
    "variational_autoencoder": Network(
        "autoencoder",
        start="x = data[rng.choice(60, BATCH, replace=False)]",
        loss="loss = reconstruction + weight_kl * kl",
        parameters="P",
        rule="adam",
        settings={"lr": 0.02},
    ),
    "linear_regression": Network(
        "one layer",
        start="alpha = alpha0 / (1 + 0.05 * i)",
        loss="J = (residual ** 2).sum() / (2 * m)",
        parameters=named("theta", "intercept"),
        rule="sgd",
        settings={"lr": 0.3, "inverse_decay": 0.05},
        objective="J",
    ),
    "logistic_regression": Network(
        "one layer",
        start="rows = order[begin:begin + self.batch_size]",
        loss="objective = self._objective(Xb, yb)",
        parameters=named("self.coef_", "self.intercept_"),
        rule="sgd",
        settings={"lr": 0.2},
        objective="objective",
    ),
    "svm_hinge": Network(
        "one layer",
        start="loss, grad = svm_loss(W, X, y, reg=0.1)",
        loss="loss, grad = svm_loss(W, X, y, reg=0.1)",
        parameters=named("W"),
        rule="sgd",
        settings={"lr": 0.05},
    ),
}
"""Every right script: name of the file -> what it is."""


def source(network: str) -> str:
    """The text of a right script."""
    return (FOLDER / f"{network}.py").read_text(encoding="utf-8")
