"""docs/api.md tells other people's programmers figures: they must be ours."""

import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from schema import cost, documents, pagination
from schema.permissions import CODES
from schema.services import metering, trusted_documents
from server import asking, graphql, graphql_socket
from server.settings import Settings
from tests.schema.conftest import the_schema

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
LIMITS = {
    "cost, points": cost.MOST_COST,
    "document, characters": documents.LONGEST_DOCUMENT,
    "document, tokens": documents.MOST_TOKENS,
    "document, operations and fragments": cost.MOST_DEFINITIONS,
    "fields, fragments counted as often as they are reached": cost.MOST_FIELDS,
    "one field of one object, repeated": cost.MOST_REPEATS,
    "fields within one another": cost.MOST_DEPTH,
    "root fields": cost.MOST_ROOTS,
    "aliases": cost.MOST_ALIASES,
    "directives": cost.MOST_DIRECTIVES,
    "directives at one place": cost.MOST_DIRECTIVES_AT_ONE_PLACE,
    "validation errors told": documents.MOST_FAULTS,
    "body without files, bytes": graphql.MAX_DOCUMENT,
    "requests of one client under way in one process": graphql.MOST_AT_ONCE,
    "execution, seconds": asking.LONGEST_EXECUTION_S,
}
SENTENCES = [
    f"1 to {pagination.MAX_PAGE} objects, {pagination.DEFAULT_PAGE} when left out",
    f"is {cost.CALL} points more; {cost.READING:,} where a text is read, {cost.HASHING:,} where",
    f"else {cost.LIST}, and {cost.LISTS['Case.revisions']} for",
    f"on « Mon compte », at most {trusted_documents.MAX_DOCUMENTS};",
    f"refused unread is {metering.REFUSED} points",
    f"A token has {Settings.model_fields['api_points'].default:,} points",
    f"At most {graphql.MOST_SOCKETS} sockets of a client in one process, {graphql.MAX_OPERATIONS} operations",
    f"{graphql_socket.MOST_MESSAGES} messages in {graphql_socket.MESSAGES_S:.0f} seconds",
]


def operations() -> list[str]:
    """Return what the page shows of GraphQL: indented, from its first word to the brace that closes it."""
    code = re.findall(r"^    (?:query|mutation|subscription)\b.*(?:\n {4,}.*)*", PAGE, re.MULTILINE)
    return [each for block in code for each in re.split(r"\n    (?=query|mutation|subscription)", block)]


def test_every_operation_that_is_shown_is_one() -> None:
    schema = build_schema(the_schema().as_str())
    [refused] = re.findall(r"^    (fragment Refused .*)$", PAGE, re.MULTILINE)
    assert len(operations()) > 20
    for text in operations():
        shown = re.sub(r"\n    (?:curl|fragment|\{).*", "", text)
        whole = f"{shown}\n{refused}" if "...Refused" in shown else shown
        assert validate(schema, parse(whole)) == [], shown


def test_every_limit_is_told_as_it_is() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE)
    assert {name: int(most.replace(",", "")) for name, most in rows} == LIMITS


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_price_is_told_as_it_is(sentence: str) -> None:
    assert sentence in " ".join(PAGE.split())


@pytest.mark.parametrize("points", [cost.READING, cost.HASHING])
def test_every_field_that_is_dear_is_named_with_its_price(points: int) -> None:
    [row] = re.findall(rf"^\| {points:,} \| (.+) \|$", PAGE, re.MULTILINE)
    dear = [name for name in cost.DEAR if cost.DEAR[name] == points]
    told = {re.sub("^(Query|Mutation)[.]", "", name) for name in dear}
    assert set(re.findall(r"`([A-Za-z.]+)`", row)) == told


def test_every_code_of_an_error_is_told() -> None:
    told = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", PAGE, re.MULTILINE))
    in_results = {"CONFLICT"}  # a member of a mutation's union
    assert told == set(CODES.values()) - in_results | set(graphql.STATUS) | {
        "HTTP_405",
        "HTTP_413",
        "TOO_MUCH",
        "INTERNAL",
        "PERSISTED_QUERY_NOT_FOUND",
    }
