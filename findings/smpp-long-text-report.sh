#!/usr/bin/env bash
# PyPI aiosmpplib 0.7.4 reports a text of two parts as delivered although its second part was not. It hands on one report for all
# parts: the first that came, unless a later one has an error number above zero. It never looks at the state of a report. SMPP
# 3.4 (appendix B) has the number only where appropriate, and centers do report EXPIRED and UNDELIV with 000. An agent then sees
# a text as delivered of which the customer has half, and no other report follows.
#
# Seen with 0.7.4, of a center on this machine that takes both parts and reports on each with err:000: the table below. The same
# two reports in the other order are handed on as EXPIRED, and so is the report of a text of one part.
# Needs Python 3.11 or newer with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aiosmpplib==0.7.4
cat > report.py <<'PY'
import asyncio, struct, sys
from aiosmpplib import ESME, PhoneNumber, SubmitSm
from aiosmpplib.hook import AbstractHook
from aiosmpplib.protocol import DeliverSm

BIND_ANSWER, SUBMIT_ANSWER, DELIVER = 0x80000009, 0x80000004, 5
WITH_HEADER = 0b01000000

class Reports(AbstractHook):
    def __init__(self):
        self.queue = asyncio.Queue()

    async def sending(self, smpp_message, pdu, client_id):
        pass

    async def send_error(self, smpp_message, error, client_id):
        self.queue.put_nowait(repr(error))

    async def received(self, smpp_message, pdu, client_id):
        if isinstance(smpp_message, DeliverSm):
            self.queue.put_nowait(f"{smpp_message.log_id} {smpp_message.parse_receipt()['stat']}")

def reported(part, state):
    taken = "001" if state == "DELIVRD" else "000"
    dates = "submit date:2611301000 done date:2611301005"
    text = f"id:{part} sub:001 dlvrd:{taken} {dates} stat:{state} err:000 text:".encode()
    flags = bytes([4, 0, 0, 0, 0, 0, 0, 0, 0, len(text)])
    return b"\0\1\1" + b"15550100123\0" + b"\1\1" + b"15550100100\0" + flags + text

def center(states):
    async def session(reader, writer):
        async def read():
            size, _, _, sequence = struct.unpack(">4I", await reader.readexactly(16))
            await reader.readexactly(size - 16)
            return sequence

        def write(command, sequence, body):
            writer.write(struct.pack(">4I", 16 + len(body), command, 0, sequence) + body)

        write(BIND_ANSWER, await read(), b"\0")
        for part in range(1, len(states) + 1):
            write(SUBMIT_ANSWER, await read(), f"{part}\0".encode())
        for part, state in enumerate(states, 1):
            write(DELIVER, part, reported(part, state))
            await read()

    return session

async def report(states):
    reports = Reports()
    server = await asyncio.start_server(center(states), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = ESME("127.0.0.1", port, "bridge", "secret", hook=reports, log_level=60)
    await client.broker.enqueue(SubmitSm(
        short_message="Your order is on its way. " * (10 if len(states) == 2 else 1),
        source=PhoneNumber("15550100100"),
        destination=PhoneNumber("15550100123"),
        log_id="text-1",
        registered_delivery=1,
        esm_class=WITH_HEADER,
        auto_message_payload=False,
    ))
    running = asyncio.create_task(client.start())
    try:
        return await asyncio.wait_for(reports.queue.get(), 20)
    finally:
        running.cancel()
        server.close()

cases = [
    (["EXPIRED"], "EXPIRED"),
    (["DELIVRD", "DELIVRD"], "DELIVRD"),
    (["EXPIRED", "DELIVRD"], "EXPIRED"),
    (["DELIVRD", "EXPIRED"], "DELIVRD"),
    (["DELIVRD", "UNDELIV"], "DELIVRD"),
]
changed = False
for states, before in cases:
    seen = asyncio.run(report(states))
    print(f"{' and '.join(states)}: handed on as {seen}")
    changed |= seen != f"text-1 {before}"
sys.exit(1 if changed else 0)
PY
venv/bin/python report.py
