"""What is written in French and in English is read alike, construction by construction."""

import pytest

from ml.language.judging import Judgment, judge
from ml.language.matching import EmbeddedMatcher
from ml.language.ontology import Ontology
from ml.language.types import Certainty, Expression, FindingKind, Polarity


def noted(matcher: EmbeddedMatcher, text: str) -> set[str]:
    """Return what is stated: `-X` denied, `?X` possible, `~X` probable, `X` asserted."""
    marks = {Certainty.POSSIBLE: "?", Certainty.PROBABLE: "~"}
    return {
        ("-" if claim.polarity is Polarity.ABSENT else marks.get(claim.certainty, "")) + claim.concept
        for claim in matcher.match(text).claims
        if claim.expression is not Expression.IMPLIED and claim.confidence >= 60
    }


DENIED = [
    ("Je ne vois pas d'onde Q pathologique", "I don't see any pathological Q waves", {"NO_PATHOLOGICAL_Q"}),
    ("Je ne retrouve pas de préexcitation", "I can't find any pre-excitation", {"-PREEXCITATION"}),
    ("Onde delta non vue", "Delta wave not seen", {"-DELTA_WAVE"}),
    ("Les ondes P ne sont pas visibles", "P waves cannot be seen", {"ABSENT_P_WAVE"}),
    ("Les QRS ne sont pas larges", "The QRS complexes are not wide", {"-QRS_WIDE"}),
    ("L'axe n'est pas dévié", "The axis is not deviated", {"-AXIS_DEVIATION"}),
    (
        "Ce n'est pas un flutter mais une FA",
        "This isn't flutter but AF",
        {"-ATRIAL_FLUTTER", "ATRIAL_FIBRILLATION"},
    ),
    (
        "L'absence d'onde delta élimine un WPW",
        "Absence of a delta wave rules out WPW",
        {"-DELTA_WAVE", "-WPW"},
    ),
    ("Pas d'onde P et un QRS large", "No P waves and a wide QRS", {"ABSENT_P_WAVE", "QRS_WIDE"}),
    ("PR non analysable en FA", "PR not measurable in AF", {"ATRIAL_FIBRILLATION"}),
]
DOUBTED = [
    ("Éliminer une hyperkaliémie", "Rule out hyperkalaemia", {"?HYPERKALEMIA"}),
    ("Hyperkaliémie à éliminer", "Hyperkalaemia to be ruled out", {"?HYPERKALEMIA"}),
    ("Brugada à discuter", "Brugada to be considered", {"?BRUGADA_PATTERN"}),
    ("On ne peut pas exclure un SCA", "Can't exclude an ACS", {"?ACUTE_CORONARY_SYNDROME"}),
    ("Peut-être une FA", "Maybe AF", {"?ATRIAL_FIBRILLATION"}),
    ("Je me demande si ce n'est pas un flutter", "I wonder whether this is flutter", {"?ATRIAL_FLUTTER"}),
    ("Je pense à une TV", "I think this is VT", None),
    ("TV jusqu'à preuve du contraire", "VT until proven otherwise", {"~VENTRICULAR_TACHYCARDIA"}),
    ("Rabotage, séquelle antérieure ?", "?old anterior MI, poor R progression", None),
]
LISTED = [
    (
        "PR, QRS et QT dans les limites de la normale",
        "PR, QRS and QT within normal limits",
        {"PR_NORMAL", "QRS_NARROW", "QT_NORMAL"},
    ),
    (
        "Onde P, QRS et onde T normaux",
        "P wave, QRS and T wave normal",
        {"P_WAVE_NORMAL", "QRS_NARROW", "T_WAVE_NORMAL"},
    ),
    ("Ondes T amples et pointues", "T waves tall and peaked", {"T_WAVE_TALL", "T_WAVE_PEAKED"}),
    (
        "Ondes T plates ou négatives en latéral",
        "Flat or inverted T waves laterally",
        {"T_WAVE_FLAT", "T_INVERSION_LATERAL"},
    ),
    (
        "Sus-décalage diffus concave",
        "Diffuse concave ST elevation",
        {"ST_ELEVATION_DIFFUSE", "ST_ELEVATION_CONCAVE"},
    ),
    ("Bloc auriculo-ventriculaire complet nodal", "Complete nodal AV block", {"AV_BLOCK_3"}),
]
NUMBERED = [
    ("RS à 40", "SR at 40", {"SINUS_RHYTHM", "BRADYCARDIA"}),
    ("Fréquence atriale 300, ventriculaire 150", "Atrial rate 300, ventricular rate 150", {"TACHYCARDIA"}),
    ("SV1 + RV5 = 44 mm", "SV1 + RV5 = 44 mm", {"SOKOLOW_POSITIVE"}),
    ("Sous-décalage de V4 jusqu'à V6", "ST depression in V4 through V6", {"ST_DEPRESSION_LATERAL"}),
    (
        "Ondes P à 80/min sans lien avec les QRS à 35/min",
        "P waves at 80 with no relationship to the QRS complexes at 35 bpm",
        {"AV_DISSOCIATION", "BRADYCARDIA"},
    ),
]
PLACED = [
    ("Voie accessoire septale", "Septal accessory pathway", {"ACCESSORY_PATHWAY_SEPTAL"}),
    ("Kent latéral gauche", "Left lateral accessory pathway", {"ACCESSORY_PATHWAY_LEFT_LATERAL"}),
    (
        "ESV naissant de l'infundibulum, axe inférieur",
        "Outflow tract PVC, inferior axis",
        {"VPC_OUTFLOW", "AXIS_INFERIOR"},
    ),
    ("TV infundibulaire", "RVOT tachycardia", {"VT_OUTFLOW"}),
    ("Préexcitation nette en V1-V4", "Obvious pre-excitation in V1-V4", {"PREEXCITATION"}),
    ("T négatives en DIII, VF", "T wave inversion in III, VF", {"T_INVERSION_INFERIOR"}),
    ("Transition tardive", "Late transition", {"DELAYED_TRANSITION"}),
    ("qR en aVL, rS en DIII", "qR in aVL, rS in III", {"Q1S3_PATTERN"}),
]


@pytest.mark.parametrize("french, english, expected", [*DENIED, *DOUBTED, *LISTED, *NUMBERED, *PLACED])
def test_a_construction_is_read_alike_in_both_languages(
    matcher: EmbeddedMatcher, french: str, english: str, expected: set[str] | None
) -> None:
    if expected is not None:
        assert noted(matcher, french) == expected
    assert noted(matcher, french) == noted(matcher, english)


@pytest.mark.parametrize(
    "text",
    ["Ondes T positives en V4-V6, négatives en V1-V3", "T waves upright in V4-V6, inverted in V1-V3"],
)
def test_the_noun_said_once_serves_both_sides_of_the_leads_and_they_do_not_contradict(
    matcher: EmbeddedMatcher, text: str
) -> None:
    reading = matcher.match(text)

    assert "T_INVERSION_ANTEROSEPTAL" in {claim.concept for claim in reading.claims}
    assert not reading.findings


def test_a_complex_said_as_the_end_of_one_name_begins_the_next(matcher: EmbeddedMatcher) -> None:
    assert noted(matcher, "Chaque P est suivie d'un QRS fin") == {"CONDUCTION_1_1", "QRS_NARROW"}


def test_infarction_in_the_past_is_no_posterior_wall(matcher: EmbeddedMatcher) -> None:
    assert noted(matcher, "post-MI patient") == {"MYOCARDIAL_INFARCTION"}
    assert noted(matcher, "IDM post") == {"MYOCARDIAL_INFARCTION_POSTERIOR"}


@pytest.mark.parametrize(
    "text",
    ["PR long, alternance de conduction 3/1 et 2/1", "Long PR, alternating 3:1 and 2:1 conduction"],
)
def test_what_takes_turns_does_not_contradict(matcher: EmbeddedMatcher, text: str) -> None:
    assert {"CONDUCTION_2_1", "CONDUCTION_3_1"} <= noted(matcher, text)
    assert not matcher.match(text).findings


@pytest.mark.parametrize("text", ["Rythme sinusal, WPW probable", "Sinus rhythm, probable WPW"])
def test_a_normal_rhythm_is_no_rival_of_a_doubted_diagnosis(matcher: EmbeddedMatcher, text: str) -> None:
    assert not matcher.match(text).findings


@pytest.mark.parametrize(
    "text", ["STEMI inférieur avec ST isoélectrique", "Inferior STEMI with an isoelectric ST segment"]
)
def test_a_normal_sign_beside_a_diagnosis_is_an_error_not_a_denial(
    matcher: EmbeddedMatcher, text: str
) -> None:
    kinds = {finding.kind for finding in matcher.match(text).findings}

    assert FindingKind.INTERNAL_ERROR in kinds
    assert FindingKind.POLARITY_CONFLICT not in kinds


JUDGED = [
    (
        "BRUGADA_TYPE_1",
        "Brugada type 1 en premier, puis BBD",
        "Type 1 Brugada first, RBBB second",
        "RANKED_CORRECT",
    ),
    (
        "AV_BLOCK_2_MOBITZ_2",
        "Mobitz 2 plutôt que ESA bloquées",
        "Mobitz II rather than blocked PACs",
        "RANKED_CORRECT",
    ),
    ("RVH", "Plutôt une HVD qu'un hémibloc postérieur", "RVH more likely than LPFB", "RANKED_CORRECT"),
    ("PERICARDITIS", "Péricardite à évoquer", "Consider pericarditis", "HEDGED_CORRECT"),
    ("ATRIAL_FIBRILLATION", "Flutter atrial", "Atrial flutter", "WRONG_DIAGNOSIS"),
    ("QT_PROLONGED", "QTc à 540 ms, normal", "QTc 540 ms, within normal limits", "MEASUREMENT_CONFLICT"),
    ("AV_BLOCK_1", "PR = 300 ms (normal)", "PR interval = 300 ms (normal)", "MEASUREMENT_CONFLICT"),
    ("VENTRICULAR_TACHYCARDIA", "Ce n'est pas une TV. TV.", "This isn't VT. VT.", "POLARITY_CONFLICT"),
    ("AV_BLOCK_2_MOBITZ_1", "Mobitz 1. C'est un Mobitz 2.", "Mobitz 1. It is a Mobitz 2.", "CONTRADICTION"),
    ("HYPOKALEMIA", "Trouble ionique", "Electrolyte disturbance", "IMPLICIT_PARTIAL"),
    (
        "STEMI_INFERIOR",
        "Sus-ST en DII DIII aVF, sous-décalage en DI et aVL",
        "ST elevation in II, III, aVF, ST depression in I and aVL",
        "IMPLICIT_COMPLETE",
    ),
    (
        "STEMI_LATERAL",
        "Sus-décalage en DI, aVL, V5, V6 avec miroir inférieur",
        "ST elevation in I, aVL, V5 and V6 with inferior reciprocal depression",
        "IMPLICIT_COMPLETE",
    ),
    (
        "WELLENS",
        "Ondes T biphasiques en V2-V3",
        "Biphasic T waves in V2-V3",
        "IMPLICIT_COMPLETE",
    ),
    (
        "STEMI_ANTERIOR",
        "Une coronaire est bouchée, la paroi avant est en train de mourir",
        "A coronary artery has blocked and the front wall is dying",
        "PARAPHRASED",
    ),
    (
        "AV_BLOCK_3",
        "Haut et bas du cœur ne se parlent plus",
        "The top and bottom of the heart no longer talk to each other",
        "PARAPHRASED",
    ),
    ("HYPOKALEMIA", "Le sang manque de potassium", "The blood is short of potassium", "PARAPHRASED"),
]


@pytest.mark.parametrize("expected, texts, judgment", [(each[0], each[1:3], each[3]) for each in JUDGED])
def test_an_answer_is_judged_alike_in_both_languages(
    matcher: EmbeddedMatcher, ontology: Ontology, expected: str, texts: tuple[str, str], judgment: str
) -> None:
    for text in texts:
        assert judge(matcher.match(text), [expected], ontology) is Judgment[judgment], text
