"""Files of all kinds, the report, and the assertion for graders.

The file is long because one function, `check_file`, must answer to everything that a script can do.
"""

import ast
import copy
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from xor_torch import assert_backprop
from xor_torch.backprop import check, many
from xor_torch.backprop.check import check_file
from xor_torch.backprop.judging.findings import Diagnosis, Finding
from xor_torch.backprop.recording.smaller import batch_sizes
from xor_torch.backprop.tape import Tape
from xor_torch.backprop.verdict import Verdict

from ..common import PATIENCE, patience
from .homework import CORRECT, MISTAKES

# Most tests here are not about how a process starts or ends, so they may fork.
forked = pytest.mark.usefixtures("forked")


def write(tmp_path, source, name="script.py", epochs=50):
    """Write a script that trains for fewer epochs than a recording holds."""
    path = tmp_path / name
    path.write_text(source.replace("epochs = 10000", f"epochs = {epochs}"))
    return path


def record_once(path, monkeypatch):
    """Record the script once; the checks that follow judge this recording."""
    recorded = check._record(path, path.read_text(), (), 60.0, False, 4.0)
    monkeypatch.setattr(check, "_record", lambda *args: copy.deepcopy(recorded))


def test_a_correct_script_and_its_report(tmp_path):
    verdict = check_file(write(tmp_path, CORRECT["plain"], epochs=10000))
    found = verdict.to_json()
    json.dumps(found)
    assert verdict.exit_code == 0
    assert (found["verdict"], found["loss"], found["line"]) == ("correct", "SSE", None)
    assert found["lr"] == pytest.approx(0.1, rel=1e-12)
    assert {p["name"] for p in found["parameters"]} == {"W1", "b1", "W2", "b2"}
    assert all(p["largest_relative_difference"] < 1e-12 for p in found["parameters"])
    report = verdict.report(full=True)
    assert f"updates  {found['updates']}\n" in report
    assert found["updates"] == "full batch: each sees all 4 distinct input rows"
    said = [line.labels for line in verdict.outline(full=True).networks[0].lines if line.labels]
    for name in ("y_pred", "final_input", "W2", "b2", "hidden_input", "W1", "b1"):
        assert f"dL/d{name}" in [label for labels in said for label in labels]
    assert "your printed loss is the MSE, your steps follow the SSE" in report


@forked
def test_it_says_what_it_is_doing(tmp_path):
    seen = tmp_path / "seen"
    waits = f"""
import os, time
while not os.path.exists({str(seen)!r}):
    time.sleep(0.01)
"""
    said = []

    def progress(doing):
        said.append(doing)
        updates = re.fullmatch(r"recording: (\d+) updates", doing)
        if updates and int(updates[1]) > 0:
            seen.touch()  # the script waits for that

    path = write(tmp_path, CORRECT["plain"] + waits)
    assert check_file(path, timeout=PATIENCE, progress=progress).verdict == "correct"
    assert [doing for doing in said if not doing.startswith("recording")] == [
        "running script.py",
        "loading torch",
        "judging",
    ]
    assert any(doing.startswith("recording") for doing in said)


@pytest.mark.parametrize("left", [None, b"", b"many", b"9" * 100])
def test_a_number_of_updates_that_is_none(left, tmp_path):
    if left is not None:
        (tmp_path / "updates").write_bytes(left)
    assert check._updates(tmp_path) == 0


@forked
def test_a_notebook(tmp_path):
    cells = [
        {"cell_type": "code", "source": part + "\n"} for part in CORRECT["plain"].split("\n\n\n")
    ]
    magic = ["%matplotlib inline\n", "!ls\n", "files = !ls\n", "get_ipython()\n"]
    cells.insert(0, {"cell_type": "code", "source": magic})
    path = write(tmp_path, json.dumps({"cells": cells}), "book.ipynb")
    assert check_file(path).verdict == "correct"


@forked
def test_a_wrong_script_names_line_and_mistake(tmp_path):
    mistake = next(m for m in MISTAKES if m.id == "plain-derivative_taken_twice-hidden")
    verdict = check_file(write(tmp_path, mistake.source))
    found = verdict.to_json()
    assert verdict.exit_code == 1
    assert (found["line"], found["variable"], found["mistake"]) == (
        mistake.line,
        "d_hidden",
        "derivative taken twice",
    )
    report = verdict.report()
    assert f"line {mistake.line}: d_hidden takes the slope of" in report.splitlines()[0]
    assert "mistake  derivative taken twice\n" in report


@forked
@pytest.mark.parametrize(
    ("edit", "value", "shape", "ratio"),
    [
        (("W2 -= lr * d_W2", "W2 -= 2 * lr * d_W2"), "W2 step", [4, 1], 2),
        (("b1 -= lr * d_b1", "b1 += lr * d_b1"), "b1 step", [1, 4], -1),
        (("d_W2 = ", "d_W2 = 3 * "), "d_W2", [4, 1], 3),
    ],
)
def test_expected_and_actual_numbers(tmp_path, edit, value, shape, ratio):
    source = CORRECT["plain"].replace(*edit)
    assert source != CORRECT["plain"]
    verdict = check_file(write(tmp_path, source))
    found = verdict.to_json()
    json.dumps(found)
    assert (found["verdict"], found["value"], found["shape"]) == ("wrong", value, shape)
    assert found["ratio"] == pytest.approx(ratio, rel=1e-9)
    assert found["actual"] / found["expected"] == pytest.approx(ratio, rel=1e-9)
    name, is_step, _ = value.partition(" step")
    said = f"{is_step and 'the step of '}{name}{found['index']}: actual {found['actual']:.6g}, "
    assert f"value    {said}expected {found['expected']:.6g}, ratio {ratio}\n" in verdict.report()


@forked
def test_the_expected_numbers_are_those_of_the_correct_twin(tmp_path):
    mistake = next(m for m in MISTAKES if m.id == "plain-missing_hidden_derivative")
    before = mistake.source.splitlines()
    twin = CORRECT["plain"].splitlines()
    line = next(a for a, b in zip(before, twin, strict=True) if a != b)
    found = check_file(write(tmp_path, mistake.source)).to_json()
    # run the mistake, and print the right value beside it
    right = twin[before.index(line)].replace("d_hidden =", "right =")
    spy = mistake.source.replace(line, f"{line}\n{right}\n    kept.append((d_hidden, right))")
    names = {"kept": []}
    exec(spy.replace("range(epochs)", "range(30)"), names)
    at = tuple(found["index"])
    assert found["value"] == "d_hidden"
    assert any(
        np.allclose((a[at], b[at]), (found["actual"], found["expected"]), rtol=1e-9, atol=0)
        for a, b in names["kept"]
    )


@forked
def test_the_step_that_a_forgotten_bias_should_make(tmp_path):
    mistake = next(m for m in MISTAKES if m.id == "plain-bias_never_updated")
    found = check_file(write(tmp_path, mistake.source)).to_json()
    names = {}
    exec(CORRECT["plain"].replace("range(epochs)", "range(2)"), names)
    assert (found["verdict"], found["value"], found["actual"]) == ("wrong", "b1 step", 0)
    before = names["lr"] * names["d_b1"]
    assert np.sign(found["expected"]) == -np.sign(before[tuple(found["index"])])
    assert abs(found["expected"]) == pytest.approx(np.abs(before).max(), rel=0.1)  # a later step


@pytest.mark.parametrize(
    "after",
    [
        "import time\nwhile True:\n    time.sleep(0.01)\n",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
    ],
    ids=["goes on", "killed"],
)
def test_what_was_recorded_is_judged(tmp_path, monkeypatch, after):
    path = write(tmp_path, CORRECT["plain"] + after)
    monkeypatch.setattr(check, "SCRIPT_SHARE", 0.1)
    assert check_file(path, timeout=50).verdict == "correct"


def test_a_script_in_any_circumstances(tmp_path):
    """A script that changes its directory, deletes itself, forks, prints, takes arguments, ..."""
    (tmp_path / "shared.py").write_text("import numpy as np\n" + ACTIVATION)
    source = (
        "import argparse, os, sys\nfrom shared import sigmoid\n"
        "parser = argparse.ArgumentParser()\nparser.add_argument('--rate', type=float)\n"
        "rate = parser.parse_args().rate\nos.remove(__file__)\nos.chdir('/')\n"
        "print('x' * 10_000_000)\n"
        "if os.fork() == 0:\n    os._exit(0)\n"
        "if __name__ == '__main__':\n"
    )
    training = CORRECT["plain"].replace(ACTIVATION, "").replace("lr = 0.1", "lr = rate")
    source += "".join(f"    {line}\n" for line in training.splitlines())
    path = write(tmp_path, source + "    sys.exit('done')\n", "-é, a name.py")
    verdict = check_file(path, ["--rate", "0.3"])
    assert (verdict.verdict, verdict.findings[0].lr) == ("correct", pytest.approx(0.3))


ACTIVATION = """\
def sigmoid(x):
    return 1 / (1 + np.exp(-x))
"""


@forked
def test_the_line_of_the_loss_computes_no_derivative(tmp_path):
    for source in (
        CORRECT["plain"],
        CORRECT["plain"].replace("(y - y_pred) **", "(y_pred - y) **"),
    ):
        listing = [
            x
            for x in check_file(write(tmp_path, source)).report(full=True).splitlines()
            if " | " in x
        ]
        (loss,) = [x for x in listing if "loss = np.mean" in x]
        assert "dL" not in loss
        for name in ("d_loss = ", "d_final = ", "d_W2 = ", "d_b1 = "):
            assert any(name in x and " ok" in x for x in listing)


@forked
def test_what_the_check_did_not_expect_is_no_traceback(tmp_path, monkeypatch):
    def fail(*args):
        raise KeyError("strange")

    path = write(tmp_path, CORRECT["plain"])
    record_once(path, monkeypatch)
    for name in ("judge.find_networks", "judge.Bench", "judge.describe"):
        with monkeypatch.context() as patch:
            patch.setattr(f"xor_torch.backprop.judging.{name}", fail)
            verdict = check_file(path)
        assert verdict.exit_code == 2
        assert "failed on it, with KeyError" in verdict.reason
        assert verdict.reason in verdict.report()
        assert verdict.to_json()["reason"] == verdict.reason


@forked
def test_another_loss_is_a_warning_and_wrong_if_strict(tmp_path, monkeypatch):
    mistake = next(m for m in MISTAKES if m.id == "plain-missing_output_derivative-follows_BCE")
    path = write(tmp_path, mistake.source)
    record_once(path, monkeypatch)
    verdict = check_file(path)
    assert verdict.verdict == "correct"
    assert "another loss than it trains on" in verdict.report()
    assert check_file(path, strict=True).verdict == "wrong"


@forked
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "the file is empty"),
        ("def f(:\n", "syntax error on line 1"),
        ("import numpy as np\nprint(np.zeros(3))\n", "no training loop was found"),
        ("x = 1\n", "no array, tensor or float was replaced"),
        ("import tensorflow\n", "uses tensorflow"),
        ("import numpy as np\ninput('name? ')\n", "asks for input"),
        ("import numpy as np\nraise SystemExit(3)\n", "ended itself, with exit 3"),
        ("import os\nos._exit(0)\n", "ended itself"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "ended its process"),
        ("import numpy, no_such_package\n", "needs the package no_such_package"),
        ("import numpy, tensorflow\n", "uses tensorflow"),
        ("import numpy as np\nnp.loadtxt('no such file')\n", "run it from the folder"),
        ("import numpy as np\n" + "x = 1\n" * 10_000, "no training loop was found"),
    ],
    ids=[
        *(
            "empty",
            "syntax",
            "no-loop",
            "no-numpy",
            "framework",
            "input",
            "exit",
            "_exit",
        ),
        *("killed", "package", "tensorflow", "data", "long"),
    ],
)
def test_one_clear_message(tmp_path, source, reason):
    (tmp_path / "torch.py").touch()  # the real one takes a second to import
    verdict = check_file(write(tmp_path, source))
    assert verdict.exit_code == 2
    assert reason in verdict.reason
    assert verdict.report().count("CANNOT TELL") == 1


SATURATED = """import numpy as np
rng = np.random.default_rng(0)
X = rng.integers(0, 256, (4, 48)) * 100.0
Y = (X[:1] + X[1:2] < 20000).astype(int)
W1, b1 = rng.normal(size=(4, 4)) * 0.0001, np.zeros((4, 1))
W2, b2 = rng.normal(size=(1, 4)) * 0.01, np.zeros((1, 1))
for i in range(1000):
    Z1 = W1 @ X + b1
    A1 = np.maximum(0, Z1)
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
    dZ2 = A2 - Y
    dZ1 = (W2.T @ dZ2) * (Z1 > 0)
    W1 = W1 - 1e-7 * dZ1 @ X.T
    b1 = b1 - 1e-7 * np.sum(dZ1, axis=1, keepdims=True)
    W2 = W2 - 1e-7 * dZ2 @ A1.T
    b2 = b2 - 1e-7 * np.sum(dZ2, axis=1, keepdims=True)
"""


@forked
def test_a_cross_entropy_that_saturates(tmp_path):
    """Unscaled inputs: moved parameters give outputs of exactly 1, where log(1 - p) is infinite."""
    assert check_file(write(tmp_path, SATURATED)).verdict == "correct"
    wrong = SATURATED.replace("(Z1 > 0)", "(1 - A1**2)")
    found = check_file(write(tmp_path, wrong)).to_json()
    assert found["verdict"] == "wrong"


@forked
def test_a_cross_entropy_that_saturates_is_no_missing_derivative(tmp_path):
    """Here the outputs near 0 have no digits left that tell which number they are sigmoid of."""
    odd = SATURATED.replace("1 / (1 + np.exp(-(", "1 - 1 / (1 + np.exp((")
    odd = odd.replace("* 100.0", "* 10.0").replace("20000", "2000")
    verdict = check_file(write(tmp_path, odd))
    assert verdict.verdict != "wrong"


@forked
def test_lines_of_the_scripts_own_modules(tmp_path):
    """A script in three files: the report names the file of each line."""
    mistake = next(m for m in MISTAKES if m.id == "plain-derivative_taken_twice-hidden")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("# nothing\n" * 7)
    (tmp_path / "parts" / "network.py").write_text(mistake.source)
    script = "import sys\n\nprint(sys.version)\nfrom parts import network\n"
    verdict = check_file(write(tmp_path, script))
    found, report = verdict.to_json(), verdict.report()
    module = str(Path("parts/network.py"))
    assert (found["module"], found["cell"], found["line"]) == (module, None, mistake.line)
    assert f"line {mistake.line} of {module}: " in report.splitlines()[0]
    line = mistake.source.splitlines()[mistake.line - 1]
    assert re.search(rf"\n +{module}:\n", report)
    begin = re.escape(line.partition(" * ")[0].strip())
    assert re.search(rf"\n> {mistake.line} \| +{begin}", report)
    assert "sys.version" not in report


@forked
def test_a_reason_names_the_cell(tmp_path):
    source = "import numpy as np\nW = np.eye(2)\nfor i in range(9):\n    W -= np.linalg.pinv(W)\n"
    cells = [{"cell_type": "code", "source": "pass"}, {"cell_type": "code", "source": source}]
    verdict = check_file(write(tmp_path, json.dumps({"cells": cells}), "book.ipynb"))
    assert "cell 2, line 4" in (verdict.reason or "")


def test_a_missing_file_a_directory_and_binary_garbage(tmp_path):
    assert "no such file" in check_file(tmp_path / "none.py").reason
    assert "directory" in check_file(tmp_path).reason
    (tmp_path / "x.py").write_bytes(bytes(range(256)))
    assert "not a text file" in check_file(tmp_path / "x.py").reason
    (tmp_path / "x.ipynb").write_text('{"cells": [')
    assert "not a Jupyter notebook" in check_file(tmp_path / "x.ipynb").reason


@forked
def test_a_crash_shows_the_scripts_own_traceback(tmp_path):
    path = write(
        tmp_path, "import numpy as np\ndef f():\n    return np.zeros(3) @ np.zeros(2)\nf()\n"
    )
    report = check_file(path).report()
    assert "line 3, in f" in report
    assert "record.py" not in report


@forked
def test_the_time_limit(tmp_path):
    verdict = check_file(write(tmp_path, "import time\ntime.sleep(60)\n"), timeout=0.1)
    assert "--timeout" in verdict.reason


def ended(path):
    """Whether the process ends whose id is in the file; true if the file was never written."""
    if not path.exists() or not (pid := path.read_text()):
        return True  # on a busy machine the time may be over before the script begins
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:  # killed, it may still take a moment
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":  # it has ended, but its parent has not asked for its exit code yet
            return True
        time.sleep(0.02)
    return False


needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")


@needs_proc
def test_a_script_that_spins_ends_at_the_time_limit(tmp_path):
    note = f"import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
    for spin in ("while True: pass\n", "import itertools\nsum(itertools.count())\n"):
        with patience():
            verdict = check_file(write(tmp_path, f"import numpy\n{note}{spin}"), timeout=1)
        assert verdict.exit_code == 2
        assert "--timeout" in verdict.reason
        assert verdict.report().count("CANNOT TELL") == 1
        assert ended(tmp_path / "pid")


@needs_proc
def test_a_script_with_a_child_process_does_not_hang_the_check(tmp_path):
    source = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
    )
    with patience():
        assert check_file(write(tmp_path, source + CORRECT["plain"])).verdict == "correct"
    assert ended(tmp_path / "pid")
    verdict = check_file(write(tmp_path, source + "child.wait()\n"), timeout=1)
    assert "--timeout" in verdict.reason
    assert ended(tmp_path / "pid")


# ------------------------------------------------- what a script must not do to its judge

# how a script finds the folder of its own recording
FOLDER = """
import sys
frame = sys._getframe()
while "folder" not in frame.f_locals:
    frame = frame.f_back
folder = frame.f_locals["folder"]
"""


@forked
@pytest.mark.parametrize(
    "planted",
    [
        "(folder / 'tape.json').write_text('{')",
        "(folder / 'tape.json').write_text('[' * 1_000_000)",
        "(folder / 'tape.json').write_text('{}')",
        "(folder / 'tape.json').symlink_to('/dev/zero')",
        "os.mkfifo(folder / 'tape.json')",
        "(folder / 'tape.json').mkdir()",
        "(folder / 'tape.json').touch(); os.truncate(folder / 'tape.json', 10**8)",
        "(folder / 'tape.json').write_text(json.dumps({'values': '../../etc/passwd'}))",
        "(folder / '1.bin').write_bytes(b'1' * 64)\n"
        "(folder / 'tape.json').write_text(json.dumps({'values': '1.bin', 'nodes': ["
        "['leaf', None, {'dict': {}}, 1, 0, 'w', [10**9], 'f', ['<f8', [10**9], 0]]],"
        "'links': [[0, 0]], 'aliases': [], 'branches': [], 'code': [[], []],"
        "'outcome': {'end': 'ran', 'left': False}}))",
        "(folder / '1.bin').write_bytes(b'')\n"
        "(folder / 'tape.json').write_text(json.dumps({'values': '1.bin', 'nodes': ["
        "['add', {'tuple': [{'ref': 7}]}, {'dict': {}}, 1, 0, 'w', [], 'f', None]],"
        "'links': [], 'aliases': [], 'branches': [], 'code': [[], []],"
        "'outcome': {'end': 'ran', 'left': False}}))",
    ],
    ids=[
        *("malformed", "nested", "empty", "endless", "pipe", "folder", "huge", "elsewhere"),
        *("too-few-numbers", "loose-end"),
    ],
)
def test_a_result_that_is_not_a_recording(tmp_path, planted):
    source = f"{FOLDER}\nimport json, os, signal\n{planted}\nos.kill(os.getpid(), signal.SIGKILL)\n"
    verdict = check_file(write(tmp_path, source), timeout=30)
    assert verdict.verdict == "cannot tell"
    assert "the recording cannot be used" in verdict.reason, verdict.reason


@forked
def test_the_recording_of_another_script_is_refused(tmp_path):
    (tmp_path / "kept").mkdir()
    keep = "import os, shutil, signal\nshutil.copytree(folder, KEPT, dirs_exist_ok=True)\n"
    kept = f"KEPT = {str(tmp_path / 'kept')!r}\n"
    source = CORRECT["plain"] + FOLDER + kept + keep
    assert check_file(write(tmp_path, source, "other.py")).verdict == "correct"
    assert [*(tmp_path / "kept").glob("tape.json")]
    plant = "import os, shutil, signal\nshutil.copytree(KEPT, folder, dirs_exist_ok=True)\n"
    source = FOLDER + kept + plant + "os.kill(os.getpid(), signal.SIGKILL)\n"
    verdict = check_file(write(tmp_path, source))
    assert verdict.verdict == "cannot tell"
    assert "the recording is not of this file" in verdict.reason


@forked
def test_a_folder_that_cannot_be_deleted(tmp_path, monkeypatch):
    """A process that has escaped may still write files into it."""

    def busy(*args, **kwargs):
        raise OSError(39, "Directory not empty")

    monkeypatch.setattr("os.rmdir", busy)
    assert check_file(write(tmp_path, CORRECT["plain"])).verdict == "correct"


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(PID, "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not os.path.exists(PID) or not open(PID).read():
    time.sleep(0.01)
"""


@needs_linux
@pytest.mark.parametrize("end", ["", "time.sleep(600)\n"], ids=["ends", "stays"])
def test_a_daemon_ends_with_its_script(tmp_path, end):
    note = f"PID = {str(tmp_path / 'pid')!r}\n"
    check_file(write(tmp_path, note + DAEMON + end), timeout=3)
    assert ended(tmp_path / "pid")


@needs_linux
def test_a_script_that_kills_its_parent(tmp_path):
    source = "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)\n"
    verdict = check_file(write(tmp_path, source), timeout=60)
    assert "ended its process" in verdict.reason


@needs_linux
def test_a_script_dies_with_the_check(tmp_path):
    note = f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
    path = write(tmp_path, note + "time.sleep(600)\n")
    code = f"from xor_torch.backprop import check_file; check_file({str(path)!r}, timeout=600)"
    with subprocess.Popen([sys.executable, "-c", code]) as checking:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.02)
        checking.kill()
    assert ended(tmp_path / "pid")


@needs_linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_daemon_dies_with_the_check(tmp_path, number):
    note = f"PID = {str(tmp_path / 'pid')!r}\n"
    path = write(tmp_path, note + DAEMON + "time.sleep(600)\n")
    code = f"from xor_torch.backprop import check_file; check_file({str(path)!r}, timeout=600)"
    with (
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as checking,
        patience(),
    ):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.02)
        checking.send_signal(number)
    assert ended(tmp_path / "pid")


@needs_linux
def test_the_memory_limit(tmp_path):
    source = "import numpy as np\nkept = [np.ones(10_000_000) for _ in range(100)]\n"
    verdict = check_file(write(tmp_path, source), memory=0.5)
    assert verdict.verdict == "cannot tell"
    assert "MemoryError" in verdict.reason and "--memory" in verdict.reason


@needs_linux
def test_what_was_recorded_before_the_memory_ended_is_judged(tmp_path):
    source = CORRECT["plain"] + "kept = []\nwhile True:\n    kept.append(bytearray(10_000_000))\n"
    verdict = check_file(write(tmp_path, source), memory=0.5)
    assert verdict.verdict == "correct"
    assert "MemoryError" in (verdict.traceback or "")  # it may not use what is spared for saving


@forked
def test_the_time_limit_holds_for_judging(tmp_path, monkeypatch):
    def judge_for_ever(tape, seconds, ended):
        while True:
            pass

    path = write(tmp_path, CORRECT["plain"])
    record_once(path, monkeypatch)  # how long that takes depends on what else the machine does
    monkeypatch.setattr("xor_torch.backprop.judging.claims.judge", judge_for_ever)
    verdict = check_file(path, timeout=0.5)
    assert verdict.verdict == "cannot tell"
    assert "longer than 0.5 seconds together" in verdict.reason and "--timeout" in verdict.reason


@pytest.mark.parametrize("name", ["pipe.py", "endless.py"])
def test_what_is_not_a_regular_file(tmp_path, name):
    path = tmp_path / name
    os.mkfifo(path) if name == "pipe.py" else path.symlink_to("/dev/zero")
    assert "not a regular file" in check_file(path).reason


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("script.py", "x = " + "-" * 100_000 + "1\n"),
        ("script.py", "x = " + "a." * 100_000 + "b\n"),
        ("book.ipynb", "[" * 1_000_000),
    ],
    ids=["minus", "attributes", "notebook"],
)
def test_what_is_nested_too_deep(tmp_path, name, text):
    verdict = check_file(write(tmp_path, text, name))
    assert verdict.verdict == "cannot tell"
    assert verdict.report().count("CANNOT TELL") == 1


MUCH = "x = 1\n" * 100_000  # to compile 20 MB of it would take two minutes and 8 GB


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("script.py", MUCH, "it has 600,000 characters of code"),
        (
            "book.ipynb",
            json.dumps({"cells": [{"cell_type": "code", "source": MUCH}]}),
            "it has 600",
        ),
        ("book.ipynb", "[" + "{}," * 600_000 + "{}]", "it has too many parts"),
    ],
    ids=["script", "cell", "parts"],
)
def test_what_is_too_long_is_not_compiled(tmp_path, name, text, words, monkeypatch):
    path = write(tmp_path, text, name)
    monkeypatch.setattr("builtins.compile", None)
    verdict = check_file(path)
    assert verdict.verdict == "cannot tell"
    assert words in verdict.reason
    assert many.find_copies([path]) == {}


@pytest.mark.parametrize("encoding", ["rot13", "nonsense"])
def test_an_encoding_that_is_none_of_text(tmp_path, encoding):
    verdict = check_file(write(tmp_path, f"# -*- coding: {encoding} -*-\nx = 1\n"))
    assert verdict.reason.startswith("it is not a text file")


@forked
def test_no_raw_escapes_in_the_report(tmp_path):
    source = "import numpy\nraise ValueError('\\x1b[2J\\x1b]0;title\\x07 \\u202e größe')\n"
    report = check_file(write(tmp_path, source, "\x1b[31mred.py")).report()
    assert "\\x1b[2J\\x1b]0;title\\x07 \\u202e größe" in report
    assert "\\x1b[31mred.py" in report
    assert not any(c < " " and c != "\n" for c in report)


def test_the_present_directory_is_not_imported_from(tmp_path, monkeypatch):
    """A random.py there is not executed and hides nothing; a module beside the script is found."""
    (tmp_path / "here").mkdir()
    (tmp_path / "own").mkdir()
    for name in ("random", "array", "secrets", "numpy"):
        write(tmp_path / "here", f"open({str(tmp_path / 'ran')!r}, 'w')\n", f"{name}.py")
    write(tmp_path / "own", CORRECT["plain"], "network.py")
    path = write(tmp_path / "own", "import random, array, network\nassert random.random\n")
    monkeypatch.chdir(tmp_path / "here")
    verdict = check_file(path)
    assert verdict.verdict == "correct", verdict.reason
    assert not (tmp_path / "ran").exists()


# ------------------------------------------------------------------------ assert_backprop


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def good(X, y, params):
    a1 = sigmoid(X @ params["W1"] + params["b1"])
    a2 = sigmoid(a1 @ params["W2"])
    dz2 = (a2 - y) * a2 * (1 - a2)
    dz1 = dz2 @ params["W2"].T * a1 * (1 - a1)
    return {"W1": X.T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dz2}


def bad(X, y, params):
    a1 = sigmoid(X @ params["W1"] + params["b1"])
    a2 = sigmoid(a1 @ params["W2"])
    dz2 = (a2 - y) * a2 * (1 - a2)
    dz1 = dz2 @ params["W2"].T
    return {"W1": X.T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dz2}


PARAMS = {"W1": np.zeros((2, 3)), "b1": np.zeros(3), "W2": np.zeros((3, 1))}
X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([[0.0], [1], [1], [0]])


def test_assert_backprop_accepts_what_is_right():
    assert_backprop(good, X, Y, PARAMS)


def test_assert_backprop_names_the_mistake():
    with pytest.raises(AssertionError, match="missing hidden derivative"):
        assert_backprop(bad, X, Y, PARAMS)


def forward(X, params):
    a1 = sigmoid(X @ params["W1"] + params["b1"])
    return sigmoid(a1 @ params["W2"])


def test_assert_backprop_with_the_network_that_was_asked_for():
    assert_backprop(good, X, Y, PARAMS, forward=forward)


def without_targets(X, y, params):
    return good(X, np.zeros((4, 1)) + 1, params)


def with_targets_of_ones(X, y, params):
    return good(X, np.ones_like(y), params)


def one_layer(X, y, params):
    a1 = sigmoid(X @ params["W1"] + params["b1"])
    dz1 = (a1 - y) * a1 * (1 - a1)
    return {"W1": X.T @ dz1, "b1": dz1.sum(axis=0), "W2": np.zeros((3, 1))}


def tiny(X, y, params):
    return {name: 1e-300 * value for name, value in good(X, y, params).items()}


def huge(X, y, params):
    return {name: 1e200 * value for name, value in good(X, y, params).items()}


def changes_a_parameter(X, y, params):
    found = good(X, y, params)
    params["W1"] -= 0.1 * found["W1"]
    return found


def replaces_a_parameter(X, y, params):
    found = good(X, y, params)
    params["W1"] = params["W1"] - 0.1 * found["W1"]
    return found


def changes_the_targets(X, y, params):
    found = good(X, y, params)
    y *= 2
    return found


def returns_nothing(X, y, params):
    good(X, y, params)


def returns_a_tuple(X, y, params):
    return tuple(good(X, y, params).values())


def returns_strings(X, y, params):
    return dict.fromkeys(params, "right")


def exits(X, y, params):
    sys.exit(0)


def returns_none_in_it(X, y, params):
    return {**good(X, y, params), "W2": None}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (without_targets, "do not depend on y"),
        (with_targets_of_ones, "do not depend on y"),
        (one_layer, "do not depend on W2"),
        (tiny, "out of proportion"),
        (huge, "out of proportion"),
        (changes_a_parameter, r"changed its argument params\['W1'\] in place"),
        (replaces_a_parameter, "changed its argument params"),
        (changes_the_targets, "changed its argument y in place"),
        (returns_nothing, "must return a mapping of names to arrays, got None"),
        (returns_a_tuple, r"must return a mapping of names to arrays, got \("),
        (returns_strings, "the gradient of W1 must be an array of numbers, got 'right'"),
        (exits, "ended the process with sys.exit"),
        (returns_none_in_it, "the gradient of W2 must be an array of numbers, got None"),
        (functools.partial(good), "must be a function written in Python"),
        (None, "must be a function written in Python.*got None"),
        ("good", "must be a function written in Python.*got 'good'"),
        (len, "must be a function written in Python"),
    ],
)
def test_assert_backprop_refuses_in_words(function, words):
    with pytest.raises(AssertionError, match=words):
        assert_backprop(function, X, Y, PARAMS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((None, Y, PARAMS), "X must be an array of numbers, got None"),
        ((X, "abcd", PARAMS), "y must be an array of numbers"),
        ((X, Y, None), "params must be a mapping"),
        ((X, Y, {"W1": "W"}), "W1 must be an array of numbers"),
    ],
)
def test_assert_backprop_refuses_arguments_in_words(arguments, words):
    with pytest.raises(AssertionError, match=words):
        assert_backprop(good, *arguments)


def linear_hidden(X, y, params):
    """The right gradients of a network without the hidden activation."""
    a1 = X @ params["W1"] + params["b1"]
    a2 = sigmoid(a1 @ params["W2"])
    dz2 = (a2 - y) * a2 * (1 - a2)
    dz1 = dz2 @ params["W2"].T
    return {"W1": X.T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dz2}


def test_a_right_gradient_of_another_network():
    assert_backprop(linear_hidden, X, Y, PARAMS)
    with pytest.raises(AssertionError, match="those of another network"):
        assert_backprop(linear_hidden, X, Y, PARAMS, forward=forward)


def test_a_module_beside_a_script_that_is_named_without_its_folder(tmp_path, monkeypatch):
    write(tmp_path, CORRECT["plain"], "network_beside.py")
    write(tmp_path, "import network_beside\n")
    monkeypatch.chdir(tmp_path)
    assert check_file("script.py").verdict == "correct"


def test_a_module_in_a_folder_that_the_script_adds_to_the_path(tmp_path):
    (tmp_path / "core").mkdir()
    (tmp_path / "runs").mkdir()
    write(tmp_path / "core", CORRECT["plain"], "network_above.py")
    script = "import os, sys\nsys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))\n"
    path = write(tmp_path / "runs", script + "from core import network_above\n")
    assert check_file(path).verdict == "correct"


@forked
def test_judging_may_take_what_the_script_leaves_of_the_time(tmp_path, monkeypatch):
    from xor_torch.backprop.judging import claims as judging

    seen = []
    monkeypatch.setattr(judging, "judge", lambda tape, seconds, ended: seen.append(seconds) or [])
    path = tmp_path / "x.py"
    path.write_text("import numpy as np\nx = np.ones(3)\n")
    check_file(path, timeout=300)
    (seconds,) = seen
    assert 100 < seconds <= check.JUDGE_SHARE * 300


BATCHES = """
import math, random
random.seed(0)
config = {"batch_size": 300}
w = [[random.uniform(-1, 1) for _ in range(4)] for _ in range(3)]
v = [random.uniform(-1, 1) for _ in range(3)]
data = [[random.uniform(-1, 1) for _ in range(4)] for _ in range(300)]
def train(n):
    for s in range(0, len(data), n):
        dw, dv = [[0.0] * 4 for _ in range(3)], [0.0] * 3
        for x in data[s : s + n]:
            h = [math.tanh(sum(a * b for a, b in zip(r, x))) for r in w]
            p = 1 / (1 + math.exp(-sum(a * b for a, b in zip(v, h))))
            d = p - float(x[0] > x[1])
            for i in range(3):
                dv[i] += d * h[i]
                for j in range(4):
                    dw[i][j] += d * v[i] * (1 - h[i] ** 2) * x[j]
        for i in range(3):
            v[i] -= 0.5 * dv[i] / n
            for j in range(4):
                w[i][j] -= 0.5 * dw[i][j] / n
for epoch in range(5):
    train(config["batch_size"])
"""


@forked
def test_a_batch_that_is_too_long_is_made_smaller(tmp_path, monkeypatch):
    record = check._record

    def slow(path, source, args, seconds, verbose, memory, folder, files, progress):
        tape, outcome = record(path, source, args, seconds, verbose, memory, folder, files)
        return (tape, outcome) if check.SMALLER in files else (Tape(), {**outcome, "end": "time"})

    monkeypatch.setattr(check, "_record", slow)
    doing = []
    path = write(tmp_path, BATCHES)
    verdict = check_file(path, progress=doing.append)
    assert verdict.verdict == "correct"
    (note,) = [n for n in verdict.to_json()["notes"] if "samples in a batch" in n]
    assert "4 samples in a batch in place of 300 on line 4" in note
    assert "running script.py with smaller batches" in doing
    path = write(tmp_path, BATCHES.replace("(1 - h[i] ** 2)", "(1 - h[i])"))
    verdict = check_file(path)
    assert (verdict.verdict, verdict.to_json()["line"]) == ("wrong", 18)
    path = write(tmp_path, BATCHES.replace('"batch_size"', '"samples"'))
    verdict = check_file(path)
    assert verdict.verdict == "cannot tell"
    assert "still running" in verdict.reason


def test_a_scale_that_may_come_from_a_smaller_batch_is_not_told():
    """``/ 64`` where the size is typed once more, and ``/ n`` elsewhere."""
    for text, told in (("db = d.sum() / 64", "cannot tell"), ("db = d.sum()", "wrong")):
        scale = Diagnosis(2, "db", "scale of one parameter", True, ["b"])
        verdict = Verdict("script.py", "wrong", findings=[Finding("wrong", diagnosis=scale)])
        verdict.code.add(f"batch_size = 64\n{text}\n", [(None, 1), (None, 2)])
        check._with_smaller_batches(verdict, [(1, 64)])
        assert verdict.verdict == told


@pytest.mark.parametrize(
    ("source", "sizes"),
    [
        ("batch_size = 64\nself.batchSize: int = 32", [64, 32]),
        ("def train(x, batch_size=16, *, minibatch=8): pass", [16, 8]),
        ("fit(BATCH_SIZE=100, epochs=10); args = {'mini-batch-size': 50}", [100, 50]),
        ("parser.add_argument('--batch-size', type=int, default=128)", [128]),
        ("lr, batch = 0.1, 20", [20]),
        ("n_batches = 64\nbatch_norm = 64\nbatch_size = n\nbatch_size = 4\nbatch = 0.5", []),
    ],
    ids=["names", "parameters", "keywords", "option", "tuple", "others"],
)
def test_the_sizes_of_batches(source, sizes):
    assert [size.value for size in batch_sizes(ast.parse(source))] == sizes


@pytest.mark.parametrize(
    ("line", "trains"),
    [
        ("from keras.datasets import mnist", False),
        ("from tensorflow.keras.datasets import mnist", False),
        ("from keras.utils import to_categorical", False),
        ("import tensorflow as tf", True),
        ("from keras.models import Sequential", True),
        ("from tensorflow import keras", True),
    ],
)
def test_the_data_of_a_framework_are_not_its_training(line, trains):
    why = check._why_nothing({"end": "time"}, line, 60.0)
    assert ("uses" in why) is trains
