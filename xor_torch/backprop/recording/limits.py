"""How much of a script is recorded, and when one of its loops is left early."""

import time
from collections.abc import Callable
from dataclasses import dataclass

MOST_IN_LIST = 50_000  # A list with more numbers is data: they are constants.


@dataclass(frozen=True)
class Limits:
    """The limits of one recording."""

    seconds: float = 60.0  #: The recording ends after this time.
    #: A loop is left after this many updates, counted over all parameters: one pass over 150 single
    #: samples still fits.
    updates: int = 640
    slow_loop_seconds: float = 8.0  #: A loop that takes longer is left after `few_updates`.
    few_updates: int = 12
    #: Operations that are recorded from the first update on: about two seconds.
    nodes: int = 60_000
    #: If no array was updated this often by then, the recording goes on up to `most_nodes`.
    few_times: int = 3
    most_nodes: int = 240_000
    #: Operations before the first update, which prepare the data. When there are more, only a
    #: twentieth of this number is kept, the last ones.
    nodes_before: int = 200_000
    #: More of them are kept until so many after an update: its next one may be a long step away.
    longest_wait: int = 400_000
    #: When so many operations have not updated anything twice, times `seconds`, the recording ends.
    nodes_in_vain: int = 30_000
    #: An instruction that has run this often before the first update is no longer recorded.
    runs: int = 20_000
    bytes: int = 600_000_000  #: memory for all values that are kept
    #: An intermediate value is kept if so many of its size would still fit; otherwise the replay
    #: computes it again.
    fitting: int = 4_000
    marks: int = 2_000  #: how many arrays get a mark of their own (`Node.marks`)

    def operations(self, times: int) -> int:
        """How many operations are recorded if no array was updated more than `times` times."""
        return self.nodes if times >= self.few_times else max(self.nodes, self.most_nodes)


class Enough(BaseException):
    """The tape is full. Raised through the script, unless its process simply ends."""


class Loops:
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
        """A loop begins: return a function to call after each round; False means leave the loop."""
        before, start = self.updates(), time.monotonic()
        limits, updates = self.limits, self.updates
        fewest = before + min(limits.few_updates, limits.updates)

        def go_on() -> bool:
            if updates() < fewest:
                return True
            made = updates() - before
            slow = time.monotonic() - start > limits.slow_loop_seconds
            more = made < (limits.few_updates if slow else limits.updates)
            self.left = self.left or not more
            if made >= limits.few_updates and (not self._enough or not more):
                self._enough = True
                self.when_enough()
            return more

        return go_on
