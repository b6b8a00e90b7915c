"""The versions of ontologies as rows: read back, added to, and joined with what a release ships."""

import logging
from typing import Any

from sqlmodel import Session, col, select

from ml.language.checking import OntologyError
from ml.language.documents import concept_document, ontology_document
from ml.language.editing import Changes, changed
from ml.language.ontology import Ontology, ontology_of
from schema.models import ontologies as rows
from schema.models.ontologies import OntologyOrigin, VersionCause
from schema.services.clock import Clock

SHIPPED_NAME = "Chevet"

log = logging.getLogger(__name__)


def latest_version(session: Session, ontology_id: int) -> rows.OntologyVersion:
    """Return the newest version of an ontology."""
    newest = select(rows.OntologyVersion).where(rows.OntologyVersion.ontology_id == ontology_id)
    return session.exec(newest.order_by(col(rows.OntologyVersion.id).desc()).limit(1)).one()


def latest_ontology(session: Session, ontology_id: int) -> Ontology:
    """Return an ontology as it stands; raises OntologyError where this release finds faults in it."""
    version = col(rows.OntologyVersion.id)
    ours = select(rows.OntologyVersion).where(rows.OntologyVersion.ontology_id == ontology_id)
    whole = ours.where(col(rows.OntologyVersion.document).is_not(None)).order_by(version.desc()).limit(1)
    root = session.exec(whole).one()
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
    """Return the row of the ontology this release ships, stored or joined with the platform's edits.

    Where the two do not go together, the platform keeps its own and the log says why.
    """
    line = session.exec(
        select(rows.Ontology).where(rows.Ontology.origin == OntologyOrigin.SHIPPED.value).with_for_update()
    ).first()
    if line is None:
        line = rows.Ontology(
            name=SHIPPED_NAME, origin=OntologyOrigin.SHIPPED.value, active=True, created_at=clock()
        )
        session.add(line)
        session.flush()
        add_whole(session, line, shipped, VersionCause.RELEASE, release=shipped.version, created_at=clock())
    elif not _is_taken_up(session, line, shipped):
        _take_up(session, clock, line, shipped)
    return line


def _is_taken_up(session: Session, line: rows.Ontology, shipped: Ontology) -> bool:
    release = select(rows.OntologyVersion.id).where(
        rows.OntologyVersion.ontology_id == line.id, rows.OntologyVersion.release == shipped.version
    )
    return session.exec(release).first() is not None


def _take_up(session: Session, clock: Clock, line: rows.Ontology, shipped: Ontology) -> None:
    ours = latest_ontology(session, line.id or 0)
    root = session.exec(
        select(rows.OntologyVersion)
        .where(rows.OntologyVersion.ontology_id == line.id, col(rows.OntologyVersion.document).is_not(None))
        .order_by(col(rows.OntologyVersion.id).desc())
        .limit(1)
    ).one()
    before = (root.document or {})["concepts"]
    edited = {each.id: each for each in ours.concepts if before.get(each.id) != concept_document(each)}
    gone = {each: None for each in before if each not in ours and each in shipped}
    number = max(shipped.number, ours.number + 1) if edited or gone else shipped.number
    try:
        joined = changed(shipped, {**edited, **gone}, number)
    except OntologyError as error:
        log.warning(
            "the ontology shipped, %s, does not go with the platform's edits, which stay: %s",
            shipped.version,
            "; ".join(map(str, error.faults)),
        )
        return
    add_whole(session, line, joined, VersionCause.RELEASE, release=shipped.version, created_at=clock())


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
