"""What comes with the program: of every family its one champion, known by its digest."""

import pytest

from ml.judging.learnt import learnt
from ml.registry.manifest import MANIFEST
from ml.registry.predictor import FAMILIES, load
from ml.registry.shipped import DIGESTS, PRETRAINED, shipped


def test_nothing_lies_beside_the_champions_of_known_families() -> None:
    lines = (PRETRAINED / DIGESTS).read_text(encoding="ascii").splitlines()
    families = [line.split()[1].partition("/")[0] for line in lines]
    assert sorted(each.name for each in PRETRAINED.iterdir()) == sorted([DIGESTS, "learnt", *families])
    assert set(families) <= set(FAMILIES)


def test_of_each_it_is_known_what_it_learnt_from() -> None:
    for family in FAMILIES:
        artefact = shipped(family)
        assert artefact is None or learnt(artefact)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_that_is_there_loads_and_answers_as_the_model_it_was_made_of(family: str) -> None:
    artefact = shipped(family)
    assert artefact is not None or family == "segmentation", "of phantoms it would have learnt alone"
    if artefact is not None:
        assert artefact.manifest.family == family
        there = {each.name for each in artefact.folder.iterdir()}
        assert there == {*artefact.manifest.files, MANIFEST}, "no site's seal, least of all"
        assert load(artefact).verify_examples() < 1e-5
