"""`strongroom policy`: promises, terms in force, changes to them; `strongroom status`: whether they hold."""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import django

from strongroom.command.installed import act_as_web, folders, read_as, show, tell, wait_for_the_journal
from strongroom.command.people import person_of_token
from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart

RUN_WITHIN = 120.0
PARTS = ("guards", "checks", "sabotages", "duties", "tests")


def add(commands: Any) -> None:
    parser = commands.add_parser("policy", help="show, lint, propose, compare, publish, answers")
    verbs = parser.add_subparsers(dest="verb", required=True)
    shown = verbs.add_parser("show", help="every promise with its grade, terms, guard, check and state")
    shown.add_argument("--json", action="store_true")
    shown.set_defaults(run=_show)
    linted = verbs.add_parser("lint", help="what is wrong in the company's profiles, with line and remedy")
    linted.add_argument("files", nargs="*", type=Path, help="profile files (default: profiles/*.toml of the folder)")
    linted.add_argument("--json", action="store_true")
    linted.set_defaults(run=_lint)
    proposed = verbs.add_parser("propose", help="propose the company's profiles; somebody else approves them")
    proposed.add_argument("--token-stdin", action="store_true", help="read the token from standard input")
    proposed.add_argument("--reason", required=True, help="why, for whoever approves")
    proposed.set_defaults(run=_propose)
    compared = verbs.add_parser("compare", help="what the files would change in what is in force")
    compared.add_argument("--json", action="store_true")
    compared.set_defaults(run=_compare)
    mapped = verbs.add_parser("controls", help="the map from clause to guard, check, test, sabotage, evidence")
    mapped.add_argument("--tests", type=Path, help="the folder of tests, to name those that speak of each clause")
    mapped.add_argument("--json", action="store_true")
    mapped.set_defaults(run=_controls)
    published = verbs.add_parser("publish", help="give the public what runs, at /policy and /privacy")
    published.add_argument("--token-stdin", action="store_true", help="read the token from standard input")
    published.add_argument("--json", action="store_true")
    published.set_defaults(run=_publish)
    answered = verbs.add_parser("answers", help="what Amazon asks developers, answered from what is true now")
    answered.add_argument("--json", action="store_true")
    answered.set_defaults(run=_answers)
    status = commands.add_parser(
        "status", help="whether each promise is true now; exit 3 where one is false, 4 unknown"
    )
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)
    checks = commands.add_parser("checks", help="run checks now")
    runs = checks.add_subparsers(dest="verb", required=True)
    run = runs.add_parser("run", help="have the worker run these checks now, and wait for them")
    run.add_argument("which", nargs="*", help="clauses or checks, such as RR-2 or RR-2.oldest (default: all)")
    run.add_argument("--json", action="store_true")
    run.set_defaults(run=_run)


def _show(options: argparse.Namespace) -> int:
    read_as("auditor", folders(options))
    from strongroom.website.wall import reports  # noqa: PLC0415 - Django is set up now

    rows = [row | {"sabotage": _sabotage(row["id"])} for row in reports.policy()]
    lines = [f"{row['id']:6} {row['state']:9} {row['grade']:9} {row['promise']}" for row in rows]
    show({"clauses": rows}, "\n".join(lines), as_json=options.json)
    return 0


def _sabotage(id_: str) -> list[str] | None:
    """What is broken on purpose to see this clause's tile turn."""
    from strongroom.rehearsal.sabotage import drill  # noqa: PLC0415

    return [each.breaks for each in drill.all_sabotage() if each.clause == id_] or None


def _status(options: argparse.Namespace) -> int:
    read_as("auditor", folders(options))
    from strongroom.website.wall import reports  # noqa: PLC0415

    report = reports.status()
    counts = report["counts"]
    lines = [", ".join(f"{count} {name}" for name, count in counts.items()) + f" at {report['at']}"]
    lines += [f"{row['id']:6} {row['state']:9} {row['reason']}" for row in report["clauses"] if row["state"] != "true"]
    show(report, "\n".join(lines), as_json=options.json)
    return 3 if counts["false"] else 4 if counts["unknown"] else 0


def _lint(options: argparse.Namespace) -> int:
    """Needs no running installation: the files alone."""
    from strongroom.policy.clauses import profiles, terms  # noqa: PLC0415

    texts = _texts(options.files, options)
    company, mistakes = profiles.read(texts, profiles.built_in())
    mistakes += terms.lint(company, profiles.built_in())
    rows = [{"file": m.file, "line": m.line, "mistake": m.sentence, "remedy": m.remedy} for m in mistakes]
    words = "\n".join(str(mistake) for mistake in mistakes) or f"{len(texts)} profiles, nothing wrong."
    show({"mistakes": rows, "profiles": sorted(texts)}, words, as_json=options.json)
    return 3 if mistakes else 0


def _controls(options: argparse.Namespace) -> int:
    """Needs no installation: what the code has. Exit 3 where a clause lacks a part."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    django.setup()
    from strongroom.command import controls as mapping  # noqa: PLC0415 - the sections need Django
    from strongroom.website.wiring import controls  # noqa: PLC0415

    rows = mapping.rows(controls(), options.tests)
    data = [{"id": r.clause.id, **{n: list(getattr(r, n)) for n in PARTS}, "missing": list(r.missing)} for r in rows]
    show({"clauses": data}, mapping.page(rows).rstrip(), as_json=options.json)
    return 3 if any(row.missing for row in rows) else 0


def _compare(options: argparse.Namespace) -> int:
    found = folders(options)
    texts = _texts([], options)
    act_as_web(found)
    from strongroom.policy.clauses import profiles, terms  # noqa: PLC0415
    from strongroom.policy.clauses.terms import Terms  # noqa: PLC0415
    from strongroom.policy.obligations import versions  # noqa: PLC0415

    after = Terms([*profiles.built_in(), *versions.lint(texts)[0]])
    changes = versions.changes(terms.in_force(), after)
    moved = versions.moved_clocks(terms.in_force(), after)
    lines = [f"{c.clause:6} {c.name} {c.scope}: {c.was or 'new'} -> {c.becomes or 'gone'}" for c in changes]
    lines += [f"{count} open deadlines of `{kind}` move earlier" for kind, count in moved.items()]
    rows = [vars(change) for change in changes]
    words = "\n".join(lines) or "Nothing would change."
    show({"changes": rows, "clocks": moved}, words, as_json=options.json)
    return 0


def _propose(options: argparse.Namespace) -> int:
    found = folders(options)
    texts = _texts([], options)
    act_as_web(found)
    from strongroom.policy.obligations import versions  # noqa: PLC0415

    proposal = versions.propose(texts=texts, reason=options.reason, by=person_of_token(options))
    wait_for_the_journal()
    until = f"{proposal.expires_at:%-d %B}"
    tell(f"Proposed as {proposal.subject}. Somebody else approves it on the page Approvals, until {until}.")
    return 0


def _publish(options: argparse.Namespace) -> int:
    """In the name of whoever's token it is. The website serves exactly what is written here."""
    found = folders(options)
    by = person_of_token(options)
    from strongroom.policy.data_governance import actions  # noqa: PLC0415
    from strongroom.website.published import company  # noqa: PLC0415

    made = actions.publish(publisher=company.here(), data=found.data, by=by)
    wait_for_the_journal()
    row = {"edition": made.number, "version": made.version, "sums_sha256": made.sha256.hex()}
    words = f"Version {made.version} is public as edition {made.number}. SHA-256 of its sums: {made.sha256.hex()}"
    show(row, words, as_json=options.json)
    return 0


def _answers(options: argparse.Namespace) -> int:
    read_as("auditor", folders(options))
    from strongroom.website.published.replies import replies  # noqa: PLC0415

    made = replies()
    rows = [
        {"id": a.id, "title": a.title, "answer": a.text, "characters": a.length, "clauses": list(a.clauses),
         "not_shown": list(a.missing)} for a in made["answers"]
    ]  # fmt: skip
    words = "\n\n".join(f"{a.title} ({a.length} of {made['longest']})\n{a.text}" for a in made["answers"])
    show({"at": made["at"].isoformat(), "version": made["version"], "answers": rows}, words, as_json=options.json)
    return 0


def _run(options: argparse.Namespace) -> int:
    """Ask the worker; then wait until each has a newer run than when it was asked."""
    act_as_web(folders(options))
    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.obligations import runs  # noqa: PLC0415
    from strongroom.website.wiring import controls  # noqa: PLC0415

    all_checks = controls().checks
    wanted = [c for c in all_checks if not options.which or c.id in options.which or c.clause in options.which]
    if not wanted:
        tell(f"There is no such check. Known are {', '.join(sorted({c.clause for c in all_checks}))}.")
        return 2
    asked = definitions.now()
    runs.want([check.id for check in wanted], asked)
    rows, deadline = list[dict[str, Any]](), time.monotonic() + RUN_WITHIN
    waiting = {check.id for check in wanted}
    while waiting and time.monotonic() < deadline:
        for id_ in sorted(waiting):
            run = next((r for r in runs.last_of(id_, 2) if r.ended_at is not None and r.began_at >= asked), None)
            if run is not None:
                waiting.discard(id_)
                rows.append({"check": id_, "outcome": run.outcome, "reason": run.reason, "ms": run.milliseconds})
        time.sleep(0.1)
    late = "The worker did not run it in time."
    rows += [{"check": id_, "outcome": "unknown", "reason": late, "ms": None} for id_ in sorted(waiting)]
    lines = [f"{row['outcome']:8} {row['check']:24} {row['reason']}" for row in rows]
    show({"runs": rows}, "\n".join(lines), as_json=options.json)
    outcomes = {row["outcome"] for row in rows}
    return 3 if "fail" in outcomes else 4 if "unknown" in outcomes else 0


def _texts(files: list[Path], options: argparse.Namespace) -> dict[str, str]:
    """The profile files named, or those in the installation's folder."""
    found = files or sorted((_folder(options) / "profiles").glob("*.toml"))
    try:
        return {path.name: path.read_text(encoding="utf-8") for path in found}
    except OSError as why:
        raise CannotStart(f"{why.filename} cannot be read: {why.strerror}.", "Name profile files that exist.") from None
    except UnicodeDecodeError:
        raise CannotStart("A profile is no text in UTF-8.", "Save it as UTF-8.") from None


def _folder(options: argparse.Namespace) -> Path:
    from strongroom.installation.folders import default_data_folder  # noqa: PLC0415

    return Folders(options.data or default_data_folder()).data
