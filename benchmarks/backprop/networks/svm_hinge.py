import numpy as np

# Multi-class SVM, loops over samples and classes

np.random.seed(5)
num_classes, dim, num_train = 3, 4, 16
centers = np.random.randn(num_classes, dim) * 1.5
y = np.random.randint(num_classes, size=num_train)
X = centers[y] + np.random.randn(num_train, dim)
X = np.hstack([X, np.ones((num_train, 1))])      # the bias trick
W = np.random.randn(dim + 1, num_classes) * 0.1


def svm_loss(W, X, y, reg):
    dW = np.zeros(W.shape)
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        correct = scores[y[i]]
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - correct + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= X.shape[0]
    dW /= X.shape[0]
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


for it in range(30):
    loss, grad = svm_loss(W, X, y, reg=0.1)
    W = W - 0.05 * grad
    if it % 10 == 0:
        print(it, loss)
