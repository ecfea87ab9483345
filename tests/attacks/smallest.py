"""The smallest application, so that a test of TLS starts nothing else."""

from collections.abc import Callable, Iterable
from typing import Any


def application(_environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"ok\n"]
