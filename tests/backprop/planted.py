"""Helpers for scripts of the tests: plant a mistake into a right one; expect no verdict."""

import re
from typing import NamedTuple

from xor_torch.backprop import check_file


class Mistake(NamedTuple):
    """One wrong statement."""

    file: str
    right: str
    wrong: str
    #: Texts of other lines that the report may name: the wrong number arrives there.
    near: tuple[str, ...] = ()
    #: The check gives no verdict, although it should say "wrong".
    undecided: bool = False

    def source(self, files):
        """The whole script with the mistake; `files` has the path of each file's name."""
        text = files[self.file].read_text()
        assert text.count(self.right) == 1
        return text.replace(self.right, self.wrong)


def assert_no_verdict(path, source, reason):
    """Check a script: the verdict is "cannot tell", for this reason (a regular expression)."""
    path.write_text(source)
    verdict = check_file(path)
    assert verdict.verdict == "cannot tell", verdict.report()
    assert re.search(reason, verdict.reason or ""), verdict.reason
    assert "xor_torch" not in (verdict.traceback or "")
