"""Any call, any settings, any file: it ends with an exit code and a line, without a traceback."""

import contextlib
import copy
import inspect
import io
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xor_torch import XORModule, cli, explain, fit, lit, parity, sweep
from xor_torch.backprop import check
from xor_torch.cli.parser import Parser
from xor_torch.sweep import Interrupted, Result

from ..common import patience


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with files of every kind, for calls to name."""
    directory = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        fit(XORModule(seed=3), 5, "lightning_logs", views="scalars")
        sweep.sweep(4, epochs=5, out="s.npz", workers=1)
        Path("some.yaml").write_text("seed: 3\nlr: 0.5\n")
        Path("some.py").write_text("raise SystemExit(7)\n")
        Path("directory").mkdir()
        yield directory


@pytest.fixture
def idle(place, monkeypatch):
    """Replace the training: bad calls are refused before it, and it would only take time."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    def nothing(*_, **__):
        raise Interrupted(None, None)

    monkeypatch.setattr(lit, "fit", interrupted)
    monkeypatch.setattr(parity, "compare", interrupted)
    monkeypatch.setattr(explain, "explain", interrupted)
    monkeypatch.setattr(check, "check_file", interrupted)
    monkeypatch.setattr(sweep, "sweep", nothing)
    return place


def call(*argv):
    """The exit code of a call; check that it is a valid one, and the output too."""
    files = sorted(Path.cwd().rglob("*"))
    sys.stdin = io.StringIO("0 1\n")
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), patience():
            code = cli.main([*argv])
    finally:
        sys.stdin = sys.__stdin__
    assert code in (0, 1, 2, 130)
    assert "Traceback" not in err.getvalue()
    if code == 2 and argv:
        assert out.getvalue() == ""
        assert len(err.getvalue().splitlines()) == 1, err.getvalue()
        assert sorted(Path.cwd().rglob("*")) == files
    return code


def counts(some, all_of_them):
    """How many inputs a test is given by default, and how many in the slow run."""
    return pytest.mark.parametrize(
        "count", [some, pytest.param(all_of_them, marks=pytest.mark.slow)]
    )


def inputs(count):
    return settings(
        max_examples=count,
        database=None,
        derandomize=count < 1000,
        suppress_health_check=[*HealthCheck],
    )


# --- the command line ------------------------------------------------------------------------

FLAGS = sorted(
    {flag for settings, _ in cli.COMMANDS.values() for flag in Parser(settings, "x").flags}
)
TRAINER = [
    "devices", "max_time", "max_epochs", "precision", "callbacks", "logger", "nonsense", "a.b", "",
]  # fmt: skip
NASTY = [
    "", " ", "-", "--", "---", "=", "0", "-0", "-1", "1", "2", "3", "1e3", "1e400", "-1e5",
    "1e-400", "nan", "-nan", "inf", "-inf", "0x10", "010", "1_000", "4294967295", "4294967296",
    "9" * 5000,
    "0.1", "-0.0", ".5", "true", "null", "~", "[]", "{}", "[", "[[[", "[" * 5000, "{a: 1}", "a: 1",
    "*a", "&a", "!!int 3", "!x", "@file", "%", "%s", "{}", "\0", "a\0b", "\n", "a\nb", "\t", "\r",
    "é", "\u202e", "\ud800", "💥", "a" * 300, "/" * 300, "~", "$HOME", "..", "/", "/dev/null",
    "/dev/zero", "/proc/self/mem", "directory", "lightning_logs", "lightning_logs/version_0",
    "lightning_logs/version_0/checkpoints/last.ckpt", "some.yaml", "some.py", "s.npz", "x.npz",
    "directory/x.npz", "5:20", "20:5", "1,2,3", ",", "1:2:3", "all", "none", "mse", "bce", "seed",
    "0:4294967296", "١٢", "1/0", "1e", "+3", "\x1b[31m",
]  # fmt: skip
values = (
    st.sampled_from(NASTY) | st.integers().map(str) | st.floats().map(str) | st.text(max_size=9)
)
flags = st.one_of(
    st.sampled_from(FLAGS),
    st.sampled_from(TRAINER).map("--trainer.{}".format),
    st.text(max_size=6).map("--{}".format),
    st.tuples(st.sampled_from(FLAGS), st.integers(0, 9)).map(
        lambda f: f[0][: f[1]] + f[0][f[1] + 1 :]
    ),
)
items = st.one_of(
    st.tuples(flags, values),
    st.tuples(flags, values).map(lambda f: ("=".join(f),)),
    st.tuples(flags),
    st.tuples(values),
)
commands = st.sampled_from([*cli.COMMANDS] * 9 + NASTY)


@counts(300, 10000)
def test_any_call(count, idle):
    @inputs(count)
    @given(command=commands, parts=st.lists(items, max_size=5))
    def each(command, parts):
        call(command, *(word for part in parts for word in part))

    each()


@pytest.mark.slow
def test_any_value_of_any_option_of_the_trainer(place):
    from lightning.pytorch import Trainer

    choices = ["0", "-1", "1", "nan", "true", "false", "null", "x", "", "[]", "{}", "1e30", "[[["]
    for name in inspect.signature(Trainer).parameters:
        for value in choices:
            flag = f"--trainer.{name}={value}"
            assert call("train", "--epochs", "3", "--views", "none", flag) in (0, 1, 2)


# --- settings --------------------------------------------------------------------------------

names = st.sampled_from([
    "seed", "epochs", "lr", "hidden", "bits", "log_dir", "views", "check", "resume", "trainer",
    "seeds", "loss", "out", "force", "json", "file", "timeout", "config", "help", "<<", "sed",
])  # fmt: skip
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(NASTY)
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | leaves, inner, max_size=3)
    ),
    max_leaves=6,
)
pieces = st.sampled_from([
    "seed: ", "lr: ", "epochs: ", "trainer:", "\n", "  ", "- ", ": ", "3", "0.1", "[", "]", "{",
    "}", "&a ", "*a", "!!int ", "!", "|", ">", "'", '"', "#", "---", "...", "?", ",", "\t", "<<: ",
    "\0",
    ".inf", ".nan", "0x1F", "1:30", "yes", "null", "~", "%YAML 1.1\n", "\ufeff", "\x85", "é",
])  # fmt: skip


def as_yaml(tree):
    import yaml

    try:
        return yaml.safe_dump(tree, allow_unicode=True).encode()
    except (UnicodeError, yaml.YAMLError):
        return repr(tree).encode(errors="surrogatepass")


documents = st.one_of(
    st.binary(max_size=60),
    st.lists(pieces, max_size=12).map(lambda p: "".join(p).encode()),
    st.dictionaries(names, trees, max_size=4).map(as_yaml),
    trees.map(as_yaml),
)


@counts(200, 5000)
def test_any_settings(count, idle):
    @inputs(count)
    @given(command=st.sampled_from([*cli.COMMANDS]), data=documents)
    def each(command, data):
        Path("fuzzed.yaml").write_bytes(data)
        call(command, "--config", "fuzzed.yaml")

    each()


# --- files -----------------------------------------------------------------------------------


@st.composite
def edits(draw):
    """A way to change bytes: replace some, drop some, repeat some."""
    choices = draw(
        st.lists(
            st.tuples(st.sampled_from("xdri"), st.floats(0, 1), st.binary(max_size=8)),
            min_size=1,
            max_size=4,
        )
    )

    def edit(data):
        for kind, where, new in choices:
            at = int(where * len(data))
            if kind == "x":
                data = data[:at] + new + data[at + len(new) :]
            elif kind == "d":
                data = data[:at] + data[at + len(new) * 10 :]
            elif kind == "r":
                data = data[:at] + data[at // 2 :]
            else:
                data = data[:at] + new + data[at:]
        return data

    return edit


@counts(100, 3000)
def test_any_bytes(count, idle):
    @inputs(count)
    @given(edit=edits())
    def each(edit):
        checkpoint = Path("lightning_logs/version_0/checkpoints/last.ckpt")
        expected, swept = lit.load(checkpoint), Result.load("s.npz")
        Path("fuzzed.ckpt").write_bytes(edit(checkpoint.read_bytes()))
        for command in ["train", "--resume"], ["explain"]:
            if call(*command, "fuzzed.ckpt") != 2:
                for actual, saved in zip(
                    lit.load("fuzzed.ckpt").to_numpy(), expected.to_numpy(), strict=True
                ):
                    assert actual.tobytes() == saved.tobytes()
        Path("fuzzed.npz").write_bytes(edit(Path("s.npz").read_bytes()))
        with contextlib.suppress(ValueError):
            assert Result.load("fuzzed.npz").W1.tobytes() == swept.W1.tobytes()

    each()


def places(tree, at=()):
    """The path to every place in nested dictionaries and lists."""
    if isinstance(tree, dict | list):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            yield (*at, key)
            yield from places(tree[key], (*at, key))


odd = st.one_of(
    leaves.filter(lambda leaf: not isinstance(leaf, str) or leaf.isprintable()),
    st.sampled_from([{}, [], [{}], {"a": {}}, 10**30, -(10**30), 2**63, 1e308, True]),
    st.sampled_from([(), (2,), (2, 2), (1, 2), (4, 1)]).flatmap(
        lambda shape: st.sampled_from([torch.float64, torch.float32, torch.int64, torch.bool]).map(
            lambda dtype: torch.full(shape, 1, dtype=dtype)
        )
    ),
)


@counts(60, 1500)
def test_any_content(count, place):
    @inputs(count)
    @given(data=st.data())
    def each(data):
        original = torch.load("lightning_logs/version_0/checkpoints/last.ckpt", weights_only=True)
        state = copy.deepcopy(original)
        for _ in range(data.draw(st.integers(1, 3))):
            way = data.draw(st.sampled_from([*places(state)]))
            inner = state
            for key in way[:-1]:
                inner = inner[key]
            if data.draw(st.booleans()):
                del inner[way[-1]]
            elif data.draw(st.booleans()) and isinstance(inner, dict):
                inner[data.draw(st.sampled_from(["new", 3, ""]))] = data.draw(odd)
            else:
                inner[way[-1]] = data.draw(odd)
            if not state:
                break
        torch.save(state, "fuzzed.ckpt")
        # a run of a few epochs: most files are refused before the first
        if isinstance(state.get("settings"), dict):
            state["settings"].pop("epochs", None)
        call("train", "--resume", "fuzzed.ckpt", "--epochs", "8", "--views", "scalars")

    each()


@counts(60, 1500)
def test_any_arrays(count, place):
    @inputs(count)
    @given(data=st.data())
    def each(data):
        with np.load("s.npz") as file:
            arrays = {name: file[name] for name in file.files}
        for _ in range(data.draw(st.integers(1, 3))):
            name = data.draw(st.sampled_from([*arrays, "new"]))
            if data.draw(st.booleans()):
                arrays.pop(name, None)
            else:
                change = data.draw(st.sampled_from([
                    np.ravel, np.float32, np.int64, np.isfinite, np.atleast_3d, np.str_,
                    lambda a: a[:1], lambda a: a[..., None], lambda a: a * np.nan, lambda a: -a,
                    lambda a: np.zeros((0, 0)), lambda a: np.array(3), lambda a: np.array("x"),
                ]))  # fmt: skip
                with contextlib.suppress(Exception), np.errstate(all="ignore"):
                    arrays[name] = np.asarray(change(arrays.get(name, np.zeros(3))))
        with Path("fuzzed.npz").open("wb") as file:
            np.savez(file, **arrays)
        with contextlib.suppress(ValueError):
            sweep.table(Result.load("fuzzed.npz"))

    each()


# --- and the fuzzer itself -------------------------------------------------------------------


@pytest.mark.parametrize("mutant", ["traceback", "code", "two lines", "a file", "output", "hang"])
def test_the_fuzzer_sees(mutant, idle, monkeypatch):
    def broken(settings, given):
        if mutant == "traceback":
            raise KeyError("seed")
        if mutant == "a file":
            Path(f"left-{mutant}").touch()
        if mutant == "output":
            print("half a report")
        if mutant == "hang":
            signal.alarm(1)
            time.sleep(30)
        if mutant == "two lines":
            print("warning", file=sys.stderr)
        return 3 if mutant == "code" else (print("error", file=sys.stderr) or 2)

    monkeypatch.setitem(cli.COMMANDS, "train", (cli.COMMANDS["train"][0], broken))
    try:
        with pytest.raises((AssertionError, KeyError)):
            call("train")
    finally:
        Path(f"left-{mutant}").unlink(missing_ok=True)
