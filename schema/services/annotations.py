"""What the expert says about a case: concepts, how much each weighs, whether it counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, select

from ml.language.ontology import Ontology
from schema.errors import FieldProblem, NotFoundError, ValidationFailedError
from schema.models.cases import Annotation, AnnotationRole, AnnotationType, Case
from schema.services.cases import Cases
from schema.services.clock import Clock
from schema.services.revisions import annotations_of

MOST = 100
LEAST_COEFFICIENT, HIGHEST_COEFFICIENT = 0.5, 1.0


@dataclass(frozen=True, slots=True)
class NewAnnotation:
    """A concept to add; `confidence` in per cent."""

    concept_id: str
    confidence: float = 100.0
    type: AnnotationType = AnnotationType.PICKED
    coefficient: float = 1.0
    role: AnnotationRole = AnnotationRole.SCORED


class Annotations:
    """Changes to the annotations of one actor's cases; each is a revision of the case.

    Parameters
    ----------
    cases
        The actor's way to the cases.
    ontology
        Where the concepts come from.
    """

    def __init__(self, session: Session, cases: Cases, clock: Clock, ontology: Ontology) -> None:
        self._session = session
        self._cases = cases
        self._clock = clock
        self._ontology = ontology

    def add(self, case_id: int, wanted: Sequence[NewAnnotation]) -> Case:
        """Add concepts after the others, all or none; one the case has already stays as it is."""
        case = self._cases.to_change(case_id)
        present = annotations_of(self._session, case_id)
        known = {row.concept_id for row in present}
        fresh = {each.concept_id: each for each in reversed(wanted) if each.concept_id not in known}
        self._check(wanted, len(present) + len(fresh))
        if fresh and not all(concept in self._ontology for concept in known):
            raise ValidationFailedError.of("annotations", "key_of_another_ontology")
        start = max((row.position for row in present), default=-1) + 1
        in_order = [each for each in wanted if fresh.get(each.concept_id) is each]
        for position, each in enumerate(in_order, start):
            self._session.add(self._row(case_id, each, position))
        return self._cases.saved(case, "case.annotated", added=len(in_order)) if in_order else case

    def update(
        self, annotation_id: int, coefficient: float | None = None, role: AnnotationRole | None = None
    ) -> Case:
        """Change the weight or the role; changing nothing makes no revision."""
        annotation, case = self._to_change(annotation_id)
        if coefficient is not None and not LEAST_COEFFICIENT <= coefficient <= HIGHEST_COEFFICIENT:
            raise ValidationFailedError(
                [_out_of_range(("coefficient",), LEAST_COEFFICIENT, HIGHEST_COEFFICIENT)]
            )
        before = (annotation.coefficient, annotation.role)
        annotation.coefficient = annotation.coefficient if coefficient is None else coefficient
        annotation.role = annotation.role if role is None else role.value
        if (annotation.coefficient, annotation.role) == before:
            return case
        return self._cases.saved(case, "case.annotation_updated", concept=annotation.concept_id)

    def remove(self, annotation_id: int) -> Case:
        """Take an annotation out of its case."""
        annotation, case = self._to_change(annotation_id)
        self._session.delete(annotation)
        return self._cases.saved(case, "case.annotation_removed", concept=annotation.concept_id)

    def _row(self, case_id: int, each: NewAnnotation, position: int) -> Annotation:
        return Annotation(
            case_id=case_id,
            concept_id=each.concept_id,
            confidence=each.confidence,
            type=each.type.value,
            coefficient=each.coefficient,
            role=each.role.value,
            position=position,
            created_at=self._clock(),
        )

    def _check(self, wanted: Sequence[NewAnnotation], total: int) -> None:
        problems = []
        for at, each in enumerate(wanted[:MOST]):
            path = ("annotations", str(at))
            if each.concept_id not in self._ontology:
                problems.append(FieldProblem((*path, "conceptId"), "unknown_concept"))
            if not 0 <= each.confidence <= 100:
                problems.append(_out_of_range((*path, "confidence"), 0, 100))
            if not LEAST_COEFFICIENT <= each.coefficient <= HIGHEST_COEFFICIENT:
                problems.append(_out_of_range((*path, "coefficient"), LEAST_COEFFICIENT, HIGHEST_COEFFICIENT))
        if max(total, len(wanted)) > MOST:
            problems.append(FieldProblem(("annotations",), "too_many_annotations", (("maximum", str(MOST)),)))
        if problems:
            raise ValidationFailedError(problems)

    def _to_change(self, annotation_id: int) -> tuple[Annotation, Case]:
        case_id = self._session.exec(select(Annotation.case_id).where(Annotation.id == annotation_id)).first()
        if case_id is None:
            raise NotFoundError
        case = self._cases.to_change(case_id)
        annotation = self._session.get(Annotation, annotation_id)
        if annotation is None:
            raise NotFoundError
        return annotation, case


def _out_of_range(path: tuple[str, ...], minimum: float, maximum: float) -> FieldProblem:
    return FieldProblem(path, "out_of_range", (("minimum", f"{minimum:g}"), ("maximum", f"{maximum:g}")))
