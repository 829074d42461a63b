// Vercel's AI SDK as a program: questions in, answers out (see questions.py).
//
//     echo '{"id": 1, "url": "http://127.0.0.1:8080", "api": "chat", "question": "Hi", "stream": true}' |
//         node ai_sdk.mjs

import { createRequire } from "node:module";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, streamText } from "ai";
import { run } from "./questions.mjs";

const { version } = createRequire(import.meta.url)("ai/package.json");

// Names what an error has as the other SDKs name it.
async function ask(question, answer) {
  try {
    await answered(question, answer);
  } catch (error) {
    if (!APICallError.isInstance(error)) throw error;
    const { statusCode: status, responseHeaders, data } = error;
    throw Object.assign(error, { status, code: data?.error?.code, headers: new Headers(responseHeaders) });
  }
}

async function answered(question, answer) {
  const provider = createOpenAICompatible({
    name: "gateway",
    baseURL: `${question.url}/v1`,
    // What it makes of a response has not all of its headers in every case.
    fetch: async (...request) => {
      const response = await fetch(...request);
      answer.head(response);
      return response;
    },
  });
  const { headers, retries = 0 } = question;
  const asked = { model: provider("mock-1"), prompt: question.question, headers, maxRetries: retries };
  if (!question.stream) {
    const { text, finishReason } = await generateText(asked);
    answer.text(text);
    answer.finish = finishReason;
    return;
  }
  // Without `onError` it writes what it meets on the console, where answers are expected.
  for await (const part of streamText({ ...asked, onError: () => {} }).fullStream) {
    answer.chunks += 1;
    if (part.type === "text-delta") answer.text(part.text);
    if (part.type === "finish") answer.finish = part.finishReason;
    // An error inside a stream is a part of it, and none of the SDK's own errors.
    if (part.type === "error") throw part.error instanceof Error ? part.error : Object.assign(new Error(), part.error);
  }
}

run(`ai ${version}`, APICallError, ask);
