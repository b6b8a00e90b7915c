"""The overall judgement of an answer against what a case is about; one sentence for each rule."""

import pytest

from ml.language.judging import Judgment, judge
from ml.language.matching import EmbeddedMatcher
from ml.language.ontology import Ontology


@pytest.mark.parametrize(
    "expected, text, judgment",
    [
        ("LBBB_COMPLETE", "BBG complet, QRS larges", "explicit_correct"),
        ("AV_BLOCK", "BAV 2 Mobitz 1", "explicit_correct"),
        ("ATRIAL_FIBRILLATION", "Pas d'onde P, RR irréguliers", "implicit_complete"),
        ("RBBB_COMPLETE", "QRS larges, rSR' en V1", "implicit_partial"),
        ("AV_BLOCK_2_MOBITZ_1", "BAV 2", "implicit_partial"),
        ("PERICARDITIS", "À revoir avec l'interne.", "insufficient"),
        ("PERICARDITIS", "", "insufficient"),
        ("LBBB_COMPLETE", "BBG complet, QRS fins", "correct_with_internal_error"),
        ("ATRIAL_FIBRILLATION", "FA et flutter typique associés", "global_contradiction"),
        ("ATRIAL_FIBRILLATION", "Pas de FA. Conclusion : FA.", "same_concept_polarity_conflict"),
        ("ECG_NORMAL", "FC 130/min, fréquence normale", "measurement_semantic_conflict"),
        ("LVH", "Tachycardie ventriculaire", "critical_unsupported_wrong_diagnosis"),
        ("LVH", "Bloc de branche droit", "wrong_diagnosis"),
        ("ATRIAL_FIBRILLATION", "FA ?", "hedged_correct"),
        ("ATRIAL_FIBRILLATION", "FA plutôt qu'un flutter", "ranked_differential_correct"),
        (
            "AVNRT",
            "Probable réentrée intranodale, une tachycardie orthodromique n'est pas exclue",
            "appropriate_uncertainty",
        ),
        ("RATE_NORMAL", "FC 70/min", "implicit_complete"),
    ],
)
def test_an_answer_is_judged(
    matcher: EmbeddedMatcher, ontology: Ontology, expected: str, text: str, judgment: str
) -> None:
    assert judge(matcher.match(text), [expected], ontology) == judgment


def test_without_a_key_only_the_texts_own_faults_are_judged(
    matcher: EmbeddedMatcher, ontology: Ontology
) -> None:
    assert judge(matcher.match("BBG complet"), [], ontology) is None
    assert judge(matcher.match("BBG complet, BBD complet"), [], ontology) is Judgment.CONTRADICTION


def test_the_diagnoses_of_a_key_decide_not_its_signs(matcher: EmbeddedMatcher, ontology: Ontology) -> None:
    key = ["SINUS_RHYTHM", "QRS_WIDE", "LBBB_COMPLETE"]

    assert judge(matcher.match("rythme sinusal"), key, ontology) is not Judgment.EXPLICIT_CORRECT
    assert judge(matcher.match("BBG complet"), key, ontology) is Judgment.EXPLICIT_CORRECT
