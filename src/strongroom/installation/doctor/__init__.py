"""`strongroom doctor`, what needs the machine and the folder alone: works down, half-installed, locked and running.

Nothing here needs the unlock secret or opens anything sealed. `command/doctor` adds what needs policy or database.
"""

from typing import Final

from strongroom.installation.doctor import folder, keys, looks, machine, program, settings, tls

EXAMINATIONS: Final = (
    *program.EXAMINATIONS, *folder.EXAMINATIONS, *settings.EXAMINATIONS, *keys.EXAMINATIONS, *tls.EXAMINATIONS,
    *machine.EXAMINATIONS, *looks.EXAMINATIONS,
)  # fmt: skip
