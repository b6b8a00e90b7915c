"""Find text in a picture that may identify somebody, whichever way the page was held."""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from ml.ecg.burned_in import tesseract
from ml.ecg.burned_in.found import Found, Region, Search
from ml.ecg.burned_in.identifying import Suspect, suspects
from ml.ecg.burned_in.letters import only_letters
from ml.ecg.burned_in.tesseract import Word

MOST_REGIONS = 40
_TURNS = (0, 90, 270, 180)
"""In which a page is read, counterclockwise, the next while much of it is not read yet."""
_UNREAD_LETTERS = 12
_LETTER_PX = 9
_WELL_READ = 60
_TURNED_SURE, _TURNED_SHORTEST = 70, 4
"""How surely a word on its side is read at least, and how long: curves look like short words from there."""
_WORDS_OF_A_PAGE = 5
"""Such words that a page has which lies that way as a whole: then short ones count too."""


def find(picture: Image.Image) -> Found:
    """Return the parts of a picture, in mode L or RGB, whose text may identify somebody."""
    if not tesseract.is_installed():
        return Found(Search.NOT_INSTALLED)
    unread = only_letters(picture)
    found = list[Region]()
    if not _letters(unread):
        return Found(Search.DONE)
    try:
        for turn in _TURNS:
            if turn and _letters(unread) < _UNREAD_LETTERS:
                break
            turned = unread.rotate(turn, expand=True)
            words = tesseract.read(turned)
            sure, shortest = (_TURNED_SURE, _TURNED_SHORTEST) if turn and not _lies_so(words) else (0, 1)
            parts = suspects(words, least_confidence=sure, shortest=shortest)
            found += [_region(part, turned.size, turn) for part in parts]
            unread = _without(words, turned).rotate(-turn, expand=True)
    except tesseract.UnreadError:
        return Found(Search.FAILED)
    return Found(Search.DONE, _few(found))


def _lies_so(words: list[Word]) -> bool:
    """Say whether a page was held this way: many words are read surely, and not only pieces of curves."""
    sure = [word for word in words if word.confidence >= _TURNED_SURE and len(word.text) >= _TURNED_SHORTEST]
    return len(sure) >= _WORDS_OF_A_PAGE


def _letters(picture: Image.Image) -> int:
    """Return how many pieces are as high or wide as letters."""
    labels, _ = ndimage.label(np.asarray(picture) < 160)
    sizes = [[side.stop - side.start for side in piece] for piece in ndimage.find_objects(labels)]
    return sum(max(size) >= _LETTER_PX for size in sizes)


def _without(words: list[Word], picture: Image.Image) -> Image.Image:
    """Return a picture without what is read well."""
    rest = picture.copy()
    draw = ImageDraw.Draw(rest)
    for word in words:
        if word.confidence >= _WELL_READ and len(word.text) > 1:
            draw.rectangle((word.left - 2, word.top - 2, word.right + 2, word.bottom + 2), fill=255)
    return rest


def _region(part: Suspect, size: tuple[int, int], turn: int) -> Region:
    """Return a part as shares of the picture before it was turned counterclockwise."""
    width, height = size
    left, right = (min(max(side / width, 0), 1) for side in (part.left, part.right))
    top, bottom = (min(max(side / height, 0), 1) for side in (part.top, part.bottom))
    turned = {
        0: (left, top, right, bottom),
        90: (1 - bottom, left, 1 - top, right),
        180: (1 - right, 1 - bottom, 1 - left, 1 - top),
        270: (top, 1 - right, bottom, 1 - left),
    }[turn]
    return Region(part.kind, *(round(side, 5) for side in turned))


def _few(regions: list[Region]) -> tuple[Region, ...]:
    """Return regions in reading order; where they are very many, one around all but the first."""
    ordered = sorted(regions, key=lambda each: (round(each.top, 2), each.left))
    if len(ordered) <= MOST_REGIONS:
        return tuple(ordered)
    rest = ordered[MOST_REGIONS - 1 :]
    around = Region(
        rest[0].kind,
        min(each.left for each in rest),
        min(each.top for each in rest),
        max(each.right for each in rest),
        max(each.bottom for each in rest),
    )
    return (*ordered[: MOST_REGIONS - 1], around)
