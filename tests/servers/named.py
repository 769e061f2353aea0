"""A WebSocket feed that says in each message on which address it stands: the arguments are address and port."""

import asyncio
import itertools
import json
import sys

from websockets.asyncio.server import serve

host, port = sys.argv[1], int(sys.argv[2])
numbers = itertools.count()


async def talk(connection):
    while True:
        await connection.send(json.dumps({"host": host, "seq": next(numbers), "level": 20}))
        await asyncio.sleep(0.05)


async def main():
    async with serve(talk, host, port):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
