"""How much of a script is recorded, and when a loop of it is left."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one recording."""

    seconds: float = 60.0  #: the recording ends after so long
    #: A loop is left after so many updates, counted over all parameters: one pass over 150 single
    #: samples still fits.
    updates: int = 640
    slow_loop_seconds: float = 8.0  #: A loop that takes longer is left after `few_updates`.
    few_updates: int = 12
    #: Operations from the first update on: about two seconds of recording,
    nodes: int = 60_000
    few_times: int = 3  #: unless no array was updated so often; then it goes on to
    most_nodes: int = 240_000
    #: Operations before it (preparing the data): of more, the last twentieth is kept.
    nodes_before: int = 200_000
    #: An instruction that has run so often before the first update is not recorded any more.
    runs: int = 20_000
    bytes: int = 600_000_000  #: of all values that are kept
    kept_elements: int = 20_000  #: A larger intermediate value is computed again from the tape.
    marks: int = 2_000  #: So many arrays get a mark of their own (`Node.marks`).

    def operations(self, times: int) -> int:
        """How many are recorded if the array with the most updates has had so many."""
        return self.nodes if times >= self.few_times else max(self.nodes, self.most_nodes)


class Enough(BaseException):
    """The tape is full. Raised through the script, unless its process simply ends."""


class Rounds:
    """Decides after each round of the script's loops whether the loop goes on."""

    def __init__(
        self,
        limits: Limits,
        updates: Callable[[], int],
        when_enough: Callable[[], None] = lambda: None,
    ) -> None:
        """Set the limits.

        Args:
            limits: of the recording.
            updates: tells how many updates were made until now.
            when_enough: called when a loop has first made enough updates for a verdict, and when
                a loop is left.

        """
        self.limits = limits
        self.updates = updates
        self.when_enough = when_enough
        self.left = False  # Was a loop left early?
        self._enough = False

    def begin(self) -> Callable[[], bool]:
        """For a loop that begins now: what to ask after each round; False means leave it."""
        before, start = self.updates(), time.monotonic()

        def go_on() -> bool:
            made, limits = self.updates() - before, self.limits
            slow = time.monotonic() - start > limits.slow_loop_seconds
            more = made < (limits.few_updates if slow else limits.updates)
            self.left = self.left or not more
            if made >= limits.few_updates and (not self._enough or not more):
                self._enough = True
                self.when_enough()
            return more

        return go_on
