"""A feed of numbered values that goes on by itself, and repeats what was missed to whoever asks, made with `websockets`.

The first line of output is the port; then one JSON object for each request. A request is
`{"op": "replay", "after": N}`: every message behind number N comes again, then what follows.
"""

import asyncio
import json
import sys
from datetime import datetime, timezone

from websockets.asyncio.server import serve

sent = []
changed = asyncio.Condition()


async def publish():
    while True:
        await asyncio.sleep(0.05)
        time = datetime.now(timezone.utc).isoformat()
        seq = len(sent)
        async with changed:
            sent.append(json.dumps({"seq": seq, "time": time, "level": 20 + seq % 7}))
            changed.notify_all()


async def talk(connection):
    # Who connects is heard for a moment: then it is known from where on it wants the feed.
    after = len(sent) - 1
    try:
        request = await asyncio.wait_for(connection.recv(), 0.3)
        print(request, flush=True)
        after = json.loads(request)["after"]
    except TimeoutError:
        pass
    while True:
        async with changed:
            await changed.wait_for(lambda: len(sent) > after + 1)
        for message in sent[after + 1 :]:
            await connection.send(message)
            after += 1


async def main():
    server = await serve(talk, "127.0.0.1", 0)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await publish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
