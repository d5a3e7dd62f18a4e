"""The spool: what is written is found again whole, by this process or by the next one."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import spool as spool_module
from ingest.batchfile import Damaged, decode, encode
from ingest.spool import Spool
from store.inbox.model import Arrival
from tests.support.printed import ROOT

START = datetime(2026, 3, 1, 12, 0, 0, 123457, tzinfo=UTC)


def arrival(number: int, *, seconds: int = 0, timeless: bool = False) -> Arrival:
    event = number.to_bytes(16, "big")
    at = START + timedelta(seconds=seconds)
    return Arrival(event, "truepill", "push", at, b"sealed %d" % number, timeless)


def kept(spool: Spool) -> list[list[Arrival]]:
    return [spool.read(path) for path in spool.files()]


def test_a_batch_comes_back_as_it_was_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    batch = [arrival(1), arrival(2, timeless=True)]
    spool.write(batch)
    assert kept(spool) == [batch]
    spool.close()


def test_batches_drain_in_the_order_they_were_received(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number, seconds in ((1, 9), (2, 3), (3, 6)):
        spool.write([arrival(number, seconds=seconds)])
    assert [batch[0].id[-1] for batch in kept(spool)] == [2, 3, 1]
    spool.close()


def test_a_removed_file_is_gone_and_an_empty_folder_leaves_with_its_process(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.write([arrival(1)])
    for path in spool.files():
        spool.remove(path)
    assert spool.files() == []
    spool.close()
    assert list((tmp_path / "spool").iterdir()) == []


def test_files_and_folders_are_closed_to_others(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.write([arrival(1)])
    (path,) = spool.files()
    modes = {p.stat().st_mode & 0o777 for p in (path.parent.parent, path.parent)}
    assert (modes, path.stat().st_mode & 0o777) == ({0o700}, 0o600)
    spool.close()


@pytest.mark.parametrize("place", [0, 20, 60, -1])
def test_a_damaged_file_is_set_aside_and_kept(tmp_path: Path, place: int) -> None:
    spool = Spool(tmp_path)
    spool.write([arrival(1)])
    (path,) = spool.files()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged):
        spool.read(path)
    assert spool.files() == []
    assert path.with_suffix(".damaged").read_bytes() == data
    spool.close()


def test_a_living_process_keeps_its_folder(tmp_path: Path) -> None:
    one, two = Spool(tmp_path), Spool(tmp_path)
    one.write([arrival(1)])
    two.adopt()
    assert two.files() == []
    one.close()
    two.adopt()
    assert kept(two) == [[arrival(1)]]
    two.close()


def test_the_folder_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib, datetime\n"
        "from ingest.spool import Spool\n"
        "from store.inbox.model import Arrival\n"
        "at = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)\n"
        "spool = Spool(pathlib.Path(sys.argv[1]))\n"
        "spool.write([Arrival(bytes(16), 'truepill', 'push', at, b'sealed')])\n"
        "(spool._folder() / 'half.partial').write_bytes(b'not acknowledged')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, timeout=30, check=False)
    assert ended.returncode == -9
    spool = Spool(tmp_path)
    spool.adopt()
    ((found,),) = kept(spool)
    assert (found.id, found.sealed) == (bytes(16), b"sealed")
    for path in spool.files():
        assert list(path.parent.glob("*.partial")) == []
        spool.remove(path)
    assert spool.files() == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write([arrival(1)])
    (path,) = spool.files()
    path.unlink()
    (path.parent / "lock").unlink()
    path.parent.rmdir()
    spool.write([arrival(2)])
    assert kept(spool) == [[arrival(2)]]
    spool.close()


def test_a_root_that_cannot_be_a_folder_is_an_oserror_and_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = Spool(tmp_path / "file")
    assert spool.check() is False
    with pytest.raises(FileExistsError):
        spool.write([arrival(1)])
    spool.adopt()
    assert spool.files() == []


def test_a_trial_write_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert spool.check() is True
    assert [path.name for path in tmp_path.glob("*/*")] == ["lock"]
    spool.close()


def test_nothing_is_promised_before_file_and_folder_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.check()
    flushed: list[list[str]] = []

    def note(descriptor: int) -> None:
        flushed.append(sorted(path.suffix for path in tmp_path.glob("*/*")))

    monkeypatch.setattr(spool_module, "_flush", note)
    spool.write([arrival(1)])
    assert flushed == [["", ".partial"], ["", ".batch"]]
    spool.close()


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    spool.check()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module, "_flush", fail)
    with pytest.raises(OSError, match="No space"):
        spool.write([arrival(1)])
    assert [path.name for path in tmp_path.glob("*/*")] == ["lock"]
    spool.close()


arrivals = st.builds(
    Arrival,
    st.binary(min_size=16, max_size=16),
    st.sampled_from(["truepill", "healnow"]),
    st.sampled_from(["push", "pull", "snapshot"]),
    st.datetimes(timezones=st.just(UTC)),
    st.binary(max_size=200),
    st.booleans(),
    st.none(),  # no push has an id in its URL, and nothing else is spooled
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(arrivals, min_size=1, max_size=6))
def test_any_batch_survives_its_encoding(batch: list[Arrival]) -> None:
    assert decode(encode(batch)) == batch


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(arrivals, min_size=1, max_size=3), st.data())
def test_a_batch_cut_short_is_noticed(batch: list[Arrival], data: st.DataObject) -> None:
    whole = encode(batch)
    with pytest.raises(Damaged):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))])
