// The npm package eventsource as a program: reads an answer at a URL until it is told that nothing is left, and
// writes the events as one line of JSON, `[[id, data], …]`.
//
//     node resume.mjs http://127.0.0.1:8080/v1/answers/ans_…

import { EventSource } from "eventsource";

const source = new EventSource(process.argv[2]);
const events = [];
source.onmessage = ({ lastEventId, data }) => events.push([lastEventId, data]);
source.onerror = ({ code }) => {
  // A connection that breaks is one that it opens again by itself.
  if (source.readyState !== EventSource.CLOSED) return;
  console.log(JSON.stringify({ events, status: code }));
};
