"""A server whose tokens expire.

usage: expiring.py FILE EACH

The token that holds is in FILE; after EACH answers it is another one. `/state` is a document, `/events` a stream of one event a
connection. Other tokens are answered 401. The first line of output is the port; each answer is a line.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

FILE, EACH = sys.argv[1], int(sys.argv[2])
lock = Lock()
state = {"answers": 0, "token": ""}


def exchange():
    state["token"] = f"t0ken-{state['answers'] // EACH}-{os.urandom(8).hex()}"
    with open(FILE + ".new", "w") as file:
        file.write(state["token"] + "\n")
    os.replace(FILE + ".new", FILE)


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with lock:
            valid = self.headers.get("Authorization") == f"Bearer {state['token']}"
            if valid:
                state["answers"] += 1
                number = state["answers"]
                if number % EACH == 0:
                    exchange()
            print(json.dumps({"status": 200 if valid else 401, "path": self.path}), flush=True)
        events = self.path == "/events"
        body = json.dumps({"seq": number}) if valid else "no\n"
        if valid and events:
            body = f"retry: 50\nid: {number}\ndata: {body}\n\n"
        self.send_response(200 if valid else 401)
        self.send_header("Content-Type", "text/event-stream" if events else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


exchange()
server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
print(f"port {server.server_port}", flush=True)
server.serve_forever()
