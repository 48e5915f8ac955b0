// The newest entries as they arrive, and what to do where there are none yet.

import { showText } from './books.js';
import { key } from './api.js';
import { accountLink, make, part, time } from './show.js';

/** Most entries on the screen. */
const MOST = 60;
/** Most postings that are shown of one. */
const POSTINGS = 8;

export class Entries {
  constructor() {
    this.waiting = [];
    this.since = 0;
  }

  /** Begins anew; entries after this record are news. */
  clear(since) {
    this.waiting = [];
    this.since = since;
    part('entries').replaceChildren();
  }

  add(record, entry) {
    this.waiting.push([record, entry]);
    if (this.waiting.length > MOST) this.waiting.shift();
  }

  /** Puts on the screen what waits; where there is nothing at all, says how to make the first. */
  draw(isEmpty) {
    const made = this.waiting.map(([record, entry]) => item(record, entry, record.seq > this.since)).reverse();
    this.waiting = [];
    const list = part('entries');
    list.prepend(...made);
    while (list.childElementCount > MOST) list.lastElementChild.remove();
    const hasNone = list.childElementCount === 0;
    part('waiting').hidden = !hasNone || isEmpty;
    part('empty').hidden = !hasNone || !isEmpty;
    if (!part('empty').hidden) part('commands').textContent = commands();
  }
}

function item(record, entry, isNew) {
  const postings = entry.postings.slice(0, POSTINGS).map(posting => make('li', { class: posting.direction },
    make('span', { class: 'side', title: posting.direction }, posting.direction === 'debit' ? 'Dr' : 'Cr'),
    accountLink(posting.account, posting.path),
    make('span', { class: 'amount' }, showText(posting.amount), ' ', make('span', { class: 'unit' }, posting.currency))));
  const more = entry.postings.length - POSTINGS;
  if (more > 0) postings.push(make('li', { class: 'soft' }, `and ${more} more postings`));
  const words = [entry.reference, entry.description].filter(Boolean).join(' · ');
  return make('li', { class: isNew ? 'new' : null },
    make('div', { class: 'line' }, time(record.recorded_at), make('span', { class: `tag ${entry.type}` }, entry.type),
      make('span', { class: 'words' }, words), make('span', { class: 'soft seq', title: entry.id }, `#${record.seq}`)),
    make('ul', {}, ...postings));
}

function commands() {
  const asks = key.get() ? ' -H "Authorization: Bearer $KEY"' : '';
  const call = (path, body) => `curl ${location.origin}${path}${asks} --json '${JSON.stringify(body)}'`;
  const posting = (account, direction) => ({ account, direction, amount: '100.00', currency: 'EUR' });
  return [
    call('/v1/accounts', { path: 'bank:main', type: 'asset' }),
    call('/v1/accounts', { path: 'customers:ada:wallet', type: 'liability' }),
    call('/v1/entries', { postings: [posting('bank:main', 'debit'), posting('customers:ada:wallet', 'credit')] }),
  ].join('\n\n');
}
