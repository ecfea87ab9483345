"""A text is found in a real PostgreSQL's files however it packs it: in rows, in pieces, in its log, living or deleted (RR-4, LM-3)."""

from collections.abc import Iterator
from random import Random
from typing import Any

import psycopg
import pytest

from strongroom.formats.secret import Secret
from strongroom.policy.retention_and_recovery.leaks import blocks, database
from strongroom.policy.retention_and_recovery.leaks.canaries import Canary
from strongroom.policy.retention_and_recovery.leaks.engine import Engine
from strongroom.policy.retention_and_recovery.leaks.forms import needles
from strongroom.policy.retention_and_recovery.leaks.looking import Scanner
from tests.house.running import House
from tests.leaks.looks import scanner

WORDS = {name: f"Kvaxéd{name}Wrozhtim" for name in ("Plain", "Packed", "Pieces", "Both", "Gone", "Image", "Lz4")}
TRAILS = {"Plain": "", "Packed": "!pglz", "Pieces": "!toast", "Both": "!toast", "Gone": "!pglz"}


@pytest.fixture(scope="module")
def written(house: House) -> Iterator[tuple[House, psycopg.Connection[Any], Scanner, Scanner]]:
    """Rows of each kind; then the cluster's files and its rows are scanned."""
    running = house.rehearsal.running
    dice = Random(5)
    filler = " ".join(dice.choice(("alpha", "beta", "gamma", "delta")) for _ in range(700))
    noise = "".join(dice.choice("abcdefghijklmnop") for _ in range(9000))
    with psycopg.connect(**{**running.admin, "dbname": "strongroom"}, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA leaks")
        for table, storage in (("plain", "plain"), ("packed", "main"), ("pieces", "external"), ("both", "extended")):
            admin.execute(f"CREATE TABLE leaks.{table} (n int, word text)")
            admin.execute(f"ALTER TABLE leaks.{table} ALTER word SET STORAGE {storage}")
        admin.execute("INSERT INTO leaks.plain VALUES (1, %s)", [WORDS["Plain"]])
        admin.execute("INSERT INTO leaks.packed VALUES (1, %s)", [filler + WORDS["Packed"]])
        admin.execute("INSERT INTO leaks.pieces VALUES (1, %s)", ["x" * 1985 + WORDS["Pieces"] + "y" * 3000])
        admin.execute("INSERT INTO leaks.both VALUES (1, %s)", [noise + WORDS["Both"][:9] + "~" + WORDS["Both"]])
        admin.execute("INSERT INTO leaks.packed VALUES (2, %s)", [filler + WORDS["Gone"]])
        admin.execute("DELETE FROM leaks.packed WHERE n = 2")
        admin.execute("VACUUM leaks.packed")
        admin.execute("CHECKPOINT")
        looking = Scanner(Engine(needles([Canary(name, (Secret(word),)) for name, word in WORDS.items()])))
        for path in house.rehearsal.folders.postgres.rglob("*"):
            if path.is_file():
                looking.file(path)
        rows = Scanner(Engine(needles([Canary(name, (Secret(word),)) for name, word in WORDS.items()])))
        for name, pieces in database.rows(admin):
            rows.pieces(name, pieces)
        yield house, admin, looking, rows
        admin.execute("DROP SCHEMA leaks CASCADE")


@pytest.mark.parametrize("name", list(TRAILS))
def test_a_text_is_found_in_the_tables_files_and_in_the_log_of_changes(
    written: tuple[House, Any, Scanner, Scanner], name: str
) -> None:
    paths = {hit.path for hit in written[2].seen.hits if hit.canary == name}
    assert any("/base/" in path and path.endswith(TRAILS[name]) for path in paths)
    assert any("/pg_wal/" in path and path.endswith(TRAILS[name]) for path in paths)


def test_what_was_cut_or_packed_stands_nowhere_whole(written: tuple[House, Any, Scanner, Scanner]) -> None:
    """So that it is the readers that find it."""
    bare = {hit.canary for hit in written[2].seen.hits if "!" not in hit.path}
    assert not bare & {"Packed", "Pieces", "Gone"}


def test_every_table_is_read_as_rows_too(written: tuple[House, Any, Scanner, Scanner]) -> None:
    found = {(hit.path, hit.canary) for hit in written[3].seen.hits}
    assert {(f"table leaks.{name.lower()}", name) for name in ("Plain", "Packed", "Pieces", "Both")} <= found
    assert not written[3].seen.unknown


def test_nothing_of_the_cluster_is_unreadable(written: tuple[House, Any, Scanner, Scanner]) -> None:
    assert not written[2].seen.unknown


def test_a_table_that_a_role_may_not_read_is_unknown(written: tuple[House, Any, Scanner, Scanner]) -> None:
    house, seen = written[0], scanner()
    from strongroom.installation import database_roles

    parameters = database_roles.connect_as(house.rehearsal.running.admin, house.rehearsal.folders, "auditor")
    with psycopg.connect(**parameters, autocommit=True) as connection:
        for name, pieces in database.rows(connection):
            seen.pieces(name, pieces)
    assert seen.seen.unknown["table leaks.plain"] == "this role may not read the table leaks.plain"


def test_a_packed_image_of_a_page_in_the_log_is_read(written: tuple[House, Any, Scanner, Scanner]) -> None:
    """With `wal_compression`, a page's first change after a checkpoint writes the whole page, packed."""
    house, admin, _, _ = written
    admin.execute("CREATE TABLE leaks.image (n int, word text)")
    filler = " ".join(["alpha beta"] * 60)
    with admin.transaction():
        admin.execute("INSERT INTO leaks.image SELECT 1, %s FROM generate_series(1, 5)", [filler])
        admin.execute("INSERT INTO leaks.image VALUES (2, %s)", [filler + WORDS["Image"]])
    admin.execute("CHECKPOINT")
    admin.execute("SET wal_compression = pglz")
    admin.execute("UPDATE leaks.image SET n = 3 WHERE n = 1")
    admin.execute("RESET wal_compression")
    seen = scanner(WORDS["Image"])
    for path in (house.rehearsal.folders.postgres / "pg_wal").iterdir():
        seen.file(path)
    assert any(hit.path.endswith("!wal!wal!page") or hit.path.endswith("!wal!page") for hit in seen.seen.hits)


def test_lz4_where_the_server_has_it(written: tuple[House, Any, Scanner, Scanner]) -> None:
    house, admin, _, _ = written
    try:
        admin.execute("CREATE TABLE leaks.lz4 (word text COMPRESSION lz4)")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this PostgreSQL was built without LZ4 (Debian's has it: make test-15)")
    word = WORDS["Lz4"]
    admin.execute("INSERT INTO leaks.lz4 VALUES (%s)", ["alpha beta " * 300 + word[:9] + "~" + word])
    admin.execute("CHECKPOINT")
    seen = scanner(word)
    for path in (house.rehearsal.folders.postgres / "base").rglob("*"):
        if path.is_file():
            seen.file(path)
    assert any(hit.path.endswith("!lz4 datum") for hit in seen.seen.hits)


VECTORS = (
    # By hand after pg_lzcompress.c: two literals; a copy from two back of 18 + 72, which overlaps itself; four literals.
    (bytes.fromhex("04" + "6162" + "0f0248" + "4b766178"), 96, b"ab" * 46 + b"Kvax"),
    (bytes.fromhex("00" + "4b76617865646162" + "00" + "63"), 9, b"Kvaxedabc"),
)


@pytest.mark.parametrize(("packed", "size", "text"), VECTORS)
def test_pglz_vectors(packed: bytes, size: int, text: bytes) -> None:
    assert blocks.pglz(packed, size) == (text, True)


@pytest.mark.parametrize("decode", [blocks.pglz, blocks.lz4])
def test_garbage_never_raises_nor_grows(decode: Any) -> None:
    dice = Random(7)
    for _ in range(3000):
        out, _ = decode(dice.randbytes(dice.randint(0, 60)), 500)
        assert len(out) <= 500
    for _ in range(3000):
        assert len(blocks.snappy(dice.randbytes(dice.randint(0, 60)), 500)[0]) <= 500
