"""Types for what must never be printed (RR-4): `repr` is `***`, and they are not pickled or formatted by accident."""

from typing import Any, NoReturn


class Secret:
    """Bytes nobody may print: keys, tokens, personal data on its way to or from the seal.

    `.bytes()` and `.text()` are the only ways out, so every place where plaintext is touched can be searched for.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes | str) -> None:
        self._value = value.encode() if isinstance(value, str) else bytes(value)

    def bytes(self) -> bytes:
        """The value itself."""
        return self._value

    def text(self) -> str:
        """The value as UTF-8 text."""
        return self._value.decode()

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret is never pickled")
