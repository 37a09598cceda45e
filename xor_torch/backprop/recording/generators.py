"""The random generators of ``numpy.random``, for a script whose draws are recorded."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

Recording = Callable[[Any], Any]  # makes of a function one whose results are recorded


class _Generator:
    """A generator whose draws are recorded."""

    def __init__(self, recording: Recording, real: Any) -> None:
        self._recording, self._real = recording, real

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._recording(found) if callable(found) else found

    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)(self._recording, copy.deepcopy(self._real, memo))


class _GeneratorType(type):
    """``numpy.random.Generator`` or ``RandomState`` as a script sees it."""

    recording: Recording
    real: Any

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, _Generator) and isinstance(x._real, cls.real)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return _Generator(cls.recording, cls.real(*args, **kwargs))


def generator_makers(recording: Recording) -> dict[str, Any]:
    """What ``numpy.random`` has to make generators, by its names."""

    def default_rng(seed: Any = None) -> Any:
        known = isinstance(seed, _Generator)  # NumPy returns a generator as it is
        return seed if known else _Generator(recording, np.random.default_rng(seed))

    made: dict[str, Any] = {"default_rng": default_rng}
    for real in (np.random.RandomState, np.random.Generator):
        body = {"recording": staticmethod(recording), "real": real, "__module__": "numpy.random"}
        made[real.__name__] = _GeneratorType(real.__name__, (), body)
    return made
