"""How denials and doubts are written on wards, and what looks like one and is none."""

import pytest

from ml.language.matching import EmbeddedMatcher
from ml.language.types import Certainty, Polarity


def stances(matcher: EmbeddedMatcher, text: str) -> dict[str, str]:
    """Return `present`, `possible`, `probable` or `absent` by concept, for what is firmly read."""
    return {
        claim.concept: (
            "absent"
            if claim.polarity is Polarity.ABSENT
            else "present"
            if claim.certainty is Certainty.ASSERTED
            else claim.certainty.value
        )
        for claim in matcher.match(text).claims
        if claim.confidence >= 70
    }


@pytest.mark.parametrize(
    "text",
    [
        "pas d'arguments ECG pour une EP",
        "pas bcp d'arguments en faveur d'une EP",
        "aucun élément formel pour une EP",
        "peu d'arguments pour l'EP",
        "pas d'arg. pr une EP",
        "sans args pour une EP",
        "no convincing evidence of PE",
        "EP -",
        "Tachycardie sinusale ; EP -, FA -.",
        "EP (-)",
        "EP -\nFA -\nBBD +",
        "EP 0",
        "EP nég",
        "EP négative, tachycardie",
        "EP : ø",
        "EP = non",
        "EP=0, tachycardie",
        "hors EP",
        "exit l'EP",
        "highly unlikely PE",
        "I doubt PE",
        "neg for PE",
        "EP ? non",
        "PE? No.",
        "EP : pas d'argument",
        "j'avais évoqué une EP mais finalement non",
        "I had thought of PE, but no",
        "FA, EP mais non retenue",
        "rien qui évoque une EP",
        "nothing suggesting PE",
        "rien ne plaide pour une EP",
        "can r/o PE",
        "PE has been r/o",
    ],
)
def test_a_denied_embolism_is_absent(matcher: EmbeddedMatcher, text: str) -> None:
    assert stances(matcher, text)["PULMONARY_EMBOLISM"] == "absent"


@pytest.mark.parametrize(
    "text",
    [
        "- EP",
        "- tachycardie sinusale\n- EP\n- BBD",
        "tachycardie sinusale - EP",
        "EP - BBD",
        "EP - droite",
        "Rythme sinusal -\nEP",
        "Conclusion : EP",
        "hors contexte, EP",
        "Péricardite non, EP",
        "no doubt: PE",
        "exit block, EP",
        "EP 02/03",
        "Infarctus ? non, EP",
        "SCA unlikely, PE",
        "VT unlikely PE",
        "péricardite mais EP",
    ],
)
def test_what_only_looks_like_a_denial_leaves_an_embolism_asserted(
    matcher: EmbeddedMatcher, text: str
) -> None:
    assert stances(matcher, text)["PULMONARY_EMBOLISM"] == "present"


@pytest.mark.parametrize(
    "text",
    [
        "EP ? non éliminée",
        "r/o PE",
        "PE to be r/o",
        "cannot r/o PE",
        "EP mais pas certaine",
        "pas d'argument contre une EP",
        "aucun élément pour exclure une EP",
        "no argument against PE",
        "PE not unlikely",
        "doute sur une EP",
        "doubt about PE",
        "on pourrait croire à une EP",
        "on croirait une EP, mais à confirmer",
    ],
)
def test_an_embolism_that_is_left_open_is_possible(matcher: EmbeddedMatcher, text: str) -> None:
    assert stances(matcher, text)["PULMONARY_EMBOLISM"] == "possible"


@pytest.mark.parametrize(
    "text, concept, stance",
    [
        ("tracé w/o ST elevation", "ST_ELEVATION", "absent"),
        ("SVT w/ RBBB", "RBBB", "present"),
        ("no LBBB w/ RBBB", "RBBB", "present"),
        ("abs de BBG", "LBBB", "absent"),
        ("abs. d'onde P", "ABSENT_P_WAVE", "present"),
        ("P abs, QRS fins", "QRS_NARROW", "present"),
        ("Ø BBG", "LBBB", "absent"),
        ("∅ sus-décalage", "ST_ELEVATION", "absent"),
        ("ss BAV", "AV_BLOCK", "absent"),
        ("ss sous-décalage", "ST_DEPRESSION", "absent"),
        ("ss décalage du ST en V4-V6", "ST_DEPRESSION_LATERAL", "present"),
        ("ss-décalage diffus", "ST_DEPRESSION", "present"),
        ("onde P (-) en DII", "P_WAVE_PRESENT", "present"),
        ("axe normal à 0°", "AXIS_NORMAL", "present"),
        ("sus-ST (-)", "ST_ELEVATION", "absent"),
        ("onde delta : négative", "DELTA_WAVE", "present"),
        ("EP : négatif", "PULMONARY_EMBOLISM", "absent"),
        ("SCA ST-", "NSTEMI", "present"),
        ("SCA NST+", "NSTEMI", "present"),
    ],
)
def test_short_forms_keep_their_sign(matcher: EmbeddedMatcher, text: str, concept: str, stance: str) -> None:
    assert stances(matcher, text)[concept] == stance


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Péricardite écartée : EP", {"PERICARDITIS": "absent", "PULMONARY_EMBOLISM": "present"}),
        (
            "Le BBG est éliminé : FA, HVG",
            {"LBBB": "absent", "ATRIAL_FIBRILLATION": "present", "LVH": "present"},
        ),
        ("LBBB ruled out: AF", {"LBBB": "absent", "ATRIAL_FIBRILLATION": "present"}),
        ("Absence de : FA, BBG", {"ATRIAL_FIBRILLATION": "absent", "LBBB": "absent"}),
        ("Pas de : FA, BBG", {"ATRIAL_FIBRILLATION": "absent", "LBBB": "absent"}),
        ("Diagnostics écartés : FA, BBG", {"ATRIAL_FIBRILLATION": "absent", "LBBB": "absent"}),
    ],
)
def test_a_denial_passes_a_colon_only_where_it_opens_a_list(
    matcher: EmbeddedMatcher, text: str, expected: dict[str, str]
) -> None:
    assert stances(matcher, text) == expected


def test_what_seemed_so_is_taken_back(matcher: EmbeddedMatcher) -> None:
    read = stances(matcher, "On pourrait croire à un flutter mais il y a des ondes P : tachycardie sinusale")

    assert (read["ATRIAL_FLUTTER"], read["SINUS_TACHYCARDIA"]) == ("absent", "present")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("BBG, likely RCA", {"LBBB": "present"}),
        ("STEMI inférieur, probable occlusion de la CD", {"STEMI_INFERIOR": "present"}),
        ("BBG, probable", {"LBBB": "probable"}),
        ("BBG, possible chez lui", {"LBBB": "possible"}),
        ("LBBB, likely in this context", {"LBBB": "probable"}),
        (
            "péricardite aiguë, myopéricardite possible",
            {"PERICARDITIS": "present", "MYOPERICARDITIS": "possible"},
        ),
        ("BAV 2, probable Mobitz 2", {"AV_BLOCK_2": "present", "AV_BLOCK_2_MOBITZ_2": "probable"}),
        ("BAV 2, Mobitz 2", {"AV_BLOCK_2_MOBITZ_2": "present"}),
        ("pas de péricardite, myopéricardite possible", {"MYOPERICARDITIS": "possible"}),
        ("Une myocardite associée est possible", {"MYOCARDITIS": "possible"}),
        ("myocardite à évoquer en premier lieu", {"MYOCARDITIS": "possible"}),
    ],
)
def test_a_doubt_stays_with_what_it_is_put_to(
    matcher: EmbeddedMatcher, text: str, expected: dict[str, str]
) -> None:
    assert stances(matcher, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "RAS",
        "ECG : normal",
        "Otherwise unremarkable.",
        "No significant abnormality",
        "Rythme sinusal. RAS",
        "Rien d'anormal",
    ],
)
def test_a_sentence_that_calls_all_normal_is_a_normal_tracing(matcher: EmbeddedMatcher, text: str) -> None:
    assert stances(matcher, text)["ECG_NORMAL"] == "present"


@pytest.mark.parametrize(
    "text",
    [
        "Onde P : RAS",
        "Repolarisation :\nRAS",
        "No significant abnormality of the P wave",
        "FA. Otherwise unremarkable",
        "QRS normal",
        "Pas d'anomalie de la repolarisation",
    ],
)
def test_what_is_normal_but_for_the_rest_is_no_normal_tracing(matcher: EmbeddedMatcher, text: str) -> None:
    assert "ECG_NORMAL" not in stances(matcher, text)


@pytest.mark.parametrize(
    "text, concept",
    [
        ("Les QRS et les P vivent leur vie, chacun de leur côté", "AV_DISSOCIATION"),
        ("oreillettes et ventricules : chacun fait sa vie de son côté", "AV_DISSOCIATION"),
        ("P waves and QRS complexes go their own way", "AV_DISSOCIATION"),
        ("les PR s'allongent, le dernier avant la pause étant le plus long", "PROGRESSIVE_PR_PROLONGATION"),
        ("the PR before the dropped beat is the longest", "PROGRESSIVE_PR_PROLONGATION"),
        ("sus-décalage en selle en V2", "BRUGADA_TYPE_2"),
        ("saddle-shaped ST elevation in V1-V2", "BRUGADA_TYPE_2"),
        ("sus-ST apico-latéral", "ST_ELEVATION_LATERAL"),
        ("dysfct sinusale", "SINUS_NODE_DYSFUNCTION"),
        ("R/S > 1 en V1", "DOMINANT_R_V1"),
        ("tall R in V2", "DOMINANT_R_V1"),
        ("Cornell +", "CORNELL_POSITIVE"),
        ("absence d'activité P organisée", "ABSENT_P_WAVE"),
        ("P aplaties", "P_WAVE_ABNORMAL"),
    ],
)
def test_usual_wordings_are_read(matcher: EmbeddedMatcher, text: str, concept: str) -> None:
    assert stances(matcher, text)[concept] == "present"


@pytest.mark.parametrize(
    "text, concept",
    [
        ("PR constant avant la pause", "PROGRESSIVE_PR_PROLONGATION"),
        ("PR allongé et fixe, pause", "PROGRESSIVE_PR_PROLONGATION"),
        ("grande onde R en V2", "HIGH_VOLTAGE"),
        ("dysfct sinusale", "SINUS_RHYTHM"),
        ("péricardite : sus-ST concave en selle diffus", "BRUGADA_TYPE_2"),
    ],
)
def test_wordings_that_come_near_are_not_taken_for_them(
    matcher: EmbeddedMatcher, text: str, concept: str
) -> None:
    assert concept not in stances(matcher, text)


@pytest.mark.parametrize(
    "text",
    [
        "Le tracé ne permet pas de trancher entre FA et flutter.",
        "Impossible de départager la FA et le flutter",
        "On ne peut pas distinguer FA et flutter sur cette bande",
        "FA ou flutter, sans pouvoir trancher",
        "Cannot differentiate between AF and flutter here",
        "Unable to decide between atrial flutter and AF",
    ],
)
def test_what_cannot_be_told_apart_is_possible_and_not_denied(matcher: EmbeddedMatcher, text: str) -> None:
    read = stances(matcher, text)
    assert {read["ATRIAL_FIBRILLATION"], read["ATRIAL_FLUTTER"]} == {"possible"}


@pytest.mark.parametrize(
    "text",
    [
        "En premier lieu une EP, en deuxième une péricardite",
        "Hypothèse n°1 EP, n°2 péricardite",
        "EP en premier lieu, en second lieu une péricardite",
    ],
)
def test_what_is_named_second_in_a_ranking_is_only_possible(matcher: EmbeddedMatcher, text: str) -> None:
    assert stances(matcher, text)["PERICARDITIS"] == "possible"


def test_a_degree_is_no_rank(matcher: EmbeddedMatcher) -> None:
    assert stances(matcher, "BAV du deuxième degré, FA en second tracé")["AV_BLOCK_2"] == "present"


@pytest.mark.parametrize("text", ["PR normal, mesuré à 280 ms", "PR normal, je le mesure à 0,28 s"])
def test_a_number_after_a_comma_is_of_what_was_named(matcher: EmbeddedMatcher, text: str) -> None:
    reading = matcher.match(text)
    assert [(each.name, each.value, each.agrees) for each in reading.measurements] == [("pr", 280.0, False)]
    assert "measurement_conflict" in {finding.kind.value for finding in reading.findings}


def test_a_wrong_word_for_a_number_is_told_even_where_the_diagnosis_is_right(
    matcher: EmbeddedMatcher,
) -> None:
    findings = matcher.match("BAV du premier degré. PR normal, mesuré à 260 ms.").findings
    assert "measurement_conflict" in {finding.kind.value for finding in findings}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("impossible de départager une FA d'un flutter", {"FA", "flutter"}),
        ("cannot distinguish AF from flutter", {"FA", "flutter"}),
        ("FA, ou bien flutter", {"FA", "flutter"}),
        ("tachycardie atriale, FA ou flutter", {"FA", "flutter", "TA"}),
        ("HVG, FA ou flutter", {"FA", "flutter"}),
    ],
)
def test_what_is_set_side_by_side_is_possible(
    matcher: EmbeddedMatcher, text: str, expected: set[str]
) -> None:
    short = {
        "ATRIAL_FIBRILLATION": "FA",
        "ATRIAL_FLUTTER": "flutter",
        "ATRIAL_TACHYCARDIA": "TA",
        "LVH": "HVG",
    }
    held = {short[each] for each, stance in stances(matcher, text).items() if stance == "possible"}
    assert held == expected


@pytest.mark.parametrize(
    "text, concept, stance",
    [
        ("Rythme irrégulier, impossible de voir des ondes P", "IRREGULAR_RHYTHM", "present"),
        ("ESV négatives en DII", "VENTRICULAR_PREMATURE_COMPLEX", "present"),
        ("axe à -70°, soit une déviation gauche", "AXIS_LEFT", "present"),
        ("soit une FA soit un flutter", "ATRIAL_FLUTTER", "possible"),
        ("évoque avant tout une péricardite", "PERICARDITIS", "probable"),
        ("péricardite à évoquer en premier lieu", "PERICARDITIS", "possible"),
        ("sans pouvoir écarter une péricardite", "PERICARDITIS", "possible"),
        ("à traiter comme une péricardite, péricardite probable", "PERICARDITIS", "probable"),
        ("chercher une hypokaliémie", "HYPOKALEMIA", None),
        ("ondulation sans aucun QRS identifiable", "QRS_ABSENT", "present"),
        ("PR me paraît court", "PR_SHORT", "present"),
    ],
)
def test_a_word_is_taken_for_what_it_does_there(
    matcher: EmbeddedMatcher, text: str, concept: str, stance: str | None
) -> None:
    assert stances(matcher, text).get(concept) == stance


def test_a_comparison_is_no_doubt_of_a_tale(matcher: EmbeddedMatcher) -> None:
    told = stances(matcher, "On dirait que le coeur se balance dans une poche d'eau")
    assert told["PERICARDIAL_EFFUSION"] == "present"
    assert stances(matcher, "on dirait une péricardite")["PERICARDITIS"] == "possible"
