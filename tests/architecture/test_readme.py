"""The README keeps its word."""

import re
from pathlib import Path

from server.__main__ import parser
from server.settings import documented

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_listed_with_its_default_and_meaning() -> None:
    rows = [
        f"| `{name}` | {f'`{default}`' if default else ''} | {what} |" for name, default, what in documented()
    ]
    assert [row for row in rows if row not in README] == []


def test_every_file_and_picture_it_points_to_exists() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_make_target_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_commands_it_shows_parse() -> None:
    parser().parse_args(["user", "add", "--email", "a@b.example", "--name", "A", "--role", "teacher"])
    parser().parse_args(["token", "create", "--role", "teacher", "--name", "Moodle"])
    for words in (
        "worker",
        "migrate",
        "seed --demo",
        "schema",
        "audit verify",
        "rulings export --output FILE.jsonl",
        "serve --port 8001 --no-migrate",
    ):
        parser().parse_args(words.split())
