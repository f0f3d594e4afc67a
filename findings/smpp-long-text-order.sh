#!/usr/bin/env bash
# PyPI aiosmpplib 0.7.4 puts the parts of a long text in the order of their numbers as text, so 10 comes before 2. A customer who
# writes more than 1,377 letters of the GSM alphabet, or more than 603 of another, sends ten parts or more. The bridge gets the
# end of the complaint in its middle, and nothing in the message tells it: the parts came in order, and none is missing.
#
# Seen with 0.7.4, of a center on this machine that delivers each part with the header of 3GPP TS 23.040 (9.2.3.24.1): nine parts
# are in order, ten are read as 1, 10, 2, 3 and so on, and twelve as 1, 10, 11, 12, 2.
# Needs Python 3.11 or newer with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aiosmpplib==0.7.4
cat > order.py <<'PY'
import asyncio, struct, sys
from aiosmpplib import ESME
from aiosmpplib.hook import AbstractHook
from aiosmpplib.protocol import DeliverSm

BIND_ANSWER, DELIVER = 0x80000009, 5

class Texts(AbstractHook):
    def __init__(self):
        self.queue = asyncio.Queue()

    async def sending(self, smpp_message, pdu, client_id):
        pass

    async def send_error(self, smpp_message, error, client_id):
        pass

    async def received(self, smpp_message, pdu, client_id):
        if isinstance(smpp_message, DeliverSm):
            self.queue.put_nowait(smpp_message.short_message)

def delivered(number, parts):
    text = bytes([5, 0, 3, 7, parts, number]) + f"{number} ".encode()
    flags = bytes([0x40, 0, 0, 0, 0, 0, 0, 3, 0, len(text)])
    return b"\0\1\1" + b"15550100123\0" + b"\1\1" + b"15550100100\0" + flags + text

def center(parts):
    async def session(reader, writer):
        async def read():
            size, _, _, sequence = struct.unpack(">4I", await reader.readexactly(16))
            await reader.readexactly(size - 16)
            return sequence

        def write(command, sequence, body):
            writer.write(struct.pack(">4I", 16 + len(body), command, 0, sequence) + body)

        write(BIND_ANSWER, await read(), b"\0")
        for number in range(1, parts + 1):
            write(DELIVER, number, delivered(number, parts))
            await read()

    return session

async def read_text(parts):
    texts = Texts()
    server = await asyncio.start_server(center(parts), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = ESME("127.0.0.1", port, "bridge", "secret", hook=texts, log_level=60)
    running = asyncio.create_task(client.start())
    try:
        return (await asyncio.wait_for(texts.queue.get(), 20)).split()
    finally:
        running.cancel()
        server.close()

changed = False
for parts in (9, 10, 12):
    seen = asyncio.run(read_text(parts))
    print(f"{parts} parts, read as: {' '.join(seen)}")
    changed |= seen != sorted((str(number) for number in range(1, parts + 1)))
    changed |= (seen == sorted(seen, key=int)) != (parts == 9)
sys.exit(1 if changed else 0)
PY
venv/bin/python order.py
