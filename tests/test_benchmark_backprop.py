"""The benchmark of hand-written mistakes is consistent: edits, lines, names, table of results.

Whether the labels are true takes minutes to check: `python -m benchmarks.backprop.check_truth`, and
`check_lines` beside it.
"""

import dataclasses

import pytest

from benchmarks.backprop import run
from benchmarks.backprop.check_lines import first_difference
from benchmarks.backprop.check_truth import ALLOWED, Probe, effect_of_mistake, error_of_right
from benchmarks.backprop.mistakes import MISTAKES
from benchmarks.backprop.mistakes._plant import plant
from benchmarks.backprop.truth import FOLDER, NETWORKS, source
from tests.backprop.homework import NAMES


def test_every_file_is_in_the_table():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_compiles_and_has_the_lines_that_the_truth_is_read_at(name):
    Probe(NETWORKS[name], source(name))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.id)
def test_a_mistake_compiles_and_its_line_is_an_edited_one(mistake):
    Probe(NETWORKS[mistake.network], mistake.source)  # an edit leaves the two lines alone
    assert mistake.source != source(mistake.network)
    assert set(mistake.edited) & {mistake.line, *mistake.near}
    lines = mistake.source.splitlines()
    assert all(lines[number - 1].strip() for number in (mistake.line, *mistake.near))
    assert {mistake.name, *mistake.also} <= {*NAMES, None}


def test_mistakes_have_ids_of_their_own():
    assert len({m.id for m in MISTAKES}) == len(MISTAKES)


def test_an_edit_that_does_not_fit_exactly_once_is_refused():
    with pytest.raises(ValueError, match="0 times in the source"):
        plant("gru", "no such text", ("h_nwe", "h"))
    with pytest.raises(ValueError, match=r"\d times in the source"):
        plant("gru", "many of them", ("np.dot", "np.matmul"))


def test_the_truth_check_sees_a_mistake():
    """Its answer differs between right networks and wrong ones."""
    wrong = next(m for m in MISTAKES if m.id == "embedding_bag-repeated_words_lost")
    assert error_of_right("embedding_bag")[0] <= ALLOWED
    assert error_of_right("embedding_bag", wrong.source)[0] > 0.1
    assert effect_of_mistake(wrong)[0] > 0.1
    same = dataclasses.replace(wrong, source=source("embedding_bag"))
    assert effect_of_mistake(same) == (0.0, "no update changes")


def test_the_line_check_sees_where_the_values_part():
    found = next(m for m in MISTAKES if m.id == "svm_hinge-right_class_forgotten")
    assert first_difference(found) is None  # a line less
    found = next(m for m in MISTAKES if m.id == "linear_regression-sign_of_the_intercept")
    assert found.source.splitlines()[first_difference(found) - 1].strip().startswith("intercept =")


def test_a_common_factor_is_no_effect():
    text = source("embedding_bag").replace("lr = 0.3", "lr = 0.15")
    mistake = dataclasses.replace(MISTAKES[0], network="embedding_bag", source=text)
    assert effect_of_mistake(mistake)[0] == 0.0


def test_the_table_counts():
    wrong = next(s for s in run.scripts() if s.truth == "wrong" and s.names[0])
    right = next(s for s in run.scripts() if s.truth == "correct" and s.kind == wrong.kind)
    no = run.Answer(right.id, "correct", "wrong", 3, False, None, False, False, False, None)
    yes = run.Answer(
        wrong.id, "wrong", "wrong", 3, True, "stale activation", True, False, True, None
    )
    none = run.Answer(
        wrong.id, "wrong", "cannot tell", None, False, None, False, False, False, "why"
    )
    asked = [(right, no), (wrong, yes), (wrong, none)]
    last = run.table(asked).splitlines()[-1]
    assert [cell.strip() for cell in last.split("|")] == [
        *("all", "1", "0", "0", "1"),
        *("2", "1", "1", "0", "1 of 1", "0 of 1", "1"),
    ]
    assert run.complaint(right, no).startswith("FALSE")
    assert run.complaint(wrong, yes).startswith("name")
    assert run.complaint(wrong, none).endswith("cannot tell: why")


@pytest.mark.parametrize(
    ("verdict", "warnings", "line", "mistake", "seen"),
    [
        ("wrong", [], 7, "wrong sign", "right, line, name"),
        ("wrong", [], 8, None, "right, line"),
        ("wrong", [], None, "bias not summed", "right, false name"),
        ("correct", ["another loss"], None, None, "right"),
        ("correct", [], None, None, "false"),
        ("cannot tell", [], None, None, ""),
    ],
)
def test_an_answer_is_held_against_the_truth(monkeypatch, verdict, warnings, line, mistake, seen):
    said = {"verdict": verdict, "warnings": warnings, "line": line, "mistake": mistake}

    class Verdict:
        def to_json(self):
            return {**said, "reason": None}

    monkeypatch.setattr(run, "check_file", lambda path, timeout: Verdict())
    names = ("wrong sign", None)
    script = run.Script("x", "MLP", "y = 1", "wrong", (7, 8), names, other_loss=True)
    answer = run.ask(script, timeout=1.0)
    words = {
        "right": answer.right,
        "false": answer.false,
        "line": answer.line_found,
        "name": answer.name_found and answer.mistake is not None,
        "false name": answer.false_name,
    }
    assert ", ".join(word for word, true in words.items() if true) == seen


def test_texts_choose_scripts():
    assert {s.kind for s in run.scripts(["gru"])} == {"GRU"}
    assert len(run.scripts()) == len(NETWORKS) + len(MISTAKES)
