"""The versions of ontologies as rows: read back, added to, and joined with what a release ships."""

import logging
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, select

from ml.language.checking import OntologyError
from ml.language.documents import concept_document, ontology_document
from ml.language.editing import Changes, changed
from ml.language.ontology import Ontology, ontology_of
from schema.models import ontologies as rows
from schema.models.ontologies import OntologyOrigin, VersionCause
from schema.services.clock import Clock

SHIPPED_NAME = "Chevet"
WHOLE_EVERY = 100
"""Edits after which one is stored whole, so that reading stays as fast as it was."""
WITHOUT_DOCUMENT: Any = defer(col(rows.OntologyVersion.document))  # type: ignore[arg-type]
"""For lists of versions: a document has 200 kB."""

log = logging.getLogger(__name__)


def latest_version(session: Session, ontology_id: int) -> rows.OntologyVersion:
    """Return the newest version of an ontology."""
    newest = select(rows.OntologyVersion).where(rows.OntologyVersion.ontology_id == ontology_id)
    ordered = newest.order_by(col(rows.OntologyVersion.id).desc()).limit(1)
    return session.exec(ordered.options(WITHOUT_DOCUMENT)).one()


def latest_ontology(session: Session, ontology_id: int) -> Ontology:
    """Return an ontology as it stands; raises OntologyError where this release finds faults in it."""
    root = _newest_whole(session, ontology_id)
    version = col(rows.OntologyVersion.id)
    edits = (
        select(rows.ConceptChange)
        .join(rows.OntologyVersion, version == col(rows.ConceptChange.version_id))
        .where(rows.OntologyVersion.ontology_id == ontology_id, version > (root.id or 0))
        .order_by(version, col(rows.ConceptChange.id))
    )
    concepts = dict((root.document or {})["concepts"])
    for edit in session.exec(edits):
        if edit.after is None:
            concepts.pop(edit.concept_id, None)
        else:
            concepts[edit.concept_id] = edit.after
    number = latest_version(session, ontology_id).number
    return ontology_of({"version": number, "concepts": concepts})


def add_edit(
    session: Session, line: rows.Ontology, before: Ontology, changes: Changes, **about: Any
) -> rows.OntologyVersion:
    """Store what became of an ontology by some changes; raises OntologyError with the faults they bring."""
    after = changed(before, changes, before.number + 1)
    if _edits_since_whole(session, line) >= WHOLE_EVERY:
        about["document"] = ontology_document(after.concepts, after.number)
    version = _version(line, after, VersionCause.EDIT, **about)
    session.add(version)
    session.flush()
    for identifier, concept in changes.items():
        was = concept_document(before.concept(identifier)) if identifier in before else None
        now = concept_document(concept) if concept else None
        session.add(
            rows.ConceptChange(version_id=version.id or 0, concept_id=identifier, before=was, after=now)
        )
    session.flush()
    return version


def add_whole(
    session: Session, line: rows.Ontology, ontology: Ontology, cause: VersionCause, **about: Any
) -> rows.OntologyVersion:
    """Store an ontology as it was shipped or imported."""
    document = ontology_document(ontology.concepts, ontology.number)
    version = _version(line, ontology, cause, document=document, **about)
    session.add(version)
    session.flush()
    return version


def shipped_line(session: Session, clock: Clock, shipped: Ontology) -> rows.Ontology:
    """Return the row of the ontology that came with the platform, stored if it is not there yet."""
    line = _shipped(session)
    if line is not None:
        return line
    try:
        with session.begin_nested():
            line = rows.Ontology(
                name=SHIPPED_NAME, origin=OntologyOrigin.SHIPPED.value, active=True, created_at=clock()
            )
            session.add(line)
            session.flush()
            about = {"release": shipped.version, "created_at": clock()}
            add_whole(session, line, shipped, VersionCause.RELEASE, **about)
    except IntegrityError:  # another process has stored it at the same moment
        line = _shipped(session)
        if line is None:
            raise
    return line


def take_up(session: Session, clock: Clock, shipped: Ontology) -> None:
    """Store what this release ships and make the platform's edits to it again.

    Where the two do not go together, the platform keeps its own and the log says why.
    """
    line = shipped_line(session, clock, shipped)
    known = select(rows.OntologyVersion.id).where(
        rows.OntologyVersion.ontology_id == line.id, rows.OntologyVersion.release == shipped.version
    )
    if session.exec(known).first() is not None:
        return
    try:
        with session.begin_nested():
            _join(session, clock, line, shipped)
    except OntologyError as error:
        log.warning(
            "the ontology shipped, %s, does not go with the platform's edits, which stay: %s",
            shipped.version,
            "; ".join(map(str, error.faults)),
        )


def _join(session: Session, clock: Clock, line: rows.Ontology, shipped: Ontology) -> None:
    ours = latest_ontology(session, line.id or 0)
    released = _newest_whole(session, line.id or 0, VersionCause.RELEASE)
    before = (released.document or {})["concepts"]
    edited = {each.id: each for each in ours.concepts if before.get(each.id) != concept_document(each)}
    gone = {each: None for each in before if each not in ours and each in shipped}
    numbered = Ontology(shipped.concepts, number=max(shipped.number, ours.number + 1))
    about = {"release": shipped.version, "created_at": clock()}
    add_whole(session, line, numbered, VersionCause.RELEASE, **about)
    if edited or gone:
        add_edit(session, line, numbered, {**edited, **gone}, created_at=clock())


def _shipped(session: Session) -> rows.Ontology | None:
    origin = rows.Ontology.origin == OntologyOrigin.SHIPPED.value
    return session.exec(select(rows.Ontology).where(origin).with_for_update()).first()


def _newest_whole(
    session: Session, ontology_id: int, cause: VersionCause | None = None
) -> rows.OntologyVersion:
    whole = select(rows.OntologyVersion).where(
        rows.OntologyVersion.ontology_id == ontology_id, col(rows.OntologyVersion.document).is_not(None)
    )
    if cause is not None:
        whole = whole.where(rows.OntologyVersion.cause == cause.value)
    return session.exec(whole.order_by(col(rows.OntologyVersion.id).desc()).limit(1)).one()


def _edits_since_whole(session: Session, line: rows.Ontology) -> int:
    ours = rows.OntologyVersion.ontology_id == line.id
    whole = col(rows.OntologyVersion.document).is_not(None)
    newest = select(func.max(rows.OntologyVersion.id)).where(ours, whole).scalar_subquery()
    later = select(func.count()).select_from(rows.OntologyVersion)
    return session.exec(later.where(ours, col(rows.OntologyVersion.id) > newest)).one()


def _version(
    line: rows.Ontology, ontology: Ontology, cause: VersionCause, **about: Any
) -> rows.OntologyVersion:
    return rows.OntologyVersion(
        ontology_id=line.id or 0,
        version=ontology.version,
        number=ontology.number,
        cause=cause.value,
        concept_count=len(ontology.concepts),
        **about,
    )
