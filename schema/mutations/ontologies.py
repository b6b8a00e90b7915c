"""Experts' changes to the ontology in use, and to which one is in use."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import strawberry
from anyio import to_thread
from strawberry.file_uploads import Upload

from ml.language.concepts import Category, Kind, Measure, Severity
from ml.language.concepts import MeasuredRange as Bounds
from schema.context import Context, Info
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.concept_drafts import ConceptDraft
from schema.services.ontologies import Ontologies
from schema.services.ontology_files import read_upload
from schema.types.base import local_key
from schema.types.concepts import concept_code
from schema.types.ontologies import Ontology, OntologyFault, OntologyVersion, ontologies_for

T = TypeVar("T")


@strawberry.input(description="The values of a measurement that mean a concept; at least one bound.")
class MeasuredRangeInput:
    """Bounds in the measurement's own unit."""

    measure: Measure = strawberry.field(description="What is measured.")
    above: float | None = strawberry.field(default=None, description="Exclusive lower bound.")
    at_least: float | None = strawberry.field(default=None, description="Inclusive lower bound.")
    below: float | None = strawberry.field(default=None, description="Exclusive upper bound.")
    at_most: float | None = strawberry.field(default=None, description="Inclusive upper bound.")
    in_men: float | None = strawberry.field(
        default=None, description="Instead of `above` or `atMost` where the patient is known to be a man."
    )

    def bounds(self) -> Bounds:
        """Return the bounds."""
        return Bounds(self.measure.value, self.above, self.at_least, self.below, self.at_most, self.in_men)


@strawberry.input(description="A code in another system.")
class ConceptCodeInput:
    """A system and a code."""

    system: str = strawberry.field(description="`snomed`, `scp`, `aha` …, in small letters.")
    value: str = strawberry.field(description="The code.")


@strawberry.input(description="All fields of a concept. Others are named by code or by any of their names.")
class ConceptInput:
    """What an expert writes of a concept."""

    label_fr: str = strawberry.field(description="Its French name, at most 120 characters.")
    label_en: str = strawberry.field(description="Its English name, at most 120 characters.")
    category: Category = strawberry.field(description="The shelf it stands on.")
    kind: Kind = strawberry.field(description="What sort of statement it makes.")
    severity: Severity | None = strawberry.field(
        default=None, description="How much it matters to the patient."
    )
    synonyms_fr: list[str] = strawberry.field(
        default_factory=list, description="Other French names and abbreviations, at most 60."
    )
    synonyms_en: list[str] = strawberry.field(
        default_factory=list, description="Other English names and abbreviations, at most 60."
    )
    parents: list[str] = strawberry.field(default_factory=list, description="More general concepts.")
    excludes: list[str] = strawberry.field(
        default_factory=list, description="What cannot be true of the same tracing; holds both ways."
    )
    parts: list[str] = strawberry.field(
        default_factory=list, description="Concepts that, named together in one phrase, state this one."
    )
    requires: list[list[str]] = strawberry.field(
        default_factory=list, description="Alternatives: signs that together amount to it."
    )
    supports: list[str] = strawberry.field(
        default_factory=list, description="Signs that belong to the picture."
    )
    against: list[str] = strawberry.field(
        default_factory=list, description="What, firmly stated beside it, shows an error in the reasoning."
    )
    absence: str | None = strawberry.field(
        default=None, description="The concept that denying this one states."
    )
    range: MeasuredRangeInput | None = strawberry.field(
        default=None, description="The measured values that mean it."
    )
    codes: list[ConceptCodeInput] = strawberry.field(
        default_factory=list, description="Its codes in other systems, at most 20."
    )

    def draft(self) -> ConceptDraft:
        """Return the draft."""
        return ConceptDraft(
            label_fr=self.label_fr,
            label_en=self.label_en,
            category=self.category,
            kind=self.kind,
            severity=self.severity,
            synonyms_fr=self.synonyms_fr,
            synonyms_en=self.synonyms_en,
            parents=self.parents,
            excludes=self.excludes,
            parts=self.parts,
            requires=self.requires,
            supports=self.supports,
            against=self.against,
            absence=self.absence,
            range=self.range.bounds() if self.range else None,
            codes=[(each.system, each.value) for each in self.codes],
        )


@strawberry.input(description="A concept to add to the ontology in use.")
class CreateConceptInput(ConceptInput):
    """A new concept."""

    code: str = strawberry.field(description="Capitals, digits and underscores; never changes: `MOBITZ_1`.")
    comment: str = strawberry.field(default="", description="Why, at most 500 characters.")


@strawberry.input(description="A concept as it is to be; every field is replaced.")
class UpdateConceptInput(ConceptInput):
    """A changed concept."""

    id: strawberry.ID = strawberry.field(description="The concept.")
    version: str = strawberry.field(description="The ontology's version in which it was read.")
    comment: str = strawberry.field(default="", description="Why, at most 500 characters.")


@strawberry.input(description="A concept to take out of the ontology in use.")
class DeleteConceptInput:
    """A concept."""

    id: strawberry.ID = strawberry.field(description="The concept.")
    version: str = strawberry.field(description="The ontology's version in which it was read.")
    comment: str = strawberry.field(default="", description="Why, at most 500 characters.")


@strawberry.input(description="A change to take back: its concept becomes what it was before.")
class RestoreConceptInput:
    """A change."""

    change_id: strawberry.ID = strawberry.field(description="The change.")
    comment: str = strawberry.field(default="", description="Why, at most 500 characters.")


@strawberry.input(description="An ontology to keep beside the one in use.")
class ImportOntologyInput:
    """A file."""

    name: str = strawberry.field(description="What to call it, at most 120 characters.")
    file: Upload = strawberry.field(
        description="Ours (JSON), edu-ecg's (JSON) or WebProtégé's (RDF/XML), told by its content, "
        "at most 20 MB."
    )
    comment: str = strawberry.field(default="", description="Where it is from, at most 500 characters.")


@strawberry.input(description="An ontology to put to use.")
class ActivateOntologyInput:
    """An ontology."""

    id: strawberry.ID = strawberry.field(description="The ontology.")


@strawberry.input(description="What was decided about a fault.")
class SettleOntologyFaultInput:
    """A decision."""

    id: strawberry.ID = strawberry.field(description="The fault.")
    decision: str = strawberry.field(description="What was decided, at most 500 characters.")


CreateConceptResult = Annotated[
    OntologyVersion | Refusal,
    strawberry.union("CreateConceptResult", description="The version with it, or why there is none."),
]
UpdateConceptResult = Annotated[
    OntologyVersion | Refusal,
    strawberry.union("UpdateConceptResult", description="The version with it, or why it was left."),
]
DeleteConceptResult = Annotated[
    OntologyVersion | Refusal,
    strawberry.union("DeleteConceptResult", description="The version without it, or why it was left."),
]
RestoreConceptResult = Annotated[
    OntologyVersion | Refusal,
    strawberry.union("RestoreConceptResult", description="The version with it, or why it was left."),
]
ImportOntologyResult = Annotated[
    Ontology | Refusal,
    strawberry.union("ImportOntologyResult", description="The ontology, or why it was not taken."),
]
ActivateOntologyResult = Annotated[
    Ontology | Refusal,
    strawberry.union("ActivateOntologyResult", description="The ontology in use, or why it was left."),
]
SettleOntologyFaultResult = Annotated[
    OntologyFault | Refusal,
    strawberry.union("SettleOntologyFaultResult", description="The fault, or why it was left."),
]


@strawberry.type
class OntologyMutations:
    """Changes to ontologies."""

    @mutation_field(Scope.CONCEPTS_WRITE, "Adds a concept to the ontology in use.")
    async def create_concept(self, info: Info, input: CreateConceptInput) -> CreateConceptResult:  # noqa: A002
        """Add it."""
        draft = input.draft()
        made = await _changed(
            info.context, lambda experts: experts.create_concept(input.code, draft, input.comment)
        )
        return OntologyVersion.of(made)

    @mutation_field(Scope.CONCEPTS_WRITE, "Changes a concept of the ontology in use.")
    async def update_concept(self, info: Info, input: UpdateConceptInput) -> UpdateConceptResult:  # noqa: A002
        """Replace its fields."""
        code, draft = concept_code(input.id), input.draft()
        made = await _changed(
            info.context,
            lambda experts: experts.update_concept(code, input.version, draft, input.comment),
        )
        return OntologyVersion.of(made)

    @mutation_field(Scope.CONCEPTS_WRITE, "Takes a concept out of the ontology in use.")
    async def delete_concept(self, info: Info, input: DeleteConceptInput) -> DeleteConceptResult:  # noqa: A002
        """Take it out."""
        code = concept_code(input.id)
        made = await _changed(
            info.context, lambda experts: experts.delete_concept(code, input.version, input.comment)
        )
        return OntologyVersion.of(made)

    @mutation_field(Scope.CONCEPTS_WRITE, "Makes a concept again what it was before a change.")
    async def restore_concept(self, info: Info, input: RestoreConceptInput) -> RestoreConceptResult:  # noqa: A002
        """Take the change back."""
        key = local_key(input.change_id, "ConceptChange")
        made = await _changed(info.context, lambda experts: experts.restore_concept(key, input.comment))
        return OntologyVersion.of(made)

    @mutation_field(Scope.CONCEPTS_WRITE, "Keeps an ontology from a file beside the one in use.")
    async def import_ontology(self, info: Info, input: ImportOntologyInput) -> ImportOntologyResult:  # noqa: A002
        """Read the file, then keep it."""
        ours = info.context.services.ontology
        upload: Any = input.file  # the web framework's upload, or a plain stream
        stream = getattr(upload, "file", upload)
        found = await to_thread.run_sync(read_upload, input.name, stream, ours)
        return Ontology.of(
            await _changed(info.context, lambda experts: experts.add(input.name, found, input.comment))
        )

    @mutation_field(
        Scope.CONCEPTS_WRITE, "Puts an ontology to use for the whole platform; for administrators."
    )
    async def activate_ontology(self, info: Info, input: ActivateOntologyInput) -> ActivateOntologyResult:  # noqa: A002
        """Switch."""
        key = local_key(input.id, "Ontology")
        return Ontology.of(await _changed(info.context, lambda experts: experts.activate(key)))

    @mutation_field(Scope.CONCEPTS_WRITE, "Writes down what was decided about a fault of a file.")
    async def settle_ontology_fault(
        self,
        info: Info,
        input: SettleOntologyFaultInput,  # noqa: A002
    ) -> SettleOntologyFaultResult:
        """Settle it."""
        key = local_key(input.id, "OntologyFault")
        settled = await info.context.write(
            lambda session: ontologies_for(session, info.context).settle(key, input.decision)
        )
        return OntologyFault.of(settled)


async def _changed(context: Context, work: Callable[[Ontologies], T]) -> T:
    """Change an ontology, and have this process read with what came of it before it answers."""
    done = await context.write(lambda session: work(ontologies_for(session, context)))
    await to_thread.run_sync(lambda: context.services.shelf.refresh(at_once=True))
    return done
