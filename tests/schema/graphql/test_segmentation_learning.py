"""Segmentations on the common road: images kept and forgotten, the shadow, A/B tests, what is learnt from."""

import io
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlmodel import col, select

from ml.segmentation.dataset import IMAGES
from ml.segmentation.reading import Volume, read
from ml.segmentation.segments import Segment
from ml.segmentation.sent import VolumeReader
from schema.models.accounts import AuditEvent
from schema.models.models import ModelAlias, ModelVersion
from schema.models.predictions import ModelFamily, Prediction
from schema.models.promotions import Trial
from schema.models.segmentations import Segmentation
from schema.models.work import Job
from schema.policy import Actor, Role
from schema.services import duels, jobs
from schema.services.corrections import correction_count, corrections
from schema.services.day_books import kept_days
from schema.services.duels import SHADOW_JOB
from schema.services.jobs import run_due
from schema.services.loose_files import KEPT, RELEASE_JOB
from schema.services.pruning import IMAGES_KEPT, prune
from schema.services.retraining import TrainingRules, write_corrections
from schema.services.segmentation_tracking import SegmentationTracking
from schema.services.segmentations import TRACK_JOB, Segmentations
from schema.types.base import split_id
from tests.schema.clinic import LOADED_S, faults
from tests.schema.conftest import World
from tests.schema.graphql.test_segmentations import (
    ASK,
    PLAIN,
    PREDICTION,
    RECORD,
    TOLD,
    Lab,
    Shop,
    images,
)
from tests.schema.people import PASSWORDS
from tests.schema.toys import deployed, registered, toy_unet
from tests.schema.ward import FEEDBACK, REFUSALS
from tests.support.volumes import SHAPE, label_map, nifti

FORGET = f"""mutation M($input: ForgetSegmentationImagesInput!) {{ forgetSegmentationImages(input: $input) {{
  __typename ... on SegmentationPrediction {{ id record {{ imagesKept }} }} {REFUSALS} }} }}"""
RETRAIN = f"""mutation M($input: RetrainInput!) {{ retrain(input: $input) {{ __typename
  ... on Retraining {{ runName }} {REFUSALS} }} }}"""
KEPT_IMAGES = ASK.replace(TOLD, f"{TOLD} record {{ imagesKept }}")


class Road:
    """A clinician whose images a champion segments; more versions where a test puts them."""

    def __init__(self, world: World, volumes: VolumeReader) -> None:
        self.lab = Lab(world, volumes)
        self.world, self.clinician = world, self.lab.clinician
        self.champion = self.put(ModelAlias.CHAMPION)

    def put(self, alias: ModelAlias, **toy: Any) -> ModelVersion:
        with self.world.database.write() as session:
            digest = toy_unet(self.world.home, **toy)
            version = registered(session, self.world.clock, digest, "segmentation", classes=list(Segment))
            deployed(session, self.world.clock, version, alias)
        self.world.services.deployments.refresh(at_once=True)
        self.world.services.registry.serving("segmentation", alias.value, LOADED_S)
        return version

    def ask(self, *, keep: bool = True, **given: Any) -> Any:
        return self.world.ask(KEPT_IMAGES, self.clinician, input=images() | {"keepImages": keep} | given)

    def redrawn(self, made: Any, **given: Any) -> Any:
        """Record a map of the same voxels, drawn anew, for the same patient and day."""
        key = self.row(made).input_sha256
        with self.world.services.blobs.open(key) as file:
            usual: dict[str, Any] = {
                "labelMap": io.BytesIO(file.read()),
                "examinedOn": "2026-01-05",
                "modelName": "lecteur",
            }
        return self.lab.record(None, None, **(usual | given))

    def say(self, made: Any, kind: str, actor: Actor | None = None) -> Any:
        given = {"predictionId": made["id"], "type": kind}
        return self.world.ask(FEEDBACK, actor or self.clinician, input=given)

    def row(self, made: Any) -> Prediction:
        with self.world.database.read() as session:
            return session.get_one(Prediction, split_id(made["id"])[1])

    def images(self, made: Any) -> dict[str, str]:
        with self.world.database.read() as session:
            return session.get_one(Segmentation, split_id(made["id"])[1]).images or {}

    def lines(self) -> list[dict[str, Any]]:
        with self.world.database.read() as session:
            return list(corrections(session, ModelFamily.SEGMENTATION))

    def count(self) -> int:
        with self.world.database.read() as session:
            return correction_count(session, ModelFamily.SEGMENTATION)

    def shadowed(self) -> list[Prediction]:
        with self.world.database.write() as session:
            jobs.wake(session, self.world.clock, SHADOW_JOB, {}, SHADOW_JOB)
        run_due(self.world.database, {SHADOW_JOB: self.world.services.shadows.work}, self.world.clock, 1)
        with self.world.database.read() as session:
            return list(session.exec(select(Prediction).where(col(Prediction.shadow_of).is_not(None))))


def stored(world: World) -> set[str]:
    """Return the keys of all files."""
    folder: Path = world.services.blobs._folder  # type: ignore[attr-defined]  # noqa: SLF001 - on disk
    return {path.name for path in folder.rglob("*/*")}


def a_day_passes(world: World, keys: Iterable[str]) -> None:
    """Have files be old, and the worker remove what nothing has."""
    for key in keys:  # the tests' clock is not the disk's
        path = world.services.blobs.path(key)
        assert path is not None
        os.utime(path, (world.clock().timestamp(),) * 2)
    world.clock.pass_(seconds=KEPT.total_seconds())
    run_due(world.database, {RELEASE_JOB: world.services.loose_files.work}, world.clock, 20)


@pytest.fixture
def road(each_world: World, volumes: VolumeReader) -> Road:
    return Road(each_world, volumes)


@pytest.fixture
def quiet(world: World, volumes: VolumeReader) -> Road:
    """Return the same on one kind of database."""
    return Road(world, volumes)


def volume(world: World, key: str, folder: Path) -> Volume:
    path = folder / key
    path.write_bytes(world.services.blobs.get(key))
    return read(path)


def test_images_are_forgotten_unless_whoever_sends_them_says_otherwise(quiet: Road, tmp_path: Path) -> None:
    world = quiet.world
    plain = quiet.ask(keep=False)
    assert plain["record"]["imagesKept"] is False
    assert quiet.images(plain) == {}
    kept = quiet.ask()
    assert kept["record"]["imagesKept"] is True
    keys = quiet.images(kept)
    assert set(keys) == set(IMAGES)
    for sent in images()["images"]:
        original = tmp_path / "sent.nii"
        original.write_bytes(sent["file"].getvalue())
        one, other = read(original), volume(world, keys[sent["name"]], tmp_path)
        assert (one.data == other.data).all()
        assert (one.affine == other.affine).all()
    failed = quiet.ask(images=images()["images"], alias="SHADOW")
    assert (failed["mlError"], failed["record"]["imagesKept"]) == ("NOT_DEPLOYED", False)


def test_kept_images_are_forgotten_by_whoever_sent_them_and_by_no_stranger(road: Road) -> None:
    world, made = road.world, road.ask()
    given = {"input": {"predictionId": made["id"]}}
    assert world.codes(FORGET, None, **given) == ["UNAUTHENTICATED"]
    assert world.ask(FORGET, world.person(Role.ANALYST), **given)["code"] == "missing_scope"
    assert world.ask(FORGET, world.person(Role.CLINICIAN), **given)["__typename"] == "NotFound"
    keys = list(road.images(made).values())
    twin = road.ask(patient="P-0043")
    for _ in range(2):
        assert world.ask(FORGET, road.clinician, **given)["record"]["imagesKept"] is False
    with world.database.read() as session:
        events = session.exec(
            select(AuditEvent).where(AuditEvent.action == "segmentation.images_forgotten")
        ).all()
    assert len(events) == 1

    def released() -> list[bool]:
        a_day_passes(world, keys)
        return [world.services.blobs.exists(key) for key in keys]

    assert released() == [True, True], "another examination has the same ones"
    world.ask(FORGET, road.clinician, input={"predictionId": twin["id"]})
    assert released() == [False, False]
    assert world.ask(PREDICTION, road.clinician, id=made["id"])["figures"] is not None


def test_kept_images_are_forgotten_after_a_year_and_no_sooner(road: Road) -> None:
    world, made = road.world, road.ask()
    world.clock.at += IMAGES_KEPT - timedelta(days=1)
    later = road.ask()
    prune(world.database, world.clock)
    assert set(road.images(made)) == set(IMAGES)
    world.clock.pass_(days=1, seconds=1)
    while prune(world.database, world.clock):
        pass
    assert (road.images(made), set(road.images(later))) == ({}, set(IMAGES))
    due = col(Job.run_after) == world.clock() + KEPT
    with world.database.read() as session:
        released = session.exec(select(Job).where(Job.kind == RELEASE_JOB, due)).all()
    assert [len(each.payload["keys"]) for each in released] == [len(IMAGES)]


@pytest.mark.parametrize("lost", ["keep", "keep_asked"])
def test_what_a_request_stored_that_was_given_up_is_removed_a_day_later_and_no_others_files(
    road: Road, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    world, head = road.world, nifti(np.full(SHAPE, 100, np.int16))
    road.ask()
    road.lab.record(image=io.BytesIO(head))
    before = stored(world)
    mirrored = {"labelMap": io.BytesIO(nifti(label_map()[::-1])), "image": io.BytesIO(head)}
    text, given = {
        "keep": (RECORD, PLAIN | {"patient": "P-0042"} | mirrored),
        "keep_asked": (KEPT_IMAGES, images(bright=900) | {"keepImages": True}),
    }[lost]

    def given_up(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(Segmentations, lost, given_up)
        assert world.run(text, road.clinician, {"input": given}).errors
    assert stored(world) > before
    a_day_passes(world, stored(world))
    assert stored(world) == before


def test_the_shadow_is_asked_about_kept_images_alone_and_shown_to_nobody(road: Road) -> None:
    world = road.world
    version = road.put(ModelAlias.SHADOW, blind=True)
    road.ask(keep=False)
    made = road.ask()
    forgotten = road.ask()
    world.ask(FORGET, road.clinician, input={"predictionId": forgotten["id"]})
    (shadow,) = road.shadowed()
    assert (shadow.shadow_of, shadow.version_id) == (road.row(made).id, version.id)
    assert shadow.ml_available
    assert shadow.agreement == pytest.approx(2 * 27 / (27 + 39) / 2), "all is oedema to it"
    assert len(road.shadowed()) == 1, "once is enough"
    with world.database.read() as session:
        runs = duels.shadow_runs(session, version.id or 0)
        assert (runs.answered, runs.failed) == (1, 0)
        assert sorted(alias for *_, alias in kept_days(session)) == ["champion", "shadow"]

    shop = Shop()
    tracking = SegmentationTracking(world.database, world.clock, shop, PASSWORDS)
    run_due(world.database, {TRACK_JOB: tracking.work}, world.clock, 1)
    assert [each["metrics"]["daily_segmentations"] for each in shop.runs] == [1, 2, 3]


def test_a_shadow_that_wants_other_images_fails_and_is_counted(quiet: Road) -> None:
    version = quiet.put(ModelAlias.SHADOW, images=("t2", "dwi"))
    quiet.ask()
    (shadow,) = quiet.shadowed()
    assert (shadow.ml_error, shadow.agreement) == ("signal_unreadable", None)
    with quiet.world.database.read() as session:
        assert duels.shadow_runs(session, version.id or 0).failed == 1


def trial(road: Road, challenger: ModelVersion, share: int = 50) -> None:
    with road.world.database.write() as session:
        row = Trial(
            model_id=challenger.model_id,
            champion_id=road.champion.id or 0,
            challenger_id=challenger.id or 0,
            share=share,
            started_by=None,
            started_at=road.world.clock(),
        )
        session.add(row)
    road.world.services.deployments.refresh(at_once=True)


def test_an_ab_test_divides_examinations_which_stay_where_they_fell(quiet: Road) -> None:
    challenger = quiet.put(ModelAlias.CHALLENGER, blind=True)
    trial(quiet, challenger)
    arms = {}
    for number in range(12):
        patient = f"P-{number:04}"
        twice = [quiet.row(quiet.ask(keep=False, patient=patient)) for _ in range(2)]
        assert len({(each.alias, each.trial_subject) for each in twice}) == 1
        arms[patient] = twice[0].alias
        assert twice[0].version_id == (challenger if twice[0].alias == "challenger" else quiet.champion).id
    assert set(arms.values()) == {"champion", "challenger"}
    assert quiet.row(quiet.ask(keep=False, alias="CHALLENGER")).trial_id is None


def test_a_challenger_that_wants_other_images_leaves_the_champion_to_answer(quiet: Road) -> None:
    trial(quiet, quiet.put(ModelAlias.CHALLENGER, images=("t2", "dwi")))
    rows = [quiet.row(quiet.ask(keep=False, patient=f"P-{number:04}")) for number in range(12)]
    assert {each.alias for each in rows} == {"champion"}
    assert {each.ml_error for each in rows} == {None}
    assert 0 < sum(each.trial_id is None for each in rows) < 12
    only = images()["images"][:1]
    assert faults(quiet.ask(images=only)) == [("images", "missing_images")]


def test_what_a_reader_calls_correct_is_learnt_from_with_the_images_that_are_kept(
    road: Road, tmp_path: Path
) -> None:
    made = road.ask()
    road.say(made, "DISAGREE")
    assert [each["label"] for each in road.lines()] == [None], "no map is known to be right"
    redrawn = road.redrawn(made)
    road.say(redrawn, "CORRECT")
    road.say(redrawn, "CORRECT", road.world.person(Role.ADMIN))
    elsewhere = road.lab.record(examinedOn="2026-01-05", modelName="other voxels")
    other_day = road.redrawn(made, examinedOn="2026-01-04")
    somebody_else = road.redrawn(made, patient="P-0099")
    for each in (elsewhere, other_day, somebody_else):
        road.say(each, "CORRECT")
    telling = [each for each in road.lines() if each["label"]]
    assert len({each["reader"] for each in telling}) == len(telling) == road.count() == 2
    assert {each["label"] for each in telling} == {road.row(redrawn).input_sha256}
    assert all(each["images"] == road.images(made) for each in telling)
    assert len(road.lines()) == 6

    path = tmp_path / "work" / "corrections.jsonl"
    with road.world.database.read() as session:
        written = write_corrections(session, road.world.services.blobs, ModelFamily.SEGMENTATION, path)
    assert written == 2
    keys = {road.row(redrawn).input_sha256, *road.images(made).values()}
    assert {each.name for each in (path.parent / "volumes").iterdir()} == keys

    road.world.ask(FORGET, road.clinician, input={"predictionId": made["id"]})
    assert road.count() == 0


def test_a_training_of_segmentations_refuses_too_few_maps_with_the_numbers(
    quiet: Road, tmp_path: Path
) -> None:
    world, admin = quiet.world, quiet.world.person(Role.ADMIN)
    (tmp_path / "segmentation").mkdir()

    def ask(actor: Actor | None = admin, **given: Any) -> Any:
        whole = {"family": "SEGMENTATION", "minFeedbackSamples": 1} | given
        return world.ask(RETRAIN, actor, input=whole)

    world.services.training = TrainingRules()
    assert ask()["code"] == "no_training_data"
    world.services.training = TrainingRules(tmp_path)
    assert ask(quiet.clinician)["code"] == "missing_scope"
    made = quiet.ask()
    quiet.say(made, "DISAGREE")
    assert faults(ask()) == [("minFeedbackSamples", "too_little_feedback")]
    quiet.say(made, "CORRECT")
    assert ask()["__typename"] == "Retraining"
    assert ask()["__typename"] == "Conflict"
