"""Reads the Python code of a script or a notebook, and adds calls to the recorder.

Each line keeps its number.

The file is long because all that is written into a script is written by one walk over its tree.
"""

import ast
import hashlib
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

from ..code import Location
from ..untrusted import read_regular
from .choices import (
    COMPARED,
    Slot,
    as_call,
    as_choice,
    is_choice,
    is_comparison,
    literals,
    may_compare,
    put,
    slot,
    typed,
    with_choices,
)
from .passes import is_watched

MAX_BYTES = 20_000_000  # of a script, or of a notebook with its pictures
MAX_CODE = 500_000  # characters; to compile one, Python needs 400 bytes of memory
MAX_PARTS = 500_000  # objects and lists in a notebook's JSON
KINDS = ("float", "int", "bool", "type")  # Python's functions for which the recorder has its own
PLAIN = ("dumps", "dump", "Decimal", "Fraction", "timedelta")  # they take Python's own ints only
SHRINKING = ("clear", "pop", "remove")  # methods that take items out of a list
GROWING = ("append", "insert", "extend")
CAST = re.compile(r"(u?int|float)(8|16|32|64|128)?_?|bool_?|(long)?double|single")  # NumPy's types


# Packages that a script draws or shows progress with; it can do without them.
DISPLAY = {
    "matplotlib", "seaborn", "plotly", "bokeh", "pylab", "mpl_toolkits", "cv2", "IPython",
    "pygame", "PIL", "termcolor", "tqdm", "ipywidgets", "imageio",
}  # fmt: skip


def read_source(path: Path, module: str | None = None) -> tuple[str, list[Location]]:
    """The Python code of a script or a notebook, or of a module with that name.

    Returns:
        The code, and the place of each of its lines.

    Raises:
        ValueError: it is not a regular file, it has more than `MAX_BYTES`, it is not a text or not
            a notebook, or a script or notebook has more code than `MAX_CODE`.
        OSError: it cannot be read.

    """
    raw = read_regular(path, MAX_BYTES)
    if b"\0" in raw:
        raise ValueError("it is not a text file")
    if path.suffix == ".ipynb":
        return _notebook_source(raw)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.decode(encoding)
    except (UnicodeDecodeError, SyntaxError, LookupError) as e:  # LookupError: a wrong encoding
        raise ValueError(f"it is not a text file in UTF-8: {e}") from None
    if module is None:  # a module beside the script may hold its data
        _refuse_long(len(text))
    return text, [(module, at) for at in range(1, len(text.splitlines()) + 1)]


def fingerprint(source: str) -> str:
    """The SHA-256 of a source; a recording has it, to say which source it belongs to."""
    return hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest()


def _refuse_long(characters: int) -> None:
    if characters > MAX_CODE:
        raise ValueError(
            f"it has {characters:,} characters of code; up to {MAX_CODE:,} are run: read its data "
            "from a file"
        )


def _notebook_source(raw: bytes) -> tuple[str, list[Location]]:
    if raw.count(b"{") + raw.count(b"[") > MAX_PARTS:
        raise ValueError("it is not a Jupyter notebook: it has too many parts")
    texts = dict[int, str]()
    try:
        book = json.loads(raw)
        cells = book["cells"] if "cells" in book else book["worksheets"][0]["cells"]
        for position, cell in enumerate(cells, 1):
            if cell["cell_type"] == "code":
                known = cell.get("number")  # of a notebook that is running
                number = known if isinstance(known, int) else position
                source = cell.get("source", cell.get("input", ""))
                texts[number] = source if isinstance(source, str) else "".join(source)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as e:
        raise ValueError(f"it is not a Jupyter notebook: {type(e).__name__}: {e}") from None
    _refuse_long(sum(map(len, texts.values())))
    plain = {number: _plain_python(text.splitlines()) for number, text in texts.items()}
    errors = {number: error for number, cell in plain.items() if (error := _syntax_error(cell))}
    lines, places = list[str](), list[Location]()
    for number, cell in plain.items():
        if number in errors and len(errors) < len(plain):  # Jupyter runs the others
            at = (errors[number].lineno or 1) - 1
            raising = f"raise SyntaxError({errors[number].msg!r})"
            cell = [raising if n == at else "#" for n in range(max(len(cell), at + 1))]
        lines += cell
        places += [(number, at) for at in range(1, len(cell) + 1)]
    return "\n".join(lines) + "\n", places


def _syntax_error(lines: list[str]) -> SyntaxError | None:
    try:
        ast.parse("\n".join(lines))
    except SyntaxError as e:
        return e
    return None


def _plain_python(lines: list[str]) -> list[str]:
    """A cell with `pass` or a comment for each line that only IPython understands."""
    if lines and lines[0].startswith("%%") and not re.match(r"%%(time|timeit|capture)\b", lines[0]):
        return ["#" + line for line in lines]
    # The cells become one file, where such an import may stand only at the top. Python 3 needs
    # hardly any of them.
    lines = [re.sub(r"^from __future__ import .*", "pass", line) for line in lines]
    lines = [re.sub(r"^(\s*[\w, ]+ = )[%!].*", r"\1None", line) for line in lines]
    return [re.sub(r"^(\s*)([%!?].*|[\w.]+\?\??\s*)$", r"\1pass", line) for line in lines]


def growing_names(tree: ast.AST) -> set[str]:
    """The names of what a script adds something to, as to weights: ``w``, ``weights``.

    They are those of ``w += rate * x``, ``self.weights[i] -= d`` and ``w = w + x``, without
    counters and those that an index or a ``range`` is computed from. With NumPy or torch there are
    none: their arrays are the weights, and ``dW = 0`` begins a sum of arrays.
    """
    found, indices = set[str](), set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Import([ast.alias("numpy" | "torch"), *_]) | ast.ImportFrom("numpy" | "torch"):
                return set()
            case ast.AugAssign(target, ast.Add() | ast.Sub(), value) if typed(value) is None:
                found.add(_last_name(target))
            case ast.Assign([target], value) if typed(getattr(value, "right", None)) is None:
                same = ast.dump(target).replace("Store()", "Load()")
                if any(ast.dump(x) == same for x in ast.walk(value)):
                    found.add(_last_name(target))
            case ast.Subscript(slice=index) | ast.Call(ast.Name("range"), [index, *_]):
                indices |= {_last_name(x) for x in _terms(index)}
    return found - indices - {""}


def _terms(x: ast.AST) -> Iterator[ast.AST]:
    """What an index is computed from, without the arguments of functions: not w in ``len(w)``."""
    if not isinstance(x, ast.Call | ast.Subscript):
        yield x
        for inner in ast.iter_child_nodes(x):
            yield from _terms(inner)


def _last_name(x: ast.AST) -> str:
    """``w`` for ``w``, ``w[i]``, ``self.w[i][j]`` and ``unit["w"][i]``; "" for others."""
    while isinstance(x, ast.Subscript):
        if isinstance(x.slice, ast.Constant) and isinstance(x.slice.value, str):
            return x.slice.value
        x = x.value
    return x.id if isinstance(x, ast.Name) else x.attr if isinstance(x, ast.Attribute) else ""


def _first_name(x: ast.AST) -> str:
    """``plt`` for ``plt``, ``plt.plot(x)`` and ``plt.gca().lines[0]``; "" for others."""
    while isinstance(x, ast.Attribute | ast.Subscript | ast.Call):
        x = x.func if isinstance(x, ast.Call) else x.value
    return x.id if isinstance(x, ast.Name) else ""


def _functions_in(node: ast.Module | ast.ClassDef) -> list[str]:
    """The names of the functions that are defined directly in a module or a class."""
    return [x.name for x in node.body if isinstance(x, ast.FunctionDef)]


def _recording(function: ast.expr) -> ast.expr:
    """The recorder's own ``int``, ``float``, ``bool`` or ``type``; of another function, itself."""
    if isinstance(function, ast.Name) and function.id in KINDS:
        return ast.copy_location(ast.Name(f"__{function.id}__", ast.Load()), function)
    return function


def _casts(call: ast.Call, function: ast.Attribute) -> bool:
    """Is it ``np.int64(x)``, by its name?"""
    return len(call.args) == 1 and not call.keywords and bool(CAST.fullmatch(function.attr))


class AssignmentRewriter(ast.NodeTransformer):
    """Adds calls to the recorder to a script; no line moves.

    ``name = value`` becomes ``name = __assigned__(value, "name")``, ``x[i] = value`` becomes
    ``__set_item__(value, x, i, "x[i]")``, ``x[i] += value`` becomes ``__change_item__("+=", x, i,
    value, "x[i]")``; the same with attributes, and one after the other where ``x[i], y.name =
    value`` assigns to several. After ``name += value`` follows ``name =
    __named__(name, "name")``. A ``for`` loop takes its items from ``__loop__(items)``, and a
    ``while`` loop calls the result of ``__round__()`` before each round, so that the recorder can
    leave a long loop. ``1 if a < b else 0`` and ``int(a < b)`` become
    ``__chosen__("lt", a, b, 1, 0)``, and so does an ``if`` that returns or assigns one of two
    literal numbers; ``x if a < b else 0`` becomes ``__chosen__("lt", a, b, lambda: x, 0)``. Any
    other ``if test`` becomes ``if __asked__(__begin__(), test, 5)``, with a number of its own;
    ``return 1`` in it becomes ``return __taken__(1, 0, 5)`` if its block has a ``return 0`` as
    well, and ``w += t * x`` in it becomes ``w += __whole__(t * x)``, and ``if y == 0 and t == 1``
    compares ``__given__(t)``. A comparison outside a test, ``y = a < b``, becomes
    ``__compared__("lt", a, b)``. A function that may compute gradients, by its name, gets a
    decorator ``__called__("its class")``. ``x.append(y)`` becomes
    ``__grows__(x, "append", "x")(y)``, and ``x.pop()`` becomes ``__shrinks__(x, "x").pop()``; so do
    ``del x[i]`` and ``x[i:j] = y``, after which follows ``__sliced__("x")``. ``float(x)`` becomes
    ``__float__(x)``, and ``int``, ``bool`` and ``type`` do the same; ``np.int64(x)`` becomes
    ``__cast__(np.int64, x)``, and ``json.dumps(x)`` becomes ``__plainly__(json.dumps, x)``. A
    statement like ``plt.plot(range(epochs), losses)`` is skipped if it fails after the recorder has
    left a loop, since the script has fewer losses then.
    """

    def __init__(self, source: str, ifs: int = 0) -> None:
        """Begin.

        Args:
            source: of a file.
            ifs: how many ``if`` statements of other files have a number.

        """
        self.lines = re.split("\r\n|\r|\n", source)
        # line -> column -> what an assignment changes: x[i][j], and what that is a part of: x[i], x
        self.changed: dict[int, dict[int, list[str]]] = {}
        # line -> the numbers of the ``if`` statements that decide whether it runs
        self.deciding_ifs: dict[int, tuple[int, ...]] = {}
        self.loops = self.parts = 0  # how many of the names that we make are in use
        self.ifs = ifs
        self.classes: list[str] = []  # the classes around the present node
        self.functions = 0  # how many functions are around it
        self.beside: list[list[str]] = []  # the functions of the module, and of those classes
        # literal number -> the number of the ``if`` that decides about it, and what its block
        # puts into the same place otherwise
        self.taken: dict[ast.expr, tuple[int, Any]] = {}
        self.tests = set[ast.expr]()  # expressions whose truth alone counts
        self.display = set[str]()  # the names of packages that draw, and of what they have made
        self.given = set[ast.expr]()  # what a test compares with a number, beside other comparisons

    def visit(self, node: ast.AST) -> Any:
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                if not isinstance(node, ast.ClassDef):
                    statements = with_choices(statements)
                setattr(node, name, statements)
                self._number_ifs(statements)
        test = getattr(node, "test", None)
        for one in [test] if isinstance(test, ast.expr) else getattr(node, "ifs", ()):
            self._note_test(one)
        return super().visit(node)

    def _note_test(self, test: ast.expr) -> None:
        self.tests.add(test)
        parts = test.values if isinstance(test, ast.BoolOp) else []
        for part in [test.operand] if isinstance(test, ast.UnaryOp) else parts:
            self._note_test(part)
            match part:  # ``t == 1`` in ``if y == 0 and t == 1``: t may be the target
                case ast.Compare(left, [ast.Eq()], [right]) if parts and typed(right) is not None:
                    self.given.add(left)

    def _number_ifs(self, block: list[ast.stmt]) -> None:
        """Give each ``if`` of a block a number, and note the lines that it decides about.

        These are its own lines. If it leaves the block, by ``continue`` for instance, the rest of
        the block counts, too.
        """
        written = literals(block)
        for n, statement in enumerate(block):
            if isinstance(statement, ast.If) and may_compare(statement.test):
                self.ifs += 1
                self._note_test(statement.test)
                self._add_else(statement, block[:n])
                leaves = isinstance(statement.body[-1], ast.Continue | ast.Return | ast.Break)
                after = block[n + 1 :] if leaves and not statement.orelse else []
                for one in (*statement.body, *statement.orelse, *after):
                    for line in range(one.lineno, (one.end_lineno or one.lineno) + 1):
                        self.deciding_ifs[line] = (*self.deciding_ifs.get(line, ()), self.ifs)
                    self._note_taken(one, written)
                begin = ast.Call(ast.Name("__begin__", ast.Load()), [], [])
                begin = ast.copy_location(begin, statement.test)
                statement.test = self._call(
                    "__asked__", begin, statement.test, ast.Constant(self.ifs)
                )

    def _note_taken(self, statement: ast.stmt, put: dict[Slot, list[ast.expr]]) -> None:
        """Note the literal number that a statement of an ``if`` puts somewhere."""
        if isinstance(statement, ast.If):
            for inner in (*statement.body, *statement.orelse):
                self._note_taken(inner, put)
        inside = slot(statement)
        if inside is None or typed(inside[1]) is None:
            return
        place, value = inside
        others = [x for x in map(typed, put[place]) if x != typed(value)]
        _, known = self.taken.get(value, (0, None))
        self.taken[value] = self.ifs, others[0] if others else known

    def _add_else(self, statement: ast.If, before: list[ast.stmt]) -> None:
        """After ``y = 0``, write ``if z > 0: y = 1`` with ``else: y = y``."""
        first = {x[0] for x in map(slot, before) if x is not None and typed(x[1]) is not None}
        for one in statement.body if not statement.orelse else ():
            inside = slot(one)
            if not (isinstance(one, ast.Assign) and inside is not None and inside[0] in first):
                continue
            target = one.targets[0]
            if isinstance(target, ast.Name) and typed(inside[1]) is not None:
                same = ast.copy_location(ast.Name(target.id, ast.Load()), one)
                statement.orelse.append(put(one, same))
                self.taken[same] = self.ifs, typed(inside[1])

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        # a function in the body of a class does not see the names there
        chosen = is_choice(node) and not (self.classes and not self.functions)
        self.generic_visit(node)
        return as_call(node) if chosen else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        return self._visit_choice(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return self._visit_choice(node)

    def _visit_choice(self, node: ast.expr) -> ast.AST:
        choice = as_choice(node)
        made: ast.AST = self.visit(choice) if choice else self.generic_visit(node)
        return made

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        given = node.left in self.given
        self.generic_visit(node)
        if given:
            node.left = self._call("__given__", node.left)
        match node:
            case ast.Compare(left, [ast.Is() | ast.IsNot()], [ast.Constant(True | False)]):
                node.left = self._call("__truth__", left)
        if node in self.tests or not is_comparison(node):
            return node
        name = ast.Constant(COMPARED[type(node.ops[0])])
        return self._call(
            "__compared__", ast.copy_location(name, node), node.left, *node.comparators
        )

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return self._as_taken(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return self._as_taken(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._as_taken(node)

    def _as_taken(self, node: ast.expr) -> ast.AST:
        if node not in self.taken:
            return node
        number, other = self.taken[node]
        return self._call("__taken__", node, ast.Constant(other), ast.Constant(number))

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.beside.append(_functions_in(node))
        self.generic_visit(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.classes.append(node.name)
        self.beside.append(_functions_in(node))
        self.generic_visit(node)
        self.beside.pop()
        self.classes.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.functions += 1
        self.generic_visit(node)
        self.functions -= 1
        own = not self.functions and len(self.classes) < 2
        if own and not node.decorator_list and is_watched(node.name, self.beside[-1]):
            owner = ast.Constant(self.classes[0] if self.classes else "")
            call = ast.Call(ast.Name("__called__", ast.Load()), [owner], [])
            node.decorator_list = [ast.copy_location(call, node)]
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        self._note_display(node, *(one.name for one in node.names))
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        self._note_display(node, node.module or "")
        return node

    def _note_display(self, node: ast.Import | ast.ImportFrom, *packages: str) -> None:
        if any(name.split(".")[0] in DISPLAY for name in packages):
            self.display |= {one.asname or one.name.split(".")[0] for one in node.names}

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        draws = isinstance(node.value, ast.Call) and _first_name(node.value) in self.display
        self.generic_visit(node)
        if not draws:
            return node
        again = ast.If(self._call("__complete__"), [ast.Raise()], [])
        handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [again])
        return ast.copy_location(ast.Try([node], [handler], [], []), node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        if _first_name(node.value) in self.display:  # fig, ax = plt.subplots()
            self.display |= {x.id for x in ast.walk(node.targets[0]) if isinstance(x, ast.Name)}
        self.generic_visit(node)
        target = node.targets[0]
        match node.value:
            case ast.BinOp(left, ast.Add() | ast.Sub(), right) as total:
                if self._text(left) == self._text(target):
                    total.right = self._whole(right)
        parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        if isinstance(target, ast.Subscript):  # x[part] = ... makes a new value of x
            self._note_change(node.lineno, target)
        if len(node.targets) == 1 and self._is_place(target):
            return self._set(target, node, node.value)
        if any(isinstance(p, ast.Starred) for p in parts):
            return node
        node.value = self._call(
            "__assigned__", node.value, *(ast.Constant(self._text(p)) for p in parts)
        )
        match node.targets:
            case [ast.Subscript(container, ast.Slice()) as part]:
                text = ast.Constant(self._text(container))
                self._note_shrinking(part)
                sliced = ast.Call(ast.Name("__sliced__", ast.Load()), [text], [])
                return [node, self._statement(sliced, node)]
        several = node.targets if len(node.targets) > 1 else parts
        return self._one_by_one(node, several) if any(map(self._is_place, several)) else node

    def _whole(self, change: ast.expr) -> ast.expr:
        """What an ``if`` decides to add to a number that may be a weight."""
        decided = change.lineno in self.deciding_ifs and typed(change) is None
        return self._call("__whole__", change) if decided else change

    def _one_by_one(self, node: ast.Assign, targets: list[ast.expr]) -> list[ast.stmt]:
        """``x[i], y.name = value`` as one assignment after the other, in Python's order."""
        names = []
        for _ in targets:
            self.parts += 1
            names.append(f"__part_{self.parts}__")
        statements = list[ast.stmt]()
        for target, name in zip(targets, names, strict=True):
            value = ast.copy_location(ast.Name(name, ast.Load()), target)
            if self._is_place(target):
                statements.append(self._set(target, node, value))
            else:
                statements.append(ast.copy_location(ast.Assign([target], value), node))
        stores = [ast.Name(name, ast.Store()) for name in names]
        if len(node.targets) == 1:
            node.targets = [ast.Tuple(list[ast.expr](stores), ast.Store())]
        else:
            node.targets = list[ast.expr](stores)
        return [node, *statements]

    def _set(
        self, target: ast.Subscript | ast.Attribute, node: ast.stmt, value: ast.expr
    ) -> ast.stmt:
        """``x[i] = value`` or ``x.name = value``"""
        value = self._call("__assigned__", value, ast.Constant(self._text(target)))
        kind = "item" if isinstance(target, ast.Subscript) else "attribute"
        call = ast.Call(ast.Name(f"__set_{kind}__", ast.Load()), [value, *self._where(target)], [])
        return self._statement(call, node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if node.value is not None and self._is_place(node.target):
            return self._set(node.target, node, node.value)
        if node.value is not None:
            node.value = self._call(
                "__assigned__", node.value, ast.Constant(self._text(node.target))
            )
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        self._note_change(node.lineno, node.target)
        target = node.target
        if isinstance(node.op, ast.Add | ast.Sub):
            node.value = self._whole(node.value)
        if isinstance(target, ast.Name):
            again = ast.Name(target.id, ast.Load())
            call = ast.Call(ast.Name("__named__", ast.Load()), [again, ast.Constant(target.id)], [])
            return [node, ast.copy_location(ast.Assign([target], call), node)]
        if not self._is_place(target):
            return node
        kind = "item" if isinstance(target, ast.Subscript) else "attribute"
        operator = ast.Constant(type(node.op).__name__)
        where = self._where(target)
        call = ast.Call(
            ast.Name(f"__change_{kind}__", ast.Load()),
            [operator, *where[:2], node.value, where[2]],
            [],
        )
        return self._statement(call, node)

    def _is_place(self, target: ast.expr) -> TypeGuard[ast.Subscript | ast.Attribute]:
        """Is it ``x[i]`` or ``x.name``? In ``x[a:b]`` and ``x[i, j]``, x is an array."""
        if isinstance(target, ast.Subscript):
            return not isinstance(target.slice, ast.Slice | ast.Tuple)
        return isinstance(target, ast.Attribute)

    def _where(self, target: ast.Subscript | ast.Attribute) -> list[ast.expr]:
        """The object that holds a target, the target's key there, and its text."""
        text = ast.Constant(self._text(target))
        if isinstance(target, ast.Subscript):
            return [target.value, target.slice, text]
        name = target.attr
        if self.classes and name.startswith("__") and not name.endswith("__"):
            name = f"_{self.classes[-1].lstrip('_')}{name}"
        return [target.value, ast.Constant(name), text]

    def _statement(self, call: ast.Call, node: ast.stmt) -> ast.stmt:
        return ast.copy_location(ast.Expr(ast.copy_location(call, node)), node)

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.iter = self._call("__loop__", node.iter)
        return node

    def visit_While(self, node: ast.While) -> list[ast.stmt]:
        self.generic_visit(node)
        self.loops += 1
        name = f"__round_{self.loops}__"
        begin = ast.Assign([ast.Name(name, ast.Store())], self._call("__round__"))
        go_on = ast.Call(ast.Name(name, ast.Load()), [], [])
        node.test = ast.copy_location(ast.BoolOp(ast.And(), [go_on, node.test]), node.test)
        return [ast.copy_location(begin, node), node]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        answer = as_choice(node)
        if answer is not None:
            made: ast.AST = self.visit(answer)
            return made
        self.generic_visit(node)
        node.func = _recording(node.func)
        if _last_name(node.func) == "map":  # map(int, x)
            node.args[:1] = map(_recording, node.args[:1])
        elif _last_name(node.func) in PLAIN:
            node.args.insert(0, node.func)
            node.func = ast.copy_location(ast.Name("__plainly__", ast.Load()), node.func)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in SHRINKING:
            self._note_shrinking(node.func)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in GROWING:
            value, method = node.func.value, ast.Constant(node.func.attr)
            text = ast.Constant(self._text(value))
            node.func = self._call("__grows__", value, method, text)
        elif isinstance(node.func, ast.Attribute) and _casts(node, node.func):
            node.args.insert(0, node.func)
            node.func = ast.copy_location(ast.Name("__cast__", ast.Load()), node.func)
        return node

    def visit_Delete(self, node: ast.Delete) -> ast.AST:
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                self._note_shrinking(target)
        return node

    def _note_shrinking(self, node: ast.Subscript | ast.Attribute) -> None:
        text = ast.Constant(self._text(node.value))
        node.value = self._call("__shrinks__", node.value, text)

    def _note_change(self, line: int, target: ast.expr) -> None:
        names = self.changed.setdefault(line, {})[target.col_offset] = [self._text(target)]
        while isinstance(target, ast.Subscript):
            target = target.value
            names.append(self._text(target))

    def _text(self, target: ast.expr) -> str:
        """A target as it is written in the file."""
        if target.lineno != target.end_lineno:
            return ast.unparse(target)
        line = self.lines[target.lineno - 1].encode()
        return line[target.col_offset : target.end_col_offset].decode(errors="replace")

    def _call(self, name: str, *args: ast.expr) -> ast.Call:
        call = ast.Call(ast.Name(name, ast.Load()), list(args), [])
        return ast.copy_location(call, args[0]) if args else call
