"""Refuse in templates what the Content-Security-Policy would block, or what htmx would evaluate as a script.

Run as ``python -m tests.architecture.template_lint FOLDER``; exits 1 when it refuses something.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

REFUSED = {
    "hx-on evaluates a script": r"\bhx-on\b",
    "a filter in hx-trigger evaluates a script": r"""\bhx-trigger[\w:]*\s*=\s*("[^"]*|'[^']*|[^\s"'>]*)\[""",
    "js: evaluates a script": r"\bjs:",
    "javascript: is a script": r"\bjavascript:",
    "style= is blocked: use a class, or a presentation attribute in SVG": r"(?<![\w-])style\s*=",
    "<style> is blocked: use a style sheet": r"<style\b",
    "an inline <script> is blocked: use a file": r"<script\b(?![^>]*\ssrc\s*=)",
}


def faults(template: str) -> Iterator[tuple[int, str]]:
    """Yield (line, reason) for everything refused in a template's text."""
    for reason, pattern in REFUSED.items():
        for match in re.finditer(pattern, template, re.IGNORECASE):
            yield template.count("\n", 0, match.start()) + 1, reason


def main(folder: Path) -> int:
    """Print the faults of a folder's templates and return how many there are."""
    templates = sorted(folder.rglob("*.html"))
    lines = [
        f"{path}:{line}: {reason}\n"
        for path in templates
        for line, reason in sorted(faults(path.read_text(encoding="utf-8")))
    ]
    sys.stdout.writelines([*lines, f"{len(templates)} templates, {len(lines)} faults\n"])
    return len(lines)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
