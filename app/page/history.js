// One account: what it is, its balances, and its postings with running balances, newest first and page by page.

import { ask } from './api.js';
import { showText } from './books.js';
import { make, money, part, time } from './show.js';

const PAGE = 50;
/** Most rows that are kept on the screen. */
const ROWS = 2000;
/** Between two readings of news. */
const CALM_MS = 300;
/** Until a history that did not load is asked for again. */
const RETRY_MS = 3000;

export class History {
  /** `failed` is told where a key is missing; the rest is said here. */
  constructor(failed) {
    this.failed = failed;
    this.name = null;
    this.stop = new AbortController();
    part('older').addEventListener('click', () => this.#guard(() => this.#older()));
  }

  /** Shows this account, by id or path; null shows none. */
  open(name) {
    this.stop.abort();
    this.stop = new AbortController();
    this.name = name;
    this.id = null;
    this.isLoaded = false;
    this.newest = 0;
    this.isBusy = true;
    this.isHeard = false;
    part('history').hidden = name === null;
    part('books').classList.toggle('one', name !== null);
    for (const id of ['history-rows', 'history-balances', 'history-about', 'history-end']) part(id).replaceChildren();
    part('older').hidden = true;
    if (name === null) return;
    part('history-title').textContent = name;
    part('history-end').textContent = 'Loading…';
    this.#guard(() => this.#first());
  }

  /** The journal says that this account's balances changed. */
  heard(id) {
    if (id !== this.id) return;
    this.isHeard = true;
    if (!this.isBusy) this.#guard(() => this.#listen());
  }

  /** Reads the news until there are none: one reading at a time, however much is heard. */
  async #listen() {
    const { signal } = this.stop;
    this.isBusy = true;
    while (this.isHeard && !signal.aborted) {
      this.isHeard = false;
      await new Promise(done => setTimeout(done, CALM_MS));
      if (!signal.aborted) await this.#news();
    }
    if (!signal.aborted) this.isBusy = false;
  }

  async #guard(work) {
    const { signal } = this.stop;
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      this.isBusy = false;
      const isGone = error.status === 404;
      part('history-end').textContent = isGone ? 'There is no such account.' : `Not loaded: ${error.message}`;
      if (error.wantsKey) this.failed(error);
      else if (!isGone && !this.isLoaded) setTimeout(() => { if (!signal.aborted) this.open(this.name); }, RETRY_MS);
    }
  }

  #ask(path) {
    return ask(`/v1/accounts/${encodeURIComponent(this.name)}${path}`, this.stop.signal);
  }

  async #first() {
    const account = await this.#ask('');
    this.id = account.id;
    part('history-title').textContent = account.path;
    const words = [account.type, `${account.normal_side} side`, account.status, account.description];
    part('history-about').replaceChildren(words.filter(Boolean).join(' · '), ' · ', make('code', {}, account.id));
    await this.#balances();
    const page = await this.#ask(`/entries?limit=${PAGE}`);
    this.newest = page.data[0]?.seq ?? 0;
    part('history-rows').replaceChildren(...page.data.map(row));
    this.#end(page.next_cursor);
    this.isLoaded = true;
    await this.#listen();
  }

  async #balances() {
    const { data } = await this.#ask('/balances');
    const one = (title, text, currency) =>
      make('div', {}, make('dt', {}, title), make('dd', {}, ...money([line(text, currency)], 1)));
    part('history-balances').replaceChildren(...data.map(seen => make('dl', { class: 'balances' },
      one('Posted', seen.posted, seen.currency), one('Pending', seen.pending, seen.currency), one('Available', seen.available, seen.currency))));
  }

  async #older() {
    part('older').disabled = true;
    try {
      const page = await this.#ask(`/entries?limit=${PAGE}&cursor=${encodeURIComponent(this.cursor)}`);
      part('history-rows').append(...page.data.map(row));
      this.#end(page.next_cursor);
    } finally {
      part('older').disabled = false;
    }
  }

  async #news() {
    await this.#balances();
    const page = await this.#ask(`/entries?limit=${PAGE}`);
    const fresh = page.data.filter(posting => posting.seq > this.newest);
    if (!fresh.length) return;
    this.newest = fresh[0].seq;
    const rows = fresh.map(row);
    rows.forEach(made => made.classList.add('new'));
    if (fresh.length < page.data.length || !page.next_cursor) {
      part('history-rows').prepend(...rows);
      this.#end(this.cursor);
    } else {
      // More than a page came at once: begin again, without a gap.
      part('history-rows').replaceChildren(...rows);
      this.#end(page.next_cursor);
    }
  }

  #end(cursor) {
    this.cursor = cursor;
    const list = part('history-rows');
    while (list.childElementCount > ROWS) list.lastElementChild.remove();
    const rows = list.childElementCount;
    part('older').hidden = !cursor || rows >= ROWS;
    const most = `These are the newest ${rows.toLocaleString('en')} postings; the API has the rest.`;
    part('history-end').textContent =
      rows === 0 ? 'No postings yet.' : rows >= ROWS ? most : cursor ? '' : 'That is all since it was opened.';
  }
}

function line(text, currency) {
  return { amount: showText(text), minor: text.startsWith('-') ? -1n : 0n, currency, net: '' };
}

function row(posting) {
  const amount = [make('span', { class: 'amount' }, showText(posting.amount))];
  const isDebit = posting.direction === 'debit';
  const words = [posting.reference, posting.description].filter(Boolean).join(' · ');
  const pending = posting.balance.pending.replace(/[-0.]/g, '') === '' ? null
    : make('span', { class: 'soft small' }, `pending ${showText(posting.balance.pending)}`);
  return make('tr', {},
    make('td', { class: 'when' }, time(posting.recorded_at)),
    make('td', {}, make('span', { class: 'tag' }, posting.type), ' ', words, make('code', { class: 'id' }, posting.entry)),
    make('td', { class: 'money', 'data-side': 'Debit' }, ...(isDebit ? amount : [])),
    make('td', { class: 'money', 'data-side': 'Credit' }, ...(isDebit ? [] : amount)),
    make('td', { class: 'money', 'data-side': 'Balance' }, ...money([line(posting.balance.posted, posting.currency)], 1), pending));
}
