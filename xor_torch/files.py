"""Files: what is read is what was written, or it is refused; what is written is whole."""

import contextlib
import io
import os
import re
import shlex
import socket
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

STANDARD_OUTPUT = "standard output"
MAX_SETTINGS = 1_000_000  # bytes; a run's config.yaml has about 100


def read_zip(path: str | Path) -> dict[str, bytes]:
    """Every record of an archive, held against its checksum; nothing in it is interpreted.

    The formats of ``torch.save`` and ``numpy.savez`` are zip archives with a CRC-32 for each
    record. It finds every change of up to 32 bits in a row. ``torch.load`` does not look at it
    (every fourth bit of a checkpoint, turned, is a different result), and ``numpy.load`` only if
    the header in front asks for the whole record.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no archive, or not as it was written.

    """
    with Path(path).open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                records = archive.infolist()
                if len({record.filename for record in records}) < len(records):
                    raise ValueError("two records have the same name")
                for record in records:
                    # neither torch nor savez compresses; a few bytes might grow to terabytes
                    if record.compress_type != zipfile.ZIP_STORED:
                        raise ValueError(f"the record {record.filename!r} is compressed")
                return {record.filename: archive.read(record) for record in records}
        except Exception as error:  # zipfile has no common class for what it cannot read
            raise ValueError(f"{path} is damaged or no archive: {error}") from error


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file, by name. None of Python's objects: they would run code.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file, or not as it was written.

    """
    arrays = {}
    for name, data in read_zip(path).items():
        stream = io.BytesIO(data)
        try:
            arrays[name.removesuffix(".npy")] = np.lib.format.read_array(stream, allow_pickle=False)
        except Exception as error:  # likewise
            raise ValueError(f"{path} is not a file of arrays: {name}: {error}") from error
    return arrays


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings in a YAML file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a mapping in the YAML that `load_yaml` takes.

    """
    with Path(path).open("rb") as file:
        data = file.read(MAX_SETTINGS + 1)  # of a device, no end would come
    if len(data) > MAX_SETTINGS:
        raise ValueError(f"more than {MAX_SETTINGS} bytes are no settings")
    settings = load_yaml(data.decode("utf-8-sig"))
    if not isinstance(settings, dict):
        raise ValueError("holds no settings, that is, no lines such as 'seed: 42'")
    for name in settings:
        if not isinstance(name, str):
            raise ValueError(f"{name!r} is no name of a setting")
    return settings


def load_yaml(text: str) -> Any:
    """One YAML document of mappings, lists, text, numbers, true, false and null.

    A value is what it looks like, as in YAML 1.2: ``010`` is ten, ``5:20`` and ``yes`` are text
    (in YAML 1.1 they are 8, 320 and true), ``1e-3`` is a number. Refused are a key that occurs
    twice, tags, and references (with which a few lines can stand for terabytes).

    Raises:
        ValueError: `text` is not that.

    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"is not the YAML of settings: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise ValueError("is not the YAML of settings: it is nested too deeply") from None


class _Loader(yaml.SafeLoader):
    """YAML as `load_yaml` describes it. Not in C: there, deep nesting ends the process."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        for what in "anchor", "tag":
            if getattr(event, what, None) is not None:
                raise yaml.composer.ComposerError(
                    None, None, f"the {what} {getattr(event, what)} is not read here",
                    event.start_mark,
                )  # fmt: skip
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice} is given twice", node.start_mark
            )
        return mapping


_Loader.yaml_implicit_resolvers = {}  # none of YAML 1.1


def _plain(name: str, pattern: str, read: Any) -> None:
    tag = f"tag:yaml.org,2002:{name}"
    _Loader.add_implicit_resolver(tag, re.compile(f"(?:{pattern})$"), None)
    _Loader.add_constructor(tag, lambda loader, node: read(node.value))


_plain("null", "|~|null", lambda text: None)
_plain("bool", "true|false", "true".__eq__)
_plain("int", "[-+]?[0-9]{1,400}", int)  # more digits are refused by int
_plain(
    "float",
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan",
    lambda text: float(re.sub(r"\.(inf|nan)", r"\1", text)),
)


class WriteError(OSError):
    """A file that cannot be written: a full disk, a directory gone."""

    def __init__(self, error: OSError, path: str | bytes | Path) -> None:
        super().__init__(error.errno, error.strerror or str(error), os.fsdecode(path))

    def __str__(self) -> str:
        what = self.filename if self.filename == STANDARD_OUTPUT else quoted(self.filename)
        return f"cannot write {what}: {self.strerror}"


@contextlib.contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when all is written, and only then.

    Raises:
        WriteError: it cannot be written.

    """
    # several machines may share the directory
    beside = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:  # a full disk does not say which file
        raise WriteError(error, path) from error
    finally:
        beside.unlink(missing_ok=True)


def remove_halves(path: Path) -> None:
    """Remove what killed processes of this machine were writing with `write_beside`.

    Args:
        path: the file that they would have written.

    """
    half = re.compile(re.escape(f".{path.name}.{socket.gethostname()}.") + r"(\d+)")
    for other in path.parent.iterdir():
        match = half.fullmatch(other.name)
        if match and not alive(int(match[1])):
            other.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Whether there is a process of this number; True where that cannot be known."""
    if os.name != "posix":  # on Windows os.kill would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's process, or not a process number
        pass
    return True


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray | float | str]) -> None:
    """Write an ``.npz`` file, whole or not at all.

    Raises:
        WriteError: it cannot be written.

    """
    whole = io.BytesIO()  # into a full file NumPy would leave a broken archive, which complains
    np.savez(whole, **arrays)  # type: ignore[arg-type]  # none is named allow_pickle
    with write_beside(path) as beside:
        beside.write_bytes(whole.getbuffer())


def write_out(text: str) -> None:
    """Print in one piece, and at once: whoever is killed then has printed it, or has not.

    Raises:
        WriteError: it cannot be written, as on a full disk.
        BrokenPipeError: nobody reads it.

    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # what it holds would fail once more at exit
        raise WriteError(error, STANDARD_OUTPUT) from error


def quoted(path: str | Path) -> str:
    """`path` as one line that a shell takes."""
    text = str(path)
    if text.isprintable():
        return shlex.quote(text)
    escaped = text.encode("unicode_escape").decode().replace("'", r"\'")
    return f"$'{escaped}'"
