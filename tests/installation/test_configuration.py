"""The configuration says what it does not understand, where it stands, and holds no secret."""

from pathlib import Path

import pytest

from strongroom.installation.configuration import load
from strongroom.installation.problems import CannotStart
from tests.installation.servers import CANARY


def write(folder: Path, text: str) -> Path:
    path = folder / "strongroom.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("na", "https://sellingpartnerapi-na.amazon.com"), ("eu", "https://sellingpartnerapi-eu.amazon.com"),
        ("fe", "https://sellingpartnerapi-fe.amazon.com"),
    ],
)  # fmt: skip
def test_real_amazon_is_configuration_alone(folder: Path, region: str, endpoint: str) -> None:
    text = f'[marketplace]\nregion = "{region}"\nclient_id = "amzn1.app"\nmarketplaces = ["A1F83G8C2ARO7P"]\n'
    found = load(write(folder, text))
    assert found.marketplace.url() == endpoint
    assert found.marketplace.login_endpoint == "https://api.amazon.com/auth/o2/token"


def test_an_empty_folder_is_configured(folder: Path) -> None:
    found = load(folder / "strongroom.toml")
    assert (found.web.port, found.company.contacts, found.marketplace.is_set) == (8443, (), False)
    assert set(found.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[marketplce]\n", "line 1: unknown section marketplce. Did you mean marketplace"),
        ("# ours\n[web]\nprot = 1\n", r"line 3: unknown \[web\] setting prot. Did you mean port"),
        ('[company]\nname = "x"\n[web]\nname = "x"\n', "line 4: unknown .* Did you mean names"),
        ("[web]\nzzz = 1\n", "Known are hsts_subdomains, listen, names, port"), ('[web]\nport = "x"\n', "line 2.* must be a number"),
        ("[web]\nport = true\n", "must be a number"), ('[web]\nnames = "x"\n', "must be a list of texts"),
        ("[web]\nnames = [1]\n", "must be a list of texts"), ("[web]\nnames = []\n", "names is empty"),
        ("[web]\nport = 0\n", "port 0 is none"), ("[database]\nport = 70000\n", "port 70000 is none"),
        ("[web\n", "not TOML.*line 1"), ("web = 1\n", "is a section"), ('[marketplace]\nregion = "mars"\n', "na, eu or fe"),
        ('[marketplace]\nendpoint = "http://x.example"\n', "no https address"),
        ('[mail]\nhost = "m.example"\nfrom = "a@b.example"\nsecurity = "none"\n', "encrypted only"),
        ('[mail]\nhost = "m.example"\n', "from: '' is no mail address"), ("[mail]\nfrm = 1\n", "Did you mean from"),
        ('[mail]\nhost = "m.example"\nfrom = "a@b.example"\ndirectors = ["x"]\n', "directors: 'x' is no mail address"),
        ('[mail]\nhost = "m.example"\nfrom = "a@b.example\\nBcc: c@d.example"\n', "from: .* is no mail address"),
        ('[mail]\nhost = "m example"\n', "is no host"), ("[mail]\ndigest_hour = 24\n", "a full hour"),
        ("[mail]\nport = 0\n", "port 0 is none"), ('[webhook]\nurl = "http://x.example/"\n', "no https address"),
        ('[webhook]\nurl = "https://me:pw@x.example/"\n', "without a name and password"),
        ('[webhook]\nurl = "https:///x"\n', "no https address"), ('[journal]\ncheckpoints_to = "here"\n', "no whole path"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_its_remedy(folder: Path, text: str, words: str) -> None:
    with pytest.raises(CannotStart, match=words):
        load(write(folder, text))


@pytest.mark.parametrize(
    "text",
    [
        f'[marketplace]\nclient_secret = "{CANARY}"\n', f'[database]\npassword = "{CANARY}"\n',
        f'[marketplace]\nrefresh_token = "{CANARY}"\n', f'client_secret = "{CANARY}"\n',
        f'[mail]\npassword = "{CANARY}"\n', f'[webhook]\nsecret = "{CANARY}"\n', f'[amazon]\nSecretKey = "{CANARY}"\n', f'[web]\ntls_key = "{CANARY}"\nprot = 1\n',
    ],
)  # fmt: skip
def test_a_secret_in_it_is_refused_and_not_repeated(folder: Path, text: str) -> None:
    with pytest.raises(CannotStart, match="secrets never stand in the configuration") as refused:
        load(write(folder, text))
    assert CANARY not in str(refused.value)
    assert "credentials" in refused.value.remedy


def test_mail_and_webhook_are_configured_with_their_defaults(folder: Path) -> None:
    text = '[mail]\nhost = "mail.example"\nfrom = "strongroom@example.org"\ndirectors = ["board@example.org"]\n'
    found = load(
        write(folder, text + '[webhook]\nurl = "https://chat.example/hook"\n[journal]\ncheckpoints_to = "/mnt/x"\n')
    )
    assert (found.mail.from_, found.mail.port, found.mail.security) == ("strongroom@example.org", 587, "starttls")
    assert found.origin("mail.from") == "strongroom.toml"
    assert found.credentials() == ("webhook-secret",), "without a username there is no password"
    assert (found.webhook.is_set, found.journal.checkpoints_to) == (True, "/mnt/x")


def test_the_environment_wins_and_its_origin_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_WEB_PORT", "9443")
    monkeypatch.setenv("STRONGROOM_WEB_NAMES", "localhost, strongroom.example")
    found = load(write(folder, '[web]\nport = 8444\nlisten = "::1"\n'))
    assert (found.web.port, found.web.names) == (9443, ("localhost", "strongroom.example"))
    assert found.origin("web.port") == "environment STRONGROOM_WEB_PORT"
    assert (found.origin("web.listen"), found.origin("company.name")) == ("strongroom.toml", "default")


def test_what_is_true_or_false_is_said_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(folder / "strongroom.toml").web.hsts_subdomains is False
    assert load(write(folder, "[web]\nhsts_subdomains = true\n")).web.hsts_subdomains is True
    for wrong in ("1", '"true"'):
        with pytest.raises(CannotStart, match="must be true or false"):
            load(write(folder, f"[web]\nhsts_subdomains = {wrong}\n"))
    monkeypatch.setenv("STRONGROOM_WEB_HSTS_SUBDOMAINS", "true")
    assert load(write(folder, "[web]\n")).web.hsts_subdomains is True


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("STRONGROOM_WEB_PROT", "1", "STRONGROOM_WEB_PROT is no setting. Did you mean STRONGROOM_WEB_PORT"),
        ("STRONGROOM_WEB_PORT", "x", "STRONGROOM_WEB_PORT is not a number"),
        ("STRONGROOM_WEB_PORT", "٣", "is not a number"),
        ("STRONGROOM_WEB_HSTS_SUBDOMAINS", "1", "is neither true nor false"),
        ("STRONGROOM_MARKETPLACE_CLIENT_SECRET", CANARY, "secrets never stand in the environment"),
        ("STRONGROOM_DATABASE_PASSWORD", CANARY, "secrets never stand in the environment"),
    ],
)  # fmt: skip
def test_a_variable_that_is_wrong_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(CannotStart, match=words) as refused:
        load(folder / "strongroom.toml")
    assert CANARY not in str(refused.value)
