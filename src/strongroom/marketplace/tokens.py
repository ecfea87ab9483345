"""Login with Amazon: a refresh token becomes an access token, kept in memory until shortly before its end.

Operations whose answers hold a recipient want a restricted data token besides; one for all our paths lives an hour too.
"""

import threading
from typing import Any, Final
from urllib.parse import urlencode

from strongroom.formats.clock import Clock
from strongroom.formats.secret import Secret
from strongroom.marketplace import errors, parse
from strongroom.marketplace.errors import MarketplaceError
from strongroom.marketplace.transport import Reply, Transport

EARLY: Final = 60.0
LONGEST: Final = 3600.0


RESTRICTED: Final = (
    {"method": "POST", "path": "/mfn/v0/shipments"},
    {"method": "GET", "path": "/mfn/v0/shipments/{shipmentId}"},
    {"method": "DELETE", "path": "/mfn/v0/shipments/{shipmentId}"},
)
"""What the restricted token is for, and nothing else: labels bought through Amazon (Tokens 2021-03-01)."""


class Held:
    """A token and its end by boot time, which nobody can set back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._until = 0.0

    def held(self) -> Secret | None:
        """The token we have, if it still lives."""
        with self._lock:
            return self._token if self._clock.boot() < self._until else None

    def keep(self, token: Secret, life: float) -> None:
        with self._lock:
            self._token, self._until = token, self._clock.boot() + max(0.0, min(life, LONGEST) - EARLY)

    def forget(self) -> None:
        with self._lock:
            self._token = None


class Tokens(Held):
    """The access token of one account."""

    def __init__(
        self, *, transport: Transport, endpoint: str, client_id: str, client_secret: Secret, refresh_token: Secret,
        clock: Clock,
    ) -> None:  # fmt: skip
        super().__init__(clock)
        self._transport = transport
        self._endpoint = endpoint
        self._form = Secret(
            urlencode(
                {
                    "grant_type": "refresh_token",
                    "refresh_token": refresh_token.text(),
                    "client_id": client_id,
                    "client_secret": client_secret.text(),
                }
            )
        )

    def fetch(self) -> Reply:
        """Ask for a new one. Raises `TokenRevoked` and the transport's errors."""
        reply = self._transport.send(
            "token", "POST", self._endpoint, headers={}, content=self._form,
            content_type="application/x-www-form-urlencoded;charset=UTF-8",
        )  # fmt: skip
        problem, token, life = _token_of(reply)
        if problem is not None:  # raised here, where no answer is in sight of the traceback
            raise problem
        assert token is not None  # noqa: S101 - one of the two is there
        self.keep(token, life)
        return reply


def _token_of(reply: Reply) -> tuple[MarketplaceError | None, Secret | None, float]:
    """The token and its life in seconds, or what its answer means."""
    where: dict[str, Any] = {"status": reply.status, "request_id": reply.request_id}
    loaded = _loaded(reply)
    if reply.status >= 400:
        return _refusal(reply.status, loaded, where), None, 0.0
    if not isinstance(loaded, dict):
        return errors.NotJson("token", **where), None, 0.0
    token, life = sound_token(loaded.get("access_token")), loaded.get("expires_in")
    if token is None:
        return errors.WrongShape("token", **where), None, 0.0
    return None, token, float(life) if isinstance(life, int) else LONGEST


def restricted(body: Any) -> tuple[Secret, float]:
    """`createRestrictedDataToken`'s answer: the token and its life in seconds. Raises `NotAnAnswer`."""
    token = sound_token(body.get("restrictedDataToken")) if isinstance(body, dict) else None
    if token is None:
        raise parse.NotAnAnswer("a restricted token was asked for")
    life = body.get("expiresIn")
    return token, float(life) if isinstance(life, int) else LONGEST


def sound_token(value: Any) -> Secret | None:
    """A text that may stand in a header."""
    sound = isinstance(value, str) and 0 < len(value) <= 4096 and value.isascii() and value.isprintable()
    return Secret(value) if sound else None


def _refusal(status: int, loaded: Any, where: dict[str, Any]) -> MarketplaceError:
    if status >= 500:
        return errors.Unavailable("token", **where)
    if status == 429:
        return errors.Throttled("token", wait=1.0, **where)
    code = loaded.get("error") if isinstance(loaded, dict) else None
    where["code"] = code if isinstance(code, str) else None
    revoked = code in ("invalid_grant", "unauthorized_client", "invalid_client")
    return (errors.TokenRevoked if revoked else errors.BadRequest)("token", **where)


def _loaded(reply: Reply) -> Any:
    try:
        return parse.load(reply.body)
    except ValueError:
        return None
