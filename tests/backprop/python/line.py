"""A line through points, with two floats and a mean of gradients."""

points = [(1.0, 3.1), (2.0, 4.9), (3.0, 7.2), (4.0, 8.8), (5.0, 11.1)]


def step(m, b, points, rate):
    m_gradient = 0
    b_gradient = 0
    n = float(len(points))
    for x, y in points:
        m_gradient += -(2 / n) * x * (y - (m * x + b))
        b_gradient += -(2 / n) * (y - (m * x + b))
    new_m = m - rate * m_gradient
    new_b = b - rate * b_gradient
    return new_m, new_b


m = 0
b = 0
for i in range(100):
    m, b = step(m, b, points, 0.01)
print(m, b)
