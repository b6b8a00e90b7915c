from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ml.language.grading import KeyItem, Role, Verdict
from ml.language.ontology import Concept, Ontology
from schema.services.answers import Draft
from schema.services.cache import LocalCache
from schema.services.grading import Grader, Key, mean_score, stored_grade
from schema.services.matching import CachedMatcher
from tests.schema.shelves import fixed_shelf
from tests.support.language import the_matcher, the_ontology

ITEMS = (KeyItem("LBBB"), KeyItem("SINUS_RHYTHM", 0.5), KeyItem("AXIS_LEFT", role=Role.DESCRIPTIVE))
KEY = Key(4, ITEMS, "of no ontology here")


@pytest.fixture
def readings(tmp_path: Path) -> Iterator[LocalCache]:
    kept = LocalCache(tmp_path / "cache.db")
    yield kept
    kept.close()


@pytest.fixture
def grader(readings: LocalCache) -> Grader:
    return Grader(fixed_shelf(CachedMatcher(the_matcher(), the_ontology(), readings), the_ontology()))


def without(dropped: str) -> Ontology:
    """Return the ontology as if it had never had a concept."""

    def pruned(concept: Concept) -> Concept:
        return replace(
            concept,
            parents=tuple(each for each in concept.parents if each != dropped),
            excludes=tuple(each for each in concept.excludes if each != dropped),
            parts=() if dropped in concept.parts else concept.parts,
            requires=tuple(signs for signs in concept.requires if dropped not in signs),
            supports=tuple(each for each in concept.supports if each != dropped),
            against=tuple(each for each in concept.against if each != dropped),
            absence=None if concept.absence == dropped else concept.absence,
        )

    return Ontology(pruned(concept) for concept in the_ontology().concepts if concept.id != dropped)


def test_a_blank_answer_earns_nothing(grader: Grader) -> None:
    graded = grader.grade(Draft(" \n"), KEY)
    assert graded.score == 0.0
    assert [item["verdict"] for item in graded.document["items"]] == ["missed"] * 3


def test_text_and_picked_concepts_both_count_by_their_weight(grader: Grader) -> None:
    """1.0 x 1 of 1.5 is 66.7; with the picked rhythm it is all; the descriptive axis has no weight."""
    assert grader.grade(Draft("Bloc de branche gauche"), KEY).score == 66.7
    assert grader.grade(Draft("Bloc de branche gauche", ("SINUS_RHYTHM",)), KEY).score == 100.0


def test_a_mark_kept_before_findings_were_reads_back_without_them(grader: Grader) -> None:
    document = grader.grade(Draft("BBG complet, QRS fins"), KEY).document
    stored = stored_grade(
        {name: value for name, value in document.items() if name not in {"judgment", "findings"}}
    )
    assert (stored.grade.judgment, stored.grade.findings) == (None, ())
    assert stored.feedback(the_ontology(), "fr").judgment == ""


def test_what_does_not_hold_together_is_kept_with_the_mark(grader: Grader) -> None:
    stored = stored_grade(grader.grade(Draft("BBG complet, QRS fins"), KEY).document)
    told = stored.feedback(the_ontology(), "fr")
    assert told.findings == (
        (
            "«\u00a0Bloc de branche gauche complet\u00a0» s’accorde mal avec «\u00a0QRS fins\u00a0»\u00a0: "
            "relisez l’un des deux."
        ),
    )
    assert told.judgment == "Diagnostic posé, avec une erreur dans la description."


def test_a_mark_reads_back_as_it_was_given(grader: Grader) -> None:
    text = "Bloc de branche gauche, fibrillation atriale, hypertrophie ventriculaire gauche"
    document = grader.grade(Draft(text, ("T_INVERSION",)), KEY).document
    stored = stored_grade(document)
    assert (stored.key_revision, stored.picked) == (4, frozenset({"T_INVERSION"}))
    assert stored.grade.score == document["score"]
    assert [item.concept for item in stored.grade.items] == ["LBBB", "SINUS_RHYTHM", "AXIS_LEFT"]
    assert [claim.concept for claim in stored.grade.wrong] == ["ATRIAL_FIBRILLATION"]
    assert stored.grade.supplementary == ("LVH", "T_INVERSION")
    (span,) = stored.supplementary_spans["LVH"]
    assert text[span.start : span.end] == "hypertrophie ventriculaire gauche"
    assert stored.supplementary_spans["T_INVERSION"] == ()


def test_feedback_speaks_the_viewers_language(grader: Grader) -> None:
    stored = stored_grade(grader.grade(Draft("Bloc de branche gauche"), KEY).document)
    assert "Votre réponse n’en parle pas" in stored.feedback(the_ontology(), "fr").items[1]
    assert "Your answer does not mention it" in stored.feedback(the_ontology(), "en").items[1]


def test_a_concept_the_ontology_has_dropped_is_left_out_of_the_mark_and_named(readings: LocalCache) -> None:
    smaller = without("SINUS_RHYTHM")
    grader = Grader(fixed_shelf(CachedMatcher(the_matcher(), smaller, readings), smaller))
    graded = grader.grade(Draft("Bloc de branche gauche"), KEY)
    assert (graded.score, graded.document["unmarked"]) == (100.0, ["SINUS_RHYTHM"])


def test_a_key_that_has_lost_all_it_scores_gives_no_mark(readings: LocalCache) -> None:
    smaller = without("LBBB")
    grader = Grader(fixed_shelf(CachedMatcher(the_matcher(), smaller, readings), smaller))
    key = Key(4, (KeyItem("LBBB"), KeyItem("AXIS_LEFT", 1.0, Role.DESCRIPTIVE)), smaller.version)
    graded = grader.grade(Draft("Axe gauche"), key)
    assert (graded.score, graded.document["unmarked"]) == (None, ["LBBB"])
    stored = stored_grade(graded.document)
    assert (stored.grade.score, stored.automatic.score) == (None, None)
    assert [item.verdict for item in stored.grade.items] == [Verdict.FOUND]


def test_an_attempts_mark_is_the_mean_of_the_marks_there_are() -> None:
    assert mean_score([50.0, None, 100.0]) == 75.0
    assert mean_score([None, None]) is None
    assert mean_score([]) is None


def test_an_old_mark_is_still_shown_when_its_concept_is_gone(grader: Grader) -> None:
    stored = stored_grade(grader.grade(Draft("Bloc de branche gauche"), KEY).document)
    told = stored.feedback(without("SINUS_RHYTHM"), "fr")
    assert len(told.items) == 3
    assert told.items[1] == ""
    assert told.items[0] != ""
