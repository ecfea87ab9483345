"""Libraries that also put a fresh key to each message, or are what Django projects use; `None` where not installed.

Each is set up as its own pages show it, once, outside what is timed; nothing is logged and no network is asked.
"""

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

Seals = Callable[[bytes], object]


def _tink() -> Seals | None:
    """KmsEnvelopeAead with a fresh AES256-GCM key each; the key that wraps is local, of the same kind."""
    if importlib.util.find_spec("tink") is None:
        return None
    tink: Any = importlib.import_module("tink")
    aead: Any = importlib.import_module("tink.aead")
    aead.register()
    template = aead.aead_key_templates.AES256_GCM
    remote = tink.new_keyset_handle(template).primitive(aead.Aead)
    envelope = aead.KmsEnvelopeAead(template, remote)
    return lambda data: envelope.encrypt(data, b"place")


def _aws() -> Seals | None:
    """A raw AES keyring, no KMS; committed and unsigned AES-256-GCM, the suite that costs least of the default kind."""
    if importlib.util.find_spec("aws_encryption_sdk") is None:
        return None
    sdk: Any = importlib.import_module("aws_encryption_sdk")
    raw: Any = importlib.import_module("aws_encryption_sdk.key_providers.raw")
    identifiers: Any = importlib.import_module("aws_encryption_sdk.identifiers")
    wrapping: Any = importlib.import_module("aws_encryption_sdk.internal.crypto.wrapping_keys")
    key = wrapping.WrappingKey(
        wrapping_algorithm=identifiers.WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
        wrapping_key=os.urandom(32), wrapping_key_type=identifiers.EncryptionKeyType.SYMMETRIC,
    )  # fmt: skip

    class Local(raw.RawMasterKeyProvider):  # type: ignore[misc]  # its package has no types
        provider_id = "local"

        def _get_raw_key(self, _: str) -> Any:
            return key

    provider = Local()
    provider.add_master_key("bench")
    client = sdk.EncryptionSDKClient(commitment_policy=sdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
    suite = identifiers.AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    return lambda data: client.encrypt(
        source=data, key_provider=provider, algorithm=suite, encryption_context={"place": "1"}
    )


def _django_fernet() -> Seals | None:
    """What an encrypted field of django-fernet-encrypted-fields does with a value, all of a part as one field."""
    if importlib.util.find_spec("encrypted_fields") is None:
        return None
    fernet: Any = importlib.import_module("cryptography.fernet")
    cipher = fernet.Fernet(fernet.Fernet.generate_key())
    return lambda data: cipher.encrypt(data).decode()


PEERS: Final[Mapping[str, Callable[[], Seals | None]]] = {
    "tink_envelope": _tink, "aws_encryption_sdk": _aws, "django_fernet": _django_fernet,
}  # fmt: skip
