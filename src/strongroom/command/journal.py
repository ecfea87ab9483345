"""`strongroom journal`: verify, checkpoint, proof, export. Verifying needs a folder and its public key only."""

import argparse
from pathlib import Path
from typing import Any

from strongroom.command.installed import folders, show, talk_to_broker, tell
from strongroom.command.progress import through
from strongroom.formats import note, proof
from strongroom.formats.malformed import Malformed
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.logging_and_monitoring.tree import PublishedTree, read_key


def add(commands: Any) -> None:
    parser = commands.add_parser("journal", help="verify, checkpoint, proof, export")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verify = verbs.add_parser("verify", help="every leaf, tile and signature; also of a copied folder, offline")
    verify.add_argument("--folder", type=Path, help="a copy of the journal's folder (default: this installation's)")
    verify.add_argument("--key", help="verifier key line or file, if not the one in the folder")
    verify.add_argument("--since", type=Path, help="an older checkpoint that it must extend")
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=_verify)
    checkpoint = verbs.add_parser("checkpoint", help="sign and print the newest head")
    checkpoint.set_defaults(run=_checkpoint)
    one = verbs.add_parser("proof", help="make or check a proof file")
    one.add_argument("index", type=int, nargs="?", help="number of a leaf: print its inclusion proof")
    one.add_argument("--folder", type=Path)
    one.add_argument("--since", type=Path, help="an older checkpoint: print the consistency proof instead")
    one.add_argument("--check", type=Path, help="a proof file to check")
    one.add_argument("--key", help="verifier key line or file, for --check")
    one.set_defaults(run=_proof)
    export = verbs.add_parser("export", help="copy the journal's public folder")
    export.add_argument("to", type=Path)
    export.set_defaults(run=_export)


def _verify(options: argparse.Namespace) -> int:
    folder = _folder(options)
    try:
        tree = PublishedTree(folder, _key(options.key) if options.key else None)
        verified = tree.verify(lambda bundles: through(bundles, "bundles"))
        if options.since is not None:
            tree.consistency(options.since.read_text(encoding="utf-8"))
    except (Malformed, FileNotFoundError) as why:
        show({"verified": False, "why": str(why)}, f"NOT VERIFIED: {why}", as_json=options.json)
        return 1
    head = verified.checkpoint
    gaps = [{"leaf": leaf, "seconds": seconds} for leaf, seconds in verified.gaps]
    data = {"verified": True, "origin": head.origin, "size": head.size, "root": head.root.hex(), "gaps": gaps}
    words = [f"Verified: {head.size:,} leaves of {head.origin}, root {head.root.hex()}."]
    words += [f"Silence of {gap['seconds']:,} s before leaf {gap['leaf']:,}: the broker wrote nothing." for gap in gaps]
    show(data, "\n".join(words), as_json=options.json)
    return 0


def _checkpoint(options: argparse.Namespace) -> int:
    talk_to_broker(folders(options))
    show(None, broker.checkpoint().rstrip("\n"), as_json=False)
    return 0


def _proof(options: argparse.Namespace) -> int:
    if options.check is not None:
        return _check(options)
    tree = PublishedTree(_folder(options))
    try:
        if options.since is not None:
            show(None, tree.consistency(options.since.read_text(encoding="utf-8")).text().rstrip("\n"), as_json=False)
        elif options.index is not None:
            if not 0 <= options.index < tree.size:
                tell(f"No proof: there are {tree.size:,} leaves, the first is 0.")
                return 1
            show(None, tree.inclusion(options.index).text().rstrip("\n"), as_json=False)
        else:
            tell("Name a leaf, or --since CHECKPOINT, or --check FILE.")
            return 2
    except Malformed as why:
        tell(f"No proof: {why}.")
        return 1
    return 0


def _check(options: argparse.Namespace) -> int:
    text = options.check.read_text(encoding="utf-8")
    key = _key(options.key) if options.key else read_key(_folder(options))
    try:
        if text.startswith(proof.CONSISTENCY):
            old, new = proof.verify_consistency(proof.parse_consistency(text), key=key)
            tell(f"Right: the tree of {new.size:,} leaves extends the one of {old.size:,}.")
        else:
            found = proof.parse_inclusion(text)
            head = proof.verify_inclusion(found, leaf=found.extra, key=key)
            tell(f"Right: leaf {found.index:,} stands in the tree of {head.size:,} leaves of {head.origin}.")
    except Malformed as why:
        tell(f"Wrong: {why}.")
        return 1
    return 0


def _export(options: argparse.Namespace) -> int:
    if options.to.exists():
        tell(f"{options.to} exists already; name a new folder.")
        return 1
    tree = PublishedTree(folders(options).journal)
    tree.copy_to(options.to)
    tell(f"{tree.size:,} leaves copied. Verify them anywhere: strongroom journal verify --folder {options.to}")
    return 0


def _folder(options: argparse.Namespace) -> Path:
    return Path(options.folder) if options.folder else folders(options).journal


def _key(said: str) -> note.VerifierKey:
    path = Path(said)
    return note.parse_verifier_key(path.read_text(encoding="utf-8") if path.exists() else said)
