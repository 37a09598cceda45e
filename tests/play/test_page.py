"""The page as a file: whole, self-contained, with NumPy's draws and, if asked, a run."""

import base64
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import xor_torch
from xor_torch import initial_weights, manual, truth_table
from xor_torch.files import WriteError
from xor_torch.outcome import classify
from xor_torch.play import Run, make_page, page, write_page


@pytest.fixture(scope="module")
def text():
    return make_page()


def data_of(text):
    return json.loads(re.search(r"const EMBEDDED = (\{.*\});", text)[1])


def a_run(**changed):
    last = list(manual.train(*truth_table(), initial_weights(7), epochs=10))[-1]
    run = Run("version_0", 7, 2, 0.1, 10, last.parameters, [(0, 0.25), (9, last.mse)])
    return run._replace(**changed)


class Loaded(HTMLParser):
    """Collects every attribute through which HTML loads something."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        loads = {"src", "href", "srcset", "data", "action", "poster", "background"}
        self.found += [(tag, name, value) for name, value in attributes if name in loads]


def what_loads(text):
    """The parts of the page that would load something from a server, a disk or another program."""
    calls = r"\b(?:fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|eval)\b"
    urls = r"(?:https?|wss?|file)://(?!www\.w3\.org/2000/svg)[^\s\"']*|url\((?!#)|@import\b"
    return [*Loaded(text).found, *re.findall(calls, text), *re.findall(urls, text)]


def test_the_page_loads_nothing(text):
    assert what_loads(text) == []
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "default-src 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "piece",
    [
        '<script src="network.js"></script>',
        '<link href="style.css">',
        "<style>@import 'a.css';</style>",
        "<style>p { background: url(a.png) }</style>",
        "<script>fetch(x)</script>",
        "<p>https://example.org</p>",
    ],
)
def test_a_page_that_loads_something_is_noticed(text, piece):
    assert what_loads(text.replace("<main>", f"{piece}<main>")) != []


def test_every_file_of_the_wing_is_in_the_page(text):
    folder = Path(page.__file__).parent
    for path in (*folder.glob("*.js"), *folder.glob("*.css")):
        assert path.read_text(encoding="utf-8") in text, path.name


def test_the_draws_are_numpys_for_every_width(text):
    drawn = np.frombuffer(base64.b64decode(data_of(text)["draws"]), "<f8").reshape(1000, 24)
    for seed in (0, 1, 42, 500, 999):
        for hidden in range(1, 9):
            start = initial_weights(seed, hidden)
            flat = np.concatenate([start.W1.ravel(), start.W2.ravel()])
            assert (drawn[seed, : 3 * hidden] == flat).all()


def test_the_outcomes_are_those_of_the_networks(text):
    letters = data_of(text)["outcomes"]
    assert len(letters) == 1000
    assert letters[42] == "8"
    assert letters[3] == "s"
    assert (letters.count("s"), letters.count("8")) == (741, 225)
    X, y = truth_table()
    for seed in (0, 30, 65):  # the others: in the browser, and by scripts/play_seeds.py
        last = list(manual.train(X, y, initial_weights(seed)))[-1]
        norm = np.sqrt(sum((g**2).sum() for g in last.backward.gradients))
        found = classify(
            last.forward.a2.T, np.array([last.mse]), np.array([norm]), epochs=10_000, lr=0.1
        )
        level = found.level[0]
        outcome = "s" if found.outcome[0] == "solved" else "m"
        assert letters[seed] == (str(round(1 / level)) if level == level else outcome)


def test_a_run_keeps_every_bit(text):
    run = a_run()
    data = data_of(make_page(run))["run"]
    assert data["final"] == [w for part in run.weights for w in part.ravel()]
    assert data["initial"][:4] == initial_weights(7).W1.ravel().tolist()
    assert data["curve"] == [list(point) for point in run.curve]
    assert data_of(text)["run"] is None


def test_the_name_of_a_run_cannot_end_the_script():
    name = "</script><script>alert(1)</script>"
    text = make_page(a_run(name=name))
    assert name not in text
    assert data_of(text)["run"]["name"] == name


def test_a_run_that_the_page_cannot_show_is_refused(tmp_path):
    out = tmp_path / "play.html"
    for hidden, bits in ((9, 2), (2, 3)):
        weights = initial_weights(0, hidden, bits)
        with pytest.raises(ValueError, match=f"has {bits} inputs and {hidden} hidden units"):
            write_page(out, a_run(hidden=hidden, weights=weights))
    assert not out.exists()


def test_a_path_with_a_space(tmp_path, text):
    out = tmp_path / "my pages" / "play it.html"
    with pytest.raises(WriteError, match=r"play it\.html"):
        write_page(out)
    out.parent.mkdir()
    write_page(out)
    assert out.read_text(encoding="utf-8") == text
    assert [p.name for p in out.parent.iterdir()] == ["play it.html"]


def test_the_colours_are_the_shared_ones(text):
    from xor_torch import colours

    for colour in (*colours.ANSWERS, colours.NEGATIVE, colours.POSITIVE):
        assert colour in text
    for words in colours.LEGEND:
        assert words in text


def test_light_ends_that_differ_in_grey():
    from xor_torch import colours

    def lightness(colour):  # CIE L*, 0 to 100
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
        ]
        luminance = np.dot(linear, (0.2126, 0.7152, 0.0722))
        return 116 * np.cbrt(luminance) - 16

    zero, half, one = map(lightness, colours.ANSWERS)
    assert zero > 50  # black text can be read on it
    assert half - one > 15
    assert one - zero > 15


def test_a_page_needs_no_torch():
    import subprocess

    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['lightning'] = None\n"
        "from xor_torch.play import make_page; make_page()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_the_data_are_in_the_package():
    root = Path(xor_torch.__file__).parents[1]
    assert '"xor_torch.play" = ["*.html", "*.css", "*.js", "*.txt"]' in (
        root / "pyproject.toml"
    ).read_text(encoding="utf-8")
