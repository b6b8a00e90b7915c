"""Complaints from free text: how many phrasings find their row, and that what is no complaint finds none."""

import csv
import json
from pathlib import Path

import pytest

from ml.triage.complaints import Vocabulary, match, vocabulary
from ml.triage.scale import Scale

LABELS = Path(__file__).parent / "labels"


def phrasings(*, seen: bool) -> list[tuple[str, str | None]]:
    lines = (LABELS / "phrasings.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["text"], row["complaint"]) for row in rows if row["seen"] is seen]


def share_right(rows: list[tuple[str, str | None]]) -> tuple[float, int]:
    """Return the share of texts that find their row, and how many find another one."""
    found = [(match(text).complaint, complaint) for text, complaint in rows]
    right = sum(stated == complaint for stated, complaint in found)
    wrong = sum(stated not in {complaint, None} for stated, complaint in found)
    return right / len(rows), wrong


@pytest.mark.parametrize("seen", [True, False])
def test_french_phrasings_find_their_row_or_none(*, seen: bool) -> None:
    rows = phrasings(seen=seen)
    assert len(rows) >= 130
    right, wrong = share_right(rows)
    assert right >= 0.9
    assert wrong <= 0.05 * len(rows)


def test_english_complaints_of_real_visits_find_their_row_or_none(shared_data: Path) -> None:
    with (shared_data / "triage" / "ktas.csv").open(encoding="utf-8") as file:
        texts = [row["Chief_complain"] for row in csv.DictReader(file, delimiter=";")]
    lines = (LABELS / "ktas.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [(texts[label["line"] - 2], label["complaint"]) for label in map(json.loads, lines)]
    assert len(rows) == 361
    right, wrong = share_right(rows)
    assert right >= 0.9
    assert wrong <= 0.05 * len(rows)


def test_the_labels_name_rows_of_the_scale_and_reach_every_one(scale: Scale) -> None:
    named = {complaint for seen in (True, False) for _, complaint in phrasings(seen=seen)}
    assert named - {None} == set(scale.complaints)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "?",
        "bonjour docteur",
        "douleur",
        "a 38 ans",
        "ventre",
        "pas de douleur thoracique",
        "no chest pain",
        "ATCD : AVC, HTA, asthme",
        "🙂",
        "a" * 1000,
    ],
)
def test_what_states_no_complaint_finds_none(text: str) -> None:
    assert match(text).complaint is None


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("DOULEUR THORACIQUE", "douleur_thoracique_sca"),
        ("douleur  thoracique\n", "douleur_thoracique_sca"),
        ("céphalées, pas de fièvre", "cephalee"),
        ("toux sans dyspnée", "toux"),
        ("cephalee", "cephalee"),
        ("palpitattions", "palpitations"),
        ("hemoragie nasale", "epistaxis"),
        ("Abd. Pain", "douleur_abdominale"),
        ("Fièvre. Antécédents : AVC, infarctus", "fievre"),
        ("douleur du genou après une chute", "trauma_membre"),
        ("douleur du genou", "douleur_articulaire"),
    ],
)
def test_case_accents_slips_denials_and_history_do_not_mislead(text: str, complaint: str) -> None:
    assert match(text).complaint == complaint


def test_other_candidates_are_told_after_the_best() -> None:
    found = [each.complaint for each in match("fièvre et douleur thoracique").candidates]
    assert {"fievre", "douleur_thoracique_sca"} <= set(found)
    scores = [each.score for each in match("fièvre et douleur thoracique").candidates]
    assert scores == sorted(scores, reverse=True)


def test_the_vocabulary_has_words_for_every_row(scale: Scale) -> None:
    document = json.loads(Path("ml/triage/data/complaints.json").read_text(encoding="utf-8"))
    assert set(document["complaints"]) == set(scale.complaints)
    assert vocabulary() is vocabulary()


def test_all_faults_of_a_vocabulary_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="no words for b") as error:
        Vocabulary({"a": ["de la"], "c": ["x"]}, {"one": ["a b", "c"], "two": ["c"]})
    assert "'de la' has no words" in str(error.value)
    assert "c: belongs to 2 complaints" in str(error.value)
