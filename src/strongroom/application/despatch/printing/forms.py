"""A printer's registration."""

from typing import Any

from django import forms

from strongroom.application.despatch.printing.printer import check_uri
from strongroom.formats.refused import Refused
from strongroom.policy.encryption_and_storage.models import Printer
from strongroom.policy.encryption_and_storage.registers import places


class PrinterForm(forms.Form):
    name = forms.RegexField(
        label="Name", regex=r"^[A-Za-z0-9 .-]{1,20}$", max_length=20,
        error_messages={"invalid": "Letters, digits, spaces, dots and dashes only."},
    )  # fmt: skip
    place = forms.ChoiceField(label="Where it stands", help_text="Places are recorded on the page Registers.")
    uri = forms.CharField(label="Address", max_length=200, help_text="Like ipps://printer.example/ipp/print; TLS only.")
    format = forms.ChoiceField(label="It prints", choices=[("pdf", "PDF"), ("zpl", "ZPL (Zebra)")])
    second = forms.ModelChoiceField(
        label="When it is down, print on", queryset=Printer.objects.none(), required=False, empty_label="nothing else"
    )
    fingerprint = forms.CharField(
        label="SHA-256 of its certificate", required=False, max_length=95,
        help_text="Leave empty to see which certificate answers there now.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        place = self.fields["place"]
        if isinstance(place, forms.ChoiceField):
            place.choices = [(name, name) for name in places()]
        second = self.fields["second"]
        if isinstance(second, forms.ModelChoiceField):
            second.queryset = Printer.objects.filter(retired_at__isnull=True).order_by("name")
            second.label_from_instance = lambda printer: printer.name  # type: ignore[method-assign, assignment]

    def clean_uri(self) -> str:
        uri = str(self.cleaned_data["uri"]).strip()
        try:
            check_uri(uri)
        except Refused as refused:
            raise forms.ValidationError(refused.sentence) from None
        return uri

    def clean_fingerprint(self) -> bytes:
        text = str(self.cleaned_data["fingerprint"]).replace(":", "").replace(" ", "")
        try:
            found = bytes.fromhex(text)
        except ValueError:
            found = b"?"
        if text and len(found) != 32:
            raise forms.ValidationError("A SHA-256 is 64 hexadecimal digits.")
        return found
