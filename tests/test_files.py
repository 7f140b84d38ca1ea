"""Files: a folder for one at a time, a disk that is tried first, nothing left by the dead."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest
from full_disk import largest_file

import vsclib
from vsclib import files, models
from vsclib.errors import CheckpointError

unix = pytest.mark.skipif(os.name == "nt", reason="needs signals and limits of Unix")


def model() -> models.Model:
    return models.create("ae", image_shape=(1, 8, 8), latents=4, hidden=8)


# ----------------------------------------------------------------------------------------- the lock


HOLDER = """
import sys, time
from vsclib import files
with files.lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
@unix
def test_a_folder_that_another_process_holds_is_refused_until_it_dies(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(CheckpointError, match=f"in use by process {holder.pid} on .*wait until"),
            files.lock(tmp_path),
        ):
            pytest.fail("held twice")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    with files.lock(tmp_path):
        assert (tmp_path / ".lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_of_many_threads_one_holds_a_folder(tmp_path):
    inside, most, refused = [], [], []

    def work():
        for _ in range(30):
            try:
                with files.lock(tmp_path / "run"):
                    inside.append(1)
                    most.append(len(inside))
                    time.sleep(0.001)
                    inside.pop()
            except CheckpointError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1} and len(most) + len(refused) == 120
    assert all("in use by" in line and "\n" not in line for line in refused)


# ----------------------------------------------------------------------------------------- the disk


def test_a_full_disk_is_found_before_work_begins(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 12_000_000))
    with pytest.raises(CheckpointError, match="12 MB of disk left, wanted at least 50 MB: free"):
        files.check_writable(tmp_path / "new" / "model.safetensors")


@pytest.mark.parametrize("place", ["file/below/model.safetensors", "file/model.safetensors"])
def test_a_file_below_a_file_is_refused_in_one_line(tmp_path, place):
    (tmp_path / "file").write_text("here")
    for call in (files.check_writable, lambda path: vsclib.save(model(), path)):
        with pytest.raises(CheckpointError, match="cannot be written") as caught:
            call(tmp_path / place)
        assert str(caught.value).startswith(str(tmp_path / place)) and "\n" not in str(caught.value)


def test_a_folder_that_takes_no_file_is_refused(tmp_path, monkeypatch):
    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", denied)
    with pytest.raises(CheckpointError, match=r"Permission denied.*make its folder writable"):
        files.check_writable(tmp_path / "model.safetensors")


@pytest.mark.parametrize("path", ["", ".", "folder"])
def test_what_names_no_file_is_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="give the path of a file") as caught:
        vsclib.save(model(), path)
    assert repr(path) in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_the_tilde_is_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    vsclib.save(model(), "~/models/a.safetensors")
    assert (tmp_path / "home" / "models" / "a.safetensors").is_file()
    assert not (tmp_path / "~").exists()
    assert vsclib.load("~/models/a.safetensors").name == "ae"


@unix
def test_a_disk_that_fills_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.safetensors"
    vsclib.save(model(), path)
    before = path.read_bytes()
    with largest_file(1000), pytest.raises(CheckpointError, match=f"^{path} cannot be written"):
        vsclib.save(model(), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


# ----------------------------------------------------------------------------------- killed writers


KILLED = """
import os, signal, sys
from vsclib import files
files.write_atomically(sys.argv[1], lambda temporary: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.slow
@unix
def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    path, mine = tmp_path / "c.safetensors", f".c.part.{files._owner(os.getpid())}.abc.safetensors"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".c.part.")
    # A living process may still be at work, and another file is none of this one's business.
    for other in (mine, ".d.part.somewhere-1.x.safetensors", ".c.part.elsewhere-1.x.safetensors"):
        (tmp_path / other).touch()
    files.write_text(path, "whole")
    assert not left.exists() and len(list(tmp_path.iterdir())) == 4


def test_a_write_reaches_the_disk_before_the_name(tmp_path, monkeypatch):
    """The file's bytes are on the disk before it is renamed, the folder's names after."""
    calls = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor):
        calls.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(
        os, "replace", lambda one, two: (calls.append("rename"), replace(one, two))[1]
    )
    files.write_text(tmp_path / "text", "here")
    wanted = ["file", "rename", "folder"]
    assert calls == (wanted if Path("/proc/self/fd").exists() else calls)
    assert calls.index("rename") == 1
