"""Choosing ports."""

from __future__ import annotations

import socket

from ops.local.ports import claim, free_port, is_free


def test_a_wanted_port_is_given_when_it_is_free() -> None:
    port = free_port()
    with claim([port]) as given:
        assert given == port


def test_a_port_that_is_listened_on_is_passed_over() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        assert not is_free(taken)
        with claim([taken]) as given:
            assert given != taken


def test_two_starts_at_the_same_moment_get_two_ports() -> None:
    port = free_port()
    with claim([port]) as one, claim([port]) as other:
        assert one == port
        assert other != port


def test_a_claim_ends_with_its_block() -> None:
    port = free_port()
    with claim([port]):
        pass
    with claim([port]) as again:
        assert again == port
