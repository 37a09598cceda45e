"""What each network of the benchmark is, and where `check_truth` looks to see that it is right."""

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
}
"""Every right script: name of the file -> what it is."""


def source(network: str) -> str:
    """The text of a right script."""
    return (FOLDER / f"{network}.py").read_text(encoding="utf-8")
