"""Runs the notebooks, and writes them anew with what came of it.

``python -m tests.notebooks.run --write`` (extra ``test``) runs all, or those whose names begin
as told, and writes their outputs; without ``--write`` it says where they differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from tests.notebooks.compared import differences

ROOT = Path(__file__).parents[2]
HERE = ROOT / "notebooks"
LISTED = ROOT / "tests" / "public_api.txt"
PATIENCE = 120  # seconds for a cell; only a hang gets there
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


def notebooks() -> list[Path]:
    """Give all of them, in their order."""
    return sorted(HERE.glob("*.ipynb"))


def read(path: Path) -> Any:
    """Read one as it is written."""
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(book: Any) -> list[Any]:
    """Give the cells with code."""
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def source(cell: Any) -> str:
    """Give the text of a cell."""
    return "".join(cell["source"])


def varies(cell: Any) -> bool:
    """Tell whether each run of a cell gives something else."""
    return "varies" in cell["metadata"].get("tags", ())


def fingerprint(book: Any) -> str:
    """Tell apart what a notebook was run with: its code, and the public names that it uses.

    Where it differs from the one that is written in the notebook, the outputs may be stale.
    """
    code = "\n".join(source(cell) for cell in code_cells(book))
    names = {word for word in re.findall(r"\w+", code) if len(word) > 1}
    used = [line for line in _public() if names & set(line.split("(")[0].split(".")[-1:])]
    return hashlib.sha256("\n".join([code, *used]).encode()).hexdigest()[:16]


def digest(book: Any) -> str:
    """Tell apart what the cells have given: it is written beside it, so that an output that was
    changed afterwards, by hand or in a merge, is seen without a run."""
    given = [_joined(output) for cell in code_cells(book) for output in cell["outputs"]]
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]


def _joined(data: Any) -> Any:
    """Join texts that are written as a list of lines."""
    if isinstance(data, dict):
        return {key: _joined(value) for key, value in cast("dict[str, Any]", data).items()}
    if isinstance(data, list):
        parts = cast("list[Any]", data)
        lines = parts and all(isinstance(part, str) for part in parts)
        return "".join(parts) if lines else [_joined(part) for part in parts]
    return data


def _public() -> Iterator[str]:
    """Give the operators and functions of rxflow, with their signatures."""
    for line in LISTED.read_text(encoding="utf-8").splitlines():
        if line.startswith("rxflow.") and "(" in line:
            yield line


def executed(path: Path) -> Any:
    """Run a notebook from top to bottom, in a kernel of this interpreter.

    Args:
        path: Of the notebook, which is left as it is.

    Returns:
        It, with new outputs.
    """
    import nbformat
    from nbclient import NotebookClient

    book: Any = nbformat.read(path, as_version=4)
    client = NotebookClient(
        book,
        timeout=PATIENCE,
        kernel_name="python3",  # ipykernel's own, which is the one of this interpreter
        resources={"metadata": {"path": str(HERE)}},
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
    )
    client.execute(
        env={**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_PLATFORM_DIRS": "1"},
    )
    for cell in book["cells"]:
        cell["metadata"] = {k: v for k, v in cell["metadata"].items() if k == "tags"}
    marks = {"fingerprint": fingerprint(book), "outputs": digest(book)}
    book["metadata"] = {**METADATA, "rxflow": marks}
    book["nbformat"], book["nbformat_minor"] = 4, 5
    return book


def main() -> int:
    """Run them."""
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks.run")
    parser.add_argument("--write", action="store_true", help="write them with their new outputs")
    parser.add_argument("names", nargs="*", help="beginnings of names, such as 02; all by default")
    arguments = parser.parse_args()
    found = 0
    for path in notebooks():
        if arguments.names and not path.name.startswith(tuple(arguments.names)):
            continue
        before, book = read(path), executed(path)
        lines = list(differences(before, book))
        print(f"{path.name}: {len(lines)} outputs differ" + "".join(f"\n  {x}" for x in lines))
        found += len(lines)
        if arguments.write:
            import nbformat

            nbformat.validate(book)
            nbformat.write(book, path)
    return 1 if found and not arguments.write else 0


if __name__ == "__main__":
    sys.exit(main())
