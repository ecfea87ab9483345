"""How things stand with Amazon, and every call that was made."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from strongroom.marketplace import errors
from strongroom.marketplace.limits import LIMITS
from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.logging_and_monitoring.models import ApiCall, Bucket, SellingAccount
from strongroom.policy.retention_and_recovery.actions import selling_accounts
from strongroom.policy.retention_and_recovery.models import Receiver


@permission(Permission.MARKETPLACE_READ)
@require_GET
def marketplace(request: HttpRequest) -> HttpResponse:
    accounts = selling_accounts()
    receivers = {r.account_id: r for r in Receiver.objects.filter(account_id__in=accounts)}
    rows = [(account, receivers.get(account.id)) for account in SellingAccount.objects.filter(id__in=accounts)]
    calls = Paginator(ApiCall.objects.filter(account_id__in=accounts).order_by("-began_at"), 50)
    failing = next((r for r in receivers.values() if r.failure), None)
    shown = {
        "rows": rows,
        "failing": failing,
        "why": _sentence(failing.failure or "") if failing else "",
        "allowances": _allowances(accounts),
        "page": calls.get_page(request.GET.get("page")),
    }
    return render(request, "receipt/marketplace.html", shown)


@permission(Permission.MARKETPLACE_ASK)
@require_POST
def ask(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a POST is all it takes
    """Let the worker ask Amazon at its next look; its allowance still holds."""
    Receiver.objects.filter(account_id__in=selling_accounts()).update(wanted_at=definitions.now())
    return redirect("marketplace")


def _allowances(accounts: list[int]) -> list[tuple[str, int, int]]:
    """Operation, whole calls left now, and the most there can be."""
    now, found = definitions.now(), []
    for bucket in Bucket.objects.filter(selling_account__in=accounts).order_by("operation"):
        limit = LIMITS.get(bucket.operation)
        if limit is not None:
            filled = bucket.tokens + max(0.0, (now - bucket.at).total_seconds()) * limit.rate
            found.append((bucket.operation, int(min(limit.burst, filled)), limit.burst))
    return found


def _sentence(name: str) -> str:
    """What a failure's type says to a person."""
    kind = getattr(errors, name, None)
    return (kind.__doc__ or "").split("\n", 1)[0] if kind else ""
