"""Segmentations of brain tumours: who records and sees, what is refused, kept, compared and logged."""

import gzip
import io
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from sqlmodel import col, select

from ml.registry.store import StoreUnavailableError
from ml.segmentation.segments import Segment
from ml.segmentation.sent import VolumeReader
from schema.models.accounts import AuditEvent
from schema.models.predictions import Prediction
from schema.models.segmentations import Segmentation, SegmentedPatient
from schema.models.work import Job
from schema.policy import Actor, Role
from schema.services.day_books import kept_days
from schema.services.jobs import NEVER, run_due
from schema.services.segmentation_input import code_problems
from schema.services.segmentation_tracking import RETRY, SegmentationTracking
from schema.services.segmentations import TRACK_JOB
from schema.types.base import global_id, split_id
from tests.schema.clinic import LOADED_S, faults
from tests.schema.conftest import World
from tests.schema.people import PASSWORDS
from tests.schema.toys import deployed, registered, toy_unet
from tests.schema.ward import FEEDBACK, REFUSALS
from tests.support.volumes import label_map, nifti

TOLD = """id family alias mlAvailable mlError latencyMilliseconds inputHash askedBy { id } labelMapUrl
  record { examinedOn modelName modelVersion physician status processingSeconds logged }
  figures { totalVolumeCm3 componentCount confidenceScore averageSegmentConfidence shape voxelMillimetres axes
    oriented segments { segment volumeCm3 voxelCount componentCount confidence } }
  pictures { plane sliceNumber sliceCount url } patient { id code } feedback { id }"""
RECORD = f"""mutation M($input: RecordSegmentationInput!) {{ recordSegmentation(input: $input) {{ __typename
  ... on SegmentationPrediction {{ {TOLD} }} {REFUSALS} }} }}"""
PREDICTION = f"query Q($id: ID!) {{ prediction(id: $id) {{ ... on SegmentationPrediction {{ {TOLD} }} }} }}"
NODE = "query Q($id: ID!) { node(id: $id) { __typename id } }"
PATIENT = """query Q($id: ID!, $day: Date) { segmentedPatient(id: $id) { code segmentationCount lastExaminedOn
  segmentations { edges { node { id record { examinedOn modelName } } } }
  agreements(examinedOn: $day) { comparable tumorDice segments { segment dice }
    first { record { modelName } } second { record { modelName } } } } }"""
PATIENTS = "query Q { segmentedPatients { edges { node { id code } } } }"
LISTED = "query Q { predictions(filter: { family: SEGMENTATION }) { edges { node { id family } } } }"


class Lab:
    """A clinician who records segmentations."""

    def __init__(self, world: World, volumes: VolumeReader) -> None:
        self.world = world
        world.services.passwords, world.services.volumes = PASSWORDS, volumes
        self.clinician = world.person(Role.CLINICIAN)

    def record(self, actor: Actor | None = None, data: Any = None, **given: Any) -> Any:
        """Record a small label map, unless other things are given; what is None is left out."""
        raw = gzip.compress(nifti(label_map() if data is None else data), 1)
        usual = {
            "patient": "P-0042",
            "examinedOn": self.world.clock().date().isoformat(),
            "modelName": "nnU-Net",
            "modelVersion": "2.1",
            "processingSeconds": 12.5,
            "labelMap": io.BytesIO(raw),
        }
        whole = {name: value for name, value in (usual | given).items() if value is not None}
        return self.world.ask(RECORD, actor or self.clinician, input=whole)

    def rows(self, table: type[Any]) -> list[Any]:
        with self.world.database.read() as session:
            return list(session.exec(select(table)))


@pytest.fixture
def lab(each_world: World, volumes: VolumeReader) -> Lab:
    return Lab(each_world, volumes)


@pytest.fixture
def quiet(world: World, volumes: VolumeReader) -> Lab:
    """Return the same on one kind of database."""
    return Lab(world, volumes)


def test_nobody_records_or_sees_without_signing_in(quiet: Lab) -> None:
    for text in (PATIENTS, LISTED):
        assert quiet.world.codes(text, None) == ["UNAUTHENTICATED"]
    assert quiet.world.codes(RECORD, None, input={"patient": "P-1", **PLAIN}) == ["UNAUTHENTICATED"]
    assert quiet.rows(Prediction) == []


def test_anothers_segmentation_and_patient_answer_like_missing_ones(lab: Lab) -> None:
    made, world = lab.record(), lab.world
    for role in (Role.CLINICIAN, Role.TEACHER, Role.EXPERT, Role.STUDENT):
        stranger = world.person(role)
        for kind, text in (("SegmentationPrediction", PREDICTION), ("SegmentedPatient", PATIENT)):
            theirs = made["id"] if kind == "SegmentationPrediction" else made["patient"]["id"]
            for identifier in (theirs, global_id(kind, 999)):
                assert world.ask(text, stranger, id=identifier) is None
                assert world.ask(NODE, stranger, id=identifier) is None
        disguised = global_id("TriagePrediction", split_id(made["id"])[1])
        assert world.ask(NODE, stranger, id=disguised) is None
        assert world.ask(PATIENTS, stranger)["edges"] == []
        assert world.ask(LISTED, stranger)["edges"] == []
        missing = {"predictionId": global_id("SegmentationPrediction", 999), "type": "CORRECT"}
        refused = world.ask(FEEDBACK, stranger, input=missing | {"predictionId": made["id"]})
        assert refused == world.ask(FEEDBACK, stranger, input=missing)
    assert world.ask(PREDICTION, lab.clinician, id=made["id"])["id"] == made["id"]
    assert world.ask(NODE, lab.clinician, id=made["patient"]["id"])["__typename"] == "SegmentedPatient"


@pytest.mark.parametrize("role", [Role.STUDENT, Role.ANALYST])
def test_students_and_analysts_do_not_record(quiet: Lab, role: Role) -> None:
    assert quiet.record(quiet.world.person(role))["code"] == "missing_scope"
    assert quiet.rows(SegmentedPatient) == []


def test_a_label_map_is_measured_and_kept_with_where_it_comes_from(lab: Lab) -> None:
    likely = np.full(label_map().shape, 0.75, np.float32)
    made = lab.record(
        physician="D-7",
        probabilities=io.BytesIO(nifti(likely)),
        image=io.BytesIO(nifti(np.full(label_map().shape, 100, np.int16))),
    )
    figures = made["figures"]
    assert [each["voxelCount"] for each in figures["segments"]] == [1, 190, 26]
    assert figures["totalVolumeCm3"] == pytest.approx(0.217)
    assert (figures["componentCount"], figures["confidenceScore"], figures["axes"]) == (2, 0.75, "LPS")
    assert made["record"] == {
        "examinedOn": lab.world.clock().date().isoformat(),
        "modelName": "nnU-Net",
        "modelVersion": "2.1",
        "physician": "D-7",
        "status": "SUCCEEDED",
        "processingSeconds": 12.5,
        "logged": False,
    }
    assert (made["family"], made["alias"], made["mlAvailable"]) == ("SEGMENTATION", None, True)
    assert made["latencyMilliseconds"] == 12500
    assert [each["plane"] for each in made["pictures"]] == ["AXIAL", "CORONAL", "SAGITTAL"]
    with lab.world.database.read() as session:
        [event] = session.exec(select(AuditEvent).where(AuditEvent.action == "prediction.made")).all()
    assert event.detail["family"] == "segmentation"
    assert "P-0042" not in str(event.detail)
    lab.record(labelMap=None, status="FAILED")
    with lab.world.database.read() as session:
        [day] = kept_days(session).values()
    assert day.classes == {"succeeded": 1, "failed": 1}
    assert (day.total, day.answered) == (2, 1)
    assert day.confidence.quantile(0.5) == pytest.approx(0.75, abs=0.01)
    assert day.slices.keys() == {f"segment:{each}" for each in ("necrotic", "edema", "enhancing")}
    assert {(each.count, round(each.confidence, 3)) for each in day.slices.values()} == {(1, 0.75)}


def test_analysts_see_figures_and_no_image(quiet: Lab) -> None:
    made, world = quiet.record(), quiet.world
    told = world.ask(PREDICTION, world.person(Role.ANALYST), id=made["id"])
    assert told["figures"] == made["figures"]
    assert (told["pictures"], told["labelMapUrl"], told["askedBy"]) == ([], None, None)
    assert world.ask(PREDICTION, world.person(Role.ADMIN), id=made["id"])["labelMapUrl"] is not None


def test_the_same_code_of_two_accounts_is_two_patients(quiet: Lab) -> None:
    mine = quiet.record()
    theirs = quiet.record(quiet.world.person(Role.TEACHER))
    assert mine["patient"]["code"] == theirs["patient"]["code"]
    assert mine["patient"]["id"] != theirs["patient"]["id"]
    listed = quiet.world.ask(PATIENTS, quiet.clinician)["edges"]
    assert [edge["node"]["id"] for edge in listed] == [mine["patient"]["id"]]


NAMING = (
    *("Dupont", "DUPONT-1", "Jeanne.Dupont2", "Martin1956", "PAUL-12"),
    *("1 56 03 75 114 032 42", "156037511403242", "1-56-03-2A-114-032", "2560375114032"),
    *("12-03-1956", "19560312", "P-12031956", "0612345678"),
    *("", "P", "P 0042", "Élodie-1", "P-0042\n2", "P/1", "-1-", "P" * 40 + "1"),
)
STUDIES = ("P-0042", "TCGA-FG-6692", "BraTS20_Training_001", "sub-01", "12", "UCSF-0007", "a.1")


def test_a_code_that_may_name_somebody_is_refused_and_those_of_studies_are_taken() -> None:
    assert [code for code in NAMING if not code_problems(code, "patient")] == []
    assert [code for code in STUDIES if code_problems(code, "patient")] == []


def test_of_a_code_that_is_refused_nothing_is_kept(quiet: Lab) -> None:
    assert faults(quiet.record(patient="DUPONT-1956")) == [("patient", "may_identify")]
    assert faults(quiet.record(physician="Dr Dupont")) == [("physician", "not_a_code")]
    assert quiet.rows(SegmentedPatient) == []
    assert quiet.rows(Segmentation) == []


PLAIN: dict[str, Any] = {
    "examinedOn": "2026-01-02",
    "modelName": "m",
    "modelVersion": "1",
    "processingSeconds": 1,
}


REFUSED: tuple[tuple[dict[str, Any], tuple[str, str]], ...] = (
    ({"labelMap": None}, ("labelMap", "required")),
    ({"data": label_map() + np.uint8(5)}, ("labelMap", "volume_unknown_labels")),
    ({"labels": [{"value": 1, "segment": "EDEMA"}]}, ("labelMap", "volume_unknown_labels")),
    ({"labels": []}, ("labels", "required")),
    ({"labels": [{"value": -1, "segment": "EDEMA"}]}, ("labels", "out_of_range")),
    (
        {"labels": [{"value": 2, "segment": "EDEMA"}, {"value": 2, "segment": "NECROTIC"}]},
        ("labels", "label_twice"),
    ),
    ({"probabilities": io.BytesIO(b"nothing of the kind")}, ("probabilities", "volume_not_nifti")),
    ({"image": io.BytesIO(nifti(label_map()[1:]))}, ("image", "volume_other_shape")),
    ({"examinedOn": "1880-01-01"}, ("examinedOn", "out_of_range")),
    ({"examinedOn": "2999-01-01"}, ("examinedOn", "out_of_range")),
    ({"processingSeconds": -1}, ("processingSeconds", "out_of_range")),
    ({"processingSeconds": 1e300}, ("processingSeconds", "out_of_range")),
    ({"modelName": " "}, ("modelName", "required")),
    ({"modelVersion": "v" * 51}, ("modelVersion", "too_long")),
    ({"status": "FAILED"}, ("labelMap", "failed_has_no_file")),
    ({"idempotencyKey": ""}, ("idempotencyKey", "required")),
)


def test_what_cannot_be_taken_is_named_and_nothing_kept(quiet: Lab) -> None:
    for given, expected in REFUSED:
        assert faults(quiet.record(**given)) == [expected], given
    assert quiet.rows(Prediction) == []


def test_a_model_that_failed_is_kept_without_figures(quiet: Lab) -> None:
    made = quiet.record(status="FAILED", labelMap=None)
    assert (made["mlAvailable"], made["mlError"], made["figures"]) == (False, "ANSWER_FAILED", None)
    assert (made["pictures"], made["labelMapUrl"], made["record"]["status"]) == ([], None, "FAILED")


def test_the_same_key_again_adds_nothing(lab: Lab) -> None:
    first, again = (lab.record(idempotencyKey="k") for _ in range(2))
    assert again["id"] == first["id"]
    assert lab.record(idempotencyKey="other")["id"] != first["id"]
    assert len(lab.rows(Segmentation)) == 2


def test_the_key_of_another_segmentation_of_the_patient_is_refused(quiet: Lab) -> None:
    first = quiet.record(idempotencyKey="k")
    others = np.roll(label_map(), 1, axis=0)
    for given in (
        {"modelVersion": "2.2"},
        {"processingSeconds": 12.0},
        {"physician": "D-7"},
        {"data": others},
        {"labels": [{"value": 1, "segment": "NECROTIC"}]},
        {"image": io.BytesIO(nifti(np.full(label_map().shape, 100, np.int16)))},
        {"status": "FAILED", "labelMap": None},
    ):
        assert faults(quiet.record(idempotencyKey="k", **given)) == [("idempotencyKey", "key_used")], given
    assert len(quiet.rows(Segmentation)) == 1
    theirs = quiet.record(quiet.world.person(Role.CLINICIAN), idempotencyKey="k", modelVersion="2.2")
    of_another = quiet.record(idempotencyKey="k", patient="P-0043")
    assert len({first["id"], theirs["id"], of_another["id"]}) == 3


def test_nothing_that_a_header_says_of_the_patient_is_kept(quiet: Lab) -> None:
    image = nib.Nifti1Image(label_map(), np.eye(4))
    image.header["descrip"], image.header["db_name"] = b"DUPONT Jeanne", b"DUPONT"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DUPONT Jeanne 1962"))
    assert quiet.record(labelMap=io.BytesIO(image.to_bytes()))["figures"] is not None
    services = quiet.world.services
    folder = services.blobs.path(quiet.rows(Prediction)[0].input_sha256)
    assert folder is not None
    for path in folder.parents[1].rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        assert b"dupont" not in content.lower(), path
    database = Path(services.database.url.removeprefix("sqlite:///"))
    assert b"DUPONT" not in database.read_bytes()


def test_a_patients_segmentations_are_listed_by_the_day_of_the_images(lab: Lab) -> None:
    for day, name in (("2026-01-05", "a"), ("2026-02-05", "b"), ("2026-01-20", "c")):
        made = lab.record(examinedOn=day, modelName=name)
    told = lab.world.ask(PATIENT, lab.clinician, id=made["patient"]["id"])
    names = [edge["node"]["record"]["modelName"] for edge in told["segmentations"]["edges"]]
    assert names == ["b", "c", "a"]
    assert (told["segmentationCount"], told["lastExaminedOn"]) == (3, "2026-02-05")
    assert told["agreements"] == []


def test_algorithms_of_one_day_are_compared(quiet: Lab) -> None:
    smaller = label_map().copy()
    smaller[2] = 0
    quiet.record(examinedOn="2026-01-05", modelName="one")
    quiet.record(examinedOn="2026-01-05", modelName="two", data=smaller)
    quiet.record(examinedOn="2026-01-05", modelName="three", data=label_map()[:-1])
    made = quiet.record(examinedOn="2026-01-06", modelName="alone")
    asked = {"id": made["patient"]["id"]}
    told = quiet.world.ask(PATIENT, quiet.clinician, **asked)["agreements"]
    pairs = {(each["first"]["record"]["modelName"], each["second"]["record"]["modelName"]) for each in told}
    assert pairs == {("three", "two"), ("three", "one"), ("two", "one")}
    by_pair = {each["second"]["record"]["modelName"] + str(each["comparable"]): each for each in told}
    compared = by_pair["oneTrue"]
    a, b = (label_map() > 0).sum(), (smaller > 0).sum()
    assert compared["tumorDice"] == pytest.approx(2 * b / (a + b))
    assert compared["segments"][0]["dice"] == 1
    assert by_pair["oneFalse"]["segments"] == []
    assert quiet.world.ask(PATIENT, quiet.clinician, day="2026-01-06", **asked)["agreements"] == []


def test_an_opinion_is_taken_but_no_beat_level_or_finding(quiet: Lab) -> None:
    made = quiet.record()

    def say(**given: Any) -> Any:
        whole = {"predictionId": made["id"], "type": "DOWNGRADE"} | given
        return quiet.world.ask(FEEDBACK, quiet.clinician, input=whole)

    assert say(reason="takes in the ventricle")["predictionId"] == made["id"]
    assert faults(say(beat=1)) == [("beat", "unknown_choice")]
    assert faults(say(correctedLevel="TRI_1")) == [("correctedLevel", "unknown_choice")]
    assert faults(say(missedFindings=["LBBB"])) == [("missedFindings", "unknown_concept")]


ASK = f"""mutation M($input: PredictSegmentationInput!) {{ predictSegmentation(input: $input) {{ __typename
  ... on SegmentationPrediction {{ {TOLD} modelVersion {{ number }} }} {REFUSALS} }} }}"""
AVAILABLE = "query Q { segmentationAvailable }"


def images(bright: float = 1000) -> dict[str, Any]:
    """Return a head, dark in places, with something bright in either image."""
    flair, contrast = (np.full((10, 12, 6), 100, np.float32) for _ in range(2))
    for each in (flair, contrast):
        each[:, :, 0], each[::2, ::2, 1] = 0, 80
    flair[2:5, 2:5, 2:5] = bright
    contrast[6:8, 6:8, 2:5] = bright
    files = {"flair": flair, "t1c": contrast}
    return {
        "patient": "P-0042",
        "examinedOn": "2026-01-05",
        "images": [{"name": name, "file": io.BytesIO(nifti(each))} for name, each in files.items()],
    }


def test_a_model_of_the_platform_segments_images_and_is_kept_with_its_version(quiet: Lab) -> None:
    world = quiet.world
    assert world.codes(ASK, None, input=images()) == ["UNAUTHENTICATED"]
    for role in (Role.STUDENT, Role.ANALYST):
        assert world.ask(ASK, world.person(role), input=images())["code"] == "missing_scope"
    silent = world.ask(ASK, quiet.clinician, input=images())
    assert (silent["mlError"], silent["alias"], silent["figures"]) == ("NOT_DEPLOYED", "CHAMPION", None)
    assert world.codes(AVAILABLE, None) == ["UNAUTHENTICATED"]
    assert world.codes(AVAILABLE, world.person(Role.ANALYST)) == ["FORBIDDEN"]
    assert world.ask(AVAILABLE, quiet.clinician) is False
    with world.database.write() as session:
        digest = toy_unet(world.home)
        version = registered(session, world.clock, digest, "segmentation", classes=list(Segment))
        deployed(session, world.clock, version)
    world.services.deployments.refresh(at_once=True)
    world.services.registry.serving("segmentation", "champion", LOADED_S)

    assert world.ask(AVAILABLE, quiet.clinician) is True
    made = world.ask(ASK, quiet.clinician, input=images())
    assert [each["voxelCount"] for each in made["figures"]["segments"]] == [0, 27, 12]
    assert (made["mlError"], made["alias"], made["modelVersion"]) == (None, "CHAMPION", {"number": 1})
    assert (made["record"]["modelName"], made["record"]["modelVersion"]) == ("unet-2d", "1")
    assert 0.5 < made["figures"]["confidenceScore"] <= 1
    assert len(made["pictures"]) == 3
    assert made["patient"]["id"] == silent["patient"]["id"]

    def refused(**given: Any) -> list[tuple[str, str]]:
        return faults(world.ask(ASK, quiet.clinician, input=images() | given))

    one, other = images()["images"]
    assert refused(patient="Dupont 1956") == [("patient", "not_a_code")]
    assert refused(images=[]) == [("images", "too_many")]
    assert refused(images=[one]) == [("images", "missing_images")]
    assert refused(images=[one, {"name": "t1c", "file": io.BytesIO(b"none")}]) == [
        ("images", "volume_not_nifti")
    ]
    other["file"] = io.BytesIO(nifti(np.zeros((3, 3, 3), np.uint8)))
    one["file"].seek(0)
    assert refused(images=[one, other]) == [("images", "volume_other_shape")]
    assert len(quiet.rows(Prediction)) == 2


class Shop:
    """A store that puts runs down, or is away."""

    def __init__(self) -> None:
        self.runs: list[Any] = []
        self.away = False

    def record(self, family: str, runs: Any) -> dict[str, str]:
        assert family == "segmentation"
        if self.away:
            raise StoreUnavailableError("away")
        self.runs += runs
        return {each["key"]: f"run-{len(self.runs)}" for each in runs}


def test_each_is_logged_afterwards_with_its_figures_and_nothing_of_the_patient(lab: Lab) -> None:
    world, shop = lab.world, Shop()
    tracking = SegmentationTracking(world.database, world.clock, shop, PASSWORDS)
    lab.record(probabilities=io.BytesIO(nifti(np.full(label_map().shape, 0.5, np.float32))))
    made = lab.record(status="FAILED", labelMap=None)
    assert run_due(world.database, {TRACK_JOB: tracking.work}, world.clock, 1) == 1
    good, failed = shop.runs
    assert good["metrics"] == pytest.approx(
        {
            "processing_time_seconds": 12.5,
            "confidence_score": 0.5,
            "segmentation_status": 1,
            "total_tumor_volume_cm3": 0.217,
            "necrotic_volume_cm3": 0.001,
            "edema_volume_cm3": 0.19,
            "enhancing_volume_cm3": 0.026,
            "number_of_segments": 2,
            "average_segment_confidence": 0.5,
            "success_rate": 1,
            "daily_segmentations": 1,
        }
    )
    assert failed["metrics"] == {
        "processing_time_seconds": 12.5,
        "segmentation_status": 0,
        "success_rate": 0.5,
        "daily_segmentations": 2,
    }
    assert good["parameters"] == {"model_name": "nnU-Net", "model_version": "2.1"}
    assert "P-0042" not in str(shop.runs)
    assert world.ask(PREDICTION, lab.clinician, id=made["id"])["record"]["logged"]
    assert job(lab).run_after == NEVER


def test_a_store_that_is_away_delays_the_log_and_nothing_else(lab: Lab) -> None:
    world, shop = lab.world, Shop()
    tracking = SegmentationTracking(world.database, world.clock, shop, PASSWORDS)
    shop.away = True
    made = lab.record()
    for _ in range(12):  # far more often than a job that fails is tried
        assert run_due(world.database, {TRACK_JOB: tracking.work}, world.clock, 1) == 1
        assert not world.ask(PREDICTION, lab.clinician, id=made["id"])["record"]["logged"]
        assert job(lab).run_after == world.clock() + RETRY
        world.clock.pass_(seconds=RETRY.total_seconds())
    shop.away = False
    assert run_due(world.database, {TRACK_JOB: tracking.work}, world.clock, 1) == 1
    assert world.ask(PREDICTION, lab.clinician, id=made["id"])["record"]["logged"]
    assert len(shop.runs) == 1


def job(lab: Lab) -> Job:
    with lab.world.database.read() as session:
        return session.exec(select(Job).where(col(Job.kind) == TRACK_JOB)).one()
