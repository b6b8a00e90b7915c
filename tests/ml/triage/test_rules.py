"""The scale's rules: the level, what fired, what is still to be asked."""

import pytest

from ml.triage.conditions import Comparison, Question, names, truth
from ml.triage.features import BY_NAME, Visit, read
from ml.triage.levels import urgency
from ml.triage.rules import Ruling, rule
from ml.triage.scale import Scale

WELL: dict[str, object] = {
    "age": 60,
    "sexe": "M",
    "frequence_cardiaque": 80,
    "pression_systolique": 125,
    "pression_diastolique": 75,
    "frequence_respiratoire": 16,
    "temperature": 37,
    "saturation_oxygene": 98,
    "echelle_douleur": 2,
    "glasgow": 15,
    "glycemie": 1.0,
}


def ruling(scale: Scale, complaint: str | None, **changed: object) -> Ruling:
    reading = read({**WELL, **changed}, scale.questions)
    assert not reading.errors
    return rule(reading.visit, complaint, scale)


def deciding(found: Ruling) -> list[str]:
    return [each.id for each in found.fired if each.decides]


NORMAL_ECG = {"ecg_typique_sca": False, "ecg_anormal": False, "douleur_typique_persistante": False}


@pytest.mark.parametrize(
    "answers, level",
    [
        ({}, "3B"),
        ({"ecg_typique_sca": True}, "1"),
        ({"ecg_anormal": True}, "2"),
        ({"douleur_typique_persistante": True}, "2"),
        ({**NORMAL_ECG, "comorbidite_coronaire": True}, "3A"),
        ({**NORMAL_ECG, "comorbidite_coronaire": False, "douleur_coronaire": True}, "3B"),
        ({**NORMAL_ECG, "comorbidite_coronaire": False, "douleur_coronaire": False}, "4"),
        ({**NORMAL_ECG, "douleur_coronaire": False}, "3B"),
    ],
)
def test_chest_pain_depends_on_its_modulators(scale: Scale, answers: dict[str, bool], level: str) -> None:
    assert ruling(scale, "douleur_thoracique_sca", **answers).level == level


@pytest.mark.parametrize(
    "answers, level",
    [
        ({}, "2"),
        ({"deficit_moins_4h30": True}, "1"),
        ({"deficit_plus_24h": True}, "2"),
        ({"deficit_plus_24h": True, "avis_referent": True}, "2"),
        ({"deficit_moins_4h30": False, "deficit_plus_24h": True, "avis_referent": True}, "3B"),
    ],
)
def test_stroke_depends_on_its_modulators(scale: Scale, answers: dict[str, bool], level: str) -> None:
    assert ruling(scale, "avc", **answers).level == level


@pytest.mark.parametrize(
    "changed, level",
    [
        ({"pression_systolique": 70, "pression_diastolique": 40}, "1"),
        ({"pression_systolique": 71, "pression_diastolique": 40}, "2"),
        ({"pression_systolique": 90, "pression_diastolique": 40}, "2"),
        ({"pression_systolique": 91, "pression_diastolique": 40}, None),
        ({"pression_systolique": 100, "frequence_cardiaque": 101}, "2"),
        ({"pression_systolique": 100, "frequence_cardiaque": 100}, None),
        ({"frequence_cardiaque": 180}, "1"),
        ({"frequence_cardiaque": 179}, "2"),
        ({"frequence_cardiaque": 130}, "2"),
        ({"frequence_cardiaque": 129}, None),
        ({"frequence_cardiaque": 40}, "1"),
        ({"frequence_cardiaque": 41}, None),
        ({"saturation_oxygene": 85}, "1"),
        ({"saturation_oxygene": 86}, "2"),
        ({"saturation_oxygene": 90}, "2"),
        ({"saturation_oxygene": 91}, None),
        ({"frequence_respiratoire": 40}, "1"),
        ({"frequence_respiratoire": 30}, "2"),
        ({"frequence_respiratoire": 29}, None),
        ({"glasgow": 8}, "1"),
        ({"glasgow": 9}, "2"),
        ({"glasgow": 13}, "2"),
        ({"glasgow": 14}, "3B"),
        ({"glycemie": 3.6}, "3B"),
        ({"glycemie": 3.6, "cetose": True}, "2"),
        ({"glycemie": 3.6, "cetose": True, "glasgow": 14}, "1"),
        ({"glycemie": 0.59}, "3B"),
        ({"temperature": 40}, "2"),
        ({"temperature": 35.2}, "2"),
        ({"temperature": 32}, "1"),
        ({"pression_systolique": 220}, "2"),
    ],
)
def test_vital_signs_count_whatever_the_complaint(
    scale: Scale, changed: dict[str, object], level: str | None
) -> None:
    assert ruling(scale, None, **changed).level == level


@pytest.mark.parametrize(
    "changed, level",
    [
        ({"age": 1.5, "frequence_cardiaque": 140, "frequence_respiratoire": 32}, None),
        ({"age": 1.5, "frequence_cardiaque": 160}, "2"),
        ({"age": 0.5, "frequence_cardiaque": 170}, None),
        ({"age": 0.5, "frequence_cardiaque": 80}, "2"),
        ({"age": 5, "pression_systolique": 81, "pression_diastolique": 50}, None),
        ({"age": 5, "pression_systolique": 80, "pression_diastolique": 50}, "2"),
        ({"age": None, "pression_systolique": 65, "pression_diastolique": 40}, "1"),
    ],
)
def test_children_have_limits_of_their_own_and_an_unknown_age_is_an_adults(
    scale: Scale, changed: dict[str, object], level: str | None
) -> None:
    assert ruling(scale, None, **changed).level == level


def test_a_childs_row_takes_the_place_of_the_adults(scale: Scale) -> None:
    young = ruling(scale, "fievre", age=0.2, temperature=38.6)
    assert young.complaint is not None
    assert (young.complaint.id, young.level) == ("fievre_3_mois", "2")
    assert ruling(scale, "fievre", age=30, temperature=38.6).level == "5"


def test_tri_3_is_3a_with_heavy_comorbidities_or_a_doctors_letter(scale: Scale) -> None:
    assert ruling(scale, "confusion").level == "3B"
    heavy = ruling(scale, "confusion", comorbidites_lourdes=True)
    assert (heavy.level, deciding(heavy)) == ("3A", ["rule_3a"])
    assert ruling(scale, "confusion", adresse_par_medecin=True).level == "3A"
    assert ruling(scale, "toux", comorbidites_lourdes=True).level == "5"
    assert ruling(scale, "avc", comorbidites_lourdes=True).level == "2"


def test_a_vital_sign_is_not_relieved_by_the_complaint(scale: Scale) -> None:
    found = ruling(scale, "renouvellement_ordonnance", saturation_oxygene=80)
    assert (found.level, deciding(found)) == ("1", ["spo2_1"])


def test_the_less_urgent_counts_only_when_nothing_more_urgent_is_open(scale: Scale) -> None:
    assert ruling(scale, "asthme_bpco", dep_300=True, asthme=True).level == "3B"
    calm = {"detresse_respiratoire": False, "dep_200": False, "dyspnee_parole": False}
    assert ruling(scale, "asthme_bpco", dep_300=True, asthme=True, **calm).level == "4"


def test_a_missing_vital_sign_is_asked_for_and_never_taken_to_be_normal(scale: Scale) -> None:
    found = ruling(scale, "hypertension", pression_systolique=None, pression_diastolique=None)
    assert found.level == "4"
    assert found.asked[0].name == "pression_systolique"
    assert found.asked[0].levels[0] == "1"


def test_nothing_is_asked_that_could_not_change_the_level(scale: Scale) -> None:
    assert ruling(scale, "arret_cardiorespiratoire").asked == ()
    assert {each.name for each in ruling(scale, "avc").asked} == {
        "deficit_moins_4h30",
        "deficit_plus_24h",
        "avis_referent",
    }
    assert "deficit_plus_24h" not in {each.name for each in ruling(scale, "avc", saturation_oxygene=88).asked}


def test_every_asked_question_can_bring_its_level_about(scale: Scale) -> None:
    """Answer each question both ways: some level it names is then nearer, or the question was idle."""
    for complaint in scale.complaints:
        before = ruling(scale, complaint)
        for asked in before.asked:
            assert asked.name in scale.questions or asked.name in BY_NAME
            assert list(asked.levels) == sorted(asked.levels, key=urgency)
            assert before.level not in asked.levels


def test_every_modulator_of_the_scale_can_fire_and_then_counts(scale: Scale) -> None:
    """Each condition is made true by the answers and values it names; the level is then at most as late."""
    for complaint in scale.complaints.values():
        for modulator in complaint.modulators:
            visit = _made_true(modulator.when)
            assert visit is not None, modulator.id
            found = rule(visit, complaint.id, scale)
            assert found.level is not None
            if urgency(modulator.level) <= urgency(complaint.median):
                assert urgency(found.level) <= urgency(modulator.level), modulator.id


def _made_true(condition: object) -> Visit | None:
    """Search answers and values near each limit that make a condition true."""
    import itertools  # noqa: PLC0415 - only this search

    parts = list(dict.fromkeys(names(condition)))  # type: ignore[arg-type]
    questions = sorted({each.name for each in parts if isinstance(each, Question)})
    compared: dict[str, set[float]] = {}
    for each in parts:
        if isinstance(each, Comparison):
            compared.setdefault(each.feature, set()).update({each.value - 1, each.value, each.value + 1})
    features = sorted(compared)
    for answers in itertools.product((True, False), repeat=len(questions)):
        for values in itertools.product(*(sorted(compared[name]) for name in features)):
            known = dict(zip(features, values, strict=True))
            told = dict(zip(questions, answers, strict=True))
            if truth(condition, known, told):  # type: ignore[arg-type]
                if "indice_de_choc" in known:
                    known |= {"frequence_cardiaque": 120.0, "pression_systolique": 110.0}
                if "pression_systolique_moins_2_ages" in known:
                    known |= {"age": 5.0, "pression_systolique": 75.0}
                kept = {name: max(0.0, value) for name, value in known.items() if name in BY_NAME}
                return Visit(kept, "", told)
    return None
