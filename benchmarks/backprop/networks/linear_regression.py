import numpy as np

# Price of a flat by area, rooms and age: linear regression by gradient descent

rng = np.random.RandomState(0)
area = rng.uniform(30, 120, 16)
rooms = np.round(area / 30 + rng.rand(16))
age = rng.uniform(0, 60, 16)
price = 3.0 * area + 12 * rooms - 0.8 * age + 20 + rng.randn(16) * 5

features = np.column_stack([area, rooms, age])
features = (features - features.mean(0)) / features.std(0)
y = price / 100

theta = np.zeros(3)
intercept = 0.0
m = len(y)
alpha0 = 0.3

for i in range(50):
    alpha = alpha0 / (1 + 0.05 * i)
    h = features.dot(theta) + intercept
    residual = h - y
    J = (residual ** 2).sum() / (2 * m)
    grad_theta = features.T.dot(residual) / m
    grad_intercept = residual.sum() / m
    theta = theta - alpha * grad_theta
    intercept = intercept - alpha * grad_intercept
    if i % 10 == 0:
        print(f"J = {J:.5f}")

print(theta, intercept)
