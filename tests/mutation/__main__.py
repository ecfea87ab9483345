"""Mutation testing of the rules that matter most: one small change at a time, and some test must notice (`make mutate`).

Each mutant lives in the memory of a forked process, where an import hook hands it out instead of the module; no file is
changed. A mutant that no focused test notices is a survivor: it is printed with its line, and docs/testing.md says why it
may live, or a test is written.
"""

import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

import hypothesis
import pytest
from hypothesis import Phase

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 20
QUIETLY: Final = (
    "-q",
    "-x",
    "--noconftest",
    "-p",
    "no:randomly",
    "-p",
    "no:cacheprovider",
    "-p",
    "tests.mutation.plain",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
TARGETS: Final = {
    "strongroom.policy.retention_and_recovery.rules": ["tests/policy/test_retention_rules.py"],  # the eraser
    "strongroom.keybroker.budgets": ["tests/keybroker/test_budgets.py"],  # the authoriser's counting
    "strongroom.policy.least_privilege.gate": ["tests/policy/test_roles.py"],  # the authoriser's one question
    "strongroom.policy.least_privilege.roles": [  # and the table that answers it
        f"tests/policy/test_roles.py::test_{name}"
        for name in (
            "each_role_may_do_what_stands_here_and_no_more",
            "the_table_is_whole",
            "what_the_whole_office_may_do_is_written_once",
            "only_support_and_nobody_open_a_customers_data",
            "the_probes_role_is_given_to_nobody",
        )
    ],
    "strongroom.policy.obligations.rules": [
        "tests/policy/test_wall_rules.py",
        "tests/policy/test_wall_words.py",
    ],  # the evaluator
    "strongroom.formats.leaf_shape": ["tests/formats/test_leaf_shape.py"],  # the journal: what its door lets in
    "strongroom.formats.merkle": [  # and its tree
        "tests/formats/test_properties.py::test_every_leaf_of_every_tree_has_a_proof_and_only_that_leaf",
        "tests/formats/test_properties.py::test_every_older_tree_is_a_prefix_and_no_other_is",
        "tests/formats/test_merkle.py",
    ],
}
COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.Mod: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A module with one change. `what`: line and change, for people."""

    module: str
    what: str
    source: str


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What one node could be instead."""
    yield from _conditions(node)
    match node:
        case ast.BinOp() if type(node.op) in COUNTED:
            yield ast.BinOp(node.left, COUNTED[type(node.op)](), node.right)
        case ast.Constant(value=bool() as truth):
            yield ast.Constant(not truth)
        case ast.Constant(value=int() as number):
            yield ast.Constant(number + 1)
        case ast.Set(elts=elements) if len(elements) > 1:
            yield from (ast.Set(elements[:n] + elements[n + 1 :]) for n in range(len(elements)))
        case ast.Call(func=ast.Name(id="min")):
            yield ast.Call(ast.Name("max"), node.args, node.keywords)
        case ast.Call(func=ast.Name(id="max")):
            yield ast.Call(ast.Name("min"), node.args, node.keywords)


def _conditions(node: ast.AST) -> Iterator[ast.AST]:
    """Another comparison, another combination, a branch that is never or always taken."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARED:
            yield ast.Compare(node.left, [COMPARED[type(op)]()], node.comparators)
        case ast.Compare(ops=[first, second]) if type(first) in COMPARED and type(second) in COMPARED:
            yield ast.Compare(node.left, [COMPARED[type(first)](), second], node.comparators)
            yield ast.Compare(node.left, [first, COMPARED[type(second)]()], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
            yield from (ast.BoolOp(node.op, node.values[:n] + node.values[n + 1 :]) for n in range(len(node.values)))
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.If():
            yield ast.If(ast.Constant(value=False), node.body, node.orelse)


class _Replace(ast.NodeTransformer):
    """Puts one node in the place of the n-th."""

    def __init__(self, wanted: int, other: ast.AST) -> None:
        self._wanted, self._other, self._at = wanted, other, -1

    def visit(self, node: ast.AST) -> ast.AST:
        self._at += 1
        if self._at == self._wanted:
            return self._other
        return self.generic_visit(node)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)


def mutants(module: str) -> Iterator[Mutant]:
    """Every change of a module, one at a time. Annotations and values of enums stay."""
    text = (ROOT / "src" / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    tree = ast.parse(text)
    kept = {id(child) for node in ast.walk(tree) for child in _outside(node)}
    for at, node in enumerate(_in_order(tree)):
        if id(node) in kept:
            continue
        for other in (*changes(node), *_given(tree, node)):
            made = _Replace(at, copy.deepcopy(other)).visit(copy.deepcopy(tree))
            line = getattr(node, "lineno", 0)
            yield Mutant(module, f"{line}: {_told(node, other)}", ast.unparse(ast.fix_missing_locations(made)))


def _given(tree: ast.AST, node: ast.AST) -> Iterator[ast.AST]:
    """A set of names with one more, of those that the module's other sets hold: what a role was given by mistake."""
    if not isinstance(node, ast.Set):
        return
    every = {name for found in ast.walk(tree) if isinstance(found, ast.Set) for name in _names(tree, found)}
    for name in sorted(every - _names(tree, node)):
        yield ast.Set([*node.elts, ast.parse(name, mode="eval").body])


def _names(tree: ast.AST, node: ast.Set) -> set[str]:
    """The names in a set, with those of a constant's set that is poured into it."""
    found = {ast.unparse(each) for each in node.elts if isinstance(each, ast.Attribute)}
    poured = {ast.unparse(each.value) for each in node.elts if isinstance(each, ast.Starred)}
    for other in ast.walk(tree):
        if isinstance(other, ast.AnnAssign) and ast.unparse(other.target) in poured:
            found |= {name for each in ast.walk(other) if isinstance(each, ast.Set) for name in _names(tree, each)}
    return found


def _told(node: ast.AST, other: ast.AST) -> str:
    """What was changed, for people: of sets what came or went, else both."""
    if isinstance(node, ast.Set) and isinstance(other, ast.Set):
        was, now = ({ast.unparse(each) for each in one.elts} for one in (node, other))
        return " ".join([*(f"+ {name}" for name in sorted(now - was)), *(f"- {name}" for name in sorted(was - now))])
    return "  →  ".join(ast.unparse(ast.fix_missing_locations(one)).split("\n")[0] for one in (node, other))


def _outside(node: ast.AST) -> list[ast.AST]:
    """What a change means nothing in: annotations, and the options of decorators."""
    match node:
        case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=annotation) if annotation is not None:
            return list(ast.walk(annotation))
        case ast.FunctionDef(returns=returns) if returns is not None:
            return list(ast.walk(returns))
        case ast.ClassDef():
            return [each for decorator in node.decorator_list for each in ast.walk(decorator)]
    return []


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Hands out the mutant where the module is imported."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._mutant.module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.source, module.__name__, "exec"), module.__dict__)  # noqa: S102 - our own source, changed


def survives(mutant: Mutant | None, tests: Sequence[str]) -> bool:
    """Whether the focused tests pass with it. Too long is noticed: no test waits for ever."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        if mutant is not None:
            sys.meta_path.insert(0, Planted(mutant))
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            os._exit(int(pytest.main([*QUIETLY, *tests])))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main(only: Sequence[str]) -> int:
    """Each target, or those whose name ends so; non-zero where one is noticed less than nine times in ten."""
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and each costs every mutant its start
    hypothesis.settings.register_profile(
        "mutation", derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate]
    )
    hypothesis.settings.load_profile("mutation")
    failed = False
    for module, tests in TARGETS.items():
        if only and not module.endswith(tuple(only)):
            continue
        began = time.monotonic()
        assert survives(None, tests), f"{tests} fail without any change"
        every = list(mutants(module))
        left = [mutant for mutant in every if survives(mutant, tests)]
        score = 100 * (len(every) - len(left)) / len(every)
        print(  # noqa: T201
            f"{module}: {len(every) - len(left)} of {len(every)} noticed, {score:.1f} %, {time.monotonic() - began:.0f} s"
        )
        for mutant in left:
            print(f"    {mutant.what}")  # noqa: T201
        failed = failed or score < 90
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
