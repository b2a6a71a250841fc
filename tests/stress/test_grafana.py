"""The dashboard has the types of Grafana's schema, by its npm package and the TypeScript compiler.

It needs Node.js and the npm registry, so it is not in the default run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rxflow.monitor.grafana import dashboard

pytestmark = [
    pytest.mark.stress,
    pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js with npm is not installed"),
]

PACKAGES = ("@grafana/schema@13", "typescript@7")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grafana")
    (folder / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", *PACKAGES],
        cwd=folder,
        capture_output=True,
        timeout=600,
    )
    if done.returncode:
        pytest.skip(f"npm cannot install {PACKAGES}: {done.stderr.decode()[-500:]}")
    return folder


def complaints(project: Path, made: dict[str, Any]) -> str:
    """Compile a dashboard as a value of Grafana's type; give what the compiler says."""
    (project / "made.ts").write_text(
        "import type { Dashboard } from '@grafana/schema';\n"
        f"export const made: Dashboard = {json.dumps(made)};\n"
    )
    arguments = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "made.ts"]
    done = subprocess.run(
        [project / "node_modules/.bin/tsc", *arguments],
        cwd=project,
        capture_output=True,
        timeout=300,
    )
    text = done.stdout.decode() + done.stderr.decode()
    assert bool(done.returncode) is bool(text)
    return text


def test_the_dashboard_is_valid(project: Path) -> None:
    assert complaints(project, dashboard()) == ""


def test_one_that_is_not_is_found_out(project: Path) -> None:
    wrong = dashboard()
    wrong["panels"][0]["fieldConfig"]["defaults"]["units"] = "s"
    assert "'\"units\"' does not exist" in complaints(project, wrong)
    assert "number" in complaints(project, {**dashboard(), "schemaVersion": "39"})
