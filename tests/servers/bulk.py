"""Many messages that compress well, made with the package `websockets`. The first argument is how many.

The first line of output is the port. The connection stays open after the last message.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import serve


async def talk(connection):
    for seq in range(int(sys.argv[1])):
        await connection.send(
            json.dumps({"type": "ticker", "product": "BTC-USD", "channel": "prices", "seq": seq, "price": 100 + seq % 7})
        )
    await connection.wait_closed()


async def main():
    server = await serve(talk, "127.0.0.1", 0, compression="deflate")
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
