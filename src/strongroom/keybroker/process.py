"""The broker as a process: its command line, its life, and its rebirth. The clock and the mode are handed in."""

import argparse
import contextlib
import fcntl
import os
import pwd
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from strongroom.formats.clock import Clock
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Peer
from strongroom.formats.ring import Mode, Unlocks
from strongroom.formats.sealed import CannotOpen
from strongroom.keybroker import rebirth, verbs
from strongroom.keybroker.broker import Broker, read_settings
from strongroom.keybroker.create import Exists, create
from strongroom.keybroker.hardening import end_without_values, harden
from strongroom.keybroker.journal import RolledBack
from strongroom.keybroker.listener import Listener
from strongroom.keybroker.tree import JournalBroken, JournalHangs

MOST_SECRET: Final = 4096


def nothing(_: str) -> None:
    """What production does at the points where a rehearsal may kill itself."""


def parser(program: str) -> argparse.ArgumentParser:
    """The command line, shared by production and rehearsal."""
    root = argparse.ArgumentParser(prog=program, description=__doc__, allow_abbrev=False)
    commands = root.add_subparsers(dest="command", required=True)
    new = commands.add_parser("create", help="make a key ring and an empty journal")
    serve_ = commands.add_parser("serve", help="hold the keys and answer")
    for command in (new, serve_):
        command.add_argument("--keys", type=Path, required=True, help="folder of ring and cells, 0700")
        command.add_argument("--journal", type=Path, required=True, help="folder of the journal's tree")
        command.add_argument("--unlock-file", type=Path, help="0600 file whose contents unlock")
    new.add_argument("--origin", help="name of the log, such as example.org/strongroom")
    new.add_argument("--passphrase-fd", type=int, help="descriptor to read the passphrase from")
    serve_.add_argument("--channel", action="append", default=[], metavar="PEER:FD", help="web, worker or inspector")
    serve_.add_argument("--socket", type=Path, help="named socket for the terminal")
    serve_.add_argument("--peers", type=Path, help="named socket for peers that are told apart by uid")
    serve_.add_argument("--peer", action="append", default=[], metavar="PEER:USER", help="who is whose user or uid")
    serve_.add_argument("--config", type=Path, help="broker.toml: lower lives, lower budgets")
    serve_.add_argument("--outside-checkpoint", type=Path, help="signed head kept elsewhere, to extend")
    serve_.add_argument("--ready-fd", type=int, help="descriptor to write a line to when serving")
    serve_.add_argument("--resume-fd", type=int, help=argparse.SUPPRESS)
    serve_.add_argument("--strangers", type=int, default=0, help=argparse.SUPPRESS)
    return root


def run(
    options: argparse.Namespace, *, module: str, arguments: list[str], clock: Clock, mode: Mode,
    reached: Callable[[str], None],
) -> int:  # fmt: skip
    """Exit code 0 or 1; what went wrong is one sentence on standard error."""
    try:
        if options.command == "create":
            return _create(options, clock, mode)
        return _serve(options, module=module, arguments=arguments, clock=clock, mode=mode, reached=reached)
    except (
        Exists, RolledBack, Malformed, CannotOpen, JournalHangs, JournalBroken, ValueError, OSError
    ) as problem:  # fmt: skip
        sys.stderr.write(f"keybroker: {_sentence(problem)}\n")
        return 1


def _create(options: argparse.Namespace, clock: Clock, mode: Mode) -> int:
    unlocks, secret = _secret(options)
    verifier = create(
        keys=options.keys, journal=options.journal, mode=mode, clock=clock, unlocks=unlocks, secret=secret,
        origin=options.origin,
    )  # fmt: skip
    sys.stdout.write(f"{verifier.name}\n{verifier.line()}\n")
    return 0


def _serve(
    options: argparse.Namespace, *, module: str, arguments: list[str], clock: Clock, mode: Mode,
    reached: Callable[[str], None],
) -> int:  # fmt: skip
    end_without_values()
    for missing in harden():
        sys.stderr.write(f"keybroker: {missing}\n")
    with _only_one(options.keys):
        outside = options.outside_checkpoint.read_text(encoding="utf-8") if options.outside_checkpoint else None
        broker = Broker(
            keys=options.keys, journal=options.journal, clock=clock, mode=mode,
            settings=read_settings(options.config), outside=outside, reached=reached,
        )  # fmt: skip
        broker.strangers = options.strangers
        if options.resume_fd is not None:
            broker.unlock_with(rebirth.take(options.resume_fd))
            broker.tick()
        else:
            broker.start()
            if options.unlock_file is not None:
                broker.unlock(Unlocks.FILE, _read_private(options.unlock_file))
        reborn = _answer(broker, options)
        options.strangers = broker.strangers
        secret = broker.ring.unlock_secret() if reborn else b""
        broker.close()
        if not reborn:
            return 0
    _be_reborn(options, module, arguments, secret)
    return 1


def _answer(broker: Broker, options: argparse.Namespace) -> bool:
    """Serve until told to stop; whether to be reborn."""

    def tick() -> bool:
        # A hanging medium refuses what needs a leaf; it must not end the process, which still kills keys.
        with contextlib.suppress(JournalHangs):
            broker.tick()
        return broker.wants_rebirth

    listener = Listener(
        lambda asker, verb, arguments: verbs.handle(broker, asker, verb, arguments), tick, broker.stranger
    )
    for channel in options.channel:
        peer, _, descriptor = channel.partition(":")
        listener.add_channel(os.dup(int(descriptor)), Peer[peer.upper()])
    if options.socket is not None:
        listener.add_terminal(options.socket)
    if options.peers is not None:
        listener.add_peers(options.peers, _uids(options.peer))
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: listener.stop())
    if options.ready_fd is not None:
        os.write(options.ready_fd, b"ready\n")
        os.close(options.ready_fd)
    listener.serve()
    listener.close()
    return broker.wants_rebirth and not listener.stopped


def _be_reborn(options: argparse.Namespace, module: str, arguments: list[str], secret: bytes) -> None:
    keep = [int(channel.partition(":")[2]) for channel in options.channel]
    again = _without(_without(_without(arguments, "--resume-fd"), "--ready-fd"), "--strangers")
    again += ["--strangers", str(options.strangers)]
    if secret:
        descriptor = rebirth.hold(secret)
        keep.append(descriptor)
        again += ["--resume-fd", str(descriptor)]
    elif options.unlock_file is not None:
        again = _without(again, "--unlock-file")  # it was locked by a person: it stays locked
    rebirth.again(module, again, keep)


def _uids(pairs: list[str]) -> dict[int, Peer]:
    """Whose uid is whose. A uid that stood for two peers would have the rights of both."""
    found: dict[int, Peer] = {}
    for pair in pairs:
        name, _, user = pair.partition(":")
        if name.upper() not in Peer.__members__:
            raise ValueError(f"--peer {pair}: say PEER:USER with web, worker or inspector")
        try:
            uid = int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
        except KeyError:
            raise ValueError(f"--peer {pair}: there is no such user") from None
        if found.setdefault(uid, Peer[name.upper()]) is not Peer[name.upper()]:
            raise ValueError(f"--peer {pair}: this uid is another peer's too")
    return found


@contextlib.contextmanager
def _only_one(keys: Path) -> Iterator[None]:
    """One broker a ring: a lock on the folder, let go by the system however the process ends."""
    descriptor = os.open(keys, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ValueError("another key broker holds this ring; stop it first") from None
    try:
        yield
    finally:
        os.close(descriptor)


def _secret(options: argparse.Namespace) -> tuple[Unlocks, bytes]:
    if options.unlock_file is not None:
        return Unlocks.FILE, _read_private(options.unlock_file)
    if options.passphrase_fd is None:
        raise ValueError("say how to unlock: --unlock-file FILE or --passphrase-fd N")
    passphrase = os.read(options.passphrase_fd, MOST_SECRET).rstrip(b"\n")
    if len(passphrase) < 12:
        raise ValueError("a passphrase has at least 12 characters")
    return Unlocks.PASSPHRASE, passphrase


def _read_private(path: Path) -> bytes:
    """A secret file: ours, not a link, readable by nobody else, at least 32 bytes.

    A service manager keeps its own and lets its service read by an access list, which shows as the group's mode.
    """
    handed = os.environ.get("CREDENTIALS_DIRECTORY") == str(path.parent)
    owners, others = ((os.getuid(), 0), 0o007) if handed else ((os.getuid(),), 0o077)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(file.fileno())
        if state.st_mode & others or state.st_uid not in owners:
            raise ValueError(f"{path.name}: a secret file belongs to this user and has mode 0600 (chmod 600)")
        data = file.read(MOST_SECRET)
    if len(data) < 32:
        raise ValueError(f"{path.name}: a secret file holds at least 32 random bytes")
    return data


def _without(arguments: list[str], option: str) -> list[str]:
    """The arguments without an option and its value."""
    if option not in arguments:
        return list(arguments)
    at = arguments.index(option)
    return arguments[:at] + arguments[at + 2 :]


def _sentence(problem: Exception) -> str:
    """What to say of a problem: our own sentences as they are, the system's by name."""
    if isinstance(problem, OSError):
        return f"{problem.strerror or type(problem).__name__}: {problem.filename or ''}"
    return str(problem) or type(problem).__name__
