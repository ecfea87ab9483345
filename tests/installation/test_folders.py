"""Folders are ours alone, sockets have short names, one supervisor holds an installation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.formats.secret import Secret
from strongroom.installation.folders import Folders, default_data_folder
from strongroom.installation.problems import CannotStart
from tests.installation.servers import embedded, one


def deep(folder: Path, length: int) -> Path:
    """A data folder whose run folder's name has that many bytes."""
    inside = folder / ("d" * (length - len(str(folder)) - len("//data/run")))
    inside.mkdir(mode=0o711)
    inside.chmod(0o711)
    return inside


def test_one_supervisor_holds_a_folder(folder: Path) -> None:
    folders = Folders(folder / "data")
    folders.make()
    with folders.only_one(), pytest.raises(CannotStart, match=str(os.getpid())), Folders(folder / "data").only_one():
        pass
    with folders.only_one():
        pass


def test_a_killed_supervisor_holds_nothing(folder: Path) -> None:
    Folders(folder / "data").make()
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom strongroom.installation.folders import Folders\n"
        "with Folders(Path(sys.argv[1])).only_one():\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(folder / "data")], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(CannotStart, match=f"process {holder.pid}"), Folders(folder / "data").only_one():
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with Folders(folder / "data").only_one():
        pass


@pytest.mark.parametrize("length", [80, 81, 140])
def test_a_server_answers_however_long_its_folders_name_is(folder: Path, length: int) -> None:
    folders, server = embedded(deep(folder, length))
    assert (folders.run == folders.data / "run") == (length <= 80)
    server.start()
    assert one(server.parameters, "SELECT 1") == 1
    server.stop()
    if length > 80:
        shutil.rmtree(folders.run)


@pytest.mark.parametrize("name", ["with space", "with'quote", 'with"quote', "with,comma", "with=sign", "mit Ümlaut"])
def test_a_server_answers_however_its_folder_is_called(folder: Path, name: str) -> None:
    (folder / name).mkdir(mode=0o711)
    folders, server = embedded(folder / name)
    server.start()
    assert one(server.parameters, "SELECT 1") == 1
    server.stop()
    if folders.run != folders.data / "run":
        shutil.rmtree(folders.run)


def test_a_short_folder_that_is_not_ours_is_refused_and_a_lost_one_made_anew(folder: Path) -> None:
    folders = Folders(deep(folder, 120) / "data")
    folders.make()
    first = folders.run
    folders.make()
    assert folders.run == first, "it is kept"
    shutil.rmtree(first)
    first.symlink_to(folder)
    with pytest.raises(CannotStart, match="is a link"):
        folders.make()
    first.unlink()
    folders.make()
    second = folders.run
    assert second != first, "a reboot emptied the temporary folder"
    if os.getuid() == 0:
        os.chown(second, 1, 1)
        with pytest.raises(CannotStart, match="somebody else"):
            folders.make()
    shutil.rmtree(second)


def test_a_copy_of_an_installation_does_not_share_its_sockets(folder: Path) -> None:
    place = deep(folder, 120)
    one_, other = Folders(place / "data"), Folders(place / "copy")
    one_.make()
    shutil.copytree(one_.data, other.data)
    other.make()
    assert one_.run != other.run
    shutil.rmtree(one_.run)
    shutil.rmtree(other.run)


def test_folders_are_closed_to_others(folder: Path) -> None:
    data = folder / "data"
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    folders = Folders(data)
    folders.make()
    passable = 0o711 if os.getuid() == 0 else 0o700
    held = (data, folders.run, folders.credentials, folders.tls)
    assert {path.stat().st_mode & 0o777 for path in held} == {passable}
    assert folders.logs.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_could_write_in_is_refused(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    (data / "strongroom.toml").touch()
    data.chmod(0o777)
    with pytest.raises(CannotStart, match="Others may write"):
        Folders(data).make()


def test_a_folder_that_cannot_be_made_is_said(folder: Path) -> None:
    (folder / "data").symlink_to(folder)
    with pytest.raises(CannotStart, match="is a link"):
        Folders(folder / "data").make()


def test_a_relative_folder_means_the_same_everywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    folders = Folders(Path("data"))
    monkeypatch.chdir("/")
    assert folders.data == folder / "data"


def test_a_user_has_a_data_folder_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setenv("XDG_DATA_HOME", "/x")
    assert default_data_folder() == Path("/x/strongroom")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/y")
    assert default_data_folder() == Path("/y/.local/share/strongroom")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert default_data_folder() == Path("/y/Library/Application Support/Strongroom")


def test_a_credential_is_a_private_file_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = Folders(folder / "data")
    folders.make()
    path = folders.credentials / "amazon-refresh-token"
    with pytest.raises(CannotStart, match="missing"):
        folders.credential(path.name)
    path.write_text("Atzr|x\n")
    path.chmod(0o640)
    with pytest.raises(CannotStart, match="Others may read"):
        folders.credential(path.name)
    path.chmod(0o600)
    assert folders.credential(path.name).text() == "Atzr|x"
    path.write_text("\n")
    with pytest.raises(CannotStart, match="empty"):
        folders.credential(path.name)
    path.unlink()
    path.symlink_to(folder / "nowhere")
    assert folders.has_credential(path.name), "a dangling link is not overlooked"
    with pytest.raises(CannotStart, match="is a link"):
        folders.credential(path.name)
    path.unlink()
    folders.keep_credential(path.name, Secret("a\n\n"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert folders.credential(path.name).text() == "a\n", "one newline at the end is the editor's"
    given = folder / "given"
    given.mkdir()
    (given / path.name).write_text("systemd's")
    (given / path.name).chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    assert folders.credential(path.name).text() == "systemd's"
