// Asks the public API with the visitor's key, and follows the journal. The key lives in this tab only.

const KEY = 'concord.key';
/** The stream says something every 15 s; what is silent for longer is dead. */
const SILENCE_MS = 45_000;
/** A request that takes longer is given up: the server's own limit is one minute. */
const PATIENCE_MS = 70_000;

/** An answer that is a problem. */
export class Refused extends Error {
  constructor(status, problem) {
    super(sentence(problem?.detail || problem?.title || 'It says no more'));
    this.status = status;
    this.problem = problem;
  }

  /** Whether a key, or another one, would help. */
  get wantsKey() {
    return this.status === 401 || this.status === 403;
  }
}

/** With a capital and a full stop. */
const sentence = text => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

export const key = {
  get: () => sessionStorage.getItem(KEY) || '',
  keep: text => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

async function send(path, accept, signal) {
  const headers = { Accept: accept };
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  const answer = await fetch(path, { headers, signal, cache: 'no-store', credentials: 'omit' });
  if (answer.ok) return answer;
  throw new Refused(answer.status, await answer.json().catch(() => null));
}

/** One answer as JSON. */
export async function ask(path, signal) {
  const answer = await send(path, 'application/json', AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
  return answer.json();
}

/** The records after this one as they become durable, some at a time; an empty list is a sign of life. */
export async function* records(after, signal) {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const answer = await send(`/v1/journal?after=${after}`, 'text/event-stream', AbortSignal.any([signal, silence.signal]));
    yield [];
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const events = (rest + value).split('\n\n');
      rest = events.pop();
      yield events.map(read).filter(Boolean);
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** The record of one event; comments have none. */
function read(event) {
  const line = event.split('\n').find(line => line.startsWith('data: '));
  return line ? JSON.parse(line.slice('data: '.length)) : null;
}
