"""How much of what names a patient is found on made-up pages, and how often a harmless page is held."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ml.ecg.burned_in.finding import find
from ml.ecg.burned_in.found import Region
from ml.ecg.rendering import render
from ml.ecg.signal import Signal

COVERED = 0.9
"""The share of an identifier's ink that must lie in what is found for it to count as found."""
CONDITIONS = (
    "clean",
    "blurred, JPEG",
    "grey",
    "one bit",
    "rotated 2°",
    "photograph",
    "on its side",
    "upside down",
    "over the grid",
    "coloured",
    "light on dark",
)
_SURNAMES = (
    *("LEFÈVRE", "PETIT", "NGUYEN", "D'ALMEIDA", "LE GOFF", "MÜLLER-ROCHE", "KOWALCZYK", "BENAÏSSA", "ÇELIK"),
    *("DE LA TOUR", "ROUX", "GARCIA", "O'CONNOR", "TRAORÉ", "FAURE", "BLANC", "VANDENBERGHE", "LY", "DUBOIS"),
    *("SAINT-ANDRÉ", "MOREAU", "KERVELLA", "HADDAD"),
)
_GIVEN = (
    *("Amélie", "Jean-Pierre", "Oumar", "Zoé", "Théophile", "Marie-Louise", "Rose", "Sébastien", "Chloé"),
    *("Anne", "Youssef", "Inès", "Gérard", "Françoise", "Léo", "Émile", "Fatoumata", "Guy", "Océane"),
)
_TOWNS = ("Brest", "Villeurbanne", "Saint-Étienne", "Nîmes", "Le Havre", "Épinal")
_STREETS = ("rue des Lilas", "avenue Jean Jaurès", "boulevard de la République", "impasse du Four")
_MONTHS = ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."]
_HARMLESS = (
    ("25 mm/s   10 mm/mV   0,05-150 Hz", "FC 72 bpm", "PR 164 ms", "QRS 92 ms", "QT/QTc 388/412 ms"),
    ("Axes P-R-T  45 30 22", "Rythme sinusal", "ECG normal", "74 ans   F", "08:41:17"),
    ("Fréq. ventriculaire 61 /min", "Intervalle PR 161 ms", "Durée QRS 75 ms", "QTc Bazett 412 ms"),
    ("Vent. rate 61 BPM", "PR interval 146 ms", "QRS duration 128 ms", "P-R-T axes 67 44 68"),
    ("Bloc de branche droit complet", "Hypertrophie ventriculaire gauche", "Sexe : M", "Âge : 63 ans"),
    ("Sinus rhythm", "Left axis deviation", "Abnormal ECG", "Unconfirmed diagnosis", "40 Hz   50 Hz"),
)

Ink = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Page:
    """A page made up: its picture, and the places of each identifier on it as masks of the picture."""

    picture: Image.Image
    identifiers: tuple[tuple[str, Image.Image], ...]


@dataclass(frozen=True)
class Score:
    """What came of pages in one condition.

    Attributes
    ----------
    planted, found : int
        Identifiers, and those of them whose ink is covered.
    pages, held : int
        Pages without any, and those of them that would be held nevertheless.
    missed : tuple of str
        The kinds of what was not found.
    """

    condition: str
    planted: int
    found: int
    pages: int
    held: int
    missed: tuple[str, ...] = ()

    def text(self) -> str:
        """Return one line."""
        recall = f"{self.found}/{self.planted} identifiers found ({self.found / self.planted:.1%})"
        missed = f"; missed: {', '.join(self.missed)}" if self.missed else ""
        return f"{self.condition}  {recall}, {self.held}/{self.pages} harmless pages held{missed}"


def default_fonts() -> list[Path]:
    """Return fonts that are there wherever the tests run: matplotlib's own."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a while

    folder = Path(mpl.get_data_path()) / "fonts/ttf"
    return [folder / f"DejaVu{name}.ttf" for name in ("Sans", "Serif", "SansMono", "Sans-Bold")]


def evaluate(
    signal: Signal, fonts: Sequence[Path], pages: int, conditions: Sequence[str] = CONDITIONS
) -> Iterator[Score]:
    """Make up pages in each condition, as many with identifiers as without, and look for these."""
    for condition in conditions:
        random = Random(condition)  # noqa: S311 - nothing secret
        planted, missed, held = 0, list[str](), 0
        for number in range(pages):
            font = fonts[number % len(fonts)]
            page = made_up(signal, font, condition, random, identified=True)
            regions = find(page.picture).regions
            planted += len(page.identifiers)
            missed += [kind for kind, ink in page.identifiers if not covered(ink, regions)]
            harmless = made_up(signal, font, condition, random, identified=False)
            held += not find(harmless.picture).clear
        yield Score(condition, planted, planted - len(missed), pages, held, tuple(missed))


def covered(ink: Image.Image, regions: Sequence[Region]) -> bool:
    """Say whether what is masked hides an identifier."""
    there = np.asarray(ink) > 127
    left = there.copy()
    height, width = left.shape
    for region in regions:
        rows = slice(int(region.top * height), int(np.ceil(region.bottom * height)))
        left[rows, int(region.left * width) : int(np.ceil(region.right * width))] = False
    return bool(left.sum() <= (1 - COVERED) * there.sum())


def made_up(signal: Signal, font: Path, condition: str, random: Random, *, identified: bool) -> Page:
    """Make up a page: a tracing, what machines print beside it, and, if asked for, who the patient is."""
    with Image.open(io.BytesIO(render(signal, pixels_per_mm=8).png)) as drawn:
        tracing = drawn.convert("RGB")
    head = 0 if condition == "over the grid" else 330
    page = Image.new("RGB", (tracing.width, tracing.height + head), "white")
    page.paste(tracing, (0, head))
    size = random.choice((18, 22, 28, 34))
    face = ImageFont.truetype(font, size)
    ink = {"coloured": "#1030b0", "light on dark": "white"}.get(condition, "#15151c")
    if condition == "light on dark":
        page.paste("#16202c", (0, 0, page.width, head))
    draw = ImageDraw.Draw(page)
    placed = list[tuple[str, Image.Image]]()
    lines = _identifying(random) if identified else []
    left, top = random.randint(20, 90), random.randint(6, 30)
    for number, (before, kind, said) in enumerate(lines):
        x, y = left + number % 2 * page.width // 3, top + number // 2 * round(1.5 * size)
        draw.text((x, y), before, fill=ink, font=face)
        x += round(draw.textlength(before, font=face))
        draw.text((x, y), said, fill=ink, font=face)
        mask = Image.new("L", page.size, 0)
        ImageDraw.Draw(mask).text((x, y), said, fill=255, font=face)
        placed.append((kind, mask))
    for number, said in enumerate(random.choice(_HARMLESS)):
        draw.text((page.width * 2 // 3 + 60, top + number * round(1.5 * size)), said, fill=ink, font=face)
    return _spoilt(Page(page, tuple(placed)), condition, random)


def _identifying(random: Random) -> list[tuple[str, str, str]]:
    """Return lines of a head: what announces an identifier, what it is, and the identifier."""
    surname, given = random.choice(_SURNAMES), random.choice(_GIVEN)
    day, month, year = random.randint(1, 28), random.randint(1, 12), random.randint(1925, 2008)
    born = random.choice(
        (f"{day:02}/{month:02}/{year}", f"{day:02}.{month:02}.{year}", f"{day:02}-{month:02}-{year}")
    )
    taken = random.choice(
        (f"{day}-{_MONTHS[month - 1]}-2025", f"2025-{month:02}-{day:02}", f"{day} {_MONTHS[month - 1]} 2025")
    )
    named = random.choice(
        (
            [("Nom : ", "name", surname), ("Prénom : ", "name", given)],
            [("", "name", f"{surname} {given}"), ("Patient : ", "name", f"{given} {surname}")],
            [("Nom de naissance : ", "name", surname), ("", "name", f"{surname}, {given}")],
            [("Mme ", "name", f"{surname} {given}"), ("Name: ", "name", surname)],
        )
    )
    return [
        *named,
        (random.choice(("Né(e) le ", "DDN : ", "Date de naissance : ", "Née le ", "")), "birth date", born),
        (
            random.choice(("IPP ", "IPP : ", "NIP ", "ID: ", "N° ")),
            "identifier",
            f"{random.randint(10**7, 10**10)}",
        ),
        ("NDA ", "identifier", f"{random.randint(20, 26)}-{random.randint(10**5, 10**6 - 1)}"),
        (
            random.choice(("NIR ", "")),
            "identifier",
            f"{random.randint(1, 2)} {year % 100:02} {month:02} 29 019 {random.randint(100, 999)} 42",
        ),
        (random.choice(("Dr ", "Dr. ", "Médecin : ", "Opérateur : ")), "operator", random.choice(_SURNAMES)),
        ("", "hospital", f"{random.choice(('CHU de', 'Hôpital de', 'Clinique de'))} {random.choice(_TOWNS)}"),
        ("", "date", taken),
        (
            "Tél. ",
            "telephone",
            f"0{random.randint(1, 7)} " + " ".join(f"{random.randint(0, 99):02}" for _ in range(4)),
        ),
        ("", "address", f"{random.randint(1, 99)} {random.choice(_STREETS)}"),
    ]


def _spoilt(page: Page, condition: str, random: Random) -> Page:
    """Spoil a page as its condition says, and move the masks with it."""
    if condition in {"blurred, JPEG", "photograph"}:
        output = io.BytesIO()
        page.picture.filter(ImageFilter.GaussianBlur(1.0)).save(output, "JPEG", quality=40)
        page = Page(Image.open(output).convert("RGB"), page.identifiers)
    if condition == "grey":
        darkness = 255 - np.asarray(page.picture, np.float64).min(axis=2)
        return Page(Image.fromarray((255 - 255 * (darkness / 255) ** 0.8).astype(np.uint8)), page.identifiers)
    if condition == "one bit":
        dark = 255 - np.asarray(page.picture).min(axis=2) > 75
        return Page(Image.fromarray(np.where(dark, 0, 255).astype(np.uint8)), page.identifiers)
    turns: Mapping[str, float] = {
        "rotated 2°": random.choice((-2.0, 2.0)),
        "photograph": random.uniform(-3, 3),
        "on its side": random.choice((90.0, 270.0)),
        "upside down": 180.0,
    }
    angle = turns.get(condition, 0.0)
    moved = [(kind, ink.rotate(angle, expand=True)) for kind, ink in page.identifiers]
    picture = page.picture.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    if condition == "photograph":
        picture = _lit(picture)
    return Page(picture, tuple(moved))


def _lit(picture: Image.Image) -> Image.Image:
    """Let light fall on a page from one side, on grainy paper."""
    across = np.linspace(1.0, 0.55, picture.width)[None, :, None]
    grain = np.random.default_rng(0).normal(0, 4, (picture.height, picture.width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) * across + grain, 0, 255).astype(np.uint8))
