"""A forward function with its backward function, and what was recorded of their calls."""

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass
class Round:
    """One call of both functions: ids of the tape's values, by the names of the inputs."""

    inputs: dict[str, int]  # all inputs whose derivative was returned
    gradients: dict[str, int]  # what was returned for each of them
    outputs: list[tuple[int | None, int]]  # (upstream gradient, output); None for a loss: it is 1
    called: dict[str, str]  # the script's name for each gradient, "" if it has none
    #: the other inputs that are arrays of floats
    others: dict[str, int] = field(default_factory=dict)
    #: a direction for each input, and how fast sum(upstream * output) grows along all of them
    #: together, from a finite difference; None if calls with equal inputs give different outputs
    along: dict[str, int] = field(default_factory=dict)
    slope: float | None = None

    def values(self) -> set[int]:
        """The ids of all values that it names."""
        named = (self.inputs, self.gradients, self.others, self.along)
        found = {n for part in named for n in part.values()}
        return found | {n for both in self.outputs for n in both if n is not None}


@dataclass
class Pair:
    """A forward function, its backward function and what was recorded of them."""

    name: str  # "affine_forward and affine_backward"
    line: int = 0  # where the backward function begins, counted as in `Code`
    rounds: list[Round] = field(default_factory=list)
    reason: str | None = None  # why it could not be called

    def within(self, known: Set[int]) -> "Pair":
        """The same pair with those of its rounds whose values are all known."""
        return replace(self, rounds=[r for r in self.rounds if r.values() <= known])

    def renumbered(self, at: Mapping[int, int]) -> "Pair":
        """The same pair on a tape whose values have other ids: old -> new."""

        def new(some: Mapping[str, int]) -> dict[str, int]:
            return {name: at[n] for name, n in some.items()}

        rounds = [
            Round(
                new(r.inputs),
                new(r.gradients),
                [(None if d is None else at[d], at[z]) for d, z in r.outputs],
                r.called,
                new(r.others),
                new(r.along),
                r.slope,
            )
            for r in self.rounds
        ]
        return Pair(self.name, self.line, rounds, self.reason)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, found: Any, values: int) -> "Pair":
        """Read what `to_json` made. The script's process wrote it, so each part is checked.

        Raises:
            ValueError: `to_json` does not make this, or it names a value that is not on the tape.

        """

        def id(x: Any) -> int:
            if type(x) is not int or not 0 <= x < values:
                raise ValueError(f"{x!r:.40} is not a value")
            return x

        def ids(x: Mapping[str, Any]) -> dict[str, int]:
            return {str(name): id(n) for name, n in x.items()}

        try:
            rounds = [
                Round(
                    ids(r["inputs"]),
                    ids(r["gradients"]),
                    [(None if d is None else id(d), id(z)) for d, z in r["outputs"]],
                    {str(name): str(text) for name, text in r["called"].items()},
                    ids(r["others"]),
                    ids(r["along"]),
                    None if r["slope"] is None else float(r["slope"]),
                )
                for r in found["rounds"]
            ]
            reason = found["reason"]
            line = found["line"]
            if type(line) is not int or line < 0 or not (reason is None or type(reason) is str):
                raise ValueError("it has no line")
            return cls(str(found["name"]), line, rounds, reason)
        except (KeyError, TypeError, AttributeError) as e:
            raise ValueError(f"this is not a pair of functions: {e}") from None
