"""Proposes corrections of one line, in the script's own names.

`corrections` proposes those for the mistake that was found, `small_changes` those for all mistakes.
Each proposal is the text of a whole script, made from the wrong statement and from names in the
script. `screening` drops proposals that do not give the right value, and `filling` searches
further. No correction is shown before the script with it was judged correct.

The file is long because it is a list: one short function for each kind of mistake, and they all
read the same statement.
"""

import ast
import contextlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .judging.findings import Finding
from .operations import MATRIX_PRODUCTS

MOST = 5  # corrections that are judged; each takes a run of the script
MOST_CHANGES = 600  # changes that are screened together, in one run
OPPOSITE = {ast.Add: "-", ast.Sub: "+"}
WITHOUT_A_NAME = ""
SLOPE_NAME = re.compile(r"deriv|prime|grad|slope|^d")  # of a function
SLOPES = {
    "sigmoid": "{a} * (1 - {a})",
    "tanh": "(1 - {a} ** 2)",
    "relu": "({a} > 0)",
}


@dataclass(frozen=True)
class WrongStatement:
    """The wrong statement and what is known around it."""

    source: str
    statement: ast.stmt
    block: Sequence[ast.stmt]  # it and the statements beside it
    finding: Finding
    variable: str

    @cached_property
    def raw(self) -> bytes:
        return self.source.encode()

    @cached_property
    def starts(self) -> list[int]:
        """The first byte of each line."""
        return [0, *(found.end() for found in re.finditer(b"\n", self.raw))]

    def text(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.source, node) or ""

    def replaced(self, node: ast.AST, text: str) -> str:
        """The source with `text` in place of a node."""
        begin, end = self.span_of(node)
        return (self.raw[:begin] + text.encode() + self.raw[end:]).decode()

    def span_of(self, node: ast.AST) -> tuple[int, int]:
        """First and last byte of a node."""
        first, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        begin = self.starts[first - 1] + node.col_offset  # type: ignore[attr-defined]
        return begin, self.starts[last - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def changed(self, text: str) -> ast.stmt | None:
        """The statement in another text of the script; None if the rest of the text differs."""
        (begin, end), other = self.span_of(self.statement), text.encode()
        rest = self.raw[end:]
        if other[:begin] != self.raw[:begin] or not other.endswith(rest):
            return None
        (node,) = ast.parse(other[begin : len(other) - len(rest)]).body
        return node

    def differs(self, text: str) -> bool:
        """Does another text of the script mean something else?"""
        node = self.changed(text)
        if node is None:
            return ast.dump(ast.parse(text)) != ast.dump(ast.parse(self.source))
        return ast.dump(node) != ast.dump(self.statement)

    def inserted(self, text: str) -> str:
        """The source with `text` before the statement."""
        raw, at = self.raw, self.span_of(self.statement)[0]
        return (raw[:at] + text.encode() + raw[at:]).decode()

    def value(self) -> ast.expr | None:
        """What the statement assigns or returns."""
        return getattr(self.statement, "value", None)

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """The parts of the value of some kinds, from the outside inwards."""
        value = self.value()
        for node in ast.walk(value) if value is not None else ():
            if isinstance(node, kinds):
                yield node

    def loaded(self) -> Iterator[ast.expr]:
        """The names, attributes and elements that the value is computed from."""
        for node in self.nodes(ast.Name, ast.Attribute, ast.Subscript):
            if isinstance(getattr(node, "ctx", None), ast.Load):
                assert isinstance(node, ast.expr)
                yield node

    def before(self) -> list[str]:
        """The names that statements before this one assign, the nearest first."""
        found = list[str]()
        for node in self.block:
            if node.lineno < self.statement.lineno:
                for target in _targets(node):
                    found.insert(0, ast.unparse(target))
        return [*dict.fromkeys(found)]


Maker = Callable[[WrongStatement], Iterator[str]]


def _targets(node: ast.stmt) -> list[ast.expr]:
    return getattr(node, "targets", None) or [t for t in [getattr(node, "target", None)] if t]


def corrections(source: str, finding: Finding) -> list[str]:
    """Sources with one correction each, the likeliest first; none if nothing is known to help."""
    d = finding.diagnosis
    known = PROPOSALS.get(d.mistake or WITHOUT_A_NAME) if d is not None else None
    return _sources(source, finding, [known] if known else [], MOST)


def small_changes(source: str, finding: Finding) -> list[str]:
    """Sources with one change each in the wrong statement, whatever the mistake is."""
    d = finding.diagnosis
    known = [PROPOSALS.get(d.mistake or WITHOUT_A_NAME)] if d is not None else []
    others = [maker for maker in PROPOSALS.values() if maker is not _later]
    makers = dict.fromkeys([*known, _part, *others, _neighbour, _softmax])
    return _sources(source, finding, [maker for maker in makers if maker], MOST_CHANGES)


def wrong_statement(source: str, finding: Finding) -> "WrongStatement | None":
    """The statement that a finding blames."""
    d = finding.diagnosis
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return _find(source, finding, d.line, d.variable) if d is not None else None
    return None


def _sources(source: str, finding: Finding, makers: Iterable[Maker], most: int) -> list[str]:
    wrong, found = wrong_statement(source, finding), dict[str, None]()
    for maker in makers if wrong is not None else ():
        assert wrong is not None
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            for text in maker(wrong):
                with contextlib.suppress(SyntaxError, ValueError):
                    if text not in found and wrong.differs(text):
                        found[text] = None
                if len(found) == most:
                    return [*found]
    return [*found]


def _find(source: str, finding: Finding, line: int, variable: str) -> WrongStatement | None:
    best: WrongStatement | None = None
    for owner in ast.walk(ast.parse(source)):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(owner, name, None)
            for node in block if isinstance(block, list) else ():
                if hasattr(node, "body") or not node.lineno <= line <= node.end_lineno:
                    continue
                here = WrongStatement(source, node, block or [], finding, variable)
                changed = _targets(node)
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                    changed = node.value.args[:1]  # np.add.at(dW, i, x)
                names = {ast.unparse(t) for target in changed for t in ast.walk(target)}
                if best is None or variable in names:
                    best = here
    return best


# ------------------------------------------------------------------------------ the proposals


def _later(wrong: WrongStatement) -> Iterator[str]:
    """Move the update of a weight that the statement reads to a line after the statement."""
    read = {wrong.text(node): node for node in wrong.loaded()}
    names = {p.name for p in wrong.finding.parameters}
    updates = [n for n in wrong.block if {ast.unparse(t) for t in _targets(n)} & names]
    lines = wrong.source.splitlines(keepends=True)
    for node in updates:
        weight = ast.unparse(_targets(node)[0])
        if node.lineno >= wrong.statement.lineno or weight not in read:
            continue
        for after in (updates[-1], wrong.statement):
            later = after.lineno >= wrong.statement.lineno
            if later and not isinstance(after, ast.Return) and _alone(node, lines):
                yield _moved(lines, node, after)
        name = "before_" + re.sub(r"\W+", "_", weight).strip("_")
        with_copy = wrong.replaced(read[weight], name).splitlines(keepends=True)
        with_copy.insert(node.lineno - 1, f"{' ' * node.col_offset}{name} = {weight}.copy()\n")
        yield "".join(with_copy)

    for node in wrong.block:  # a view of the weight, which changes with it
        value = getattr(node, "value", None)
        is_read = {ast.unparse(target) for target in _targets(node)} & {*read}
        if node is not wrong.statement and (not is_read or node.lineno >= wrong.statement.lineno):
            continue
        if isinstance(value, ast.Subscript | ast.Name | ast.Attribute):
            yield wrong.replaced(value, f"{wrong.text(value)}.copy()")


def _alone(node: ast.stmt, lines: Sequence[str]) -> bool:
    """Does a statement have its lines to itself?"""
    end = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :]
    begin = lines[node.lineno - 1].encode()[: node.col_offset]
    return not begin.strip() and (not end.strip() or end.strip().startswith(b"#"))


def _moved(lines: Sequence[str], node: ast.stmt, after: ast.stmt) -> str:
    first, last = node.lineno - 1, node.end_lineno or node.lineno
    goal = after.end_lineno or after.lineno
    text = [*lines]
    if not text[goal - 1].endswith("\n"):
        text[goal - 1] += "\n"
    return "".join([*text[:first], *text[last:goal], *text[first:last], *text[goal:]])


def _other_side(wrong: WrongStatement) -> Iterator[str]:
    """The activation of a layer in place of its input, or the reverse."""
    pairs = [(z, a) for z, a, _ in _layers(wrong.finding)]
    for made in ast.walk(ast.parse(wrong.source)):  # a = f(z), as the script writes it
        call = made.value if isinstance(made, ast.Assign) else None
        if isinstance(made, ast.Assign) and isinstance(call, ast.Call) and len(call.args) == 1:
            of = wrong.text(call.args[0])
            pairs += [(of, ast.unparse(target)) for target in made.targets]
    for node in wrong.loaded():
        for z, a in pairs:
            if wrong.text(node) in (z, a):
                yield wrong.replaced(node, a if wrong.text(node) == z else z)
    yield from _other_name(wrong)


def _slope_itself(wrong: WrongStatement) -> Iterator[str]:
    """The function that computes the slope, changed so that it takes the activation."""
    tree, kinds = ast.parse(wrong.source), [kind for *_, kind in _layers(wrong.finding)]
    called = {wrong.text(x.func) for x in wrong.nodes(ast.Call) if isinstance(x, ast.Call)}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name in called:
            (*_, last), names = function.body, [arg.arg for arg in function.args.args]
            for kind in dict.fromkeys(reversed(kinds)):
                if isinstance(last, ast.Return) and last.value and kind in SLOPES and names:
                    slope = SLOPES[kind].format(a=names[-1])
                    slope = slope[1:-1] if slope.startswith("(") else slope
                    yield wrong.replaced(last.value, slope)
    yield from _other_side(wrong)


def _factors(wrong: WrongStatement, node: ast.AST) -> list[ast.expr]:
    """The factors of an element-wise product, from left to right; none if it is not one."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*(_factors(wrong, node.left) or [node.left]), node.right]
    if isinstance(node, ast.Call) and wrong.text(node.func).endswith("multiply"):
        return node.args[:2]
    return []


def _own_slope(wrong: WrongStatement) -> Iterator[str]:
    """A product's first factor, times the slope of the wrong layer and nothing else."""
    yield from itertools.islice(_own_side(wrong), 3)  # better with the script's own function
    node = next((n for n in wrong.nodes(ast.BinOp, ast.Call) if _factors(wrong, n)), None)
    if node is not None:
        first = _tight(wrong, _factors(wrong, node)[0])
        for _, a, kind in _layers(wrong.finding)[-1:]:
            if kind.startswith("softmax"):  # with cross-entropy it needs no slope
                yield wrong.replaced(node, first)
            elif kind in SLOPES:
                yield wrong.replaced(node, f"{first} * {SLOPES[kind].format(a=a)}")
        for a in wrong.before():  # the name of the output may not be known
            if a != first:
                yield wrong.replaced(node, f"{first} * {SLOPES['sigmoid'].format(a=a)}")
    yield from _own_side(wrong)


def _own_side(wrong: WrongStatement) -> Iterator[str]:
    """The activation of the wrong layer, or its input, in place of another layer's."""
    layers = _layers(wrong.finding)
    names = {name for z, a, _ in layers for name in (z, a)}
    for z, a, _ in layers[-1:]:
        for own in (a, z):
            for node in wrong.loaded():
                if wrong.text(node) in names - {own}:
                    yield wrong.replaced(node, own)
    yield from _other_side(wrong)


def _other_name(wrong: WrongStatement) -> Iterator[str]:
    """A value that was computed before, in place of one that the statement reads."""
    names = [name for name in wrong.before() if name != wrong.variable]
    for name in names:
        for node in wrong.loaded():
            if isinstance(node, ast.Name) and node.id in names and node.id != name:
                yield wrong.replaced(node, name)


def _fresh(wrong: WrongStatement) -> Iterator[str]:
    """The value itself, in place of a copy that another statement of the block makes."""
    for statement in wrong.block:
        kept = getattr(statement, "value", None)
        if isinstance(kept, ast.Name | ast.Attribute) and statement is not wrong.statement:
            names = {ast.unparse(target) for target in _targets(statement)}
            for node in wrong.loaded():
                if wrong.text(node) in names:
                    yield wrong.replaced(node, wrong.text(kept))
    yield from _other_name(wrong)


def _delta(wrong: WrongStatement) -> Iterator[str]:
    """A right delta in place of the raw error."""
    right = [
        ast.unparse(target)
        for node in reversed(wrong.block)
        for name, ok in wrong.finding.labels.get(node.lineno, ())
        if ok and re.match(r"dL/dz\d", name)
        for target in _targets(node)
    ]
    for name in dict.fromkeys(right):
        for node in wrong.loaded():
            if wrong.text(node) in {*wrong.before()} - {name}:
                yield wrong.replaced(node, name)
    for node in wrong.loaded():
        for delta in _products_with(wrong, wrong.text(node)):
            yield wrong.replaced(node, delta)
    yield from _other_name(wrong)


def _products_with(wrong: WrongStatement, error: str) -> Iterator[str]:
    """Products with an error in other statements of the block: they may be its delta."""
    for statement in wrong.block:
        if statement is wrong.statement or hasattr(statement, "body"):
            continue
        for node in ast.walk(statement):
            factors = [wrong.text(node)]
            product = node
            while isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult):
                factors += [wrong.text(product.left), wrong.text(product.right)]
                product = product.left
            if error in factors[1:]:
                whole = getattr(statement, "value", None) is node
                names = [ast.unparse(t) for t in _targets(statement)]
                yield names[0] if whole and len(names) == 1 else f"({factors[0]})"
                break


def _slope(wrong: WrongStatement) -> Iterator[str]:
    """The value times the slope of the layer's activation, as the script writes other slopes."""
    value = wrong.value()
    if value is None:
        return
    text = wrong.text(value)
    text = f"({text})" if isinstance(value, ast.BinOp) and type(value.op) in OPPOSITE else text
    layers = _layers(wrong.finding)
    names = {name for z, a, _ in layers for name in (z, a)}
    calls = dict[str, None]()
    for node in ast.walk(ast.parse(wrong.source)):
        if isinstance(node, ast.Call) and node.args and wrong.text(node.args[0]) in names:
            function = wrong.text(node.func)
            if SLOPE_NAME.search(function.rpartition(".")[2]):
                rest = "".join(f", {wrong.text(x)}" for x in [*node.args[1:], *node.keywords])
                calls[f"{function}({{}}{rest})"] = None
    for z, a, kind in reversed(layers):
        for call in calls:
            for name in (a, z):
                yield wrong.replaced(value, f"{text} * {call.format(name)}")
        if kind in SLOPES:
            yield wrong.replaced(value, f"{text} * {SLOPES[kind].format(a=a)}")


def _layers(finding: Finding) -> list[tuple[str, str, str]]:
    """(z, a, activation) of each layer, in the script's names; the last one is the wrong layer."""
    found, blamed = [], 0
    spoilt = finding.diagnosis.spoils if finding.diagnosis else []
    for layer in finding.layers:
        z = re.search(r"\bz\d+(?: = ([^\s,;]+))?", layer.partition(";")[2])
        a = re.search(r"\ba\d+(?: = ([^\s,;]+))?", layer.partition(";")[2])
        if z and a:
            kind = layer.rpartition(", ")[2]
            found.append((z[1] or z[0], a[1] or a[0], kind))
            if {*re.findall(r"[^\s,:]+", layer.partition(";")[0])} & {*spoilt}:
                blamed = len(found)  # the last layer with a parameter that the mistake spoils
    return found[blamed:] + found[:blamed]


def _sign(wrong: WrongStatement) -> Iterator[str]:
    """The opposite sign."""
    node, value = wrong.statement, wrong.value()
    if isinstance(node, ast.AugAssign) and type(node.op) in OPPOSITE:
        yield wrong.replaced(
            node, f"{wrong.text(node.target)} {OPPOSITE[type(node.op)]}= {wrong.text(node.value)}"
        )
    if isinstance(value, ast.BinOp) and type(value.op) in OPPOSITE:
        left, right = wrong.text(value.left), wrong.text(value.right)
        yield wrong.replaced(value, f"{left} {OPPOSITE[type(value.op)]} {right}")
    for minus in wrong.nodes(ast.UnaryOp):
        if isinstance(minus, ast.UnaryOp) and isinstance(minus.op, ast.USub):
            yield wrong.replaced(minus, wrong.text(minus.operand))
    if value is not None:
        yield wrong.replaced(value, f"-({wrong.text(value)})")


def _axis(wrong: WrongStatement) -> Iterator[str]:
    """The other axis of a sum."""
    for node in wrong.nodes(ast.Call):
        assert isinstance(node, ast.Call)
        name = wrong.text(node.func).rpartition(".")[2]
        if name not in ("sum", "mean"):
            continue
        places = [k.value for k in node.keywords if k.arg == "axis"] or [
            arg for arg in node.args if isinstance(arg, ast.Constant)
        ]
        for axis in places:
            for other in ("0", "1"):
                yield wrong.replaced(axis, other)
        if not places:
            inner = ", ".join(wrong.text(x) for x in [*node.args, *node.keywords])
            function, comma = wrong.text(node.func), ", " if inner else ""
            if isinstance(node.func, ast.Name) and node.args:  # Python's own sum, of an array
                function, inner, comma = f"{_tight(wrong, node.args[0])}.{name}", "", ""
            for other in ("0", "1"):
                yield wrong.replaced(node, f"{function}({inner}{comma}axis={other}, keepdims=True)")


def _summed(wrong: WrongStatement) -> Iterator[str]:
    """A sum over one axis of an array that the statement reads."""
    for node in wrong.loaded():
        if isinstance(node, ast.Name):
            for axis in (0, 1):
                text = f"{node.id}.sum(axis={axis}, keepdims=True)"
                yield wrong.replaced(node, text)


def _factor(wrong: WrongStatement) -> Iterator[str]:
    """The value without one of its factors or divisors."""
    for node in reversed([*wrong.nodes(ast.BinOp)]):  # the numbers stand first: 2 * lr * gradient
        assert isinstance(node, ast.BinOp)
        if isinstance(node.op, ast.Mult):
            yield wrong.replaced(node, wrong.text(node.right))
        if isinstance(node.op, ast.Mult | ast.Div):
            yield wrong.replaced(node, wrong.text(node.left))


def _transposed(wrong: WrongStatement) -> Iterator[str]:
    """The transpose of a factor in place of the factor, or the reverse."""
    for node in wrong.nodes(ast.BinOp, ast.Call):
        factors = list[ast.expr]()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            factors = [node.left, node.right]
        elif isinstance(node, ast.Call) and wrong.text(node.func).endswith(tuple(MATRIX_PRODUCTS)):
            factors = [*node.args]
            if isinstance(node.func, ast.Attribute) and len(factors) == 1:
                factors.append(node.func.value)
        for factor in factors:
            if isinstance(factor, ast.Attribute) and factor.attr == "T":
                yield wrong.replaced(factor, wrong.text(factor.value))
            else:
                yield wrong.replaced(factor, f"{_tight(wrong, factor)}.T")


def _tight(wrong: WrongStatement, node: ast.expr) -> str:
    text = wrong.text(node)
    whole = ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.Constant
    return text if isinstance(node, whole) else f"({text})"


def _by_elements(wrong: WrongStatement) -> Iterator[str]:
    """An element-wise product in place of a matrix product."""
    for node in wrong.nodes(ast.BinOp, ast.Call):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            factors = [node.left, node.right]
        elif isinstance(node, ast.Call) and wrong.text(node.func).endswith(tuple(MATRIX_PRODUCTS)):
            factors = [*node.args]
            if isinstance(node.func, ast.Attribute) and len(factors) == 1:
                factors.insert(0, node.func.value)
        else:
            continue
        if len(factors) == 2:
            yield wrong.replaced(node, " * ".join(_tight(wrong, f) for f in factors))


def _other_weights(wrong: WrongStatement) -> Iterator[str]:
    """Another parameter in place of one that the statement reads."""
    names = [p.name for p in wrong.finding.parameters if len(p.shape) == 2]
    for node in wrong.loaded():
        if wrong.text(node) in names:
            for name in names:
                yield wrong.replaced(node, name)


def _whole(wrong: WrongStatement) -> Iterator[str]:
    """All samples in place of one: in all factors, then in one of them."""
    parts = [node for node in wrong.nodes(ast.Subscript) if isinstance(node, ast.Subscript)]
    whole = wrong
    for node in sorted(parts, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        whole = replace(whole, source=whole.replaced(node, wrong.text(node.value)))
    yield whole.source
    for node in parts:
        yield wrong.replaced(node, wrong.text(node.value))
    yield from _other_name(wrong)


def _penalty(wrong: WrongStatement) -> Iterator[str]:
    """The value plus a penalty's gradient, as the script adds it for other weights."""
    value, d = wrong.value(), wrong.finding.diagnosis
    own = next(iter(d.spoils), "") if d else ""
    names = [p.name for p in wrong.finding.parameters if p.name != own and len(p.shape) == 2]
    for node in ast.walk(ast.parse(wrong.source)):
        if value is None or not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
            continue
        for name in names:
            read = {wrong.text(n) for n in ast.walk(node.right)}
            if name in read and not any(isinstance(n, ast.Call) for n in ast.walk(node.right)):
                term = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", own, wrong.text(node.right))
                yield wrong.replaced(value, f"{wrong.text(value)} + {term}")


# ------------------------------------------------------------------------ for any mistake


def values_of(wrong: WrongStatement) -> list[str]:
    """The values that the function around the statement reads or assigns, the nearest first."""
    tree, line = ast.parse(wrong.source), wrong.statement.lineno
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    within = max(around, key=lambda node: node.lineno, default=tree)
    called = {id(node.func) for node in ast.walk(within) if isinstance(node, ast.Call)}
    of_modules = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    found = dict[str, int]()
    of_the_object = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
    )
    for node in (*ast.walk(within), *of_the_object):
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and id(node) not in called:
            text, off = ast.unparse(node), abs(node.lineno - line)
            if not {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & of_modules:
                found[text] = min(found.get(text, off), off)
    return sorted(found, key=lambda text: found[text])


def _part(wrong: WrongStatement) -> Iterator[str]:
    """A part of an operation, or one factor of several, in place of the operation."""
    for node in wrong.nodes(ast.BinOp, ast.Call, ast.UnaryOp):
        for part in (*ast.walk(node), *_factors(wrong, node)):
            if isinstance(part, ast.expr) and part not in (node, getattr(node, "func", None)):
                yield wrong.replaced(node, _tight(wrong, part))


def _neighbour(wrong: WrongStatement) -> Iterator[str]:
    """The element before or after one that the statement reads: ``z[i - 1]``."""
    for node in wrong.nodes(ast.Subscript):
        assert isinstance(node, ast.Subscript)
        index = wrong.text(node.slice)
        for other in (f"{index} - 1", f"{index} + 1"):
            yield wrong.replaced(node.slice, other)


def _softmax(wrong: WrongStatement) -> Iterator[str]:
    """The whole derivative of a softmax in place of a product."""
    for node in wrong.nodes(ast.BinOp):
        names = dict.fromkeys(
            ast.unparse(part) for part in ast.walk(node) if isinstance(part, ast.Name)
        )
        for p in names if isinstance(getattr(node, "op", None), ast.Mult) else ():
            for g in names:
                for axis in (-1, 0):
                    rest = f"({g} * {p}).sum(axis={axis}, keepdims=True)"
                    yield wrong.replaced(node, f"{p} * ({g} - {rest})")


PROPOSALS: dict[str, Maker] = {
    "updated too early": _later,
    "derivative taken twice": _slope_itself,
    "derivative of the wrong quantity": _own_slope,
    "bias summed over the wrong axis": _axis,
    "bias not summed": _summed,
    "raw error in the hidden delta": _delta,
    "scale of one parameter": _factor,
    "missing output derivative": _slope,
    "missing hidden derivative": _slope,
    "wrong sign": _sign,
    "dot for element-wise product": _by_elements,
    "wrong transpose": _transposed,
    "weights of the wrong layer": _other_weights,
    "stale activation": _fresh,
    "hard-coded sample": _whole,
    "detached regularisation": _penalty,
    WITHOUT_A_NAME: _axis,  # of a softmax
}
