"""What `strongroom.toml` says and what the credentials folder holds beside it."""

import os
from pathlib import Path
from typing import Final

from strongroom.installation import configuration
from strongroom.installation.doctor.findings import Examination, Found, advice, not_here, ok, problem
from strongroom.installation.doctor.patient import Patient

AMAZON: Final = ("amazon-client-secret", "amazon-refresh-token")
EXAMPLES: Final = {
    "address": '["Unit 4, Wharf Road"]', "city": '"Quillmarsh"', "postcode": '"QM1 2AB"', "phone": '"+44 7700 900100"',
    "contacts": '["despatch@example.org"]',
}  # fmt: skip
LOCAL: Final = ("127.0.0.1", "::1")


def _file(patient: Patient) -> Found:
    """Raises `CannotStart` with the line and what was probably meant."""
    configuration.load(patient.folders.configuration)
    if not patient.folders.configuration.exists():
        return ok("There is no strongroom.toml; everything is as it comes.")
    return ok("strongroom.toml is understood.")


def _environment(patient: Patient) -> Found:
    found = patient.configuration
    origins = sorted({origin for origin in found.origins.values() if origin.startswith("environment ")})
    if not origins:
        return ok("No setting comes from the environment.")
    names = [origin.removeprefix("environment ") for origin in origins]
    return advice(
        f"Settings come from the environment, where the next start may not have them: {', '.join(names)}.",
        "Write them into strongroom.toml, then: unset " + " ".join(names),
    )


def _amazon(patient: Patient) -> Found:
    found = patient.configuration.marketplace
    if not found.is_set:
        return advice(
            "Amazon is not set up; no order comes in.",
            "[marketplace]", 'client_id = "amzn1.application-oa2-client.…"', 'marketplaces = ["A1F83G8C2ARO7P"]',
        )  # fmt: skip
    missing = _without(patient, AMAZON)
    if missing:
        return problem(f"Credentials for Amazon are missing: {', '.join(missing)}.", *_write(patient, missing))
    if not found.marketplaces:
        return problem("No marketplace is named.", '[marketplace] marketplaces = ["A1F83G8C2ARO7P"]')
    return ok(f"Orders come from {found.url()}.")


def _company(patient: Patient) -> Found:
    company = patient.configuration.company
    wanted = {
        "address": company.address, "city": company.city, "postcode": company.postcode, "phone": company.phone,
        "contacts": company.contacts,
    }  # fmt: skip
    missing = [name for name, value in wanted.items() if not value]
    if missing:
        lines = [f"[company] {name} = {EXAMPLES[name]}" for name in missing]
        return advice(f"Labels and notices need {', '.join(missing)} of the company.", *lines)
    return ok("Labels and notices know where parcels come from and whom to write to.")


def _mail(patient: Patient) -> Found:
    mail = patient.configuration.mail
    if not mail.is_set:
        return advice(
            "No mail server is set; nobody is told by mail of what is due or wrong.",
            "[mail]", 'host = "mail.example.org"', 'from = "strongroom@example.org"',
        )  # fmt: skip
    missing = _without(patient, ("mail-password",)) if mail.username else []
    if missing:
        return problem("The mail server's password is missing.", *_write(patient, missing))
    return ok(f"Mail leaves through {mail.host}, encrypted.")


def _directors(patient: Patient) -> Found:
    mail = patient.configuration.mail
    if not mail.is_set:
        return not_here("No mail server is set; see settings.mail.")
    if not mail.directors:
        return advice("No director's mailbox is named.", '[mail] directors = ["board@example.org"]')
    return ok("A breach is told to the directors.")


def _webhook(patient: Patient) -> Found:
    if not patient.configuration.webhook.is_set:
        return not_here("No webhook is set.")
    missing = _without(patient, ("webhook-secret",))
    if missing:
        return problem("The secret that signs the webhook is missing.", *_write(patient, missing))
    return ok("The webhook has its secret.")


def _second_place(patient: Patient) -> Found:
    place = patient.configuration.journal.checkpoints_to
    if not place:
        return advice(
            "The journal's heads lie on this machine only: who owns it could rewrite its past unseen.",
            '[journal] checkpoints_to = "/mnt/elsewhere"',
        )
    if not Path(place).is_dir():
        return problem(f"The second place {place} is not there.", f"mount {place}")
    if not os.access(place, os.W_OK):
        return problem(f"The second place {place} cannot be written.", f"Let the worker's user write in {place}")
    return ok(f"Each hour's head goes to {place}.")


def _network(patient: Patient) -> Found:
    found = patient.configuration
    if found.web.listen in LOCAL:
        return ok("The website answers this machine only.")
    if not found.network.allow:
        return advice(
            f"The website listens on {found.web.listen}, and no network is named that may reach it.",
            '[network] allow = ["192.0.2.0/24"]', "strongroom init",
        )  # fmt: skip
    return ok("Who may reach the website is listed.")


def _below(patient: Patient) -> Found:
    """Information, not a fault: only the company knows what else stands below its names."""
    web = patient.configuration.web
    names = [name for name in web.names if name not in ("localhost", *LOCAL)]
    if not names:
        return not_here("The website has no name but this machine's.")
    if web.hsts_subdomains:
        return ok(f"Browsers speak to {', '.join(names)} and every host below encrypted only.")
    return ok(
        f"Browsers speak to {', '.join(names)} encrypted only, not to hosts below; where each of those is encrypted"
        " too, [web] hsts_subdomains = true says so."
    )


def _trusted(patient: Patient) -> Found:
    """Other authorities that the configuration names."""
    found = patient.configuration
    named = {
        "[marketplace] ca_file": found.marketplace.ca_file,
        "[mail] ca_file": found.mail.ca_file,
        "[webhook] ca_file": found.webhook.ca_file,
        "[database] sslrootcert": found.database.sslrootcert,
    }
    gone = [f"{name} ({path})" for name, path in named.items() if not _is_there(path)]
    if gone:
        return problem(
            f"No certificate stands where the configuration says: {', '.join(gone)}.",
            "Put the authority's certificate there, as PEM, or take the line out of strongroom.toml.",
        )
    return ok("Every authority that is named is there.")


def _is_there(name: str) -> bool:
    """Nothing and `system` name no file."""
    path = Path(name)
    return name in ("", "system") or (path.is_file() and b"-----BEGIN CERTIFICATE-----" in path.read_bytes())


def _without(patient: Patient, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if not patient.folders.has_credential(name)]


def _write(patient: Patient, names: list[str]) -> list[str]:
    return [f"Write it into {patient.folders.credentials / name}, mode 0600" for name in names]


EXAMINATIONS: Final = (
    Examination("settings.file", "LM-1", "strongroom.toml", _file),
    Examination("settings.environment", "LM-1", "settings from the environment", _environment),
    Examination("settings.amazon", "RR-1", "the way to Amazon", _amazon),
    Examination("settings.company", "ES-5", "what labels and notices need", _company),
    Examination("settings.mail", "IR-2", "the mail channel", _mail),
    Examination("settings.directors", "IR-6", "whom a breach is told to", _directors),
    Examination("settings.webhook", "IR-2", "the webhook", _webhook),
    Examination("settings.second-place", "LM-2", "the second place of the journal's heads", _second_place),
    Examination("settings.network", "NP-1", "who may reach the website", _network),
    Examination("settings.subdomains", "ET-1", "what browsers are told of hosts below ours", _below),
    Examination("settings.authorities", "ET-1", "authorities that the configuration names", _trusted),
)
