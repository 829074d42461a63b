// Anthropic's SDK as a program: questions in, answers out (see questions.py).
//
//     echo '{"id": 1, "url": "http://127.0.0.1:8080", "api": "messages", "question": "Hi", "stream": true}' |
//         node anthropic_sdk.mjs

import Anthropic from "@anthropic-ai/sdk";
import { VERSION } from "@anthropic-ai/sdk/version";
import { options, run } from "./questions.mjs";

const client = new Anthropic({ baseURL: "http://unset", apiKey: "test", timeout: 90_000 });

async function ask(question, answer) {
  const messages = [{ role: "user", content: question.question }];
  const asked = { model: "mock-1", max_tokens: 1000, stream: question.stream ?? false, ...question.more };
  const mine = client.withOptions({ baseURL: question.url, ...options(question) });
  const { headers } = question;
  const { data, response } = await mine.messages.create({ messages, ...asked }, { headers }).withResponse();
  answer.head(response);
  if (!asked.stream) {
    for (const block of data.content) answer.text(block.text);
    answer.finish = data.stop_reason;
    answer.usage = data.usage.output_tokens;
    return;
  }
  for await (const event of data) {
    answer.chunks += 1;
    onEvent(answer, event);
  }
}

function onEvent(answer, event) {
  if (event.type === "content_block_delta") {
    if (event.delta.type === "text_delta") answer.text(event.delta.text);
    if (event.delta.type === "input_json_delta") answer.arguments += event.delta.partial_json;
  } else if (event.type === "message_delta") {
    answer.finish = event.delta.stop_reason;
    answer.usage = event.usage.output_tokens;
  }
}

run(`anthropic ${VERSION}`, Anthropic.APIError, ask);
