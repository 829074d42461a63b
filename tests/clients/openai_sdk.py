"""OpenAI's SDK as a program: questions in, answers out (see questions.py).

    echo '{"id": 1, "url": "http://127.0.0.1:8080", "api": "chat", "question": "Hi", "stream": true}' |
        python openai_sdk.py sync
"""

import sys

import openai

import questions
from questions import Answer, each, settled

[MODE] = sys.argv[1:]

OF_MODE = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}
# Its pool has 1000 connections: hundreds of answers at once are one of the tests.
client = OF_MODE[MODE](base_url="http://unset", api_key="test", timeout=openai.Timeout(90, connect=60))


def create(question):
    mine = client.with_options(base_url=f"{question['url']}/v1", **questions.options(question))
    asked = {"model": "mock-1", "stream": question.get("stream", False)} | question.get("more", {})
    asked["extra_headers"] = question.get("headers")
    messages = [{"role": "user", "content": question["question"]}]
    # With the head, which the plain calls do not show.
    if question["api"] == "chat":
        return mine.chat.completions.with_raw_response.create(messages=messages, **asked)
    return mine.responses.with_raw_response.create(input=messages, **asked)


async def ask(question):
    with Answer(question, openai.APIError) as answer:
        raw = await settled(create(question))
        answer.head(raw.status_code, raw.headers)
        said = await settled(raw.parse())
        of_api = (chat_event, chat_whole) if question["api"] == "chat" else (responses_event, responses_whole)
        on_event, on_whole = of_api
        if not question.get("stream"):
            return on_whole(answer, said)
        async for event in each(said):
            answer.line["chunks"] += 1
            on_event(answer, event)


def chat_event(answer, chunk):
    for choice in chunk.choices:
        answer.text(choice.delta.content, choice.index)
        for call in choice.delta.tool_calls or []:
            answer.line["arguments"] += call.function.arguments or ""
        answer.line["finish"] = choice.finish_reason or answer.line["finish"]
    if chunk.usage:
        answer.line["usage"] = chunk.usage.completion_tokens


def chat_whole(answer, completion):
    for choice in completion.choices:
        answer.text(choice.message.content, choice.index)
        answer.line["finish"] = choice.finish_reason
    answer.line["usage"] = completion.usage.completion_tokens


def responses_event(answer, event):
    if event.type == "response.output_text.delta":
        answer.text(event.delta)
    elif event.type == "response.function_call_arguments.delta":
        answer.line["arguments"] += event.delta
    elif event.type == "response.completed":
        answer.line["finish"] = event.response.status
        answer.line["usage"] = event.response.usage.output_tokens


def responses_whole(answer, response):
    answer.text(response.output_text)
    answer.line["finish"] = response.status
    answer.line["usage"] = response.usage.output_tokens


questions.run(f"openai {openai.__version__}", MODE, ask)
