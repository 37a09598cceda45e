"""One sample after the other, and its loss after the update: the first script of many courses."""

import pytest

from ..test_judge import judged

ONE_WEIGHT = """
xs = [1.0, 2.0, 3.0]
ys = [2.0, 4.0, 6.0]
w = 1.0
def loss(x, y):
    p = x * w
    return (p - y) * (p - y)
def gradient(x, y):
    return 2 * x * (x * w - y)
for epoch in range(8):
    for x, y in zip(xs, ys):
        w = w - 0.01 * gradient(x, y)
        l = loss(x, y)
"""
NOISY = "2.1, 3.7, 6.4"
BEFORE = """        l = loss(x, y)
        w = w - 0.01 * gradient(x, y)
"""


@pytest.mark.parametrize("targets", ["2.0, 4.0, 6.0", NOISY])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("step", ["2 * x * (", "2 * (", "2 * x * x * ("])
def test_one_weight(targets, first, step, tmp_path):
    """With one number, any step is a multiple of its gradient: the samples tell."""
    source = ONE_WEIGHT.replace("2.0, 4.0, 6.0", targets).replace("2 * x * (", step)
    if first:
        source = "".join(source.splitlines(keepends=True)[:-2]) + BEFORE
    (finding,) = judged(source, tmp_path)
    if step == "2 * x * (":
        assert (finding.verdict, finding.loss) == ("correct", "SSE")
        assert finding.lr == pytest.approx(0.01)
        assert not finding.rates_differ
    else:
        assert finding.verdict == "wrong"
        assert finding.diagnosis.line == 9


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("0.01 * 2 * e * x", None),
        ("0.01 * 2 * e", 9),
        ("0.01 * 2 * e * 2", 9),
        ("0.05 / (1 + epoch) * 2 * e * x", None),  # a rate of its own, and none of the sample
    ],
)
def test_a_ratio_that_differs_from_sample_to_sample_is_no_rate(step, line, tmp_path):
    """In the second sample x is 1, or 2: there the wrong step is a multiple of the right one."""
    source = f"""
xs, ys = [3.0, 1.0, 2.0, 4.0], [6.5, 2.2, 3.6, 7.7]
w, b = 1.0, 0.0
for epoch in range(8):
    for x, y in zip(xs, ys):
        e = w * x + b - y
        l = e ** 2
        b = b - 0.01 * 2 * e
        w = w - {step}
"""
    (finding,) = judged(source, tmp_path)
    assert (finding.diagnosis and finding.diagnosis.line) == line
    assert finding.verdict == ("wrong" if line else "correct")
    assert finding.diagnosis is None or finding.diagnosis.mistake is None


def test_a_rate_may_be_divided_by_what_counts_the_samples(tmp_path):
    source = ONE_WEIGHT.replace("w - 0.01 *", "w - 0.01 / x *")
    (finding,) = judged(source, tmp_path)
    assert finding.verdict == "correct"
