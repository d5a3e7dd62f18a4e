"""What a callback holds that the partner's reference does not speak of: types, fields and codes. Pure.

What is known stands in `partners.truepill.contract`.
"""

from __future__ import annotations

from collections.abc import Mapping

from partners.drift import Unseen, unseen_in
from partners.fields import is_plain, label
from partners.truepill.contract import SHAPES

__all__ = ["unseen"]

# Known from the live contract alone: their names are not news, and of their fields nothing is known.
WITHOUT_A_SHAPE = ("CONSULT_TASK", "CONTACT", "TRANSFER_OUT", "VISIT")
_LABELS = {label(name): name for name in (*SHAPES, *WITHOUT_A_SHAPE)} | {"ORDERCLAIMS": "ORDER_CLAIM"}


def unseen(callback_type: str | None, content: Mapping[str, object]) -> tuple[Unseen, ...]:
    """What a body holds that is not known of its type, each once; empty for a body that says no type.

    `callback_type` is the type as it was read; None where it could not be, and then the body's own is judged.
    """
    shape = SHAPES.get(callback_type) if callback_type is not None else None
    if shape is None:
        stated = content.get("callback_type") if callback_type is None else callback_type
        if stated is None or stated == "":
            return ()
        known = _LABELS.get(label(stated))
        if known is None:
            shown = stated if type(stated) is str and is_plain(stated) else "?"
            return (Unseen("type", shown, shown),)
        shape, callback_type = SHAPES.get(known), known
        if shape is None:
            return ()
    return unseen_in(shape, callback_type or "", content)
