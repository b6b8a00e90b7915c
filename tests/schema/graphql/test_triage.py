"""Visits to triage: who asks and who sees, what is said and kept, and that nothing ever stands in the way."""

import logging
from typing import Any

import pytest
from sqlmodel import col, select

from ml.language.endpoint import Endpoint, LanguageModelSettings, Unlimited
from ml.triage.features import BY_NAME
from ml.triage.note_model import NoteReader
from schema.errors import ValidationFailedError
from schema.models.accounts import AuditEvent
from schema.models.predictions import Feedback, Prediction
from schema.policy import Actor, Role
from schema.services.triage import SentVisit, read_visit
from schema.types.base import global_id, split_id
from tests.schema.clinic import CHEST_PAIN, PREDICT, PREDICTION, Clinic, faults
from tests.schema.conftest import World
from tests.support.chat_server import ChatServer

NOTE = """query Q($text: String!) { triageNote(text: $text) { motifConsultation candidates { code }
  values { feature value unit text start end } leftOut { feature text start end } } }"""
COMPLAINTS = "query Q { triageComplaints { code label section median questions { code label levels } } }"
COMPLAINT = "query Q($code: String!) { triageComplaint(code: $code) { code questions { code } } }"
LISTED = (
    "query Q($filter: PredictionFilter) { predictions(filter: $filter) { edges { node { id family } } } }"
)
NODE = "query Q($id: ID!) { node(id: $id) { __typename id } }"


@pytest.fixture
def clinic(each_world: World) -> Clinic:
    return Clinic(each_world)


@pytest.fixture
def quiet(world: World) -> Clinic:
    """Return a clinic without a model, on one kind of database."""
    return Clinic(world)


@pytest.fixture
def modern(world: World) -> Clinic:
    """Return a clinic where a small model answers."""
    made = Clinic(world)
    made.deploy()
    return made


def rows(world: World) -> list[Prediction]:
    with world.database.read() as session:
        return list(session.exec(select(Prediction).order_by(col(Prediction.id))))


def test_nobody_asks_without_signing_in(clinic: Clinic) -> None:
    assert clinic.world.codes(PREDICT, None, input=CHEST_PAIN) == ["UNAUTHENTICATED"]
    assert clinic.world.codes(NOTE, None, text="TA 12/8") == ["UNAUTHENTICATED"]
    assert rows(clinic.world) == []


def test_anothers_visit_answers_like_a_missing_one(clinic: Clinic) -> None:
    made, world = clinic.predict(), clinic.world
    missing = global_id("TriagePrediction", 999)
    disguised = global_id("BeatPrediction", split_id(made["id"])[1])
    for role in (Role.CLINICIAN, Role.TEACHER, Role.EXPERT, Role.STUDENT):
        stranger = world.person(role)
        for identifier in (made["id"], missing, disguised):
            assert world.ask(PREDICTION, stranger, id=identifier) is None
            assert world.ask(NODE, stranger, id=identifier) is None
        assert world.ask(LISTED, stranger, filter=None)["edges"] == []
        refused = clinic.feedback(made, stranger)
        assert refused == clinic.feedback({"id": missing}, stranger)
        assert refused["__typename"] == "NotFound"
    assert world.ask(PREDICTION, clinic.clinician, id=disguised) is None
    assert world.ask(PREDICTION, clinic.clinician, id=made["id"])["level"] == made["level"]
    assert world.ask(NODE, clinic.clinician, id=made["id"])["__typename"] == "TriagePrediction"


@pytest.mark.parametrize("role", [Role.STUDENT, Role.ANALYST])
def test_students_and_analysts_do_not_ask(quiet: Clinic, role: Role) -> None:
    """A student who could ask would have the training's key."""
    assert quiet.predict(quiet.world.person(role))["code"] == "missing_scope"
    assert quiet.world.codes(NOTE, quiet.world.person(role), text="TA 12/8") == ["FORBIDDEN"]


def test_analysts_see_figures_and_administrators_all(clinic: Clinic) -> None:
    made, world = clinic.predict(), clinic.world
    analyst, admin = (
        world.ask(PREDICTION, world.person(role), id=made["id"]) for role in (Role.ANALYST, Role.ADMIN)
    )
    assert (analyst["level"], analyst["gravityLevel"], analyst["predictionQuality"]) == (
        "TRI_3B",
        "JAUNE",
        "HIGH",
    )
    for hidden in ("visit", "rules", "complaint", "complaintCandidates", "questions", "askedBy"):
        assert analyst[hidden] is None, hidden
        assert admin[hidden] is not None, hidden


def test_one_lists_ones_own(clinic: Clinic) -> None:
    mine, world = clinic.predict(), clinic.world
    clinic.predict(world.person(Role.TEACHER))
    listed = world.ask(LISTED, clinic.clinician, filter={"family": "TRIAGE"})["edges"]
    assert [edge["node"] for edge in listed] == [{"id": mine["id"], "family": "TRIAGE"}]
    assert world.ask(LISTED, clinic.clinician, filter={"family": "BEATS"})["edges"] == []
    assert len(world.ask(LISTED, world.person(Role.ANALYST), filter=None)["edges"]) == 2


def test_the_scale_answers_alone_where_no_model_does(clinic: Clinic) -> None:
    made = clinic.predict()
    assert (made["mlAvailable"], made["mlError"], made["modelView"]) == (False, "NOT_DEPLOYED", None)
    assert (made["level"], made["gravityLevel"], made["scaleLevel"], made["source"]) == (
        "TRI_3B",
        "JAUNE",
        "TRI_3B",
        "RULES",
    )
    assert (made["nurseWithinMinutes"], made["doctorWithinMinutes"]) == (None, 90)
    assert (made["confidenceScore"], made["modelVersion"]) == (0, None)
    assert made["predictionId"] == made["id"]
    assert made["complaint"]["code"] == "douleur_thoracique_sca"
    [median] = [rule for rule in made["rules"] if rule["decides"]]
    assert (median["kind"], median["code"]) == ("MEDIAN", "douleur_thoracique_sca")
    assert {
        "code": "ecg_typique_sca",
        "feature": None,
        "levels": ["TRI_1", "TRI_3A", "TRI_4"],
        "label": "ECG typical of an ACS",
    } in made["questions"]


def test_an_answer_to_the_scales_question_changes_the_level(quiet: Clinic) -> None:
    typical = quiet.predict(answers=[{"question": "ecg_typique_sca", "holds": True}])
    assert (typical["level"], typical["gravityLevel"], typical["doctorWithinMinutes"]) == (
        "TRI_1",
        "ROUGE",
        0,
    )
    unknown = quiet.predict(answers=[{"question": "ecg_typique_sca", "holds": None}])
    assert (unknown["level"], unknown["visit"]["answers"]) == ("TRI_3B", [])
    no = [
        "ecg_typique_sca",
        "ecg_anormal",
        "douleur_typique_persistante",
        "comorbidite_coronaire",
        "douleur_coronaire",
    ]
    harmless = quiet.predict(answers=[{"question": each, "holds": False} for each in no])
    assert (harmless["level"], harmless["gravityLevel"]) == ("TRI_4", "VERT")


def test_a_person_may_choose_another_complaint(quiet: Clinic) -> None:
    made = quiet.predict(motifConsultation="il ne va pas bien du tout")
    assert (made["complaint"], made["complaintCandidates"], made["source"]) == (None, [], "NEITHER")
    chosen = quiet.predict(motifConsultation="il ne va pas bien du tout", complaint="avc")
    assert (chosen["complaint"]["code"], chosen["level"]) == ("avc", "TRI_2")
    assert chosen["visit"]["complaint"]["code"] == "avc"


def test_the_model_says_what_it_thinks_and_why(modern: Clinic) -> None:
    made = modern.predict()
    view = made["modelView"]
    assert (made["mlAvailable"], made["mlError"]) == (True, None)
    assert made["modelVersion"]["number"] == 1
    assert sum(each["probability"] for each in view["probabilities"]) == pytest.approx(1)
    assert [each["level"] for each in view["probabilities"]] == [1, 2, 3, 4, 5]
    assert view["likeliestLevel"] in view["conformalSet"]
    assert 0 < made["confidenceScore"] <= 1
    assert "motif_consultation" in {each["feature"] for each in view["reasons"]}
    strongest = [abs(each["contribution"]) for each in view["reasons"]]
    assert strongest == sorted(strongest, reverse=True)
    analyst = modern.world.person(Role.ANALYST)
    told = modern.world.ask(PREDICTION, analyst, id=made["id"])["modelView"]
    assert (told["ktasLevel"], told["reasons"]) == (view["ktasLevel"], [])


def test_a_disagreement_is_shown_and_the_more_urgent_counts(modern: Clinic) -> None:
    made = modern.predict(
        motifConsultation="Renouvellement d'ordonnance", saturationOxygene=91, frequenceCardiaque=125
    )
    assert made["scaleLevel"] == "TRI_5"
    assert (made["disagreement"], made["source"]) == ("MODEL_MORE_URGENT", "MODEL")
    assert made["level"] != "TRI_5"


def test_a_model_that_fails_leaves_the_scale_to_answer(
    modern: Clinic, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = modern.world.services.registry.serving("triage", "champion", 0)

    def fail(*_: object) -> None:
        raise RuntimeError("worn out")

    monkeypatch.setattr(loaded.predictor, "predict", fail)
    with caplog.at_level(logging.ERROR):
        made = modern.predict()
    assert (made["mlAvailable"], made["mlError"], made["level"]) == (False, "ANSWER_FAILED", "TRI_3B")


def test_what_is_missing_is_imputed_and_said(quiet: Clinic) -> None:
    made = quiet.predict(temperature=None, glycemie=None, echelleDouleur=None)
    assert made["missingFeatures"] == ["TEMPERATURE", "ECHELLE_DOULEUR", "GLYCEMIE"]
    assert made["imputedValues"] == [
        {"feature": "TEMPERATURE", "value": 37, "unit": "°C"},
        {"feature": "ECHELLE_DOULEUR", "value": 0, "unit": "/10"},
        {"feature": "GLYCEMIE", "value": 1, "unit": "g/l"},
    ]
    assert (made["predictionQuality"], made["qualityRule"]) == ("LOW", "A required value is missing.")


@pytest.mark.parametrize(
    "missing, quality",
    [
        ((), "HIGH"),
        (("glycemie",), "HIGH"),
        (("glasgow",), "MEDIUM"),
        (("temperature",), "LOW"),
        (("age", "sexe", "temperature"), "LOW"),
        (("age", "sexe", "temperature", "frequenceCardiaque"), "INSUFFICIENT"),
    ],
)
def test_the_quality_follows_from_what_is_missing(
    quiet: Clinic, missing: tuple[str, ...], quality: str
) -> None:
    assert quiet.predict(**dict.fromkeys(missing))["predictionQuality"] == quality


def test_a_visit_of_which_nothing_is_known_is_answered(quiet: Clinic) -> None:
    made = quiet.predict(**dict.fromkeys(CHEST_PAIN))
    assert (made["level"], made["source"], made["predictionQuality"]) == ("TRI_3B", "NEITHER", "INSUFFICIENT")


@pytest.mark.parametrize(
    "field, value, code, says",
    [
        ("age", -1, "out_of_range", "between 0 and 120"),
        ("frequenceCardiaque", "rapide", "not_a_number", "“rapide” is not a number"),
        ("temperature", 98.6, "other_unit", "98.6 looks like °F: in °C it would be 37"),
        ("temperature", "101 °F", "other_unit", "in °C it would be 38.33"),
        ("glycemie", "110 mg/dl", "other_unit", "in g/l it would be 1.1"),
        ("glycemie", 110, "other_unit", "110 looks like mg/dl"),
        ("glasgow", 14.5, "not_whole", "14.5 is not a whole number"),
        ("saturationOxygene", 0.97, "other_unit", "in % it would be 97"),
        ("pressionDiastolique", 140, "not_below", "not below the systolic one (128)"),
        ("complaint", "mal_partout", "unknown_choice", "not one of the choices"),
        ("motifConsultation", "x" * 1_001, "too_long", "At most 1000 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_beside_its_field(
    quiet: Clinic, field: str, value: Any, code: str, says: str
) -> None:
    refused = quiet.predict(**{field: value})
    assert faults(refused) == [(field, code)]
    assert says in refused["fields"][0]["message"]
    assert rows(quiet.world) == []


def test_every_fault_is_told_at_once_and_a_decimal_comma_is_read(quiet: Clinic) -> None:
    refused = quiet.predict(age="vieux", glasgow=16, answers=[{"question": "lama", "holds": True}])
    assert faults(refused) == [
        ("age", "not_a_number"),
        ("glasgow", "out_of_range"),
        ("answers.0.question", "unknown_choice"),
    ]
    assert faults(quiet.predict(answers=[{"question": "purpura", "holds": True}] * 201)) == [
        ("answers", "too_many")
    ]
    read = quiet.predict(temperature="38,4 °C", glycemie="1,25")["visit"]["values"]
    assert {"feature": "TEMPERATURE", "value": 38.4, "unit": "°C"} in read
    assert {"feature": "GLYCEMIE", "value": 1.25, "unit": "g/l"} in read


@pytest.mark.parametrize("value", [True, [1], {"a": 1}])
def test_what_is_neither_number_nor_text_is_no_value(quiet: Clinic, value: object) -> None:
    result = quiet.world.run(PREDICT, quiet.clinician, {"input": {"age": value}})
    assert result.errors is not None
    assert "A MeasuredValue is a number" in str(result.errors[0])


def test_numbers_in_french_messages_have_a_decimal_comma(quiet: Clinic) -> None:
    sent = SentVisit({"temperature": "98.6"}, "", None, [])
    with pytest.raises(ValidationFailedError) as refused:
        read_visit(sent, quiet.world.services.shelf.current.masker, french_numbers=True)
    assert dict(refused.value.problems[0].values)["value"] == "98,6"


def test_what_is_kept_says_nothing_of_whose_visit_it_was(clinic: Clinic) -> None:
    said = "Mme Bernadette Quillivic, née le 12/03/1951, douleur thoracique depuis ce matin, 06 12 34 56 78"
    made = clinic.predict(motifConsultation=said)
    [row] = rows(clinic.world)
    assert row.visit is not None
    kept = str(row.visit) + str(row.answer)
    for name in ("Bernadette", "Quillivic", "1951", "06 12"):
        assert name not in kept, name
    assert "douleur thoracique depuis ce matin" in row.visit["complaint"]
    assert made["complaint"]["code"] == "douleur_thoracique_sca"
    assert made["visit"]["motifConsultation"] == row.visit["complaint"]
    assert row.visit["values"].keys() <= BY_NAME.keys()
    assert (row.case_id, row.recording_id, row.asked_by) == (None, None, clinic.clinician.account_id)


def test_the_trail_says_who_was_answered(clinic: Clinic) -> None:
    made = clinic.predict()
    with clinic.world.database.read() as session:
        told = session.exec(select(AuditEvent).where(AuditEvent.action == "prediction.made")).one()
    assert told.actor_id == clinic.clinician.account_id
    assert (told.detail["family"], told.detail["input"], told.detail["recording"]) == (
        "triage",
        made["inputHash"],
        None,
    )


def test_a_level_is_confirmed_or_corrected(clinic: Clinic) -> None:
    made = clinic.predict()
    confirmed = clinic.feedback(made)
    assert (confirmed["type"], confirmed["predictionId"], confirmed["correctedLevel"]) == (
        "CORRECT",
        made["id"],
        None,
    )
    moved = clinic.feedback(made, type="UPGRADE", correctedLevel="TRI_2", reason="Sueurs froides.")
    assert (moved["correctedLevel"], moved["replaced"]) == (
        "TRI_2",
        {"id": confirmed["id"], "type": "CORRECT"},
    )
    clinic.feedback(made, type="DOWNGRADE", correctedLevel="TRI_4")
    clinic.feedback(made, type="DISAGREE")
    with clinic.world.database.read() as session:
        kept = session.exec(select(Feedback).order_by(col(Feedback.number))).all()
    assert [(row.type, row.corrected_level, row.current) for row in kept] == [
        ("correct", None, False),
        ("upgrade", "2", False),
        ("downgrade", "4", False),
        ("disagree", None, True),
    ]


@pytest.mark.parametrize(
    "given, field, code",
    [
        ({"type": "UPGRADE", "correctedLevel": "TRI_4"}, "correctedLevel", "upgrade_not_more_urgent"),
        ({"type": "UPGRADE", "correctedLevel": "TRI_3B"}, "correctedLevel", "upgrade_not_more_urgent"),
        ({"type": "UPGRADE"}, "correctedLevel", "required"),
        ({"type": "DOWNGRADE", "correctedLevel": "TRI_3A"}, "correctedLevel", "downgrade_not_less_urgent"),
        ({"type": "DISAGREE", "correctedLevel": "TRI_3B"}, "correctedLevel", "same_level"),
        ({"type": "DISAGREE", "correctedLevel": "TRI_1"}, "correctedLevel", "disagree_more_urgent"),
        ({"type": "DISAGREE", "correctedLevel": "TRI_5"}, "correctedLevel", "disagree_less_urgent"),
        ({"type": "CORRECT", "correctedLevel": "TRI_2"}, "correctedLevel", "correct_needs_no_level"),
        ({"type": "DISAGREE", "correctedClass": "PVC"}, "correctedClass", "unknown_choice"),
        ({"type": "DISAGREE", "beat": 1}, "beat", "unknown_choice"),
        ({"type": "DISAGREE", "missedFindings": ["LBBB"]}, "missedFindings", "unknown_concept"),
    ],
)
def test_an_opinion_on_a_visit_that_makes_no_sense_is_refused(
    quiet: Clinic, given: dict[str, Any], field: str, code: str
) -> None:
    assert faults(quiet.feedback(quiet.predict(), **given)) == [(field, code)]


def test_a_note_is_read_and_nothing_of_it_is_kept(clinic: Clinic) -> None:
    text = "Homme 62 ans, vient pour douleur thoracique. TA 14/8, FC 96, T 37,4, SpO2 95 %, EVA 6/10, FR 2."
    read = clinic.world.ask(NOTE, clinic.clinician, text=text)
    values = {each["feature"]: each["value"] for each in read["values"]}
    assert values == {
        "AGE": "62",
        "SEXE": "MALE",
        "PRESSION_SYSTOLIQUE": "140",
        "PRESSION_DIASTOLIQUE": "80",
        "FREQUENCE_CARDIAQUE": "96",
        "TEMPERATURE": "37.4",
        "SATURATION_OXYGENE": "95",
        "ECHELLE_DOULEUR": "6",
    }
    assert all(each["text"] in text[each["start"] : each["end"] + 1] for each in read["values"])
    [left_out] = read["leftOut"]
    assert (left_out["feature"], left_out["text"]) == ("FREQUENCE_RESPIRATOIRE", "FR 2")
    assert text[left_out["start"] : left_out["end"]] == "FR 2"
    assert read["candidates"][0]["code"] == "douleur_thoracique_sca"
    assert rows(clinic.world) == []
    assert clinic.world.codes(NOTE, clinic.clinician, text="x" * 5_001) == ["BAD_REQUEST"]


def test_a_language_model_reads_a_note_only_where_it_is_let(clinic: Clinic, chat: ChatServer) -> None:
    asked = """query Q($text: String!, $with: Boolean!) {
      triageNote(text: $text, withLanguageModel: $with) { values { feature value text readByModel } } }"""
    settings = LanguageModelSettings("none", "toy-7b", chat.base_url, timeout_s=5.0)
    clinic.world.services.notes = NoteReader(Endpoint(settings, Unlimited()))
    said = {"feature": "glasgow", "value": 14, "quote": "un peu endormi"}
    chat.says({"values": [said], "complaint": None})

    def values(*, allowed: bool) -> Any:
        given = {"text": "M. Untel, 72 ans, un peu endormi", "with": allowed}
        return clinic.world.ask(asked, clinic.clinician, **given)["values"]

    rules = {"feature": "AGE", "value": "72", "text": "72 ans", "readByModel": False}
    assert values(allowed=False) == [rules]
    assert chat.asked == []
    model = {"feature": "GLASGOW", "value": "14", "text": "un peu endormi", "readByModel": True}
    assert values(allowed=True) == [rules, model]
    assert "Untel" not in str(chat.asked)
    assert rows(clinic.world) == []


def test_the_scale_is_told_with_its_questions(quiet: Clinic) -> None:
    told = quiet.world.ask(COMPLAINTS, quiet.clinician)
    assert len(told) == 115
    chest = next(each for each in told if each["code"] == "douleur_thoracique_sca")
    assert (chest["median"], chest["questions"][0]["code"]) == ("TRI_3B", "ecg_typique_sca")
    assert [each["code"] for each in chest["questions"][-2:]] == [
        "comorbidites_lourdes",
        "adresse_par_medecin",
    ]
    assert quiet.world.ask(COMPLAINT, quiet.clinician, code="avc")["code"] == "avc"
    assert quiet.world.ask(COMPLAINT, quiet.clinician, code="lama") is None


def test_a_token_needs_the_scope_of_triage(quiet: Clinic) -> None:
    def ask(scope: str) -> Any:
        account = quiet.clinician.account_id
        return quiet.predict(Actor(account, Role.CLINICIAN, scopes=frozenset({scope}), token_id=1))

    assert ask("triage")["level"] == "TRI_3B"
    assert ask("predictions:read")["code"] == "missing_scope"
