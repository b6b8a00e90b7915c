"""A rendered page as a reader, a keyboard and a screen reader find it."""

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
UNSPOKEN = {"script", "style", "template", "title"}
HIDDEN_FROM_FORMS = {"hidden", "submit", "button"}
SAID_OF_AN_EMPTY_LIST = "None. A learning system"


@dataclass
class Form:
    """A form with what a browser would send."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


class Page(HTMLParser):
    """One answer, taken apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.html = text
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.unlabelled: list[str] = []
        self.references: list[str] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._named_forms: dict[str, Form] = {}
        self.headings: list[str] = []
        self.images: list[str | None] = []
        self.values: dict[str, str] = {}
        self.words = ""
        self.title = ""
        self._select = ""
        self._area = ""
        self._spoken: list[tuple[int, list[str]]] = []
        self._told: list[tuple[str, list[str]]] = []
        self._wrong: dict[str, list[str]] = {}
        self.unbalanced: list[str] = []
        self.feed(text)
        self.words = re.sub(r"\s+", " ", self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        had = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.stack.append(tag)
        if "id" in had:
            self.ids.append(had["id"])
        self._refer(tag, had)
        self._hear(tag, had)
        if tag == "form":
            form = self._form_named(had["id"]) if "id" in had else Form("", "")
            form.action, form.method = had.get("action", ""), had.get("method", "get")
            self.forms.append(form)
        elif tag == "a":
            self.links.append(had.get("href", ""))
        elif tag == "img":
            self.images.append(dict(attrs).get("alt"))
        elif tag in {"input", "select", "textarea", "button"}:
            self._control(tag, had)
        elif tag == "option" and ("selected" in had or self._select not in self.values):
            self._choose(had.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.stack or self.stack[-1] != tag:
            self.unbalanced.append(tag)
            return
        depth = len(self.stack)
        self._spoken = [one for one in self._spoken if one[0] != depth]
        self.stack.pop()
        if tag == "select":
            self._select = ""
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self._set(self._area, data.removeprefix("\n"), add=True)
        if "title" in self.stack:
            self.title += data
        if UNSPOKEN & set(self.stack):
            return
        self.words += data
        for _depth, said in self._spoken:
            said[-1] += data

    def form(self, action: str, button: tuple[str, str] | None = None) -> Form:
        """Return the form of an action, the one that has a button where one is given."""
        found = [
            form for form in self.forms if form.action == action and (not button or button in form.buttons)
        ]
        found.sort(key=lambda form: form.method != "post")
        assert found, f"no form of {action} among {[one.action for one in self.forms]}"
        return found[0]

    def said(self, kind: str) -> list[str]:
        """Return the messages of a kind."""
        return [" ".join(" ".join(said).split()) for shown, said in self._told if shown == kind]

    def faults(self) -> list[str]:
        """Return what makes a page hard to read for browsers and screen readers."""
        twice = [f"id {one} twice" for one, times in Counter(self.ids).items() if times > 1]
        dangling = [f"{one} leads nowhere" for one in self.references if one not in self.ids]
        nameless = [f"{one} has no label" for one in self.unlabelled if one not in self.labelled]
        pictures = ["a picture without alt"] * self.images.count(None)
        words = self.words.replace(SAID_OF_AN_EMPTY_LIST, "") + " ".join(self.values.values())
        none = ["None is shown"] if re.search(r"\bNone\b", words) else []
        unclosed = [f"</{one}> out of place" for one in self.unbalanced] + [
            f"<{one}> is not closed" for one in self.stack
        ]
        return twice + dangling + nameless + pictures + none + unclosed

    def error(self, name: str) -> str:
        """Return what stands beside a field as its fault."""
        return " ".join(" ".join(self._wrong.get(name, [])).split())

    def _listen(self, said: list[str]) -> list[str]:
        """Collect the words until the element that was just opened closes."""
        said.append("")
        self._spoken.append((len(self.stack), said))
        return said

    def _hear(self, tag: str, had: dict[str, str]) -> None:
        if tag == "h1":
            self._listen(self.headings)
        elif tag == "div" and "data-kind" in had and "template" not in self.stack:
            self._told.append((had["data-kind"], self._listen([])))
        elif tag == "p" and had.get("class") == "error":
            self._wrong[had.get("id", "").removesuffix("-error")] = self._listen([])

    def _refer(self, tag: str, had: dict[str, str]) -> None:
        self.references += had.get("aria-describedby", "").split() + had.get("aria-labelledby", "").split()
        if tag == "label" and "for" in had:
            self.references.append(had["for"])
            self.labelled.add(had["for"])
        if had.get("href", "").startswith("#"):
            self.references.append(had["href"][1:])

    def _control(self, tag: str, had: dict[str, str]) -> None:
        kind, name = had.get("type", "submit" if tag == "button" else "text"), had.get("name", "")
        if tag == "select":
            self._select = name
        if tag == "textarea":
            self._area = name
            self._set(name, "")
        if kind not in HIDDEN_FROM_FORMS and "label" not in self.stack and "aria-label" not in had:
            self.unlabelled.append(had.get("id", f"{tag} {name}"))
        if not name or not (self.forms or "form" in had) or "disabled" in had:
            return
        form = self._form_named(had["form"]) if "form" in had else self.forms[-1]
        form.names.add(name)
        if tag == "button":
            form.buttons.append((name, had.get("value", "")))
        elif (
            tag == "input" and kind != "file" and not (kind in {"checkbox", "radio"} and "checked" not in had)
        ):
            form.fields.append((name, had.get("value", "")))
            self.values[name] = had.get("value", "")

    def _form_named(self, id_: str) -> Form:
        """Return the form of an id, which may stand below what belongs to it."""
        return self._named_forms.setdefault(id_, Form("", ""))

    def _choose(self, value: str) -> None:
        if self._select:
            self._set(self._select, value)

    def _set(self, name: str, value: str, *, add: bool = False) -> None:
        before = self.values.get(name, "") if add else ""
        self.values[name] = before + value
        fields = self.forms[-1].fields
        fields[:] = [one for one in fields if one[0] != name]
        fields.append((name, before + value))
