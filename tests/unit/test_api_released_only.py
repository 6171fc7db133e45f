"""Routers answer only from what the privacy gate released: each answer about people goes back to a call of the gate's helpers.

Read from the source, since a route that forgets the gate works. What is about nobody is listed here by name.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROUTERS = Path(__file__).parents[2] / "api" / "http" / "routers"
ABOUT_NOBODY = {"list_tags", "list_queries", "record_consents", "delete_audience"}
MODULES = ("identities", "persons", "recommendations", "audiences", "insights", "exports", "subgraphs", "queries", "consents")
HELPERS = {"answered", "released", "passed"}
GATE_COUNTS = "audience_sizes"  # its answer is never a refusal, so that it needs no helper


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(tree: ast.Module) -> dict[str, Function]:
    return {node.name: node for node in tree.body if isinstance(node, Function)}


def _is_route(function: Function) -> bool:
    return any(isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute) for d in function.decorator_list)


def _from_gate(expression: ast.AST, good: set[str]) -> bool:
    """Whether the expression calls a helper, or uses a name that came from one."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Name) and node.id in good:
            return True
        if isinstance(node, ast.Attribute) and node.attr == GATE_COUNTS:
            return True
    return False


def _own(function: Function) -> list[ast.stmt]:
    """Statements of the function, without those of functions inside it."""
    found: list[ast.stmt] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Function):
            continue
        if isinstance(node, ast.stmt):
            found.append(node)
        waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found


def _released(function: Function, good: set[str]) -> bool:
    """Whether all that the function returns goes back to the gate."""
    good = set(good)
    returns = []
    for statement in _own(function):
        if isinstance(statement, ast.Assign) and _from_gate(statement.value, good):
            good |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
        elif isinstance(statement, ast.Return) and statement.value is not None:
            returns.append(_from_gate(statement.value, good))
    return bool(returns) and all(returns)


def unreleased(source: str) -> set[str]:
    """Routes of a module of which some answer does not go back to the gate."""
    functions = _functions(ast.parse(source))
    good = set(HELPERS)
    while grown := {n for n, f in functions.items() if n not in good and not _is_route(f) and _released(f, good)}:
        good |= grown
    return {name for name, function in functions.items() if _is_route(function) and not _released(function, good)}


@pytest.mark.parametrize("module", MODULES)
def test_every_route_about_people_answers_from_released_values(module: str) -> None:
    assert unreleased((ROUTERS / f"{module}.py").read_text()) <= ABOUT_NOBODY


def test_every_router_is_looked_at() -> None:
    about_nobody = {"__init__", "health", "collector"}
    assert {path.stem for path in ROUTERS.glob("*.py")} == {*MODULES, *about_nobody}


HEAD = '@router.get("/x")\ndef route(opened):\n'


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (HEAD + "    return view.identities.person(id)", True),
        (HEAD + "    def make():\n        return 1\n    return answered(opened, gate.subject(p, make))", False),
        (HEAD.replace("def", "async def") + "    return view.identities.person(id)", True),
        (HEAD.replace("def", "async def") + "    return await opened.look_up(p, lambda: raw(p))", True),
        (HEAD.replace("def", "async def") + "    return await opened.look_up(p, lambda: answered(o, p))", False),
        (HEAD + "    def make():\n        return answered(1)\n    return make()", True),
        (HEAD + "    rows = released(opened, gate.query())\n    return Page(rows.items)", False),
        (HEAD + "    if quick:\n        return raw\n    return answered(opened, gate.subject(p))", True),
        (
            "def rows(o):\n    return passed(o, gate.row_list())\n" + HEAD + "    found = rows(opened)\n    return found.value",
            False,
        ),
        ("def rows(o):\n    return o.control.members()\n" + HEAD + "    found = rows(opened)\n    return found", True),
    ],
)
def test_the_search_finds_a_route_without_the_gate(source: str, found: bool) -> None:
    assert (unreleased(source) == {"route"}) is found
