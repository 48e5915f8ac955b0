// Money and the tree of accounts, without a browser: integers of minor units (BigInt), never floating point.

const DEBIT_NORMAL = ['asset', 'expense'];

/** "-12.34" is -1234n with two decimals. */
export function readAmount(text) {
  const point = text.indexOf('.');
  return { minor: BigInt(text.replace('.', '')), scale: point < 0 ? 0 : text.length - point - 1 };
}

/** -123456n with two decimals is "-1,234.56". */
export function showAmount(minor, scale) {
  const digits = (minor < 0n ? -minor : minor).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale).replace(/\B(?=(\d{3})+$)/g, ',');
  const rest = scale ? '.' + digits.slice(digits.length - scale) : '';
  return (minor < 0n ? '−' : '') + whole + rest;
}

/** An amount of the API as it is shown. */
export function showText(text) {
  const { minor, scale } = readAmount(text);
  return showAmount(minor, scale);
}

function makeNode(name, path, parent) {
  return {
    name, path, parent, children: new Map(), sorted: null, account: null, isOpen: false, shown: 0,
    // Of the whole branch: accounts by normal side, those of unknown balance, net debits per currency.
    debit: 0, credit: 0, unknown: 0, sums: new Map(),
  };
}

/** All accounts that are loaded, with sums for each branch that follow every change at once. */
export class Books {
  constructor(prefix) {
    this.prefix = prefix;
    this.root = makeNode('', '', null);
    this.accounts = new Map();
    this.scales = new Map();
    /** Whether every account of the book (or of the prefix) is here. */
    this.isWhole = true;
    /** Whether nothing was ever posted. */
    this.isEmpty = false;
  }

  /** Adds an account whose balance is not known yet; null if it is here already. */
  add(id, path, type, status) {
    if (this.accounts.has(id)) return null;
    let node = this.root;
    let end = -1;
    for (const name of path.split(':')) {
      end += name.length + 1;
      if (!node.children.has(name)) {
        node.children.set(name, makeNode(name, path.slice(0, end), node));
        node.sorted = null;
      }
      node = node.children.get(name);
    }
    const account = {
      id, path, type, status, node, side: DEBIT_NORMAL.includes(type) ? 'debit' : 'credit',
      balances: null, seq: 0, heard: 0,
    };
    node.account = account;
    this.accounts.set(id, account);
    for (let at = node; at; at = at.parent) {
      at[account.side] += 1;
      at.unknown += 1;
    }
    return account;
  }

  /** What is known of an account as of a record: amounts on its normal side by currency. */
  know(account, balances, seq) {
    if (account.balances === null) for (let at = account.node; at; at = at.parent) at.unknown -= 1;
    else for (const currency of account.balances.keys()) this.#move(account, currency, 0n);
    account.balances = new Map();
    account.seq = seq;
    for (const [currency, text] of balances) this.#set(account, currency, text);
  }

  /** A balance after a record of the journal; returns the account if that is news. */
  hear(id, currency, text, seq) {
    const account = this.accounts.get(id);
    if (!account) return null;
    account.heard = Math.max(account.heard, seq);
    if (account.balances === null || seq <= account.seq) return null;
    this.#set(account, currency, text);
    return account;
  }

  #set(account, currency, text) {
    const { minor, scale } = readAmount(text);
    this.scales.set(currency, scale);
    this.#move(account, currency, account.side === 'debit' ? minor : -minor);
  }

  #move(account, currency, net) {
    const delta = net - (account.balances.get(currency) ?? 0n);
    account.balances.set(currency, net);
    for (let at = account.node; at; at = at.parent) at.sums.set(currency, (at.sums.get(currency) ?? 0n) + delta);
  }

  /** The branches below, by name. */
  children(node) {
    node.sorted ??= [...node.children.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return node.sorted;
  }

  /** One account's balances as lines; null where they are not known. */
  ownLines(account) {
    return account.balances && this.#lines(account.balances, account.side);
  }

  /** A branch's sums as lines; null where something below is not known. */
  sumLines(node) {
    if (node.unknown > 0 || !this.isWhole || !node.path.startsWith(this.prefix)) return null;
    const side = node.credit === 0 ? 'debit' : node.debit === 0 ? 'credit' : 'mixed';
    return this.#lines(node.sums, side);
  }

  /** On the common normal side; where both are below, as net debits or credits. */
  #lines(nets, side) {
    return [...nets].sort().map(([currency, net]) => {
      const minor = side === 'credit' ? -net : net;
      const scale = this.scales.get(currency);
      if (side !== 'mixed' || net === 0n) return { currency, minor, amount: showAmount(minor, scale), net: '' };
      return { currency, minor: 0n, amount: showAmount(net < 0n ? -net : net, scale), net: net < 0n ? 'Cr' : 'Dr' };
    });
  }
}
