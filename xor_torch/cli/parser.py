"""Reads the flags of a command from its dataclass, and the values from flags and ``--config``.

A command is a subclass of `Settings`. Its docstring and the help of its fields are what ``--help``
prints, and its fields are what ``--config`` may set and ``--print-config`` shows.
"""

import argparse
import contextlib
import dataclasses
import difflib
import math
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from types import GenericAlias
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import yaml
from jsonargparse import ArgumentError, ArgumentParser, set_loader
from jsonargparse.typing import register_type

from .. import files, memory
from ..ranges import MAX_BITS, MAX_HIDDEN, MAX_SEED
from .terminal import UsageError, short

# argparse takes -1 for a value, but -1e5 and -inf for flags. A word that looks like a negative
# number is therefore marked until argparse has sorted the words; no call can hold this character.
MARK = "\0"
NEGATIVE = re.compile(r"-(\d|\.\d|inf|nan)")


class FlagValueError(argparse.ArgumentTypeError, ValueError):
    """A value that a flag does not take."""


def flag(help: str, read: Any, default: Any = dataclasses.MISSING, **options: Any) -> Any:
    """A field that a flag of the same name sets.

    Args:
        help: for ``--help``; ``{}`` in it is replaced by the default.
        read: a function from a word or a value in YAML to the field's value, or ``dict[str, Any]``
            for ``--NAME.KEY VALUE``.
        default: if there is none, the command demands a value.
        options: further ones of `add_argument`, and ``positional=True`` for a word without a flag.

    """
    how: dict[str, Any] = {"metadata": {"help": help, "read": read, **options}}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=default.copy, **how)
    return dataclasses.field(default=default, **how)


def switch(help: str) -> Any:
    """A field that is true if its flag is given."""
    return flag(help, None, False, action="store_true")


@dataclasses.dataclass
class Settings:
    """The settings of a command; each subclass is one command."""

    usage: ClassVar[str | None] = None  # in place of a list of all flags
    exit_codes: ClassVar[str]
    configurable: ClassVar[bool] = True  # whether there are --config and --print-config

    @classmethod
    def flags(cls) -> dict[str, dataclasses.Field[Any]]:
        """The fields that the command line sets, by name; others have no help."""
        return {f.name: f for f in dataclasses.fields(cls) if f.metadata}

    def as_dict(self) -> dict[str, Any]:
        """The values of these fields."""
        return {name: getattr(self, name) for name in self.flags()}


S = TypeVar("S", bound=Settings)


class Parser(ArgumentParser, Generic[S]):
    """jsonargparse's parser for one command, whose error is one line: flag, value, what to do."""

    def __init__(self, settings: type[S], prog: str) -> None:
        super().__init__(
            prog=prog,
            usage=settings.usage and settings.usage.format(prog=prog),
            description=settings.__doc__ and _unindented(settings.__doc__),
            epilog=f"exit code: {settings.exit_codes}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parser_mode="settings",
            allow_abbrev=False,
        )
        self.settings = settings
        self.flags = ["--help", "-h"]
        for field in settings.flags().values():
            options = dict(field.metadata)
            read, options["help"] = options.pop("read"), _help(field)
            if read is not None:
                options["type"] = read if isinstance(read, GenericAlias) else _marked(read)
            positional = options.pop("positional", False)
            if options.get("nargs") == "*":  # argparse demands a word unless there is a default
                options["default"] = []
            self._add(field.name if positional else f"--{_dashed(field.name)}", **options)
        if settings.configurable:
            self._add("--config", type=_marked(pathname), metavar="FILE", help="settings in YAML")
            self._add(
                "--print-config",
                action="store_true",
                help="print the settings as YAML, do nothing else",
            )

    def _add(self, name: str, **options: Any) -> None:
        self.add_argument(name, **options)
        self.flags.append(name)

    def read(self, argv: list[str]) -> tuple[S, set[str]]:
        """The settings, and the names of those that flags or ``--config`` give; flags come first.

        Raises:
            UsageError: a flag, a setting or its value is wrong.

        """
        self._refuse_words(argv)
        words = [MARK + word if NEGATIVE.match(word) else word for word in argv]
        parsed = self.parse_args(words, defaults=False).as_dict()
        flags = {name: value for name, value in parsed.items() if value not in (None, [])}
        saved = self._read_config(flags["config"]) if "config" in flags else {}
        values = {**saved, **flags}
        for name, value in saved.items():
            if isinstance(value, dict) and name in flags:
                values[name] = {**value, **flags[name]}
        known = self.settings.flags()
        return self.settings(**{k: v for k, v in values.items() if k in known}), {*values}

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if isinstance(ex, ArgumentError) and ex.argument_name:
            name = ex.argument_name.rpartition("/")[2]  # of -h/--help
            name = name if name.startswith("--") else f"argument {name}"
            raise UsageError(f"{name}: {ex.message}")
        if isinstance(ex, TypeError) and ex.__cause__:  # jsonargparse knows more about --trainer
            raise UsageError(f"--trainer: {ex.__cause__}")
        if ex is None:  # the only way in which jsonargparse tells of unknown words
            word, _, _ = message.partition(": ")[2].replace(MARK, "").partition(" ")
            name, _, _ = word.partition("=")
            hint = nearest(name, self.flags) or self._see_help
            raise UsageError(f"{short(name)}: unknown; {hint}")
        raise UsageError(message)

    @property
    def _see_help(self) -> str:
        return f"see {self.prog} --help"

    def _read_config(self, path: str) -> dict[str, Any]:
        known = self.settings.flags()
        try:
            settings = files.read_settings(path)
            for name, value in settings.items():
                if name not in known:
                    hint = nearest(name, known) or self._see_help
                    raise UsageError(f"unknown setting {short(name)}; {hint}")
                settings[name] = _configured(known[name], value)
            return settings
        except OSError as error:
            raise UsageError(f"--config {path}: {error.strerror}") from error
        except (UsageError, ValueError) as error:
            raise UsageError(f"--config {path}: {error}") from error

    def _refuse_words(self, argv: list[str]) -> None:
        seen = set()
        for word, following in pairwise([*argv, "--"]):
            flag, equals, value = word.partition("=")
            if not flag.startswith("--"):
                continue
            if flag in seen:
                said = value if equals else "" if following.startswith("--") else following
                raise UsageError(f"{f'{flag} {said}'.strip()}: given twice")
            if value == "--":  # argparse would drop it and go on with no value at all
                raise UsageError(f"{word}: -- is not a value")
            seen.add(flag)


def _configured(field: dataclasses.Field[Any], value: Any) -> Any:
    """The value of a field that a YAML file gives.

    Raises:
        UsageError: the field does not take it.

    """
    name, how = field.name, field.metadata
    if "action" in how:
        if not isinstance(value, bool):
            raise UsageError(f"{name}: must be true or false, got {short(value)}")
        return value
    if value == [] or (value is None and field.default is not None):
        raise UsageError(f"{name}: must have a value, got {short(value)}")
    if value is None:
        return None
    several = how.get("nargs") in ("+", "*")
    values = value if several and isinstance(value, list) else [value]
    read, found = how["read"], []
    for one in values:
        try:
            found.append(_options(one) if isinstance(read, GenericAlias) else read(one))
        except ValueError as error:
            raise UsageError(f"--{_dashed(name)}: {error}") from error
        if found[-1] not in how.get("choices", found):
            raise UsageError(f"--{_dashed(name)}: {one!r} not among choices {how['choices']}")
    return found if several else found[0]


def _options(value: Any) -> dict[str, Any]:
    """A mapping in YAML; what its text says is read as on the command line."""
    if not isinstance(value, dict):
        raise FlagValueError(f"Expected a {dict}. Got value: {value}")
    return {name: _plain(v) for name, v in value.items()}


def load_value(text: str) -> Any:
    """The value of a word in YAML, or the word itself if it is not YAML."""
    try:
        return files.load_yaml(text.removeprefix(MARK))
    except ValueError:
        return text.removeprefix(MARK)


# jsonargparse reads the values of --trainer.NAME as --config reads them
set_loader("settings", load_value)


class Plain:
    """The type of a value that YAML reads from its text, and nothing else.

    With `Any` in its place, jsonargparse would import the class that ``{class_path: NAME}`` names.
    """


def _plain(value: Any) -> Any:
    return load_value(value) if isinstance(value, str) else value


register_type(Plain, lambda value: value, _plain, type_check=lambda *_: False)


def _marked(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda word: read(word.removeprefix(MARK) if isinstance(word, str) else word)


def _help(field: dataclasses.Field[Any]) -> str:
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    if isinstance(default, list):
        default = " ".join(map(str, default))
    text: str = field.metadata["help"]
    return text.format(f"{default:g}" if isinstance(default, float) else default)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _unindented(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def nearest(word: str, known: Iterable[str], cutoff: float = 0.7, prefix: str = "") -> str:
    """Which of the `known` words was meant, as a question for a message; "" if none is near."""
    near = difflib.get_close_matches(word, [*known], n=1, cutoff=cutoff)
    return f"did you mean {prefix}{near[0]}?" if near else ""


# --- what a flag takes -----------------------------------------------------------------------


def whole(low: int, high: int) -> Callable[[Any], int]:
    """A whole number from `low` to `high`."""

    def read(value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            number = low - 1
        if isinstance(value, bool | float) or not low <= number <= high:
            raise FlagValueError(f"must be a whole number from {low} to {high}, got {short(value)}")
        return number

    return read


def epoch_count(value: Any) -> int:
    """A number of epochs, which may be written as 1e4."""
    with contextlib.suppress(TypeError, ValueError):
        if not isinstance(value, bool) and float(value).is_integer() and 1 <= float(value) <= 1e12:
            value = int(float(value))
    return whole(1, 10**12)(value)


def positive(high: float) -> Callable[[Any], float]:
    """A learning rate, or a time in seconds; `high` may be infinite."""

    def read(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if isinstance(value, bool) or not 0 < number < math.inf or number > high:
            limit = "" if high == math.inf else f" up to {high:g}"
            raise FlagValueError(f"must be a positive, finite number{limit}, got {short(value)}")
        return number

    return read


def pathname(value: Any) -> str:
    """The name of a file or a directory."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise FlagValueError(f"must name a file or directory, got {short(value)}")
    return value


def word(value: Any) -> Any:
    """Any value; the choices of the flag, or the command, limit it."""
    return value


def choice(help: str, choices: tuple[str, ...], default: Any, **options: Any) -> Any:
    """A field with one of a few words, or several of them."""
    return flag(help, word, default, choices=choices, **options)


# --- what several commands ask for -----------------------------------------------------------


@dataclasses.dataclass
class Network(Settings):
    """Which network is trained, and how."""

    seed: int = flag("seed of the initial weights ({})", whole(0, MAX_SEED), 42)
    epochs: int = flag("descent steps ({})", epoch_count, 10_000)
    lr: float = flag("learning rate ({})", positive(math.inf), 0.1)
    hidden: int = flag("hidden units ({})", whole(1, MAX_HIDDEN), 2)
    bits: int = flag("inputs: 2 is XOR, N is parity ({})", whole(1, MAX_BITS), 2)


NETWORK = tuple(field.name for field in dataclasses.fields(Network))


def refuse(settings: Settings, given: set[str], flags: Iterable[str], why: str) -> None:
    """Refuse `flags` that do not go with the rest of the call."""
    for name in flags:
        if name in given:
            value = getattr(settings, name)
            said = "" if isinstance(value, bool) else f" {value}"
            raise UsageError(f"--{_dashed(name)}{said}: {why}")


def fit_in_memory(bits: int, hidden: int, arrays: int) -> None:
    """Refuse a network whose work needs more memory than there is.

    Args:
        bits, hidden: of the network.
        arrays: how many arrays of rows times hidden units are in memory at once.

    """
    memory.check(f"--bits {bits} --hidden {hidden}", arrays * 8 * 2**bits * (hidden + 1))


def as_yaml(settings: Settings) -> str:
    """The settings as ``--config`` takes them."""
    return yaml.safe_dump(settings.as_dict(), sort_keys=False)
