import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.language.normalising import fold, plain, stem
from ml.language.tokens import tokenise


def test_folding_drops_accents_and_unfolds_ligatures() -> None:
    assert plain("Œdème  «’´» 2ᵉ") == "oedeme «''» 2e"


@given(st.text(max_size=200))
def test_every_folded_character_knows_where_it_came_from(text: str) -> None:
    folded = fold(text)

    assert len(folded.text) == len(folded.origin)
    assert list(folded.origin) == sorted(folded.origin)
    assert all(0 <= index < len(text) for index in folded.origin)


@pytest.mark.parametrize(
    "one, other",
    [
        ("ventriculaires", "ventriculaire"),
        ("normaux", "normal"),
        ("normale", "normal"),
        ("negative", "negatif"),
        ("negatives", "negatifs"),
        ("bloquee", "bloque"),
        ("waves", "wave"),
        ("fins", "fin"),
    ],
)
def test_endings_of_number_and_gender_do_not_matter(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    "one, other", [("droit", "gauche"), ("st", "s"), ("hyper", "hypo"), ("long", "court")]
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    "text, keys",
    [
        ("BAV2M2", ["bav", "2", "m", "2"]),
        ("BAV III", ["bav", "3"]),
        ("bloc auriculo-ventriculaire", ["bav"]),
        ("AV block", ["bav"]),
        ("onde T", ["ondet"]),
        ("T waves", ["ondet"]),
        ("sus-décalage", ["susdecalag"]),
        ("ST+", ["st+"]),
        ("BAV 2/1.", ["bav", "2:1", "."]),
        ("1er degré", ["1", "degr"]),
        ("de V1-V6", ["de", "v1", "v6"]),
    ],
)
def test_words_are_cut_the_way_people_mean_them(text: str, keys: list[str]) -> None:
    assert [token.key for token in tokenise(text)] == keys


def test_tokens_know_their_place_in_the_text_as_given() -> None:
    text = "Œil, e\u0301tendu"
    tokens = tokenise(text)

    assert [text[token.start : token.end] for token in tokens] == ["Œil", ",", "e\u0301tendu"]
