"""`strongroom sbom`: the bill of materials, CycloneDX 1.6: every library that this installation could load (AZ-8)."""

import argparse
import re
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions, version
from typing import Any, Final

from strongroom.command.installed import show

SPACE: Final = uuid.UUID("6d3a2a0e-6f0d-4a53-9c7e-0f6a1c5b7d11")


def add(commands: Any) -> None:
    parser = commands.add_parser("sbom", help="the bill of materials as CycloneDX JSON: every library here")
    parser.set_defaults(run=_run)


def bill() -> dict[str, Any]:
    """The same for the same libraries: no time, no machine, and a serial number that follows from the rest."""
    components = sorted(_components(), key=lambda found: str(found["purl"]))
    ours = {"type": "application", "name": "strongroom", "version": version("strongroom"), "bom-ref": "strongroom"}
    serial = uuid.uuid5(SPACE, "\n".join([ours["version"], *(str(found["purl"]) for found in components)]))
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1,
        "metadata": {"component": ours}, "components": components,
    }  # fmt: skip


def _components() -> Iterator[dict[str, Any]]:
    seen = {"strongroom"}
    for found in distributions():
        name = re.sub(r"[-_.]+", "-", found.name).lower()
        if name not in seen:
            seen.add(name)
            purl = f"pkg:pypi/{name}@{found.version}"
            yield {
                "type": "library", "name": name, "version": found.version, "purl": purl, "bom-ref": purl,
                **_licence(found),
            }  # fmt: skip


def _licence(found: Distribution) -> dict[str, Any]:
    """As its makers say; nothing where they say none in one line."""
    told = found.metadata.json
    if said := told.get("license_expression"):
        return {"licenses": [{"expression": said}]}
    name = str(told.get("license") or "")
    return {"licenses": [{"license": {"name": name}}]} if name and "\n" not in name and len(name) < 80 else {}


def _run(_: argparse.Namespace) -> int:
    show(bill(), "", as_json=True)
    return 0
