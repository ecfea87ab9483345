"""What will be forgotten when, and what was."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from strongroom.policy import definitions
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.models import DayKey, SealedPart
from strongroom.policy.logging_and_monitoring.models import Alarm
from strongroom.policy.obligations.models import Obligation
from strongroom.policy.retention_and_recovery import actions, rules
from strongroom.policy.retention_and_recovery.models import Order


@dataclass(frozen=True)
class LivingDay:
    """A day whose key lives, and how many orders it can still open."""

    day: date
    dies_at: datetime
    orders: int
    height: int
    x: int
    y: int


@permission(Permission.RETENTION_READ)
@require_GET
def retention(request: HttpRequest) -> HttpResponse:
    accounts, now = actions.selling_accounts(), definitions.now()
    state = broker.status()
    living = sorted({definitions.day_of_number(key.day) for key in state.living if not key.house})
    counted = SealedPart.objects.filter(account_id__in=accounts).values("day")
    orders = dict(counted.annotate(n=Count("order_ref", distinct=True)).values_list("day", "n"))
    highest = max(orders.values(), default=0) or 1
    days = [_living_day(day, orders.get(day, 0), highest, i) for i, day in enumerate(living)]
    forgotten = DayKey.objects.filter(account_id__in=accounts, dropped_at__isnull=False).order_by("-day")
    shown = {
        "overdue": actions.overdue(),
        "days": days,
        "next": days[0] if days else None,
        "soon": days[:6],
        "openable": sum(day.orders for day in days),
        "through": definitions.day_of_number(state.destroyed_through) if state.destroyed_through else None,
        "erased": Order.objects.filter(account_id__in=accounts, erased_at__isnull=False).count(),
        "forgotten": forgotten[:10],
        "forgotten_count": forgotten.count(),
        "obligations": Obligation.objects.filter(account_id__in=accounts, satisfied_at__isnull=True).order_by("due_at")[
            :10
        ],
        "alarms": Alarm.objects.filter(account_id__in=accounts, closed_at__isnull=True).order_by("raised_at"),
        "terms": [term for term in terms.in_force().all() if term.clause in ("RR-2", "RR-3", "DF-3", "AZ-3")],
        "now": now,
        "width": 16 + 24 * len(days),
    }
    return render(request, "retention_and_recovery/retention.html", shown)


def _living_day(day: date, orders: int, highest: int, position: int) -> LivingDay:
    height = max(1, round(120 * orders / highest))
    return LivingDay(day, rules.dies_at(day), orders, height, 8 + 24 * position, 128 - height)
