"""Which changes of a wrong statement give it the value that it should have: one run for all.

To judge a changed script takes a run of its own. But where the judge knows what the wrong value
should be, in one step, most changes can be sorted out without: the script runs once more, and where
the wrong statement has its wrong value, every change of it is evaluated, in its place.
"""

import ast
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .judging.findings import Diagnosis, Finding
from .mending import Place, place_of
from .untrusted import read_regular

NEAR = 1e-5  # of the largest element: the judge repeats in float64 what may be float32
MOST_BYTES = 10_000  # of the script's answer
# Runs in the script's process. The first step with the wrong value ends it.
TRY = """\
def _backprop_try(parts, changes):
    import os
    def near(make, which):
        try:
            value = make()
            for index, *wanted in {elements}:
                one = value
                for i in index:
                    one = one[i]
                if abs(float(one) - wanted[which]) > {near} * {size}:
                    return False
            return True
        except Exception:
            return False
    found = []
    for k, part in enumerate(parts):
        if near(part, 0):
            found += [n for n, change in enumerate(changes()) if k in change and near(change[k], 1)]
            with open({path}, "w") as file:
                file.write(" ".join(map(str, dict.fromkeys(found))))
    if os.path.exists({path}):
        os._exit(0)
"""


def screened(
    source: str, texts: Sequence[str], finding: Finding, run: Callable[[str], object]
) -> list[str] | None:
    """The texts in which the wrong value is what it should be, in their order.

    Those that change more than the wrong statement are among them: this cannot tell.

    Args:
        source: the script.
        texts: the script with one change each.
        finding: which statement that is, and some elements of its value.
        run: runs a script.

    Returns:
        None if that value did not turn up, so nothing is known: the judge has none, or the script
        draws other random numbers each time.

    """
    place, d = place_of(source, finding), finding.diagnosis
    if place is None or d is None or not d.actual or not d.elements:
        return None
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer")
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            run(_with_trial(place, d, texts, answer))
        try:
            good = {int(word) for word in read_regular(answer, MOST_BYTES).decode().split()}
        except (OSError, ValueError):
            return None
    return [text for n, text in enumerate(texts) if n in good or place.changed(text) is None]


def _with_trial(place: Place, d: Diagnosis, texts: Sequence[str], answer: Path) -> str:
    """The script, which evaluates the changes before the wrong statement."""
    is_step = d.of.endswith(" step")
    parts = dict(_parts(place.statement, is_step))
    keys = [*parts]
    changes = list[str]()
    for text in texts:
        changed = dict[str, str]()
        statement = place.changed(text)
        if statement is not None:
            found = dict(_parts(statement, is_step))
            changed = {k: t for k, t in found.items() if k in parts and t != parts[k]}
        thunks = (f"{keys.index(k)}: lambda: {t}" for k, t in changed.items())
        changes.append(f"{{{', '.join(thunks)}}}")
    made = ", ".join(f"lambda: {text}" for text in parts.values())
    call = f"_backprop_try(({made},), lambda: ({', '.join(changes)},)); "
    size = max(abs(number) for _, *numbers in d.elements for number in numbers)
    helper = TRY.format(elements=d.elements, near=NEAR, size=size, path=repr(str(answer)))
    lines = place.inserted(call).splitlines(keepends=True)
    top = _top(ast.parse(place.source))
    return "".join([*lines[:top], helper, *lines[top:]])


def _top(tree: ast.Module) -> int:
    """How many lines have to stay first: a docstring, imports from ``__future__``."""
    for k, node in enumerate(tree.body):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (k == 0 and is_text) and not future:
            first = [node, *getattr(node, "decorator_list", [])]
            return min(int(part.lineno) for part in first) - 1
    return 0


def _parts(statement: ast.stmt, is_step: bool) -> Iterator[tuple[str, str]]:
    """(place, expression) of what a statement computes: a parameter's step, or all its values."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.expr):
        return
    target = (getattr(statement, "targets", None) or [getattr(statement, "target", None)])[0]
    whole = value
    if isinstance(statement, ast.AugAssign):
        whole = ast.BinOp(statement.target, statement.op, value)
    if target is not None and (is_step or whole is not value):
        text = f"({ast.unparse(whole)})"
        yield "whole", f"{text} - ({ast.unparse(target)})" if is_step else text
    if not is_step:
        yield from _values(value, "")


def _values(node: ast.expr, path: str) -> Iterator[tuple[str, str]]:
    yield path, ast.unparse(node)
    for name, field in ast.iter_fields(node):
        for k, child in enumerate(field if isinstance(field, list) else [field]):
            if isinstance(child, ast.expr) and not isinstance(child, ast.Lambda):
                yield from _values(child, f"{path}.{name}{k}")
