"""A case with a real signal, and a toy model that reads it."""

from functools import cache
from typing import Any

from sqlmodel import col, select

from ml.ecg.readers import read
from schema.models.cases import Case, Recording
from schema.models.models import ModelAlias, ModelVersion
from schema.models.training import Attempt, TrainingSession
from schema.policy import Actor
from schema.services.cases import Cases
from schema.types.base import global_id
from server.demo import demo_ecg
from tests.schema.conftest import World
from tests.schema.people import PASSWORDS
from tests.schema.toys import deployed, registered, toy
from tests.schema.training import Hospital

REFUSALS = """... on ValidationErrors { fields { path code message } } ... on NotFound { message }
  ... on NotAllowed { code message } ... on Conflict { code current }"""
PREDICT = f"""mutation M($input: PredictBeatsInput!) {{ predictBeats(input: $input) {{ __typename
  ... on BeatPrediction {{ id mlAvailable mlError quality qualityReasons beatCount counts {{ class count }}
    alias family inputHash modelVersion {{ id number digest }} recording {{ id }} askedBy {{ id }} }}
  {REFUSALS} }} }}"""
FEEDBACK = f"""mutation M($input: SubmitFeedbackInput!) {{ submitFeedback(input: $input) {{ __typename
  ... on Feedback {{ id predictionId reader beat type correctedClass reason number mine
    missedFindings {{ code }} replaced {{ id type }} }} {REFUSALS} }} }}"""


@cache
def signal() -> bytes:
    """Return the demonstration ECG as it is kept: 12 leads, 10 s at 1,000 Hz."""
    return read(demo_ecg()).original


class Ward:
    """A teacher's case with a signal, in the one session that a student takes; the champion is a toy."""

    def __init__(self, world: World, hospital: Hospital, *, toys: bool = True) -> None:
        self.world, self.hospital, self.teacher = world, hospital, hospital.teacher
        world.services.passwords = PASSWORDS
        self.case = self.with_signal(hospital.case("Extrasystoles", validated=False))
        self.key = global_id("Case", self.case.id or 0)
        self.recording = self.recording_of(self.case)
        if toys:
            self.champion = self.deploy()

    def with_signal(self, case: Case) -> Case:
        """Give the recording of a draft its signal, and validate it."""
        key = self.world.services.blobs.put(signal(), "application/dicom")
        with self.world.database.write() as session:
            row = session.exec(select(Recording).where(col(Recording.case_id) == case.id)).one()
            row.original_key, row.sampling_rate_hz, row.duration_s = key, 1000.0, 10.0
            session.add(row)
            cases = Cases(session, self.teacher, self.world.clock, self.hospital.ontology)
            return cases.validate(case.id or 0, case.revision)

    def recording_of(self, case: Case) -> str:
        with self.world.database.read() as session:
            row = session.exec(select(Recording.id).where(col(Recording.case_id) == case.id)).one()
        return global_id("Recording", row or 0)

    def deploy(self, alias: ModelAlias = ModelAlias.CHAMPION, **settings: Any) -> ModelVersion:
        """Let a new toy answer."""
        version = self.register(toy(self.world.home, **settings))
        with self.world.database.write() as session:
            deployed(session, self.world.clock, version, alias)
        self.world.services.deployments.refresh(at_once=True)
        return version

    def register(self, digest: str | None, **fields: Any) -> ModelVersion:
        with self.world.database.write() as session:
            return registered(session, self.world.clock, digest, **fields)

    def predict(self, actor: Actor | None = None, **given: Any) -> Any:
        whole = {"recordingId": self.recording} | given
        return self.world.ask(PREDICT, actor or self.teacher, input=whole)

    def settle(self) -> None:
        """Wait until what is deployed is loaded, or has failed."""
        registry = self.world.services.registry
        with registry._changed:  # noqa: SLF001 - to wait for what happens in another thread
            registry._changed.wait_for(lambda: not any(s.loading for s in registry.status()), 60)  # noqa: SLF001

    def feedback(self, prediction: Any, actor: Actor | None = None, **given: Any) -> Any:
        whole = {"predictionId": prediction["id"], "type": "CORRECT"} | given
        return self.world.ask(FEEDBACK, actor or self.teacher, input=whole)

    def begun(self, student: Actor, **fields: Any) -> tuple[TrainingSession, Attempt]:
        """Let a student begin a session of the case."""
        training = self.hospital.training([self.case], **fields)
        return training, self.hospital.started(training, student)

    def hand_in(self, student: Actor, attempt: Attempt) -> None:
        self.hospital.submissions.submit(student, attempt.id or 0, "key")
