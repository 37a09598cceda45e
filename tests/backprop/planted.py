"""Scripts of the tests: a mistake planted into one that is right, and one without a verdict."""

import re
from typing import NamedTuple

from xor_torch.backprop import check_file


class Mistake(NamedTuple):
    """One wrong statement."""

    file: str
    right: str
    wrong: str
    #: Texts of other lines that may be named: where the wrong number arrives.
    near: tuple[str, ...] = ()
    #: No verdict, where it should be wrong.
    undecided: bool = False

    def source(self, files):
        """The whole script with the mistake; `files` has the path of each file's name."""
        text = files[self.file].read_text()
        assert text.count(self.right) == 1
        return text.replace(self.right, self.wrong)


def assert_no_verdict(path, source, reason):
    """The check of a script says that it cannot tell, for this reason (a regular expression)."""
    path.write_text(source)
    verdict = check_file(path)
    assert verdict.verdict == "cannot tell", verdict.report()
    assert re.search(reason, verdict.reason or ""), verdict.reason
    assert "xor_torch" not in (verdict.traceback or "")
