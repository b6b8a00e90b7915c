"""Parser of `evaluate language`."""

from pathlib import Path

from ml.arguments.common import Commands, add, add_json


def add_language(evaluate: Commands) -> None:
    """Add what measures the reading of texts."""
    language = add(evaluate, "language", "the reading of texts about ECGs", "language:evaluate")
    language.add_argument("--data", type=Path, help="folder of the graded texts")
    language.add_argument("--rulings", type=Path, help="rulings of teachers, as `rulings export` writes them")
    add_json(language)
    language.add_argument(
        "--language-model",
        action="store_true",
        help="also measure with the language model of OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL",
    )
