"""Finds the number of samples that a script gives to each update, by its name: ``batch_size``.

An update of 128 images may take too long to repeat. With four of them the same lines compute a
gradient in the same way.
"""

import ast
import re
from collections.abc import Iterator

FEW = 4  # samples: enough to tell a sum over them from a mean
NAME = re.compile(r"(mini)?batch(size)?")


def batch_sizes(tree: ast.AST) -> list[ast.Constant]:
    """The numbers above `FEW` that a file gives to a batch size, in the order of its lines.

    ``batch_size = 64``, ``self.batch_size = 64``, ``{"batch_size": 64}``, ``train(batch_size=64)``,
    ``def train(batch_size=64)`` and ``add_argument("--batch-size", default=64)``.
    """
    found = {
        value: None
        for name, value in _named(tree)
        if NAME.fullmatch(re.sub("[^a-z]", "", name.lower()))
        and isinstance(value, ast.Constant)
        and type(value.value) is int
        and value.value > FEW
    }
    return sorted(found, key=lambda number: (number.lineno, number.col_offset))


def _named(tree: ast.AST) -> Iterator[tuple[str, ast.AST | None]]:
    """All names, keys and options in a file, with the expressions that they are given."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets, value):
                for target in targets:
                    yield from _assigned(target, value)
            case ast.AnnAssign(target, _, value):
                yield from _assigned(target, value)
            case ast.Dict(keys, values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant):
                        yield str(key.value), value
            case ast.arguments():
                names = [a.arg for a in (*node.posonlyargs, *node.args)]
                last = names[len(names) - len(node.defaults) :]
                yield from zip(last, node.defaults, strict=True)
                yield from zip((a.arg for a in node.kwonlyargs), node.kw_defaults, strict=True)
            case ast.Call(_, arguments, keywords):
                options = [str(a.value) for a in arguments if isinstance(a, ast.Constant)]
                for keyword in keywords:
                    if keyword.arg == "default":
                        yield from ((option, keyword.value) for option in options)
                    yield keyword.arg or "", keyword.value


def _assigned(target: ast.AST, value: ast.AST | None) -> Iterator[tuple[str, ast.AST | None]]:
    match target:
        case ast.Name(name) | ast.Attribute(_, name) | ast.Subscript(_, ast.Constant(str(name))):
            yield name, value
        case ast.Tuple(targets) if isinstance(value, ast.Tuple):
            for one, part in zip(targets, value.elts, strict=False):
                yield from _assigned(one, part)
