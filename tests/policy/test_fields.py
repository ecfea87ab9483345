"""The catalogue of stored fields: everything has its class, and shapes know what looks like somebody (DF-2, DF-3)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.policy.definitions.fields import Class, catalogue, differences

ROOT = Path(__file__).parents[2]
START = (
    "import sys; sys.path.insert(0, {src!r}); import os; os.environ['DJANGO_SETTINGS_MODULE'] ="
    " 'strongroom.website.settings'; import django; django.setup(); from django.core import checks;"
    " print([p.msg for p in checks.run_checks() if p.is_serious()])"
)


def shape_of(table: str, column: str) -> str:
    found = catalogue()[table].columns[column].shape
    return found.name if found else ""


@pytest.mark.parametrize(
    ("table", "column", "text", "why"),
    [
        ("amazon_order", "service", "NextDay", ""),
        ("amazon_order", "service", "Mabel Quill, 12 Harbour Road", "something else than letters"),
        ("amazon_order", "order_id", "252-9366514-0000001", ""),
        ("amazon_order", "order_id", "Mabel Quill", "something else than order number"),
        ("order_item", "title", "Wooden kite, 5 colours, PS5 1TB", ""),
        ("order_item", "title", "Kite for mabel@quill.example", "an e-mail address"),
        ("order_item", "title", "Kite to 12 Harbour Road", "a house and its street"),
        ("order_item", "title", "Call +44 7700 900123", "a telephone number"),
        ("order_item", "title", "4006381333931 kite", ""),
        ("evidence", "words", "Walked both sites, all locked.", ""),
        ("evidence", "words", "Walked to QM1 2AB", "a postcode"),
        ("run", "seen", '{"order": "6f1e2d3c-1111-4222-8333-944455566677", "n": 3}', ""),
        ("run", "seen", '{"who": "mabel@quill.example"}', "an e-mail address"),
        ("api_call", "request_id", '{"name":"Mabel"}', "something else than id"),
        ("mfa_authenticator", "type", "recovery_codes", ""),
        ("mfa_authenticator", "type", "recovery codes of Mabel", "something else than letters"),
    ],
)
def test_a_text_is_what_its_column_is_for(table: str, column: str, text: str, why: str) -> None:
    shape = catalogue()[table].columns[column].shape
    assert shape is not None
    assert shape.why_not(text) == why


def test_personal_data_has_columns_in_one_table_only_and_they_are_bytes() -> None:
    sealed = {(t.name, c.name) for t in catalogue().values() for c in t.columns.values() if c.kind is Class.SEALED}
    assert sealed == {("sealed", name) for name in ("bundle", "body", "index_email", "index_phone", "index_place")}
    assert not any(shape_of(*each) for each in sealed)


def test_purchases_stand_where_lines_go_with_the_order() -> None:
    dated = {table.name for table in catalogue().values() for c in table.columns.values() if c.kind is Class.DATED}
    assert dated == {"order_item", "parcel_item"}


def test_a_column_too_many_and_one_too_few_are_told_by_name() -> None:
    stored = [(table.name, column) for table in catalogue().values() for column in table.columns]
    assert differences(stored) == []
    assert differences([*stored, ("parcel", "remarks")]) == ["parcel.remarks: in no class"]
    assert differences(stored[1:]) == [f"{stored[0][0]}.{stored[0][1]}: in the catalogue only"]


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        ("    remarks = models.IntegerField(null=True)\n", "wave.remarks: in no class"),
        ("    orders = models.CharField(max_length=9)\n", "wave.orders: a text without a shape"),
    ],
)
def test_nothing_starts_with_a_field_that_stands_in_no_class(folder: Path, planted: str, told: str) -> None:
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    models = folder / "src/strongroom/policy/retention_and_recovery/models.py"
    text = models.read_text()
    at = text.index('    class Meta:\n        db_table = "wave"')
    models.write_text(text[:at] + planted + "\n" + text[at:])
    done = subprocess.run(
        [sys.executable, "-c", START.format(src=str(folder / "src"))], capture_output=True, text=True, check=False
    )
    assert told in done.stdout, done.stderr[-500:]
