"""Files for our own eyes: private, on the disk before they take their place, and nothing left behind."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from ops.files import write_private, write_private_or_refuse
from ops.local.data_folder import set_values
from ops.refused import Refused


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done, in order: `fsync SIZE` for a file, `fsync folder`, `rename`."""
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(number: int) -> None:
        found = os.fstat(number)
        done.append("fsync folder" if stat.S_ISDIR(found.st_mode) else f"fsync {found.st_size}")
        fsync(number)

    def recorded_replace(source: str, target: Path) -> None:
        done.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    return done


def test_all_of_the_content_is_on_the_disk_before_the_rename_and_the_rename_after(
    tmp_path: Path, steps: list[str]
) -> None:
    write_private(tmp_path / "file", b"x" * 20_000)
    assert steps == ["fsync 20000", "rename", "fsync folder"]


def test_the_keys_of_a_data_folder_are_on_the_disk_too(tmp_path: Path, steps: list[str]) -> None:
    set_values(tmp_path, {"RXLEDGER_LOOKUP_KEY": "a-key-that-was-made-once"})
    size = (tmp_path / "env").stat().st_size
    assert steps == [f"fsync {size}", "rename", "fsync folder"]


def test_what_a_person_asked_for_is_on_the_disk_too(tmp_path: Path, steps: list[str]) -> None:
    write_private_or_refuse(tmp_path / "page.html", b"page", "the page")
    assert steps == ["fsync 4", "rename", "fsync folder"]


def test_a_file_that_others_could_read_is_private_once_it_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old and longer")
    file.chmod(0o644)
    write_private(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "file"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        write_private(file, b"new")
    with pytest.raises(Refused, match=r"^the page cannot be written: No space left on device$"):
        write_private_or_refuse(file, b"new", "the page")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
