"""Containers as plants wear them: small ones made here, each holding a text where only its reader finds it."""

import base64
import bz2
import gzip
import io
import lzma
import quopri
import sqlite3
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_AROUND: Final = b"order of a customer who does not exist: "


def zipped(data: bytes, name: str = "word/document.xml") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def tarred(data: bytes, name: str = "order.json") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def pdf(data: bytes) -> bytes:
    """One page whose stream is deflated and then ASCII85; the text is cut by kerning."""
    half = len(data) // 2
    parts = [data[:half], data[half:]]
    escaped = [part.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)") for part in parts]
    content = b"BT /F1 12 Tf [(%s) -20 (%s)] TJ ET" % tuple(escaped)
    stream = base64.a85encode(zlib.compress(content)) + b"~>"
    return (
        b"%%PDF-1.4\n1 0 obj\n<</Length %d /Filter [ /ASCII85Decode /FlateDecode ]>>\nstream\n" % len(stream)
        + stream + b"\nendstream\nendobj\ntrailer\n<</Root 2 0 R>>\n%%EOF\n"
    )  # fmt: skip


def pdf_hex(data: bytes) -> bytes:
    """A document whose title is a string of hexadecimal digits with a space inside."""
    digits = data.hex().encode()
    return b"%%PDF-1.4\n1 0 obj\n<</Title <%s %s>>>\nendobj\n%%%%EOF\n" % (digits[:6], digits[6:])


def png(data: bytes) -> bytes:
    """A picture of one point with a compressed comment."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", head), chunk(b"zTXt", b"Comment\0\0" + zlib.compress(data)),
         chunk(b"IDAT", zlib.compress(b"\0\0")), chunk(b"IEND", b""))
    )  # fmt: skip


def sqlite(data: bytes) -> bytes:
    """A database of small pages in which the text is cut by the end of one."""
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA page_size = 512")
    connection.execute("CREATE TABLE page (text TEXT)")
    for shift in range(0, 40, 8):  # wherever the cut is, one of these straddles it
        connection.execute("INSERT INTO page VALUES (?)", (("." * (400 + shift)) + data.decode() + "." * 600,))
    connection.execute("INSERT INTO page VALUES (?)", ((data.decode() + " ") * 40,))
    connection.commit()
    made = connection.serialize()
    connection.close()
    return made


def leveldb_log(data: bytes) -> bytes:
    """A log whose second record begins in one block of 32 KB and ends in the next, in the middle of the text."""
    half = len(data) // 2

    def record(kind: int, body: bytes) -> bytes:
        return struct.pack("<IHB", zlib.crc32(body), len(body), kind) + body

    filler = 32_768 - 7 - 7 - half
    return record(1, b"x" * filler) + record(2, data[:half]) + record(4, data[half:])


def mail(data: bytes) -> bytes:
    """A message whose base64 is broken into lines as mail does."""
    body = base64.encodebytes(b"." * 40 + data + b"." * 40 + data)
    return b"Content-Transfer-Encoding: base64\n\n" + body


def mail_quoted(data: bytes) -> bytes:
    return b"Content-Transfer-Encoding: quoted-printable\n\n" + quopri.encodestring(b"." * 63 + data)


CONTAINERS: Final[dict[str, tuple[str, str, Callable[[bytes], bytes]]]] = {
    "a.gz": ("utf-8", "!gzip", gzip.compress),
    "zlib.bin": ("utf-8", "!zlib", lambda data: b"\0\1\2" + zlib.compress(_AROUND + data)),
    "a.bz2": ("utf-8", "!bzip2", bz2.compress),
    "a.xz": ("utf-8", "!xz", lzma.compress),
    "a.zst": ("utf-8", "!zstd", lambda data: zstd.compress(data * 40)),
    "a.docx": ("utf-8", "!zip", zipped),
    "a.zip": ("utf-8", "!zip!zip", lambda data: zipped(zipped(data), "inner.zip")),
    "a.tar.gz": ("utf-8", "!gzip!gzip", lambda data: gzip.compress(tarred(gzip.compress(data)))),
    "a.pdf": ("utf-8", "!pdf", pdf),
    "title.pdf": ("utf-8", "!pdf", pdf_hex),
    "a.png": ("utf-8", "!zlib", png),
    "Cookies": ("utf-8", "!sqlite", sqlite),
    "000003.log": ("utf-8", "!leveldb", leveldb_log),
    "base64.eml": ("base64", "!lines joined", mail),
    "quoted.eml": ("quoted-printable", "!lines joined", mail_quoted),
}
"""By a file's name: the form and the trail under which it must be found, and how it is made."""
