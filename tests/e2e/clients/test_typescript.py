"""graphql-codegen's types of the schema carry a strict TypeScript program through the main job."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.clients.conftest import HERE, Program
from tests.e2e.conftest import Site
from tests.support.node import node

pytestmark = pytest.mark.e2e
OPTIONS = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"]

WRONG = [
    ("difficulty: 'ADVANCED'", "difficulty: 'HARD'", "'\"HARD\"' is not assignable"),
    ("answer.revision", "answer.grade.score", "'grade' does not exist"),
    ("{ name: 'Cas de TypeScript' }", "{ title: 'x' }", "'title' does not exist"),
]


@pytest.fixture(scope="module")
def folder(
    site: Site, program: Program, token_of: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a folder with the program and the types made for it."""
    made = tmp_path_factory.mktemp("typescript")
    (made / "node_modules").symlink_to(HERE / "node_modules")
    (made / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    shutil.copy(HERE / "main_job.ts", made)
    operations = HERE / "main_job.graphql"
    program("codegen.mjs", f"{site.address}/graphql", token_of("codegen"), operations, made / "operations.ts")
    return made


def compiled(folder: Path, name: str = "main_job.ts") -> str:
    """Compile strictly and return what the compiler says."""
    try:
        return node(HERE / "node_modules/typescript/bin/tsc", *OPTIONS, name, folder=folder)
    except subprocess.CalledProcessError as error:
        return str(error.stdout)


def test_a_strict_program_does_the_main_job(
    site: Site, folder: Path, token_of: Callable[[str], str], pictures: list[Path]
) -> None:
    assert compiled(folder) == ""
    address, token = f"{site.address}/graphql", token_of("TypeScript")
    ended = json.loads(node(folder / "main_job.js", address, token, *map(str, pictures[:2])))
    [edge] = ended["session"]["attempts"]["edges"]
    [item] = edge["node"]["items"]
    verdicts = {each["concept"]["code"]: each["verdict"] for each in item["answer"]["grade"]["items"]}
    assert verdicts == {"LBBB": "FOUND", "SINUS_RHYTHM": "MISSED"}
    assert ended["refused"] == {
        "typename": "ValidationErrors",
        "code": "invalid",
        "fields": ["name: too_long"],
    }


def test_what_the_schema_has_not_does_not_compile(folder: Path) -> None:
    text = (folder / "main_job.ts").read_text(encoding="utf-8")
    for right, wrong, _said in WRONG:
        assert right in text
        text = text.replace(right, wrong)
    (folder / "wrong.ts").write_text(text, encoding="utf-8")
    told = compiled(folder, "wrong.ts")
    assert [said for _right, _wrong, said in WRONG if said not in told] == []
