"""A feed of server-sent events made with `sse-starlette`.

usage: sse.py PORT LAST PAUSE_AT

Events bear the ids 1 to LAST, whoever asks; a client that names the last one it has gets those behind it. Behind PAUSE_AT the
stream is ended once, with `retry: 700`; behind LAST a client is told 204. The first line of output is the port.
"""

import asyncio
import json
import socket
import sys
import time

import uvicorn
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

PORT, LAST, PAUSE_AT = (int(text) for text in sys.argv[1:4])
state = {"paused": None}


def say(**what):
    print(json.dumps(what), flush=True)


def event(number):
    # Several lines of data, as JSON for people is written.
    data = json.dumps({"seq": number, "level": 20 + number % 5, "on": number % 2 == 0}, indent=1)
    return ServerSentEvent(data, id=str(number), event="level", retry=100)


async def events(request):
    resume = request.headers.get("last-event-id")
    if state["paused"] is not None:
        say(event="back", after=time.monotonic() - state["paused"])
        state["paused"] = None
    say(event="asked", resume=resume)
    if resume == str(LAST):
        say(event="finished")
        return Response(status_code=204)

    async def stream():
        number = int(resume or 0)
        yield ServerSentEvent(comment="hello")
        while number < LAST:
            number += 1
            yield event(number)
            if number == PAUSE_AT and (resume is None or int(resume) < PAUSE_AT):
                yield ServerSentEvent(comment="back later", retry=700)
                state["paused"] = time.monotonic()
                return
            await asyncio.sleep(0.005)
        say(event="sent", last=number)

    return EventSourceResponse(stream(), ping=1)


async def main():
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", PORT))
    listening.listen()
    print("port", listening.getsockname()[1], flush=True)
    app = Starlette(routes=[Route("/events", events)])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    await server.serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main())
