from pathlib import Path

from tests.support.browser import NewPage, accessibility_faults

BUTTON = "<!doctype html><html lang=fr><title>Essai</title><main><h1>Essai</h1><button>{}</button></main>"


def test_a_page_runs_its_scripts(new_page: NewPage) -> None:
    page = new_page()
    page.set_content("<p id=place></p><script>place.textContent = 6 * 7</script>")
    assert page.inner_text("#place") == "42"


def test_a_page_can_be_opened_without_javascript(new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.set_content("<p id=place>rien</p><script>place.textContent = 42</script>")
    assert page.text_content("#place") == "rien"


def test_two_pages_are_two_people(new_page: NewPage) -> None:
    first, second = new_page(), new_page()
    first.context.add_cookies([{"name": "who", "value": "first", "url": "http://127.0.0.1"}])
    assert second.context.cookies() == []


def test_axe_finds_no_fault_in_a_named_button(new_page: NewPage) -> None:
    page = new_page()
    page.set_content(BUTTON.format("Enregistrer"))
    assert accessibility_faults(page) == []


def test_axe_names_the_button_without_a_name(new_page: NewPage) -> None:
    page = new_page()
    page.set_content(BUTTON.format(""))
    assert [fault.split(":")[0] for fault in accessibility_faults(page)] == ["button-name"]


def test_axe_judges_a_page_under_a_strict_policy(new_page: NewPage, tmp_path: Path) -> None:
    page = new_page()
    policy = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
    strict = tmp_path / "strict.html"
    strict.write_text(BUTTON.format("Enregistrer").replace("<title>", policy + "<title>"), encoding="utf-8")
    page.goto(strict.as_uri())
    assert accessibility_faults(page) == []
