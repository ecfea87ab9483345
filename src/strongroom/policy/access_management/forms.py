"""What people type to come in. Passwords follow AZ-2: twelve characters, four kinds, nothing of the person's name."""

from typing import Any

from django import forms

from strongroom.policy.least_privilege.roles import ROLES, Role


class SignInForm(forms.Form):
    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label="Password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code from your authenticator app",
        max_length=8,
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
        help_text="12 characters or more, with a capital, a small letter, a digit and a sign; nothing of your name.",
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
        choices=[(role.value, f"{role.value}: {ROLES[role].words}") for role in ROLES if role != Role.ADMINISTRATOR],
        widget=forms.CheckboxSelectMultiple,
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        password, who = data.get("password", ""), f"{data.get('name', '')} {data.get('email', '')}".casefold()
        if password and (problem := why_weak(password, who)):
            self.add_error("password", problem)
        if password and password != data.get("again"):
            self.add_error("again", "The two passwords differ.")
        return data


def why_weak(password: str, who: str) -> str | None:
    """What a password lacks, in words; `None` where it is strong enough (AZ-2)."""
    kinds = (str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum())
    if len(password) < 12:
        return "A password has at least 12 characters."
    if not all(any(kind(c) for c in password) for kind in kinds):
        return "A password has a capital, a small letter, a digit and a sign."
    words = [word for word in who.replace("@", " ").replace(".", " ").split() if len(word) > 2]
    if any(word in password.casefold() for word in words):
        return "A password holds nothing of your name or address."
    return None
