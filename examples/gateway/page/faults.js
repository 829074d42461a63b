// The faults of the demo's chat API: what they are called, and what is set for them.

export const FAULTS = [
  {
    title: "Before the first word: the gateway asks again",
    faults: [
      { name: "429", label: "Rate limited (429)", set: { kind: "status", code: 429, retry_after: "1" } },
      { name: "503", label: "Overloaded (503)", set: { kind: "status", code: 503 } },
      { name: "reset", label: "Connection reset", set: { kind: "reset_before_head" } },
      { name: "stall", label: "Silence", set: { kind: "stall" } },
    ],
  },
  {
    title: "In the middle: it cannot be undone, but it is told",
    faults: [
      { name: "cut", label: "Cut off", set: { kind: "cut", after: 10 } },
      { name: "half", label: "Half an event", set: { kind: "half_event", after: 10 } },
    ],
  },
  {
    title: "At the end: nothing is missing",
    faults: [{ name: "no_done", label: "No [DONE]", set: { kind: "no_done" } }],
  },
];

export const ALL = FAULTS.flatMap(({ faults }) => faults);

// Which of them a fault is that the chat API tells of. All statuses but 429 go under one name.
export function known({ kind, code }) {
  if (kind === "status") return ALL.find(({ name }) => name === (code === 429 ? "429" : "503"));
  return ALL.find(({ set }) => set.kind === kind);
}

export function labelOf(fault) {
  if (fault.kind === "status" && ![429, 503].includes(fault.code)) return `Status ${fault.code}`;
  return known(fault)?.label ?? fault.kind.replaceAll("_", " ");
}
