"""The four applications have a command line; the tests of webhooks and workers run it for real."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["burster", "bursts", "fanout", "webhooks", "workers"])
def test_each_has_a_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        import_module(f"rxflow.examples.{name}").main()
    assert ended.value.code == 0
    assert f"usage: {name} [-h]" in capsys.readouterr().out
