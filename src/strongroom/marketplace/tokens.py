"""Login with Amazon: a refresh token becomes an access token, kept in memory until shortly before its end."""

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


class Tokens:
    """The access token of one account. Its life is counted by boot time, which nobody can set back."""

    def __init__(
        self, *, transport: Transport, endpoint: str, client_id: str, client_secret: Secret, refresh_token: Secret,
        clock: Clock,
    ) -> None:  # fmt: skip
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
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._until = 0.0

    def held(self) -> Secret | None:
        """The token we have, if it still lives."""
        with self._lock:
            return self._token if self._clock.boot() < self._until else None

    def forget(self) -> None:
        with self._lock:
            self._token = None

    def fetch(self) -> Reply:
        """Ask for a new one. Raises `TokenRevoked` and the transport's errors."""
        reply = self._transport.send(
            "token", "POST", self._endpoint, headers={}, content=self._form,
            content_type="application/x-www-form-urlencoded;charset=UTF-8",
        )  # fmt: skip
        problem, token, life = _token_of(reply)
        if problem is not None:  # raised here, where no answer is in sight of the traceback
            raise problem
        with self._lock:
            self._token, self._until = token, self._clock.boot() + max(0.0, min(life, LONGEST) - EARLY)
        return reply


def _token_of(reply: Reply) -> tuple[MarketplaceError | None, Secret | None, float]:
    """The token and its life in seconds, or what its answer means."""
    where: dict[str, Any] = {"status": reply.status, "request_id": reply.request_id}
    loaded = _loaded(reply)
    if reply.status >= 400:
        return _refusal(reply.status, loaded, where), None, 0.0
    if not isinstance(loaded, dict):
        return errors.NotJson("token", **where), None, 0.0
    token, life = loaded.get("access_token"), loaded.get("expires_in")
    if not isinstance(token, str) or not 0 < len(token) <= 4096 or not token.isascii() or not token.isprintable():
        return errors.WrongShape("token", **where), None, 0.0
    return None, Secret(token), float(life) if isinstance(life, int) else LONGEST


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
