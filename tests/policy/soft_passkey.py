"""An authenticator in software: makes passkeys and signs with them as a device does, verified by its person or not."""

import base64
import hashlib
import json
import os
import struct
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class SoftPasskey:
    """One passkey of one person for `https://localhost`."""

    def __init__(self, origin: str = "https://localhost") -> None:
        self.origin = origin
        self.id = os.urandom(32)
        self.user = ""
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(self, options: dict[str, Any]) -> str:
        """What a browser posts after `navigator.credentials.create`."""
        public = options["publicKey"]
        self.user = public["user"]["id"]
        numbers = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor.encode(cose)
        data = self._data(PRESENT | VERIFIED | ATTESTED) + attested
        told = {
            "clientDataJSON": text(self._client("webauthn.create", public["challenge"])),
            "attestationObject": text(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return self._written(told, {"credProps": {"rk": True}})

    def sign(
        self, options: dict[str, Any], *, verified: bool = True, claims: str | None = None, id_: bytes = b""
    ) -> str:
        """What a browser posts after `navigator.credentials.get`; `claims`, `id_`: another handle or passkey."""
        data = self._data(PRESENT | VERIFIED if verified else PRESENT)
        client = self._client("webauthn.get", options["publicKey"]["challenge"])
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        told = {
            "clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(signature),
            "userHandle": self.user if claims is None else claims,
        }  # fmt: skip
        return self._written(told, {}, id_)

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(b"localhost").digest() + struct.pack(">BI", flags, 0)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _written(self, told: dict[str, str], extensions: dict[str, Any], id_: bytes = b"") -> str:
        id_ = id_ or self.id
        return json.dumps({
            "id": text(id_), "rawId": text(id_), "type": "public-key", "response": told,
            "clientExtensionResults": extensions,
        })  # fmt: skip


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
