#!/usr/bin/env bash
# fhir.resources 8.3.0: a decimal goes through a binary float, when it is read and again when it is written.
#
# FHIR's decimal keeps its precision: 1.00 is another value than 1.0, since the zeros say how exactly something was
# measured ("Primitive Types", decimal, of every release of the specification). The model's fields are annotated and
# shown as `Decimal`, so a dose of 1.00 mg looks kept. It is not: `model_validate_json` gives Decimal('1.0') for 1.00 and
# cuts what a float cannot hold. Reading with `json.loads(..., parse_float=Decimal)` keeps it, and `model_dump_json`
# loses it all the same: it writes the float of a Decimal that was set exactly. No error and no warning either way.
# Seen with fhir.resources 8.3.0, fhir-core 1.1.12 and pydantic 2.14.4 on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    fhir.resources==8.3.0 fhir-core==1.1.12 pydantic==2.14.4 2>/dev/null

cat > "$folder/dose.py" <<'PYTHON'
import json
from decimal import Decimal

from fhir.resources.quantity import Quantity

for text in ("1.00", "0.010", "0.1234567890123456789"):
    document = '{"value": %s, "unit": "mg"}' % text
    read = Quantity.model_validate_json(document)
    exact = Quantity.model_validate(json.loads(document, parse_float=Decimal))
    written = json.loads(exact.model_dump_json(), parse_float=str)["value"]
    print(f"{text}: read {read.value}, read exactly {exact.value}, written {written}")
PYTHON

seen=$("$folder/venv/bin/python" "$folder/dose.py")
echo "$seen"
expected='1.00: read 1.0, read exactly 1.00, written 1.0
0.010: read 0.01, read exactly 0.010, written 0.01
0.1234567890123456789: read 0.12345678901234568, read exactly 0.1234567890123456789, written 0.12345678901234568'
test "$seen" = "$expected"
