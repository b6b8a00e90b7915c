"""What does not hold together in a text, and how it weighs its diagnoses."""

import pytest

from ml.language.matching import EmbeddedMatcher
from ml.language.types import Expression, FindingKind, Reading


def kinds(reading: Reading) -> set[FindingKind]:
    return {finding.kind for finding in reading.findings}


@pytest.mark.parametrize(
    "text, kind",
    [
        ("BBG complet et BBD complet", FindingKind.CONTRADICTION),
        ("ECG normal. Embolie pulmonaire avec S1Q3", FindingKind.CONTRADICTION),
        ("PR normal, PR allongé", FindingKind.CONTRADICTION),
        ("Pas de FA. Au total FA.", FindingKind.POLARITY_CONFLICT),
        ("Aucun sus-décalage du ST. Sus-décalage ST inférieur.", FindingKind.POLARITY_CONFLICT),
        ("Rythme régulier, rythme non régulier", FindingKind.POLARITY_CONFLICT),
        ("FC à 130/min, bradycardie", FindingKind.MEASUREMENT_CONFLICT),
        ("PR court à 240 ms", FindingKind.MEASUREMENT_CONFLICT),
        ("QRS à 80 ms donc BBD complet", FindingKind.MEASUREMENT_CONFLICT),
        ("Sokolow positif à 20 mm", FindingKind.MEASUREMENT_CONFLICT),
        ("BBD complet, QRS fins", FindingKind.INTERNAL_ERROR),
        ("Mobitz 2 avec allongement progressif du PR", FindingKind.INTERNAL_ERROR),
        ("Tachycardie ventriculaire", FindingKind.UNSUPPORTED_DIAGNOSIS),
        ("FA plutôt qu'un flutter", FindingKind.RANKED_DIFFERENTIAL),
        ("Je mets la TV devant la TSV aberrante", FindingKind.RANKED_DIFFERENTIAL),
        ("Mobitz 2 bien plus que Mobitz 1", FindingKind.RANKED_DIFFERENTIAL),
        ("WPW sans onde delta", FindingKind.INTERNAL_ERROR),
        ("FA, RR parfaitement réguliers", FindingKind.INTERNAL_ERROR),
        ("Stimulation ventriculaire, QRS fins", FindingKind.INTERNAL_ERROR),
        ("FA et BAV 1", FindingKind.CONTRADICTION),
        ("Embolie pulmonaire, ECG tout à fait normal", FindingKind.CONTRADICTION),
        ("FA probable, un flutter est possible", FindingKind.HEDGED_DIFFERENTIAL),
        ("HVG probable sans pouvoir exclure autre chose", FindingKind.HEDGED_DIFFERENTIAL),
    ],
)
def test_it_is_found(matcher: EmbeddedMatcher, text: str, kind: FindingKind) -> None:
    assert kind in kinds(matcher.match(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rythme sinusal, FC 75/min, axe normal, PR normal, QRS fins, QT normal",
        "Bradycardie sinusale à 55/min",  # many teach 60 as the limit: no wrong word
        "BAV 2 Mobitz 1 : allongement progressif du PR puis onde P bloquée",
        "Hypothèse de FA écartée, rythme sinusal",
        "Tachycardie à QRS larges, dissociation AV : tachycardie ventriculaire",
        "PR allongé à 240 ms",
        "FA, BAV complet, échappement régulier, RR réguliers",
        "Après chaque complexe sinusal fin, un QRS prématuré large",
        "Pacemaker sans spike visible, QRS larges",
        "Spike devant chaque QRS, pas de spike devant les P",
        "QTc à 560 ms, normal potassium and calcium",
        "QRS fins, l'onde T me paraît étalée",
        "Les oreillettes frémissent, et le ventricule répond au hasard",
        "SCA avec sus-décalage persistant du ST en inférieur",
        "Aspect de Brugada, coved ST",
        # What a cardiologist found to be reported on sound answers.
        "On note un ECG normal",
        "Rythme sinusal, T négatives en VF",
        "Rythme sinusal 90/min, puis salve de TV non soutenue à QRS larges à 160/min",
        "Patient en FA au début du tracé, réduction spontanée en rythme sinusal",
        "BAV complet sur FA : dissociation AV, rythme régulier et lent à 40/min",
        "SCA ST+ antérieur avec sus-décalage du segment ST de V1 à V4",
        "Le ventricule gauche est activé en retard par rapport au droit",
        "Tachycardie à QRS fins à 180 sans onde P visible",
        "Rythme sinusal. Onde T négative en DIII et V1, sans valeur pathologique. ECG normal.",
        "Il n'y a pas de trouble de la repolarisation en dehors d'une onde T négative en aVL",
        "entre FA et flutter",
        "FA/flutter",
    ],
)
def test_a_sound_text_has_no_mistake(matcher: EmbeddedMatcher, text: str) -> None:
    mistakes = kinds(matcher.match(text)) - {FindingKind.RANKED_DIFFERENTIAL, FindingKind.HEDGED_DIFFERENTIAL}
    assert mistakes == set()


def test_a_finding_says_what_it_is_about_and_where(matcher: EmbeddedMatcher) -> None:
    text = "BBG complet et BBD complet"
    (finding,) = matcher.match(text).findings

    assert finding.concepts == ("LBBB_COMPLETE", "RBBB_COMPLETE")
    assert [text[span.start : span.end] for span in finding.spans] == ["BBG complet", "BBD complet"]


def test_values_told_in_turn_grow(matcher: EmbeddedMatcher) -> None:
    grown = matcher.match("PR 180 puis 240 puis 300 ms puis une P bloquée")
    assert "AV_BLOCK_2_MOBITZ_1" in {claim.concept for claim in grown.claims}
    assert grown.measurements == ()
    assert matcher.match("PR 180, QRS 120, QTc 440").measurements[0].value == 180
    assert "PR_NORMAL" in {claim.concept for claim in matcher.match("PR 180 puis 160 puis 170 ms").claims}


def test_a_mistake_made_a_hundred_times_is_told_once_with_each_place(matcher: EmbeddedMatcher) -> None:
    (finding,) = matcher.match("FC 45/min donc normocardie. " * 100).findings

    assert finding.kind is FindingKind.MEASUREMENT_CONFLICT
    assert len(finding.spans) == 200


@pytest.mark.parametrize(
    "text, meaning, agrees",
    [
        ("PR 240 ms", "PR_PROLONGED", None),
        ("PR allongé à 240 ms", "PR_PROLONGED", True),
        ("PR normal à 240 ms", "PR_PROLONGED", False),
        ("FC 45/min, normocarde", "BRADYCARDIA", False),
        ("FC 45/min. Plus tard tachycardie", "BRADYCARDIA", None),  # another sentence
        ("QTc 455 ms", "QT_NORMAL", None),
        ("Homme, QTc 455 ms", "QT_PROLONGED", None),
        ("Femme, QTc 455 ms", "QT_NORMAL", None),
    ],
)
def test_a_number_knows_what_it_means_and_whether_its_sentence_agrees(
    matcher: EmbeddedMatcher,
    text: str,
    meaning: str,
    agrees: bool | None,  # noqa: FBT001 - a column of the table
) -> None:
    (measurement,) = matcher.match(text).measurements

    assert (measurement.meaning, measurement.agrees) == (meaning, agrees)


def test_a_sex_that_is_given_goes_before_what_the_text_says(matcher: EmbeddedMatcher) -> None:
    (measurement,) = matcher.match("Femme, QTc 455 ms", sex="male").measurements

    assert measurement.meaning == "QT_PROLONGED"


@pytest.mark.parametrize(
    "text, implied",
    [
        ("pas d'onde P, RR irréguliers", {"ATRIAL_FIBRILLATION"}),
        ("Sokolow à 42 mm", {"LVH"}),
        ("allongement progressif du PR puis une onde P bloquée", {"AV_BLOCK_2_MOBITZ_1"}),
        ("pas d'onde P, RR irréguliers : FA", set()),  # named: never counted twice
        ("pas d'onde P, RR irréguliers, ce n'est pas une FA", set()),  # denied
        ("onde delta ?", set()),  # only possible
    ],
)
def test_what_signs_amount_to_is_implied(matcher: EmbeddedMatcher, text: str, implied: set[str]) -> None:
    claims = matcher.match(text).claims

    assert {each.concept for each in claims if each.expression is Expression.IMPLIED} == implied
    assert all(each.confidence < 70 for each in claims if each.expression is Expression.IMPLIED)


@pytest.mark.parametrize(
    "text",
    [
        "Tachycardie sinusale, BBD incomplet, EP possible",
        "Torsades de pointes probables sur hypokaliémie",
        "SCA ST+ inférieur, extension VD possible",
    ],
)
def test_what_belongs_to_the_picture_of_a_diagnosis_is_no_rival_of_it(
    matcher: EmbeddedMatcher, text: str
) -> None:
    assert FindingKind.HEDGED_DIFFERENTIAL not in kinds(matcher.match(text))


def test_what_belongs_to_the_picture_but_is_doubted_as_well_is_a_rival(matcher: EmbeddedMatcher) -> None:
    assert FindingKind.HEDGED_DIFFERENTIAL in kinds(matcher.match("Hypokaliémie ou torsades de pointes"))


@pytest.mark.parametrize(
    "text, not_implied",
    [
        # from -45°, with qR in aVL and rS below: AHA/ACCF/HRS 2009
        ("Axe gauche, QRS fins", "LAFB"),
        ("Axe gauche à -20°, qR en aVL", "LAFB"),
        ("PR allongé à 190 ms", "AV_BLOCK_1"),
        # no two conducted beats follow each other: ACC/AHA/HRS 2018
        ("BAV 2/1, une P sur deux bloquée, PR constant", "AV_BLOCK_2_MOBITZ_2"),
        ("Une onde P sur deux est bloquée, PR fixe", "AV_BLOCK_2_MOBITZ_2"),
        ("Pacemaker : capture correcte. Tachycardie à QRS larges", "VENTRICULAR_TACHYCARDIA"),
        ("Stimulateur VVI avec capture, tachycardie à QRS larges", "VENTRICULAR_TACHYCARDIA"),
    ],
)
def test_what_signs_do_not_amount_to_is_not_implied(
    matcher: EmbeddedMatcher, text: str, not_implied: str
) -> None:
    assert not_implied not in {each.concept for each in matcher.match(text).claims}


@pytest.mark.parametrize(
    "text, implied",
    [
        ("Axe gauche, qR en aVL, rS en DII DIII aVF", "LAFB"),
        ("Axe à -60°, BBD complet", "LAFB"),
        ("Onde P bloquée, PR constant avant et après", "AV_BLOCK_2_MOBITZ_2"),
        ("Tachycardie à QRS larges, capture", "VENTRICULAR_TACHYCARDIA"),
    ],
)
def test_what_signs_do_amount_to_is_still_implied(matcher: EmbeddedMatcher, text: str, implied: str) -> None:
    assert implied in {each.concept for each in matcher.match(text).claims}


def test_capture_beside_a_pacemaker_is_no_capture_beat(matcher: EmbeddedMatcher) -> None:
    concepts = {each.concept for each in matcher.match("Stimulation ventriculaire avec capture").claims}

    assert "PACING_CAPTURE" in concepts
    assert "CAPTURE_BEAT" not in concepts


def test_a_bundle_branch_block_in_paced_beats_is_an_error_of_reasoning(matcher: EmbeddedMatcher) -> None:
    assert FindingKind.INTERNAL_ERROR in kinds(matcher.match("Spike avant chaque QRS, stimulation VVI. BBG"))


@pytest.mark.parametrize(
    "text, told", [("Spike non suivi de QRS : défaut de capture", False), ("SCA ST+ inférieur, IDM", True)]
)
def test_a_fault_of_a_pacemaker_needs_no_other_sign_and_a_wider_name_is_none(
    matcher: EmbeddedMatcher,
    text: str,
    told: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert (FindingKind.UNSUPPORTED_DIAGNOSIS in kinds(matcher.match(text))) is told
