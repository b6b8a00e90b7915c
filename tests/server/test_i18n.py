"""Languages: which one is spoken, and whether French has everything."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from server.i18n import LOCALE_FOLDER, catalogue, current_language, gettext, ngettext, preferred, speaking

ROOT = LOCALE_FOLDER.parent
FRENCH = LOCALE_FOLDER / "fr" / "LC_MESSAGES" / "messages.po"
NO_BREAK = "\u00a0\u202f"


def used_messages() -> set[str]:
    """Return every message that code and templates mark for translation."""
    with (LOCALE_FOLDER / "babel.cfg").open(encoding="utf-8") as mapping:
        methods, options = parse_mapping_cfg(mapping)  # type: ignore[no-untyped-call]
    found = Catalog()
    skipped = {".venv", "node_modules", ".git", "static", "tests", "var", "build"}
    for _, _, message, _, context in extract_from_dir(
        ROOT, methods, options, directory_filter=lambda folder: Path(folder).name not in skipped
    ):
        found.add(message, context=context)
    return {first(message.id) for message in found if message.id}


def first(identifier: object) -> str:
    return identifier if isinstance(identifier, str) else str(identifier[0])  # type: ignore[index]


def french() -> list[Message]:
    with FRENCH.open("rb") as lines:
        return [message for message in read_po(lines, locale="fr") if message.id]


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def test_every_message_has_a_french_translation() -> None:
    translated = {first(message.id) for message in french() if all(forms(message)) and not message.fuzzy}
    assert sorted(used_messages() - translated) == []


def test_no_translation_is_left_over() -> None:
    assert sorted({first(message.id) for message in french()} - used_messages()) == []


def test_translations_keep_the_places_of_values() -> None:
    places = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
    wrong = []
    for message in french():
        wanted = {first(message.id)} if isinstance(message.id, str) else set(message.id)
        allowed = set().union(*(places.findall(text) for text in wanted))
        wrong += [text for text in forms(message) if not set(places.findall(text)) <= allowed]
    assert wrong == []


def test_french_typography_keeps_signs_with_their_words() -> None:
    loose = re.compile(
        rf"(?<![{NO_BREAK}\s])[;!?»](?=\s|$)|[^{NO_BREAK}\d/]:(?=\s|$)|«(?![{NO_BREAK}])| [;:!?»]|'"
    )
    wrong = [text for message in french() for text in forms(message) if loose.search(text)]
    assert wrong == []


def test_french_typography_keeps_units_with_their_numbers() -> None:
    units = r"(?:%%|(?:Mo|ko|ms|s|mm|Hz|ppp|min|jours?|ans?)\b(?!’))"
    parted = re.compile(rf"(?:\d|\)[sd]|\}}) {units}|\bTri \d| / ?100\b")
    wrong = [text for message in french() for text in forms(message) if parted.search(text)]
    assert wrong == []


def test_nothing_on_our_screens_exclaims() -> None:
    assert [text for message in french() for text in forms(message) if "!" in text] == []


def test_none_is_singular_in_french_and_plural_in_english() -> None:
    with speaking("fr"):
        assert ngettext("%(num)s case", "%(num)s cases", 0) == "%(num)s cas"
    assert catalogue("fr").ngettext("Too many tries. Wait a minute.", "x", 0).endswith("une minute.")
    with speaking("en"):
        assert ngettext("%(num)s case", "%(num)s cases", 0) == "%(num)s cases"


def test_a_compiled_catalogue_and_its_source_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_bytes(FRENCH.read_bytes())
    monkeypatch.setattr("server.i18n.LOCALE_FOLDER", tmp_path)
    catalogue.cache_clear()
    try:
        assert catalogue("fr").gettext("Sign in") == "Se connecter"
    finally:
        catalogue.cache_clear()


def test_the_language_is_spoken_within_its_block_only() -> None:
    before = current_language.get()
    with speaking("en"), speaking("fr"):
        assert gettext("Home") == "Accueil"
    assert current_language.get() == before


@pytest.mark.parametrize(
    "accepted, language",
    [
        ("", "fr"),
        ("en", "en"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("de,fr;q=0.3,en;q=0.2", "fr"),
        ("de", "fr"),
        ("en;q=0", "fr"),
        ("en;q=high", "fr"),
        (",;=", "fr"),
    ],
)
def test_the_browsers_preference_is_understood(accepted: str, language: str) -> None:
    assert preferred(accepted) == language
