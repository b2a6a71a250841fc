"""How bytes are cut into frames: at any split, within the bound, with clear errors."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support_loop import collect, run, turns
from tests.support_streams import reader_of


def cut(framing: Any, *chunks: bytes) -> list[Any]:
    """Give the frames of chunks that come one after the other, each when it is waited for."""

    async def main() -> list[Any]:
        reader = reader_of(end=False)

        async def feed() -> None:
            for chunk in chunks:
                reader.feed_data(chunk)
                await turns(3)
            reader.feed_eof()

        feeding = asyncio.ensure_future(feed())
        try:
            return [item async for item in rx.from_stream_reader(reader, framing)]
        finally:
            await feeding

    return run(main())


def failing(framing: Any, *chunks: bytes, end: bool = True) -> tuple[list[Any], rx.FrameError]:
    """Give the frames before the error, and the error."""

    async def main() -> tuple[list[Any], rx.FrameError]:
        items: list[Any] = []
        with pytest.raises(rx.FrameError) as raised:
            await asyncio.wait_for(
                collect(rx.from_stream_reader(reader_of(*chunks, end=end), framing), items), 1
            )
        return items, raised.value

    return run(main())


FRAMINGS: list[tuple[rx.Framing[Any], list[Any]]] = [
    (rx.Lines(), [b"", b"one", b"", b"a longer one", b"end"]),
    (rx.Lines(b"\r\n"), [b"one\r", b"\n", b"", b"two\nthree", b"\r"]),
    (rx.Lines(b"abab", max_frame=9), [b"ba", b"", b"aaa", b"ccccccccc"]),
    (rx.Lines(encoding="utf-8"), ["", "Füße", "𝄞", "end"]),
    (rx.Frames(1), [b"a", b"\n", b"\0"]),
    (rx.Frames(5), [b"12345", b"\n\n\n\n\n", b"abcde"]),
    (rx.LengthPrefixed(), [b"", b"abc", b"", b"\0\0\0\1", b"x" * 300]),
    (rx.LengthPrefixed(1, max_frame=255), [b"x" * 255, b"", b"y"]),
    (rx.LengthPrefixed(2, byteorder="little"), [b"x" * 300, b"y"]),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(("framing", "items"), FRAMINGS, ids=lambda value: repr(value)[:20])
def test_what_is_encoded_is_cut_again_whatever_pieces_it_comes_in(
    framing: Any, items: list[Any], size: int
) -> None:
    data = b"".join(map(framing.encode, items))
    assert cut(framing, *(data[n : n + size] for n in range(0, len(data), size))) == items


@pytest.mark.parametrize(("framing", "items"), FRAMINGS, ids=lambda value: repr(value)[:20])
def test_an_end_between_two_frames_is_no_error_and_one_within_names_what_is_there(
    framing: Any, items: list[Any]
) -> None:
    ends = {0: 0}
    for n, item in enumerate(items, 1):
        ends[max(ends) + len(framing.encode(item))] = n
    data = b"".join(map(framing.encode, items))
    for at in range(min(30, len(data))):
        if at in ends:
            assert cut(framing, data[:at]) == items[: ends[at]]
            continue
        whole = max(end for end in ends if end < at)
        before, error = failing(framing, data[:at])
        assert before == items[: ends[whole]]
        assert (error.frame, error.held) == (ends[whole] + 1, at - whole)
        assert f"frame {ends[whole] + 1} breaks off" in str(error)
        assert f"{at - whole} bytes of it were there" in str(error)


def test_a_stream_of_nothing_has_no_frame() -> None:
    for framing in (None, rx.Raw(), rx.Lines(), rx.Frames(3), rx.LengthPrefixed()):
        assert cut(framing) == []


def test_without_frames_an_item_is_what_is_there_up_to_a_size() -> None:
    assert cut(None, b"abc", b"d") == [b"abc", b"d"]
    assert cut(rx.Raw(2), b"abc", b"d") == [b"ab", b"c", b"d"]
    assert [len(item) for item in cut(None, bytes(200_000))] == [65536, 65536, 65536, 3392]


def test_a_line_has_as_many_bytes_as_it_may_and_not_one_more() -> None:
    framing = rx.Lines(b"\r\n", max_frame=5)
    assert cut(framing, b"12345\r\n12345\r\n") == [b"12345", b"12345"]
    items, error = failing(framing, b"12345\r\n123456\r\n")
    assert items == [b"12345"]
    assert str(error) == "from_stream_reader: frame 2 has more than max_frame=5 bytes"


def test_a_line_that_is_too_long_fails_before_it_ends() -> None:
    """The peer sends no separator, and stays: there is nothing to wait for."""
    _, error = failing(rx.Lines(max_frame=5), b"123456", end=False)
    assert "frame 1 has more than max_frame=5 bytes" in str(error)
    assert error.held == 6


def test_a_frame_that_is_to_be_too_long_fails_before_it_comes() -> None:
    items, error = failing(rx.LengthPrefixed(max_frame=5), b"\0\0\0\1a\x7f\0\0\0", end=False)
    assert items == [b"a"]
    assert str(error) == (
        "from_stream_reader: frame 2 is to have 2130706432 bytes, more than max_frame=5"
    )


def test_bytes_that_are_no_text_are_named_behind_the_lines_before_them() -> None:
    items, error = failing(rx.Lines(encoding="utf-8"), b"good\nb\xff\nnever\n", end=False)
    assert items == ["good"]
    assert str(error).startswith("from_stream_reader: frame 2 cannot be decoded: 'utf-8' codec")
    assert "0xff in position 1" in str(error)
    assert isinstance(error.__cause__, UnicodeDecodeError)


def test_a_character_that_is_cut_in_two_by_the_network_is_whole_again() -> None:
    data = "𝄞\n".encode()
    assert cut(rx.Lines(encoding="utf-8"), data[:2], data[2:]) == ["𝄞"]


@pytest.mark.parametrize("data", [b"a\nb", b"a\nb\n"])
def test_with_an_open_end_the_last_line_needs_no_separator(data: bytes) -> None:
    assert cut(rx.Lines(open_end=True), data) == [b"a", b"b"]


def test_an_open_end_is_not_longer_than_other_lines() -> None:
    framing = rx.Lines(b"\r\n", open_end=True, max_frame=3)
    assert cut(framing, b"abc") == [b"abc"]
    assert "more than max_frame=3" in str(failing(framing, b"abcd")[1])


class Json(rx.Framing[Any]):
    """A framing of a user: a JSON value in each line."""

    def measure(self, data: bytearray, seen: int, ended: bool) -> int | None:
        return data.find(b"\n", seen) + 1 or None

    def decode(self, frame: bytes) -> Any:
        return json.loads(frame)

    def encode(self, item: Any) -> bytes:
        return json.dumps(item).encode() + b"\n"


def test_none_is_an_item_of_a_framing_of_ones_own() -> None:
    assert cut(Json(), b"null\n[1", b"]\nnull\n") == [None, [1], None]


def test_what_a_framing_of_ones_own_cannot_decode_is_named() -> None:
    _, error = failing(Json(), b"null\n{\n")
    assert str(error).startswith("from_stream_reader: frame 2 cannot be decoded: Expecting")


@pytest.mark.parametrize("size", [0, -1, 4])
def test_a_framing_that_measures_wrongly_fails_and_does_not_spin(size: int) -> None:
    class Wrong(Json):
        def measure(self, data: bytearray, seen: int, ended: bool) -> int | None:
            return size

    assert f"was measured as {size} of 3 bytes" in str(failing(Wrong(), b"abc")[1])


@pytest.mark.parametrize(
    ("framing", "item", "text"),
    [
        (rx.Lines(), b"a\nb", "it would be two lines"),
        (rx.Lines(b"aa"), b"xa", "it would be two lines"),
        (rx.Frames(3), b"ab", "an item has 2 bytes"),
        (rx.LengthPrefixed(max_frame=3), b"abcd", "an item has 4 bytes, more than 3"),
        (rx.LengthPrefixed(1), bytes(256), "an item has 256 bytes, more than 255"),
    ],
)
def test_an_item_that_the_other_side_could_not_cut_is_not_encoded(
    framing: Any, item: Any, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        framing.encode(item)


@pytest.mark.parametrize("framing", [rx.Raw(), rx.Lines(), rx.Frames(1), rx.LengthPrefixed()])
def test_what_is_no_bytes_is_not_encoded(framing: Any) -> None:
    with pytest.raises(TypeError, match="bytes are wanted"):
        framing.encode(3)


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: rx.Lines(b""), ValueError, "separator must have"),
        (lambda: rx.Lines("\n"), TypeError, "bytes are wanted"),  # type: ignore[arg-type]
        (lambda: rx.Lines(encoding="utf-9"), LookupError, "utf-9"),
        (lambda: rx.Lines(max_frame=0), ValueError, "max_frame"),
        (lambda: rx.Frames(0), ValueError, "size"),
        (lambda: rx.Frames(1.5), ValueError, "size"),  # type: ignore[arg-type]
        (lambda: rx.Raw(0), ValueError, "max_size"),
        (lambda: rx.LengthPrefixed(0), ValueError, "prefix"),
        (lambda: rx.LengthPrefixed(byteorder="middle"), ValueError, "byteorder"),  # type: ignore
    ],
)
def test_a_framing_that_makes_no_sense_is_refused(build: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        build()


# Demand


class Watched(asyncio.StreamReader):
    """Counts the reads."""

    reads = 0

    async def read(self, n: int = -1) -> bytes:
        self.reads += 1
        return await super().read(n)


def test_nothing_is_read_before_there_is_demand_nor_while_a_frame_is_there() -> None:
    async def main() -> None:
        reader = Watched()
        reader.feed_data(b"a\nb\nc\nd")
        probe: TestSubscriber[Any] = TestSubscriber()
        rx.from_stream_reader(reader, rx.Lines()).subscribe(probe)
        await turns(5)
        assert reader.reads == 0
        for n, expected in ((1, [b"a"]), (2, [b"a", b"b", b"c"])):
            probe.request(n)
            await turns(5)
            probe.assert_items(*expected)
            assert reader.reads == 1
        probe.request(1)
        await turns(5)
        assert reader.reads == 2
        reader.feed_data(b"\ne\n")
        await turns(5)
        probe.assert_items(b"a", b"b", b"c", b"d")
        probe.cancel()
        await turns(5)
        assert await reader.read(100) == b"e\n"

    run(main())


def test_the_end_comes_with_the_last_frame_where_it_is_known() -> None:
    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber(2)
        rx.from_stream_reader(reader_of(b"a\nb\n"), rx.Lines()).subscribe(probe)
        await turns(5)
        probe.assert_completed(b"a", b"b")

    run(main())


def test_frames_that_are_there_are_given_before_the_failure_of_the_reader() -> None:
    async def main() -> None:
        reader = reader_of(b"a\nb\nc", end=False)
        items: list[bytes] = []

        async def take() -> None:
            async for item in rx.from_stream_reader(reader, rx.Lines()):
                items.append(item)
                if item == b"a":
                    reader.set_exception(ConnectionResetError("gone"))

        with pytest.raises(ConnectionResetError, match="gone"):
            await take()
        assert items == [b"a", b"b"]

    run(main())


@pytest.mark.parametrize("at", [1, 2, 3])
def test_what_was_read_ahead_goes_back_when_the_stream_is_over(at: int) -> None:
    async def main() -> None:
        reader = reader_of(b"1\n2\n3\nrest", end=False)
        flow = rx.from_stream_reader(reader, rx.Lines()).pipe(ops.take(at))
        assert len([item async for item in flow]) == at
        assert await reader.read(100) == b"1\n2\n3\nrest"[2 * at :]

    run(main())


def test_another_framing_goes_on_at_once_where_a_loop_was_left() -> None:
    """A trap: a loop that is left by ``break`` is closed only some turns later."""

    async def main() -> None:
        reader = reader_of(b"length: 3\n\nabcdef", end=False)
        async for line in rx.from_stream_reader(reader, rx.Lines()):
            if not line:
                break
        async for frame in rx.from_stream_reader(reader, rx.Frames(3)):
            assert frame == b"abc"
            break
        await turns(5)
        assert await reader.read(100) == b"def"

    run(main())


def test_a_step_that_is_cancelled_takes_no_bytes_with_it() -> None:
    for count in range(8):

        async def main(count: int = count) -> None:
            reader = reader_of(b"on", end=False)
            taken: list[bytes] = []

            async def take() -> None:
                flow = rx.from_stream_reader(reader, rx.Lines())
                async with aclosing(aiter(flow)) as items:
                    taken.append(await anext(items))

            task = asyncio.ensure_future(take())
            await turns(3)
            reader.feed_data(b"e\ntwo")
            await turns(count)
            task.cancel()
            await asyncio.wait([task])
            left = await asyncio.wait_for(reader.read(100), 1)
            assert b"".join(line + b"\n" for line in taken) + left == b"one\ntwo"

        run(main())


def test_a_subscriber_that_cancels_in_the_middle_leaves_the_rest_in_the_reader() -> None:
    async def main() -> None:
        reader = reader_of(b"a\nb\nc", end=False)
        probe: TestSubscriber[Any] = TestSubscriber(5)
        rx.from_stream_reader(reader, rx.Lines()).subscribe(probe)
        await turns(5)
        probe.assert_items(b"a", b"b")
        probe.cancel()
        await turns(5)
        assert await reader.read(100) == b"c"

    run(main())


def test_no_more_is_held_than_a_frame_and_one_read() -> None:
    async def main() -> None:
        reader = reader_of(bytes(10_000_000), end=False)
        items = aiter(rx.from_stream_reader(reader, rx.Frames(200_000)))
        for n in range(5):
            await anext(items)
            left = len(reader._buffer)  # type: ignore[attr-defined]
            assert 0 <= 10_000_000 - left - 200_000 * (n + 1) <= 200_000 + 65_536
        await items.aclose()  # type: ignore[attr-defined]
        assert len(reader._buffer) == 9_000_000  # type: ignore[attr-defined]

    run(main())


@pytest.mark.parametrize("wrong", [None, b"", object()])
def test_what_is_no_reader_and_no_framing_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"wants an asyncio.StreamReader"):
        rx.from_stream_reader(wrong)

    async def main() -> None:
        with pytest.raises(TypeError, match="framing must be Lines"):
            rx.from_stream_reader(asyncio.StreamReader(), wrong or b"\n")

    run(main())
