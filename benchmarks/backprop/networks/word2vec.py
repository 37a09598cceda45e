# Skip-gram with negative sampling, one pair of words at a time
import numpy as np

np.random.seed(77)
corpus = ('king queen palace king crown queen crown palace '
          'apple pear plum apple juice pear juice plum').split()
vocab = {w: i for i, w in enumerate(dict.fromkeys(corpus))}
tokens = [vocab[w] for w in corpus]
V, D, NEG, WINDOW = len(vocab), 5, 3, 1

W_in = (np.random.rand(V, D) - 0.5)
W_out = (np.random.rand(V, D) - 0.5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def draw_negatives(positive):
    others = [w for w in range(V) if w != positive]
    return list(np.random.choice(others, NEG, replace=False))


alpha = 0.2
for epoch in range(2):
    epoch_loss, pairs = 0.0, 0
    for pos, center in enumerate(tokens):
        for ctx_pos in range(max(0, pos - WINDOW), min(len(tokens), pos + WINDOW + 1)):
            if ctx_pos == pos:
                continue
            context = tokens[ctx_pos]
            v = W_in[center]
            grad_v = np.zeros(D)
            loss = 0.0
            for word, label in [(context, 1)] + [(w, 0) for w in draw_negatives(context)]:
                u = W_out[word]
                score = sigmoid(np.dot(u, v))
                loss -= np.log(score) if label else np.log(1 - score)
                g = score - label
                grad_v += g * u
                W_out[word] -= alpha * g * v
            W_in[center] -= alpha * grad_v
            epoch_loss += loss
            pairs += 1
    print('epoch', epoch, 'loss', epoch_loss / pairs)
