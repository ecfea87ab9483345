"""Small secrets under a house key (factors, tokens): sealed texts that may stand in a column."""

import base64
import uuid

from strongroom.formats.house import HouseKind
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage import broker


def seal(kind: str, data: bytes) -> str:
    """`<id>.<base64>` of a secret of this kind ("totp", "webhook", …); only the broker can open it again."""
    id_ = definitions.reference()
    sealed = broker.house_seal(kind=HouseKind[kind.upper()], id_=id_, data=Secret(data))
    return f"{id_.hex}.{base64.b64encode(sealed).decode()}"


def open(kind: str, sealed: str) -> Secret:  # noqa: A001 - the field's word for it
    """The secret again. Raises `Forgotten` where the text was altered or belongs to another kind."""
    id_, _, encoded = sealed.partition(".")
    return broker.house_open(
        kind=HouseKind[kind.upper()], id_=uuid.UUID(hex=id_), sealed=base64.b64decode(encoded, validate=True)
    )
