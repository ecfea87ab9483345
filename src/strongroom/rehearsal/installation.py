"""A whole rehearsal installation: simulated Amazon, movable clock, and the same processes as live (DESIGN 2, 10)."""

import json
import math
import os
import secrets
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Final, Self

from strongroom.formats.grade import Role
from strongroom.formats.secret import Secret
from strongroom.installation import layout
from strongroom.installation.commands import LIVE, Entries
from strongroom.installation.configuration import load
from strongroom.installation.description import Listener
from strongroom.installation.folders import Folders
from strongroom.installation.inspector.listeners import listening
from strongroom.installation.problems import CannotStart
from strongroom.installation.running import Running
from strongroom.rehearsal.clock import ClockDriver
from strongroom.rehearsal.marketplace.business import MARKETPLACES
from strongroom.rehearsal.marketplace.control import Control
from strongroom.rehearsal.ports import free_port
from strongroom.rehearsal.sample_people import FILE
from strongroom.rehearsal.sample_shop import PRINTER_URI
from strongroom.rehearsal.worker import SLOT, TELL_SLOT, WATCH_SLOT

CLIENT_ID: Final = "amzn1.application-oa2-client.rehearsal"
STEP_WITHIN: Final = 60.0


class Rehearsal:
    """Starts everything in a folder; `days` of business begin that long before now. A live folder is refused.

    `hands_off`: days after the beginning from which on nothing is despatched by itself, so that packers have work.
    `loud`: web and worker log at level DEBUG, as nobody should, mails are kept as files, and a webhook is told, so that
    a drill can search what they say. Who receives the webhook is the drill's own.
    """

    def __init__(
        self, data: Path, *, port: int, days: int, seed: int = 1, orders_per_day: float = 10.0,
        hands_off: float = math.inf, pg_bindir: Path | None = None, marketplace_port: int = 0, loud: bool = False,
    ) -> None:  # fmt: skip
        self.folders = Folders(data)
        self.folders.make()
        self._refuse_live()
        self.is_new = not (data / "clock").exists()
        self.clock = ClockDriver(data / "clock", start=time.time() - days * 86_400)
        self._begin = self._remember_begin()
        self._hands_off, self._loud = hands_off, loud
        self._seed, self._orders_per_day = seed, orders_per_day
        self._marketplace_port = marketplace_port or free_port()
        self.printer_port = free_port()
        self._mail_port, self._mail_page_port = free_port(), free_port()
        self.hook_port = free_port() if loud else 0
        self.elsewhere.mkdir(mode=0o700, exist_ok=True)
        self._configure(port)
        self.running = Running(self.folders, load(self.folders.configuration), self._entries(), pg_bindir=pg_bindir)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.running.__exit__()
        shutil.rmtree(self.elsewhere, ignore_errors=True)

    @property
    def control(self) -> Control:
        """What makes things happen at the simulated Amazon."""
        return Control(self.folders.amazon_sockets / "control.sock")

    @property
    def elsewhere(self) -> Path:
        """Beside the data folder; stands for the folders of a machine where strays end up: what others left in this
        machine's is none of a rehearsal's business. It goes when the rehearsal ends.
        """
        return self.folders.data.with_name(f"{self.folders.data.name}-elsewhere")

    def start(self) -> None:
        """Everything, in order of dependence; returns when it serves."""
        unlock = self.folders.data / "rehearsal-unlock"
        if not unlock.exists():
            unlock.touch(mode=0o600)
            unlock.write_bytes(os.urandom(32))
        self._move_people()
        self.running.describe(*self._listeners())
        self._start_marketplace()
        self.start_printer()
        self._start_mail()
        if self._loud and not self.folders.has_credential("webhook-secret"):
            self.folders.keep_credential("webhook-secret", Secret(secrets.token_urlsafe(24)))
        self.running.create_keys("--unlock-file", str(unlock))
        self.running.start_database()
        self.running.migrate(at=self.clock.wall())
        self.running.start_broker("--unlock-file", str(unlock))
        with self.running.beside("web", ["-m", "strongroom.rehearsal.sample_company"]):
            self.running.start_website()
            self.running.start_worker()
            self.running.start_inspector()

    def keep_office(self) -> None:
        """The sample office does its duties, as of now."""
        self.running.run("web", ["-m", "strongroom.rehearsal.sample_office"])

    def step(self, seconds: float) -> None:
        """Move the clock on and wait until the worker has done what became due."""
        self.wait_for(self.clock.step(seconds))

    def wait_for(self, steps: int) -> None:
        deadline = time.monotonic() + STEP_WITHIN
        while min(self.clock.acknowledged(SLOT), self.clock.acknowledged(WATCH_SLOT)) < steps:
            self.running.supervisor.watch()
            if time.monotonic() > deadline:
                raise CannotStart("The worker does not keep up with the clock.", f"Look at {self.folders.logs}.")
            time.sleep(0.005)

    def wait_for_telling(self) -> None:
        """Until what there is to tell after the last step is told."""
        deadline = time.monotonic() + STEP_WITHIN
        while self.clock.acknowledged(TELL_SLOT) < self.clock.steps():
            self.running.supervisor.watch()
            if time.monotonic() > deadline:
                raise CannotStart("The worker does not tell what there is to tell.", f"Look at {self.folders.logs}.")
            time.sleep(0.01)

    def people(self) -> dict[str, dict[str, str]]:
        """The sample people by role: name, e-mail, password, code secret."""
        found: dict[str, dict[str, str]] = json.loads((self.folders.data / FILE).read_text(encoding="utf-8"))
        return found

    def _start_marketplace(self) -> None:
        folder = self.folders.marketplace
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, credential in (("client-secret", "amazon-client-secret"), ("refresh-token", "amazon-refresh-token")):
            if not self.folders.has_credential(credential):
                secret = Secret(f"Atzr|{secrets.token_urlsafe(24)}")
                self.folders.keep_credential(credential, secret)
                (folder / name).touch(mode=0o600)
                (folder / name).write_text(secret.text(), encoding="utf-8")
        self._start(
            "marketplace",
            "-m", "strongroom.rehearsal.marketplace", "--folder", str(folder), "--control",
            str(self.folders.amazon_sockets / "control.sock"), "--clock", str(self.folders.data / "clock"), "--port",
            str(self._marketplace_port), "--seed", str(self._seed), "--start", str(self._begin),
            "--orders-per-day", str(self._orders_per_day), "--hands-off", str(self._begin + self._hands_off * 86_400),
            "--client-id", CLIENT_ID, "--ready-fd", "{ready}",
        )  # fmt: skip

    def _start(self, name: str, *arguments: str) -> None:
        """A process of the simulated world, as its own user."""
        layout.settle(self.folders, self.running.who)
        process = self.running.process(name, Role.AMAZON, [sys.executable, *arguments], needs_ready_line=True)
        self.running.supervisor.start(process)

    @property
    def printer_address(self) -> str:
        """Where the rehearsal's printer shows its tray."""
        return f"https://localhost:{self.printer_port}/"

    def printer(self, word: str) -> int:
        """Ask the printer for a fault by name, or for `printed`; how many labels it printed so far."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
            connected.connect(str(self.folders.amazon_sockets / "printer.sock"))
            connected.sendall(f"{word}\n".encode())
            return int(connected.recv(64))

    def start_printer(self) -> None:
        """The rehearsal's printer, on its port."""
        folder = self.folders.data / "printer"
        folder.mkdir(mode=0o700, exist_ok=True)
        self._start(
            "printer",
            "-m", "strongroom.rehearsal.printer", "--folder", str(folder), "--control",
            str(self.folders.amazon_sockets / "printer.sock"), "--port", str(self.printer_port), "--ready-fd",
            "{ready}",
        )  # fmt: skip
        (self.folders.data / PRINTER_URI).write_text(
            f"ipps://localhost:{self.printer_port}/ipp/print", encoding="utf-8"
        )

    @property
    def letters(self) -> Path:
        """Where the mail server of a loud rehearsal keeps what it took."""
        return self.folders.data / "mail" / "tray"

    @property
    def mail_address(self) -> str:
        """Where the rehearsal's mail server shows what it took."""
        return f"https://localhost:{self._mail_page_port}/"

    def _start_mail(self) -> None:
        folder = self.folders.data / "mail"
        folder.mkdir(mode=0o700, exist_ok=True)
        if not self.folders.has_credential("mail-password"):
            secret = Secret(secrets.token_urlsafe(24))
            self.folders.keep_credential("mail-password", secret)
            (folder / "password").touch(mode=0o600)
            (folder / "password").write_text(secret.text(), encoding="utf-8")
        tray = ("--tray", str(self.letters)) if self._loud else ()
        self._start(
            "mail",
            "-m", "strongroom.rehearsal.mail", "--folder", str(folder), "--port", str(self._mail_port), "--page-port",
            str(self._mail_page_port), "--ready-fd", "{ready}", *tray,
        )  # fmt: skip

    def _configure(self, port: int) -> None:
        """The rehearsal's `strongroom.toml`: what points at Amazon live points at the simulator here."""
        here = f"https://localhost:{self._marketplace_port}"
        places = ", ".join(f'"{id_}"' for id_, _, _ in MARKETPLACES.values())
        # A rehearsal is about us, not about this machine: what listened before it began is the machine's own.
        others = ", ".join(f'"{one}"' for one in (*listening(), *([f"tcp/{self.hook_port}"] if self._loud else [])))
        hook = (
            f'[webhook]\nurl = "https://localhost:{self.hook_port}/hook"\nown_hosts = ["localhost"]\n'
            f'ca_file = "{self.folders.data / "mail" / "ca.pem"}"\n\n'
        )
        self.folders.configuration.write_text(
            '[company]\nname = "Quillmarsh Toys"\ncountry = "GB"\n'
            'address = ["Unit 4, Wharf Road"]\ncity = "Quillmarsh"\npostcode = "QM1 2AB"\nphone = "+44 7700 900100"\n'
            'contacts = ["despatch@quillmarsh.invalid"]\n'
            f"sells_to = {json.dumps(list(MARKETPLACES))}\n\n"
            f'[web]\nport = {port}\n\n[marketplace]\nendpoint = "{here}"\n'
            f'login_endpoint = "{here}/auth/o2/token"\nca_file = "{self.folders.marketplace / "ca.pem"}"\n'
            f'region = "eu"\nmarketplaces = [{places}]\nclient_id = "{CLIENT_ID}"\n\n'
            f'[mail]\nhost = "localhost"\nport = {self._mail_port}\nsecurity = "starttls"\nusername = "strongroom"\n'
            f'from = "strongroom@quillmarsh.invalid"\nca_file = "{self.folders.data / "mail" / "ca.pem"}"\n'
            'directors = ["board@quillmarsh.invalid"]\n\n'
            f"{hook if self._loud else ''}[network]\nother_listeners = [{others}]\n",
            encoding="utf-8",
        )

    def _entries(self) -> Entries:
        clock = str(self.folders.data / "clock")
        loud = {"DJANGO_SETTINGS_MODULE": "strongroom.rehearsal.loud_settings"} if self._loud else {}
        return Entries(
            "rehearsal",
            ("-m", "strongroom.rehearsal.broker", "--clock", clock),
            ("-m", "strongroom.rehearsal.serve"),
            ("-m", "strongroom.rehearsal.worker"),
            ("-m", "strongroom.website.migrate"),
            (*LIVE.inspector, "--tick", "0.1", "--rest", "1", "--search", str(self.elsewhere)),
            {"STRONGROOM_REHEARSAL_CLOCK": clock, **loud},
        )

    def _move_people(self) -> None:
        """In rehearsals of before, the sample people's file lay where the website's own user may not write."""
        old = self.folders.data / "sample-people.json"
        if old.exists():
            web = self.running.who.roles[Role.WEB]
            os.chown(old, web.uid, web.gid)
            old.rename(self.folders.data / FILE)

    def _listeners(self) -> list[Listener]:
        """What the simulated world listens on: ours too, and listed."""
        ports = (self._marketplace_port, self.printer_port, self._mail_port, self._mail_page_port)
        sockets = ("control.sock", "printer.sock")
        return [
            *(Listener("tcp", "127.0.0.1", port, Role.AMAZON) for port in ports),
            *(Listener("unix", str(self.folders.amazon_sockets / name), 0, Role.AMAZON) for name in sockets),
        ]

    def _remember_begin(self) -> float:
        """When business began, kept so that a restart has the same world."""
        path = self.folders.data / "rehearsal-begin"
        if not path.exists():
            path.write_text(str(self.clock.wall()), encoding="utf-8")
        return float(path.read_text(encoding="utf-8"))

    def _refuse_live(self) -> None:
        if (self.folders.keys / "ring").exists() and not (self.folders.data / "clock").exists():
            raise CannotStart(
                "This folder is of a live installation.", "A rehearsal never runs on one; choose another with --data."
            )
