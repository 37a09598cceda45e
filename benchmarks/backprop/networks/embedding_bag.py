"""Positive or negative? The mean of word vectors, one hidden layer, a sigmoid."""
import numpy as np

reviews = [
    ("good film really good", 1),
    ("bad film really bad", 0),
    ("a good story and a good end", 1),
    ("a bad story and no end", 0),
    ("great great fun", 1),
    ("no fun really no", 0),
    ("really great story", 1),
    ("bad end bad fun", 0),
]
vocab = {}
for text, _ in reviews:
    for word in text.split():
        vocab.setdefault(word, len(vocab))

rng = np.random.RandomState(4)
EMB, HID = 4, 5
emb = rng.normal(0, 0.5, (len(vocab), EMB))
W1 = rng.normal(0, 0.5, (EMB, HID))
b1 = np.zeros(HID)
w2 = rng.normal(0, 0.5, HID)
b2 = np.zeros(1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


lr = 0.3
for epoch in range(6):
    total_loss = 0
    for text, label in reviews:
        ids = np.array([vocab[word] for word in text.split()])
        vectors = emb[ids]
        mean = vectors.mean(axis=0)
        hidden = np.tanh(mean @ W1 + b1)
        p = sigmoid(hidden @ w2 + b2)
        loss = -(label * np.log(p) + (1 - label) * np.log(1 - p))[0]
        total_loss += loss

        d_out = p - label
        d_w2 = d_out * hidden
        d_b2 = d_out
        d_hidden = d_out * w2 * (1 - hidden ** 2)
        d_W1 = np.outer(mean, d_hidden)
        d_b1 = d_hidden
        d_mean = W1 @ d_hidden
        d_emb = np.zeros_like(emb)
        np.add.at(d_emb, ids, d_mean / len(ids))

        emb -= lr * d_emb
        W1 -= lr * d_W1
        b1 -= lr * d_b1
        w2 -= lr * d_w2
        b2 -= lr * d_b2
    print(f"epoch {epoch + 1}: loss {total_loss / len(reviews):.4f}")
