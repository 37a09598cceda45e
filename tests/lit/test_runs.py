import threading

import pytest

from xor_torch.lit import runs


def test_versions_count_on_from_the_last(tmp_path):
    assert runs.claim(tmp_path / "logs").name == "version_0"
    (tmp_path / "logs/version_7").mkdir()
    (tmp_path / "logs/version_x").mkdir()
    assert runs.claim(tmp_path / "logs").name == "version_8"


def test_claims_at_the_same_time_get_directories_of_their_own(tmp_path):
    start, claimed = threading.Barrier(20), []

    def claim():
        start.wait()
        claimed.append(runs.claim(tmp_path))

    threads = [threading.Thread(target=claim) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(claimed)) == 20


def test_a_file_is_no_log_directory(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(runs.LogDirError, match="cannot make a run directory there"):
        runs.claim(tmp_path / "file")


def make_run(tmp_path, name):
    checkpoint = tmp_path / name / runs.CHECKPOINT
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    runs.save_config(tmp_path / name, {"epochs": 5})
    return checkpoint


def test_a_checkpoint_is_found_by_its_file_its_run_or_as_the_newest(tmp_path):
    old, new = make_run(tmp_path, "version_9"), make_run(tmp_path, "version_10")
    (tmp_path / "version_11").mkdir()
    assert runs.find_checkpoint(old) == old
    assert runs.find_checkpoint(tmp_path / "version_9") == old
    assert runs.newest_checkpoint(tmp_path) == new
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*version_11"):
        runs.find_checkpoint(tmp_path / "version_11")
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*version_\*"):
        runs.newest_checkpoint(tmp_path / "empty")


def test_the_run_of_a_checkpoint(tmp_path):
    checkpoint = make_run(tmp_path, "version_0")
    assert runs.run_of(checkpoint) == tmp_path / "version_0"
    assert runs.run_of(tmp_path / "elsewhere.ckpt") is None


def test_a_run_directory_is_locked_while_it_is_occupied(tmp_path):
    with runs.occupy(tmp_path, {}):
        with (
            pytest.raises(ValueError, match="another process trains there"),
            runs.occupy(tmp_path, {}),
        ):
            pass
        assert (tmp_path / runs.LOCK).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_lock_file_that_a_killed_process_left_locks_nothing(tmp_path):
    (tmp_path / runs.LOCK).touch()
    with runs.occupy(tmp_path, {}):
        pass
    assert not (tmp_path / runs.LOCK).exists()
