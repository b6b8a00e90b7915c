"""What models said, as the API shows it; analysts are shown figures, not recordings."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from anyio import to_thread
from sqlmodel import Session

from ml.beats.quality import Reason, Verdict
from schema.context import Info
from schema.errors import NotFoundError
from schema.loaders.accounts import accounts_by_id
from schema.loaders.models import versions_by_id
from schema.loaders.predictions import (
    answers_of_predictions,
    families_of_predictions,
    feedback_at,
    feedback_of_predictions,
    owners_of_cases,
    recordings_by_id,
)
from schema.models.models import ModelAlias
from schema.models.predictions import (
    WHOLE,
    BeatClass,
    FeedbackType,
    ModelFamily,
    ModelProblem,
    TriageLevel,
)
from schema.models.predictions import Feedback as FeedbackRow
from schema.models.predictions import Prediction as PredictionRow
from schema.policy import may_change_case, may_manage_visit
from schema.services import beats
from schema.services.beats import LONGEST_STRIP_S, BeatFilter, BeatRow, BeatSort
from schema.services.feedback import Readers
from schema.services.predictions import Predictions, SignalUnreadableError, kept_beats, shows_input
from schema.types.accounts import Account
from schema.types.arguments import After, Before, First, Last, page_request, worded
from schema.types.base import Connection, Node, connection, global_id, split_id
from schema.types.concepts import PROPOSED_FROM, Concept
from schema.types.enums import OrderDirection, describe_enum
from schema.types.models import ModelVersion
from schema.types.recordings import Recording

if TYPE_CHECKING:
    from ml.beats.packing import KeptBeats

describe_enum(
    Verdict,
    "SignalQuality",
    "How far a recording can be trusted to be analysed.",
    "Nothing speaks against it.",
    "With some care.",
    "Hardly: look at the tracing first.",
    "Not at all; nothing is said of it.",
)
describe_enum(
    Reason,
    "QualityReason",
    "Why the quality is not high, or what was left out.",
    "It has less than two seconds, or fewer than three beats.",
    "Its sampling rate is outside 100 to 1,000 Hz.",
    "The rate of its beats is implausible: a wrong sampling rate, or beats missed or counted twice.",
    "For some time it is flat.",
    "It reaches the highest or lowest value of the recorder.",
    "Parts were not recorded.",
    "It is noisy.",
    "These are no voltages of a heart: perhaps the unit is wrong.",
    "Lead II points downwards: a left axis, or electrodes swapped.",
    "Neither lead II nor one like it is there.",
    "The second lead that the model knows is not there.",
    "Beats are unlike any that the model has learnt from.",
    "It was read off a picture of paper, not measured.",
    "It is longer than an hour: only the first was read.",
    "No beat was found.",
)
describe_enum(
    ModelProblem,
    "ModelProblem",
    "Why no model answered.",
    "No version of the model is deployed under the alias.",
    "The model was still being loaded: ask again in a moment.",
    "The version that is deployed could not be loaded.",
    "The model failed on what it was asked.",
    "The signal could not be read.",
)
describe_enum(
    TriageLevel,
    "TriageLevel",
    "How soon a patient is to be seen, by the FRENCH scale; 3A and 3B are told apart by comorbidities.",
    "At once.",
    "By a nurse within 10 minutes, a doctor within 20.",
    "By a doctor within 60 minutes.",
    "By a doctor within 90 minutes.",
    "By a doctor within 120 minutes.",
    "By a doctor within 240 minutes.",
)
describe_enum(
    BeatSort,
    "BeatOrderField",
    "What beats are listed by.",
    "When they come.",
    "How likely their class is: the least certain first when ascending.",
)


NODE_TYPES = {
    ModelFamily.BEATS: "BeatPrediction",
    ModelFamily.TRIAGE: "TriagePrediction",
    ModelFamily.SEGMENTATION: "SegmentationPrediction",
}
"""The node that a prediction of each family is."""


def prediction_key(identifier: str) -> tuple[ModelFamily, int]:
    """Return the family and the row key inside a prediction's id; raises NotFoundError for any other id."""
    kind, key = split_id(identifier)
    for family, name in NODE_TYPES.items():
        if kind == name:
            return family, key
    raise NotFoundError


def readers_for(session: Session, info: Info) -> Readers:
    """Return the viewer's way to feedback."""
    services = info.context.services
    masker = services.shelf.current.masker
    return Readers(session, info.context.viewer, services.clock, services.passwords, masker)


@strawberry.type(description="How many beats a class has.")
class BeatCount:
    """A class and a number."""

    beat_class: BeatClass = strawberry.field(name="class", description="The class.")
    count: int = strawberry.field(description="How many beats.")


@strawberry.type(description="How likely a class is.")
class ClassProbability:
    """A class and its probability."""

    beat_class: BeatClass = strawberry.field(name="class", description="The class.")
    probability: float = strawberry.field(description="0 to 1, calibrated; those of one beat sum to 1.")


@strawberry.type(description="One heartbeat as a model reads it.")
class Beat:
    """A beat."""

    number: int = strawberry.field(description="Its place in the recording, counted from 1.")
    seconds: float = strawberry.field(description="When its R peak comes, in seconds from the start.")
    beat_class: BeatClass = strawberry.field(name="class", description="Its most likely class.")
    confidence: float = strawberry.field(description="How likely that class is, 0 to 1.")
    probabilities: list[ClassProbability] = strawberry.field(description="How likely each class is.")
    conformal_set: list[BeatClass] = strawberry.field(
        description="Classes that are not ruled out: nine beats in ten have their true one here. Empty where "
        "none is likely enough, which is less certain than any other set."
    )

    @classmethod
    def of(cls, row: BeatRow) -> "Beat":
        """Return the beat."""
        return cls(
            number=row.number,
            seconds=row.seconds,
            beat_class=row.label,
            confidence=row.confidence,
            probabilities=[
                ClassProbability(beat_class=label, probability=share) for label, share in row.probabilities
            ],
            conformal_set=list(row.conformal),
        )


@strawberry.type(description="A stretch of a recording to draw, with the beats in it.")
class BeatStrip:
    """A rhythm strip."""

    lead: str = strawberry.field(description="The lead, the first of those that the model read.")
    start_seconds: float = strawberry.field(description="Where it begins.")
    seconds: float = strawberry.field(description="How long it is.")
    path: str = strawberry.field(
        description="The tracing as SVG path data: a unit is 1 ms to the right and 1 µV down, from the start "
        "of the strip and the median of the lead. Interrupted where nothing was recorded."
    )
    lowest_millivolts: float = strawberry.field(description="The lowest point of the path, in millivolts.")
    highest_millivolts: float = strawberry.field(description="The highest point of the path, in millivolts.")
    beats: list[Beat] = strawberry.field(description="The beats in it, in order.")


@strawberry.type(
    description="What the class of a beat hangs on: how much less likely hiding a part makes it."
)
class BeatSaliency:
    """Weights over time."""

    beat_class: BeatClass = strawberry.field(name="class", description="The class.")
    start_seconds: float = strawberry.field(description="Where the first part begins.")
    part_seconds: float = strawberry.field(description="How long each part is.")
    weights: list[float] = strawberry.field(
        description="Of each part in order, 0 to 1; the one that matters most has 1. At most 100."
    )


@strawberry.type(description="What beats of one class amount to, to be suggested as an annotation.")
class SuggestedFinding:
    """A concept that an author may add to the case."""

    concept: Concept = strawberry.field(description="The concept.")
    confidence: float = strawberry.field(
        description="How sure it is on average, 0-100 per cent: what the viewer has confirmed or corrected "
        "is certain, the model's probability counts for the rest."
    )
    beat_count: int = strawberry.field(description="How many beats it rests on.")
    judged_beat_count: int = strawberry.field(
        description="How many of them the viewer has confirmed or corrected."
    )
    proposed: bool = strawberry.field(description="Whether it is at 70 % or more.")


@strawberry.type(description="What one reader thinks of a prediction, or of one beat of it.")
class Feedback(Node):
    """Feedback; a reader has one in force for each target."""

    row: strawberry.Private[FeedbackRow]
    reader: str = strawberry.field(description="Who it is, without saying who: the same for all of theirs.")
    beat: int | None = strawberry.field(
        description="The beat it is about, counted from 1; null for the prediction as a whole."
    )
    type: FeedbackType = strawberry.field(description="What they think.")
    corrected_class: BeatClass | None = strawberry.field(
        description="What it should have said; null where they do not tell."
    )
    corrected_level: TriageLevel | None = strawberry.field(
        description="The level a visit should have been given; null where they do not tell."
    )
    reason: str = strawberry.field(description="Why, names in it overwritten; may be empty.")
    missed_symptoms: list[str] = strawberry.field(
        description="What of a visit should have been weighed, names in it overwritten."
    )
    number: int = strawberry.field(description="Counts their changes of mind, from 1.")
    created_at: datetime = strawberry.field(description="When it was given.")

    @strawberry.field(description="The prediction.")
    async def prediction_id(self, info: Info) -> strawberry.ID:
        """Name the prediction by its family's node."""
        family = await info.context.loaders.of(families_of_predictions).load(self.row.prediction_id)
        return global_id(NODE_TYPES[ModelFamily(family)], self.row.prediction_id)

    @strawberry.field(description="What should have been found and was not.")
    def missed_findings(self, info: Info) -> list[Concept]:
        """Look the concepts up."""
        return [Concept.coded(code, info.context) for code in self.row.missed_findings]

    @strawberry.field(description="Whether the viewer gave it.")
    def mine(self, info: Info) -> bool:
        """Compare the accounts."""
        return self.row.account_id == info.context.viewer.account_id

    @strawberry.field(description="What it took the place of; null for the first.")
    async def replaced(self, info: Info) -> "Feedback | None":
        """Load the one before."""
        if self.row.number == 1:
            return None
        place = (self.row.prediction_id, self.row.reader, self.row.target, self.row.number - 1)
        before = await info.context.loaders.of(feedback_at).load(place)
        return Feedback.of(before) if before is not None else None

    @classmethod
    def of(cls, row: FeedbackRow) -> "Feedback":
        """Return the node of a row."""
        return cls(
            id=global_id("Feedback", row.id or 0),
            row=row,
            reader=row.reader,
            beat=None if row.target == WHOLE else row.target,
            type=FeedbackType(row.type),
            corrected_class=BeatClass(row.corrected_class) if row.corrected_class else None,
            corrected_level=TriageLevel(row.corrected_level) if row.corrected_level else None,
            reason=row.reason,
            missed_symptoms=row.missed_symptoms,
            number=row.number,
            created_at=row.created_at,
        )


@strawberry.interface(
    description="What one version of a model said of one recording, visit or patient. It is no diagnosis."
)
class Prediction(Node):
    """A prediction of any family; never altered."""

    row: strawberry.Private[PredictionRow]
    family: ModelFamily = strawberry.field(description="What kind of question it answers.")
    alias: ModelAlias | None = strawberry.field(
        description="Under which alias the model was asked; null for one outside of this platform."
    )
    input_hash: str = strawberry.field(
        description="SHA-256 of the signal that was read, of what is kept of the visit, or of the label map."
    )
    ml_available: bool = strawberry.field(description="Whether the model answered.")
    ml_error: ModelProblem | None = strawberry.field(description="Why it did not; null when it did.")
    latency_milliseconds: int = strawberry.field(description="How long the answer took.")
    created_at: datetime = strawberry.field(description="When it was asked.")

    @strawberry.field(description="The version that was asked; null where none was to be had.")
    async def model_version(self, info: Info) -> ModelVersion | None:
        """Load the version."""
        if self.row.version_id is None:
            return None
        return ModelVersion.of(await info.context.loaders.of(versions_by_id).load(self.row.version_id))

    @strawberry.field(description="Who asked; null unless for authors and whoever asked.")
    async def asked_by(self, info: Info) -> Account | None:
        """Load the account."""
        viewer = info.context.viewer
        if not viewer.is_author and viewer.account_id != self.row.asked_by:
            return None
        return Account.of(await info.context.loaders.of(accounts_by_id).load(self.row.asked_by))

    @strawberry.field(
        description="Feedback in force: the viewer's own, or all of it for whoever manages the case or asked "
        "about the visit or recorded the segmentation."
    )
    async def feedback(self, info: Info) -> list[Feedback]:
        """Load the feedback."""
        loaders, viewer = info.context.loaders, info.context.viewer
        rows = await loaders.of(feedback_of_predictions).load(self.row.id or 0)
        if self.row.case_id is None:
            manages = may_manage_visit(viewer, self.row.asked_by)
        else:
            manages = may_change_case(viewer, await loaders.of(owners_of_cases).load(self.row.case_id))
        return [Feedback.of(row) for row in rows if manages or row.account_id == viewer.account_id]


@strawberry.type(
    description="Which kind each beat of a recording is of, as a model reads it. It is no diagnosis."
)
class BeatPrediction(Prediction):
    """The beats of one recording."""

    quality: Verdict | None = strawberry.field(
        description="How far the recording can be trusted; null without an answer."
    )
    quality_reasons: list[Reason] = strawberry.field(
        description="Why not further, the gravest first; empty where nothing speaks against it."
    )
    beat_count: int = strawberry.field(description="How many beats were found.")

    @strawberry.field(description="How many of each class; empty without an answer.")
    async def counts(
        self,
        info: Info,
        *,
        as_corrected: Annotated[
            bool,
            strawberry.argument(
                description="Of the class that the viewer's own corrections in force tell; beats that they "
                "called wrong without a class are left out."
            ),
        ] = False,
    ) -> list[BeatCount]:
        """Count, and correct the count."""
        counts = self.row.counts
        if as_corrected:
            counts = beats.counts_as_judged(counts, await self._own_opinions(info))
        return [BeatCount(beat_class=BeatClass(name), count=count) for name, count in counts.items()]

    @strawberry.field(
        description="The recording; null once it has left its case, and for whoever is shown figures only."
    )
    async def recording(self, info: Info) -> Recording | None:
        """Load the recording, if it is still the one that was read."""
        if self.row.recording_id is None or not shows_input(info.context.viewer):
            return None
        found = await info.context.loaders.of(recordings_by_id).load(self.row.recording_id)
        same = found is not None and found.original_key == self.row.input_sha256
        return Recording.of(found) if found is not None and same else None

    @strawberry.field(description="The case it is of; null unless for authors.")
    def case_id(self, info: Info) -> strawberry.ID | None:
        """Name the case."""
        seen = info.context.viewer.is_author and self.row.case_id is not None
        return global_id("Case", self.row.case_id or 0) if seen else None

    @strawberry.field(
        description="The viewer's latest attempt whose correction shows it; null where none does, as for "
        "authors."
    )
    async def attempt_id(self, info: Info) -> strawberry.ID | None:
        """Look among what they handed in."""
        viewer, clock = info.context.viewer, info.context.services.clock
        found = await info.context.read(
            lambda session: Predictions(session, viewer, clock).shown_with(self.row)
        )
        return None if found is None else global_id("Attempt", found)

    @strawberry.field(
        description="How many beats are less likely than not to be of their class; null without an answer, "
        "and for whoever is shown figures only."
    )
    async def unsure_beat_count(self, info: Info) -> int | None:
        """Count in the kept answer."""
        kept = await self._kept(info)
        return None if kept is None else beats.unsure_count(kept)

    @strawberry.field(description="The beats; null without an answer, and for whoever is shown figures only.")
    async def beats(  # noqa: PLR0913 - Relay's arguments
        self,
        info: Info,
        *,
        of_class: Annotated[
            BeatClass | None,
            strawberry.argument(name="class", description="Of one class; all when left out."),
        ] = None,
        as_corrected: Annotated[
            bool,
            strawberry.argument(
                description="Of the class that the viewer's own corrections in force tell, else the model's."
            ),
        ] = False,
        judged: Annotated[
            bool | None,
            strawberry.argument(description="Those that the viewer has confirmed or corrected, or has not."),
        ] = None,
        order_by: Annotated[
            BeatSort, strawberry.argument(description="What to sort by.")
        ] = BeatSort.POSITION,
        direction: Annotated[
            OrderDirection, strawberry.argument(description="Which way.")
        ] = OrderDirection.ASC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Beat] | None:
        """Return a page of the kept answer."""
        kept = await self._kept(info)
        if kept is None:
            return None
        request = page_request(info, first, after, last, before)
        descending = direction is OrderDirection.DESC
        own = beats.judgements(await self._own_opinions(info))
        chosen = BeatFilter(of_class, as_corrected, judged, own)
        with worded(info):
            page = beats.page_of_beats(kept, chosen, order_by, request, descending=descending)
        return connection(page, Beat.of)

    @strawberry.field(
        description="One beat; null where there is no such one, and for whoever is shown figures only."
    )
    async def beat(
        self,
        info: Info,
        number: Annotated[int, strawberry.argument(description="The beat, counted from 1.")],
    ) -> Beat | None:
        """Look it up in the kept answer."""
        kept = await self._kept(info)
        return Beat.of(beats.beat(kept, number - 1)) if kept and 0 < number <= len(kept) else None

    @strawberry.field(
        description="A stretch to draw; null without an answer, for whoever is shown figures only, and where "
        "the recording has none there."
    )
    async def strip(
        self,
        info: Info,
        start_seconds: Annotated[float, strawberry.argument(description="Where to begin.")] = 0.0,
        seconds: Annotated[float, strawberry.argument(description="How long, 30 at most.")] = 10.0,
        around: Annotated[
            int | None,
            strawberry.argument(description="The beat to have in the middle, instead of where to begin."),
        ] = None,
    ) -> BeatStrip | None:
        """Read the stretch from the kept signal."""
        kept = await self._kept(info)
        if kept is None or not kept.leads:  # of a flat or very short recording none can be read
            return None
        long = min(max(seconds, 0.0), LONGEST_STRIP_S)
        if around is not None and 0 < around <= len(kept):
            start_seconds = beats.beat(kept, around - 1).seconds - long / 2
        start = max(start_seconds, 0.0)
        stretch, key = info.context.services.asking.stretch, self.row.input_sha256
        try:
            signal = await to_thread.run_sync(stretch, key, start, start + long, kept.leads[0])
            missing = min(long - signal.duration_s, start)
            if around is not None and missing > 0:  # a beat near the end keeps as much around it as any other
                start -= missing
                signal = await to_thread.run_sync(stretch, key, start, start + long, kept.leads[0])
        except SignalUnreadableError:
            return None
        row = beats.strip(kept, signal, start)
        return BeatStrip(
            lead=row.lead,
            start_seconds=row.start_s,
            seconds=row.seconds,
            path=row.tracing.path,
            lowest_millivolts=row.tracing.lowest_mv,
            highest_millivolts=row.tracing.highest_mv,
            beats=[Beat.of(each) for each in row.beats],
        )

    @strawberry.field(
        description="What the class of a beat hangs on; null where there is no such beat, where the version "
        "that answered does not serve any more, and for whoever is shown figures only."
    )
    async def saliency(
        self,
        info: Info,
        beat: Annotated[int, strawberry.argument(description="The beat, counted from 1.")],
    ) -> BeatSaliency | None:
        """Hide parts from the model, one after another."""
        kept = await self._kept(info)
        if kept is None or self.row.version_id is None or not 0 < beat <= len(kept):
            return None
        version = await info.context.loaders.of(versions_by_id).load(self.row.version_id)
        services = info.context.services
        told = await to_thread.run_sync(
            services.asking.saliency, self.row, version.digest, kept, beat, limiter=services.analyses
        )
        if told is None:
            return None
        row = beats.saliency(kept, told)
        return BeatSaliency(
            beat_class=row.label, start_seconds=row.start_s, part_seconds=row.part_s, weights=row.weights
        )

    @strawberry.field(
        description="What the beats amount to as the viewer's own corrections in force have them, to be "
        "suggested as annotations; empty unless for authors."
    )
    async def findings(self, info: Info) -> list[SuggestedFinding]:
        """Sum the beats up."""
        kept = await self._kept(info) if info.context.viewer.is_author else None
        if kept is None:
            return []
        return [
            SuggestedFinding(
                concept=Concept.coded(each.concept_id, info.context),
                confidence=each.confidence,
                beat_count=each.beat_count,
                judged_beat_count=each.judged_count,
                proposed=each.confidence >= PROPOSED_FROM,
            )
            for each in beats.findings(kept, beats.judgements(await self._own_opinions(info)))
        ]

    async def _own_opinions(self, info: Info) -> list[FeedbackRow]:
        """Load what the viewer thinks of it."""
        rows = await info.context.loaders.of(feedback_of_predictions).load(self.row.id or 0)
        return [row for row in rows if row.account_id == info.context.viewer.account_id]

    async def _kept(self, info: Info) -> "KeptBeats | None":
        """Load the beats, for whoever is shown more than figures; None without an answer."""
        if not self.row.ml_available or not shows_input(info.context.viewer):
            return None
        answer = await info.context.loaders.of(answers_of_predictions).load(self.row.id or 0)
        return None if answer is None else kept_beats(answer)

    @classmethod
    def of(cls, row: PredictionRow) -> "BeatPrediction":
        """Return the node of a row."""
        return cls(
            id=global_id("BeatPrediction", row.id or 0),
            row=row,
            family=ModelFamily(row.family),
            alias=ModelAlias(row.alias),
            input_hash=row.input_sha256,
            ml_available=row.ml_available,
            ml_error=ModelProblem(row.ml_error) if row.ml_error else None,
            latency_milliseconds=row.latency_ms,
            quality=Verdict(row.quality) if row.quality else None,
            quality_reasons=[Reason(each) for each in row.quality_reasons],
            created_at=row.created_at,
            beat_count=sum(row.counts.values()),
        )
