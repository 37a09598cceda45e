"""What every report must fulfil, and hand-made verdicts to report on."""

import re

from xor_torch.backprop import Verdict
from xor_torch.backprop.code import Code
from xor_torch.backprop.judging.findings import Diagnosis, Finding, Parameter
from xor_torch.backprop.saying import Style

SOURCE = """\
import numpy as np

for _ in range(100):
    a1 = sigmoid(X @ W1 + b1)
    a2 = sigmoid(a1 @ W2 + b2)

    delta2 = (a2 - y) * a2 * (1 - a2)
    W2 -= 0.5 * a1.T @ delta2; b2 -= 0.5 * delta2.sum(0)

    delta1 = delta2 @ W2.T * a1 * (1 - a1)
    W1 -= 0.5 * X.T @ delta1
    b1 -= 0.5 * delta1.sum(0)
"""


def finding(**changes):
    """A finding on `SOURCE`: updated too early."""
    found = Finding(
        "wrong",
        loss="1/2 SSE",
        lr=0.5,
        updates="full batch: each sees all 4 distinct input rows",
        parameters=[
            Parameter("W2", 8, 1e-15, True, (3, 1)),
            Parameter("b2", 8, 1e-15, True, (1,)),
            Parameter("W1", 11, 3.4e-2, False, (2, 3)),
            Parameter("b1", 12, 4.1e-2, False, (3,)),
        ],
        layers=[
            "layer 1: W1, b1; z1 (4, 3), a1, sigmoid",
            "layer 2: W2, b2; z2 (4, 1), a2, sigmoid",
        ],
        labels={
            7: [("dL/da2", True), ("dL/dz2", True)],
            8: [("dL/dW2", True), ("dL/db2", True)],
            10: [("dL/dz1 wrong", False)],
            11: [("dL/dW1 wrong", False)],
            12: [("dL/db1 wrong", False)],
        },
        diagnosis=Diagnosis(
            *(10, "delta1", "updated too early", True, ["W1", "b1"], (4, 3)),
            **{"of": "delta1", "index": (0, 2), "actual": 0.06024, "expected": 0.06196},
        ),
        lines=(4, 12),
    )
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def verdict(*findings, source=SOURCE, **options):
    """A verdict on one network or several: the worst of their verdicts."""
    lines = source.splitlines()
    code = Code(lines, [(None, n) for n in range(1, len(lines) + 1)])
    found = [f.verdict for f in findings]
    one = next(v for v in ("wrong", "cannot tell", "correct") if v in found)
    reason = next((f.reason for f in findings if f.verdict == one), None)
    return Verdict("net.py", one, reason, [*findings], code=code, **options)


def contradictions(said: Verdict, full: bool = False) -> list[str]:
    """What a report says that contradicts itself or the script."""
    outline, script = said.outline(full), "\n".join(said.code.lines)
    known = {*re.findall(r"[^\W\d]\w*", script)}
    report = said.report(Style(width=200), full)
    found = []
    for network, of in zip(outline.networks, said.findings, strict=True):
        bad = {(p.line, f"dL/d{p.name}") for p in of.parameters if not p.ok}
        for line in network.lines if network.verdict == "wrong" else ():
            if line.is_right and bad & {(line.number, label) for label in line.labels}:
                found.append(f"line {line.number} is ok and updates what is wrong")
        wrong = [re.split(", (?:updated|gradient) on", words)[0] for words in network.wrong]
        wrong = [squeezed(re.sub(r" \([\d, ]*\)$", "", words)) for words in wrong]
        right = [squeezed(words) for words in network.right]
        found += [f"{name} is right and wrong" for name in {*right} & {*wrong}]
        for names in (network.wrong, network.right):
            found += [f"{name} is there twice" for name in names if names.count(name) > 1]
        for line in network.lines:
            if re.search(r"\bok\b", line.remark) and re.search(r"\bwrong\b", line.remark):
                found.append(f"line {line.number} is ok and wrong")
            if len({*line.labels}) < len(line.labels):
                found.append(f"line {line.number} says a thing twice")
        labels = [label for line in network.lines for label in line.labels]
        for name in [*wrong, *right, *(squeezed(x).removeprefix("dL/d") for x in labels)]:
            name = re.sub(r"(\([\d,]*\))?(#\d+)?$", "", name)
            # an element of a list or an object's field has a name that no line spells out
            words = re.findall(r"[^\W\d]\w*", name)
            if not {*words} <= known and not re.fullmatch(r"[za]\d+|value|parameter\d+", name):
                found.append(f"{name} is not in the script")
        if network.verdict == "correct" and network.wrong:
            found.append("a right network has wrong parameters")
    head, _, below = report.partition("\n")
    head = head.replace(said.path, "")
    if said.verdict != "correct" and said.findings and said.code.lines:
        for number in re.findall(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w.-])", head):
            if not re.search(rf"(?<![\w.]){re.escape(number)}(?![\w.])", below):
                found.append(f"{number} is in the headline alone")
    rate = re.search(r"learning rate (\d\S*)", report)
    if rate and float(rate[1].strip(";,")) not in numbers(script):
        found.append(f"the script types no {rate[1]}")
    for width in (60, 200):
        text = said.report(Style(width, width == 60, True), full)
        plain = re.sub(r"\x1b\[[\d;]*m", "", text)
        report = plain.partition("Traceback")[0]  # whose paths are to be copied
        if any(len(line) > width for line in report.splitlines()):
            found.append(f"a line is wider than {width}")
    return found


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text).replace("'", '"')


def numbers(script: str) -> set[float]:
    found = re.findall(r"(?<![A-Za-z_])\d*\.?\d+(?:e[+-]?\d+)?|\d+\.", script)
    return {float(number) for number in found} | {float(n.replace("_", "")) for n in found}
