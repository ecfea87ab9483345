"""The positive control: leaks of our own making, one in each form, container and sink, which a scan must find.

They are canaries like the others and go through the same needles; the scan is not told which they are.
"""

import base64
import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.formats.secret import Secret
from strongroom.policy.retention_and_recovery.leaks.canaries import Canary, Dice, control_text
from strongroom.policy.retention_and_recovery.leaks.containers import CONTAINERS
from strongroom.policy.retention_and_recovery.leaks.forms import FORMS, written
from strongroom.policy.retention_and_recovery.leaks.places import Place
from strongroom.policy.retention_and_recovery.leaks.report import Planted

NAME: Final = "leak-control"
"""How scratch files begin, so that whoever finds one after a crash knows what it is."""
VARIABLE: Final = "STRONGROOM_LEAK_CONTROL"


@dataclass
class Control:
    """Canaries of plants, and where each must be found. Fresh texts each time: an old plant proves nothing."""

    secret: Secret = field(default_factory=lambda: Secret(secrets.token_bytes(32)))
    canaries: list[Canary] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)

    def new(self, label: str, form: str, *where: str) -> Secret:
        """Another plant's text. Each `where` is the beginning of a path on which it must be found."""
        id_ = f"control.{label}"
        text = control_text(self.secret, id_)
        self.canaries.append(Canary(id_, (text,)))
        self.planted += [Planted(id_, form, place) for place in where]
        return text


Plant = Callable[[Control], contextlib.AbstractContextManager[None]]
"""Puts something, and takes it away again. Whoever has a sink of another kind brings its own."""


@contextlib.contextmanager
def all_of(control: Control, plants: Sequence[Plant]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for plant in plants:
            stack.enter_context(plant(control))
        yield


def in_files(folder: Path) -> Plant:
    """A scratch folder with one file for each form and each container."""

    @contextlib.contextmanager
    def plant(control: Control) -> Iterator[None]:
        scratch = folder / f"{NAME}-{secrets.token_hex(4)}"
        scratch.mkdir(mode=0o700)
        try:
            for number, (name, form, trail, make) in enumerate(_wanted()):
                path = scratch / f"{number}-{name}"
                text = control.new(f"file.{name}", form, f"{path}{trail}").text()
                _private(path, make(control, text))
            yield
        finally:
            for path in scratch.iterdir():
                path.unlink()
            scratch.rmdir()

    return plant


def in_places(places: Sequence[Place]) -> Plant:
    """One plain file in each folder that is scanned."""

    @contextlib.contextmanager
    def plant(control: Control) -> Iterator[None]:
        put: list[Path] = []
        try:
            for place in places:
                if place.path.is_dir():
                    path = place.path / f"{NAME}-{secrets.token_hex(4)}"
                    _private(path, control.new(f"place.{place.id}", "utf-8", str(path)).bytes())
                    put.append(path)
            yield
        finally:
            for path in put:
                path.unlink(missing_ok=True)

    return plant


def left_by_others(words: Mapping[tuple[str, Secret], str]) -> Plant:
    """Words that somebody else left: each by its name, and the beginning of the path on which it must be found."""

    @contextlib.contextmanager
    def plant(control: Control) -> Iterator[None]:
        for (name, word), where in words.items():
            control.canaries.append(Canary(f"control.{name}", (word,)))
            control.planted.append(Planted(f"control.{name}", "utf-8", where))
        yield

    return plant


def in_a_process(pids: list[int]) -> Plant:
    """A child with a canary as its argument and one in its environment; its pid is added to those to be scanned."""

    @contextlib.contextmanager
    def plant(control: Control) -> Iterator[None]:
        code, told = "import sys; sys.stdin.read()", subprocess.PIPE
        texts = [control.new(f"process.{what}", "utf-8").text() for what in ("arguments", "environment")]
        with subprocess.Popen(
            [sys.executable, "-I", "-c", code, texts[0]], stdin=told, env={VARIABLE: texts[1]}
        ) as child:
            pids.append(child.pid)
            for what, text in zip(("cmdline", "environ"), ("arguments", "environment"), strict=True):
                control.planted.append(Planted(f"control.process.{text}", "utf-8", f"/proc/{child.pid}/{what}"))
            try:
                yield
            finally:
                pids.remove(child.pid)
                if child.stdin:
                    child.stdin.close()

    return plant


def _wanted() -> Iterator[tuple[str, str, str, Callable[[Control, str], bytes]]]:
    """(name, form, trail, how the file is made) of every form, base64 at each alignment, and every container."""
    for form in FORMS:
        if form.id != "base64":
            yield form.id.replace(" ", "-"), form.id, "", _plain(form.id)
    for shift in range(3):
        yield f"base64-{shift}", "base64", "", _aligned(shift)
    for name, (form_id, trail, make) in CONTAINERS.items():
        yield name, form_id, trail, _packed(make)


def _plain(form_id: str) -> Callable[[Control, str], bytes]:
    """In the middle of other bytes, as a leak would stand."""

    def make(control: Control, text: str) -> bytes:
        noise = Dice(control.secret, form_id).letters("0123456789", 37).encode()
        return noise + written(form_id, text) + noise

    return make


def _aligned(shift: int) -> Callable[[Control, str], bytes]:
    def make(_: Control, text: str) -> bytes:
        return base64.b64encode(b"x" * (30 + shift) + text.encode() + b"yy")

    return make


def _packed(make: Callable[[bytes], bytes]) -> Callable[[Control, str], bytes]:
    return lambda _, text: make(text.encode())


def _private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
