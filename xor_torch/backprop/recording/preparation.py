"""Leaves most of a long preparation, before the training begins, out of the recording."""

import types
from typing import Any

from ..tape import LEFT_OUT, Tape
from .frames import Frames
from .limits import Limits
from .updates import Updates


class Preparation:
    """Decides what to leave out until an update is made for the second time."""

    def __init__(self, tape: Tape, updates: Updates, frames: Frames, limits: Limits) -> None:
        self._tape, self._updates, self._frames, self._limits = tape, updates, frames, limits
        self._begin = 0  # the operations before this one were dropped
        self._runs: dict[Any, int] = {}  # instruction of the script -> how often it was run
        self._callers: dict[Any, Any] = {}  # instruction -> its callers when it passed the limit

    def is_busy(self, frame: types.FrameType) -> bool:
        """Has this instruction run so often without any update that it must be preparation?

        The same function may train later: an instruction that other lines call is recorded again.
        """
        site = self._frames.site(frame)
        runs = self._runs[site] = self._runs.get(site, 0) + 1
        if runs <= self._limits.runs:
            return False
        callers = self._frames.calls(frame)
        if self._callers.setdefault(site, callers) != callers:
            self._runs.clear()
            self._callers.clear()
            return False
        self._updates.complete_from = len(self._tape.nodes)
        return True

    def is_long(self) -> bool:
        """Are so many operations recorded that most of them should be dropped?"""
        length, most = len(self._tape.nodes) - self._begin, self._limits.nodes_before
        if self._updates.none or length <= most:
            return length > most
        waited, longest = len(self._tape.nodes) - self._updates.last, self._limits.longest_wait
        if length == most + 1 and waited < most // 20:
            return True  # A loop that changes its data, number by number, is not waited for.
        return waited > longest or length > longest + most

    def is_in_vain(self) -> bool:
        """Has something been updated, and nothing twice, within so many operations?"""
        most = self._limits.nodes_in_vain * self._limits.seconds
        return not self._updates.none and len(self._tape.nodes) > most

    def forget(self) -> int:
        """Drop all but the last operations and the values that these use; return the bytes left."""
        nodes = self._tape.nodes
        begin = self._begin = len(nodes) - self._limits.nodes_before // 20
        used, stack = set[int](), [i for n in nodes[begin:] for i in n.inputs]
        while stack:
            id = stack.pop()
            if id < begin and id not in used:
                used.add(id)
                stack += nodes[id].inputs if nodes[id].value is None else ()
        for id in range(begin):
            node = nodes[id]
            if id not in used:
                nodes[id] = LEFT_OUT
            elif node.value is not None and node.inputs:
                node.op, node.args, node.kwargs, node.inputs = "leaf", (), {}, ()
        self._updates.forget(begin)
        return sum(n.value.nbytes for n in nodes if n.value is not None)
