"""Tokens from a seed, and callback URLs."""

from __future__ import annotations

import pytest

from sandbox.customers import Customer, Customers, callback
from sandbox.ids import Ids, chance, opaque


def test_a_seed_and_a_counter_say_what_comes_next() -> None:
    one, other = Ids(5), Ids(5)
    first = [one.hex(12) for _ in range(10)]
    assert first == [other.hex(12) for _ in range(10)]
    assert Ids(5, counter=4).hex(12) == first[4]
    assert Ids(6).hex(12) != first[0]
    assert len(set(first)) == 10


def test_numbers_have_their_length_and_draws_their_bounds() -> None:
    ids = Ids(0)
    for length in (1, 7, 26):
        number = ids.digits(length)
        assert len(number) == length
        assert number[0] != "0"
    assert all(3 <= ids.between(3, 4) < 4 for _ in range(100))


def test_a_chance_depends_on_what_it_is_about_alone() -> None:
    assert chance(1, "drop", 5) == chance(1, "drop", 5)
    assert len({chance(1, "drop", n) for n in range(100)}) == 100
    assert 0.3 < sum(chance(2, n) for n in range(1000)) / 1000 < 0.7
    assert opaque(1, b"x") != opaque(2, b"x")


def test_a_callback_url_is_read_with_its_secrets() -> None:
    target = callback("https://user:p%40ss@example.com/hook?token=t")
    assert (target.host, target.port, target.secure) == ("example.com", 443, True)
    assert target.target == "/hook?token=t"
    assert target.headers == (("Authorization", "Basic dXNlcjpwQHNz"),)
    assert "token" not in repr(target)
    assert callback("http://h:8700", "t").headers == (("X-Webhook-Token", "t"),)


@pytest.mark.parametrize("url", ["", "h/x", "ftp://h/x", "http://", "http://h/a b", "http://h/a\r\nX: y"])
def test_what_is_no_callback_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="callback URL") as refused:
        callback(url)
    assert "a b" not in str(refused.value)


def test_two_customers_share_neither_key_nor_name() -> None:
    one = Customer("a", "sandbox", "k")
    for other in (Customer("a", "live", "k2"), Customer("b", "live", "k")):
        with pytest.raises(ValueError, match="same"):
            Customers([one, other])
