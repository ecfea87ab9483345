"""What shows that all that is stored has class, shape and origin: the tables themselves (DF-2, DF-3, AZ-12)."""

from collections.abc import Iterator
from typing import Final

from django.db import connection

from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed
from strongroom.policy.definitions.fields import Column, Table, catalogue, differences

PAGES: Final = 200
"""How many pages of a table are read; a smaller table is read whole."""
COLUMNS: Final = """
SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
"""
"""Every column of every table and view, whoever may read it; partitions have those of their table."""
ODD_PARTITIONS: Final = """
SELECT count(*) FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
WHERE c.relnamespace = 'public'::regnamespace
  AND (SELECT array_agg(attname ORDER BY attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0
       AND NOT attisdropped)
  IS DISTINCT FROM (SELECT array_agg(attname ORDER BY attname) FROM pg_attribute WHERE attrelid = p.oid AND attnum > 0
       AND NOT attisdropped)
  AND c.relkind IN ('r', 'p')
"""
READABLE: Final = """
SELECT c.relname, pg_relation_size(c.oid) / 8192 FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND has_table_privilege(c.oid, 'SELECT')
"""
FOREIGN_KEYS: Final = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND convalidated AND connamespace = 'public'::regnamespace
"""


def every_column_has_its_class(look: Look) -> Verdict:  # noqa: ARG001 - it looks at the database itself
    """The catalogue's columns against the database's own."""
    stored = [(str(table), str(column)) for table, column in asking.rows(COLUMNS)]
    wrong = differences(stored)
    odd = asking.value(ODD_PARTITIONS) or 0
    seen = {"columns": len(stored), "tables": len({table for table, _ in stored}), "wrong": len(wrong) + odd}
    if wrong:
        return failed(
            f"Columns that differ from the catalogue: {len(wrong)}; {wrong[0].partition(':')[0]} is the first.", **seen
        )
    if odd:
        return failed(f"Partitions with other columns than their table: {odd}.", **seen)
    return passed(f"Each of {len(stored)} columns in {seen['tables']} tables has its class.", **seen)


def texts_have_their_shapes(look: Look) -> Verdict:  # noqa: ARG001
    """Stored texts that hold what their column is not for, or what looks like somebody."""
    texts, wrong, first = 0, 0, ""
    readable = dict(asking.rows(READABLE))
    for table in catalogue().values():
        if table.name not in readable:
            continue
        for column, values in _texts(table, int(readable[table.name])):
            texts += len(values)
            for value in values:
                why = column.shape.why_not(value) if column.shape else ""
                wrong += bool(why)
                first = first or (f"{table.name}.{column.name} holds {why}" if why else "")
    seen = {"texts": texts, "wrong": wrong, "unreadable": len(set(catalogue()) - set(readable))}
    if wrong:
        return failed(f"Texts that are not what their column is for: {wrong:,}; {first}.", **seen)
    return passed(f"{texts:,} different texts, each what its column is for, and nobody in them.", **seen)


def amazons_rows_bear_their_origin(look: Look) -> Verdict:  # noqa: ARG001
    """Each table of Amazon's data: its origin column holds nothing else, or its foreign key leads to one that does."""
    keys = {(str(here), str(there)) for here, there in asking.rows(FOREIGN_KEYS)}
    amazons = [table for table in catalogue().values() if table.is_amazons]
    loose = [table.name for table in amazons if not _bears_origin(table, keys)]
    other = asking.value(
        "SELECT count(*) FROM amazon_order WHERE origin IS DISTINCT FROM CASE WHEN account_id > 0 THEN 'amazon'"
        " ELSE 'probe' END"
    )
    regionless = asking.value("SELECT count(*) FROM selling_account WHERE id > 0 AND region = ''")
    seen = {"tables": len(amazons), "loose": len(loose), "other": other or 0, "regionless": regionless or 0}
    if loose:
        return failed(f"Rows of {loose[0]} lead to no origin: its key is gone.", **seen)
    if other or regionless:
        return failed(f"Rows of Amazon's that do not say so: {other or regionless:,}.", **seen)
    return passed(f"Rows of all {len(amazons)} tables of Amazon's data bear their origin.", **seen)


def _bears_origin(table: Table, keys: set[tuple[str, str]]) -> bool:
    return table.origin in table.columns or (table.name, table.origin) in keys


def _texts(table: Table, pages: int) -> Iterator[tuple[Column, set[str]]]:
    """The different texts of each column that staff are not named in, of a sample of the table's rows."""
    columns = [c for c in table.columns.values() if c.shape is not None]
    if not columns:
        return
    names = ", ".join(connection.ops.quote_name(column.name) for column in columns)
    share = 100 if pages <= PAGES else 100 * PAGES / pages
    rows = asking.rows(f"SELECT {names} FROM {table.name} TABLESAMPLE SYSTEM ({share:f})")  # noqa: S608 - ours
    for place, column in enumerate(columns):
        yield column, {row[place] for row in rows if row[place] is not None}


CHECKS: Final = (
    Check(
        "DF-2.catalogue",
        "Every column of the database stands in a class of the catalogue.",
        "A column is stored that nobody classified.",
        every_column_has_its_class,
    ),
    Check(
        "DF-3.shapes",
        "Stored texts are what their columns are for, and nothing outside the seal looks like a customer.",
        "Something that looks like personal data stands in a plain column.",
        texts_have_their_shapes,
    ),
    Check(
        "AZ-12.origin",
        "Every row of Amazon's data bears its origin, or leads to one that does.",
        "Rows of Amazon's data have lost their origin.",
        amazons_rows_bear_their_origin,
    ),
)
