"""The command line, in this process and as a program that is interrupted."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import rxflow
from rxflow.__main__ import main
from rxflow.demo.cli import INTERRUPTED
from rxflow.demo.pipeline import STRATEGIES

FAST = ["--speed", "1e9", "--consumer-ms", "0", "--capacity", "8"]
SLOW = ["--speed", "1e9", "--consumer-ms", "20", "--capacity", "8"]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rxflow", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(rxflow.__file__).parents[1],
    )


def check_books(report: dict[str, Any]) -> None:
    gone = report["delivered"] + report["dropped"] + report["discarded"]
    assert report["produced"] == gone


def test_json_is_all_there_is_on_stdout(capsys: pytest.CaptureFixture[str]):
    assert main(["demo", "--json", *FAST]) == 0
    out, err = capsys.readouterr()
    reports = json.loads(out)
    assert [report["strategy"] for report in reports] == list(STRATEGIES)
    for report in reports:
        check_books(report)
        assert ("error" in report) == (report["strategy"] == "fail")
        assert "interrupted" not in report
    assert "drop-oldest" in err
    assert "rxflow-demo-replay" not in [thread.name for thread in threading.enumerate()]


def test_strategies_are_run_once_in_the_order_given(capsys: pytest.CaptureFixture[str]):
    names = ["latest", "DROP_ALL", "latest"]
    arguments = [text for name in names for text in ("--strategy", name)]
    assert main(["demo", "--json", *FAST, *arguments]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [report["strategy"] for report in reports] == ["latest", "drop-all"]


def test_without_json_the_table_goes_to_stdout(capsys: pytest.CaptureFixture[str]):
    assert main(["demo", "--strategy", "fail", *FAST]) == 0
    out, err = capsys.readouterr()
    assert "BufferOverflowError" in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--speed", "0"], "--speed: '0' is not a number above 0"),
        (["--speed", "nan"], "--speed: 'nan' is not a number above 0"),
        (["--speed", "fast"], "--speed: 'fast' is not a number above 0"),
        (["--capacity", "0"], "--capacity: '0' is not a number of at least 1"),
        (["--capacity", "1.5"], "--capacity: '1.5' is not a whole number of items"),
        (["--consumer-ms", "-1"], "--consumer-ms: '-1' is not a number of at least 0"),
        (["--consumer-ms", "inf"], "--consumer-ms: 'inf' is not a number of at least 0"),
        (["--strategy", "suspend"], "--strategy: invalid choice: 'suspend'"),
        (["--verbose"], "unrecognized arguments: --verbose"),
    ],
)
def test_bad_arguments(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as exit_:
        main(["demo", *arguments])
    assert exit_.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_command_is_wanted(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as exit_:
        main([])
    assert exit_.value.code == 2
    assert "command" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C there")
class TestInterrupted:
    @pytest.fixture(autouse=True)
    def _heard(self):
        """Let the program hear Ctrl-C even where these tests run as a job in the background."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.mark.parametrize("strategy", ["block", "drop-oldest"])
    def test_json_reports_what_has_run(self, strategy: str):
        quick = ["--strategy", "fail", "--strategy", strategy]
        with start("--json", *SLOW, *quick) as demo:
            assert demo.stderr is not None
            while not demo.stderr.readline().startswith(strategy):
                assert demo.poll() is None
            demo.send_signal(signal.SIGINT)
            out, err = demo.communicate(timeout=10)
        assert demo.returncode == INTERRUPTED
        assert "Traceback" not in err
        whole, cut = json.loads(out)
        assert "interrupted" not in whole
        assert cut["interrupted"] is True
        for report in (whole, cut):
            check_books(report)

    def test_plain_lines_end_with_the_summary(self):
        with start("--strategy", "block", *SLOW) as demo:
            assert demo.stdout is not None
            assert demo.stdout.readline().startswith("block: ")
            demo.send_signal(signal.SIGINT)
            out, err = demo.communicate(timeout=10)
        assert demo.returncode == INTERRUPTED
        assert "block: interrupted" in out.splitlines()
        assert err == ""


def test_a_reader_that_leaves_ends_it_quietly():
    with start("--strategy", "block", *SLOW) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        demo.stdout.readline()
        demo.stdout.close()
        assert demo.wait(timeout=10) == 1
        assert demo.stderr.read() == ""
