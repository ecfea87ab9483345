"""The one gateway to Amazon (DF-1, LM-6, RR-1): every call has its row before it is made, and its token first."""

import os
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import transaction

from strongroom.formats.clock import Clock
from strongroom.formats.secret import Secret
from strongroom.marketplace import Client
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.connection import Unavailable
from strongroom.policy.logging_and_monitoring.models import ApiCall, Bucket

ABANDONED_AFTER: Final = timedelta(minutes=10)
"""No call is on its way for so long: the client gives up after two minutes at most."""
USER_AGENT: Final = "Strongroom/0.1 (Language=Python)"


class DatabaseCallLog:
    """`marketplace.CallLog`: one row a call, in a transaction of its own, committed before the call is made."""

    def __init__(self, account: int) -> None:
        self._account = account

    def begin(self, operation: str) -> uuid.UUID:
        call = definitions.reference()
        with transaction.atomic(durable=True):
            ApiCall(
                account_id=self._account,
                id=call,
                operation=operation,
                began_at=definitions.now(),
                outcome="begun",
            ).save(force_insert=True)
        return call

    def complete(
        self,
        call: uuid.UUID,
        *,
        status: int | None,
        request_id: str | None,
        rate_limit: str | None,
        outcome: str,
        milliseconds: int,
        dropped_fields: int,
    ) -> None:
        with transaction.atomic(durable=True):
            ApiCall.objects.filter(account_id=self._account, id=call, ended_at__isnull=True).update(
                ended_at=definitions.now(),
                status=status,
                request_id=request_id,
                rate_limit=rate_limit,
                outcome=outcome,
                milliseconds=milliseconds,
                dropped_fields=dropped_fields,
            )


def end_abandoned(*, account: int) -> int:
    """Complete the calls whose process died over them: their end is not known, and the log says so (LM-6). How many."""
    now = definitions.now()
    return ApiCall.objects.filter(account_id=account, ended_at__isnull=True, began_at__lt=now - ABANDONED_AFTER).update(
        ended_at=now, outcome="abandoned"
    )


class DatabaseBucket:
    """`marketplace.Bucket`: the tokens of one account, shared by all processes, in policy time (I18)."""

    def __init__(self, account: int) -> None:
        self._account = account

    def take(self, operation: str, *, rate: float, burst: int) -> float:
        """0.0 when a token was taken, else the seconds until there is one."""
        with transaction.atomic(durable=True):
            now = definitions.now()
            row, made = Bucket.objects.select_for_update().get_or_create(
                selling_account=self._account, operation=operation, defaults={"tokens": burst, "at": now}
            )
            tokens = float(burst) if made else _filled(row, now, rate, burst)
            if tokens < 1.0:
                return (1.0 - tokens) / rate
            row.tokens, row.at = tokens - 1.0, max(now, row.at)
            row.save(update_fields=["tokens", "at"])
            return 0.0


class Settings:
    """What the gateway needs of the configuration: `[marketplace]` and the credential files."""

    def __init__(
        self,
        *,
        endpoint: str,
        login_endpoint: str,
        client_id: str,
        client_secret: Secret,
        refresh_token: Secret,
        marketplaces: tuple[str, ...],
        ca_file: Path | None,
    ) -> None:
        self.endpoint = endpoint
        self.login_endpoint = login_endpoint
        self.client_id = client_id
        self.client_secret = client_secret
        self.refresh_token = refresh_token
        self.marketplaces = marketplaces
        self.ca_file = ca_file


def client(account: int, settings: Settings, clock: Clock) -> Client:
    """The only way to a `Client`: with the log, the bucket and the broker's ear for Amazon's `Date`."""
    return Client(
        endpoint=settings.endpoint,
        login_endpoint=settings.login_endpoint,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        refresh_token=settings.refresh_token,
        marketplace_ids=settings.marketplaces,
        bucket=DatabaseBucket(account),
        call_log=DatabaseCallLog(account),
        clock=clock,
        ca_file=settings.ca_file,
        date_heard=_date_heard,
        user_agent=f"{USER_AGENT[:-1]}; Platform={os.uname().sysname})",
    )


def _date_heard(seconds: float) -> None:
    try:
        broker.date_heard(seconds)
    except Unavailable:
        return  # the broker will hear the next one; a call to Amazon does not fail for it


def _filled(row: Bucket, now: datetime, rate: float, burst: int) -> float:
    passed = max(0.0, (now - row.at).total_seconds())
    return min(float(burst), row.tokens + passed * rate)
