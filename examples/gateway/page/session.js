// What a tab keeps of its chat: a page that is loaded again goes on with it. The browser forgets it with the tab.

const NAME = "lastbyte.chat";

// `turns` are questions with what became of them; `pending` is the one whose answer has not ended.
const empty = () => ({ turns: [], pending: null });

export function load() {
  try {
    const chat = JSON.parse(sessionStorage.getItem(NAME));
    return isChat(chat) ? chat : empty();
  } catch {
    // Not ours, or not readable, or not allowed: a chat begins without.
    return empty();
  }
}

export function save(chat) {
  try {
    sessionStorage.setItem(NAME, JSON.stringify(chat));
  } catch {
    // Full, or not allowed. Half of a chat is worse than none.
    forget();
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(NAME);
  } catch {
    // There is nothing then.
  }
}

const isText = (it) => typeof it === "string";

function isChat(chat) {
  return Array.isArray(chat?.turns) && chat.turns.every(isTurn) && (chat.pending === null || isPending(chat.pending));
}

function isTurn(turn) {
  const { error, seconds, calls } = turn?.result ?? {};
  const isKnown = Array.isArray(calls) && calls.every((call) => isText(call?.kind));
  return isText(turn?.content) && isText(turn.text) && (error === null || isText(error)) && Number.isFinite(seconds) && isKnown;
}

function isPending({ content, question }) {
  return isText(content) && [question?.key, question?.body, question?.model].every(isText) && Number.isFinite(question.asked);
}
