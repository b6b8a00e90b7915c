import pytest

from ml.language.normalising import fold
from ml.language.territories import lead_groups, territories_of
from ml.language.types import Span


@pytest.mark.parametrize(
    "text, expected",
    [
        ("V1-V6", ["TERRITORY_ANTERIOR_EXTENSIVE"]),
        ("V1 à V6", ["TERRITORY_ANTERIOR_EXTENSIVE"]),
        ("V1, V2", ["TERRITORY_SEPTAL"]),
        ("V1-V3", ["TERRITORY_ANTEROSEPTAL"]),
        ("V1-V4", ["TERRITORY_ANTERIOR"]),
        ("V2 et V3", ["TERRITORY_ANTERIOR"]),
        ("V5-V6", ["TERRITORY_LATERAL"]),
        ("V4,V5,V6", ["TERRITORY_LATERAL"]),
        ("DI-aVL", ["TERRITORY_HIGH_LATERAL"]),
        ("V5, V6, D1 et aVL", ["TERRITORY_LATERAL"]),
        ("DII, DIII, aVF", ["TERRITORY_INFERIOR"]),
        ("II, III and aVF", ["TERRITORY_INFERIOR"]),
        ("D2 D3 VF", ["TERRITORY_INFERIOR"]),
        ("V7-V9", ["TERRITORY_POSTERIOR"]),
        ("V3R-V4R", ["TERRITORY_RIGHT_VENTRICLE"]),
        ("DI, DII", []),
        ("V1-V4, DII et DIII", ["TERRITORY_ANTERIOR", "TERRITORY_INFERIOR"]),
    ],
)
def test_a_group_of_leads_names_its_territories(text: str, expected: list[str]) -> None:
    (group,) = lead_groups(fold(text))

    assert list(group.territories) == expected
    assert group.span == Span(0, len(text))


@pytest.mark.parametrize("text", ["en V1", "DIII", "aVR", "BAV II", "Mobitz 2"])
def test_a_lead_alone_is_no_group(text: str) -> None:
    assert lead_groups(fold(text)) == ()


def test_the_order_leads_are_named_in_does_not_matter() -> None:
    (group,) = lead_groups(fold("V6-V1"))

    assert group.territories == territories_of(frozenset({"v1", "v2", "v3", "v4", "v5", "v6"}))
