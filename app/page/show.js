// Small pieces that all parts show. Whatever comes from the API is put in as text, never as markup.

/** An element with attributes and children; texts become text nodes. */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

export const part = id => document.getElementById(id);

/** A link to an account's history. */
export function accountLink(id, path) {
  return make('a', { href: `#account=${id}`, class: 'path' }, path);
}

/** A moment in the visitor's time zone; today's without the date. */
export function time(iso) {
  const at = new Date(iso);
  const clock = at.toLocaleTimeString(undefined, { hourCycle: 'h23' });
  const isToday = at.toDateString() === new Date().toDateString();
  const day = isToday ? '' : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
  return make('time', { datetime: iso, title: iso }, day + clock);
}

const two = number => String(number).padStart(2, '0');

/** Amounts, one a line. */
export function money(lines, most) {
  const shown = lines.slice(0, most).map(line =>
    make('span', { class: line.minor < 0n ? 'amount minus' : 'amount' },
      line.amount, ' ', make('span', { class: 'unit' }, line.currency), line.net ? ` ${line.net}` : null));
  if (lines.length > most) shown.push(make('span', { class: 'amount soft' }, `and ${lines.length - most} more`));
  return shown;
}
