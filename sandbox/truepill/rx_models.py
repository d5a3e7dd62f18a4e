"""What the simulation of a prescription takes, and what the reads of prescriptions answer."""

from __future__ import annotations

from pydantic import Field

from sandbox.endpoint import Answer, Body

__all__ = [
    "ListedPrescription",
    "NewRx",
    "PatientPrescriptions",
    "PrescriptionDocument",
    "PrescriptionFields",
]


class DiagnosisCodes(Body):
    icd10: list[str] = ["Z30.09"]
    icd9: list[str] = ["V85.30"]


class NewRx(Body):
    """The overridable fields of a simulated prescription, with their defaults."""

    medication_sig: str = "Take one Daily"
    prescriber: str = "Dr. P. Scribe"
    days_supply: str = "28"
    num_refills_filled: str = Field("0", pattern=r"^[0-9]{1,4}$")
    refills_remaining: int = Field(2, ge=0, le=9999)
    quantity_remaining: int = Field(84, ge=0, le=10**9)
    number_of_refills_allowed: int = Field(2, ge=0, le=9999)
    prescribed_drug_strength: str = "10 mg"
    prescribed_ndc: str = "51862009706"
    prescribed_dea_schedule: int = 0
    prescribed_quantity: int = Field(42, ge=0, le=10**9)
    prescribed_unit_text: str = "EA"
    prescribed_label_type: str = "Generic"
    prescribed_brand_name: str = "Brand Label"
    prescribed_written_name: str = "Brand Label 10 mg Tablet"
    prescribed_generic_name: str = "Generic 10 mg tablet"
    dispensed_drug_strength: str = "10 mg"
    dispensed_ndc: str = "51862009706"
    dispensed_quantity: int = Field(42, ge=0, le=10**9)
    dispensed_dea_schedule: int = 0
    dispensed_days_supply: int = Field(28, ge=0, le=10**6)
    diagnosis_codes: DiagnosisCodes = DiagnosisCodes()
    #: The sandbox's own: None is a number of its own.
    rx_number: str | None = Field(None, pattern=r"^[A-Za-z0-9]{1,40}$")


class ListedPrescription(Answer):
    prescription_token: str
    medication_name: str
    medication_sig: str
    prescriber: str
    date_written: str
    refills_remaining: int
    current_rx_status_text: str
    fillable: bool
    days_supply: str
    is_refill: int
    last_filled_date: str | None
    expiration_date_utc: str
    number_of_refills_allowed: int
    prescribed_brand_name: str
    prescribed_drug_strength: str
    prescribed_generic_name: str
    prescribed_ndc: str
    prescribed_quantity: int
    prescribed_written_name: str
    prescriber_npi: str
    quantity_remaining: int
    rx_number: str
    origin: str
    prescriber_order_number: str
    original_prescribed_ndc: str | None
    date_filled_utc: str | None
    medication_id: str
    prescribed_quantity_unit: str


class PatientPrescriptions(Answer):
    patient_token: str
    prescriptions: list[ListedPrescription]


class Formulary(Answer):
    on_formulary: bool
    formulary_ndc: str | None


class PrescriptionFields(Answer):
    """Of a simulated prescription less is told: what may be missing has a default."""

    date_written: str
    expiration_date: str | None = None
    days_supply: str
    is_refill: int
    last_filled_date: str | None
    medication_sig: str
    number_of_refills_allowed: int
    origin: str | None = None
    prescribed_brand_name: str
    prescribed_drug_strength: str
    prescribed_generic_name: str
    prescribed_ndc: str
    prescribed_quantity: int
    prescribed_written_name: str
    prescriber: str
    prescriber_address: dict[str, str | None]
    prescriber_npi: str
    prescriber_order_number: str
    quantity_remaining: int
    refills_remaining: int
    rx_number: str
    prescription_token: str
    notes: str
    icd_codes: dict[str, list[str]]
    is_daw: bool
    fillable: bool | None = None
    dea_schedule: int
    original_prescribed_ndc: str | None = None
    date_filled_utc: str | None
    prescribed_quantity_unit: str | None = None
    formulary: Formulary | None = None


class PrescriptionDocument(Answer):
    prescription: PrescriptionFields
