"""Requests that could be read as two, sent as bytes over real TLS, and what came back (ASVS 4.2.1).

Each begins as a POST to /sign-in and holds, as a body or behind what ends it, the words of a second request. Read as
one by whoever sends it and as two by whoever answers, that second one would be smuggled.
"""

import re
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECOND: Final = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
LENGTH: Final = b"Content-Length: %d\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
END: Final = b"0\r\n\r\n"
ALL: Final = LENGTH % len(END + SECOND)
"""The length of everything behind the head, where it begins with the last chunk."""


def _head(*lines: bytes, first: bytes = b"POST /sign-in HTTP/1.1\r\n") -> bytes:
    return first + b"Host: localhost\r\n" + b"".join(lines) + b"\r\n"


def _inside(body: bytes) -> bytes:
    """As one chunk, then the last."""
    return b"%x\r\n" % len(body) + body + b"\r\n" + END


BOTH: Final = {
    "CL.TE": _head(ALL, CHUNKED) + END + SECOND,
    "TE.CL": _head(CHUNKED, LENGTH % 4) + _inside(SECOND),
    "TE.CL the other way round": _head(LENGTH % 4, CHUNKED) + _inside(SECOND),
    "a tab before the coding": _head(ALL, b"Transfer-Encoding:\tchunked\r\n") + END + SECOND,
    "one coding more": _head(ALL, b"Transfer-Encoding: gzip, chunked\r\n") + END + SECOND,
}
"""Two lengths at once: by RFC 9112 the chunks count, and the connection ends behind them."""
REFUSED: Final = {
    "TE.TE, a coding that does not exist": _head(CHUNKED, b"Transfer-Encoding: cow\r\n") + END + SECOND,
    "TE.TE, identity": _head(ALL, CHUNKED, b"Transfer-Encoding: identity\r\n") + END + SECOND,
    "chunked is not last": _head(ALL, b"Transfer-Encoding: chunked, identity\r\n") + END + SECOND,
    "a misspelt coding": _head(ALL, b"Transfer-Encoding: xchunked\r\n") + END + SECOND,
    "a space behind the name": _head(ALL, b"Transfer-Encoding : chunked\r\n") + END + SECOND,
    "a vertical tab in the coding": _head(ALL, b"Transfer-Encoding: \x0bchunked\r\n") + END + SECOND,
    "a folded coding": _head(ALL, b"Transfer-Encoding:\r\n chunked\r\n") + END + SECOND,
    "a coding in HTTP/1.0": _head(CHUNKED, first=b"POST /sign-in HTTP/1.0\r\n") + END + SECOND,
    "two lengths, the smaller first": _head(LENGTH % 0, LENGTH % len(SECOND)) + SECOND,
    "two lengths, the larger first": _head(LENGTH % len(SECOND), LENGTH % 0) + SECOND,
    "a list of lengths": _head(b"Content-Length: 0, %d\r\n" % len(SECOND)) + SECOND,
    "a length with a sign": _head(b"Content-Length: +%d\r\n" % len(SECOND)) + SECOND,
    "a negative length": _head(b"Content-Length: -1\r\n") + SECOND,
    "a length in hexadecimal": _head(b"Content-Length: 0x2b\r\n") + SECOND,
    "a length beyond 64 bits": _head(b"Content-Length: 18446744073709551659\r\n") + SECOND,
    "a space behind the length's name": _head(b"Content-Length : %d\r\n" % len(SECOND)) + SECOND,
    "a folded line": _head(b"X-A: a\r\n " + LENGTH % len(SECOND)) + SECOND,
    "a bare carriage return": _head(b"X-A: a\r" + LENGTH % len(SECOND)) + SECOND,
    "a zero byte": _head(b"X-A: a\x00b\r\n" + LENGTH % len(SECOND)) + SECOND,
    "a space before the request": b" " + _head(LENGTH % len(SECOND)) + SECOND,
}
BROKEN_CHUNKS: Final = {
    "an extension ended by a bare line feed": _head(CHUNKED) + b"2;\nxx\r\n" + _inside(SECOND),
    "chunks ended by bare line feeds": _head(CHUNKED) + b"5\nhello\n0\n\n" + SECOND,
    "a size with 0x": _head(CHUNKED) + b"0x5\r\nhello\r\n" + END + SECOND,
    "a size beyond 64 bits": _head(CHUNKED) + b"10000000000000005\r\nhello\r\n" + END + SECOND,
    "a chunk longer than it says": _head(CHUNKED) + b"5\r\nhello" + SECOND + END,
    "an extension without end": _head(CHUNKED) + b"5;" + b"a" * 70_000 + b"\r\nhello\r\n" + END + SECOND,
}
ONE: Final = {
    "the same length twice": _head(LENGTH % len(SECOND), LENGTH % len(SECOND)) + SECOND,
    "bare line feeds in the head": _head(LENGTH % len(SECOND)).replace(b"\r\n", b"\n") + SECOND,
    "one bare line feed in the head": _head(b"X-A: a\n" + LENGTH % len(SECOND)) + SECOND,
    "a GET with a body": _head(LENGTH % len(SECOND), first=b"GET /sign-in HTTP/1.1\r\n") + SECOND,
    "a chunk's extension": _head(CHUNKED) + b"%x;a=b\r\n" % len(SECOND) + SECOND + b"\r\n" + END,
    "a length in the trailer": _head(CHUNKED) + b"0\r\n" + LENGTH % len(SECOND) + b"\r\n",
}
TWO: Final = _head() + SECOND
"""Two honest requests on one connection: what a smuggled one would look like."""


@dataclass(frozen=True)
class Came:
    """The answers' states in order, their bytes, and whether the server ended the connection."""

    states: tuple[int, ...]
    said: bytes
    ended: bool


def send(port: int, ca: Path, requests: Mapping[str, bytes]) -> dict[str, Came]:
    """Each on a connection of its own, eight at once; what came within a second after the last byte."""
    context = ssl.create_default_context(cafile=str(ca))

    def one(raw: bytes) -> Came:
        said, ended = b"", False
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            try:
                tls.sendall(raw)
                while True:
                    tls.settimeout(1.5)
                    if not (piece := tls.recv(65_536)):
                        ended = True
                        break
                    said += piece
            except TimeoutError:
                pass
            except OSError:  # an end in the middle of what we send
                ended = True
        return Came(tuple(map(int, re.findall(rb"HTTP/1\.[01] (\d{3})", said))), said, ended)

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(requests, pool.map(one, requests.values()), strict=True))
