"""A language model adds to what the rules read of a note, in the note's own words, and never changes it."""

import json
from dataclasses import replace

import pytest

from ml.language.endpoint import Endpoint, LanguageModelSettings, Unlimited
from ml.language.masking import Masker
from ml.triage.complaints import match
from ml.triage.note_model import NoteReader
from ml.triage.notes import NoteReading, read_note
from tests.support.chat_server import ChatServer
from tests.support.language import the_ontology

NOTE = "M. Untel, 72 ans, ne va pas bien : tension à cent vingt sur soixante-dix, il sature à 91, FC 118"
MASKER = Masker.of(the_ontology())


@pytest.fixture
def reader(chat: ChatServer) -> NoteReader:
    settings = LanguageModelSettings("none", "toy-7b", chat.base_url, timeout_s=2.0)
    return NoteReader(Endpoint(settings, Unlimited()))


def value(feature: str, said: float | str, quote: str) -> dict[str, object]:
    return {"feature": feature, "value": said, "quote": quote}


def read(
    reader: NoteReader, chat: ChatServer, *values: dict[str, object], complaint: str | None = None
) -> NoteReading:
    chat.says({"values": list(values), "complaint": complaint})
    return reader.read(NOTE, MASKER)


def test_what_the_rules_missed_is_added_with_its_words_and_place(
    reader: NoteReader, chat: ChatServer
) -> None:
    words = "cent vingt sur soixante-dix"
    reading = read(reader, chat, value("pression_systolique", 120, words), value("age", 72, "72 ans"))
    (added,) = [each for each in reading.found if each.by_model]

    assert (added.feature, added.value, added.text) == ("pression_systolique", 120, words)
    assert NOTE[added.start : added.end] == words
    assert [each.start for each in reading.found] == sorted(each.start for each in reading.found)


def test_what_the_rules_found_stays_as_it_is(reader: NoteReader, chat: ChatServer) -> None:
    reading = read(reader, chat, value("frequence_cardiaque", 91, "sature à 91"))

    assert reading == read_note(NOTE)


def test_the_model_is_told_no_name(reader: NoteReader, chat: ChatServer) -> None:
    read(reader, chat)

    assert set(chat.question()) == {"note"}
    assert "72 ans" in chat.question()["note"]
    assert "Untel" not in json.dumps(chat.asked)


@pytest.mark.parametrize(
    "said",
    [
        value("glasgow", 15, "Glasgow 15"),
        value("glasgow", 12, "tension à cent vingt sur soixante-dix, il sature à 91"),
        value("pression_systolique", 1200, "cent vingt"),
        value("pression_systolique", 120, "  "),
        value("poids", 91, "91"),
        value("glycemie", "F", "il"),
        value("sexe", 1, "il"),
    ],
    ids=[
        "not in the note",
        "another number",
        "out of range",
        "no words",
        "no feature",
        "no number",
        "no sex",
    ],
)
def test_what_the_note_does_not_say_is_dropped(
    reader: NoteReader, chat: ChatServer, said: dict[str, object]
) -> None:
    assert read(reader, chat, said) == read_note(NOTE)


def test_a_value_may_stand_in_another_unit(reader: NoteReader, chat: ChatServer) -> None:
    chat.says({"values": [value("temperature", 38.3, "il chauffe, 101")], "complaint": None})
    reading = reader.read("Adulte, il chauffe, 101", MASKER)

    assert [(each.feature, each.value) for each in reading.found if each.by_model] == [("temperature", 38.3)]


def test_a_number_in_no_certain_unit_is_not_the_models_to_settle(
    reader: NoteReader, chat: ChatServer
) -> None:
    note = "Adulte somnolent, dextro 22, pouls filant à cent quarante"
    pulse = value("frequence_cardiaque", 140, "cent quarante")
    chat.says({"values": [value("glycemie", 0.22, "dextro 22"), pulse], "complaint": None})
    reading = reader.read(note, MASKER)

    assert [(each.feature, each.value) for each in reading.found] == [("frequence_cardiaque", 140)]
    assert [(each.feature, each.text) for each in reading.left_out] == [("glycemie", "dextro 22")]


def test_a_complaint_is_taken_only_from_the_note_and_only_where_the_rules_found_none(
    reader: NoteReader, chat: ChatServer
) -> None:
    note = "Il a mal dans la poitrine qui serre fort depuis ce matin, Mme le ramène"
    chat.says({"values": [], "complaint": "douleur thoracique"})
    assert reader.read(note, MASKER).match == read_note(note).match


def test_a_model_that_quotes_the_whole_note_does_not_have_it_kept(
    reader: NoteReader, chat: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "Mme Untel, 72 ans, fièvre, vit rue des Lilas"
    unread = replace(read_note(note), match=match(""), complaint="")
    monkeypatch.setattr("ml.triage.note_model.read_note", lambda _text: unread)
    chat.says({"values": [], "complaint": MASKER.mask(note)})
    assert reader.read(note, MASKER).complaint == "fièvre"


def test_without_an_answer_the_rules_have_read_it(reader: NoteReader, chat: ChatServer) -> None:
    said: object
    for said in ("no JSON", {"values": []}):
        chat.says(said)
        assert reader.read(NOTE, MASKER) == read_note(NOTE)
    chat.refuses(400)
    assert reader.read(NOTE, MASKER) == read_note(NOTE)
    asked = len(chat.asked)
    assert reader.read("   ", MASKER).found == ()
    assert len(chat.asked) == asked


def test_without_a_model_nobody_is_waited_for() -> None:
    assert not NoteReader().takes_long
    assert NoteReader().read(NOTE, MASKER) == read_note(NOTE)
