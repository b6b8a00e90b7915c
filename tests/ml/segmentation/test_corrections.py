"""Maps that readers confirmed, as the network learns from them: which count, which are left out."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ml.corrections import VOLUMES, CorrectionsError, TooFewOpinionsError
from ml.segmentation.corrections import read_exams
from ml.segmentation.dataset import IMAGES, Exam, load
from ml.segmentation.phantoms import write_phantoms
from tests.support.volumes import label_map, nifti


@dataclass(frozen=True)
class Site:
    """A folder of exams to learn from first, and of others that readers saw."""

    first: Sequence[Exam]
    seen: Sequence[Exam]
    folder: Path

    def write(self, *lines: dict[str, Any]) -> Path:
        """Write a file whose volumes lie beside it."""
        path = self.folder / "corrections.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
        return path

    def line(self, exam: Exam, reader: str, label: str | None = "") -> dict[str, Any]:
        """Return an opinion on an exam, by default that its own map is right."""
        keys = [self.keep(each) for each in (*exam.images, exam.labels)]
        images = dict(zip(IMAGES, keys, strict=False))
        said = keys[-1] if label == "" else label
        return {"family": "segmentation", "reader": reader, "label": said, "images": images}

    def keep(self, path: Path) -> str:
        """Put a file beside it and return its key."""
        key = hashlib.sha256(path.read_bytes()).hexdigest()
        target = self.folder / VOLUMES / key
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
        return key


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("corrections")
    write_phantoms(folder / "first", 2, seed=1)
    write_phantoms(folder / "seen", 3, seed=2)
    return Site(load(folder / "first", IMAGES), load(folder / "seen", IMAGES), folder)


def test_a_map_that_readers_confirmed_is_learnt_with_its_images(site: Site) -> None:
    path = site.write(*(site.line(site.seen[0], reader) for reader in "ab"), site.line(site.seen[1], "a"))
    found = read_exams(path, IMAGES, site.first, 3)
    assert [each.weight for each in found.settled] == [2, 1]
    volumes, codes = found.settled[0].about.volumes()
    assert len(volumes) == len(IMAGES)
    assert (codes == site.seen[0].volumes()[1]).all()
    assert (found.opinions, found.unusable) == (3, 0)


def test_readers_who_confirm_different_maps_of_the_same_images_decide_by_majority(site: Site) -> None:
    other = site.line(site.seen[1], "x")["label"]
    ours = [site.line(site.seen[0], reader) for reader in "ab"]
    found = read_exams(site.write(*ours, site.line(site.seen[0], "c", other)), IMAGES, site.first, 1)
    assert [(each.label, each.weight) for each in found.settled] == [(ours[0]["label"], 1)]
    tied = read_exams(site.write(ours[0], site.line(site.seen[0], "c", other)), IMAGES, site.first, 1)
    assert (len(tied.settled), tied.tied) == (0, 1)


def test_an_opinion_without_a_map_is_counted_and_does_not_reach_the_minimum(site: Site) -> None:
    silent = {"family": "segmentation", "reader": "d", "label": None}
    path = site.write(site.line(site.seen[0], "a"), silent, silent)
    found = read_exams(path, IMAGES, site.first, 1)
    assert (found.opinions, found.unusable) == (1, 2)
    assert found.lineage("4")["feedback_unusable"] == 2
    with pytest.raises(TooFewOpinionsError, match="1 opinions, at least 2"):
        read_exams(path, IMAGES, site.first, 2)


def test_a_map_on_other_voxels_or_without_an_image_the_network_is_shown_tells_nothing(site: Site) -> None:
    elsewhere = site.folder / "elsewhere.nii.gz"
    elsewhere.write_bytes(nifti(label_map()))
    other = site.line(site.seen[0], "a", site.keep(elsewhere))
    lacking = site.line(site.seen[1], "a")
    del lacking["images"]["t1c"]
    found = read_exams(site.write(other, lacking, site.line(site.seen[2], "a")), IMAGES, site.first, 1)
    assert (found.opinions, found.unusable, len(found.settled)) == (1, 2, 1)


def test_what_is_of_the_first_data_already_is_not_learnt_twice_nor_held_out_and_learnt(site: Site) -> None:
    path = site.write(site.line(site.first[0], "a"), site.line(site.seen[0], "a"))
    found = read_exams(path, IMAGES, site.first, 2)
    assert len(found.settled) == 1
    assert found.settled[0].about.fingerprints() == site.seen[0].fingerprints()


@pytest.mark.parametrize("key", ["../../etc/passwd", "a/b", ""])
def test_a_key_that_leads_elsewhere_is_refused_with_its_line(site: Site, key: str) -> None:
    bad = site.line(site.seen[0], "a") | {"images": {"flair": key, "t1c": key}}
    with pytest.raises(CorrectionsError, match=r"corrections\.jsonl:1"):
        read_exams(site.write(bad), IMAGES, site.first, 1)
