"""A plugin of otter-grader: the backprop of a submission is one more question.

In ``otter_config.json``::

    {"plugins": [{"xor_torch.otter_plugin.Plugin": {"points": 4, "hint": 2}}]}

``points`` (1) are given for a right submission; ``hint`` (4) says how much the student is told, as
``xor-torch compare --hint`` does; ``strict`` (false) and ``timeout`` (60 seconds) are its flags.
A "cannot tell" gets no points, and the reason says that a person has to look.
"""

from typing import TYPE_CHECKING, Any

from otter.plugins import AbstractOtterPlugin
from otter.test_files.abstract_test import TestCase, TestCaseResult, TestFile

if TYPE_CHECKING:
    from .backprop import Verdict

NAME = "backprop"
LOOK = "this is not a fail: a person has to look at it"


class Plugin(AbstractOtterPlugin):  # type: ignore[misc]  # otter has no types
    """What otter loads."""

    def after_grading(self, results: Any) -> None:
        """Add the question to the results."""
        from .backprop import check_file

        options = {"points": 1, "hint": 4, "strict": False, "timeout": 60.0, **self.plugin_config}
        verdict = check_file(
            self.submission_path,
            timeout=options["timeout"],
            strict=options["strict"],
            in_its_folder=True,
        )
        results.results[NAME] = Question(verdict, options["points"], options["hint"])


class Question(TestFile):  # type: ignore[misc]
    """The question with its result."""

    def __init__(self, verdict: "Verdict", points: float, hint: int) -> None:
        case = TestCase(NAME, "", False, points, None, None)
        super().__init__(NAME, NAME, [case])
        passed, text = verdict.verdict == "correct", verdict.told(hint)
        if verdict.verdict == "cannot tell":
            text += f"; {LOOK}"
        self.test_case_results = [TestCaseResult(case, None if passed else text, passed)]

    @classmethod
    def from_file(cls, path: str) -> Any:
        raise NotImplementedError("it is made from a verdict")

    @classmethod
    def from_metadata(cls, *_: object) -> Any:
        raise NotImplementedError("it is made from a verdict")

    def run(self, global_environment: Any) -> None:
        """Nothing: the submission was checked in a process of its own."""
