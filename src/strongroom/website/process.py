"""Joining this process to the key broker: policy time, and the way of urgent entries into the tree."""

import gc

import django
from django.core import checks

from strongroom.formats.clock import Clock
from strongroom.installation.process_flags import harden
from strongroom.website.log import end_without_values


def settle() -> None:
    """What is loaded by now stays for this process's life: the collector goes through what comes after alone."""
    gc.collect()
    gc.freeze()


def begin(clock: Clock) -> None:
    """Everything a Django process does before it serves: flags, sections, time, checks. Ends it where one fails."""
    harden()
    django.setup()
    end_without_values()
    # The sections' modules need Django to be set up before they are imported.
    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.clauses import terms  # noqa: PLC0415
    from strongroom.policy.encryption_and_storage import broker  # noqa: PLC0415
    from strongroom.policy.encryption_and_storage.believed_time import BelievedTime  # noqa: PLC0415
    from strongroom.policy.logging_and_monitoring import journal  # noqa: PLC0415
    from strongroom.policy.obligations.versions import InForce  # noqa: PLC0415

    definitions.use_time(BelievedTime(clock))
    journal.use_sequencer(broker.append)
    terms.use_source(InForce())
    found = [problem for problem in checks.run_checks() if problem.is_serious()]
    if found:
        raise SystemExit("\n".join(f"{problem.id}: {problem.msg}" for problem in found))
