"""Anthropic's SDK as a program: questions in, answers out (see questions.py).

    echo '{"id": 1, "url": "http://127.0.0.1:8080", "api": "messages", "question": "Hi", "stream": true}' |
        python anthropic_sdk.py sync
"""

import sys

import anthropic

import questions
from questions import Answer, each, settled

[MODE] = sys.argv[1:]

OF_MODE = {"sync": anthropic.Anthropic, "async": anthropic.AsyncAnthropic}
client = OF_MODE[MODE](base_url="http://unset", api_key="test", timeout=anthropic.Timeout(90, connect=60))


def create(question):
    mine = client.with_options(base_url=question["url"], **questions.options(question))
    asked = {"model": "mock-1", "max_tokens": 1000, "stream": question.get("stream", False)}
    asked["extra_headers"] = question.get("headers")
    messages = [{"role": "user", "content": question["question"]}]
    # With the head, which the plain call does not show.
    return mine.messages.with_raw_response.create(messages=messages, **asked | question.get("more", {}))


async def ask(question):
    with Answer(question, anthropic.APIError) as answer:
        raw = await settled(create(question))
        answer.head(raw.status_code, raw.headers)
        said = await settled(raw.parse())
        if not question.get("stream"):
            return whole(answer, said)
        async for event in each(said):
            answer.line["chunks"] += 1
            on_event(answer, event)


def on_event(answer, event):
    if event.type == "content_block_delta" and event.delta.type == "text_delta":
        answer.text(event.delta.text)
    elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
        answer.line["arguments"] += event.delta.partial_json
    elif event.type == "message_delta":
        answer.line["finish"] = event.delta.stop_reason
        answer.line["usage"] = event.usage.output_tokens


def whole(answer, message):
    for block in message.content:
        answer.text(block.text)
    answer.line["finish"] = message.stop_reason
    answer.line["usage"] = message.usage.output_tokens


questions.run(f"anthropic {anthropic.__version__}", MODE, ask)
