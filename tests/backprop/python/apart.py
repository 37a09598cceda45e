"""Three coefficients, each with a slope of its own: the errors are computed three times."""

data = [(0, 0), (1, 1), (1, 2), (2, 1)]


def slope(power, a, b, c):
    total = 0
    for x, y in data:
        total += -2 * (y - a * x**2 - b * x - c) * x**power
    return total


a, b, c = 1, 1, 1
for _ in range(60):
    next_a = a - 0.01 * slope(2, a, b, c)
    next_b = b - 0.01 * slope(1, a, b, c)
    next_c = c - 0.01 * slope(0, a, b, c)
    a, b, c = next_a, next_b, next_c
print(a, b, c)
