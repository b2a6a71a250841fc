"""Real files, pipes and the standard input at both ends of a Flow."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support_loop import run, turns, until

PATIENCE = 20.0  # seconds; only a hang gets there

TEXT = rx.Lines(encoding="utf-8", open_end=True)

DESCRIPTORS = Path("/proc/self/fd")


def run_real(main: Any) -> Any:
    async def patient() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await main

    return run(patient(), asyncio.SelectorEventLoop)


def is_open(path: Path) -> bool:
    """Tell whether this process has a file open."""
    if not DESCRIPTORS.exists():
        return False
    links = [os.readlink(each) for each in DESCRIPTORS.iterdir() if each.is_symlink()]
    return str(path) in links


def collected(path: Any, framing: Any = None) -> list[Any]:
    async def main() -> list[Any]:
        return [item async for item in rx.from_file(path, framing)]

    return run_real(main())


def test_the_lines_of_a_file_with_and_without_a_last_separator(tmp_path: Path) -> None:
    path = tmp_path / "words"
    for text in ("one\nzwölf\n\nend", "one\nzwölf\n\nend\n"):
        path.write_text(text, encoding="utf-8")
        assert collected(path, TEXT) == ["one", "zwölf", "", "end"]
        assert not is_open(path)
    path.write_bytes(b"")
    assert collected(str(path), TEXT) == []


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    frames = [bytes([n % 256]) * (n * 37 % 1000) for n in range(2000)]
    run_real(rx.from_iterable(frames).to_file(path, rx.LengthPrefixed()))
    assert not is_open(path)
    assert collected(path, rx.LengthPrefixed()) == frames
    assert path.stat().st_size == sum(map(len, frames)) + 4 * len(frames)


def test_a_file_is_emptied_or_written_behind(tmp_path: Path) -> None:
    path = tmp_path / "log"
    run_real(rx.of("a", "b").to_file(path, rx.Lines()))
    run_real(rx.of("c").to_file(path, rx.Lines(), append=True))
    assert path.read_bytes() == b"a\nb\nc\n"
    run_real(rx.empty().to_file(path))
    assert path.read_bytes() == b""


def test_no_more_is_read_than_is_asked_for_and_one_block(tmp_path: Path) -> None:
    path = tmp_path / "much"
    path.write_bytes(bytes(10 * 65536))
    with path.open("rb") as file:

        async def main() -> None:
            flow = rx.from_file(file.fileno(), rx.Frames(1024))
            async with aclosing(aiter(flow)) as items:
                assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0
                for n in range(200):
                    await anext(items)
                    read = os.lseek(file.fileno(), 0, os.SEEK_CUR)
                    assert (n + 1) * 1024 <= read < (n + 1) * 1024 + 65536

        run_real(main())
        assert not file.closed
        os.fstat(file.fileno())  # a descriptor stays open


def test_a_subscriber_with_demand_on_a_file(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_bytes(b"a\nb\nc\n")

    async def main() -> None:
        others = asyncio.all_tasks()
        probe: TestSubscriber[Any] = TestSubscriber(2)
        rx.from_file(path, TEXT).subscribe(probe)
        await until(lambda: len(probe.items) == 2, 10**9)
        await turns(10)
        probe.assert_items("a", "b")
        probe.request(5)
        await until(lambda: probe.ended and asyncio.all_tasks() <= others, 10**9)
        assert not is_open(path)
        probe.assert_completed("a", "b", "c")

    run_real(main())


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="looks at the files that are open")
def test_a_loop_that_is_left_closes_the_file_before_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_bytes(b"a\n" * 100_000)

    async def main() -> None:
        async with aclosing(aiter(rx.from_file(path, TEXT))) as items:
            assert await anext(items) == "a"
            assert is_open(path)
        assert not is_open(path)

    run_real(main())


def test_bad_input_is_told_and_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(b"good\n\xff\xfe\n")
    with pytest.raises(rx.FrameError, match="from_file: frame 2 cannot be decoded"):
        collected(path, TEXT)
    assert not is_open(path)
    path.write_bytes(b"good\n" + b"x" * 70_000)
    with pytest.raises(rx.FrameError, match="frame 2 has more than max_frame=65536 bytes"):
        collected(path, TEXT)
    assert not is_open(path)


def test_a_file_that_cannot_be_opened_fails_the_stream(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        collected(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        run_real(rx.of(b"").to_file(tmp_path))


def test_a_failure_leaves_in_the_file_what_came_before_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    flow = rx.of("a", "b").pipe(ops.concat(rx.throw(KeyError("broken"))))
    with pytest.raises(KeyError, match="broken"):
        run_real(flow.to_file(path, rx.Lines()))
    assert path.read_bytes() == b"a\nb\n"
    assert not is_open(path)


class Numbers:
    """An async iterable without an end."""

    closed = False

    async def __aiter__(self) -> Any:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            self.closed = True


def test_an_item_that_cannot_be_written_closes_file_and_source(tmp_path: Path) -> None:
    numbers = Numbers()
    with pytest.raises(TypeError, match="bytes are wanted"):
        run_real(
            rx.from_async_iterable(numbers)
            .pipe(ops.scan(lambda n, _: n + 1, 0), ops.map(lambda n: b"x" if n < 100 else n))
            .to_file(tmp_path / "log")
        )
    assert numbers.closed
    assert not is_open(tmp_path / "log")


def test_a_full_disk_fails_and_closes_the_source() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    numbers = Numbers()
    with pytest.raises(OSError, match="No space left"):
        run_real(rx.from_async_iterable(numbers).to_file("/dev/full"))
    assert numbers.closed


def test_a_cancel_closes_the_file_and_the_source_before_it_returns(tmp_path: Path) -> None:
    path, numbers = tmp_path / "log", Numbers()

    async def main() -> None:
        writing = asyncio.ensure_future(rx.from_async_iterable(numbers).to_file(path))
        await until(lambda: path.exists() and path.stat().st_size, 10**9)
        writing.cancel()
        await asyncio.wait([writing])
        assert writing.cancelled()
        assert numbers.closed
        assert not is_open(path)

    run_real(main())


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with closing(open(end, "rb", closefd=True)):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="there it is not a pipe of bytes")
def test_a_full_pipe_holds_the_source_and_a_cancel_does_not_wait_for_it(
    pipe: tuple[int, int],
) -> None:
    made: list[int] = []

    async def main() -> None:
        flow = rx.generate(0, lambda n: True, lambda n: n + 1)
        flow = flow.pipe(ops.map(lambda n: made.append(n) or bytes(1024)))
        writing = asyncio.ensure_future(flow.to_file(pipe[1]))
        before = -1
        while not made or before != len(made):  # the pipe is full
            before = len(made)
            await asyncio.sleep(0.02)
        assert len(made) <= 64 + 128  # a pipe has 64 KiB
        writing.cancel()
        await asyncio.wait([writing], timeout=PATIENCE / 2)
        assert writing.cancelled()
        os.read(pipe[0], 2**20)  # the thread's call comes back

    run_real(main())


@pytest.mark.skipif(sys.platform == "win32", reason="there it is not a pipe of bytes")
def test_a_pipe_gives_what_is_there_and_a_cancel_does_not_wait_for_more(
    pipe: tuple[int, int],
) -> None:
    async def main() -> None:
        async with aclosing(aiter(rx.from_file(pipe[0], TEXT))) as items:
            os.write(pipe[1], b"a\nb")
            assert await anext(items) == "a"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(items), 0.02)
        os.write(pipe[1], b".")

    run_real(main())


UPPER = """
import asyncio
import rxflow as rx
from rxflow import operators as ops

lines = rx.from_file(0, rx.Lines(encoding="utf-8", open_end=True))
asyncio.run(lines.pipe(ops.map(str.upper), ops.take_while(bool)).to_file(1, rx.Lines()))
"""


def test_standard_input_and_output_and_an_end_while_input_is_open() -> None:
    """A trap: a thread that waits for the terminal keeps the program from ending."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", UPPER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("one\nzwölf\n\n".encode())
        process.stdin.flush()
        assert process.wait(PATIENCE) == 0
        assert process.stdout.read().decode() == "ONE\nZWÖLF\n"
        assert process.stderr.read() == b""


@pytest.mark.parametrize("wrong", [None, 1.5, True, object()])
def test_what_is_no_path_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="from_file wants a path"):
        rx.from_file(wrong)
    with pytest.raises(TypeError, match="to_file wants a path"):
        run(rx.of(b"").to_file(wrong))
    with pytest.raises(TypeError, match="framing must be"):
        rx.from_file("x", b"\n")  # type: ignore[call-overload]
