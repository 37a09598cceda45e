"""Every reason that the code can give has a code of its own in the catalogue."""

import ast
import re
from pathlib import Path

import pytest

from xor_torch import backprop
from xor_torch.backprop.saying.catalogue import OTHER, REASONS, code_of_reason

ROOMS = sorted(Path(backprop.__file__).parent.rglob("*.py"))
RETURNED = {
    "doubt",
    "leaves_out",
    "no_training",
    "turns_round",
    "_why_nothing",
    "_not_called",
    "_unknown_loss",
    "_strange_target",
    "unseen",
    "unseen_parameter",
    "preconditioned",
    "scheduled",
    "straight_through",
    "sampled",
    "without_target",
    "target_that_learns",
    "moved_by_data",
}  # functions whose texts are reasons
RAISED = {"CannotTell", "_CannotTell", "CannotReplay", "CannotCall", "OutOfTime"}


def reasons(tree):
    """(line, text) of each reason in a module, with ``x1`` for each part that is computed.

    A reason is the text of an exception in `RAISED`, the result of a function in `RETURNED`, or the
    text of ``Finding("cannot tell", text)`` or of ``Finding("wrong", text)``.
    """
    nodes = [*ast.walk(tree)]
    constants = {
        node.targets[0].id: node.value
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name in RETURNED:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and inner.value is not None:
                    yield from ((inner.lineno, found) for found in text(inner.value, constants))
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        args = node.args[:1] if name in RAISED else node.args[1:2] if name == "Finding" else []
        for arg in args:
            for found in text(arg, constants):
                yield node.lineno, found


def text(node, constants):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else "x1" for p in node.values]
        yield "".join(parts)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from text(value, constants)
    elif isinstance(node, ast.IfExp):
        yield from text(node.body, constants)
        yield from text(node.orelse, constants)
    elif isinstance(node, ast.Name) and node.id in constants:
        others = {name: value for name, value in constants.items() if name != node.id}  # x = x or y
        yield from text(constants[node.id], others)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):  # TEXT.format(...)
        yield from text(node.func.value, constants)


GIVE_REASONS = re.compile("|".join([*RETURNED, *RAISED, "Finding"]))
FOUND = [
    pytest.param(reason, id=f"{path.stem}:{line}")
    for path in ROOMS
    if GIVE_REASONS.search(path.read_text())  # the others need not be parsed
    for line, reason in reasons(ast.parse(path.read_text()))
]


@pytest.mark.parametrize("reason", FOUND)
def test_a_reason_has_a_code(reason):
    assert code_of_reason(reason) != OTHER, reason


def test_there_are_reasons():
    assert len(FOUND) > 20
    assert code_of_reason("something new") == OTHER


def test_every_code_has_a_reason():
    told_elsewhere = {"unreadable", "another-loss"}  # texts of exceptions, warnings of the judge
    given = {code_of_reason(param.values[0]) for param in FOUND}
    assert {*REASONS} - given <= told_elsewhere


def test_codes_are_words():
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in REASONS)
