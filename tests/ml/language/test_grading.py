"""Every expected mark is worked out by hand in a comment beside it."""

import pytest

from ml.language.grading import (
    Because,
    Grade,
    KeyItem,
    Reason,
    Role,
    Verdict,
    feedback,
    grade,
)
from ml.language.types import Certainty, Claim, Expression, Polarity, Reading, Span
from tests.support.language import the_matcher, the_ontology

ONTOLOGY, MATCHER = the_ontology(), the_matcher()


def marked(text: str, *key: KeyItem, picked: tuple[str, ...] = ()) -> Grade:
    return grade(MATCHER.match(text), picked, key, ONTOLOGY)


def verdict(text: str, concept: str, picked: tuple[str, ...] = ()) -> tuple[Verdict, float, Because]:
    (item,) = marked(text, KeyItem(concept), picked=picked).items
    return item.verdict, item.credit, item.because


def test_everything_found_is_a_hundred() -> None:
    result = marked("BBG complet, rythme sinusal", KeyItem("LBBB_COMPLETE"), KeyItem("SINUS_RHYTHM", 0.5))

    assert result.score == 100.0
    assert [item.verdict for item in result.items] == [Verdict.FOUND, Verdict.FOUND]


def test_the_mark_weighs_credits_by_coefficient() -> None:
    key = (KeyItem("AV_BLOCK_2_MOBITZ_1", 1.0), KeyItem("RATE_NORMAL", 0.5), KeyItem("AXIS_NORMAL", 0.8))

    result = marked("BAV 2, fréquence à 60/min", *key)

    # (1.0 x 0.5 for the more general + 0.5 x 1 + 0.8 x 0) / 2.3 = 1.0 / 2.3 = 43.478 %
    assert result.score == 43.5


def test_descriptive_items_are_marked_but_do_not_count() -> None:
    result = marked("BBG", KeyItem("LBBB"), KeyItem("AXIS_LEFT", 1.0, Role.DESCRIPTIVE))

    assert result.score == 100.0
    assert result.items[1].verdict is Verdict.MISSED


def test_a_key_without_scored_items_gives_no_mark_and_says_so() -> None:
    unscored = marked("BBG", KeyItem("LBBB", 1.0, Role.DESCRIPTIVE))
    assert (unscored.score, unscored.items[0].verdict) == (None, Verdict.FOUND)
    assert marked("").score is None
    assert (
        feedback(unscored, ONTOLOGY, "fr").summary
        == "Pas de note\u00a0: le corrigé n’a plus de concept noté."
    )
    assert feedback(unscored, ONTOLOGY, "en").summary == "No mark: the key has no scored concept left."


def test_what_a_tracing_shows_of_a_disease_is_all_of_it() -> None:
    assert verdict("QTc à 510 ms", "LONG_QT_SYNDROME") == (
        Verdict.FOUND,
        1.0,
        Because(Reason.EXACT, "QT_PROLONGED"),
    )


def test_an_empty_answer_misses_everything() -> None:
    result = marked("", KeyItem("LBBB"), KeyItem("AXIS_LEFT"))

    assert result.score == 0.0
    assert {item.because for item in result.items} == {Because(Reason.NOT_STATED)}


@pytest.mark.parametrize(
    "text, expected, credit, reason",
    [
        ("BAV 2 Mobitz 1", "AV_BLOCK_2_MOBITZ_1", 1.0, Reason.EXACT),
        ("BAV 2 Mobitz 1", "AV_BLOCK", 1.0, Reason.MORE_SPECIFIC),
        ("BAV 2", "AV_BLOCK_2_MOBITZ_1", 0.5, Reason.MORE_GENERAL),
        ("BAV", "AV_BLOCK_2_MOBITZ_1", 0.25, Reason.MORE_GENERAL),
        ("trouble de la conduction", "AV_BLOCK_2_MOBITZ_1", 0.0, Reason.NOT_STATED),
        ("HVG probable", "LVH", 1.0, Reason.EXACT),
        ("HVG ?", "LVH", 0.5, Reason.HEDGED),
        ("BAV 2 ?", "AV_BLOCK_2_MOBITZ_1", 0.25, Reason.MORE_GENERAL),
        ("BAV 2 ou BAV 3", "AV_BLOCK_3", 0.5, Reason.HEDGED),
        ("STEMI antérieur étendu", "STEMI_ANTERIOR", 1.0, Reason.MORE_SPECIFIC),
        ("STEMI", "STEMI_ANTERIOR", 0.5, Reason.MORE_GENERAL),
        ("pas d'onde P, RR irréguliers", "ATRIAL_FIBRILLATION", 0.75, Reason.IMPLIED),
        ("pas d'onde P, RR irréguliers", "ATRIAL_FLUTTER", 0.0, Reason.NOT_STATED),
    ],
)
def test_credit_follows_precision_and_certainty(
    text: str, expected: str, credit: float, reason: Reason
) -> None:
    _, earned, because = verdict(text, expected)

    assert (earned, because.reason) == (credit, reason)


@pytest.mark.parametrize(
    "text, expected, because",
    [
        ("pas de BBG", "LBBB_COMPLETE", Because(Reason.DENIED, "LBBB")),
        ("FA écartée", "ATRIAL_FIBRILLATION", Because(Reason.DENIED, "ATRIAL_FIBRILLATION")),
        ("BBD complet", "LBBB_COMPLETE", Because(Reason.EXCLUDED, "RBBB_COMPLETE")),
        ("axe droit", "AXIS_LEFT", Because(Reason.EXCLUDED, "AXIS_RIGHT")),
        ("BAV 3", "AV_BLOCK_1", Because(Reason.EXCLUDED, "AV_BLOCK_3")),
        ("pas d'onde Q pathologique", "PATHOLOGICAL_Q", Because(Reason.EXCLUDED, "NO_PATHOLOGICAL_Q")),
        ("ECG normal", "LBBB", Because(Reason.EXCLUDED, "ECG_NORMAL")),
        ("ECG normal, BBG", "LBBB", Because(Reason.EXCLUDED, "ECG_NORMAL")),
    ],
)
def test_denying_or_excluding_what_is_expected_contradicts_it(
    text: str, expected: str, because: Because
) -> None:
    assert verdict(text, expected) == (Verdict.CONTRADICTED, 0.0, because)


def test_denying_something_more_precise_than_expected_is_no_contradiction() -> None:
    assert verdict("BBG, pas de BBG complet", "LBBB")[0] is Verdict.FOUND


def test_a_mere_possibility_does_not_undo_what_is_affirmed() -> None:
    assert verdict("BBG complet. BBD ?", "LBBB_COMPLETE")[0] is Verdict.FOUND


def test_two_key_items_that_exclude_each_other_in_general_can_both_be_found() -> None:
    result = marked("rythme sinusal, TV non soutenue", KeyItem("SINUS_RHYTHM"), KeyItem("VT_NONSUSTAINED"))

    assert result.score == 100.0
    assert result.wrong == ()


def test_a_wrong_claim_says_where_it_was_made_and_against_what() -> None:
    (wrong,) = marked("axe droit", KeyItem("AXIS_LEFT")).wrong

    assert (wrong.concept, wrong.spans, wrong.because) == (
        "AXIS_RIGHT",
        (Span(0, 9),),
        Because(Reason.EXCLUDED, "AXIS_LEFT"),
    )


def test_the_right_finding_in_the_wrong_territory_is_wrong_and_earns_nothing() -> None:
    result = marked("STEMI inférieur", KeyItem("STEMI_ANTERIOR"))

    assert result.score == 0.0
    assert result.wrong[0].because == Because(Reason.OTHER_TERRITORY, "STEMI_ANTERIOR")


def test_what_signs_imply_is_neither_wrong_nor_supplementary() -> None:
    result = marked("pas d'onde P, RR irréguliers", KeyItem("SINUS_RHYTHM"))

    assert [claim.concept for claim in result.wrong] == []
    assert "ATRIAL_FIBRILLATION" not in result.supplementary


def test_a_finding_beyond_the_key_is_supplementary_and_costs_nothing() -> None:
    result = marked("BBG, HAG, ESV", KeyItem("LBBB"))

    assert result.score == 100.0
    assert result.wrong == ()
    assert result.supplementary == ("LEFT_ATRIAL_ENLARGEMENT", "VENTRICULAR_PREMATURE_COMPLEX")


def test_a_picked_concept_counts_as_asserted() -> None:
    assert verdict("", "LBBB", picked=("LBBB",)) == (Verdict.FOUND, 1.0, Because(Reason.EXACT, "LBBB"))


def test_a_picked_concept_that_the_text_denies_is_contradicted() -> None:
    assert verdict("pas de BBG", "LBBB", picked=("LBBB",))[0] is Verdict.CONTRADICTED


def test_an_unknown_pick_is_ignored_and_an_unknown_key_refused() -> None:
    assert marked("BBG", KeyItem("LBBB"), picked=("NOTHING",)).score == 100.0
    with pytest.raises(KeyError):
        marked("BBG", KeyItem("NOTHING"))


def test_a_claim_below_seventy_does_not_count() -> None:
    doubtful = Claim(
        "LBBB", Polarity.PRESENT, Certainty.ASSERTED, Expression.EXPLICIT, 69.9, (Span(0, 3),), "exact"
    )

    assert grade(Reading((doubtful,)), (), [KeyItem("LBBB")], ONTOLOGY).score == 0.0


@pytest.mark.parametrize("coefficient", [0.49, 1.01, 0.0, -1.0])
def test_a_coefficient_outside_half_to_one_is_refused(coefficient: float) -> None:
    with pytest.raises(ValueError, match="not within"):
        KeyItem("LBBB", coefficient)


def test_the_founding_sentence_against_its_key() -> None:
    result = marked(
        "BAV du 2e degré Mobitz 1, fréquence à 60 bpm, axe normal, pas d'onde Q pathologique",
        KeyItem("AV_BLOCK_2_MOBITZ_1"),
        KeyItem("RATE_NORMAL", 0.5),
        KeyItem("AXIS_NORMAL", 0.5),
        KeyItem("NO_PATHOLOGICAL_Q", 0.8),
    )

    assert result.score == 100.0
    assert all(item.spans for item in result.items)


def test_feedback_says_in_french_what_was_found_missed_and_wrong() -> None:
    result = marked("BAV 2, axe droit", KeyItem("AV_BLOCK_2_MOBITZ_1"), KeyItem("AXIS_LEFT"), KeyItem("LVH"))

    said = feedback(result, ONTOLOGY, "fr")

    assert said.items == (
        (
            "Vous avez écrit «\u00a0BAV du deuxième degré\u00a0»\u00a0: c’est juste, "
            "mais moins précis que ce qui est attendu."
        ),
        "Votre réponse affirme «\u00a0Déviation axiale droite\u00a0», ce qui est incompatible.",
        "Votre réponse n’en parle pas.",
    )
    assert said.wrong == (
        "Ce n’est pas compatible avec «\u00a0Déviation axiale gauche\u00a0», attendu pour ce cas.",
    )
    assert said.summary == "16,7 sur 100\u00a0: 0 trouvé sur 3, 1 en partie."


def test_feedback_counts_in_the_plural_and_leaves_out_what_is_none() -> None:
    result = marked("BBG, axe gauche", KeyItem("LBBB"), KeyItem("AXIS_LEFT"), KeyItem("LVH"))

    assert feedback(result, ONTOLOGY, "fr").summary == "66,7 sur 100\u00a0: 2 trouvés sur 3."
    assert feedback(result, ONTOLOGY, "en").summary == "66.7 out of 100: 2 of 3 found."


@pytest.mark.parametrize(
    "text, expected, credit",
    [
        ("PR allongé", "AV_BLOCK_1", 0.75),  # the sign a first-degree block is defined by: implied
        ("BAV 1", "PR_PROLONGED", 1.0),
        ("sus-décalage en DII DIII aVF", "STEMI_INFERIOR", 0.5),
        ("SCA ST+ inférieur", "ST_ELEVATION_INFERIOR", 1.0),
        ("SCA ST+, sus-décalage en DII DIII aVF", "STEMI_INFERIOR", 1.0),
        ("tachycardie à QRS larges", "VENTRICULAR_TACHYCARDIA", 0.5),
    ],
)
def test_what_a_name_implies_by_definition_is_credited(text: str, expected: str, credit: float) -> None:
    assert marked(text, KeyItem(expected)).items[0].credit == credit


def test_mirror_changes_elsewhere_do_not_place_an_infarction() -> None:
    result = marked("SCA ST+, sous-décalage inférieur", KeyItem("STEMI_INFERIOR"))

    assert result.items[0].credit == 0.5


@pytest.mark.parametrize(
    "text, expected",
    [
        ("PR normal", "AV_BLOCK_1"),
        ("QRS fins", "LBBB_COMPLETE"),
        ("pas de sus-décalage", "STEMI_INFERIOR"),
        ("ECG normal", "ST_DEPRESSION"),
        ("rythme sinusal", "SUPRAVENTRICULAR_TACHYCARDIA"),
        ("échappement ventriculaire", "JUNCTIONAL_ESCAPE"),
    ],
)
def test_what_cannot_be_true_beside_the_expected_contradicts_it(text: str, expected: str) -> None:
    assert marked(text, KeyItem(expected)).items[0].verdict is Verdict.CONTRADICTED


def test_a_rate_near_the_limit_does_not_contradict_the_word() -> None:
    result = marked("bradycardie sinusale à 55/min", KeyItem("SINUS_BRADYCARDIA"))

    assert (result.score, result.wrong) == (100.0, ())


def test_sinus_atria_do_not_contradict_a_junctional_escape_under_complete_block() -> None:
    result = marked(
        "BAV complet, rythme sinusal, échappement jonctionnel",
        KeyItem("AV_BLOCK_3"),
        KeyItem("JUNCTIONAL_ESCAPE"),
    )

    assert (result.score, result.wrong) == (100.0, ())


def test_feedback_exists_in_english_for_every_reason() -> None:
    texts = ("BBG complet", "BBG", "pas de BBG", "BBD", "BBG ?", "axe gauche", "BBG complet gauche, BBG")
    for text in texts:
        said = feedback(marked(text, KeyItem("LBBB_COMPLETE"), KeyItem("LBBB")), ONTOLOGY, "en")
        assert all(sentence.endswith(".") and "!" not in sentence for sentence in (*said.items, said.summary))


def test_feedback_names_the_expected_territory() -> None:
    said = feedback(marked("STEMI inférieur", KeyItem("STEMI_ANTERIOR")), ONTOLOGY, "en")

    assert said.wrong == ("The expected territory is that of “Anterior STEMI”.",)


@pytest.mark.parametrize("text", ["FA, flutter possible", "FA ou flutter", "FA plutôt qu'un flutter"])
def test_an_alternative_left_possible_is_neither_wrong_nor_supplementary(text: str) -> None:
    result = marked(text, KeyItem("ATRIAL_FIBRILLATION"))

    assert (result.wrong, result.supplementary) == ((), ())


def test_a_possibility_instead_of_the_expected_is_wrong() -> None:
    (wrong,) = marked("Flutter possible", KeyItem("ATRIAL_FIBRILLATION")).wrong

    assert wrong.concept == "ATRIAL_FLUTTER"


def test_a_wider_name_does_not_make_up_for_another_diagnosis_held_likelier() -> None:
    result = marked(
        "Wide complex tachycardia, VT cannot be excluded, most likely SVT", KeyItem("VENTRICULAR_TACHYCARDIA")
    )

    assert result.items[0].verdict is Verdict.CONTRADICTED


@pytest.mark.parametrize(
    "text, expected, credit",
    [
        # complete: 120 ms or more (AHA/ACCF/HRS 2009)
        ("BBD, QRS 140 ms", "RBBB_COMPLETE", 1.0),
        ("BBG, QRS larges", "LBBB_COMPLETE", 1.0),
        ("BBD", "RBBB_COMPLETE", 0.5),
        ("BBD incomplet, QRS 130 ms", "RBBB_COMPLETE", 0.0),
        ("IDM inférieur, ST+ en DII DIII aVF", "STEMI_INFERIOR", 1.0),
        ("IDM inférieur possible, ST+ en DII DIII aVF", "STEMI_INFERIOR", 0.5),
        ("IDM inférieur, sus-décalage en V1-V4", "STEMI_INFERIOR", 0.5),
        ("tachycardie à QRS larges, dissociation AV", "VENTRICULAR_TACHYCARDIA", 0.75),
    ],
)
def test_a_wider_name_with_the_sign_that_narrows_it_earns_all(
    text: str, expected: str, credit: float
) -> None:
    assert marked(text, KeyItem(expected)).items[0].credit == credit


@pytest.mark.parametrize(
    "text, expected",
    [
        ("AVNRT favoured over AVRT", "AVRT"),
        ("Le plus probable : TSV aberrante ; TV en diagnostic différentiel", "VENTRICULAR_TACHYCARDIA"),
        ("1) FA 2) flutter", "ATRIAL_FLUTTER"),
    ],
)
def test_what_is_ranked_below_another_diagnosis_earns_nothing(text: str, expected: str) -> None:
    assert marked(text, KeyItem(expected)).items[0].verdict is Verdict.CONTRADICTED
