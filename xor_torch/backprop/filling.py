"""Searches for an expression to put in place of a part of the wrong statement.

Each part of the statement is a hole, and so is each part of the result of a function that it calls.
A hole is filled with a value in scope, its slope, or a product of two values, alone or combined
with the old part. The script itself tries the fillings, see `screening`: it has the values and the
functions.
"""

import ast
import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .mending import SLOPE_NAME, WrongStatement, values_of

OLD, NEW = "_backprop_old", "_backprop_new"
MOST_SINGLE, MOST_PAIRED = 40, 20  # values that are tried alone, and in pairs
MOST_HOLES = 24
# Fillings that are made of one value, and of two.
SINGLE = ("a", "a.T", "len(a)", "2", "a * (1 - a)", "1 - a ** 2", "a > 0")
PAIRED = ("a @ b", "a.T @ b", "a @ b.T", "a * b")
# How a filling is combined with the old part of the statement. Below the first line are whole
# derivatives: of a softmax along an axis, and of a normalisation over the samples.
FORMS = (
    *("new", "old * new", "old / new", "old + new", "old - new"),
    "old - (old * new).sum(axis=-1, keepdims=True)",
    "old - (old * new).sum(axis=0, keepdims=True)",
    "old - old.mean(axis=0) - new * (old * new).mean(axis=0)",
    "old - old.mean(axis=1, keepdims=True) - new * (old * new).mean(axis=1, keepdims=True)",
)
PAIRED_FORMS = ("new", "old + new", "old - new")
TOGETHER = ("old * a + b",)
INNER = ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Hole:
    """A part of an expression, at one place or at all places where it occurs."""

    nodes: tuple[ast.expr, ...]  # in the source
    old: str  # code that computes the part
    whole: str  # the expression with `NEW` in its place
    scope: int  # the number of the scope whose values can fill it


@dataclass(frozen=True)
class Fillings:
    """All holes of one expression."""

    holes: list[Hole]
    scopes: list[dict[str, str]]  # the values in each scope: how it is written -> how to compute it

    @classmethod
    def of(cls, wrong: WrongStatement, root: ast.expr) -> "Fillings":
        holes, scopes = [*_holes(root, root, {}, 0)], [{text: text for text in _own_values(wrong)}]
        for call in [node for node in _parts(root) if isinstance(node, ast.Call)]:
            known = _inlined(wrong.source, call)
            if known is not None:
                result, values = known
                inside = {id(call): result}
                names = {text: _text(node) for text, node in values.items()}
                holes += _holes(root, result, inside, len(scopes), values)
                scopes.append(names)
        return cls(holes[:MOST_HOLES], scopes)

    def code(self) -> str:
        """Python's text of (holes, scopes), which computes nothing until it is called."""
        holes = "".join(
            f"(lambda: {h.old}, lambda {NEW}: {h.whole}, {h.scope})," for h in self.holes
        )
        scopes = "".join(
            f"({''.join(f'lambda: {value},' for value in scope.values())}),"
            for scope in self.scopes
        )
        return f"(({holes}), ({scopes}))"

    def text(self, wrong: WrongStatement, words: Sequence[int]) -> str | None:
        """The script with one filling: the numbers of hole, form, value and names."""
        hole_number, form, value, *names = words
        hole = self.holes[hole_number]
        known = [*self.scopes[hole.scope]]
        atoms = {
            k: ast.parse(known[n], mode="eval").body for k, n in zip("ab", names, strict=False)
        }
        if value < 0:
            made = _put(ast.parse(TOGETHER[form], mode="eval").body, atoms)
        else:
            forms, fill = (FORMS, SINGLE) if len(names) < 2 else (PAIRED_FORMS, PAIRED)
            new = _put(ast.parse(fill[value], mode="eval").body, atoms)
            made = _put(ast.parse(forms[form], mode="eval").body, {"new": new})
        return _written(wrong, hole.nodes, made)


def _own_values(wrong: WrongStatement) -> Iterator[str]:
    """The values in scope, and the slopes that the script's own functions compute of them."""
    values = values_of(wrong)[:MOST_SINGLE]
    yield from values
    nodes = [*ast.walk(ast.parse(wrong.source))]
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    names = dict.fromkeys(ast.unparse(n.func) for n in nodes if isinstance(n, ast.Call))
    last = {name: name.split(".")[-1] for name in names}
    for name in [n for n in names if last[n] in own and SLOPE_NAME.search(last[n])][:2]:
        yield from (f"{name}({value})" for value in values[:MOST_PAIRED])


def _parts(node: ast.AST) -> Iterator[ast.expr]:
    """An expression and the parts that are computed by themselves, from the outside inwards."""
    if isinstance(node, ast.expr) and not isinstance(node, ast.Constant | ast.Slice | ast.Starred):
        yield node
    for name, field in ast.iter_fields(node):
        if name in ("func", "slice", "ctx") or isinstance(node, INNER):
            continue
        for child in field if isinstance(field, list) else [field]:
            if isinstance(child, ast.AST):
                yield from _parts(child)


def _holes(
    root: ast.expr,
    inner: ast.expr,
    inside: dict[int, ast.expr],
    scope: int,
    names: Mapping[str, ast.expr] | None = None,
) -> Iterator[Hole]:
    """The holes of an expression, or of the result of a function that it calls."""
    same: dict[str, list[ast.expr]] = {}
    for node in _parts(inner):
        if hasattr(node, "lineno") and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            same.setdefault(ast.unparse(node), []).append(node)
    for nodes in same.values():
        for some in [*([node] for node in nodes), *([nodes] if len(nodes) > 1 else [])]:
            new = {id(node): ast.Name(NEW, ast.Load()) for node in some}
            filled = copy.deepcopy(inner, dict(new))
            old: ast.expr = some[0]
            if names is not None:
                filled, old = _put(filled, names), _put(old, names)
                filled = copy.deepcopy(root, dict.fromkeys(inside, filled))
            yield Hole(tuple(some), _text(old), _text(filled), scope)


def _inlined(source: str, call: ast.Call) -> tuple[ast.expr, dict[str, ast.expr]] | None:
    """The result of a called function as an expression, and its names in terms of the caller's.

    None if the script has no such function, or if the function does more than assign names and
    return a value.
    """
    name = call.func.attr if isinstance(call.func, ast.Attribute) else _text(call.func)
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    if len(found) != 1 or any(keyword.arg is None for keyword in call.keywords):
        return None
    *statements, last = found[0].body
    parameters = [arg.arg for arg in found[0].args.args]
    given = [*call.args]
    if isinstance(call.func, ast.Attribute) and parameters[:1] == ["self"]:
        given.insert(0, call.func.value)
    values = dict(zip(parameters, given, strict=False))
    values |= {str(k.arg): k.value for k in call.keywords}
    if not isinstance(last, ast.Return) or last.value is None or {*parameters} - {*values}:
        return None
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            return None
        values[statement.targets[0].id] = _put(statement.value, values)
    values.pop("self", None) if given[:1] == [getattr(call.func, "value", None)] else None
    return last.value, values


class _Names(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.values.get(node.id, node))


def _put(node: ast.expr, values: Mapping[str, ast.expr]) -> ast.expr:
    """An expression with other expressions in place of some names."""
    made: ast.expr = _Names(values).visit(copy.deepcopy(node))
    return made


def _text(node: ast.expr) -> str:
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node)))


def _written(wrong: WrongStatement, nodes: Sequence[ast.expr], made: ast.expr) -> str | None:
    """The script with an expression in place of some nodes, with as few brackets as possible."""
    raw = wrong.text(nodes[0])
    wanted = ast.dump(_put(made, {"old": nodes[0]}))
    body = ast.unparse(_put(made, {"old": ast.Name(OLD, ast.Load())}))
    for inner in (raw, f"({raw})"):
        text = body.replace(OLD, inner)
        with contextlib.suppress(SyntaxError, ValueError):
            if ast.dump(ast.parse(text.strip(), mode="eval").body) == wanted:
                break
    else:
        return None
    best: str | None = None
    for outer in (text, f"({text})"):
        now = wrong
        for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset), reverse=True):
            now = replace(now, source=now.replaced(node, outer))
        with contextlib.suppress(SyntaxError, ValueError):
            dump = ast.dump(ast.parse(now.source))
            # with brackets the meaning is right; without them it may be right, too
            best, meant = (now.source, dump) if outer != text else (best, None)
            if meant is None:
                plain, without = now.source, dump
            elif without == meant:
                best = plain
    return best
