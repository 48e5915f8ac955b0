// The tree of accounts on the screen: rows of what is unfolded, a filter, and the keyboard of a tree.
// Only so many rows of a branch are drawn at once, so that no book is too large to look at.

import { make, money } from './show.js';

const ROWS = 200;
const CURRENCIES = 6;
/** A book this small starts unfolded; on a phone the entries should not be far below. */
const SMALL = matchMedia('(max-width: 800px)').matches ? 8 : 40;

export class TreeView {
  /** `open` shows an account; `need` is told of accounts on the screen whose balance is unknown. */
  constructor(box, open, need) {
    this.box = box;
    this.open = open;
    this.books = null;
    this.filter = '';
    this.matches = null;
    this.selected = null;
    this.rows = new Map();
    this.seen = new IntersectionObserver(entries => {
      for (const entry of entries) if (entry.isIntersecting) need(this.rows.get(entry.target).node.account);
    });
    box.addEventListener('click', event => this.#clicked(event));
    box.addEventListener('keydown', event => this.#pressed(event));
  }

  /** Shows these accounts; what was unfolded before stays so. */
  show(books) {
    const before = this.books;
    this.books = books;
    const branches = books.children(books.root);
    if (before?.accounts.size && before.prefix === books.prefix) this.#unfoldAs(before.root, books.root);
    else if (books.accounts.size <= SMALL) this.#foldAll(books.root, true);
    else if (branches.length === 1) branches[0].isOpen = true;
    this.draw();
  }

  find(text) {
    this.filter = text.trim().toLowerCase();
    this.draw();
  }

  select(id) {
    this.selected = id;
    this.draw();
  }

  foldAll(isOpen) {
    this.#foldAll(this.books.root, isOpen);
    this.draw();
  }

  #unfoldAs(before, node) {
    node.isOpen = before.isOpen;
    node.shown = before.shown;
    for (const [name, child] of node.children) if (before.children.has(name)) this.#unfoldAs(before.children.get(name), child);
  }

  #foldAll(node, isOpen) {
    node.isOpen = isOpen;
    for (const child of node.children.values()) this.#foldAll(child, isOpen);
  }

  /** Draws every row anew; the row with the focus keeps it. */
  draw() {
    if (!this.books) return;
    const focused = this.box.contains(document.activeElement) ? this.rows.get(document.activeElement) : null;
    this.matches = this.filter ? this.#match() : null;
    this.seen.disconnect();
    this.rows.clear();
    this.byNode = new Map();
    const list = [];
    this.#branch(this.books.root, 1, list);
    if (!list.length) list.push(make('p', { class: 'hint' }, this.filter ? 'No path matches.' : 'No accounts yet.'));
    this.box.replaceChildren(...list);
    const rows = [...this.rows.keys()];
    const again = focused && rows.find(row => this.#is(this.rows.get(row), focused));
    const first = again || rows.find(row => row.getAttribute('aria-selected') === 'true') || rows[0];
    if (first) first.tabIndex = 0;
    if (again) again.focus();
  }

  /** Brings amounts up to date, of an account and the branches it is in. */
  refresh(account) {
    for (let node = account.node; node; node = node.parent) {
      for (const row of this.byNode?.get(node) || []) this.#amounts(row);
    }
  }

  #is(one, other) {
    return one.node === other.node && one.kind === other.kind;
  }

  /** The branches with a match, or below one. */
  #match() {
    const matches = new Set();
    for (const { path, node } of this.books.accounts.values()) {
      if (path.toLowerCase().includes(this.filter)) for (let at = node; at; at = at.parent) matches.add(at);
    }
    return matches;
  }

  #branch(node, level, list) {
    const all = this.books.children(node);
    const found = this.matches ? all.filter(child => this.matches.has(child)) : all;
    const most = Math.max(node.shown, ROWS);
    for (const child of found.slice(0, most)) {
      const isBranch = child.children.size > 0;
      list.push(this.#row({ kind: isBranch ? 'branch' : 'leaf', node: child }, level, child.name));
      if (!isBranch || !this.#isOpen(child)) continue;
      if (child.account) list.push(this.#row({ kind: 'self', node: child }, level + 1, 'itself'));
      this.#branch(child, level + 1, list);
    }
    if (found.length > most) {
      const rest = (found.length - most).toLocaleString('en');
      list.push(this.#row({ kind: 'more', node }, level, `${rest} more: show ${ROWS}`));
    }
  }

  #isOpen(node) {
    return this.matches ? true : node.isOpen;
  }

  #row(what, level, name) {
    const { kind, node } = what;
    const isAccount = kind === 'leaf' || kind === 'self';
    const row = make('div', {
      role: 'treeitem', class: `item ${kind}`, tabindex: '-1', 'aria-level': level,
      'aria-expanded': kind === 'branch' ? String(this.#isOpen(node)) : null,
      'aria-selected': isAccount ? String(node.account.id === this.selected) : null,
      title: kind === 'more' ? null : node.path,
    });
    row.style.setProperty('--level', level - 1);
    const status = isAccount && node.account.status !== 'open' ? make('span', { class: 'tag' }, node.account.status) : null;
    row.append(make('span', { class: 'name' }, make('span', { class: 'twist', 'aria-hidden': 'true' }), name, status ? ' ' : null, status),
      make('span', { class: 'money' }));
    this.rows.set(row, what);
    if (kind === 'more') return row;
    if (!this.byNode.has(node)) this.byNode.set(node, []);
    this.byNode.get(node).push(row);
    this.#amounts(row);
    if (isAccount && node.account.balances === null) this.seen.observe(row);
    return row;
  }

  #amounts(row) {
    const { kind, node } = this.rows.get(row);
    const lines = kind === 'branch' ? this.books.sumLines(node) : this.books.ownLines(node.account);
    row.lastChild.replaceChildren(...(lines ? money(lines, CURRENCIES) : [make('span', { class: 'soft', title: 'Not known: see above' }, '…')]));
  }

  #act(row) {
    const { kind, node } = this.rows.get(row);
    if (kind === 'branch') node.isOpen = !node.isOpen;
    else if (kind === 'more') node.shown = Math.max(node.shown, ROWS) + ROWS;
    else return this.open(node.account);
    return this.draw();
  }

  #clicked(event) {
    const row = event.target.closest('[role=treeitem]');
    if (!row) return;
    row.focus();
    this.#act(row);
  }

  #pressed(event) {
    const row = event.target.closest('[role=treeitem]');
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = [...this.rows.keys()];
    const at = rows.indexOf(row);
    const { kind, node } = this.rows.get(row);
    const isOpen = row.getAttribute('aria-expanded') === 'true';
    const go = to => {
      if (!to) return;
      row.tabIndex = -1;
      to.tabIndex = 0;
      to.focus();
    };
    const above = () => rows.slice(0, at).findLast(other => Number(other.ariaLevel) < Number(row.ariaLevel));
    const keys = {
      ArrowDown: () => go(rows[at + 1]),
      ArrowUp: () => go(rows[at - 1]),
      Home: () => go(rows[0]),
      End: () => go(rows.at(-1)),
      ArrowRight: () => (kind !== 'branch' ? null : isOpen ? go(rows[at + 1]) : this.#act(row)),
      ArrowLeft: () => (kind === 'branch' && isOpen && node.isOpen ? this.#act(row) : go(above())),
      Enter: () => this.#act(row),
      ' ': () => this.#act(row),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }
}
