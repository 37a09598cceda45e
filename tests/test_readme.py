"""The README and the pages are right: their commands run, and print what the pages show.

A block that is fenced without a language and begins with a program's name holds commands, one on
each line; the next such block of the section is what the last of them prints on standard output.
Each section runs from top to bottom in a directory of its own. Statements about the time that a
command takes are not tested.
"""

import functools
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from xor_torch import cli
from xor_torch.cli.parser import Parser

from .faults import warm

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

RUN = {"python": [sys.executable], "xor-torch": [sys.executable, "-m", "xor_torch"]}

# Commands that are not run, by a pattern of the whole command, and why.
NOT_RUN = {
    r"make [\w-]+": "sets up an environment, then does what is tested here; .ci/run calls it",
    r"\. \.venv/bin/activate": "it is the shell's own",
    r"pip install .*": "changes the environment; test_package.py installs the wheel in a clean one",
    r"tensorboard --logdir \S+": "serves until it is stopped; test_browser.py looks at its pages",
    r"xor-torch compare homework/.*": "there is none; cli/test_compare.py checks a folder",
    r"torchrun .* scripts/sweep\.py .*": "takes hours; test_cli.py shares a small sweep",
}

WIDTHS = "COLUMNS", "FORCE_COLOR"  # of the person who runs the tests

PROGRAMS = {*RUN, *(pattern.split(" ")[0] for pattern in NOT_RUN)}

# Commands that end with another exit code than 0.
EXIT_CODES = {
    "python scripts/compare.py docs/my_network.py": cli.DIFFERS,
    "python scripts/compare.py docs/my_network.py --format gnu": cli.DIFFERS,
}

# Parts of an output that differ from machine to machine: in a comparison that holds, the difference
# is the rounding of the processor.
VARIES = [
    (r"(?<=largest relative difference )\d\.\de-\d+(?=, ok)", "~"),
    (r"(?m)^(W1|b1|W2|b2) +\d\S+ .*", r"\1 ~"),
]

# Sections whose commands take more than ten seconds.
SLOW = {
    "README.md: The proof that both are equal",  # test_parity.py compares the same 10,000 epochs
    "README.md: Why does it not learn?",
    "stuck.md: Why is one network where it is?",
    "train.md: Run it again, go on, change the Trainer",
    "train.md: Train",
    "train.md: Use what it has learned",
    "sweep.md: Many networks at once",
    "tensorboard.md: Reading the TensorBoard page",
}


class Command(NamedTuple):
    text: str
    outputs: tuple[str, ...] = ()  # what the pages say that it prints


def sections(text):
    """The fenced blocks of a page by heading, each a language and a text."""
    found, heading, language, block = {}, "", None, ""
    for line in text.splitlines(keepends=True):
        if language is not None:
            if line.startswith("```"):
                found.setdefault(heading, []).append((language, block))
                language = None
            else:
                block += line
        elif line.startswith("```"):
            language, block = line[3:].strip(), ""
        elif line.startswith("#"):
            heading = line.strip("# \n")
    return found


def commands(blocks):
    """The commands of a section, in order.

    Raises:
        ValueError: a block is neither commands nor the output of one.

    """
    found = []
    for language, block in blocks:
        if language:
            continue
        if block.split(" ")[0] in PROGRAMS:
            lines = (shlex.split(line, comments=True) for line in block.splitlines())
            found += [Command(shlex.join(words)) for words in lines if words]
        elif found and not found[-1].outputs:
            found[-1] = found[-1]._replace(outputs=(block,))
        else:
            raise ValueError(f"what is this block? It follows no command:\n{block}")
    return found


def real(program, words, cwd):
    """Run a command in a process of its own: its exit code, standard output and error."""
    env = {k: v for k, v in os.environ.items() if k not in WIDTHS}
    env["PYTHONPATH"] = str(ROOT)
    run = subprocess.run([*RUN[program], *words], cwd=cwd, env=env, capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


def forked(program, words, cwd):
    """The same without the second in which torch is imported; `test_cli.py` has real starts."""
    if program == "python" and words[0].startswith("scripts/"):
        setup = functools.partial(run_script, words)
    elif program == "xor-torch":
        setup = forget_widths
    else:
        return real(program, words, cwd)
    command = warm.Command(*words, cwd=cwd, setup=setup)
    return command.wait(), command.stdout, command.stderr


def forget_widths():
    for name in WIDTHS:
        os.environ.pop(name, None)


def run_script(words):
    """A setup: what ``python SCRIPT WORDS`` does."""
    forget_widths()
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")
    sys.exit(0)


def check(found, cwd, run=forked):
    """Run the commands of a section in `cwd`, except those that are not to be run.

    Raises:
        AssertionError: a command does not do what the page says.

    """
    for name in ("scripts", "docs"):
        (cwd / name).symlink_to(ROOT / name)
    for text, outputs in found:
        if any(re.fullmatch(pattern, text) for pattern in NOT_RUN):
            continue
        program, *words = shlex.split(text)
        assert program in RUN, f"{text}: neither run nor in NOT_RUN"
        code, stdout, stderr = run(program, words, cwd)
        assert code == EXIT_CODES.get(text, 0), f"{text}\n{stderr}"
        assert "Traceback" not in stderr, f"{text}\n{stderr}"
        for output in outputs:
            assert alike(stdout) == alike(output), text


def alike(output):
    for pattern, instead in VARIES:
        output = re.sub(pattern, instead, output)
    return output


ALL = {
    f"{page.name}: {heading}": blocks
    for page in PAGES
    for heading, blocks in sections(page.read_text(encoding="utf-8")).items()
    if not all(language for language, _ in blocks)
}


def together(names):
    """The commands of each section; sections with the same commands are joined and run once.

    Returns:
        The names of the sections -> their commands, with the outputs that any of them shows.

    """
    found = {}
    for name in names:
        found.setdefault(tuple(c.text for c in commands(ALL[name])), []).append(name)
    return {
        tuple(same): [
            Command(each[0].text, sum((c.outputs for c in each), ()))
            for each in zip(*(commands(ALL[name]) for name in same), strict=True)
        ]
        for same in found.values()
    }


TOGETHER = together(ALL)


@pytest.mark.parametrize(
    "names",
    [pytest.param(n, marks=pytest.mark.slow if SLOW & {*n} else ()) for n in TOGETHER],
    ids=" and ".join,
)
def test_the_commands_print_what_the_pages_say(names, tmp_path):
    check(TOGETHER[names], tmp_path, real if SLOW & {*names} else forked)


def test_the_readmes_program_runs(tmp_path):
    # with a hundredth of its epochs: the test is that all its names are there
    readme = sections((ROOT / "README.md").read_text(encoding="utf-8"))
    programs = [block for blocks in readme.values() for lang, block in blocks if lang == "python"]
    assert programs
    for program in programs:
        program, count = re.subn(r"epochs=\d+", "epochs=10", program)
        assert count
        warm.run(cwd=tmp_path / "here", setup=functools.partial(warm.execute, program))


IN_PROSE = re.compile(rf"`((?:{'|'.join(sorted(PROGRAMS))}) [^`]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_have_flags_that_are_there(page, capsys):
    for text in IN_PROSE.findall(page.read_text(encoding="utf-8")):
        match = re.match(r"(?:xor-torch |python scripts/)(\w+)(?:\.py)?(.*)", text)
        if not match or match[1] not in cli.COMMANDS:
            continue
        settings, _ = cli.COMMANDS[match[1]]
        try:
            Parser(settings, "xor-torch").read(shlex.split(re.sub(r"\bN\b", "3", match[2])))
        except SystemExit as done:  # --help
            assert done.code == 0, text
        except cli.UsageError as error:
            assert "arguments are required" in str(error), f"{text}: {error}"  # `xor-torch predict`


def test_make_targets_in_the_text_are_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)[1].split())
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"(?:^|`)make (?:PYTHON=\S+ )?([\w-]+)", text, re.MULTILINE))
        assert named <= targets, page.name


def test_slow_sections_are_there():
    assert set(ALL) >= SLOW


PAGE = """
# One
```
python -c "print('seven')"    # quick
```
```
seven
```
"""
COMMAND = """python -c "print('seven')\""""
BAD = {
    "another output": ("\nseven", "\neight", AssertionError, "python -c"),
    "a flag that is not there": (COMMAND, "xor-torch train --sed 3", AssertionError, "--sed"),
    "an exit code": (COMMAND, "xor-torch none", AssertionError, "none: unknown command"),
    "an unknown program": (COMMAND, "npm train", ValueError, "follows no command"),
    "two outputs": ("\nseven", "\na\n```\n```\nb", ValueError, "follows no command"),
    "more than make": (COMMAND, "make a; npm b", AssertionError, "nor in NOT_RUN"),
}


def test_a_page_that_is_right_passes(tmp_path):
    (blocks,) = sections(PAGE).values()
    check(commands(blocks), tmp_path)


@pytest.mark.parametrize("mutant", BAD)
def test_a_page_that_is_wrong_is_noticed(mutant, tmp_path):
    old, new, error, message = BAD[mutant]
    assert old in PAGE
    (blocks,) = sections(PAGE.replace(old, new)).values()
    with pytest.raises(error, match=re.escape(message)):
        check(commands(blocks), tmp_path)
