"""A text is found inside every container, alone and within each other; hostile ones cost little and hide nothing (RR-4, LM-3)."""

import bz2
import gzip
import io
import lzma
import os
import re
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.policy.retention_and_recovery.leaks import blocks, leveldb
from strongroom.policy.retention_and_recovery.leaks.containers import CONTAINERS, tarred, zipped
from strongroom.policy.retention_and_recovery.leaks.looking import Limits
from tests.leaks.looks import TEXT, scanner, trails

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DATA = TEXT.encode()
CLEAN = b"Nobody of note"


@pytest.mark.parametrize("name", list(CONTAINERS))
def test_each_container_gives_up_its_text(folder: Path, name: str) -> None:
    form, trail, make = CONTAINERS[name]
    found = trails(folder, make(DATA), name=name)
    assert any(where.startswith(trail) and how == form for where, how in found)


@pytest.mark.parametrize("name", list(CONTAINERS))
def test_each_container_with_other_text_is_not_flagged(folder: Path, name: str) -> None:
    assert trails(folder, CONTAINERS[name][2](CLEAN), name=name) == set()


@pytest.mark.parametrize("name", ["a.gz", "a.bz2", "a.xz", "a.docx", "a.pdf", "a.png"])
def test_a_container_in_the_middle_of_other_bytes_is_found(folder: Path, name: str) -> None:
    form, trail, make = CONTAINERS[name]
    data = os.urandom(1001) + make(DATA) + os.urandom(1001)
    assert (trail, form) in {(where.removeprefix(""), how) for where, how in trails(folder, data)}


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_each_method_of_zip_is_opened(folder: Path, method: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("order.xml", DATA * 30)
    assert trails(folder, out.getvalue())


def test_a_zip_without_its_directory_is_opened(folder: Path) -> None:
    data = zipped(DATA)
    assert ("!zip", "utf-8") in trails(folder, data[: data.index(b"PK\x01\x02")])


def test_a_stream_that_was_cut_off_is_read_as_far_as_it_goes(folder: Path) -> None:
    path = folder / "cut.gz"
    path.write_bytes(gzip.compress(DATA + os.urandom(200_000))[:-50_000])
    seen = scanner()
    seen.file(path)
    assert {hit.form for hit in seen.seen.hits} == {"utf-8"}
    assert list(seen.seen.unknown.values()) == ["a damaged gzip stream"]


def test_every_member_of_a_gzip_of_several_is_read(folder: Path) -> None:
    assert ("!gzip", "utf-8") in trails(folder, gzip.compress(CLEAN) + gzip.compress(DATA))


def test_a_text_across_the_pieces_of_a_long_stream_is_found(folder: Path) -> None:
    piece = 64 << 10
    data = gzip.compress(os.urandom(piece - 7) + DATA + os.urandom(piece))
    assert ("!gzip", "utf-8") in trails(folder, data, piece=piece)


def test_a_zstd_frame_of_a_long_window_is_read(folder: Path) -> None:
    out = zstd.compress(os.urandom(1 << 20) + DATA, options={zstd.CompressionParameter.window_log: 24})
    assert ("!zstd", "utf-8") in trails(folder, out)


def test_an_lz4_frame_is_read(folder: Path) -> None:
    half = DATA[:9]
    block = lz4_block(b"~" * 4 + half + b"~", len(half) + 1, len(half) - 4, DATA[9:])
    frame = b"\x04\x22\x4d\x18\x60\x40\x82" + struct.pack("<I", len(block)) + block + bytes(4)
    assert DATA not in frame
    assert trails(folder, frame) == {("!lz4", "utf-8")}


def lz4_block(first: bytes, back: int, length: int, last: bytes) -> bytes:
    """Literals, one copy of `length` + 4, literals."""
    assert len(first) <= 15 - 1 or len(first) - 15 < 255
    lead = bytes([(min(len(first), 15) << 4) | length]) + (bytes([len(first) - 15]) if len(first) >= 15 else b"")
    tail = bytes([len(last) << 4]) + last if len(last) < 15 else bytes([0xF0, len(last) - 15]) + last
    return lead + first + struct.pack("<H", back) + tail


def test_leveldbs_packed_blocks_are_read(folder: Path) -> None:
    """A table of one block that Snappy packed: a literal, a copy, a literal, so that the text stands nowhere whole."""
    half = DATA[:8]
    content = half + b"~" + DATA
    packed = (
        bytes([len(content)])
        + literal(half + b"~")
        + bytes([(len(half) - 4) << 2 | 1, len(half) + 1])
        + literal(DATA[8:])
    )
    assert blocks.snappy(packed, 1000) == (content, True)
    first = packed + b"\x01" + bytes(4)
    entry = bytes([0, 1, 2]) + b"k" + bytes([0, len(packed)])
    index = entry + struct.pack("<II", 0, 1)
    body = first + index + b"\0" + bytes(4)
    footer = (bytes([0, 0]) + bytes([len(first), len(index)])).ljust(40, b"\0") + leveldb.MAGIC
    assert DATA not in body
    assert trails(folder, body + footer, name="000005.ldb") == {("!leveldb", "utf-8")}


def literal(data: bytes) -> bytes:
    return bytes([(len(data) - 1) << 2]) + data


@pytest.mark.parametrize("filters", ["/ASCIIHexDecode", "[/AHx /Fl]", "[ /A85 /Fl ]", "/RunLengthDecode"])
def test_pdf_streams_behind_text_filters_are_read(folder: Path, filters: str) -> None:
    content = b"BT (" + DATA.replace(b"'", b"\\'") + b") Tj ET"
    import base64

    made = {
        "/ASCIIHexDecode": lambda: content.hex().encode() + b">",
        "[/AHx /Fl]": lambda: zlib.compress(content).hex().encode() + b">",
        "[ /A85 /Fl ]": lambda: base64.a85encode(zlib.compress(content)) + b"~>",
        "/RunLengthDecode": lambda: b"".join(
            bytes([4]) + content[i : i + 5].ljust(5) for i in range(0, len(content), 5)
        ),
    }[filters]()
    data = b"%%PDF-1.7\n1 0 obj\n<</Filter %s /Length %d>>\nstream\n%s\nendstream\nendobj\n%%%%EOF" % (
        filters.encode(), len(made), made,
    )  # fmt: skip
    assert any(where.startswith("!pdf") for where, _ in trails(folder, data))


def test_a_reportlab_document_is_read(folder: Path) -> None:
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out)
    canvas.drawString(20, 20, "Kvaxéd Wrozhtim")
    canvas.setTitle("Wrozhtimäßig für alle")
    canvas.save()
    assert {form for _, form in trails(folder, out.getvalue(), "Kvaxéd Wrozhtim")} == {"latin-1"}
    assert {form for _, form in trails(folder, out.getvalue(), "Wrozhtimäßig für alle")} & {"utf-16-be", "latin-1"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "is a 7z archive, which is not decoded"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(100), "is a RAR archive, which is not decoded"),
        (b"%PDF-1.4 trailer <</Encrypt 5 0 R>> %%EOF", "holds an encrypted PDF"),
        (zipped(DATA)[:6] + b"\1" + zipped(DATA)[7:], "holds an encrypted zip entry"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_into_is_unknown_never_clean(folder: Path, data: bytes, reason: str) -> None:
    path = folder / "file"
    path.write_bytes(data)
    seen = scanner()
    seen.file(path)
    assert list(seen.seen.unknown.values()) == [reason]


def test_a_program_that_knows_zips_is_none(folder: Path) -> None:
    assert trails(folder, b"\x7fELF" + b"PK\x03\x04" + b"\xff" * 200 + b"PK\x03\x04" + os.urandom(200)) == set()


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "zlib": zlib.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd.compress,
    "zip": zipped, "gzip in gzip": lambda zeros: gzip.compress(gzip.compress(zeros) * 20),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(BOMBS))
def test_a_bomb_ends_at_the_limit_and_is_said_to_be_unknown(folder: Path, kind: str) -> None:
    path = folder / "bomb"
    path.write_bytes(DATA + BOMBS[kind](bytes(16 << 20)))
    seen, began = scanner(expanded=8 << 20, piece=1 << 20), time.process_time()
    seen.file(path)
    assert list(seen.seen.unknown.values()) == [f"unpacks to more than {8 << 20} bytes"]
    assert {hit.path.removeprefix(str(path)) for hit in seen.seen.hits} == {""}, "the bytes themselves were seen first"
    assert time.process_time() - began < 10


def test_containers_within_each_other_beyond_the_depth_are_said_to_be_unknown(folder: Path) -> None:
    data = DATA
    for _ in range(9):
        data = gzip.compress(data)
    path = folder / "deep.gz"
    path.write_bytes(data)
    seen = scanner(depth=4)
    seen.file(path)
    assert list(seen.seen.unknown.values()) == ["containers within each other beyond 4"]
    seen = scanner(depth=9)
    seen.file(path)
    assert seen.seen.hits


def test_a_flood_of_beginnings_is_said_to_be_unknown(folder: Path) -> None:
    path = folder / "flood"
    path.write_bytes(b"\x28\xb5\x2f\xfd" * 200_000)
    seen = scanner()
    seen.file(path)
    assert seen.seen.unknown


def test_a_sparse_file_of_a_terabyte_is_passed_over_quickly(folder: Path) -> None:
    path = folder / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(DATA)
    seen, began = scanner(), time.monotonic()
    seen.file(path)
    assert {hit.form for hit in seen.seen.hits} == {"utf-8"}
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", list(CONTAINERS))
def test_damaged_containers_never_end_the_scan(folder: Path, name: str) -> None:
    """Every fifth byte flipped by turns, and cuts: each is read, or said to be unknown, and nothing is raised."""
    made = CONTAINERS[name][2](DATA)[:3000]
    seen = scanner()
    for at in range(0, len(made), max(1, len(made) // 60)):
        for damaged in (made[:at], made[:at] + bytes([made[at] ^ 0xFF]) + made[at + 1 :]):
            path = folder / name
            path.write_bytes(damaged)
            seen.file(path)
    assert seen.seen.files > 50


def test_sqlite_pages_that_point_at_themselves_end(folder: Path) -> None:
    made = bytearray(CONTAINERS["Cookies"][2](DATA))
    for at in range(512, len(made), 512):
        if made[at] not in (2, 5, 10, 13):
            made[at : at + 4] = (at // 512 + 1).to_bytes(4, "big")
    path = folder / "Cookies"
    path.write_bytes(bytes(made))
    began = time.monotonic()
    scanner().file(path)
    assert time.monotonic() - began < 5


def test_a_member_of_a_tar_is_judged_by_its_own_beginning(folder: Path) -> None:
    assert any("!tar!sqlite" in where for where, _ in trails(folder, tarred(CONTAINERS["Cookies"][2](DATA), "Cookies")))


def test_limits_stand_where_the_documentation_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "leak-drill.md").read_text(encoding="utf-8")
    limits = Limits()
    for figure in (limits.depth, limits.expanded >> 30, round(limits.seconds)):
        assert re.search(rf"\b{figure}\b", page)
