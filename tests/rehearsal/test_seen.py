"""What a rehearsal's judges see is one moment's, whatever the worker does meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from strongroom.rehearsal.rehearse.seen import Eyes
from strongroom.rehearsal.sabotage.breaking import Target
from tests.house.running import House

DAY = date(2061, 1, 1)
WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sealed'::regclass"


def test_no_look_is_of_before_and_after_a_days_drop(house: House) -> None:
    target, eyes = Target(house.rehearsal), Eyes(house.rehearsal)
    with target.unguarded() as sql, target.superuser() as watching, ThreadPoolExecutor(1) as pool:
        sql.execute("SELECT make_day(%s)", [DAY])
        sql.execute("INSERT INTO day_key VALUES (1, %s, 1, sha256('token'), NULL)", [DAY])
        try:
            with sql.transaction():
                sql.execute("DROP TABLE sealed_20610101")
                sql.execute("UPDATE day_key SET dropped_at = now() WHERE day = %s", [DAY])
                looking, until = pool.submit(eyes.rows), time.monotonic() + 10
                while watching.execute(WAITS).fetchone() == (0,) and time.monotonic() < until:
                    time.sleep(0.02)
            days = looking.result(20)["days"]
            assert [row.dropped_at is not None for row in days if row.day == DAY] == [True]
        finally:
            eyes.close()
            sql.execute("DROP TABLE IF EXISTS sealed_20610101")
            sql.execute("DELETE FROM day_key WHERE day = %s", [DAY])
