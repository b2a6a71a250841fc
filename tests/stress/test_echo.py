"""A gigabyte through both ends of a connection, with a client that reads slowly."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import threading
import time

import pytest

SIZE = 2**30  # (bytes)
PART = 2**20  # (bytes)
GROWTH = 10 * 2**20  # (bytes)
PATIENCE = 300.0  # seconds; only a hang gets there

SERVER = """
import asyncio
from pathlib import Path
import rxflow as rx

def most_so_far():  # KiB
    [line] = [l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l]
    return int(line.split()[1])

async def main():
    over = asyncio.Event()

    async def echo(connection):
        await connection.incoming.to_stream_writer(connection.writer)
        over.set()

    server = await asyncio.start_server(rx.connection_handler(echo), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], most_so_far(), flush=True)
    await over.wait()
    print(most_so_far(), flush=True)
    server.close()

asyncio.run(main())
"""


class Sender(threading.Thread):
    """Sends as fast as it can; knows how much it has sent."""

    def __init__(self, client: socket.socket) -> None:
        super().__init__(daemon=True)
        self._client = client
        self.sent = 0
        self.hash = hashlib.blake2b()

    def run(self) -> None:
        part = b"".join(n.to_bytes(4, "big") for n in range(PART // 4))
        while self.sent < SIZE:
            self._client.sendall(part)
            self.hash.update(part)
            self.sent += PART
            part = part[1:] + part[:1]
        self._client.shutdown(socket.SHUT_WR)


@pytest.mark.stress
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_echoes_a_gigabyte_to_a_slow_reader_grows_by_less_than_10_mib() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        port, before = map(int, server.stdout.readline().split())
        received, hashed = 0, hashlib.blake2b()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(PATIENCE)
            sender = Sender(client)
            sender.start()
            stopped = [SIZE // 4, SIZE // 2]  # there it reads nothing for a while
            while data := client.recv(PART):
                received += len(data)
                hashed.update(data)
                time.sleep(0.0005)
                if stopped and received >= stopped[0]:
                    del stopped[0]
                    time.sleep(1)
                    held = sender.sent  # what the buffers have taken by now
                    time.sleep(1)
                    assert sender.sent == held
                    assert held - received < 64 * 2**20
        sender.join(PATIENCE)
        after = int(server.stdout.readline())
        assert server.wait(PATIENCE) == 0
    assert received == SIZE
    assert hashed.digest() == sender.hash.digest()
    assert (after - before) * 1024 < GROWTH
