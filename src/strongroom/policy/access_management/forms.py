"""What people type to come in. Passwords follow AZ-2: their length is a term, four kinds, nothing of the name."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from strongroom.formats.secret import Secret
from strongroom.policy.access_management.actions import why_refused
from strongroom.policy.access_management.devices import KINDS
from strongroom.policy.access_management.lockout import UnlockReason
from strongroom.policy.access_management.passwords import asked_of
from strongroom.policy.clauses import terms
from strongroom.policy.least_privilege.models import EndReason, Reason
from strongroom.policy.least_privilege.roles import FOR_PEOPLE, ROLES, Role

LONDON = ZoneInfo("Europe/London")


def words_of(role: Role) -> str:
    """A role as somebody chooses it."""
    return f"{role.value}: {ROLES[role].words}"


class SignInForm(forms.Form):
    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label="Password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code from your authenticator app, or a recovery code",
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "spellcheck": "false"}),
    )


class FirstAdministratorForm(forms.Form):
    name = forms.CharField(label="Your name", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="The same password again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    roles = forms.MultipleChoiceField(
        label="Further roles for yourself",
        required=False,
        help_text="You approve them yourself, since nobody else is here; the journal shows that.",
        choices=[
            (role.value, f"{role.value}: {ROLES[role].words}") for role in FOR_PEOPLE if role != Role.ADMINISTRATOR
        ],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["password"].help_text = asked_of(terms.count("password_length"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        password, whose = data.get("password", ""), {field: data.get(field, "") for field in ("name", "email")}
        if password and (problem := why_refused(Secret(password), **whose)):
            self.add_error("password", problem)
        if password and password != data.get("again"):
            self.add_error("again", "The two passwords differ.")
        return data


class PasswordForm(forms.Form):
    """A new password, twice."""

    password = forms.CharField(
        label="New password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="The same password again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["password"].help_text = asked_of(terms.count("password_length"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("password") and data["password"] != data.get("again"):
            self.add_error("again", "The two passwords differ.")
        return data


class ChangeForm(PasswordForm):
    """A new password, twice, after the present one; whoever has none is not asked for it."""

    present = forms.CharField(
        label="Your present password", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip
    field_order = ("present", "password", "again")

    def __init__(self, data: Any = None, *, has_one: bool = True) -> None:
        super().__init__(data)
        if not has_one:
            del self.fields["present"]


class InviteForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    email = forms.EmailField(
        label="Work e-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )


class GrantForm(forms.Form):
    role = forms.ChoiceField(label="Role", choices=[(role.value, words_of(role)) for role in FOR_PEOPLE])
    reason = forms.TypedChoiceField(
        label="Why", coerce=lambda value: Reason(int(value)),
        choices=[(int(reason), reason.words.capitalize()) for reason in Reason if reason is not Reason.FIRST],
    )  # fmt: skip


class EndForm(forms.Form):
    """Why a role ends, for each row of a table: the same field many times, so it has no id."""

    reason = forms.TypedChoiceField(
        label="Why it ends", coerce=lambda value: EndReason(int(value)),
        choices=[(int(r), r.words.capitalize()) for r in EndReason if r not in (EndReason.LEFT, EndReason.NEW_FACTORS)],
        widget=forms.Select(attrs={"aria-label": "Why it ends"}),
    )  # fmt: skip
    use_required_attribute = False

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id=False)


class UnlockForm(forms.Form):
    reason = forms.TypedChoiceField(
        label="What was found", coerce=lambda value: UnlockReason(int(value)),
        choices=[(int(reason), reason.words.capitalize()) for reason in UnlockReason],
    )  # fmt: skip
    restore = forms.BooleanField(label="Their roles are in force again", required=False)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="unlock_%s")


class LeaveForm(forms.Form):
    """When somebody leaves, as London says it; the moment is kept in UTC."""

    at = forms.DateTimeField(
        label="Last moment here", input_formats=["%Y-%m-%dT%H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )  # fmt: skip

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="leave_%s")

    def clean_at(self) -> datetime:
        said: datetime = self.cleaned_data["at"]
        return said.replace(tzinfo=LONDON).astimezone(UTC)


class PasskeyForm(forms.Form):
    """A passkey's name and what the browser answered. The answer is bounded, and hostile until it was verified."""

    name = forms.CharField(label="Name of this device", max_length=40, initial="My device")
    credential = forms.CharField(max_length=32_768, widget=forms.HiddenInput)


class DeviceForm(forms.Form):
    """A device of the company's; whoever records it says that it is."""

    name = forms.CharField(label="Name, as it stands on the device", max_length=40)
    kind = forms.ChoiceField(label="Kind", choices=[(kind, words.capitalize()) for kind, words in KINDS.items()])
    stated = forms.BooleanField(label="It is the company's and managed by it: disk locked, updates, screen lock")
