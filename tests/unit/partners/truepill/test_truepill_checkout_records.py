"""What a checkout takes of the pharmacy's records: names, a day of birth, whole numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.truepill.checkout_records import Lacking, Medication, Person, medication_of, person_of

PATIENT = {
    "first_name": "Bruce",
    "last_name": "Banner",
    "dob": "19691218",
    "address": {"phone": "430-304-3949", "email": "hulkout@hulk.com"},
}
PRESCRIPTION = {
    "prescribed_written_name": "Lutera-28 Tablet",
    "prescribed_generic_name": "levonorgestrel-ethinyl estradiol 0.1 mg-20 mcg tablet",
    "prescriber": "Dr. Strange",
    "rx_number": "1966785",
    "days_supply": "84",
    "prescribed_quantity": 84,
    "is_refill": 0,
}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*PATIENT, *PRESCRIPTION]), inner),
)


def test_the_printed_records_are_read() -> None:
    assert person_of(PATIENT) == Person("Bruce", "Banner", "1969-12-18", "430-304-3949", "hulkout@hulk.com")
    assert medication_of({"prescription": PRESCRIPTION}) == Medication(
        "Lutera-28 Tablet", "Dr. Strange", "1966785", 84, 84, False
    )


@pytest.mark.parametrize("born", ["19691218", "1969-12-18", "1969-12-18T00:00:00.000Z"])
def test_a_day_of_birth_is_a_day_however_it_is_written(born: str) -> None:
    assert person_of({**PATIENT, "dob": born}).born == "1969-12-18"


@pytest.mark.parametrize("born", ["", None, 19691218, "12/18/1969", "19691318", "691218", "1969-12"])
def test_what_is_no_day_is_lacking(born: object) -> None:
    with pytest.raises(Lacking, match="dob"):
        person_of({**PATIENT, "dob": born})


def test_a_patient_needs_no_phone() -> None:
    assert person_of({**PATIENT, "address": None})[3:] == (None, None)


@pytest.mark.parametrize(("days", "whole"), [("28", 28), (28, 28), (28.0, 28), ("28.00", 28)])
def test_days_are_whole_however_they_are_written(days: object, whole: int) -> None:
    assert medication_of(PRESCRIPTION, days, "60").days_supply == whole


@pytest.mark.parametrize("days", ["28.5", 28.5, "0", -1, "twenty-eight", ""])
def test_what_is_no_whole_number_of_days_is_lacking(days: object) -> None:
    with pytest.raises(Lacking, match="days_supply"):
        medication_of(PRESCRIPTION, days)


def test_all_that_is_lacking_is_named_and_nothing_that_is_there() -> None:
    with pytest.raises(Lacking) as caught:
        medication_of({"prescription_token": "Canary"})

    assert caught.value.fields == ("medication name", "prescriber", "rx_number", "days_supply", "quantity")
    assert "Canary" not in str(caught.value)


@given(anything)
def test_whatever_is_answered_is_read_or_lacking(record: Any) -> None:
    for read in (person_of, medication_of):
        try:
            read(record)
        except Lacking:
            continue
