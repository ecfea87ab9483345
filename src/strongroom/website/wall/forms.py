"""What people fill in about promises: duties done, owners, exceptions, registers."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms

from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage import registers
from strongroom.policy.least_privilege.models import Person

DAY = forms.DateInput(attrs={"type": "date"})


class DutyForm(forms.Form):
    """A duty that was done: when, what, and the document that shows it, by its hash."""

    on = forms.DateField(label="Done on", widget=DAY)
    words = forms.CharField(
        label="What was done", max_length=2_000, widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "true"}),
        help_text="Who looked where, what was found. No customer, no address, no order number of Amazon's.",
    )  # fmt: skip
    document = forms.RegexField(
        label="SHA-256 of the document", regex=r"^[0-9a-fA-F]{64}$", required=False, max_length=64,
        help_text="64 hexadecimal digits, as `sha256sum FILE` prints them. Leave empty where there is none.",
        error_messages={"invalid": "A SHA-256 is 64 hexadecimal digits."},
    )  # fmt: skip
    kept_at = forms.CharField(label="Where the document is kept", required=False, max_length=120)

    def clean_on(self) -> datetime:
        """The day's end, or now where it is today: evidence never speaks of what will be."""
        day: date = self.cleaned_data["on"]
        end = datetime.combine(day, time(23, 59), UTC)
        now = definitions.now()
        if day > now.date():
            raise forms.ValidationError("That day has not come yet.")
        return min(end, now)

    def clean_document(self) -> bytes | None:
        text = str(self.cleaned_data["document"])
        return bytes.fromhex(text) if text else None


class PeopleField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic for mypy alone
    """Somebody who works here, by name."""

    def label_from_instance(self, obj: Person) -> str:
        return obj.name


class OwnerForm(forms.Form):
    owner = PeopleField(label="Answers for it", queryset=Person.objects.none())
    delegate = PeopleField(label="Stands in", queryset=Person.objects.none(), required=False, empty_label="nobody else")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = Person.objects.filter(is_active=True).order_by("name")


class ExceptionForm(forms.Form):
    reason = forms.CharField(label="Why it cannot be kept for now", max_length=300)
    until = forms.DateField(label="Until the end of", widget=DAY, help_text="At most 90 days from now.")

    def clean_until(self) -> datetime:
        return datetime.combine(self.cleaned_data["until"], time(0), UTC) + timedelta(days=1)


class PlaceForm(forms.Form):
    name = forms.CharField(label="Place", max_length=40)
    kind = forms.ChoiceField(
        label="It is", choices=[(k, k) for k in ("server room", "bench", "office", "store", "elsewhere")]
    )
    controls = forms.CharField(
        label="What keeps others out", max_length=300, help_text="Such as: locked door, two keys with a register."
    )


class EquipmentForm(forms.Form):
    name = forms.CharField(label="Name", max_length=64, help_text="A server by its own host name.")
    kind = forms.ChoiceField(label="It is", choices=[("server", "a server"), ("bin", "a bin for printed matter")])
    place = forms.ChoiceField(label="Where it stands")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        place = self.fields["place"]
        if isinstance(place, forms.ChoiceField):
            place.choices = [(name, name) for name in registers.places()]


class ThreatForm(forms.Form):
    subject = forms.RegexField(
        label="Of what", regex=r"^(link|store|recipient):[a-z-]{2,30}$", max_length=40,
        help_text="Such as link:printer, store:backups or recipient:carrier.",
        error_messages={"invalid": "Write link:, store: or recipient: and a short name of small letters."},
    )  # fmt: skip
    words = forms.CharField(label="What could happen", max_length=300)
    control = forms.CharField(label="What is done about it", max_length=300, required=False)
    residual = forms.CharField(label="What is left", max_length=300, required=False)
    accept = forms.BooleanField(label="Propose to accept what is left; a second person decides", required=False)
