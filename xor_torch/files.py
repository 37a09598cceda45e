"""Read files as they were written, or refuse them; write files whole, or not at all."""

import contextlib
import errno
import io
import math
import os
import re
import shlex
import socket
import stat
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import yaml

if TYPE_CHECKING:  # a refused call does not wait for NumPy
    import numpy as np

STANDARD_OUTPUT = "standard output"
MAX_RECORDS = 1000  # of an archive; each takes time, and a checkpoint has about 15
MAX_SETTINGS = 2**16  # bytes, which take a second to read; a run's config.yaml has about 100


@contextlib.contextmanager
def open_regular(path: str | Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file for reading; yield it and its size in bytes.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is something else, such as a pipe, from which reading may never end.

    """
    # O_NONBLOCK, because opening a pipe would wait for somebody to write to it
    nonblock: int = getattr(os, "O_NONBLOCK", 0)  # Windows has none
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | nonblock)) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is not a regular file")
        yield file, found.st_size


def read_regular(path: str | Path) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError, ValueError: as `open_regular`.

    """
    with open_regular(path) as (file, _):
        return file.read()


def read_zip(path: str | Path, most: float = math.inf) -> dict[str, bytes]:
    """Every record of an archive, compared with its checksum; nothing in it is interpreted.

    The formats of ``torch.save`` and ``numpy.savez`` are zip archives with a CRC-32 for each
    record, which finds every change of up to 32 bits in a row. ``torch.load`` ignores it: one bit
    of a checkpoint in four can be turned without an error. ``numpy.load`` checks it only if
    the header asks for the whole record.

    Args:
        path: of the archive.
        most: refuse a file with more bytes. The records together never have more than the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not an archive, is damaged, or is too large.

    """
    with open_regular(path) as (file, size):
        if size > most:
            raise ValueError(f"{path} has {size} bytes; at most {most:.0f} are read")
        try:
            with zipfile.ZipFile(file) as archive:
                records = archive.infolist()
                if len(records) > MAX_RECORDS:
                    raise ValueError(f"it has {len(records)} records")
                if len({record.filename for record in records}) < len(records):
                    raise ValueError("two records have the same name")
                for record in records:
                    # torch and savez do not compress; compressed, a few bytes can hold terabytes
                    if record.compress_type != zipfile.ZIP_STORED:
                        raise ValueError(f"the record {record.filename!r} is compressed")
                # records that share bytes of the file can do the same
                if sum(max(record.file_size, record.compress_size) for record in records) > size:
                    raise ValueError("its records are larger than the file")
                return {record.filename: archive.read(record) for record in records}
        except Exception as error:  # zipfile raises many classes
            raise ValueError(f"{path} is damaged or not an archive: {error}") from error


def read_arrays(path: str | Path) -> "dict[str, np.ndarray]":
    """All arrays of an ``.npz`` file, by name; no Python objects, because they can run code.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not a file of arrays, or is damaged.

    """
    from numpy.lib.format import read_array

    arrays = {}
    for name, data in read_zip(path).items():
        stream = io.BytesIO(data)
        try:
            arrays[name.removesuffix(".npy")] = read_array(stream, allow_pickle=False)
        except Exception as error:  # NumPy raises many classes
            raise ValueError(f"{path} is not a file of arrays: {name}: {error}") from error
    return arrays


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings in a YAML file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a mapping in the YAML that `load_yaml` takes.

    """
    with open_regular(path) as (file, _):
        data = file.read(MAX_SETTINGS + 1)
    if len(data) > MAX_SETTINGS:
        raise ValueError(f"has more than {MAX_SETTINGS} bytes, too many for settings")
    settings = load_yaml(data.decode("utf-8-sig"))
    if not isinstance(settings, dict):
        raise ValueError("holds no settings, that is, no lines such as 'seed: 42'")
    for name in settings:
        if not isinstance(name, str):
            raise ValueError(f"{name!r} is not the name of a setting")
    return settings


def load_yaml(text: str) -> Any:
    """One YAML document of mappings, lists, text, numbers, true, false and null.

    It follows YAML 1.2: ``010`` is ten, ``5:20`` and ``yes`` are text (in YAML 1.1 they are 8, 320
    and true), ``1e-3`` is a number. A key that occurs twice is refused, and so are tags and
    references, because a few lines of references can stand for terabytes.

    Raises:
        ValueError: `text` is not such a document.

    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"is not the YAML of settings: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise ValueError("is not the YAML of settings: it is nested too deeply") from None


class _Loader(yaml.SafeLoader):
    """YAML as `load_yaml` describes it. Not the loader in C: there, deep nesting is a crash."""

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
            keys = Counter(self.construct_object(key, deep=True) for key, _ in node.value)
            twice, _ = keys.most_common(1)[0]
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice} is given twice", node.start_mark
            )
        return mapping


_Loader.yaml_implicit_resolvers = {}  # drop those of YAML 1.1


def _plain(name: str, pattern: str, read: Any) -> None:
    tag = f"tag:yaml.org,2002:{name}"
    _Loader.add_implicit_resolver(tag, re.compile(f"(?:{pattern})$"), None)
    _Loader.add_constructor(tag, lambda loader, node: read(node.value))


_plain("null", "|~|null", lambda text: None)
_plain("bool", "true|false", "true".__eq__)
_plain("int", "[-+]?[0-9]{1,400}", int)  # int itself refuses a few thousand digits
_plain(
    "float",
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan",
    lambda text: float(re.sub(r"\.(inf|nan)", r"\1", text)),
)


class WriteError(OSError):
    """A file cannot be written: the disk is full, or the directory is gone."""

    def __init__(self, error: OSError, path: str | bytes | Path) -> None:
        super().__init__(error.errno, error.strerror or str(error), os.fsdecode(path))

    def __str__(self) -> str:
        what = self.filename if self.filename == STANDARD_OUTPUT else quoted(self.filename)
        return f"cannot write {what}: {self.strerror}"


@contextlib.contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """A path to write to; it is renamed to `path` when everything is written, and only then.

    Raises:
        WriteError: the file cannot be written.

    """
    # with the host name, because several machines may share the directory
    beside = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:  # the error of a full disk has no file name
        raise WriteError(error, path) from error
    finally:
        beside.unlink(missing_ok=True)


def remove_halves(path: Path) -> None:
    """Remove what killed processes of this machine were writing with `write_beside`.

    Args:
        path: the file that they would have written.

    """
    if not path.parent.is_dir():
        return
    half = re.compile(re.escape(f".{path.name}.{socket.gethostname()}.") + r"(\d+)")
    for other in path.parent.iterdir():
        match = half.fullmatch(other.name)
        if match and not alive(int(match[1])):
            other.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Whether there is a process with this number; True where that cannot be known."""
    if os.name != "posix":  # on Windows os.kill would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's process, or not a process number
        pass
    return True


def write_arrays(path: Path, arrays: "Mapping[str, np.ndarray | float | str]") -> None:
    """Write an ``.npz`` file, whole or not at all.

    Raises:
        WriteError: it cannot be written.

    """
    import numpy as np

    whole = io.BytesIO()  # on a full disk, NumPy would leave a broken archive, with a traceback
    np.savez(whole, **arrays)  # type: ignore[arg-type]  # none is named allow_pickle
    with write_beside(path) as beside:
        beside.write_bytes(whole.getbuffer())


def write_out(text: str) -> None:
    """Print `text` in one piece and at once: a process that is killed printed all of it or nothing.

    Raises:
        WriteError: standard output cannot be written, for instance on a full disk.
        BrokenPipeError: nobody reads it any more.

    """
    if sys.stdout is None:
        raise WriteError(OSError(errno.EBADF, "it is closed"), STANDARD_OUTPUT)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # at exit, Python would try to write the rest and fail again
        raise WriteError(error, STANDARD_OUTPUT) from error


def quoted(path: str | Path) -> str:
    """`path` as one word of a shell command, on one line."""
    text = str(path)
    if text.isprintable():
        return shlex.quote(text)
    escaped = text.encode("unicode_escape").decode().replace("'", r"\'")
    return f"$'{escaped}'"
