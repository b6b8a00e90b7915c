"""Which words of a page may name somebody; the words are as tesseract would give them."""

import pytest

from ml.ecg.burned_in.found import TextKind
from ml.ecg.burned_in.identifying import suspects
from ml.ecg.burned_in.tesseract import Word

LETTER = 10


def words(text: str, confidence: float = 92, line: int = 1) -> list[Word]:
    left, made = 0, []
    for word in text.split():
        right = left + LETTER * len(word)
        made.append(Word(word, confidence, (str(line),), left, 100 * line, right, 100 * line + 20))
        left = right + LETTER
    return made


def covered(text: str, confidence: float = 92) -> list[str]:
    """Return the words of a line that would be masked."""
    line = words(text, confidence)
    found = suspects(line)
    return [w.text for w in line if any(part.left <= w.left and w.right <= part.right for part in found)]


HARMLESS = [
    "FC 72 bpm",
    "PR 164 ms",
    "PR interval 146 ms",
    "QT/QTc 388/412 ms",
    "Axes P-R-T 45 30 22",
    "Rythme sinusal normal, ECG normal",
    "Tachycardie sinusale avec extrasystoles ventriculaires",
    "Hypertrophie ventriculaire gauche possible",
    "Bloc de branche droit complet",
    "Nonspecific ST and T wave abnormality",
    "No previous ECGs available",
    "Sinus rhythm with 1st degree A-V block",
    "25 mm/s 10 mm/mV 0,05-150 Hz",
    "25mm/s 10mm/mV 100Hz",
    "aVR V1 V4 II III",
    "74 ans F 08:41:17",
    "170 cm 65 kg TA 120/80 mmHg",
    "Sokolow-Lyon 3,2 mV",
    "Page 1 of 1",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_machines_print_of_a_tracing_is_left(text: str) -> None:
    assert covered(text) == []


IDENTIFYING = {
    "Nom : LEFÈVRE Prénom : Amélie": (TextKind.NAME, ["LEFÈVRE", "Amélie"]),
    "Nom : PETIT": (TextKind.NAME, ["PETIT"]),
    "KOWALCZYK Jean-Pierre": (TextKind.UNKNOWN, ["KOWALCZYK", "Jean-Pierre"]),
    "PETIT Rose": (TextKind.UNKNOWN, ["PETIT", "Rose"]),
    "LY Minh": (TextKind.UNKNOWN, ["LY", "Minh"]),
    "Mme DE LA TOUR Anne": (TextKind.NAME, ["DE", "LA", "TOUR", "Anne"]),
    "Dr Kervella": (TextKind.NAME, ["Kervella"]),
    "Né(e) le 14/03/1951": (TextKind.DATE, ["14/03/1951"]),
    "DDN : 14.03.1951 Âge : 74 ans": (TextKind.DATE, ["14.03.1951"]),
    "12-nov.-2025 08:41:17": (TextKind.DATE, ["12-nov.-2025"]),
    "25 Jan 2013 09:54": (TextKind.NAME, ["25", "Jan", "2013"]),
    "IPP 8001234567 NDA 25-118822": (TextKind.IDENTIFIER, ["8001234567", "25-118822"]),
    "2 51 03 29 019 118 42": (TextKind.IDENTIFIER, ["2", "51", "03", "29", "019", "118", "42"]),
    "ID: 118822": (TextKind.IDENTIFIER, ["118822"]),
    "Acc# 77123": (TextKind.IDENTIFIER, ["77123"]),
    "Tél. 02 98 22 33 44": (TextKind.IDENTIFIER, ["02", "98", "22", "33", "44"]),
    "12 rue des Lilas": (TextKind.NAME, ["12", "rue", "des", "Lilas"]),
    "29200 Brest": (TextKind.NAME, ["29200", "Brest"]),
    "CHU de Brest": (TextKind.PLACE, ["CHU", "de", "Brest"]),
    "Chambre : 12": (TextKind.PLACE, ["12"]),
    "amelie.lefevre@example.org": (TextKind.CONTACT, ["amelie.lefevre@example.org"]),
}


@pytest.mark.parametrize("text", IDENTIFYING)
def test_names_dates_numbers_and_places_are_masked(text: str) -> None:
    kind, hidden = IDENTIFYING[text]
    assert set(hidden) <= set(covered(text))
    assert kind in {part.kind for part in suspects(words(text))}


def test_what_a_label_announces_ends_where_measures_begin() -> None:
    assert covered("DDN : 14.03.1951 Âge : 74 ans Sexe : F") == ["DDN", ":", "14.03.1951"]


def test_a_label_alone_is_shown_since_what_it_announces_may_be_written_by_hand() -> None:
    assert covered("Nom :") == ["Nom", ":"]


def test_a_piece_of_curve_read_as_a_short_word_is_no_name() -> None:
    assert covered("Lens", confidence=53) == []
    assert covered("AV", confidence=95) == []
    assert covered("Lefèvre", confidence=53) == ["Lefèvre"]


def test_words_far_apart_are_lines_of_their_own() -> None:
    left = words("IPP")
    apart = [Word(w.text, 92, w.line, w.left + 900, w.top, w.right + 900, w.bottom) for w in words("72 bpm")]
    assert [part.right < 100 for part in suspects([*left, *apart])] == [True]


def test_a_box_has_a_margin_around_its_words() -> None:
    [part] = suspects(words("Kervella Amélie", line=1))
    assert (part.left, part.top, part.right, part.bottom) == (-5, 95, 155, 125)
