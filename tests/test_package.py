"""The release: the files that describe it agree, and the wheel alone is enough to work with."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import xor_torch
from tests.backprop.homework import CORRECT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def constraints(name):
    lines = [line for line in read(name).splitlines() if not line.startswith("#")]
    return [Requirement(line) for line in lines]


def test_the_lowest_versions_that_are_tested_are_those_that_are_allowed():
    extras = PROJECT["optional-dependencies"]
    tested = [*PROJECT["dependencies"], *extras["plots"], *extras["onnx"], *extras["test"]]
    allowed = {r.name: str(r.specifier) for r in map(Requirement, tested) if r.name != "xor_torch"}
    lowest = {r.name: str(r.specifier) for r in constraints("constraints-lowest.txt")}
    assert set(lowest) == set(allowed)
    for name, specifier in lowest.items():
        low = allowed[name].removeprefix(">=")
        assert re.fullmatch(rf"=={re.escape(low)}(\.\d+)*", specifier), name


def test_every_package_that_set_up_names_has_an_exact_version():
    named = [*PROJECT["dependencies"]]
    for extra in ("plots", "onnx", "test", "lint", "docs", "browser"):
        named += PROJECT["optional-dependencies"][extra]
    exact = constraints("constraints.txt")
    assert all(re.fullmatch(r"==[^*,]+", str(r.specifier)) for r in exact)
    wanted = {Requirement(line).name.lower() for line in named} - {"xor_torch"}
    for python in ("3.10", "3.11", "3.14"):
        marked = [r for r in exact if not r.marker or r.marker.evaluate({"python_version": python})]
        names = [r.name.lower() for r in marked]
        assert len(names) == len(set(names)), f"a version twice on Python {python}"
        assert wanted <= set(names)


def test_the_files_of_a_release_name_one_version():
    citation = yaml.safe_load(read("CITATION.cff"))
    version, date = re.search(r"^## \[(\d.*)\] - (\S+)$", read("CHANGELOG.md"), re.M).groups()
    assert version == citation["version"] == xor_torch.__version__
    assert date == str(citation["date-released"])
    assert citation["license"] == PROJECT["license"]


def test_hooks_and_workflow_call_what_make_and_ci_call():
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    for hook in hooks[0]["hooks"]:
        assert hook["entry"].split()[0].startswith(".venv/bin/")
    workflow = yaml.safe_load(read(".github/workflows/ci.yml"))
    test = workflow["jobs"]["test"]
    assert test["strategy"]["matrix"]["python"][0] == PROJECT["requires-python"].removeprefix(">=")
    assert test["steps"][-1]["run"] == ".ci/run"
    assert read(".ci/run").splitlines()[-1] == "make test-all"
    assert '$(PARALLEL) -m "not slow"\n\ntest-slow:' in read("Makefile")  # nothing else is left out
    assert workflow["jobs"]["slow"]["steps"][-1]["run"] == "make test-slow"
    assert workflow["jobs"]["lowest-versions"]["steps"][-1]["run"] == "make test-lowest"


def run(*command, cwd, **options):
    command = [str(word) for word in command]
    # of the environment outside, a path to this repository or to another one must not come along
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The wheel and the sdist, built of a copy: building leaves files in the tree."""
    where = tmp_path_factory.mktemp("dist")
    tree = where / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout: which files belong to the package is not known")
    for name in filter(None, listed.stdout.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((ROOT / name).read_bytes())
    # without isolation: setuptools is here, torch needs it, and nothing is downloaded
    built = run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", where, cwd=tree
    )  # which makes the sdist, and the wheel of the sdist
    assert built.returncode == 0, built.stdout + built.stderr
    return where, tree


def test_the_wheel_holds_the_package_and_nothing_else(dist):
    (wheel,) = dist[0].glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    info = f"xor_torch-{xor_torch.__version__}.dist-info/"
    package = {name for name in names if not name.startswith(info)}
    tree = dist[1] / "xor_torch"
    assert package == {
        f"xor_torch/{path.relative_to(tree).as_posix()}"
        for path in tree.rglob("*")
        if path.is_file()
    }
    assert "xor_torch/py.typed" in package
    assert info + "licenses/LICENSE" in names


def test_the_sdist_holds_all_that_its_tests_need(dist):
    where, tree = dist
    (sdist,) = where.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    tracked = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}
    tracked = {n for n in tracked if not re.match(r"build/|.*\.egg-info/|.*\.pyc$", n)}
    left_out = tracked - packed
    assert left_out <= {".gitignore", "lightning_logs/.gitkeep"}


@pytest.mark.slow
def test_the_wheel_alone_works_in_a_clean_environment(dist, tmp_path):
    (wheel,) = dist[0].glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    bin_dir = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = [bin_dir / "python", "-m", "pip"]
    tqdm = next(str(r) for r in constraints("constraints.txt") if r.name == "tqdm")
    probe = run(*pip, "download", "-q", "--no-deps", "-d", "probe", tqdm, cwd=tmp_path)
    if probe.returncode:
        pytest.skip(f"pip cannot download: {probe.stderr.strip().splitlines()[-1]}")
    installed = run(*pip, "install", "-q", "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    names = run(*pip, "list", "--format", "freeze", cwd=tmp_path).stdout.lower()
    assert not re.search(r"^(matplotlib|onnx|pytest)==", names, re.M)

    work = tmp_path / "work"
    work.mkdir()

    def xor_torch_command(*words, **options):
        return run(bin_dir / "xor-torch", *words, cwd=work, **options)

    assert xor_torch_command("--version").stdout == f"xor-torch {xor_torch.__version__}\n"
    trained = xor_torch_command("train")
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout == read("tests/notebook_output.txt")

    (work / "my_script.py").write_text(CORRECT["plain"], encoding="utf-8")
    right = xor_torch_command("compare", "my_script.py")
    assert (right.returncode, right.stdout.split(":")[0]) == (0, "CORRECT")
    wrong = xor_torch_command("compare", ROOT / "docs" / "my_network.py")
    assert (wrong.returncode, wrong.stdout.split(":")[0]) == (1, "WRONG")
    compared = xor_torch_command("compare", "--epochs", 100)
    assert (compared.returncode, compared.stdout.splitlines()[-1][:6]) == (0, "EQUAL:")

    swept = xor_torch_command("sweep", "--seeds", 50, "--epochs", 1000, "--out", "sweep.npz")
    assert swept.returncode == 0, swept.stderr
    assert swept.stdout.startswith("50 seeds  epochs 1000")
    assert (work / "sweep.npz").is_file()

    predicted = xor_torch_command("predict", "lightning_logs/version_0", 0, 1)
    assert (predicted.returncode, predicted.stdout) == (0, "0.498347  class 0\n")
    assert xor_torch_command("export", "lightning_logs/version_0", "it.npz").returncode == 0
    refused = xor_torch_command("export", "lightning_logs/version_0", "it.onnx")
    assert refused.returncode == 2
    assert "pip install 'xor_torch[onnx]'" in refused.stderr
