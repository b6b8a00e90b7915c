"""Experts' work on ontologies: concepts edited one at a time, files imported, another one put to use."""

import re
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from ml.language.checking import OntologyError
from ml.language.documents import read_concept
from ml.language.editing import Changes, removing, saving
from ml.language.importing import Imported
from ml.language.ontology import Ontology
from schema.errors import (
    ConflictError,
    FieldProblem,
    NotAllowedError,
    NotFoundError,
    ValidationFailedError,
)
from schema.models import ontologies as rows
from schema.models.ontologies import OntologyOrigin, VersionCause
from schema.pagination import Page, PageRequest
from schema.policy import Actor
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.concept_drafts import LONGEST_NAME, ConceptDraft, DraftReader, problem_of
from schema.services.editions import (
    WITHOUT_DOCUMENT,
    add_edit,
    add_whole,
    latest_ontology,
    latest_version,
    shipped_line,
)
from schema.services.keys import in_open_session
from schema.services.paging import Sort, page_of
from schema.services.text import line, prose, storable

LONGEST_COMMENT = 500
CODE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
R = TypeVar("R", rows.Ontology, rows.OntologyVersion, rows.ConceptChange, rows.OntologyFault)


@dataclass(frozen=True, slots=True)
class _InUse:
    """The ontology that edits go to, as its row and as it stands."""

    row: rows.Ontology
    ontology: Ontology


class Ontologies:
    """One actor's way to the platform's ontologies; every change is a version and stands in the audit trail.

    Parameters
    ----------
    shipped
        The ontology of this release: stored with the first change.
    """

    def __init__(self, session: Session, actor: Actor, clock: Clock, shipped: Ontology) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock
        self._shipped = shipped

    def get(self, ontology_id: int) -> rows.Ontology:
        """Return one ontology; raises NotFoundError, also for one not in use that the actor may not edit."""
        found = self._found(rows.Ontology, ontology_id)
        if not found.active and not self._actor.edits_ontology:
            raise NotFoundError
        return found

    def create_concept(self, code: str, draft: ConceptDraft, comment: str = "") -> rows.OntologyVersion:
        """Add a concept to the ontology in use.

        Raises
        ------
        ValidationFailedError
            For a code that is none or is taken, and for whatever the concept lacks or contradicts.
        """
        in_use = self._to_edit()
        before = in_use.ontology
        if not CODE.fullmatch(code):
            raise ValidationFailedError.of("code", "bad_concept_code")
        if code in before:
            raise ValidationFailedError.of("code", "concept_code_taken")
        concept = DraftReader(before).concept(code, draft)
        return self._edit(in_use, saving(before, concept), "ontology.concept_created", code, comment)

    def update_concept(
        self, code: str, version: str, draft: ConceptDraft, comment: str = ""
    ) -> rows.OntologyVersion:
        """Change a concept of the ontology in use; what changes nothing makes no version.

        Parameters
        ----------
        version
            The ontology's version in which the concept was read.

        Raises
        ------
        NotFoundError, ConflictError, ValidationFailedError
            For a concept that is not there or was changed meanwhile, and for faults.
        """
        in_use = self._to_edit(code, version)
        changes = saving(in_use.ontology, DraftReader(in_use.ontology).concept(code, draft))
        return self._edit(in_use, changes, "ontology.concept_updated", code, comment)

    def delete_concept(self, code: str, version: str, comment: str = "") -> rows.OntologyVersion:
        """Take a concept out of the ontology in use; keys that have it show its code from then on.

        Raises
        ------
        NotFoundError, ConflictError, ValidationFailedError
            As `update_concept`; also while another concept builds on it.
        """
        in_use = self._to_edit(code, version)
        return self._edit(in_use, removing(in_use.ontology, code), "ontology.concept_deleted", code, comment)

    def restore_concept(self, change_id: int, comment: str = "") -> rows.OntologyVersion:
        """Make a concept again what it was before a change; raises what the change would bring about."""
        in_use = self._to_edit()
        change = self.change(change_id)
        if self.version(change.version_id).ontology_id != in_use.row.id:
            raise NotFoundError
        code, before = change.concept_id, in_use.ontology
        if change.before is not None:
            changes = saving(before, read_concept(code, change.before))
        else:
            changes = removing(before, code) if code in before else {}
        return self._edit(in_use, changes, "ontology.concept_restored", code, comment)

    def add(self, name: str, found: Imported, comment: str = "") -> rows.Ontology:
        """Keep an imported ontology beside the one in use, with what was wrong in its file."""
        shipped_line(self._session, self._clock, self._shipped)
        label, problems = line(name, "name", LONGEST_NAME)
        said, more = prose(comment, "comment", LONGEST_COMMENT)
        taken = self._session.exec(select(rows.Ontology.id).where(rows.Ontology.name == label)).first()
        if taken is not None:
            problems.append(FieldProblem(("name",), "ontology_name_taken"))
        same = select(rows.OntologyVersion.id).where(rows.OntologyVersion.version == found.ontology.version)
        if self._session.exec(same).first() is not None:
            problems.append(FieldProblem(("file",), "ontology_known"))
        if problems or more:
            raise ValidationFailedError([*problems, *more])
        imported = rows.Ontology(
            name=label,
            origin=OntologyOrigin.IMPORTED.value,
            author_id=self._actor.account_id,
            created_at=self._clock(),
        )
        self._session.add(imported)
        self._session.flush()
        add_whole(self._session, imported, found.ontology, VersionCause.IMPORT, **self._about(said))
        for fault in found.faults:
            self._session.add(
                rows.OntologyFault(
                    ontology_id=imported.id or 0,
                    place=fault.place,
                    code=fault.code,
                    details=list(fault.values),
                )
            )
        self._record("ontology.imported", imported, faults=len(found.faults))
        return imported

    def activate(self, ontology_id: int) -> rows.Ontology:
        """Put an ontology to use for the whole platform; administrators only. Twice changes nothing."""
        if not self._actor.is_admin:
            raise NotAllowedError
        chosen = self.get(ontology_id)
        if chosen.active:
            return chosen
        self._session.execute(update(rows.Ontology).values(active=False))
        chosen.active = True
        self._session.add(chosen)
        self._session.flush()
        self._record("ontology.activated", chosen)
        return chosen

    def settle(self, fault_id: int, decision: str) -> rows.OntologyFault:
        """Write down what was decided about a fault of an imported file; deciding again replaces it."""
        fault = self.fault(fault_id)
        said, problems = line(decision, "decision", LONGEST_COMMENT)
        if problems:
            raise ValidationFailedError(problems)
        fault.decision, fault.settled_by, fault.settled_at = said, self._actor.account_id, self._clock()
        self._session.add(fault)
        self._session.flush()
        self._record("ontology.fault_settled", self.get(fault.ontology_id), fault=fault_id)
        return fault

    def page(self, request: PageRequest) -> Page[rows.Ontology]:
        """Return a page of the ontologies, oldest first."""
        return page_of(self._session, select(rows.Ontology), [Sort(col(rows.Ontology.id))], request)

    def in_use(self) -> rows.Ontology:
        """Return the ontology in use; raises NotFoundError until one is stored."""
        found = self._session.exec(select(rows.Ontology).where(col(rows.Ontology.active))).first()
        if found is None:
            raise NotFoundError
        return found

    def versions(self, ontology_id: int, request: PageRequest) -> Page[rows.OntologyVersion]:
        """Return a page of an ontology's versions, newest first; raises NotFoundError."""
        self.get(ontology_id)
        versions = (
            select(rows.OntologyVersion)
            .where(rows.OntologyVersion.ontology_id == ontology_id)
            .options(WITHOUT_DOCUMENT)
        )
        return page_of(
            self._session, versions, [Sort(col(rows.OntologyVersion.id), descending=True)], request
        )

    def history(self, code: str, request: PageRequest) -> Page[rows.ConceptChange]:
        """Return a page of what became of a concept of the ontology in use, newest first."""
        changes = (
            select(rows.ConceptChange)
            .join(rows.OntologyVersion, col(rows.OntologyVersion.id) == col(rows.ConceptChange.version_id))
            .join(rows.Ontology, col(rows.Ontology.id) == col(rows.OntologyVersion.ontology_id))
            .where(rows.ConceptChange.concept_id == storable(code), col(rows.Ontology.active))
        )
        return page_of(self._session, changes, [Sort(col(rows.ConceptChange.id), descending=True)], request)

    def faults(self, ontology_id: int, request: PageRequest, *, open_only: bool) -> Page[rows.OntologyFault]:
        """Return a page of what was wrong in an ontology's file, in its order; raises NotFoundError."""
        self.get(ontology_id)
        faults = select(rows.OntologyFault).where(rows.OntologyFault.ontology_id == ontology_id)
        if open_only:
            faults = faults.where(col(rows.OntologyFault.settled_at).is_(None))
        return page_of(self._session, faults, [Sort(col(rows.OntologyFault.id))], request)

    def version(self, version_id: int) -> rows.OntologyVersion:
        """Return one version; raises NotFoundError."""
        return self._found(rows.OntologyVersion, version_id)

    def change(self, change_id: int) -> rows.ConceptChange:
        """Return one change; raises NotFoundError."""
        return self._found(rows.ConceptChange, change_id)

    def fault(self, fault_id: int) -> rows.OntologyFault:
        """Return one fault; raises NotFoundError."""
        return self._found(rows.OntologyFault, fault_id)

    def _to_edit(self, code: str | None = None, version: str | None = None) -> _InUse:
        """Return the ontology in use, kept from others until the transaction ends.

        Raises NotFoundError for a code it lacks, ConflictError for one that was changed since a version.
        """
        shipped_line(self._session, self._clock, self._shipped)
        locked = select(rows.Ontology).where(col(rows.Ontology.active)).with_for_update()
        row = self._session.exec(locked).one()
        ontology = latest_ontology(self._session, row.id or 0)
        if code is not None:
            if code not in ontology:
                raise NotFoundError
            if version != ontology.version and not self._unchanged_since(row, code, version or ""):
                raise ConflictError("stale_concept")
        return _InUse(row, ontology)

    def _unchanged_since(self, in_use: rows.Ontology, code: str, version: str) -> bool:
        known = select(rows.OntologyVersion.id).where(
            rows.OntologyVersion.version == storable(version),
            rows.OntologyVersion.ontology_id == in_use.id,
        )
        read_in = self._session.exec(known).first()
        if read_in is None:
            return False
        later = (
            select(func.count())
            .select_from(rows.OntologyVersion)
            .outerjoin(rows.ConceptChange, col(rows.ConceptChange.version_id) == rows.OntologyVersion.id)
            .where(
                rows.OntologyVersion.ontology_id == in_use.id,
                col(rows.OntologyVersion.id) > read_in,
                (col(rows.ConceptChange.concept_id) == code)
                | (col(rows.OntologyVersion.cause) == VersionCause.RELEASE.value),
            )
        )
        return self._session.exec(later).one() == 0

    def _edit(
        self, in_use: _InUse, changes: Changes, action: str, code: str, comment: str
    ) -> rows.OntologyVersion:
        if not changes:
            return latest_version(self._session, in_use.row.id or 0)
        said, problems = prose(comment, "comment", LONGEST_COMMENT)
        gone = [each for each, now in changes.items() if now is None]
        if gone and in_open_session(self._session, gone[0]):
            problems.append(FieldProblem(("id",), "concept_in_open_session"))
        if problems:
            raise ValidationFailedError(problems)
        try:
            version = add_edit(self._session, in_use.row, in_use.ontology, changes, **self._about(said))
        except OntologyError as error:
            concept = changes.get(code)
            raise ValidationFailedError(
                list(dict.fromkeys(problem_of(each, concept, in_use.ontology) for each in error.faults))
            ) from None
        self._record(action, in_use.row, concept=code, version=version.version)
        return version

    def _found(self, table: type[R], key: int) -> R:
        row = self._session.get(table, key)
        if row is None:
            raise NotFoundError
        return row

    def _about(self, comment: str) -> dict[str, object]:
        return {"comment": comment, "author_id": self._actor.account_id, "created_at": self._clock()}

    def _record(self, action: str, ontology: rows.Ontology, **detail: object) -> None:
        Audit(self._session, self._clock, self._actor).record(action, "Ontology", ontology.id, **detail)
