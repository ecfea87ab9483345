"""One person at one Chromium, by keyboard: they type, press Tab and Enter, and hold a passkey."""

import base64
import time
from typing import Any

from strongroom.formats.secret import Secret
from strongroom.policy.access_management import totp
from strongroom.rehearsal.installation import Rehearsal

USED: dict[str, int] = {}
"""The newest step whose code each person used, over all tests: a code works once."""


def fresh_code(who: dict[str, str]) -> str:
    """A code of the person's app that nobody used; waits for the next where it must."""
    while (step := int(time.time() // totp.STEP)) <= USED.get(who["email"], -1):
        time.sleep(0.2)
    USED[who["email"]] = step
    return totp.code(Secret(base64.b32decode(who["secret"])), step)


class Station:
    """A browser window with an authenticator plugged in."""

    def __init__(self, chromium: Any, rehearsal: Rehearsal, **context: Any) -> None:
        self.base = f"https://localhost:{rehearsal.running.configuration.web.port}"
        self.context = chromium.new_context(
            ignore_https_errors=True, viewport={"width": 1440, "height": 900}, **context
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        tools = self.context.new_cdp_session(self.page)
        tools.send("WebAuthn.enable")
        self._tools, self._authenticator = tools, tools.send(
            "WebAuthn.addVirtualAuthenticator",
            {"options": {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
                         "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}},
        )["authenticatorId"]  # fmt: skip

    def close(self) -> None:
        self.context.close()

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)

    def type(self, selector: str, text: str) -> None:
        """Type into a field that the keyboard reached."""
        self.page.focus(selector)
        self.page.keyboard.type(text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, selector: str, most: int = 60) -> None:
        """Press Tab until this has the focus, as somebody without a mouse does."""
        for _ in range(most):
            if self.page.evaluate("s => document.activeElement?.matches(s)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector}")

    def sign_in(self, who: dict[str, str]) -> None:
        """Password, then a code, all typed."""
        self.go("/sign-in")
        self.type("#id_email", who["email"])
        self.press("Tab")
        self.page.keyboard.type(who["password"])
        self.press("Enter")
        self.page.wait_for_selector("#id_code")
        self.type("#id_code", fresh_code(who))
        self.press("Enter")
        self.page.wait_for_selector(".mast .who")
        self.say_which_device()

    def say_which_device(self) -> None:
        """One press, once a browser, where somebody who may see customers is asked."""
        if "/devices/this" in self.page.url:
            self.tab_to("button[name=device]")
            with self.page.expect_navigation():
                self.press("Enter")

    def add_passkey(self) -> None:
        """A passkey on this station's authenticator."""
        self.go("/me")
        self.tab_to("form.passkey button")
        with self.page.expect_navigation():
            self.press("Enter")
        self.page.wait_for_selector("text=Passkey")

    def hold(self, passkeys: list[dict[str, Any]]) -> None:
        """Plug in these passkeys instead of those that are there."""
        self._tools.send("WebAuthn.clearCredentials", {"authenticatorId": self._authenticator})
        for passkey in passkeys:
            self._tools.send("WebAuthn.addCredential", {"authenticatorId": self._authenticator, "credential": passkey})

    def passkeys(self) -> list[dict[str, Any]]:
        told = self._tools.send("WebAuthn.getCredentials", {"authenticatorId": self._authenticator})
        return list(told["credentials"])
