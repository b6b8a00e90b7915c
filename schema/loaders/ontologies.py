"""What the API shows beside an ontology, a version and a change."""

from sqlmodel import Session, col, func, select

from schema.loaders.grouping import grouped
from schema.models import ontologies as rows
from schema.services.editions import WITHOUT_DOCUMENT


def latest_versions(session: Session, keys: list[int]) -> list[rows.OntologyVersion]:
    """Return each ontology's newest version."""
    newest = (
        select(func.max(rows.OntologyVersion.id))
        .where(col(rows.OntologyVersion.ontology_id).in_(keys))
        .group_by(col(rows.OntologyVersion.ontology_id))
    )
    versions = select(rows.OntologyVersion).where(col(rows.OntologyVersion.id).in_(newest))
    found = session.exec(versions.options(WITHOUT_DOCUMENT))
    by_ontology = {each.ontology_id: each for each in found}
    return [by_ontology[key] for key in keys]


def open_fault_counts(session: Session, keys: list[int]) -> list[int]:
    """Return how many faults of each ontology nobody has settled."""
    counted = (
        select(rows.OntologyFault.ontology_id, func.count())
        .where(col(rows.OntologyFault.ontology_id).in_(keys), col(rows.OntologyFault.settled_at).is_(None))
        .group_by(col(rows.OntologyFault.ontology_id))
    )
    counts = dict(session.exec(counted).all())
    return [counts.get(key, 0) for key in keys]


def changes_of_versions(session: Session, keys: list[int]) -> list[list[rows.ConceptChange]]:
    """Return what each version made of concepts, in the order it was made."""
    changes = select(rows.ConceptChange).where(col(rows.ConceptChange.version_id).in_(keys))
    return grouped(session.exec(changes.order_by(col(rows.ConceptChange.id))), "version_id", keys)


def versions_by_id(session: Session, keys: list[int]) -> list[rows.OntologyVersion]:
    """Return each version; a foreign key vouches for each."""
    versions = select(rows.OntologyVersion).where(col(rows.OntologyVersion.id).in_(keys))
    found = session.exec(versions.options(WITHOUT_DOCUMENT))
    by_id = {each.id: each for each in found}
    return [by_id[key] for key in keys]
