"""All values that a value is computed from, on a tape that grows."""

from collections.abc import Iterable, Mapping

from ..tape import Tape

OFTEN = 16  # A value that is read more often has a set of its own.
MOST_BYTES = 300_000_000  # of these sets


class Ancestors:
    """The sets of values behind values.

    A walk through the tape for each question would take a time that grows with the square of the
    tape. So the set of a value that is read often is found once, and is a part of the others. A set
    is an int whose bit n stands for value n: to join two takes microseconds.
    """

    def __init__(self, tape: Tape, read: Mapping[int, int]) -> None:
        """Begin with no set.

        Args:
            tape: only its end may change; otherwise call `clear`.
            read: how often each value is an argument.

        """
        self._tape, self._read = tape, read
        self._known: dict[int, int] = {}
        self._bytes = 0

    def clear(self) -> None:
        """Forget all sets."""
        self._known.clear()
        self._bytes = 0

    def is_often_read(self, id: int) -> bool:
        """Has this value a set of its own?"""
        return self._read[id] > OFTEN

    def include(self, id: int, some: Iterable[int]) -> bool:
        """Is a value one of `some`, or computed from one of them?"""
        behind = self._behind(id)
        return any(behind >> n & 1 for n in some)

    def _behind(self, id: int) -> int:
        """A value and all that it is computed from."""
        if self._bytes > MOST_BYTES:
            self.clear()
        known, waiting = self._known, [id]
        while waiting:
            n = waiting.pop()
            if n in known:
                continue
            mine, parts = self._until_often_read(n)
            missing = parts - known.keys()
            if missing:
                waiting += [n, *missing]
                continue
            bits = bytearray(n // 8 + 1)
            for m in mine:
                bits[m >> 3] |= 1 << (m & 7)
            found = int.from_bytes(bits, "little")
            for m in parts:
                found |= known[m]
            if not waiting and not self.is_often_read(n):
                return found
            known[n] = found
            self._bytes += len(bits)
        return known[id]

    def _until_often_read(self, id: int) -> tuple[set[int], set[int]]:
        """A value with what is behind it up to values that are read often, and these."""
        nodes, read = self._tape.nodes, self._read
        mine, parts, stack = {id}, set[int](), [*nodes[id].inputs]
        while stack:
            n = stack.pop()
            if read[n] > OFTEN:
                parts.add(n)
            elif n not in mine:
                mine.add(n)
                stack += nodes[n].inputs
        return mine, parts
