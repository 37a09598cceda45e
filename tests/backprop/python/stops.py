"""A line that is fitted until its cost hardly changes: how much it has fallen is no loss."""

x = [0.5, -1.0, 2.0, 1.5, -0.5]
y = [1.2, -1.1, 3.4, 2.9, 0.3]
theta = [0.0, 0.0]
last = None
for _ in range(200):
    cost, slopes = 0.0, [0.0, 0.0]
    for a, b in zip(x, y):
        error = theta[0] + theta[1] * a - b
        cost += error * error
        slopes[0] += error
        slopes[1] += error * a
    theta = [t - 0.1 * s / len(x) for t, s in zip(theta, slopes)]
    cost /= 2 * len(x)
    if last is not None and abs(last - cost) < 1e-12:
        break
    last = cost
print(theta, cost)
