"""The notebooks: what is committed is whole and not stale; under ``-m stress`` they are run."""

from __future__ import annotations

import ast
import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tests.notebooks import run
from tests.notebooks.compared import differences

NOTEBOOKS = run.notebooks()
LARGEST = 400_000
"""More than that is no small picture any more (bytes of a notebook)."""

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def texts(book: Any) -> str:
    """Give all that a notebook shows, and says."""
    return json.dumps(book["cells"], ensure_ascii=False)


def test_there_are_seven_in_an_order() -> None:
    assert [path.name[:3] for path in NOTEBOOKS] == [f"0{n}-" for n in range(1, 8)]


@each
def test_it_is_a_valid_notebook_with_cells_that_keep_their_names(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # jsonschema does without it; it builds a grammar for seconds, of no format in a notebook.
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", None)
    import nbformat

    book: Any = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in book["cells"]]
    assert len({*names}) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


@each
def test_its_outputs_are_of_the_code_and_of_the_public_names_that_there_are(path: Path) -> None:
    book = run.read(path)
    now = run.fingerprint(book)
    assert book["metadata"]["rxflow"]["fingerprint"] == now, (
        f"the outputs may be stale: python -m tests.notebooks.run --write {path.name[:2]}"
    )


@each
def test_its_outputs_are_those_that_its_run_has_given(path: Path) -> None:
    book = run.read(path)
    assert book["metadata"]["rxflow"]["outputs"] == run.digest(book), (
        f"an output was changed since: python -m tests.notebooks.run --write {path.name[:2]}"
    )


@each
def test_a_changed_output_is_seen(path: Path) -> None:
    """Each output of each cell, one after the other: also of those that vary, also in pictures."""
    book = run.read(path)
    seen = 0
    for cell in run.code_cells(book):
        for output in cell["outputs"]:
            holder = output.get("data", output)
            for key in [*holder] if "data" in output else ["text"]:
                whole = holder[key]
                text = "".join(whole)
                holder[key] = text[: len(text) // 2] + "7" + text[len(text) // 2 + 1 :]
                if holder[key] != text:
                    assert run.digest(book) != book["metadata"]["rxflow"]["outputs"], cell["id"]
                    seen += 1
                holder[key] = whole
        kept, cell["outputs"] = cell["outputs"], []
        assert not kept or run.digest(book) != book["metadata"]["rxflow"]["outputs"]
        cell["outputs"] = kept
    assert seen > 3
    assert run.digest(book) == book["metadata"]["rxflow"]["outputs"]


@each
def test_each_cell_was_run_once_and_in_order_without_an_error(path: Path) -> None:
    cells = run.code_cells(run.read(path))
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    for cell in cells:
        kinds = [output["output_type"] for output in cell["outputs"]]
        streams = [output["name"] for output in cell["outputs"] if "name" in output]
        assert "error" not in kinds
        assert "stderr" not in streams


@each
def test_each_cell_compiles(path: Path) -> None:
    transformed = TransformerManager()
    for cell in run.code_cells(run.read(path)):
        code = transformed.transform_cell(run.source(cell))
        compile(code, cell["id"], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@each
def test_each_cell_with_outputs_says_what_to_look_at(path: Path) -> None:
    said = ""
    for cell in run.read(path)["cells"]:
        if cell["cell_type"] == "markdown":
            said = run.source(cell)
        elif cell["outputs"]:
            assert re.search(r"\*\*Look\s+at\*\*", said), cell["id"]


@each
def test_it_ends_with_things_to_try(path: Path) -> None:
    last = run.read(path)["cells"][-1]
    assert last["cell_type"] == "markdown"
    tries = run.source(last)
    assert tries.startswith("## Things to try\n")
    assert len(re.findall(r"^- ", tries, re.MULTILINE)) >= 4
    for target in re.findall(r"\]\(([^)]+)\)", tries):
        assert (run.HERE / target).exists()


@each
def test_it_tells_nothing_of_the_machine_that_it_was_run_on(path: Path) -> None:
    text = texts(run.read(path))
    found = re.findall(r"(?:/tmp|/home|/root|/usr|/work|/Users)/\S*|\bat 0x[0-9a-f]+", text)
    assert found == []
    assert not re.search(r"\b\d{6,}\.py:\d", text), "a cell is named by a number of IPython's own"


@each
def test_it_is_small(path: Path) -> None:
    assert path.stat().st_size < LARGEST


def test_a_change_of_the_code_or_of_a_signature_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    book = run.read(NOTEBOOKS[0])
    before = run.fingerprint(book)
    changed = copy.deepcopy(book)
    run.code_cells(changed)[1]["source"].append("\n1")
    assert run.fingerprint(changed) != before
    listed = run.LISTED.read_text(encoding="utf-8")
    assert run.fingerprint(book) == before

    class Listed:
        text = listed.replace("rxflow.operators.take(", "rxflow.operators.take(other: int, ")

        def read_text(self, encoding: str) -> str:
            return self.text

    monkeypatch.setattr(run, "LISTED", Listed())
    assert Listed.text != listed
    assert run.fingerprint(book) != before
    Listed.text = listed.replace("rxflow.operators.zip(", "rxflow.operators.zip(other: int, ")
    assert Listed.text != listed
    assert run.fingerprint(book) == before, "it does not use zip"


class TestDifferences:
    """What is found to differ."""

    def book(self, data: dict[str, str], *tags: str) -> Any:
        output = {"output_type": "execute_result", "data": data, "metadata": {}}
        cell = {"cell_type": "code", "id": "one", "source": ["1"], "outputs": [output]}
        return {"cells": [{**cell, "metadata": {"tags": [*tags]}}]}

    def differ(self, one: dict[str, str], other: dict[str, str], *tags: str) -> bool:
        return [*differences(self.book(one, *tags), self.book(other, *tags))] != []

    def test_text_is_compared_as_it_is(self) -> None:
        assert not self.differ({"text/plain": "1.0"}, {"text/plain": "1.0"})
        assert self.differ({"text/plain": "1.0"}, {"text/plain": "1.00001"})

    @pytest.mark.parametrize(
        ("other", "differs"),
        [
            ('<svg><rect x="1.00001" /><text>a</text></svg>', False),
            ('<svg><rect x="1.1" /><text>a</text></svg>', True),
            ('<svg><rect x="1" /><text>b</text></svg>', True),
            ('<svg><rect x="1" /><rect x="1" /><text>a</text></svg>', True),
            ('<svg><line x="1" /><text>a</text></svg>', True),
        ],
    )
    def test_pictures_by_their_elements_texts_and_numbers(self, other: str, differs: bool) -> None:
        picture = '<svg><rect x="1" /><text>a</text></svg>'
        assert self.differ({"image/svg+xml": picture}, {"image/svg+xml": other}) is differs

    def test_plots_by_their_texts(self) -> None:
        page = "<p>1</p><svg><!-- matplotlib --><path d='{}'/><text>{}</text></svg><p>2</p>"
        one = {"text/html": page.format("M 1 2", "a")}
        assert not self.differ(one, {"text/html": page.format("M 1.5 2", "a")})
        assert self.differ(one, {"text/html": page.format("M 1 2", "b")})
        assert self.differ(one, {"text/html": one["text/html"].replace("<p>2", "<p>3")})

    def test_of_what_varies_only_that_there_is_something(self) -> None:
        assert not self.differ({"text/plain": "1"}, {"text/plain": "2"}, "varies")
        one, none = self.book({"text/plain": "1"}, "varies"), self.book({}, "varies")
        none["cells"][0]["outputs"] = []
        assert [*differences(one, none)] != []
        failed = self.book({"text/plain": "1"}, "varies")
        failed["cells"][0]["outputs"][0]["output_type"] = "error"
        assert [*differences(one, failed)] != []


@pytest.mark.stress
def test_a_stale_output_is_named_by_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What rxflow would give no more: the run says so, names the cell, and fails."""
    stale = tmp_path / NOTEBOOKS[2].name
    text = NOTEBOOKS[2].read_text(encoding="utf-8")
    assert text.count("request(2): [10, 20], 2 left the source") == 1
    stale.write_text(text.replace("[10, 20], 2 left", "[10, 21], 2 left"), encoding="utf-8")
    monkeypatch.setattr(run, "notebooks", lambda: [stale])
    monkeypatch.setattr("sys.argv", ["run"])
    before = stale.read_text(encoding="utf-8")
    assert run.main() == 1
    told = capsys.readouterr().out
    assert "1 outputs differ" in told
    assert "cell map:" in told
    assert stale.read_text(encoding="utf-8") == before
    monkeypatch.setattr("sys.argv", ["run", "--write"])
    assert run.main() == 0
    monkeypatch.setattr("sys.argv", ["run"])
    assert run.main() == 0


@pytest.mark.stress
@each
def test_it_runs_and_gives_what_is_committed(path: Path) -> None:
    assert [*differences(run.read(path), run.executed(path))] == []
