"""Where an operator was added in a cell of a notebook, the cell is named, as tracebacks do."""

from __future__ import annotations

import subprocess
import sys

CODE = """
from IPython.core.interactiveshell import InteractiveShell
import rxflow as rx
from rxflow.monitor import explain

shell = InteractiveShell.instance()
shell.run_cell("import rxflow as rx", store_history=True)
shell.run_cell("x = 1\\nflow = rx.range(9)", store_history=True)
print([part.label for part in explain(shell.user_ns["flow"]).parts])
exec(compile("flow = rx.range(9)", "/some/where/app.py", "exec"))
print([part.label for part in explain(flow).parts])
"""


def test_a_cell_is_named_by_its_number() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True
    )
    cell, module = ran.stdout.splitlines()[-2:]
    assert cell == "['range at In[2]:2', 'subscriber']"
    assert module == "['range at app.py:1', 'subscriber']"
