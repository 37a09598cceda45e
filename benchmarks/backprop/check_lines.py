"""Are the lines of the planted mistakes right? Runs each mistake beside its right twin.

    python -m benchmarks.backprop.check_lines [TEXT ...]

Both scripts run line by line. The first line after which their values differ must be the mistake's
line, or one of those that a reader would accept. An edit that adds or removes a line changes the
way through the script; where the ways part before the values do, a person must look: such mistakes
are listed as "by hand".
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
import types
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from .mistakes import MISTAKES, Mistake
from .truth import source

STEPS = 9000  # lines that are run at most: one update or two

Step = tuple[str, int, str, int]  # event, line, digest of the values, the line that made them


class _Enough(BaseException):
    """Leaves a script that has done what is asked; no script catches it."""


def trace(text: str, see: Callable[[Step], bool]) -> None:
    """Run a source; call ``see`` after each of its lines until it returns True."""
    line_before: dict[int, int] = {}

    def tracer(frame: types.FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != "<network>":
            return None
        if event in ("line", "return"):
            values = {k: v for k, v in frame.f_locals.items() if not k.startswith("__")}
            found = f"{_digest(values)}{_digest(arg) if event == 'return' else ''}"
            caller = frame.f_back.f_lineno if frame.f_back else 0  # it made the arguments
            at = line_before.pop(id(frame), caller)
            if event == "line":
                line_before[id(frame)] = frame.f_lineno
            else:
                at = frame.f_lineno
            if see((event, frame.f_lineno, hashlib.md5(found.encode()).hexdigest(), at)):
                raise _Enough
        return tracer

    code = compile(text, "<network>", "exec")
    module = types.ModuleType("__main__")
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.suppress(_Enough),
        np.errstate(all="ignore"),
    ):
        sys.settrace(tracer)
        try:
            exec(code, module.__dict__)
        finally:
            sys.settrace(None)


def _digest(value: Any, depth: int = 0) -> str:
    """A text that changes with the numbers in a value."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return hashlib.md5(np.ascontiguousarray(value).tobytes()).hexdigest()
    if isinstance(value, (int, float, str, np.generic)):
        return repr(value)
    if depth > 4:
        return ""
    if isinstance(value, (list, tuple)):
        return str([_digest(v, depth + 1) for v in value])
    if isinstance(value, dict):
        return str([_digest(v, depth + 1) for v in value.values()])
    if type(value).__module__ == "__main__" and hasattr(value, "__dict__"):
        return _digest(value.__dict__, depth + 1)
    return ""


def first_difference(mistake: Mistake) -> int | None:
    """The line of the mistaken script after which its values first differ; None: by hand."""
    right: list[Step] = []

    def remember(step: Step) -> bool:
        right.append(step)
        return len(right) >= STEPS

    trace(source(mistake.network), remember)
    answer: list[int | None] = []
    rest = iter(right)

    def compare(step: Step) -> bool:
        event, line, digest, _ = next(rest, ("", 0, "", 0))
        if (event, line) != step[:2]:
            answer.append(None)
        elif digest != step[2]:
            answer.append(step[3])
        return bool(answer)

    if mistake.source.count("\n") == source(mistake.network).count("\n"):
        trace(mistake.source, compare)
    return answer[0] if answer else None


def main() -> int:
    """Check all lines, print what is not simply right; return 1 if a line is in doubt."""
    texts = sys.argv[1:]
    mistakes = [m for m in MISTAKES if not texts or any(t in m.id for t in texts)]
    counts = {"right": 0, "near": 0, "by hand": 0, "IN DOUBT": 0}
    with ProcessPoolExecutor() as pool:
        for m, line in zip(mistakes, pool.map(first_difference, mistakes), strict=True):
            word = (
                ("by hand" if line is None else "right")
                if line in (None, m.line)
                else ("near" if line in m.near else "IN DOUBT")
            )
            counts[word] += 1
            if word != "right":
                print(f"{word:8} {m.id}: values differ after line {line}, labelled {m.line}")
    print(counts)
    return int(counts["IN DOUBT"] > 0)


if __name__ == "__main__":
    sys.exit(main())
