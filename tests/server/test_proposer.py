"""Where a language model may help, and where it never does."""

from pathlib import Path

import pytest

from ml.language.matching import EmbeddedMatcher
from ml.language.ontology import load_ontology
from server.app import close_services, wire_services
from server.settings import load_settings
from server.signing import Signer


@pytest.mark.parametrize(
    "given",
    [{"openai_base_url": "http://127.0.0.1:9/v1"}, {"openai_api_key": "k" * 20}],
    ids=["a local endpoint without a key", "a key for the provider's own"],
)
def test_a_language_model_helps_teachers_and_never_reads_students(
    given: dict[str, str], tmp_path: Path
) -> None:
    settings = load_settings(None, data_dir=tmp_path, **given)
    services = wire_services(settings, Signer(settings.secret))
    try:
        assert services.proposer.version != services.matcher.version
        assert services.matcher.version == EmbeddedMatcher(load_ontology()).version
    finally:
        close_services(services)


def test_an_unreachable_language_model_leaves_the_rules_reading_and_is_asked_again(tmp_path: Path) -> None:
    settings = load_settings(None, data_dir=tmp_path, openai_base_url="http://127.0.0.1:9/v1")
    services = wire_services(settings, Signer(settings.secret))
    try:
        first = services.proposer.match("Fibrillation atriale", "fr")
        again = services.proposer.match("Fibrillation atriale", "fr")
    finally:
        close_services(services)
    assert [claim.concept for claim in first.reading.claims] == ["ATRIAL_FIBRILLATION"]
    assert not again.cached
