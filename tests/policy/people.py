"""People for the tests of sign-in: each at a browser of their own, against the website's own routes and middleware.

The database sees the website's role, the broker is the real one; only the network is left out.
"""

import html
import itertools
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from strongroom.formats.secret import Secret
from strongroom.policy.access_management import totp
from tests.house.running import House
from tests.policy.soft_passkey import SoftPasskey

PASSWORD = "Harbour-Lamp-77!"
WRONG = "Wrong-Lantern-55?"
COUNT = itertools.count(1)


class Somebody:
    """A person with a password and an app, unless said otherwise, and no role; nobody is signed in yet."""

    def __init__(self, *roles: str, password: str | None = PASSWORD, has_app: bool = True) -> None:
        from strongroom.formats.leaf import Actor
        from strongroom.policy.access_management import factors
        from strongroom.policy.least_privilege.actions import create_person, grant_role
        from strongroom.policy.least_privilege.roles import Role

        n = next(COUNT)
        self.email = f"somebody{n}-{time.monotonic_ns()}@example.invalid"
        self.row = create_person(
            name=f"Some Body {n}", email=self.email, password=Secret(password) if password else None
        )
        for role in roles:
            grant_role(person=self.row, role=Role(role), granted_by=None, by=Actor.COMMAND.reference)
        self.secret = totp.new_secret()
        if has_app:
            factors.keep_code(person=self.row, secret=self.secret)
        self.browser = browser()

    def code(self, ahead: int = 0) -> str:
        return totp.code(self.secret, int(time.time() // totp.STEP) + ahead)

    def password(self, password: str = PASSWORD, using: Client | None = None) -> Any:
        return post(using or self.browser, "/sign-in", email=self.email, password=password)

    def sign_in(self, using: Client | None = None, ahead: int = 0) -> Any:
        """Password and code; `ahead`: the next step's code, where this one is used."""
        self.password(using=using)
        return post(using or self.browser, "/sign-in/code", code=self.code(ahead))

    def passkey(self) -> SoftPasskey:
        """A passkey, added as the page does it. For somebody signed in."""
        made = SoftPasskey()
        options = post(self.browser, "/sign-in/passkey/challenge", make="1").json()
        answer = post(self.browser, "/me/passkeys", name="Soft", credential=made.make(options))
        assert answer.status_code == 302, answer.content
        return made

    def touch(self, passkey: SoftPasskey, using: Client, **how: Any) -> Any:
        """Sign in with a passkey at some browser."""
        options = post(using, "/sign-in/passkey/challenge").json()
        return post(using, "/sign-in/passkey", credential=passkey.sign(options, **how))

    def now(self) -> Any:
        """The row as it stands."""
        self.row.refresh_from_db()
        return self.row


def browser(address: str = "127.0.0.1") -> Client:
    return Client(headers={"host": "localhost", "user-agent": "Chrome/156.0 Linux"}, REMOTE_ADDR=address)


def post(using: Client, path: str, **fields: str) -> Any:
    return using.post(path, fields, secure=True, headers={"referer": f"https://localhost{path}"})


def get(using: Client, path: str) -> Any:
    return using.get(path, secure=True)


def is_inside(using: Client) -> bool:
    return bool(get(using, "/me").status_code == 200)


def leads(answer: Any) -> str:
    """Where an answer leads, past the question which device this browser is on."""
    address = urlsplit(answer.headers["location"])
    if address.path != "/devices/this":
        return str(address.geturl())
    return str(parse_qs(address.query)["next"][0])


def words(answer: Any) -> str:
    return html.unescape(answer.content.decode())


@contextmanager
def as_website(house: House) -> Iterator[None]:
    """Within this, database and key broker see the website: what pages may do, and no more."""
    with website_broker(house), house.as_web():
        yield


@contextmanager
def website_broker(house: House) -> Iterator[None]:
    """Within this, the key broker takes this thread for the website."""
    from strongroom.policy.encryption_and_storage import connection

    channel = house.rehearsal.running.environment("web")[connection.CHANNEL]
    dialled = socket.socket(fileno=os.dup(int(channel)))
    mine, before = connection.Connection(channel=dialled), getattr(connection._threads, "connection", None)
    connection._threads.connection = mine
    try:
        yield
    finally:
        connection._threads.connection = before
        mine.close()
        dialled.close()
