"""What is said about an alarm: an incident or not, and why, in a sentence (DF-4)."""

from django import forms


class DecideForm(forms.Form):
    decision = forms.ChoiceField(
        label="What it is", widget=forms.RadioSelect,
        choices=[
            ("incident", "An incident, actual or suspected: the plan begins"),
            ("dismissed", "Dismissed: looked into, and it is none"),
        ],
    )  # fmt: skip
    words = forms.CharField(
        label="Why", min_length=10, max_length=600, widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "true"}),
        help_text="What was looked at and what was found. No customer, no address, no order number of Amazon's.",
    )  # fmt: skip
