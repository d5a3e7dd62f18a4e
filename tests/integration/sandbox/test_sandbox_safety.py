"""Patient safety searches: lists of names, 50 at most, the nearest first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.truepill.safety import search
from sandbox.truepill.vocabulary import ALLERGENS, CONDITIONS, MEDICATIONS
from tests.support.sandbox import Desk

KINDS = {"allergies": ALLERGENS, "conditions": CONDITIONS, "medications": MEDICATIONS}


@pytest.mark.parametrize("what", KINDS)
def test_a_search_answers_names_that_it_knows(desk: Desk, what: str) -> None:
    found = desk.done("GET", f"/v1/patient_safety/{what}?keyword=pea")
    assert found
    assert set(found) <= set(KINDS[what])


@pytest.mark.parametrize("what", KINDS)
def test_a_search_answers_50_at_most(desk: Desk, what: str) -> None:
    keyword = "inonerarateanesol"
    assert len([name for name in KINDS[what] if search([name], keyword)]) > 50
    assert len(desk.done("GET", f"/v1/patient_safety/{what}?keyword={keyword}")) == 50


def test_names_that_hold_the_keyword_come_before_those_that_resemble_it(desk: Desk) -> None:
    found = desk.done("GET", "/v1/patient_safety/allergies?keyword=PEA")
    assert found[:5] == ["Pea", "Pear", "Peach", "Peanut", "Chickpea"]
    assert "Tea Tree Oil" in found


@given(keyword=st.text(max_size=20) | st.sampled_from(["in", "al", "pen", "a"]))
def test_every_name_that_holds_the_keyword_comes_before_any_other(keyword: str) -> None:
    found = search(MEDICATIONS, keyword)
    wanted = keyword.strip().casefold()
    held = [bool(wanted) and wanted in name.casefold() for name in found]
    assert held == sorted(held, reverse=True)
    assert len(found) <= 50
    known = sum(bool(wanted) and wanted in name.casefold() for name in MEDICATIONS)
    assert sum(held) == min(known, 50)


def test_what_resembles_nothing_finds_nothing(desk: Desk) -> None:
    assert desk.done("GET", "/v1/patient_safety/medications?keyword=qqqq") == []


@pytest.mark.parametrize("query", ["", "?keyword="])
def test_a_search_needs_a_keyword(desk: Desk, query: str) -> None:
    status, document = desk.call("GET", f"/v1/patient_safety/conditions{query}")
    assert (status, [row["key"] for row in document["validation_errors"]]) == (400, ["keyword"])


def test_a_search_needs_a_key(desk: Desk) -> None:
    assert desk.call("GET", "/v1/patient_safety/conditions?keyword=pea", key=None)[0] == 401
