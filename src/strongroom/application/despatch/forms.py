"""What is typed at the desk: holds, part shipments, tracking numbers. No field takes free text."""

from typing import Any

from django import forms

from strongroom.application.despatch import rules
from strongroom.application.despatch.rules import Hold
from strongroom.formats.refused import Refused


class HoldForm(forms.Form):
    reason = forms.ChoiceField(
        label="Why it waits",
        required=False,
        choices=[("", "Let it go"), *((str(int(reason)), reason.words.capitalize()) for reason in Hold)],
    )


class HandOverForm(forms.Form):
    carrier = forms.ChoiceField(label="Carrier", choices=[(name, name) for name in rules.carrier_names()])
    number = forms.CharField(
        label="Tracking number",
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}),
    )

    def clean_number(self) -> str:
        try:
            return rules.pack_tracking(str(self.cleaned_data["number"]))
        except Refused as refused:
            raise forms.ValidationError(refused.sentence) from None


class PartForm(forms.Form):
    """How many pieces of each line go into the next parcel; `free`: what is left of each line."""

    def __init__(self, *args: Any, free: dict[int, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for line, most in free.items():
            self.fields[f"line{line}"] = forms.IntegerField(
                label=f"Pieces of line {line}", min_value=0, max_value=most, initial=most, required=False,
                widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
            )  # fmt: skip

    def lines(self) -> dict[int, int]:
        """Pieces by line, as chosen."""
        return {int(name.removeprefix("line")): int(value or 0) for name, value in self.cleaned_data.items()}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not any(data.values()):
            raise forms.ValidationError("Choose at least one piece.")
        return data
