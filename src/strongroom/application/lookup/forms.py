"""Why a person opens a part, what they look for, and why they opened it. Names go into no field that is kept."""

from typing import Any

from django import forms

from strongroom.application.lookup.rules import Answer
from strongroom.formats.parts import OPENS, Peer, Purpose
from strongroom.formats.search import SearchField
from strongroom.formats.secret import Secret


class RevealForm(forms.Form):
    purpose = forms.TypedChoiceField(
        label="Why do you need to see it?",
        choices=[(int(p), opens.words) for p, opens in OPENS.items() if Peer.WEB in opens.peers],
        coerce=lambda value: Purpose(int(value)),
        error_messages={
            "required": "Choose why you need to see it.",
            "invalid_choice": "Choose one of these purposes.",
        },
    )
    case = forms.RegexField(
        label="Case number",
        regex=r"^[0-9 ]{1,20}$",
        required=False,
        error_messages={"invalid": "A case number is digits only. No names: they would stay in the journal."},
    )

    def clean_case(self) -> int | None:
        digits = str(self.cleaned_data.get("case") or "").replace(" ", "")
        return int(digits) if digits else None


OFF = {"autocomplete": "off", "spellcheck": "false", "translate": "no", "autocapitalize": "off"}


class FindForm(forms.Form):
    """One of: e-mail address, telephone, or name with postcode. Sent by POST; written nowhere, shown never again."""

    email = forms.CharField(label="E-mail address", required=False, max_length=254, widget=forms.TextInput(attrs=OFF))
    phone = forms.CharField(label="Telephone", required=False, max_length=40, widget=forms.TextInput(attrs=OFF))
    name = forms.CharField(
        label="Name on the parcel", required=False, max_length=200, widget=forms.TextInput(attrs=OFF)
    )
    postcode = forms.CharField(label="and postcode", required=False, max_length=20, widget=forms.TextInput(attrs=OFF))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not (data.get("email") or data.get("phone") or (data.get("name") and data.get("postcode"))):
            raise forms.ValidationError("Give an e-mail address, a telephone number, or a name with its postcode.")
        return data

    def wanted(self) -> tuple[SearchField, Secret]:
        """What to look for: the first that was given."""
        data = self.cleaned_data
        if data["email"]:
            return SearchField.EMAIL, Secret(data["email"])
        if data["phone"]:
            return SearchField.PHONE, Secret(data["phone"])
        return SearchField.NAME_AND_POSTCODE, Secret(f"{data['name']}\n{data['postcode']}")


class AnswerForm(forms.Form):
    """Why somebody opened something, from a list."""

    reason = forms.TypedChoiceField(
        label="Why you opened it", coerce=lambda value: Answer(int(value)),
        choices=[(int(answer), answer.words) for answer in Answer],
    )  # fmt: skip
    case = forms.RegexField(label="Case number", regex=r"^[0-9 ]{1,20}$", required=False)

    def clean_case(self) -> int | None:
        digits = str(self.cleaned_data.get("case") or "").replace(" ", "")
        return int(digits) if digits else None
