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
        ("ATRIAL_FLUTTER_TYPICAL", "Peut-être un flutter, dents de scie en inférieur", "hedged_correct"),
        ("BRUGADA_TYPE_1", "r' en V1", "implicit_partial"),
        ("LONG_QT_SYNDROME", "QT long", "explicit_correct"),
        ("WPW", "préexcitation possible", "implicit_partial"),
        ("PERICARDITIS", "sus-décalage diffus : péricardite, EP, obésité, SCA...", "hedged_correct"),
        (
            "VENTRICULAR_TACHYCARDIA",
            "TV, chaque QRS précédé d'une onde P sinusale",
            "correct_with_internal_error",
        ),
        ("ATRIAL_PREMATURE_COMPLEX", "ESV isolées", "wrong_diagnosis"),
        ("VENTRICULAR_PREMATURE_COMPLEX", "ESA", "wrong_diagnosis"),
        ("ATRIAL_PREMATURE_COMPLEX", "extrasystoles", "implicit_partial"),
        ("STEMI_INFERIOR", "Infarctus antérieur, onde Q en V1-V3", "wrong_diagnosis"),
        ("AV_BLOCK_1", "ESA bloquées", "wrong_diagnosis"),
        ("JUNCTIONAL_RHYTHM", "Rythme jonctionnel et rythme sinusal", "global_contradiction"),
        ("AV_BLOCK_3", "BAV 3, P sinusales, rythme jonctionnel d'échappement", "explicit_correct"),
        ("VENTRICULAR_TACHYCARDIA", "TV > TSV avec aberration", "ranked_differential_correct"),
        ("ATRIAL_FIBRILLATION", "Plutôt FA que flutter", "ranked_differential_correct"),
        ("ATRIAL_FIBRILLATION", "Plutôt une FA, parce que les RR varient", "explicit_correct"),
        ("ATRIAL_FLUTTER_TYPICAL", "Flutter plutôt que tachycardie sinusale", "ranked_differential_correct"),
        ("PERICARDITIS", "Pericarditis favoured, myocarditis remains possible", "appropriate_uncertainty"),
        ("PERICARDITIS", "? péricardite", "hedged_correct"),
        ("PULMONARY_EMBOLISM", "Je me demande s'il n'y a pas une EP", "hedged_correct"),
        ("ATRIAL_FLUTTER", "Ça ressemblait à une sinusale. Flutter.", "explicit_correct"),
        ("LVH", "Dissection ? Non : infarctus.", "critical_unsupported_wrong_diagnosis"),
        ("LVH", "Sokolow à 50 mm, négatif", "measurement_semantic_conflict"),
        ("ATRIAL_FLUTTER", "Flutter avec ondes P sinusales", "correct_with_internal_error"),
        ("WPW", "Un raccourci évite le relais habituel", "paraphrased_or_implicit_correct"),
        (
            "VENTRICULAR_BIGEMINY",
            "Un complexe sur deux est prématuré, large, avec repos compensateur",
            "implicit_complete",
        ),
        ("SINOATRIAL_BLOCK", "Pause égale à deux cycles PP", "implicit_complete"),
        (
            "TORSADES_DE_POINTES",
            "QT long puis QRS tournant autour de la ligne isoélectrique",
            "implicit_complete",
        ),
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


@pytest.mark.parametrize(
    "expected, text",
    [
        ("VENTRICULAR_TACHYCARDIA", "Tachycardie supraventriculaire. Une TV est moins vraisemblable."),
        ("VENTRICULAR_TACHYCARDIA", "SVT with RBBB, VT less likely"),
        ("ATRIAL_FLUTTER", "Plutôt une FA qu'un flutter"),
        ("STEMI_ANTERIOR", "Repolarisation précoce plus probable qu'un SCA ST+ antérieur"),
        ("STEMI_ANTERIOR", "Péricardite plutôt qu'un SCA ST+"),  # only the wider name is weighed
        ("AV_BLOCK_2_MOBITZ_2", "On hésite entre Mobitz 1 et Mobitz 2 ; je retiens Mobitz 1"),
        ("ATRIAL_FLUTTER", "1) FA 2) flutter"),
        ("PERICARDITIS", "Takotsubo probable, une péricardite n'est pas exclue"),
        ("AV_BLOCK_2_MOBITZ_2", "La pause s'explique mieux par une ESA bloquée que par un Mobitz II"),
        ("ATRIAL_FIBRILLATION", "FA possible. Tachycardie sinusale."),
        ("ATRIAL_PREMATURE_COMPLEX", "ESV plutôt que ESA avec aberration"),
        ("ATRIAL_TACHYCARDIA", "Flutter en premier, tachycardie atriale seulement en second"),
    ],
)
def test_an_answer_that_prefers_another_diagnosis_is_wrong(
    matcher: EmbeddedMatcher, ontology: Ontology, expected: str, text: str
) -> None:
    assert judge(matcher.match(text), [expected], ontology) is Judgment.WRONG_DIAGNOSIS


@pytest.mark.parametrize(
    "expected, text, judgment",
    [
        ("PERICARDITIS", "BBG, péricardite plutôt qu'un SCA", "ranked_differential_correct"),
        ("AV_BLOCK_2_MOBITZ_2", "Entre Mobitz 1 et Mobitz 2, je retiens Mobitz 2", "explicit_correct"),
        ("PULMONARY_EMBOLISM", "Tachycardie sinusale, EP possible", "hedged_correct"),
    ],
)
def test_what_stands_beside_the_expected_diagnosis_is_not_preferred_to_it(
    matcher: EmbeddedMatcher, ontology: Ontology, expected: str, text: str, judgment: str
) -> None:
    assert judge(matcher.match(text), [expected], ontology) == Judgment(judgment)


@pytest.mark.parametrize(
    "expected, text",
    [
        ("ATRIAL_FIBRILLATION", "ESA nombreuses, QRS irréguliers, mais ce n'est pas une FA"),
        ("PULMONARY_EMBOLISM", "Tachycardie sinusale, pas d'EP"),
        ("LVH", "Pas d'hypertrophie. Tracé normal"),
        ("STEMI_INFERIOR", "ECG normal"),
        ("LBBB", "Pas de trouble de la conduction"),
    ],
)
def test_an_answer_that_denies_the_expected_diagnosis_is_wrong(
    matcher: EmbeddedMatcher, ontology: Ontology, expected: str, text: str
) -> None:
    assert judge(matcher.match(text), [expected], ontology) is Judgment.WRONG_DIAGNOSIS


@pytest.mark.parametrize(
    "expected, text, judgment",
    [
        ("RBBB_COMPLETE", "Bloc de branche droit, QRS à 150 ms", "explicit_correct"),
        ("STEMI_ANTERIOR", "Infarctus antérieur, sus-décalage du ST de V1 à V4", "explicit_correct"),
        ("STEMI_INFERIOR", "SCA ST+, sus-décalage en DII DIII aVF", "explicit_correct"),
        # `tachycardie à QRS larges` sums up signs: the ventricular tachycardia is deduced
        ("VENTRICULAR_TACHYCARDIA", "Tachycardie à QRS larges, dissociation AV", "implicit_complete"),
        (
            "LBBB_COMPLETE",
            "Stimulation VVI, spike avant chaque QRS. BBG complet",
            "correct_with_internal_error",
        ),
    ],
)
def test_a_wider_name_with_the_sign_that_narrows_it_names_the_diagnosis(
    matcher: EmbeddedMatcher, ontology: Ontology, expected: str, text: str, judgment: str
) -> None:
    assert judge(matcher.match(text), [expected], ontology) == Judgment(judgment)
