"""What an ECG can show, and what a text says it shows."""

import base64
import binascii
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated
from weakref import WeakKeyDictionary

import strawberry

from ml.language import types as reading
from ml.language.concepts import Measure, Severity
from ml.language.concepts import MeasuredRange as Bounds
from ml.language.ontology import Category as ConceptCategory
from ml.language.ontology import Concept as OntologyConcept
from ml.language.ontology import Kind, Ontology
from ml.language.types import Certainty, Expression, Fallback, FindingKind, Polarity
from ml.language.types import Language as OntologyLanguage
from schema.context import Context, Info
from schema.errors import NotFoundError
from schema.services.matching import CachedReading
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum
from schema.types.languages import Language, spoken

PROPOSED_FROM = 70.0

describe_enum(
    ConceptCategory,
    "ConceptCategory",
    "The shelf a concept stands on.",
    *(each.label("en") for each in ConceptCategory),
)
describe_enum(
    Kind,
    "ConceptKind",
    "What sort of statement a concept makes.",
    "What the patient has.",
    "What is seen on the tracing.",
    "What a measured value amounts to.",
    "How another concept is to be understood.",
    "Where on the heart or in which leads.",
    "That something is as it should be.",
)
describe_enum(
    Severity,
    "ConceptSeverity",
    "How much a concept matters to the patient in front of you.",
    "It can wait.",
    "It is to be seen to.",
    "It is grave.",
    "It is an emergency.",
)
describe_enum(
    Measure,
    "Measure",
    "What is measured on an ECG.",
    "Ventricular rate, per minute.",
    "Atrial rate, per minute.",
    "PR interval, in milliseconds.",
    "QRS duration, in milliseconds.",
    "QT interval, in milliseconds.",
    "Corrected QT interval, in milliseconds.",
    "Axis of the QRS in the frontal plane, in degrees.",
    "Sokolow-Lyon index, in millimetres.",
    "Duration of the P wave, in milliseconds.",
    "Cornell index, in millimetres.",
    "Length of a pause, in milliseconds.",
    "How far the ST segment is shifted, in millimetres.",
)
describe_enum(
    Polarity,
    "Polarity",
    "Whether a text affirms or denies a concept.",
    "The text affirms it.",
    "The text denies it.",
)
describe_enum(
    Certainty,
    "Certainty",
    "How firmly the writer holds a claim.",
    "Stated without a doubt.",
    "Held to be likely.",
    "Held to be possible, or to be ruled out.",
    "Considered, then dismissed.",
)
describe_enum(
    Expression,
    "Expression",
    "How a claim was put.",
    "By its name or a usual abbreviation.",
    "In other words.",
    "Only through its signs: never counted as stated.",
)


describe_enum(
    FindingKind,
    "FindingKind",
    "What does not hold together in a text, or how it weighs diagnoses.",
    "Two conclusions exclude each other.",
    "One thing is affirmed and denied.",
    "A number means something else than the words beside it.",
    "A conclusion goes against a sign.",
    "A grave diagnosis has no sign given for it.",
    "One of several diagnoses is called the likelier.",
    "Several diagnoses are left open.",
)
describe_enum(
    Fallback,
    "Fallback",
    "Why a language model had no part in a reading it was to help with.",
    "It could not be reached, refused, or has failed too often of late.",
    "It took too long.",
    "It was not asked: the reading could not wait for it.",
    "The day's questions or euros are used up.",
    "Its answer was refused, cut short or of another form than asked for.",
)


class TextLanguage(StrEnum):
    """The matcher's hint."""

    AUTO = "auto"
    FR = "fr"
    EN = "en"


describe_enum(
    TextLanguage,
    "TextLanguage",
    "The language a text is in.",
    "Found out from the text.",
    "French.",
    "English.",
)


@strawberry.type(description="Where a concept stands in a coding system.")
class ConceptCode:
    """A code elsewhere."""

    system: str = strawberry.field(description="`snomed`, `scp` (SCP-ECG), `aha` (AHA/ACC/HRS statement) …")
    value: str = strawberry.field(description="The code.")


@strawberry.type(description="The values of a measurement that mean a concept.")
class MeasuredRange:
    """Bounds, all in the measurement's unit; those that are null do not bound."""

    measure: Measure = strawberry.field(description="What is measured.")
    above: float | None = strawberry.field(description="Exclusive lower bound.")
    at_least: float | None = strawberry.field(description="Inclusive lower bound.")
    below: float | None = strawberry.field(description="Exclusive upper bound.")
    at_most: float | None = strawberry.field(description="Inclusive upper bound.")
    in_men: float | None = strawberry.field(
        description="Instead of `above` or `atMost` where the patient is known to be a man."
    )

    @classmethod
    def of(cls, bounds: Bounds) -> "MeasuredRange":
        """Return the bounds as the API shows them."""
        return cls(
            measure=Measure(bounds.measure),
            above=bounds.above,
            at_least=bounds.at_least,
            below=bounds.below,
            at_most=bounds.at_most,
            in_men=bounds.in_men,
        )


@strawberry.type(description="Signs that, stated together, amount to a concept that is not named.")
class SignSet:
    """One of the alternatives of `requires`."""

    signs: list["Concept"] = strawberry.field(description="All of them are needed.")


@strawberry.type(description="One thing a reading of an ECG can state.")
class Concept(Node):
    """A concept of the ontology in use."""

    row: strawberry.Private[OntologyConcept]
    code: str = strawberry.field(description="The ontology's own identifier; what inputs take.")
    label: str = strawberry.field(description="Its name, in the viewer's language.")
    category: ConceptCategory = strawberry.field(description="The shelf it stands on.")
    category_label: str = strawberry.field(description="The shelf's name, in the viewer's language.")

    @strawberry.field(description="Its name in a language.")
    def label_in(
        self,
        language: Annotated[Language, strawberry.argument(description="Which.")],
    ) -> str:
        """Return the preferred name."""
        return self.row.label(language.value)

    @strawberry.field(description="Other names, in the viewer's language.")
    def synonyms(self, info: Info) -> list[str]:
        """Return the names after the preferred one."""
        return list(self.row.names(spoken(info.context))[1:])

    @strawberry.field(description="Other names in a language.")
    def synonyms_in(
        self,
        language: Annotated[Language, strawberry.argument(description="Which.")],
    ) -> list[str]:
        """Return the names after the preferred one."""
        return list(self.row.names(language.value)[1:])

    @strawberry.field(description="What sort of statement it makes.")
    def kind(self) -> Kind:
        """Return the kind."""
        return self.row.kind

    @strawberry.field(description="How much it matters to the patient; null where that depends.")
    def severity(self) -> Severity | None:
        """Return the severity."""
        return self.row.severity

    @strawberry.field(description="More general concepts, one step up.")
    def parents(self, info: Info) -> list["Concept"]:
        """Return the parents."""
        return _nodes(self.row.parents, info)

    @strawberry.field(description="More specific concepts, one step down.")
    def children(self, info: Info) -> list["Concept"]:
        """Return those that name this one as a parent."""
        ontology = info.context.services.shelf.holding(self.code)
        return _nodes(ontology.children(self.code) if ontology else (), info)

    @strawberry.field(description="What cannot be true of the same tracing; so do its descendants exclude.")
    def excludes(self, info: Info) -> list["Concept"]:
        """Return the exclusions."""
        return _nodes(self.row.excludes, info)

    @strawberry.field(description="Concepts that, named together in one phrase, state this one.")
    def parts(self, info: Info) -> list["Concept"]:
        """Return the parts."""
        return _nodes(self.row.parts, info)

    @strawberry.field(description="Alternatives: signs that together amount to it.")
    def requires(self, info: Info) -> list[SignSet]:
        """Return the sets of signs."""
        return [SignSet(signs=_nodes(each, info)) for each in self.row.requires]

    @strawberry.field(description="Signs that belong to the picture.")
    def supports(self, info: Info) -> list["Concept"]:
        """Return the signs."""
        return _nodes(self.row.supports, info)

    @strawberry.field(description="What, firmly stated beside it, shows an error in the reasoning.")
    def against(self, info: Info) -> list["Concept"]:
        """Return the concepts."""
        return _nodes(self.row.against, info)

    @strawberry.field(description="The concept that denying this one states, if there is one.")
    def absence(self, info: Info) -> "Concept | None":
        """Return the normality."""
        return None if self.row.absence is None else Concept.coded(self.row.absence, info.context)

    @strawberry.field(description="The measured values that mean it, if a number can.")
    def range(self) -> MeasuredRange | None:
        """Return the bounds."""
        return None if self.row.range is None else MeasuredRange.of(self.row.range)

    @strawberry.field(description="Its codes in other systems.")
    def codes(self) -> list[ConceptCode]:
        """Return the codes."""
        return [ConceptCode(system=system, value=value) for system, value in self.row.codes.items()]

    @classmethod
    def of(cls, row: OntologyConcept, context: Context) -> "Concept":
        """Return the node of a concept."""
        return _node(row, spoken(context))

    @classmethod
    def coded(cls, code: str, context: Context) -> "Concept":
        """Return the node of a code; one that no ontology has any more is shown by its code."""
        return _coded(context.services.shelf.holding(code), code, spoken(context))


def _nodes(codes: Iterable[str], info: Info) -> list[Concept]:
    return [Concept.coded(code, info.context) for code in codes]


_SHARED: WeakKeyDictionary[Ontology, dict[tuple[str, OntologyLanguage], Concept]] = WeakKeyDictionary()
"""Nodes that every request may share, since nothing changes one; they go with their ontology."""


def _coded(ontology: Ontology | None, code: str, language: OntologyLanguage) -> Concept:
    if ontology is None:
        return _node(OntologyConcept(code, code, code, ConceptCategory.TECHNICAL, Kind.SIGN), language)
    shared = _SHARED.setdefault(ontology, {})
    node = shared.get((code, language))
    if node is None:
        node = shared[code, language] = _node(ontology.concept(code), language)
    return node


def _node(row: OntologyConcept, language: OntologyLanguage) -> Concept:
    return Concept(
        id=global_id("Concept", row.id),
        row=row,
        code=row.id,
        label=row.label(language),
        category=row.category,
        category_label=row.category.label(language),
    )


def concept_code(identifier: str) -> str:
    """Return the code inside a concept's opaque id; raises NotFoundError for any other id."""
    try:
        kind, _, code = base64.b64decode(identifier, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise NotFoundError from None
    if kind != "Concept":
        raise NotFoundError
    return code


@strawberry.type(description="A stretch of a text.")
class Span:
    """Half-open, in characters."""

    start: int = strawberry.field(description="The first character, counted from 0.")
    end: int = strawberry.field(description="The character after the last.")
    text: str = strawberry.field(description="What stands there.")

    @classmethod
    def of(cls, span: reading.Span, text: str) -> "Span":
        """Return a span with its words."""
        return cls(start=span.start, end=span.end, text=text[span.start : span.end])


@strawberry.type(description="A number a text gives for a named quantity.")
class TextMeasurement:
    """A number and what it means."""

    name: str = strawberry.field(
        description="`rate`, `atrial_rate`, `pr`, `qrs`, `qt`, `qtc`, `axis`, `sokolow`, `p_duration`, "
        "`cornell`, `pause` or `st`."
    )
    value: float = strawberry.field(description="In `unit`; the nearer bound of a range.")
    unit: str = strawberry.field(description="`/min`, `ms`, `°` or `mm`.")
    span: Span = strawberry.field(description="Where it stands.")
    meaning: Concept | None = strawberry.field(
        description="The concept whose range the value lies in; null where it means nothing by itself."
    )
    agrees: bool | None = strawberry.field(
        description="Whether its sentence calls the value what it means; null where it calls it nothing."
    )

    @classmethod
    def of(cls, measured: reading.Measurement, text: str, context: Context) -> "TextMeasurement":
        """Return a measurement with its words."""
        return cls(
            name=measured.name,
            value=measured.value,
            unit=measured.unit,
            span=Span.of(measured.span, text),
            meaning=Concept.coded(measured.meaning, context) if measured.meaning else None,
            agrees=measured.agrees,
        )


@strawberry.type(description="Something about a text as a whole.")
class TextFinding:
    """What it is and what it involves."""

    kind: FindingKind = strawberry.field(description="What it is.")
    concepts: list[Concept] = strawberry.field(description="Which concepts it involves.")
    spans: list[Span] = strawberry.field(description="Where, in text order.")

    @classmethod
    def of(cls, found: reading.Finding, text: str, context: Context) -> "TextFinding":
        """Return a finding with its words."""
        return cls(
            kind=found.kind,
            concepts=[Concept.coded(code, context) for code in found.concepts],
            spans=[Span.of(span, text) for span in found.spans],
        )


@strawberry.type(description="A concept a text states, as a proposal to annotate with.")
class ConceptProposal:
    """One claim."""

    concept: Concept = strawberry.field(description="What is stated.")
    confidence: float = strawberry.field(
        description="How sure the reading is that the text says this, 0-100 per cent."
    )
    polarity: Polarity = strawberry.field(description="Whether it is affirmed or denied.")
    certainty: Certainty = strawberry.field(description="How firmly the writer holds it.")
    expression: Expression = strawberry.field(description="How it was put.")
    spans: list[Span] = strawberry.field(description="Where the text says it, in text order.")
    proposed: bool = strawberry.field(
        description="Whether it is affirmed, not dismissed, and at 70 % or more."
    )

    @classmethod
    def of(cls, claim: reading.Claim, text: str, context: Context) -> "ConceptProposal":
        """Return the proposal of a claim."""
        affirmed = claim.polarity is Polarity.PRESENT and claim.certainty is not Certainty.REJECTED
        return cls(
            concept=Concept.coded(claim.concept, context),
            confidence=claim.confidence,
            polarity=claim.polarity,
            certainty=claim.certainty,
            expression=claim.expression,
            spans=[Span.of(span, text) for span in claim.spans],
            proposed=affirmed and claim.confidence >= PROPOSED_FROM,
        )


@strawberry.type(description="What a text was read as.")
class ConceptMatching:
    """A reading and how it came about."""

    proposals: list[ConceptProposal] = strawberry.field(description="What the text states, surest first.")
    measurements: list[TextMeasurement] = strawberry.field(description="Numbers it gives, in text order.")
    findings: list[TextFinding] = strawberry.field(
        description="What does not hold together in it, gravest first."
    )
    unresolved: list[str] = strawberry.field(
        description="The words of `unresolvedSpans`.",
        deprecation_reason="Since 2026-11-26: ask `unresolvedSpans { text }`.",
    )
    unresolved_spans: list[Span] = strawberry.field(description="Stretches in which nothing was recognised.")
    cached: bool = strawberry.field(description="Whether the same text had been read before.")
    milliseconds: float = strawberry.field(description="How long the answer took.")
    matcher_version: str = strawberry.field(description="Version of the matcher that read it.")
    fallback: Fallback | None = strawberry.field(
        description="Why a language model that is configured had no part in it; null when it had, or none is."
    )

    @classmethod
    def of(cls, found: CachedReading, text: str, context: Context) -> "ConceptMatching":
        """Return the matching of a reading."""
        proposals = [ConceptProposal.of(claim, text, context) for claim in found.reading.claims]
        return cls(
            proposals=sorted(proposals, key=lambda proposal: -proposal.confidence),
            measurements=[TextMeasurement.of(each, text, context) for each in found.reading.measurements],
            findings=[TextFinding.of(each, text, context) for each in found.reading.findings],
            unresolved=[text[span.start : span.end] for span in found.reading.unresolved],
            unresolved_spans=[Span.of(span, text) for span in found.reading.unresolved],
            cached=found.cached,
            milliseconds=found.milliseconds,
            matcher_version=found.reading.source,
            fallback=found.reading.consultation.fallback if found.reading.consultation else None,
        )
