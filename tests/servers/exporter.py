"""An exporter made with `prometheus_client`, as programs are watched with.

usage: exporter.py PORT

At each scrape the counter `jobs_total` is one higher, and the gauge `level_celsius` moves. The first line of output is the
port; each scrape is a line.
"""

import json
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

registry = CollectorRegistry()
jobs = Counter("jobs", "Jobs done.", ["queue"], registry=registry)
level = Gauge("level_celsius", "How warm it is.", registry=registry)
seconds = Histogram("seconds", "How long they took.", registry=registry)
app = make_wsgi_app(registry)
scrapes = 0


def scrape(environ, start_response):
    global scrapes
    scrapes += 1
    jobs.labels("fast").inc()
    jobs.labels("slow").inc(2)
    level.set(20 + scrapes % 5)
    seconds.observe(0.1)
    said = {"event": "scrape", "accept": environ.get("HTTP_ACCEPT"), "encoding": environ.get("HTTP_ACCEPT_ENCODING")}
    print(json.dumps(said), flush=True)
    return app(environ, start_response)


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


server = make_server("127.0.0.1", int(sys.argv[1]), scrape, handler_class=Quiet)
print(f"port {server.server_port}", flush=True)
server.serve_forever()
