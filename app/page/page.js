// The flow of the page: load the accounts, follow the journal, show one account; and what to say when something fails.

import { Refused, ask, key, records } from './api.js';
import { Books } from './books.js';
import { Entries } from './entries.js';
import { History } from './history.js';
import { part } from './show.js';
import { TreeView } from './tree.js';

/** Most accounts that are loaded; of a larger book a branch is loaded by its path. */
const MOST = 5000;
const PAGE = 500;
/** Records before now among which the newest entries are looked for. */
const BACK = 200;
/** Away for longer, it is quicker to load anew than to catch up. */
const AWAY_MS = 60_000;
/** Work on the screen's thread between two pauses. */
const SLICE_MS = 12;
/** Between two drawings of the whole tree. */
const DRAW_MS = 250;
/** Balances that are read at once where the book is too large to read all. */
const READERS = 4;

let books = new Books('');
let prefix = '';
let session = new AbortController();
let hiddenAt = 0;

const entries = new Entries();
const history = new History(failed);
const tree = new TreeView(part('tree'), account => { location.hash = `account=${account.id}`; }, learn);
const pause = (ms, signal) => new Promise(done => {
  const timer = setTimeout(done, ms);
  signal.addEventListener('abort', () => { clearTimeout(timer); done(); }, { once: true });
});

/** Loads and follows until it is told to begin anew. */
async function run() {
  session.abort();
  session = new AbortController();
  const { signal } = session;
  for (let wait = 1000; !signal.aborted; wait = Math.min(wait * 2, 15_000)) {
    try {
      say('loading');
      const after = await load(signal);
      notice('');
      await follow(after, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (failed(error)) return;
      say('reconnecting');
      await pause(wait, signal);
    }
  }
}

/** Reads the accounts and their balances; returns the record from which to follow. */
async function load(signal) {
  const fresh = new Books(prefix);
  const [newest] = (await ask('/v1/accounts?limit=1', signal)).data;
  const now = newest ? (await ask(`/v1/accounts/${newest.id}/balances`, signal)).at_seq : 0;
  part('door').hidden = true;
  part('books').hidden = false;
  part('forget').hidden = !key.get();
  fresh.isWhole = await pages(`/v1/accounts?limit=${PAGE}&min_seq=${now}&prefix=${encodeURIComponent(prefix)}`, signal, page => {
    for (const { id, path, type, status } of page.data) fresh.add(id, path, type, status);
    part('count').textContent = `${fresh.accounts.size.toLocaleString('en')}…`;
    return fresh.accounts.size < MOST;
  });
  if (fresh.isWhole && !prefix) await balances(fresh, signal);
  books = fresh;
  tree.show(books);
  counted();
  entries.clear(now);
  return Math.max(0, now - BACK);
}

/** Reads pages while `more` says so; whether it came to the end. */
async function pages(path, signal, more) {
  for (let cursor = ''; ;) {
    const page = await ask(path + cursor, signal);
    const goOn = more(page);
    if (!page.next_cursor) return true;
    if (!goOn) return false;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
}

/** Every balance of the book, as of one record. */
async function balances(fresh, signal) {
  const known = new Map();
  let seq = 0;
  await pages(`/v1/trial-balance?limit=${PAGE}`, signal, page => {
    seq = page.at_seq;
    for (const row of page.data) {
      fresh.add(row.account, row.path, row.type, 'open');
      if (!known.has(row.account)) known.set(row.account, []);
      known.get(row.account).push([row.currency, row.balance]);
    }
    return true;
  });
  fresh.isEmpty = known.size === 0;
  for (const account of fresh.accounts.values()) fresh.know(account, known.get(account.id) || [], seq);
}

/** Follows the journal, over any number of connections; ends when the page was away for long. */
async function follow(after, signal) {
  for (let wait = 1000; !signal.aborted; wait = Math.min(wait * 2, 15_000)) {
    const visit = new AbortController();
    const leave = () => document.hidden && visit.abort();
    document.addEventListener('visibilitychange', leave);
    try {
      if (document.hidden) visit.abort();
      for await (const batch of records(after, AbortSignal.any([signal, visit.signal]))) {
        say('live');
        notice('');
        wait = 1000;
        await take(batch);
        after = batch.at(-1)?.seq ?? after;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!visit.signal.aborted && failed(error)) return;
    } finally {
      document.removeEventListener('visibilitychange', leave);
    }
    if (document.hidden) {
      say('paused');
      await new Promise(done => document.addEventListener('visibilitychange', done, { once: true }));
      if (Date.now() - hiddenAt > AWAY_MS) return;
    } else {
      say('reconnecting');
      await pause(wait, signal);
    }
  }
}

/** Takes records in, with pauses, so that a busy journal does not stop the page. */
async function take(batch) {
  const touched = new Set();
  let began = performance.now();
  for (const record of batch) {
    if (account(record)) drawSoon();
    const entry = record.entry || record.hold;
    if (entry?.balances) {
      entries.add(record, entry);
      for (const seen of entry.balances) {
        touched.add(seen.account);
        books.hear(seen.account, seen.currency, seen.posted, record.seq);
      }
    }
    if (performance.now() - began > SLICE_MS) {
      await new Promise(done => setTimeout(done));
      began = performance.now();
    }
  }
  entries.draw(books.isEmpty);
  for (const id of touched) {
    if (books.accounts.has(id)) tree.refresh(books.accounts.get(id));
    history.heard(id);
  }
}

/** What a record says of an account itself; whether the tree changed. */
function account(record) {
  if (record.type === 'account.opened') {
    if (books.accounts.size >= 2 * MOST) books.isWhole = false;
    if (!record.path.startsWith(prefix) || !books.isWhole) return false;
    const added = books.add(record.account, record.path, record.account_type, 'open');
    if (added) books.know(added, [], record.seq);
    return added !== null;
  }
  const status = { 'account.frozen': 'frozen', 'account.thawed': 'open', 'account.closed': 'closed' }[record.type];
  const known = status && books.accounts.get(record.account);
  if (!known || known.status === status) return false;
  known.status = status;
  return true;
}

const wanted = new Set();
let readers = 0;

/** Reads balances that the screen shows and the page does not know, a few at a time. */
async function learn(account) {
  wanted.add(account);
  if (readers >= READERS) return;
  readers += 1;
  for (const next of wanted) {
    wanted.delete(next);
    const { signal } = session;
    try {
      await learnOne(next, signal);
    } catch (error) {
      if (signal.aborted || failed(error)) continue;
      await pause(2000, signal);
      wanted.add(next);
    }
  }
  readers -= 1;
}

async function learnOne(account, signal) {
  while (books.accounts.get(account.id) === account && (account.balances === null || account.heard > account.seq)) {
    const { data, at_seq: seq } = await ask(`/v1/accounts/${account.id}/balances?min_seq=${account.heard}`, signal);
    if (books.accounts.get(account.id) !== account) return;
    books.know(account, data.map(row => [row.currency, row.posted]), seq);
    tree.refresh(account);
  }
}

let drawing = null;

/** Draws the tree soon: many accounts may open at once. */
function drawSoon() {
  drawing ??= setTimeout(() => {
    drawing = null;
    tree.draw();
    counted();
  }, DRAW_MS);
}

function counted() {
  const number = books.accounts.size.toLocaleString('en');
  part('count').textContent = books.isWhole ? number : `newest ${number}`;
  const about = part('about');
  const branch = prefix ? `Paths that start with “${prefix}”; an empty filter and Enter show the whole book again. ` : '';
  const large = books.isWhole ? '' : `This book is larger than one look: these are the newest ${number} accounts, without sums. ` +
    'Type the start of a path and press Enter to load that branch.';
  about.textContent = branch + large;
  about.hidden = !about.textContent;
}

function say(state) {
  part('live').textContent = state;
  part('live').dataset.state = state;
}

function notice(text) {
  part('notice').hidden = !text;
  part('notice').textContent = text;
}

/** Says what failed; whether it is of no use to try again. */
function failed(error) {
  if (error instanceof Refused && error.wantsKey) {
    session.abort();
    say('locked');
    notice('');
    part('books').hidden = true;
    part('door').hidden = false;
    part('door-why').textContent = error.message;
    part('forget').hidden = !key.get();
    part('key').focus();
    return true;
  }
  if (error instanceof Refused) notice(`The server answers ${error.status}: ${error.message} Trying again.`);
  else if (error.name === 'TypeError') notice('The server cannot be reached; what is shown may be old. Trying again.');
  else notice(`Something failed: ${error.message} Trying again.`);
  return false;
}

function chosen() {
  const name = new URLSearchParams(location.hash.slice(1)).get('account');
  history.open(name || null);
  tree.select(name || null);
}

document.addEventListener('visibilitychange', () => { if (document.hidden) hiddenAt = Date.now(); });
addEventListener('hashchange', () => {
  chosen();
  // On a phone the history stands in the place of the tree, so the focus moves there too.
  if (history.name && !part('tree').checkVisibility()) part('history-title').focus();
});
part('fold').addEventListener('click', () => tree.foldAll(false));
part('unfold').addEventListener('click', () => tree.foldAll(true));
part('filter').addEventListener('input', event => tree.find(event.target.value));
part('filter').addEventListener('keydown', event => {
  if (event.key !== 'Enter' || (books.isWhole && !prefix)) return;
  prefix = event.target.value.trim();
  run();
});
part('door').addEventListener('submit', event => {
  event.preventDefault();
  key.keep(part('key').value.trim());
  part('key').value = '';
  run();
  chosen();
});
part('forget').addEventListener('click', () => {
  key.forget();
  location.reload();
});
chosen();
run();
