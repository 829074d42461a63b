"""What the programs around the Python SDKs share: questions come in and answers go out, one JSON object a line.

A question is `{"id", "url", "api", "question", "stream"?, "retries"?, "timeout"?, "more"?, "headers"?}`: `retries`
are the SDK's own (none if left out), `timeout` is in seconds, `more` goes into the request as it is.
"""

import asyncio
import inspect
import json
import sys
import time


class Answer:
    """What a program that uses the SDK has of an answer, written as a line when it is over."""

    def __init__(self, question, sdk_error):
        self.sdk_error = sdk_error
        self.line = {
            "id": question["id"],
            "texts": [],
            "arguments": "",
            "finish": None,
            "usage": None,
            "chunks": 0,
            "status": None,
            "attempts": None,
            "answer": None,
            "replayed": None,
            "error": None,
            # Seconds on a clock that all processes share.
            "began": time.monotonic(),
        }

    def __enter__(self):
        return self

    def __exit__(self, _, error, __):
        if error is not None and not isinstance(error, Exception):
            return False
        if error is not None:
            self.failed(error)
        print(json.dumps(self.line | {"ended": time.monotonic()}), flush=True)
        return True

    def head(self, status, headers):
        self.line["status"] = status
        self.line["attempts"] = headers.get("x-lastbyte-attempts")
        self.line["answer"] = headers.get("x-lastbyte-answer")
        self.line["replayed"] = headers.get("idempotent-replayed")

    def text(self, piece, choice=0):
        texts = self.line["texts"]
        texts.extend([""] * (choice + 1 - len(texts)))
        texts[choice] += piece or ""

    def failed(self, error):
        body = getattr(error, "body", None)
        body = body if isinstance(body, dict) else {}
        inner = body.get("error") if isinstance(body.get("error"), dict) else body
        response = getattr(error, "response", None)
        headers = response.headers if response is not None else {}
        self.line["error"] = {
            "class": type(error).__name__,
            "of_sdk": isinstance(error, self.sdk_error),
            "message": str(error),
            "code": inner.get("code"),
            "status": getattr(error, "status_code", None),
            "retry_after": headers.get("retry-after"),
            "should_retry": headers.get("x-should-retry"),
        }


async def settled(value):
    """What a call of either client gives: the async one has to be awaited."""
    return await value if inspect.isawaitable(value) else value


async def each(stream):
    """The events of a stream of either client."""
    if hasattr(stream, "__aiter__"):
        async for event in stream:
            yield event
    else:
        for event in stream:
            yield event


def options(question):
    """What the SDK's client is told for a question."""
    timeout = {"timeout": question["timeout"]} if "timeout" in question else {}
    return {"max_retries": question.get("retries", 0)} | timeout


def run(name, mode, ask):
    """Asks what comes: with `sync` one after the other, with `async` everything at once."""
    print(json.dumps({"ready": name}), flush=True)
    asyncio.run(one_by_one(ask) if mode == "sync" else all_at_once(ask))


async def one_by_one(ask):
    for line in sys.stdin:
        await ask(json.loads(line))


async def all_at_once(ask):
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    asked = set()
    while line := await lines.readline():
        asked.add(asyncio.create_task(ask(json.loads(line))))
    await asyncio.gather(*asked)
