"""httpx-sse as a program: the same as resume.mjs, with the reconnecting that httpx-sse leaves to its user.

    python resume.py http://127.0.0.1:8080/v1/answers/ans_…
"""

import json
import sys

import httpx
from httpx_sse import connect_sse

[URL] = sys.argv[1:]

events = []
status = None
with httpx.Client(timeout=60) as client:
    while status != 204:
        seen = {"last-event-id": events[-1][0]} if events else {}
        try:
            with connect_sse(client, "GET", URL, headers=seen) as source:
                status = source.response.status_code
                if status != 200:
                    continue
                for event in source.iter_sse():
                    events.append([event.id, event.data])
        except httpx.TransportError:
            pass
print(json.dumps({"events": events, "status": status}))
