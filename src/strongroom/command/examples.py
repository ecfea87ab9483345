"""Examples of every command, shown at the end of its `--help`, in the man page and in the reference."""

import argparse
from collections.abc import Iterator
from typing import Final

EXAMPLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "up": (("strongroom up", "a live installation on https://localhost:8443"),
           ("strongroom up --demo", "a rehearsal with a simulated Amazon")),
    "demo": (("strongroom demo --headless --json", "a month through the real processes, with a report"),),
    "init": (("strongroom init", "make or upgrade the service of this machine, as root"),
             ("strongroom init --destdir build", "only the files, for a package")),
    "keys list": (("strongroom keys list", "which keys live, and until when"),),
    "keys unlock": (("strongroom keys unlock", "ask for the passphrase"),
                    ("strongroom keys unlock --file unlock", "or take a file, mode 0600")),
    "keys seal": (("strongroom keys seal", "nothing opens until somebody unlocks it"),),
    "keys agree": (("strongroom keys agree", "the clock jumped, and it is right"),),
    "orders sync": (("strongroom orders sync", "ask Amazon now"),),
    "orders list": (("strongroom orders list --most 10", "the ten newest"),),
    "orders show": (("strongroom orders show 0b0a7a3e-5a3f-4f5c-9d5e-3c1f5a0d2b11", "one order by our reference"),),
    "labels queue": (("strongroom labels queue", "labels that wait or are undecided"),),
    "stock import": (("strongroom stock import stock.csv", "bins, weights and customs of SKUs"),),
    "retention due": (("strongroom retention due --json", "open deadlines, for a script"),),
    "retention run": (("strongroom retention run", "do what is due now"),),
    "journal verify": (("strongroom journal verify", "this installation's journal"),
                       ("strongroom journal verify --folder copy", "a copy, offline"),
                       ("strongroom journal verify --since old.checkpoint", "and that it extends an older head")),
    "journal checkpoint": (("strongroom journal checkpoint", "sign and print the newest head"),),
    "journal proof": (("strongroom journal proof 0", "that the first leaf stands in the tree"),
                      ("strongroom journal proof --check leaf.proof", "check what somebody handed you")),
    "journal export": (("strongroom journal export copy", "its public folder"),),
    "policy show": (("strongroom policy show", "each promise, its grade and its state"),),
    "policy lint": (("strongroom policy lint", "what is wrong in your own profiles"),),
    "policy propose": (("strongroom policy propose --reason 'shorter terms'", "somebody else approves"),),
    "policy compare": (("strongroom policy compare", "what your profiles would change"),),
    "policy controls": (("strongroom policy controls --json", "clause to guard, check, test, sabotage"),),
    "policy publish": (("strongroom policy publish", "what runs, at /policy and /privacy"),),
    "policy answers": (("strongroom policy answers", "what Amazon asks, answered from what is true"),),
    "status": (("strongroom status", "each promise that is not true now"),
               ("strongroom status --json", "all of them, for monitoring")),
    "checks run": (("strongroom checks run RR-2", "look again at one promise, now"),),
    "config show": (("strongroom config show --origin", "each setting, and where it came from"),),
    "people list": (("strongroom people list", "who may do what"),),
    "people invite": (("strongroom people invite ann@example.org --name 'Ann Ode' --token-stdin",
                       "prints their one link"),),
    "people propose": (("strongroom people propose ann@example.org packer --reason job", "a role, for approval"),),
    "people approve": (("strongroom people approve ann@example.org packer", "what somebody else proposed"),),
    "people end": (("strongroom people end ann@example.org packer --reason other-job", "a role that is over"),),
    "people unlock": (("strongroom people unlock ann@example.org --reason forgot --restore", "and her roles again"),),
    "people leave": (("strongroom people leave ann@example.org", "sessions, factors, roles: everything ends"),),
    "people code": (("strongroom people code packer", "a sample person's code, in a rehearsal"),),
    "doctor": (("strongroom doctor", "what is wrong, why it matters, what to do"),
               ("strongroom doctor keys tls.server", "one group and one examination"),
               ("strongroom doctor --fix folder", "and do what is safe")),
    "drill sabotage": (("strongroom drill sabotage RR-2", "break one promise in a rehearsal, see its tile turn"),),
    "drill leak": (("strongroom drill leak", "search all that a rehearsal leaves for its customers"),),
    "rehearse": (("strongroom rehearse --days 30 --seed 7 --faults", "a month from a seed, with faults"),),
    "bench seal": (("strongroom bench seal --sizes 20000,100000", "two sizes"),),
    "bench receipt": (("strongroom bench receipt --sizes 10000,100000,1000000", "how the cost of an order grows"),
                      ("strongroom bench receipt --pg-bindir /usr/lib/postgresql/15/bin", "one that has pgcrypto")),
    "bench reveal": (("strongroom bench reveal --json", "for a script"),),
    "bench forget": (("strongroom bench forget --sizes 1000,10000,100000,1000000", "days of four sizes"),),
    "bench erase": (("strongroom bench erase", "the same as bench forget"),),
    "bench search": (("strongroom bench search --sizes 100000", "among a hundred thousand orders"),),
    "bench journal": (("strongroom bench journal --sizes 100000", "append and verify so many leaves"),),
    "bench scan": (("strongroom bench scan --sizes 200", "200 MB of each kind"),),
    "bench pages": (("strongroom bench pages --sizes 100000,1000000", "at two sizes"),),
    "bench wall": (("strongroom bench wall --orders 100000", "the wall over fewer orders"),),
    "sbom": (("strongroom sbom > sbom.json", "every library that is installed here, for whoever watches advisories"),),
    "completion": (("strongroom completion bash > ~/.local/share/bash-completion/completions/strongroom", "bash"),
                   ("strongroom completion fish > ~/.config/fish/completions/strongroom.fish", "fish")),
    "man": (("strongroom man > strongroom.1", "then: man ./strongroom.1"),),
    "reference": (("strongroom reference docs/reference", "write the pages anew"),),
}  # fmt: skip


def leaves(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that does something, such as `keys unlock`, with its parser, in the order of `--help`."""
    below = commands_of(parser)
    if not below:
        yield " ".join(words), parser
    for name, one in below.items():
        yield from leaves(one, (*words, name))


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """A parser's own commands by name; argparse offers no other way to them."""
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}


def attach(root: argparse.ArgumentParser) -> None:
    """Show each command's examples at the end of its help."""
    for name, parser in leaves(root):
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = "examples:\n" + "\n".join(f"  {line}\n      {words}" for line, words in EXAMPLES[name])
