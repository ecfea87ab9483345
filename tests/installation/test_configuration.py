"""The configuration says what it does not understand, and holds no secret; credentials are private files."""

from pathlib import Path

import pytest

from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart


def write(folder: Path, text: str) -> Path:
    path = folder / "strongroom.toml"
    path.write_text(text)
    return path


def test_real_amazon_is_configuration_alone(folder: Path) -> None:
    found = load(
        write(folder, '[marketplace]\nregion = "eu"\nclient_id = "amzn1.app"\nmarketplaces = ["A1F83G8C2ARO7P"]\n')
    )
    assert found.marketplace.url() == "https://sellingpartnerapi-eu.amazon.com"
    assert found.marketplace.login_endpoint == "https://api.amazon.com/auth/o2/token"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[marketplce]\n", "Did you mean marketplace"), ("[web]\nprot = 1\n", "Did you mean port"),
        ('[web]\nport = "x"\n', "must be a number"), ("[web\n", "not TOML"), ("web = 1\n", "is a section"),
        ('[marketplace]\nclient_secret = "s"\n', "never stand in the configuration"),
        ('[marketplace]\nregion = "mars"\n', "na, eu or fe"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_remedy(folder: Path, text: str, words: str) -> None:
    with pytest.raises(CannotStart, match=words):
        load(write(folder, text))


def test_the_environment_wins_and_its_origin_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_WEB_PORT", "9443")
    found = load(write(folder, "[web]\nport = 8444\n"))
    assert (found.web.port, found.origins["web.port"]) == (9443, "environment STRONGROOM_WEB_PORT")
    assert found.origins["company.name"] == "default"


def test_a_credential_that_others_may_read_is_refused(folder: Path) -> None:
    folders = Folders(folder)
    folders.make()
    path = folders.credentials / "amazon-refresh-token"
    path.write_text("Atzr|x\n")
    path.chmod(0o644)
    with pytest.raises(CannotStart, match="Others may read"):
        folders.credential("amazon-refresh-token")
    path.chmod(0o600)
    assert folders.credential("amazon-refresh-token").text() == "Atzr|x"
    path.write_text("\n")
    with pytest.raises(CannotStart, match="empty"):
        folders.credential("amazon-refresh-token")
    with pytest.raises(CannotStart, match="missing"):
        folders.credential("other")
