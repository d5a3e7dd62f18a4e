"""Tables for people, at the width that there is."""

from __future__ import annotations

import pytest

from ops.render.tables import print_table

LONG = "a sentence that goes on for a while and then for a good while more, " * 8


@pytest.fixture(autouse=True)
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_table_in_a_pipe_is_wrapped_at_a_hundred_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("", "part", "what was found"), [("ok", "broker", LONG)], fold=("what was found",))
    lines = printed(capsys)
    assert max(map(len, lines)) <= 100
    assert " ".join(" ".join(line.split()) for line in lines).count("a good while more") == 8


def test_a_table_is_as_wide_as_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "61")
    print_table(("part", "found"), [("broker", LONG)], fold=("found",))
    assert 50 < max(map(len, printed(capsys))) <= 61


def test_what_may_not_be_folded_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    key = "fill_request_" + "0f" * 60
    print_table(("key", "why"), [(key, LONG)], fold=("why",))
    lines = printed(capsys)
    assert any(key in line for line in lines)
    assert "a good while more" in " ".join(lines)
    assert max(map(len, lines)) < len(key) + 40


def test_a_short_table_is_no_wider_than_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("key", "why"), [("a", "b")], fold=("why",))
    assert max(map(len, printed(capsys))) < 12
