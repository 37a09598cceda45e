"""Splits a line of Python into words, and tells the kind of each, by pygments."""

from collections.abc import Iterator
from functools import cache
from typing import Any

KINDS = {
    "Token.Keyword": "keyword",
    "Token.Operator.Word": "keyword",
    "Token.Name.Function": "name",
    "Token.Name.Builtin": "name",
    "Token.Literal.Number": "number",
    "Token.Literal.String": "string",
    "Token.Comment": "comment",
}


@cache
def _lexer() -> Any:
    from pygments.lexers.python import PythonLexer

    return PythonLexer(stripnl=False, ensurenl=False)


def words_of(line: str) -> Iterator[tuple[str, str]]:
    """(kind, word) of each word, "" for a kind without a colour; the words make up the line."""
    for token, word in _lexer().get_tokens(line):
        name = str(token)
        while name not in KINDS and "." in name:
            name = name.rpartition(".")[0]
        yield KINDS.get(name, ""), word
