"""A mark and the reasons for it, in the viewer's language."""

from collections.abc import Iterable
from enum import StrEnum

import strawberry

from ml.language import grading as rules
from ml.language.grading import Role, Verdict
from ml.language.judging import Judgment
from ml.language.ruling import RuledVerdict, verdict_on
from ml.language.types import Fallback
from ml.language.types import Span as Stretch
from schema.context import Context, Info
from schema.models.cases import AnnotationRole
from schema.services.grading import StoredGrade, stored_grade
from schema.types.concepts import Concept, Span, TextFinding, TextMeasurement
from schema.types.contests import Contest
from schema.types.enums import describe_enum

describe_enum(
    Verdict,
    "Verdict",
    "What became of something the key expects.",
    "The answer states it, or something more specific.",
    "The answer states something more general, or holds it only possible.",
    "The answer does not speak of it.",
    "The answer denies it, or states what excludes it.",
)


describe_enum(
    Judgment,
    "Judgment",
    "How an answer stands to what was expected, as a whole.",
    "The diagnosis is named, and nothing goes against it.",
    "The diagnosis, or its signs, are put in other words.",
    "The diagnosis is not named; its signs are all there.",
    "Some of its signs, or a wider name, are there.",
    "There is too little to judge.",
    "The diagnosis is named beside a sign that argues against it.",
    "Two conclusions exclude each other.",
    "One thing is affirmed and denied.",
    "A number is called what it is not.",
    "Another, grave diagnosis is stated without any sign for it.",
    "Another diagnosis is stated.",
    "The diagnosis is held to be one possibility.",
    "The diagnosis is ranked above others.",
    "The diagnosis is held likely, others are left open.",
)


class ClaimVerdict(StrEnum):
    """What a claim beyond the key is worth."""

    WRONG = "wrong"
    EXTRA = "extra"
    WITHDRAWN = "withdrawn"


describe_enum(
    ClaimVerdict,
    "ClaimVerdict",
    "What a claim beyond the key is worth.",
    "It cannot be true beside the key.",
    "The key does not ask for it; it costs nothing.",
    "A teacher ruled that the answer does not state it.",
)


@strawberry.type(description="One thing the key expects, and what the answer earned for it.")
class GradedConcept:
    """A key item."""

    concept: Concept = strawberry.field(description="What is expected.")
    verdict: Verdict = strawberry.field(description="What became of it.")
    credit: float = strawberry.field(description="What the answer earned, 0 to 1.")
    coefficient: float = strawberry.field(description="Its weight, 0.5 to 1.0.")
    role: AnnotationRole = strawberry.field(description="Whether it counts in the mark.")
    spans: list[Span] = strawberry.field(description="The text that decided; empty for a picked concept.")
    picked: bool = strawberry.field(description="Whether a concept picked from the list decided.")
    stated: Concept | None = strawberry.field(description="The stated concept that decided, if any.")
    feedback: str = strawberry.field(description="A sentence for the student.")
    contest: Contest | None = strawberry.field(description="The student's contest of it, if any.")


@strawberry.type(description="Something the answer states that the key does not ask for.")
class GradedClaim:
    """A claim beyond the key."""

    concept: Concept = strawberry.field(description="What is stated.")
    verdict: ClaimVerdict = strawberry.field(description="Whether it is wrong, or merely more.")
    spans: list[Span] = strawberry.field(description="Where it is stated; empty for a picked concept.")
    feedback: str = strawberry.field(description="A sentence for the student; empty for what is merely more.")
    contest: Contest | None = strawberry.field(description="The student's contest of it, if any.")


@strawberry.type(description="A few sentences a language model wrote from the correction; they may be wrong.")
class ModelComment:
    """A comment, marked as a machine's."""

    text: str = strawberry.field(description="Plain text, in the student's language.")
    model: str = strawberry.field(description="The model that wrote it.")


@strawberry.type(description="The mark of one answer and everything it rests on.")
class Grade:
    """A mark out of 100."""

    score: float | None = strawberry.field(
        description="0-100, teachers' rulings applied; null where the ontology has dropped all that the key "
        "scores."
    )
    automatic_score: float | None = strawberry.field(description="0-100, before any ruling; null likewise.")
    items: list[GradedConcept] = strawberry.field(description="One for each thing the key expects.")
    extra: list[GradedClaim] = strawberry.field(description="Claims beyond the key, wrong ones first.")
    judgment: Judgment | None = strawberry.field(
        description="How the answer stands to the key as a whole; null where it was not kept or a ruling "
        "has changed the mark."
    )
    findings: list[str] = strawberry.field(
        description="What does not hold together in the answer by itself, a sentence each."
    )
    text_findings: list[TextFinding] = strawberry.field(
        description="The same with kind, concepts and places."
    )
    measurements: list[TextMeasurement] = strawberry.field(
        description="Numbers the answer gives; none for marks made before they were kept."
    )
    unresolved_spans: list[Span] = strawberry.field(
        description="Stretches in which nothing was recognised; none for marks made before they were kept."
    )
    feedback: list[str] = strawberry.field(description="The mark in words, in the viewer's language.")
    comment: ModelComment | None = strawberry.field(
        description="What a language model adds for the student; null where none has, or where a ruling has "
        "changed the mark."
    )
    key_revision: int = strawberry.field(description="The case's revision the key was taken from.")
    ontology_version: str = strawberry.field(description="The ontology the answer was read into.")
    matcher_version: str = strawberry.field(description="What read the answer.")
    fallback: Fallback | None = strawberry.field(
        description="Why a language model allowed to read answers had no part in it; null when it had."
    )
    grader_version: str = strawberry.field(description="The rules it was marked by.")

    @classmethod
    def of(
        cls,
        document: dict[str, object],
        text: str,
        info: Info,
        contests: Iterable[Contest] = (),
        comment: dict[str, str] | None = None,
    ) -> "Grade":
        """Return a kept mark of a text, worded for the viewer, with what was ruled on the contests of it."""
        made = {each.row.concept_id: each for each in contests}
        rulings = {concept: each.verdict for concept, each in made.items() if each.verdict is not None}
        stored = stored_grade(document, rulings)
        ontology = info.context.services.shelf.of(stored.ontology_version).ontology
        told = stored.feedback(ontology, "en" if info.context.language == "en" else "fr")
        worded = _Worded(stored, text, info.context, made)
        return cls(
            score=stored.grade.score,
            automatic_score=stored.automatic.score,
            items=worded.items(told),
            extra=worded.beyond(told),
            judgment=stored.grade.judgment,
            findings=[words for words in told.findings if words],
            text_findings=worded.findings(),
            measurements=worded.measurements(),
            unresolved_spans=worded.spans(stored.unresolved),
            feedback=[words for words in (told.summary, *told.items, *told.wrong) if words],
            comment=ModelComment(**comment) if comment and not rulings else None,
            key_revision=stored.key_revision,
            ontology_version=stored.ontology_version,
            matcher_version=stored.matcher_version,
            fallback=stored.fallback,
            grader_version=stored.grade.grader_version,
        )


class _Worded:
    """Turns parts of a mark into what the API shows."""

    def __init__(
        self, stored: StoredGrade, text: str, context: Context, contests: dict[str, Contest]
    ) -> None:
        self._stored = stored
        self._text = text
        self._context = context
        self._contests = contests

    def items(self, told: rules.Feedback) -> list[GradedConcept]:
        """Return what became of each thing the key expects."""
        return [
            self._item(item, words) for item, words in zip(self._stored.grade.items, told.items, strict=True)
        ]

    def beyond(self, told: rules.Feedback) -> list[GradedClaim]:
        """Return the claims beyond the key, wrong ones first, as the rules alone found them."""
        said = zip((claim.concept for claim in self._stored.grade.wrong), told.wrong, strict=True)
        wrong, automatic = dict(said), self._stored.automatic
        spans = {claim.concept: claim.spans for claim in automatic.wrong}
        spans |= {concept: self._stored.supplementary_spans[concept] for concept in automatic.supplementary}
        return [self._claim(concept, each, wrong.get(concept, "")) for concept, each in spans.items()]

    def findings(self) -> list[TextFinding]:
        """Return what does not hold together in the answer by itself."""
        return [TextFinding.of(each, self._text, self._context) for each in self._stored.grade.findings]

    def measurements(self) -> list[TextMeasurement]:
        """Return the numbers the answer gives."""
        return [TextMeasurement.of(each, self._text, self._context) for each in self._stored.measurements]

    def spans(self, spans: tuple[Stretch, ...]) -> list[Span]:
        """Return stretches of the text with their words."""
        return [Span.of(span, self._text) for span in spans]

    def _item(self, item: rules.GradedItem, feedback: str) -> GradedConcept:
        decided = item.verdict in {Verdict.FOUND, Verdict.PARTIAL, Verdict.CONTRADICTED}
        stated = item.because.concept
        return GradedConcept(
            concept=Concept.coded(item.concept, self._context),
            verdict=item.verdict,
            credit=item.credit,
            coefficient=item.coefficient,
            role=AnnotationRole.SCORED if item.role is Role.SCORED else AnnotationRole.DESCRIPTIVE,
            spans=self.spans(item.spans),
            picked=decided and not item.spans and stated in self._stored.picked,
            stated=Concept.coded(stated, self._context) if stated is not None else None,
            feedback=feedback,
            contest=self._contests.get(item.concept),
        )

    def _claim(self, code: str, spans: tuple[Stretch, ...], feedback: str) -> GradedClaim:
        said = verdict_on(self._stored.grade, code) or RuledVerdict.WITHDRAWN
        return GradedClaim(
            concept=Concept.coded(code, self._context),
            verdict=ClaimVerdict(said.value),
            spans=self.spans(spans),
            feedback=feedback,
            contest=self._contests.get(code),
        )
