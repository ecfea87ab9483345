"""The company's devices: the register, and the one question to a browser that is new here (AM-6)."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from strongroom.policy.access_management import devices
from strongroom.policy.access_management.forms import DeviceForm
from strongroom.policy.access_management.models import Device, SignedIn
from strongroom.policy.access_management.step_up import needs_recent_factor
from strongroom.policy.access_management.views import where_to
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.least_privilege.gate import can
from strongroom.policy.least_privilege.models import Person


@permission(Permission.REGISTERS_READ)
@require_safe
def register(request: HttpRequest) -> HttpResponse:
    return _register(request, DeviceForm())


@permission(Permission.DEVICES_MANAGE)
@needs_recent_factor
@require_POST
def record(request: HttpRequest) -> HttpResponse:
    form = DeviceForm(request.POST)
    if not form.is_valid():
        return _register(request, form, status=422)
    devices.record(**form.cleaned_data, by=_me(request))
    return redirect("devices")


@permission(Permission.DEVICES_MANAGE)
@needs_recent_factor
@require_POST
def retire(request: HttpRequest, device: int) -> HttpResponse:
    found = Device.objects.filter(pk=device).first()
    if found is None:
        raise Http404
    devices.retire(device=found, by=_me(request))
    return redirect("devices")


@permission(Permission.SIGNED_IN)
@require_http_methods(["GET", "POST"])
def this(request: HttpRequest) -> HttpResponse:
    """Which of the company's devices this browser is on: asked once a browser, answered by one button."""
    me, following = _me(request), request.POST.get("next") or request.GET.get("next", "")
    if request.method == "POST":
        chosen = request.POST.get("device", "")
        found = Device.objects.filter(pk=int(chosen)).first() if chosen.isascii() and chosen.isdigit() else None
        if found is None:
            raise Http404
        response = HttpResponseRedirect(where_to(request, me, following))
        devices.name_it(request, response, device=found, by=me)
        return response
    shown = {
        "devices": [(each, devices.KINDS[each.kind]) for each in devices.recorded()],
        "next": where_to(request, me, following), "may_manage": can(me, Permission.DEVICES_MANAGE),
    }  # fmt: skip
    return render(request, "access_management/this_device.html", shown)


def _register(request: HttpRequest, form: DeviceForm, status: int = 200) -> HttpResponse:
    open_now: dict[int, int] = {}
    for pk in SignedIn.objects.filter(ended_at__isnull=True, device__isnull=False).values_list("device_id", flat=True):
        open_now[pk] = open_now.get(pk, 0) + 1
    everything = Device.objects.order_by("retired_at", "name")
    rows: list[Any] = [(each, devices.KINDS[each.kind], open_now.get(each.pk, 0)) for each in everything]
    shown = {
        "rows": [row for row in rows if row[0].retired_at is None], "gone": [r for r in rows if r[0].retired_at],
        "form": form, "may_manage": can(_me(request), Permission.DEVICES_MANAGE),
    }  # fmt: skip
    return render(request, "access_management/devices.html", shown, status=status)


def _me(request: HttpRequest) -> Person:
    if not isinstance(request.user, Person):
        raise Http404
    return request.user
