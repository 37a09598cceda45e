"""Finds where a script chooses between numbers: ``return 1 if z >= 0 else 0``.

Of two literal numbers, the chosen one is a step function of what was compared; ``g if z > 0 else
0`` is g times one. `source` turns each choice into a call of the recorder.
"""

import ast
from typing import Any

# Comparisons that may choose a number -> their names in `operator`.
COMPARED = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
# A comparison of two numbers -> when it holds: if the left one is smaller, equal or larger.
_HOLDS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: "=>", ast.Eq: "=", ast.NotEq: "<>",
}  # fmt: skip
# Parts of an expression that call no function of the script.
_PLAIN = (
    ast.Compare, ast.cmpop, ast.Name, ast.Attribute, ast.Constant, ast.UnaryOp, ast.unaryop,
    ast.expr_context,
)  # fmt: skip
# A number that is chosen may also be computed, by what has no effect and hardly ever fails.
_COMPUTED = (
    ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.UnaryOp, ast.USub, ast.BinOp,
    ast.Add, ast.Sub, ast.Mult, ast.expr_context,
)  # fmt: skip
# What is given a number: the statement's kind, and its target or the method that it calls.
Slot = tuple[str, str]


def typed(x: ast.expr | None) -> Any:
    """The value of a literal number or truth value, such as ``-1``; otherwise None."""
    match x:
        case ast.Constant(bool() | int() | float() as value):
            return value
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
            return -value
        case ast.UnaryOp(ast.UAdd(), ast.Constant(int() | float() as value)):
            return +value
    return None


def _calls_nothing(x: ast.AST) -> bool:
    return all(isinstance(n, _PLAIN) for n in ast.walk(x))


def is_comparison(x: ast.expr | None) -> bool:
    """Is it ``a < b``, with one comparison of numbers?"""
    return isinstance(x, ast.Compare) and len(x.ops) == 1 and type(x.ops[0]) in COMPARED


def is_choice(x: ast.expr | None, inner: bool = False) -> bool:
    """Is it ``1 if a < b else 0`` or ``x if a < b else 0``, perhaps with another choice inside?

    The inner choice would always be computed, so it may only compare values that exist already.
    """
    if not (isinstance(x, ast.IfExp) and is_comparison(x.test)):
        return False
    known = not inner or _calls_nothing(x.test)
    return known and all(
        typed(part) is not None or is_choice(part, True) or _is_setting(part) or _is_computed(part)
        for part in (x.body, x.orelse)
    )


def _is_setting(x: ast.expr) -> bool:
    """Is it ``-1 if self.bipolar else 0``, the same number all along a run?"""
    return (
        isinstance(x, ast.IfExp)
        and isinstance(x.test, ast.Name | ast.Attribute)
        and all(typed(part) is not None for part in (x.body, x.orelse))
    )


def _is_computed(x: ast.expr) -> bool:
    names = [n for n in ast.walk(x) if isinstance(n, ast.Constant) and typed(n) is None]
    return not names and all(isinstance(n, _COMPUTED) for n in ast.walk(x))


def may_compare(test: ast.expr) -> bool:
    """May it compare numbers, as ``x is None`` does not?"""
    return not isinstance(test, ast.Compare) or any(type(op) in COMPARED for op in test.ops)


def as_choice(x: ast.expr) -> ast.IfExp | None:
    """Write one of the other forms of ``1 if a < b else 0`` like that; None if it is none.

    They are ``int(a < b)``, ``float(a < b)``, ``a < b and 1 or 0`` and ``(0, 1)[a < b]``.
    """
    parts: tuple[ast.expr, ast.expr, ast.expr] | None = None
    match x:
        case ast.Call(ast.Name("int" | "float" as name), [test], []):
            kind = int if name == "int" else float
            yes, no = (ast.copy_location(ast.Constant(kind(n)), x) for n in (1, 0))
            parts = test, yes, no
        case ast.BoolOp(ast.Or(), [ast.BoolOp(ast.And(), [test, one]), other]) if typed(one):
            parts = test, one, other
        case ast.Subscript(ast.Tuple([no, yes]) | ast.List([no, yes]), test):
            parts = test, yes, no
    made = ast.copy_location(ast.IfExp(*parts), x) if parts else None
    return made if is_choice(made) else None


def as_call(x: ast.IfExp) -> ast.expr:
    """The call of the recorder that replaces a choice."""
    assert isinstance(x.test, ast.Compare)
    name = ast.Constant(COMPARED[type(x.test.ops[0])])
    parts = [x.test.left, x.test.comparators[0], _as_part(x.body), _as_part(x.orelse)]
    return ast.copy_location(ast.Call(ast.Name("__chosen__", ast.Load()), [name, *parts], []), x)


def _as_part(x: ast.expr) -> ast.expr:
    """A part of a choice as an argument: what is computed, as a function without arguments."""
    if not _is_computed(x) or typed(x) is not None:
        return x
    nothing = ast.arguments([], [], None, [], [], None, [])
    return ast.copy_location(ast.Lambda(nothing, x), x)


def slot(statement: ast.stmt | None) -> tuple[Slot, ast.expr] | None:
    """Where a statement puts its value, and the value; None if it does anything else.

    The statements are ``return 1``, ``y = 1`` and ``found.append(1)``.
    """
    match statement:
        case ast.Return(ast.expr() as value):
            return ("return", ""), value
        case ast.Assign(targets, value):
            return ("assign", " ".join(map(ast.dump, targets))), value
        case ast.Expr(ast.Call(ast.Attribute() as method, [value], [])) if _calls_nothing(method):
            return ("call", ast.dump(method)), value
    return None


def put(statement: ast.stmt, value: ast.expr) -> ast.stmt:
    """The same statement with another value in its slot."""
    match statement:
        case ast.Return():
            made: ast.stmt = ast.Return(value)
        case ast.Assign(targets):
            made = ast.Assign(targets, value)
        case ast.Expr(ast.Call(method)):
            made = ast.Expr(ast.copy_location(ast.Call(method, [value], []), statement))
        case _:
            raise AssertionError(statement)
    return ast.copy_location(made, statement)


def with_choices(statements: list[ast.stmt]) -> list[ast.stmt]:
    """The block with an expression ``1 if ... else 0`` for each group of statements like these.

    ``if a: return 1``, ``return 0``; ``if a: y = 1``, ``else: y = 0``; ``y = 0``, ``if a: y = 1``.
    """
    found = list[ast.stmt]()
    for statement in reversed(statements):
        other = found[-1] if found else None
        if isinstance(statement, ast.If) and len(statement.body) == 1:
            if (
                not statement.orelse
                and isinstance(other, ast.If)
                and _alternatives([statement, other])
            ):
                statement.orelse = other.body
                found.pop()
                other = found[-1] if found else None
            _close(statement)
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


def _close(statement: ast.If) -> None:
    """Write the last ``elif`` as ``else`` if one of the tests always holds."""
    chain = [statement]
    while len(chain[-1].orelse) == 1 and isinstance(chain[-1].orelse[0], ast.If):
        chain.append(chain[-1].orelse[0])
    if len(chain) > 1 and _alternatives(chain):
        chain[-2].orelse = chain[-1].body


def _alternatives(chain: list[ast.If]) -> bool:
    """Do these put literal numbers into the same slot, and does one of their tests always hold?"""
    places, operands, holds = set[Slot | None](), set[str](), ""
    if chain[-1].orelse:
        return False
    for one in chain:
        inside = slot(one.body[0]) if len(one.body) == 1 else None
        known = inside is not None and typed(inside[1]) is not None
        places.add(inside[0] if inside is not None and known else None)
        test = one.test
        if not (isinstance(test, ast.Compare) and is_comparison(test) and _calls_nothing(test)):
            return False
        operands.add(ast.dump(test.left) + ast.dump(test.comparators[0]))
        holds += _HOLDS[type(test.ops[0])]
    changed = next((place[1].replace("Store", "Load") for place in places if place), "")
    same = None not in places and len(places) == len(operands) == 1
    return same and {*holds} == {*"<=>"} and (not changed or changed not in operands.pop())


def _one_of(test: ast.If, one: ast.stmt, other: ast.stmt | None) -> ast.stmt | None:
    """One statement for two that put one of two literal numbers into the same slot."""
    first, second = slot(one), slot(other)
    if first is None or second is None or first[0] != second[0]:
        return None
    parts = ast.dump(first[1]) + ast.dump(second[1])
    if isinstance(one, ast.Assign) and any(
        ast.dump(target).replace("Store", "Load") in parts for target in one.targets
    ):
        return None  # two updates, of which an ``if`` chooses one
    chosen = ast.copy_location(ast.IfExp(test.test, first[1], second[1]), test)
    return ast.copy_location(put(one, chosen), test) if is_choice(chosen) else None


def _is_name(statement: ast.Assign) -> bool:
    return all(isinstance(target, ast.Name) for target in statement.targets)


def literals(block: list[ast.stmt]) -> dict[Slot, list[ast.expr]]:
    """The literal numbers that the statements of a block, and of its ``if``s, put into each slot.

    They are in the order of the text.
    """
    found: dict[Slot, list[ast.expr]] = {}
    for statement in block:
        inside = slot(statement)
        if inside is not None and typed(inside[1]) is not None:
            found.setdefault(inside[0], []).append(inside[1])
        if isinstance(statement, ast.If):
            for key, values in literals([*statement.body, *statement.orelse]).items():
                found.setdefault(key, []).extend(values)
    return found
