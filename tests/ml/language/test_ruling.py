"""What rulings make of a mark; every expected mark is worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.language.grading import Grade, KeyItem, Reason, Role, Verdict, feedback, grade
from ml.language.ruling import OF_A_CLAIM, OF_AN_ITEM, RuledVerdict, choices, favours, ruled, verdict_on
from tests.support.language import the_matcher, the_ontology

ONTOLOGY, MATCHER = the_ontology(), the_matcher()
FOUND, PARTIAL, MISSED, CONTRADICTED = OF_AN_ITEM
WITHDRAWN, EXTRA, WRONG = OF_A_CLAIM


def marked(text: str, *key: KeyItem) -> Grade:
    return grade(MATCHER.match(text), (), key, ONTOLOGY)


RHYTHM = (KeyItem("SINUS_RHYTHM"), KeyItem("LBBB", 0.5), KeyItem("AXIS_LEFT", role=Role.DESCRIPTIVE))
FIBRILLATION = marked("Fibrillation atriale, hypertrophie ventriculaire gauche, BBG", *RHYTHM)
"""Sinus rhythm is contradicted by the fibrillation, which is wrong; the hypertrophy is beyond the key."""


def test_without_a_ruling_the_mark_is_the_automatic_one() -> None:
    assert ruled(FIBRILLATION, {}) is FIBRILLATION


def test_a_mark_says_one_thing_about_each_concept_it_holds() -> None:
    said = {concept: verdict_on(FIBRILLATION, concept) for concept in CONCEPTS}
    assert said == {
        "SINUS_RHYTHM": CONTRADICTED,
        "LBBB": FOUND,
        "AXIS_LEFT": MISSED,
        "ATRIAL_FIBRILLATION": WRONG,
        "LVH": EXTRA,
        "AV_BLOCK_1": None,
    }


CONCEPTS = ("SINUS_RHYTHM", "LBBB", "AXIS_LEFT", "ATRIAL_FIBRILLATION", "LVH", "AV_BLOCK_1")


@pytest.mark.parametrize(
    "ruling, credit, score",
    [
        (FOUND, 1.0, 100.0),  # (1 x 1 + 0.5 x 1) / 1.5
        (PARTIAL, 0.5, 66.7),  # (1 x 0.5 + 0.5 x 1) / 1.5
        (MISSED, 0.0, 33.3),  # 0.5 / 1.5
        (CONTRADICTED, 0.0, 33.3),
    ],
)
def test_a_ruling_fixes_the_verdict_and_the_mark(ruling: RuledVerdict, credit: float, score: float) -> None:
    result = ruled(FIBRILLATION, {"SINUS_RHYTHM": ruling})
    item = result.items[0]
    assert (item.verdict.value, item.credit, item.because.reason) == (ruling.value, credit, Reason.RULED)
    assert result.score == score
    assert result.items[1:] == FIBRILLATION.items[1:]


def test_a_ruling_that_agrees_leaves_the_credit_the_engine_gave() -> None:
    general = marked("BAV", KeyItem("AV_BLOCK_2_MOBITZ_1"))
    (before,) = general.items
    assert (before.verdict, before.credit) == (Verdict.PARTIAL, 0.25)
    result = ruled(general, {"AV_BLOCK_2_MOBITZ_1": PARTIAL})
    assert (result.items[0].credit, result.score) == (before.credit, general.score)
    assert result.items[0].because.reason is Reason.RULED
    assert result.judgment is general.judgment


def test_the_text_that_decided_stays_only_with_a_verdict_it_bears_out() -> None:
    spans = {
        ruling: ruled(FIBRILLATION, {"LBBB": ruling, "SINUS_RHYTHM": ruling}).items for ruling in OF_AN_ITEM
    }
    rhythm, block, _ = FIBRILLATION.items
    assert rhythm.spans
    assert [spans[ruling][0].spans for ruling in OF_AN_ITEM] == [(), (), (), rhythm.spans]
    assert [spans[ruling][1].spans for ruling in OF_AN_ITEM] == [block.spans, block.spans, (), ()]


def test_a_ruling_on_what_is_only_described_moves_no_mark() -> None:
    assert ruled(FIBRILLATION, {"AXIS_LEFT": FOUND}).score == FIBRILLATION.score


def test_what_contradicted_an_item_that_is_found_after_all_is_no_longer_wrong() -> None:
    result = ruled(FIBRILLATION, {"SINUS_RHYTHM": FOUND})
    assert result.wrong == ()
    assert set(result.supplementary) == {"ATRIAL_FIBRILLATION", "LVH"}
    dismissed = ruled(FIBRILLATION, {"SINUS_RHYTHM": CONTRADICTED})
    assert dismissed.wrong == FIBRILLATION.wrong


def test_a_withdrawn_claim_contradicts_nothing() -> None:
    result = ruled(FIBRILLATION, {"ATRIAL_FIBRILLATION": WITHDRAWN})
    assert (result.wrong, result.supplementary) == ((), ("LVH",))
    assert (result.items[0].verdict, result.items[0].because.reason) == (Verdict.MISSED, Reason.NOT_STATED)
    assert result.score == FIBRILLATION.score


def test_a_claim_is_ruled_wrong_extra_or_withdrawn() -> None:
    assert ruled(FIBRILLATION, {"LVH": WITHDRAWN}).supplementary == ()
    assert [claim.concept for claim in ruled(FIBRILLATION, {"LVH": WRONG}).wrong] == [
        "ATRIAL_FIBRILLATION",
        "LVH",
    ]
    kept = ruled(FIBRILLATION, {"ATRIAL_FIBRILLATION": WRONG}).wrong[0]
    assert (kept.spans, kept.because.reason) == (FIBRILLATION.wrong[0].spans, Reason.RULED)


def test_findings_on_a_withdrawn_concept_are_gone() -> None:
    result = marked("BBG complet, QRS fins", KeyItem("SINUS_RHYTHM"))
    assert len(result.findings) == 1
    assert ruled(result, {"QRS_NARROW": WITHDRAWN}).findings == ()
    assert ruled(result, {"SINUS_RHYTHM": FOUND}).findings == result.findings


def test_a_changed_mark_has_no_judgement_of_the_whole_any_more() -> None:
    assert FIBRILLATION.judgment is not None
    assert ruled(FIBRILLATION, {"SINUS_RHYTHM": FOUND}).judgment is None


def test_a_ruling_of_the_other_kind_or_on_what_is_not_there_does_nothing() -> None:
    assert ruled(FIBRILLATION, {"SINUS_RHYTHM": WITHDRAWN, "LVH": FOUND, "AV_BLOCK_1": FOUND}) is FIBRILLATION


def test_favour_is_the_students() -> None:
    assert favours(PARTIAL, MISSED)
    assert not favours(MISSED, MISSED)
    assert not favours(MISSED, PARTIAL)
    assert favours(WITHDRAWN, EXTRA)
    assert not favours(WRONG, WRONG)
    assert set(choices(FOUND)) | set(choices(WRONG)) == set(RuledVerdict)


def test_a_ruled_mark_is_put_into_words() -> None:
    result = ruled(FIBRILLATION, {"SINUS_RHYTHM": FOUND, "LVH": WRONG})
    told = feedback(result, ONTOLOGY, "fr")
    assert told.items[0] == "Décision d’un enseignant."
    assert told.wrong == ("Décision d’un enseignant.",)
    assert told.summary == "100 sur 100\u00a0: 2 trouvés sur 2."


@given(st.dictionaries(st.sampled_from(CONCEPTS), st.sampled_from(RuledVerdict)))
def test_rulings_keep_the_key_within_bounds_and_are_the_same_applied_twice(
    rulings: dict[str, RuledVerdict],
) -> None:
    result = ruled(FIBRILLATION, rulings)
    assert ruled(result, rulings) == result
    assert result.score is not None
    assert 0 <= result.score <= 100
    assert [item.concept for item in result.items] == [item.concept for item in FIBRILLATION.items]
    claims = [claim.concept for claim in result.wrong] + list(result.supplementary)
    assert len(claims) == len(set(claims))
    for concept, ruling in rulings.items():
        before = verdict_on(FIBRILLATION, concept)
        if before is not None and ruling in choices(before) and ruling is not WITHDRAWN:
            assert verdict_on(result, concept) is ruling
