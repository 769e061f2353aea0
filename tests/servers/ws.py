"""A price feed made with the package `websockets`, each of its ways shown once.

The first line of output is the port; then one JSON object for each thing that happened.
Connections without the right bearer token get 401. The script of a connection depends on its number.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import serve

state = {"connections": 0, "seq": 0}


def say(**what):
    print(json.dumps(what), flush=True)


def message():
    state["seq"] += 1
    return json.dumps({"type": "tick", "seq": state["seq"], "price": f"{100 + state['seq'] % 7}.50"})


async def many(connection, count, pause=0.0):
    for _ in range(count):
        await connection.send(message())
        if pause:
            await asyncio.sleep(pause)


async def first(connection):
    """Fragments, binary frames, a ping that must be answered, then a restart."""
    await many(connection, 50)
    text = message()
    await connection.send([text[:10], text[10:25], text[25:]])
    await connection.send(message().encode())
    pong = await connection.ping()
    await asyncio.wait_for(pong, 10)
    say(event="pong")
    await many(connection, 48)
    await connection.close(1012, "deploy")


async def second(connection):
    """A message that is far too long: the client goes, with a reason."""
    await many(connection, 100)
    try:
        await connection.send("x" * 20_000_000)
        await connection.wait_closed()
    except Exception:
        pass
    say(event="refused", code=connection.close_code)


async def third(connection):
    """Goes on as if nothing had been."""
    await many(connection, 100)
    say(event="done", seq=state["seq"])
    await connection.wait_closed()


async def talk(connection):
    number = state["connections"]
    state["connections"] += 1
    say(
        event="connected",
        number=number,
        subprotocol=connection.subprotocol,
        extensions=[extension.name for extension in connection.protocol.extensions],
        agent=connection.request.headers.get("User-Agent"),
    )
    subscribe = json.loads(await connection.recv())
    await connection.send(json.dumps({"type": "subscribed", "to": subscribe["products"]}))
    say(event="subscribed", message=subscribe)
    await [first, second, third][min(number, 2)](connection)


def check(connection, request):
    if request.headers.get("Authorization") != "Bearer s3cret":
        say(event="unauthorized")
        return connection.respond(401, "no\n")
    return None


async def main():
    server = await serve(
        talk,
        "127.0.0.1",
        0,
        process_request=check,
        subprotocols=["v2.feed", "v1.feed"],
        compression="deflate",
        ping_interval=0.5,
        ping_timeout=10,
        max_size=None,
    )
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
