"""``%backprop`` in notebooks, executed by nbclient and in IPython's shell."""

import importlib.util

import pytest

from ..common import ROOT

WHY = "runs notebooks: needs pip install -e '.[docs]' and Python 3.11"
nbformat = pytest.importorskip("nbformat", reason=WHY)
pytest.importorskip("nbclient", reason=WHY)
if importlib.util.find_spec("ipykernel") is None:
    pytest.skip(WHY, allow_module_level=True)

from nbclient import NotebookClient  # noqa: E402

WRONG = (ROOT / "docs/my_network.py").read_text()
HEAD, LOOP = WRONG.split("for _ in")[0], "for _ in" + WRONG.split("for _ in")[1]
MENDED = LOOP.replace("    W2 -= lr * a1.T @ delta2\n", "").replace(
    "    W1 -=", "    W2 -= lr * a1.T @ delta2\n    W1 -="
)


CELLS = [
    "%load_ext xor_torch",
    HEAD.replace("lr = 0.5", "from own import RATE as lr"),
    f"%%backprop --timeout 200\n{LOOP}",
    "assert a2.shape == (4, 1) and type(a2) is np.ndarray\n1 / 0",
    f"{MENDED}",
    "%backprop",
    "from xor_torch.backprop import check_file\n%backprop --no",
    f"said = check_file({str(ROOT / 'docs/my_network.py')!r})\nsaid",
    "print(said.report())",
]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The folder in which a kernel has executed CELLS; what each displays: (plain texts, HTML)."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "own.py").write_text("RATE = 0.5\n")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    where = {"metadata": {"path": str(folder)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        NotebookClient(book, timeout=300, resources=where, allow_errors=True).execute()
    result = []
    for cell in book.cells:
        data = [out.get("data", {}) for out in cell.outputs]
        texts = [d["text/plain"] for d in data if d]
        texts += [out["text"] for out in cell.outputs if out.output_type == "stream"]
        result.append(("\n".join(texts), "".join(d.get("text/html", "") for d in data)))
    return folder, result


@pytest.mark.outside
def test_the_magic_names_the_cell_and_the_notebook_goes_on(executed):
    folder, said = executed
    text, page = said[2]
    assert "WRONG: this notebook, In [3], line 10: delta1 uses weights" in text
    assert "[[0.01]" in text  # what the cell itself prints
    assert '<tr class="first" title="a part of delta1[' in page
    assert "In [3]" in page
    assert not [*folder.glob(".backprop*")]
    # the cell that has failed is left out; of the two loops the first has the mistake
    assert "WRONG: this notebook, In [3], line 10" in said[5][0]
    assert "%backprop [--strict]" in said[6][0]


@pytest.mark.outside
def test_a_verdict_at_the_end_of_a_cell_is_a_page(executed):
    _, (*_, (text, page), (printed, nothing)) = executed
    assert printed.startswith("WRONG: ") and "> 26 |" in printed
    assert nothing == ""  # a report is text, in a notebook too
    assert text.startswith("<Verdict: WRONG: ")
    assert len(text) < 200
    assert page.startswith('<div class="backprop">')


class Shell:
    """The part of IPython's shell that the magic uses."""

    def __init__(self, counts_first):
        self.counts_first = counts_first  # as IPython 9.18 does, and those before it do not
        self.execution_count, self.callbacks, self.ran = 1, {}, []
        self.events = self.history_manager = self
        self.input_hist_raw = [""]

    def register_magic_function(self, function, kind, name):
        assert (kind, name) == ("line_cell", "backprop")
        self.backprop = function

    def register(self, event, function):
        self.callbacks[event] = function

    def run_cell(self, source, store_history=True, cell_id=None, success=True):
        if not store_history:
            self.ran.append(source)
            return
        info = type("Info", (), {"store_history": True, "cell_id": cell_id})
        number = self.execution_count
        self.execution_count += self.counts_first
        self.callbacks["pre_run_cell"](info)
        self.input_hist_raw.append(source)
        if callable(success):
            success = success()
        values = {"info": info, "success": success, "execution_count": number}
        self.callbacks["post_run_cell"](type("Result", (), values))
        self.execution_count += not self.counts_first


@pytest.mark.parametrize("counts_first", [True, False])
def test_a_cell_counts_as_it_ran_last_and_one_that_failed_does_not(
    counts_first, monkeypatch, capsys
):
    from xor_torch.backprop import Verdict, notebook

    seen = []
    monkeypatch.setattr(
        notebook,
        "check_cells",
        lambda cells, **options: seen.append((cells, options)) or Verdict("x", "correct"),
    )
    shell = Shell(counts_first)
    notebook.add_magic(shell)
    shell.run_cell("old", cell_id="a")
    shell.run_cell("fails", cell_id="b", success=False)
    shell.run_cell("new", cell_id="a")
    shell.backprop("--strict --timeout 5", "the cell")
    assert seen == [({3: "new"}, {"mend": True, "strict": True, "timeout": 5.0})]
    assert shell.ran == ["the cell"]
    assert "CORRECT: x" in capsys.readouterr().out
    # the cell that asks, and that has asked before, counts once, and the set-up comes first
    shell.run_cell("asks", cell_id="c", success=lambda: not shell.backprop(""))
    shell.run_cell("asks again", cell_id="c", success=lambda: not shell.backprop(""))
    assert [cells for cells, _ in seen[1:]] == [
        {3: "new", 4: "asks"},
        {3: "new", 5: "asks again"},
    ]
    shell.run_cell("newest", cell_id="a")
    shell.run_cell("fails now", cell_id="c", success=False)
    shell.backprop("")
    assert [*seen[-1][0].items()] == [(6, "newest"), (5, "asks again")]


def test_cells_keep_their_numbers_and_their_lines(monkeypatch, tmp_path):
    from xor_torch.backprop.notebook import check_cells

    monkeypatch.chdir(tmp_path)
    said = check_cells({2: "x = 1", 4: "%%backprop\n\ndef f(:\n"})
    assert (said.path, said.verdict) == ("this notebook", "cannot tell")
    assert said.reason.startswith("syntax error on In [4], line 3")
