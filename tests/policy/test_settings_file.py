"""What `strongroom.toml` says is journalled by its hash, once a change (LM-1)."""

from pathlib import Path

from tests.house.running import House


def test_settings_are_journalled_when_they_are_others_than_before(house: House, folder: Path) -> None:
    from strongroom.policy.logging_and_monitoring import settings_file

    path = folder / "strongroom.toml"
    nothing = settings_file.digest_of(path)
    path.write_text("[web]\nport = 8443\n", encoding="utf-8")
    first = settings_file.digest_of(path)
    assert nothing != first
    assert settings_file.note(first, account=-1) is not None
    assert settings_file.note(first, account=-1) is None
    path.write_text("[web]\nport = 8444\n", encoding="utf-8")
    assert settings_file.note(settings_file.digest_of(path), account=-1) is not None
    assert settings_file.last_noted(-1) == settings_file.digest_of(path)
