"""Finds the changes that give a wrong statement its right value, in one run for all of them.

To judge a changed script, it has to run. But if the judge knows the right value of the statement in
one step, it can drop most changes before that: the script runs once more, and at the step where the
statement has its wrong value, every change is evaluated in its place.
"""

import ast
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .filling import FORMS, INNER, MOST_PAIRED, PAIRED, PAIRED_FORMS, SINGLE, TOGETHER, Fillings
from .judging.findings import Diagnosis, Finding
from .mending import WrongStatement, wrong_statement
from .untrusted import read_regular

NEAR = 1e-5  # relative to the largest element: the script may use float32, the judge float64
MOST_BYTES = 10_000  # of the script's answer
MOST_TRIES = 15_000  # of fillings, in the statement and in each function that it calls
MOST_FOUND = 6
# Runs in the script's process. The first step with the wrong value ends it. Each line of the answer
# is a change, or a filling: hole, form, value, names.
TRY = """\
def _backprop_try(parts, changes, fillings):
    import itertools, os
    def near(value, which):
        for index, *wanted in {elements}:
            one = value
            for i in index:
                one = one[i]
            if not abs(float(one) - wanted[which]) <= {near} * {size}:
                return False
        return True
    def said(make, which):
        try:
            return near(make(), which)
        except Exception:
            return False
    def plain(make):
        try:
            value = make()
            array = next(c for c in type(value).__mro__ if c.__name__ in ("ndarray", "object"))
            if array is object:
                return value if hasattr(value, "shape") or isinstance(value, float) else None
            return array.view(value, array)  # which no operation records
        except Exception:
            return None
    def fill(holes, scopes):
        seen, tried = dict(), dict()
        for h, (old, whole, s) in enumerate(holes):
            if tried.setdefault(s, 0) > {most}:
                continue
            old = plain(old)
            if s not in seen:
                found = [(n, plain(x)) for n, x in enumerate(scopes[s])]
                found = [(n, x) for n, x in found if x is not None]
                few = found[:{paired}]
                made = list()
                for v, f in enumerate(({single},)):
                    for n, a in found:
                        try:
                            made.append((v, (n,), f(a)))
                        except Exception:
                            pass
                for v, f in enumerate(({pairs},)):
                    for (n, a), (m, b) in itertools.product(few, few):
                        try:
                            made.append((v, (n, m), f(a, b)))
                        except Exception:
                            pass
                seen[s] = few, made
            few, made = seen[s]
            shape = getattr(old, "shape", ())
            for v, names, new in made:
                forms = ({forms},) if len(names) == 1 else ({paired_forms},)
                for f, form in enumerate(forms):
                    if f and getattr(new, "shape", ()) not in (shape, ()) and len(names) > 1:
                        continue
                    tried[s] += 1
                    if said(lambda: whole(form(old, new)), 1):
                        yield h, f, v, *names
            for f, form in enumerate(({together},)):
                for (n, a), (m, b) in itertools.product(few, few):
                    tried[s] += 1
                    if said(lambda: whole(form(old, a, b)), 1):
                        yield h, f, -1, n, m
    for k, part in enumerate(parts):
        if said(part, 0):
            recorder = getattr(part(), "_recorder", None)
            if recorder is not None:
                recorder.full = True  # the search is not a part of the script
            for n, change in enumerate(changes()):
                if k in change and said(change[k], 1):
                    with open({path}, "a") as file:
                        file.write(str(n) + "\\n")
            with open({path}, "a") as file:
                file.write("\\n")
            for found in itertools.islice(fill(*fillings()[k]()), {found}):
                with open({path}, "a") as file:
                    file.write(" ".join(map(str, (k, *found))) + "\\n")
    if os.path.exists({path}):
        os._exit(0)
"""


def screened(
    source: str, texts: Sequence[str], finding: Finding, run: Callable[[str], object]
) -> list[str] | None:
    """The texts that give the right value, and others that the search of `filling` has found.

    Texts that change more than the wrong statement come last: they cannot be evaluated here.

    Args:
        source: the script.
        texts: the script with one change each.
        finding: names the wrong statement, with some elements of its wrong and its right value.
        run: runs a script.

    Returns:
        The texts; or None if nothing is known, because the judge has no right value, or the wrong
        value did not occur again: the script may draw other random numbers each time.

    """
    wrong, d = wrong_statement(source, finding), finding.diagnosis
    if wrong is None or d is None or not d.actual or not d.elements:
        return None
    parts = dict(_parts(wrong.statement, d.of.endswith(" step")))
    fillings = [Fillings.of(wrong, part) for part in parts.values()]
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer")
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            run(_with_trial(wrong, d, parts, texts, fillings, answer))
        try:
            lines = read_regular(answer, MOST_BYTES).decode().splitlines()
        except (OSError, ValueError):
            return None
    good, found = set[int](), list[tuple[bool, int, str]]()
    with contextlib.suppress(ValueError, IndexError):  # the script may write anything there
        for words in ([int(word) for word in line.split()] for line in lines):
            if len(words) == 1:
                good.add(words[0])
            elif words and (text := fillings[words[0]].text(wrong, words[1:])) is not None:
                found.append((wrong.changed(text) is None, len(text), text))
    known = [text for n, text in enumerate(texts) if n in good]
    others = [text for text in texts if wrong.changed(text) is None]
    # the simplest first, and in the wrong statement before a function that it calls
    return [*dict.fromkeys([*known, *(text for *_, text in sorted(found)), *others])]


def _with_trial(
    wrong: WrongStatement,
    d: Diagnosis,
    parts: Mapping[str, ast.expr],
    texts: Sequence[str],
    fillings: Sequence[Fillings],
    answer: Path,
) -> str:
    """The script with code before the wrong statement that evaluates the changes."""
    keys, written = [*parts], {key: ast.unparse(part) for key, part in parts.items()}
    changes = list[str]()
    for text in texts:
        changed = dict[str, str]()
        statement = wrong.changed(text)
        if statement is not None:
            found = _parts(statement, d.of.endswith(" step"))
            changed = {k: ast.unparse(t) for k, t in found if k in parts}
            changed = {k: t for k, t in changed.items() if t != written[k]}
        thunks = (f"{keys.index(k)}: lambda: {t}" for k, t in changed.items())
        changes.append(f"{{{', '.join(thunks)}}}, ")
    made = "".join(f"lambda: {text}, " for text in written.values())
    filled = "".join(f"lambda: {one.code()}, " for one in fillings)
    call = f"_backprop_try(({made}), lambda: ({''.join(changes)}), lambda: ({filled})); "
    size = max(abs(number) for _, *numbers in d.elements for number in numbers)
    helper = TRY.format(
        elements=d.elements,
        near=NEAR,
        size=size,
        path=repr(str(answer)),
        paired=MOST_PAIRED,
        single=", ".join(f"lambda a: {text}" for text in SINGLE),
        pairs=", ".join(f"lambda a, b: {text}" for text in PAIRED),
        forms=", ".join(f"lambda old, new: {text}" for text in FORMS),
        paired_forms=", ".join(f"lambda old, new: {text}" for text in PAIRED_FORMS),
        together=", ".join(f"lambda old, a, b: {text}" for text in TOGETHER),
        most=MOST_TRIES,
        found=MOST_FOUND,
    )
    lines = wrong.inserted(call).splitlines(keepends=True)
    top = _top(ast.parse(wrong.source))
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


def _parts(statement: ast.stmt, is_step: bool) -> Iterator[tuple[str, ast.expr]]:
    """(place, expression) of what a statement computes: a parameter's step, or all its values."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.expr):
        return
    target = (getattr(statement, "targets", None) or [getattr(statement, "target", None)])[0]
    whole = value
    if isinstance(statement, ast.AugAssign):
        whole = ast.BinOp(statement.target, statement.op, value)
    if target is not None and (is_step or whole is not value):
        yield "whole", ast.BinOp(whole, ast.Sub(), target) if is_step else whole
    if not is_step:
        values = dict(_values(value, ""))
        if isinstance(statement, ast.Expr):  # np.add.at(dW, i, x): to compute it would change dW
            del values[""]
        yield from values.items()


def _values(node: ast.expr, path: str) -> Iterator[tuple[str, ast.expr]]:
    parts = [node, *(node.elts if isinstance(node, ast.Tuple) else [])]
    if not any(isinstance(part, ast.Slice | ast.Starred) for part in parts):  # x[:, 0]
        yield path, node
    for name, field in ast.iter_fields(node):
        for k, child in enumerate(field if isinstance(field, list) else [field]):
            if isinstance(child, ast.expr) and not isinstance(node, INNER | ast.JoinedStr):
                yield from _values(child, f"{path}.{name}{k}")
