"""Why a person opens a part, and the number of the case it belongs to; a number only, since a name here is refused."""

from django import forms

from strongroom.formats.parts import OPENS, Peer, Purpose


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
