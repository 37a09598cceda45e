"""Finds where a script chooses between two literal numbers: ``return 1 if z >= 0 else 0``.

The chosen number is a step function of what was compared. `source` turns each choice into a call
of the recorder.
"""

import ast

# Comparisons that may choose a number -> their names in `operator`.
_COMPARED = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
# Parts of an expression that call no function of the script.
_PLAIN = (
    ast.Compare, ast.cmpop, ast.Name, ast.Attribute, ast.Constant, ast.UnaryOp, ast.unaryop,
    ast.Load,
)  # fmt: skip


def _is_typed(x: ast.expr | None) -> bool:
    """Is it a literal number, such as ``-1``?"""
    if isinstance(x, ast.UnaryOp) and isinstance(x.op, ast.USub | ast.UAdd):
        x = x.operand
    return isinstance(x, ast.Constant) and type(x.value) in (int, float)


def is_choice(x: ast.expr | None, inner: bool = False) -> bool:
    """Is it ``1 if a < b else 0``, perhaps with another choice inside?

    The inner choice would always be computed, so it may only compare values that exist already.
    """
    if not (isinstance(x, ast.IfExp) and isinstance(x.test, ast.Compare)):
        return False
    known = len(x.test.ops) == 1 and type(x.test.ops[0]) in _COMPARED
    if inner:
        known = known and all(isinstance(n, _PLAIN) for n in ast.walk(x.test))
    return known and all(_is_typed(part) or is_choice(part, True) for part in (x.body, x.orelse))


def may_compare(test: ast.expr) -> bool:
    """May it compare numbers, as ``x is None`` does not?"""
    return not isinstance(test, ast.Compare) or any(type(op) in _COMPARED for op in test.ops)


def as_choice(call: ast.Call) -> ast.IfExp | None:
    """Write ``int(a < b)`` as ``1 if a < b else 0``. Any other call gives None."""
    kinds = {"int": int, "float": float}
    kind = kinds.get(call.func.id) if isinstance(call.func, ast.Name) else None
    if kind is None or len(call.args) != 1 or call.keywords:
        return None
    yes, no = (ast.copy_location(ast.Constant(kind(x)), call) for x in (1, 0))
    made = ast.copy_location(ast.IfExp(call.args[0], yes, no), call)
    return made if is_choice(made) else None


def as_call(x: ast.IfExp) -> ast.expr:
    """The call of the recorder that replaces a choice."""
    assert isinstance(x.test, ast.Compare)
    name = ast.Constant(_COMPARED[type(x.test.ops[0])])
    parts = [x.test.left, x.test.comparators[0], x.body, x.orelse]
    return ast.copy_location(ast.Call(ast.Name("__chosen__", ast.Load()), [name, *parts], []), x)


def with_choices(statements: list[ast.stmt]) -> list[ast.stmt]:
    """The block with an expression ``1 if ... else 0`` for each group of statements like these.

    ``if a: return 1``, ``return 0``; ``if a: y = 1``, ``else: y = 0``; ``y = 0``, ``if a: y = 1``.
    """
    found = list[ast.stmt]()
    for statement in reversed(statements):
        other = found[-1] if found else None
        if isinstance(statement, ast.If) and len(statement.body) == 1:
            orelse = with_choices(statement.orelse)
            one, last = statement.body[0], orelse[0] if len(orelse) == 1 else None
            if isinstance(one, ast.Return) and not orelse and isinstance(other, ast.Return):
                last = found.pop()
            made = _one_of(statement, one, last)
            if made is not None:
                found.append(made)
                continue
            if last is other and last is not None:
                found.append(last)
        elif isinstance(statement, ast.Assign) and isinstance(other, ast.If):
            made = _one_of(other, other.body[0], statement) if len(other.body) == 1 else None
            if made is not None and not other.orelse and _is_name(statement):
                found[-1] = made
        found.append(statement)
    return found[::-1]


def _one_of(test: ast.If, one: ast.stmt, other: ast.stmt | None) -> ast.stmt | None:
    """One statement for two that return, or assign, one of two literal numbers each."""
    first, second = (getattr(x, "value", None) or test.test for x in (one, other))
    chosen = ast.copy_location(ast.IfExp(test.test, first, second), test)
    if not is_choice(chosen):
        return None
    if isinstance(one, ast.Return) and isinstance(other, ast.Return):
        return ast.copy_location(ast.Return(chosen), test)
    if isinstance(one, ast.Assign) and isinstance(other, ast.Assign):
        targets = [list(map(ast.dump, x.targets)) for x in (one, other)]
        if targets[0] == targets[1]:
            return ast.copy_location(ast.Assign(one.targets, chosen), test)
    return None


def _is_name(statement: ast.Assign) -> bool:
    return all(isinstance(target, ast.Name) for target in statement.targets)
