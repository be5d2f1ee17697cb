"""The pages' examples run and print what they say, and no public name is missing."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path

import pytest

import xloss

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(p for p in ROOT.glob("docs/**/*.md") if "_build" not in p.parts),
]
EXAMPLE = re.compile(r"^```pycon\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def examples() -> list[object]:
    """Every example, named by its page and line."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in EXAMPLE.finditer(text):
            line = text.count("\n", 0, match.start(1)) + 1
            name = f"{page.relative_to(ROOT)}:{line}"
            found.append(pytest.param(name, match[1], id=name))
    return found


def skip_what_is_not_installed(source: str) -> None:
    for module in re.findall(r"^>>> (?:import|from) (\w+)", source, re.MULTILINE):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


@pytest.mark.parametrize(("name", "source"), examples())
def test_example_prints_what_the_page_says(name: str, source: str) -> None:
    skip_what_is_not_installed(source)
    test = doctest.DocTestParser().get_doctest(source, {}, name, name, 0)
    report: list[str] = []
    results = doctest.DocTestRunner().run(test, out=report.append)
    assert results.attempted > 0
    assert results.failed == 0, "".join(report)


@pytest.mark.parametrize("name", xloss.__all__)
def test_public_name_is_on_a_page_and_in_the_readme(name: str) -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    assert re.search(rf":: xloss\.{name}$", pages, re.MULTILINE)
    assert f"`{name}`" in (ROOT / "README.md").read_text()


def test_make_targets_on_the_pages_exist() -> None:
    targets = re.findall(
        r"^\.PHONY: ([\w-]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    text = "".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    assert named
    assert named <= set(targets)
