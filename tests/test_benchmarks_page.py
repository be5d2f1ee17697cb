"""The page's tables and figures are those of the committed results."""

import re
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

from benchmarks import page, plots

ROOT = Path(__file__).parent.parent
SVG = "{http://www.w3.org/2000/svg}"


def _row(section, loss, peer, ratio, at=None):
    row = {"section": section, "loss": loss, "peer": peer, "at": at, "unit": "ms"}
    row |= {"ours": 2.0, "theirs": 2 * ratio, "ratio": ratio, "remark": ""}
    return row | {"low": 0.9 * ratio, "high": 1.1 * ratio, "failed": False}


def _report(group, *rows):
    versions = {"xloss": "0.1", "kornia": None}
    machine = {"processor": "CPU", "cores": 2, "system": "Linux", "python": "3.11"}
    machine |= {"torch_threads": None, "load_before": 0.5, "versions": versions}
    settings = {"size": 8, "rounds": 3}
    head = {"group": group, "inputs": "8 elements", "settings": settings}
    return head | {"machine": machine, "rows": list(rows)}


@pytest.fixture(scope="module")
def made():
    return page.parts(page.results())


def test_every_file_of_the_page_is_made_of_the_results(made):
    assert {file.name for file in page.FOLDER.iterdir()} == set(made)


def test_tables_are_those_of_the_results(made):
    for name in made:
        if not name.endswith(".svg"):
            assert (page.FOLDER / name).read_text() == made[name], name


def test_figures_are_those_of_the_results(made):
    pinned = re.search(
        r"^matplotlib==(.+)$", (ROOT / "constraints.txt").read_text(), re.M
    )
    if version("matplotlib") != pinned[1]:
        pytest.skip(f"drawn by matplotlib {pinned[1]}")
    for name in made:
        if name.endswith(".svg"):
            assert (page.FOLDER / name).read_text() == made[name], name


def test_the_page_shows_every_part(made):
    shown = (ROOT / "docs" / "benchmarks.md").read_text()
    for name in made:
        if not name.endswith(".md"):  # those are pages of their own
            assert f"benchmarks/{name}" in shown


def test_the_command_writes_the_parts_and_removes_what_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    monkeypatch.setattr(page, "results", lambda: [_report("image")])
    (tmp_path / "old.md").write_text("of a group that is no more")
    assert page.main([]) == 0
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"targets.inc", "machine.inc", "image.md"}
    assert (tmp_path / "image.md").read_text().startswith("# Results: image\n")


def test_a_group_s_page_has_a_table_for_each_heading():
    rows = _row("one", "mse", "kornia", 1.5), _row("two", "l1", "F.l1", 0.5, at=1000)
    text = page.parts([_report("growth", *rows)])["growth.md"]
    assert "# Results: growth\n\n8 elements\\\n3 rounds" in text
    assert "CPU, 2 cores, Linux, Python 3.11, load 0.5 before the run" in text
    assert "## one\n\n| loss |" in text
    assert "| mse | kornia | 2.00 ms | 3.00 ms | 1.50 x | 1.35 - 1.65 |" in text
    assert "| l1, 1,000 | F.l1 | 2.00 ms | 1.00 ms | 0.50 x | 0.45 - 0.55 |" in text


def test_a_row_that_was_not_measured_says_why():
    row = _row("one", "mse", "kornia", 1.5)
    row |= dict.fromkeys(("ours", "theirs", "ratio", "low", "high"))
    row |= {"unit": "", "remark": "not installed: kornia"}
    text = page.parts([_report("growth", row)])["growth.md"]
    assert "| mse | kornia |  |  |  | not installed: kornia |" in text


def test_a_machine_is_named_once():
    same = [_report("growth"), _report("image")]
    other = _report("pointwise")
    other["machine"]["cores"] = 64
    assert page.parts([*same, other])["machine.inc"] == (
        "`growth`, `image`: CPU, 2 cores, Linux, Python 3.11; "
        "xloss 0.1, kornia not installed.\n\n"
        "`pointwise`: CPU, 64 cores, Linux, Python 3.11; "
        "xloss 0.1, kornia not installed.\n\n"
    )


def test_a_dot_lies_at_its_ratio_in_the_line_of_its_loss():
    rows = [
        _row("NumPy", "mse", "scipy mse", 4.0),
        _row("NumPy", "l1", "scipy l1", 0.5),
        _row("NumPy", "l1", "textbook", 0.25),
        _row("torch eager, forward", "l1", "kornia", 3.0),
    ]
    axes = plots.ratios(rows, ("NumPy",)).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["l1", "mse"]
    dots = {line.get_label(): line for line in axes.containers}
    ours = {name: bars.lines[0].get_xydata() for name, bars in dots.items()}
    assert sorted(map(tuple, ours["SciPy"])) == [(0.5, 0), (4.0, 1)]
    assert ours["textbook"].tolist() == [[0.25, 0]]


def test_curves_pass_through_what_was_measured():
    rows = [
        _row("batch: NumPy, forward", "mse", "scipy mse", ratio, at)
        for at, ratio in ((1, 4.0), (8, 3.0))
    ]
    left_out = _row("batch: NumPy, forward", "mse", "scipy mse", 1.0, 64)
    left_out["ours"] = left_out["theirs"] = None
    rows += [left_out, _row("classes: NumPy, forward", "l1", "scipy l1", 9.0, 2)]
    (panel,) = plots.growth(rows, "batch").axes
    theirs, ours = (line.get_xydata().tolist() for line in panel.lines)
    assert theirs == [[1, 8], [8, 6]]
    assert ours == [[1, 2], [8, 2]]


def test_a_figure_takes_its_ink_from_the_page_and_leaves_the_page_alone():
    figure = plots.ratios([_row("NumPy", "mse", "scipy mse", 2.0)], ("NumPy",))
    svg, other = (plots.as_svg(figure, name, "what it shows") for name in "ab")
    assert plots.INK not in svg
    assert "currentColor" in svg
    tree = ElementTree.fromstring(svg)
    assert tree.attrib["aria-label"] == "what it shows"
    assert tree.find(f".//{SVG}style") is None  # it would hold for the whole page
    names = {each.attrib["id"] for each in tree.iter() if "id" in each.attrib}
    assert names  # of markers and clips, which a figure refers to
    assert not any(f'"{name}"' in other for name in names)


def test_a_figure_is_the_same_when_it_is_made_again():
    rows = [_row("NumPy", "mse", "scipy mse", 2.0)]
    first, second = (plots.ratios(rows, ("NumPy",)) for _ in range(2))
    assert plots.as_svg(first, "name", "text") == plots.as_svg(second, "name", "text")


def test_digits_are_dropped_of_places_and_not_of_texts():
    figure = Figure(figsize=(3, 3))
    figure.text(1 / 7, 1 / 7, "0.142857")
    svg = plots.as_svg(figure, "name", "text")
    assert ">0.142857<" in svg
    places = re.sub(r">[^<]*<", "><", svg)
    assert not re.search(r"\.\d{3}", places)
