"""A shelf of one ontology for tests that switch none."""

from typing import cast

from ml.language.ontology import Ontology
from schema.database import Database
from schema.services.matching import CachedMatcher
from schema.services.shelf import Matchers, Shelf


def fixed_shelf(matcher: CachedMatcher, ontology: Ontology) -> Shelf:
    """Return a shelf that reads with this matcher and never looks at a database."""
    return Shelf(cast("Database", None), ontology, lambda _: Matchers(matcher, matcher))
