"""Synthetic customers of six countries and their scripts, from a seed. All invented; some are built to do harm.

Harmful ones carry what a field could smuggle: printer language, markup, formulas, line breaks, both Unicode forms.
"""

import unicodedata
from dataclasses import dataclass
from random import Random
from typing import Final, Literal


@dataclass(frozen=True, repr=False)
class Person:
    """A recipient and buyer as Amazon would tell them."""

    country: str
    name: str
    line1: str
    line2: str
    city: str
    state: str
    postcode: str
    phone: str
    email: str
    company: str

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True)
class _Land:
    names: tuple[str, ...]
    surnames: tuple[str, ...]
    streets: tuple[str, ...]
    towns: tuple[tuple[str, str, str], ...]
    number_first: bool
    dial: str
    domain: str


LANDS: Final[dict[str, _Land]] = {
    "GB": _Land(
        ("Orla", "Tamsin", "Gethin", "Priya", "Callum", "Zoë", "Ngozi", "Seren"),
        ("Harkwell", "Pennifold", "O'Dovan", "Ashgrove-Lyle", "Mistry", "Thornebury"),
        ("Lark Rise", "Cooper's Yard", "St Wilfrid's Terrace", "Old Mill Lane"),
        (("Wexcombe", "Wiltshire", "SN8 {}QX"), ("Aberllan", "Powys", "SY21 {}ZZ"), ("Kirkmoor", "Fife", "KY9 {}XA")),
        number_first=True, dial="+44 7700 900", domain="marketplace.amazon.co.uk",
    ),
    "DE": _Land(
        ("Jürgen", "Anneliese", "Björn", "Käthe", "Emre", "Lieselotte"),
        ("Großmüller", "Weißenfels", "Schönhuber", "von der Tannenau", "Yıldırım"),
        ("Straße am Mühlbach", "Königsgasse", "Äußere Ringstraße", "Lindenweg"),
        (("Oberfeldingen", "Bayern", "8{}123"), ("Mühlhaven", "Niedersachsen", "2{}987")),
        number_first=False, dial="+49 1512 345", domain="marketplace.amazon.de",
    ),
    "FR": _Land(
        ("Éloïse", "Maël", "Noémie", "François", "Zélie"),
        ("Lefèvre-Duçay", "d'Aubignac", "Saint-Élier", "N'Diaye"),
        ("rue de l'Église", "allée des Érables", "impasse du Vieux-Puits"),
        (("Val-d'Arcy", "", "7{}310"), ("Saint-Cyr-l'Étang", "", "3{}220")),
        number_first=True, dial="+33 6 39 98", domain="marketplace.amazon.fr",
    ),
    "JP": _Land(
        ("さくら", "健太", "美咲", "ハルト", "结衣"),
        ("山之内", "高橋", "渡邉", "﨑本"),
        ("桜ヶ丘", "緑町", "北浜通り"),
        (("霞ヶ浦市", "茨城県", "300-00{}1"), ("朝日町", "富山県", "939-07{}2")),
        number_first=False, dial="+81 90 0000", domain="marketplace.amazon.co.jp",
    ),
    "AE": _Land(
        ("فاطمة", "خالد", "مريم", "عبد الرحمن"),
        ("المنصوري", "آل نهيان الكتبي", "الشامسي"),
        ("شارع النخيل", "طريق الواحة", "برج الياسمين"),
        (("مدينة النور", "دبي", "000{}0"), ("الواحة", "أبوظبي", "000{}1")),
        number_first=False, dial="+971 50 000", domain="marketplace.amazon.ae",
    ),
    "TR": _Land(
        ("İpek", "Işıl", "Çağrı", "Gülşen", "Ömer"),
        ("Yılmazoğlu", "Şahinkaya", "Ağaçlı", "Dağdelen"),
        ("Çınaraltı Sokağı", "İstiklal Caddesi", "Gül Sokak"),
        (("Karşıbağ", "İzmir", "35{}40"), ("Yeşilırmak", "Tokat", "60{}10")),
        number_first=False, dial="+90 501 000", domain="marketplace.amazon.com.tr",
    ),
}  # fmt: skip
WEIGHTS: Final = (("GB", 40), ("DE", 20), ("FR", 15), ("JP", 10), ("AE", 7), ("TR", 8))

HARMFUL: Final = (
    "^XA^FO50,50^A0N,50,50^FDplanted^FS^XZ",
    "<script>document.title='planted'</script>",
    "<img src=x onerror=alert(1)>",
    '=HYPERLINK("https://planted.invalid","click")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "Line one\r\nSet-Cookie: planted=1",
    "'; DROP TABLE amazon_order; --",
    "{{ request.user.password }}",
    "\u202egnirts desrever\u202c",
    "A" * 120,
    "Zoë 🎁👩‍👩‍👧 \u200bend",
    '"quoted", and, commas',
)


def person(rng: Random) -> Person:
    """One customer; one in twenty is built to do harm in some field."""
    country = rng.choices([code for code, _ in WEIGHTS], [weight for _, weight in WEIGHTS])[0]
    land = LANDS[country]
    town, state, pattern = rng.choice(land.towns)
    street, number = rng.choice(land.streets), rng.randint(1, 240)
    name = f"{rng.choice(land.names)} {rng.choice(land.surnames)}"
    line1 = f"{number} {street}" if land.number_first else f"{street} {number}"
    line2 = rng.choice(("", "", "Flat 2A", "2. OG links", "c/o Nordlicht GmbH", "3F"))
    if rng.random() < 0.05:
        harm = rng.choice(HARMFUL)
        name, line2 = rng.choice(((f"{name} {harm}", line2), (name, harm)))
    form: Literal["NFC", "NFD"] = rng.choice(("NFC", "NFC", "NFD"))
    handle = "".join(rng.choices("abcdefghjkmnpqrstvwxyz0123456789", k=14))
    return Person(
        country, unicodedata.normalize(form, name), unicodedata.normalize(form, line1), line2,
        unicodedata.normalize(form, town), state, pattern.format(rng.randint(0, 9)),
        f"{land.dial}{rng.randint(0, 999):03d}", f"{handle}@{land.domain}",
        rng.choice(("", "", "", "Wood & Wire Ltd")),
    )  # fmt: skip


def gift_message(rng: Random) -> str:
    return rng.choice(
        (
            "Happy birthday, with love from Gran 🎂",
            "Alles Gute!",
            "お誕生日おめでとう",
            "كل عام وأنتم بخير",
            rng.choice(HARMFUL),
        )
    )
