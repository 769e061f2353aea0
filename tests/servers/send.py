"""Sends webhooks as programs do it, with Python's own `urllib`.

usage: send.py CA

Each line of input is `{"url": ..., "headers": {...}, "body": ...}`; each line of output is its status and the answer's headers,
or the error. CA is the file with the authority that is trusted, or `-`.
"""

import json
import ssl
import sys
import urllib.error
import urllib.request

context = None if sys.argv[1] == "-" else ssl.create_default_context(cafile=sys.argv[1])
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
)

print("port 0", flush=True)
for line in sys.stdin:
    what = json.loads(line)
    request = urllib.request.Request(what["url"], what["body"].encode(), what["headers"], method=what.get("method", "POST"))
    try:
        with opener.open(request, timeout=30) as answer:
            said = {"status": answer.status, "headers": dict(answer.headers)}
    except urllib.error.HTTPError as error:
        said = {"status": error.code, "headers": dict(error.headers)}
    except OSError as error:
        said = {"status": None, "error": str(error)}
    print(json.dumps(said), flush=True)
