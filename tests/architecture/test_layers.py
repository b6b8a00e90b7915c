"""The import contracts refuse what they are there to refuse: each is tried on a small tree that breaks it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIRECTION = "One direction: server, schema, ml"
SCHEMA = "Inside schema, each layer knows only those below it"
PAGES = "Pages reach the product only through GraphQL operations"
HTTP = "The domain and the models know nothing of HTTP"
MODELS = "The models know nothing of databases and GraphQL"
CYCLES = "No cycles among siblings"

SOUND = {
    "server/__init__": "",
    "server/app": "import server.pages, server.auth, starlette",
    "server/auth": "import schema.services",
    "server/pages": "import server.operations",
    "server/operations": "import schema.build",
    "schema/__init__": "",
    "schema/build": "import schema.queries, strawberry",
    "schema/queries": "import schema.services",
    "schema/services": "import schema.models, ml",
    "schema/models": "import sqlmodel",
    "ml/__init__": "",
    "ml/beats": "import numpy",
}
BREAKS = [
    (DIRECTION, {"schema/services": "import server.auth"}),
    (DIRECTION, {"ml/beats": "import schema.policy", "schema/policy": ""}),
    (
        SCHEMA,
        {"schema/models": "import schema.policy", "schema/policy": "import schema.errors, schema.services"},
    ),
    (SCHEMA, {"schema/queries": "import schema.mutations", "schema/mutations": ""}),
    (SCHEMA, {"schema/a_layer_nobody_placed": ""}),
    (PAGES, {"server/pages": "import schema.services"}),
    (PAGES, {"server/pages": "from schema import models"}),
    (PAGES, {"server/pages": "import ml.beats"}),
    (HTTP, {"schema/services": "import starlette.requests"}),
    (HTTP, {"ml/beats": "import starlette"}),
    (MODELS, {"ml/beats": "import sqlmodel"}),
    (MODELS, {"ml/beats": "import sqlalchemy.orm"}),
    (MODELS, {"ml/beats": "import strawberry"}),
    (CYCLES, {"server/auth": "import server.operations", "server/operations": "import server.auth"}),
]


def broken(folder: Path, modules: dict[str, str]) -> list[str]:
    """Return the contracts that a tree of these modules breaks."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, text in modules.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n" if text else "", encoding="utf-8")
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return [line.removesuffix(" BROKEN") for line in done.stdout.splitlines() if line.endswith(" BROKEN")]


def test_a_sound_tree_keeps_every_contract(tmp_path: Path) -> None:
    assert broken(tmp_path, SOUND) == []


@pytest.mark.parametrize("contract, change", BREAKS)
def test_a_wrong_import_breaks_its_contract(contract: str, change: dict[str, str], tmp_path: Path) -> None:
    assert contract in broken(tmp_path, SOUND | change)


def test_an_import_for_types_only_breaks_nothing(tmp_path: Path) -> None:
    guarded = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import schema.services"
    assert broken(tmp_path, SOUND | {"schema/models": guarded}) == []
