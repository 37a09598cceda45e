"""What the judge found: plain data, which `verdict` puts into words."""

from dataclasses import dataclass, field
from typing import Literal

# The catalogue; docs/mistakes.md has an example of each.
MistakeName = Literal[
    "updated too early",
    "derivative taken twice",
    "bias summed over the wrong axis",
    "bias not summed",
    "derivative of the wrong quantity",
    "raw error in the hidden delta",
    "scale of one parameter",
    "missing output derivative",
    "missing hidden derivative",
    "bias never updated",
    "hard-coded sample",
    "wrong sign",
    "dot for element-wise product",
    "wrong transpose",
    "weights of the wrong layer",
    "stale activation",
    "detached regularisation",
]

# Notes. The last two say that `Tape.without_cuts` or `Tape.without_small_constants` was judged.
BY_SIGN = (
    "branches on the sign of a parameter add a number to its gradient: an L1 penalty, which the "
    "check has left out"
)
TRUNCATED = (
    "backpropagation through time is truncated: the gradient of each output goes back {} steps of "
    "the recurrence, and no further"
)
CLIMBED = (
    "the steps go up {}, which bends downwards everywhere: it is meant to be as large as possible"
)
LOST = (
    "the index on {where} names an element twice, and only the last change of it is kept: "
    "np.add.at and np.subtract.at add all of them"
)
ONCE = "the script makes one step: what it keeps for the next one could not be checked"
WITHOUT_CUTS = "{where} cuts derivatives off at a limit: the check took them as they are without it"
WITHOUT_CONSTANTS = "the constants against a division by zero were left out of the check"


@dataclass
class Diagnosis:
    """Where a backward pass goes wrong."""

    line: int
    variable: str
    mistake: MistakeName | Literal["lost step"] | None  # the latter is none of a derivative
    sure: bool  # do the numbers agree with the mistake of that name?
    spoils: list[str]
    shape: tuple[int, ...] = ()
    node: int | None = None  # of the tape
    value: int | None = None  # of the forward pass, whose derivative the node should be
    called: bool = False  # the line calls the function that computes it and names it `variable`
    # of its worst element, or of that of a spoilt parameter's step; None if not determined
    of: str = ""
    part: bool = False  # of what the line assigns: a factor or a term in its expression
    index: tuple[int, ...] = ()
    actual: float | None = None
    expected: float | None = None
    # (index, actual, expected) of some elements, from all over the value; the worst is the first
    elements: list[tuple[tuple[int, ...], float, float]] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        if self.actual is None or not self.expected:
            return None
        return self.actual / self.expected


@dataclass
class Parameter:
    """An array that the steps update."""

    name: str
    line: int  # of its update
    difference: float | None  # largest relative one, of its steps; None if not finite
    ok: bool
    shape: tuple[int, ...]


@dataclass
class Finding:
    """What is known about one network."""

    verdict: str  # "correct", "wrong" or "cannot tell"
    reason: str | None = None
    loss: str | None = None
    lr: float | None = None
    rates_differ: bool = False  # lr is the rate of one step, others have other rates
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    labels: dict[int, list[tuple[str, bool]]] = field(default_factory=dict)  # line -> derivatives
    diagnosis: Diagnosis | None = None
    updates: str | None = None  # full batch, mini-batch or one sample at a time
    other_loss: bool = False  # follows the gradient of another loss than it computes
    lines: tuple[int, int] = (0, 0)  # of the training step
    # the functions that were checked, where there is no training: without a name for one function
    pair: str | None = None
    means: str | None = None  # of a pair: that its gradients are means over the samples
