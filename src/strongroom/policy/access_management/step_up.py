"""Dangerous acts ask for a factor of the last ten minutes, before the form as well as when it is sent (AM-8)."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from strongroom.policy.access_management import sessions

View = TypeVar("View", bound=Callable[..., Any])


def needs_recent_factor(view: View) -> View:
    """Send whoever used their factor longer ago to the step-up page; it leads back to where they were."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if sessions.is_recent(request):
            return view(request, *args, **kwargs)
        return HttpResponseRedirect(f"{reverse('step-up')}?{urlencode({'next': sessions.back_to(request)})}")

    guarded.asks_for_recent_factor = True  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]
