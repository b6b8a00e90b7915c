"""The one typed context every resolver receives: who asks, and every dependency by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from anyio import CapacityLimiter, to_thread
from graphql import GraphQLError
from sqlmodel import Session
from strawberry.types import Info as StrawberryInfo

from ml.ecg.decoding import DecoderPool
from ml.language.ontology import Ontology
from ml.pacs.archives import Archive
from ml.registry.registry import Registry
from ml.segmentation.sent import VolumeReader
from ml.triage.note_model import NoteReader
from schema.database import Database
from schema.errors import AuthenticationRequiredError
from schema.loaders import Loaders
from schema.messages import MESSAGES
from schema.policy import Actor
from schema.services.alert_mails import AlertMails
from schema.services.alert_watch import AlertWatch
from schema.services.attempt_exports import AttemptExports
from schema.services.blobs import BlobStore
from schema.services.cache import Cache
from schema.services.commenting import Comments
from schema.services.courier import Courier
from schema.services.deployments import Deployments
from schema.services.digitising import Digitising
from schema.services.events import Doorbell
from schema.services.feedback_files import FeedbackImports
from schema.services.grading import Grader
from schema.services.held_pages import HeldPages
from schema.services.intake import Intake
from schema.services.judge import Judge
from schema.services.loose_files import LooseFiles
from schema.services.matching import CachedMatcher
from schema.services.metering import Meter, PointsSpentError, Purse
from schema.services.model_sync import ModelSync
from schema.services.outbound import Outbound
from schema.services.pacs import Pacs
from schema.services.pacs_deliveries import PacsDeliveries
from schema.services.participant_imports import ParticipantImports
from schema.services.passwords import Passwords
from schema.services.predictions import Asking
from schema.services.recording_imports import RecordingImports
from schema.services.reports import Reports, Writer
from schema.services.retraining import FeedbackWatch, RetrainingJobs, TrainingRules
from schema.services.routing import Router
from schema.services.runs import MlflowPages, Runs, RunStore
from schema.services.segmentation_desk import SegmentationDesk
from schema.services.segmentation_tracking import SegmentationTracking
from schema.services.shadows import Shadows
from schema.services.shelf import Shelf
from schema.services.spending import DailyBudget
from schema.services.submission import Submissions
from schema.services.triage import TriageDesk

T = TypeVar("T")

LOOKUPS_AT_ONCE = 16
"""Requests that may wait for a name server at the same time, each in a thread: further ones are refused."""
ANALYSES_AT_ONCE = 1
"""Recordings that a model reads at the same time in one process, each in a thread: further ones queue."""
RUNS_AT_ONCE = 2
"""Questions to MLflow at the same time from one process, each with a process of its own: others queue."""
SEARCHES_AT_ONCE = 2
"""Searches of archives and recordings sent to them at the same time in one process, each in a thread: further
ones queue."""
WAIT_AT_ONCE = 8
"""Requests that may wait for a language model at the same time, each in a thread: further ones queue."""


@dataclass
class Services:
    """What lives as long as the process."""

    database: Database
    shelf: Shelf
    blobs: BlobStore
    decoder: DecoderPool
    cache: Cache
    doorbell: Doorbell
    clock: Callable[[], datetime]
    sign_link: Callable[[str, str], str]
    """(blob key, media type) -> short-lived signed URL."""
    registry: Registry
    """The clinical models of this process."""
    model_sync: ModelSync | None = None
    """Keeps the rows and the store of models up with each other; None where the store is left alone."""
    training: TrainingRules = field(default_factory=TrainingRules)
    """What the site says of training models anew."""
    retraining: RetrainingJobs | None = None
    """Trains models anew; None in a process that cannot."""
    report_writer: Writer | None = None
    """Writes conformity reports; None in a process that makes none."""
    run_store: RunStore | None = None
    """Says which runs MLflow has; None where the store is left alone."""
    mlflow_pages: MlflowPages = field(default_factory=MlflowPages)
    """Where MLflow's own pages are."""
    judge: Judge | None = None
    """Holds challengers against champions; None where the store is left alone."""
    tracking: SegmentationTracking | None = None
    """Logs segmentations to the store of models; None where it is left alone."""
    volumes: VolumeReader = field(default_factory=VolumeReader)
    """Measures label maps in child processes."""
    alert_mails: AlertMails | None = None
    """Writes to readers of alerts; None where no mail server is set up."""
    budget: DailyBudget | None = None
    """What a language model may cost; None where none is configured."""
    passwords: Passwords = field(default_factory=Passwords)
    outbound: Outbound = field(default_factory=Outbound)
    """Posts to the addresses of webhooks."""
    lookups: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(LOOKUPS_AT_ONCE), repr=False)
    analyses: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(ANALYSES_AT_ONCE), repr=False)
    _waiting: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(WAIT_AT_ONCE), repr=False)
    notes: NoteReader = field(default_factory=NoteReader)
    """Reads notes of triage."""
    archives: Mapping[str, Archive] = field(default_factory=dict)
    """The hospital's archives (PACS), by name."""
    tracked: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(RUNS_AT_ONCE), repr=False)
    searches: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(SEARCHES_AT_ONCE), repr=False)

    @property
    def ontology(self) -> Ontology:
        """Return the ontology in use."""
        return self.shelf.current.ontology

    @property
    def matcher(self) -> CachedMatcher:
        """Return what reads students' answers: on this machine, unless a language model may help."""
        return self.shelf.current.matchers.answers

    @property
    def proposer(self) -> CachedMatcher:
        """Return what reads teachers' descriptions; may ask a language model."""
        return self.shelf.current.matchers.descriptions

    def limiter(self, reader: CachedMatcher | NoteReader) -> CapacityLimiter | None:
        """Return what limits the threads that wait for a reader; None for one that takes no long time."""
        return self._waiting if reader.takes_long else None

    @cached_property
    def submissions(self) -> Submissions:
        """Return what ends attempts; it keeps its own transactions."""
        return Submissions(self.database, self.clock, self.grader)

    @cached_property
    def purse(self) -> Purse:
        """Return what the API's requests are paid from."""
        return Purse(self.cache)

    @cached_property
    def comments(self) -> Comments:
        """Return what has a language model comment on answers; it keeps its own transactions."""
        return Comments(self.database, self.clock, self.shelf)

    @cached_property
    def courier(self) -> Courier:
        """Return what carries webhooks' messages out; it keeps its own transactions."""
        return Courier(self.database, self.clock, self.passwords, self.outbound)

    @cached_property
    def imports(self) -> ParticipantImports:
        """Return what enrols many at once; it keeps its own transactions."""
        return ParticipantImports(self.database, self.clock)

    @property
    def feedback_imports(self) -> FeedbackImports:
        """Return what takes feedback in from files; it keeps its own transactions."""
        return FeedbackImports(self.database, self.clock, self.passwords, self.shelf.current.masker)

    @cached_property
    def feedback_watch(self) -> FeedbackWatch:
        """Return what says when a model should learn anew; it keeps its own transactions."""
        return FeedbackWatch(self.database, self.clock, self.training)

    @cached_property
    def alert_watch(self) -> AlertWatch:
        """Return what looks after the rules of alerts; it keeps its own transactions."""
        return AlertWatch(self.database, self.clock, writes=self.alert_mails is not None)

    @cached_property
    def recording_imports(self) -> RecordingImports:
        """Return what makes cases of many files; it keeps its own transactions."""
        return RecordingImports(self.database, self.clock, self.blobs, self.intake, self.shelf)

    @cached_property
    def intake(self) -> Intake:
        """Return what takes files in; it keeps its own transactions."""
        return Intake(self.database, self.clock, self.blobs, self.decoder)

    @cached_property
    def held_pages(self) -> HeldPages:
        """Return what settles pages that are held; it keeps its own transactions."""
        return HeldPages(self.database, self.clock, self.blobs, self.decoder, self.intake, self.shelf)

    @cached_property
    def pacs(self) -> Pacs:
        """Return what searches archives and makes cases of what they hold; it keeps its own transactions."""
        return Pacs(
            self.database, self.clock, self.archives, self.passwords, self.shelf, self.recording_imports
        )

    @cached_property
    def loose_files(self) -> LooseFiles:
        """Return what removes files that nothing has; it keeps its own transactions."""
        return LooseFiles(self.database, self.clock, self.blobs)

    @cached_property
    def pacs_deliveries(self) -> PacsDeliveries:
        """Return what sends recordings to archives; it keeps its own transactions."""
        return PacsDeliveries(
            self.database, self.clock, self.archives, self.passwords, self.shelf, self.blobs
        )

    @cached_property
    def digitising(self) -> Digitising:
        """Return what reads pictures of paper; it keeps its own transactions."""
        return Digitising(self.database, self.clock, self.blobs, self.decoder, self.shelf)

    @cached_property
    def exports(self) -> AttemptExports:
        """Return what writes attempts out; it keeps its own transactions."""
        return AttemptExports(self.database, self.clock, self.blobs, self.passwords, self.shelf)

    @cached_property
    def deployments(self) -> Deployments:
        """Return the models of this process, as the rows deploy them."""
        return Deployments(self.database, self.registry)

    @cached_property
    def asking(self) -> Asking:
        """Return what asks models about recordings."""
        return Asking(self.deployments, self.blobs)

    @cached_property
    def triage(self) -> TriageDesk:
        """Return what answers visits to triage."""
        return TriageDesk(self.deployments)

    @cached_property
    def router(self) -> Router:
        """Return what has the right version asked."""
        return Router(self.deployments, self.passwords)

    @cached_property
    def shadows(self) -> Shadows:
        """Return what asks versions in the shadow; it keeps its own transactions."""
        return Shadows(self.database, self.clock, self.asking, self.triage, self.segmentations)

    @cached_property
    def segmentations(self) -> SegmentationDesk:
        """Return what measures and compares segmentations."""
        return SegmentationDesk(self.volumes, self.blobs, self.deployments, self.loose_files.expect)

    @cached_property
    def reports(self) -> Reports | None:
        """Return what makes conformity reports; it keeps its own transactions."""
        writer = self.report_writer
        if writer is None:
            return None
        return Reports(self.database, self.clock, self.blobs, writer)

    @cached_property
    def runs(self) -> Runs:
        """Return the way to the runs of models."""
        return Runs(self.run_store)

    @cached_property
    def grader(self) -> Grader:
        """Return what marks answers."""
        return Grader(self.shelf)


@dataclass
class Context:
    """One request's context."""

    services: Services
    actor: Actor | None
    language: str = "fr"
    request_id: str = ""
    translate: Callable[[str], str] = str
    """gettext in the viewer's language; the identity gives English."""
    told: bool = False
    """Whether the schema speaks of itself: introspection, and suggestions for misspelt names."""
    meter: Meter | None = None
    """Has whoever asks pay; None where a page asks, whose operations are ours and priced at start."""

    @property
    def viewer(self) -> Actor:
        """Return who is asking.

        Raises
        ------
        AuthenticationRequiredError
            When nobody is signed in.
        """
        if self.actor is None:
            raise AuthenticationRequiredError
        return self.actor

    @cached_property
    def loaders(self) -> Loaders:
        """Return this request's data loaders."""
        return Loaders(self.read)

    async def pay(self, points: int) -> None:
        """Have whoever asks pay; raises GraphQLError where they have too few points left."""
        if self.meter is None:
            return
        try:
            await self.meter.pay(points)
        except PointsSpentError as error:
            worded = self.translate(MESSAGES["points_spent"]).format(seconds=error.retry_after)
            raise GraphQLError(
                worded, extensions={"code": "RATE_LIMITED", "retryAfter": error.retry_after}
            ) from None

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a thread with a reading session."""

        def run() -> T:
            with self.services.database.read() as session:
                return work(session)

        return await to_thread.run_sync(run)

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a thread as one transaction, then ring the doorbell."""

        def run() -> T:
            with self.services.database.write() as session:
                return work(session)

        result = await to_thread.run_sync(run)
        await self.services.doorbell.ring()
        return result

    async def call(self, work: Callable[[], T], limiter: CapacityLimiter | None = None) -> T:
        """Run `work`, which keeps its own transactions, in a thread; ring if it says that it did any."""
        result = await to_thread.run_sync(work, limiter=limiter)
        if result:
            await self.services.doorbell.ring()
        return result


if TYPE_CHECKING:
    Info = StrawberryInfo[Context, None]
else:
    Info = StrawberryInfo
