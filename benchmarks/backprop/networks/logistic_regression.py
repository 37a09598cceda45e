"""Logistic regression with an L2 penalty and mini-batches, as a class with fit and predict."""
import numpy as np


class LogisticRegression:
    def __init__(self, lr=0.2, lam=0.05, epochs=15, batch_size=8, seed=0):
        self.lr, self.lam, self.epochs, self.batch_size = lr, lam, epochs, batch_size
        self.rng = np.random.default_rng(seed)

    @staticmethod
    def _sigmoid(z):
        return 1.0 / (1.0 + np.exp(-z))

    def _objective(self, X, y):
        p = self._sigmoid(X @ self.coef_ + self.intercept_)
        nll = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        return nll + self.lam / 2 * np.dot(self.coef_, self.coef_)

    def fit(self, X, y):
        n, d = X.shape
        self.coef_ = self.rng.normal(scale=0.1, size=d)
        self.intercept_ = np.zeros(1)
        self.losses_ = []
        for _ in range(self.epochs):
            order = self.rng.permutation(n)
            for begin in range(0, n, self.batch_size):
                rows = order[begin:begin + self.batch_size]
                Xb, yb = X[rows], y[rows]
                objective = self._objective(Xb, yb)
                self.losses_.append(objective)
                error = self._sigmoid(Xb @ self.coef_ + self.intercept_) - yb
                grad_coef = Xb.T @ error / len(rows) + self.lam * self.coef_
                grad_intercept = error.mean()
                self.coef_ = self.coef_ - self.lr * grad_coef
                self.intercept_ = self.intercept_ - self.lr * grad_intercept
        return self

    def predict(self, X):
        return (X @ self.coef_ + self.intercept_ > 0).astype(int)


gen = np.random.default_rng(9)
X = gen.normal(size=(24, 4))
y = (X[:, 0] - 2 * X[:, 2] + 0.3 * gen.normal(size=24) > 0.4).astype(float)
model = LogisticRegression().fit(X, y)
print("first and last objective:", model.losses_[0], model.losses_[-1])
print("accuracy:", (model.predict(X) == y).mean())
