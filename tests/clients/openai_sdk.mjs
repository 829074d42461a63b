// OpenAI's SDK as a program: questions in, answers out (see questions.py).
//
//     echo '{"id": 1, "url": "http://127.0.0.1:8080", "api": "chat", "question": "Hi", "stream": true}' |
//         node openai_sdk.mjs

import OpenAI from "openai";
import { VERSION } from "openai/version";
import { options, run } from "./questions.mjs";

const client = new OpenAI({ baseURL: "http://unset", apiKey: "test", timeout: 90_000 });

async function ask(question, answer) {
  const messages = [{ role: "user", content: question.question }];
  const asked = { model: "mock-1", stream: question.stream ?? false, ...question.more };
  const mine = client.withOptions({ baseURL: `${question.url}/v1`, ...options(question) });
  const chat = question.api === "chat";
  const { headers } = question;
  const call = chat
    ? mine.chat.completions.create({ messages, ...asked }, { headers })
    : mine.responses.create({ input: messages, ...asked }, { headers });
  const { data, response } = await call.withResponse();
  answer.head(response);
  if (!asked.stream) return (chat ? chatWhole : responsesWhole)(answer, data);
  for await (const event of data) {
    answer.chunks += 1;
    (chat ? chatEvent : responsesEvent)(answer, event);
  }
}

function chatEvent(answer, chunk) {
  for (const choice of chunk.choices) {
    answer.text(choice.delta.content, choice.index);
    for (const call of choice.delta.tool_calls ?? []) answer.arguments += call.function.arguments ?? "";
    answer.finish = choice.finish_reason ?? answer.finish;
  }
  if (chunk.usage) answer.usage = chunk.usage.completion_tokens;
}

function chatWhole(answer, completion) {
  for (const choice of completion.choices) {
    answer.text(choice.message.content, choice.index);
    answer.finish = choice.finish_reason;
  }
  answer.usage = completion.usage.completion_tokens;
}

function responsesEvent(answer, event) {
  if (event.type === "response.output_text.delta") answer.text(event.delta);
  if (event.type === "response.function_call_arguments.delta") answer.arguments += event.delta;
  if (event.type === "response.completed") {
    answer.finish = event.response.status;
    answer.usage = event.response.usage.output_tokens;
  }
}

function responsesWhole(answer, response) {
  answer.text(response.output_text);
  answer.finish = response.status;
  answer.usage = response.usage.output_tokens;
}

run(`openai ${VERSION}`, OpenAI.APIError, ask);
