"""What somebody sees of a page at one glance: scripts that a browser runs, one round trip each."""

from __future__ import annotations

from typing import Final

_FOLDED: Final = """
  const folded = (what) => {
    let count = 0;
    for (let box = what.closest('details'); box; box = box.parentElement.closest('details'))
      if (!box.open && !what.closest('summary')) count += 1;
    return count;
  };"""

#: The text, the width beyond the screen's, and the screen's.
SHOWN: Final = """() => ({text: document.querySelector('main')?.innerText ?? '',
  wide: document.documentElement.scrollWidth - innerWidth,
  width: innerWidth})"""

#: A telephone is put away: its page is told that nobody sees it, so that a live one reads nothing.
PUT_AWAY: Final = """() => {
  if (!document.querySelector('main[data-live]')) return;
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""

#: It is taken up again; whether the page keeps itself up to date, whether it was not seen until now,
#: and whether it has a link to one of these addresses.
WAY: Final = f"""(hrefs) => {{{_FOLDED}
  const woken = Object.hasOwn(document, 'hidden');
  if (woken) {{
    delete document.hidden;
    document.dispatchEvent(new Event('visibilitychange'));
  }}
  const found = [...document.querySelectorAll('a[href]')].find((link) =>
    hrefs.includes(link.getAttribute('href').split('#')[0]));
  return {{woken, live: Boolean(document.querySelector('main[data-live]')),
    href: found ? found.getAttribute('href') : null, folded: found ? folded(found) : 0}};
}}"""

#: The first form whose address ends so and that can say all these values; null where there is none.
#: `nth` is its place among those of the same address: a live page may put another before it.
FORM: Final = f"""([ending, values]) => {{{_FOLDED}
  const fixed = ['hidden', 'submit', 'radio'];
  const form = [...document.forms].find((form) =>
    form.method === 'post' && new URL(form.action).pathname.endsWith(ending) &&
    Object.entries(values).every(([name, value]) => {{
      const found = [...form.querySelectorAll(`[name="${{name}}"]`)];
      if (!found.length) return value === '';
      if (found.some((each) => fixed.includes(each.type)))
        return value === '' || found.some((each) => each.value === value);
      return true;
    }}));
  if (!form) return null;
  const action = form.getAttribute('action');
  const fields = {{}};
  for (const [name, value] of Object.entries(values)) {{
    const found = [...form.querySelectorAll(`[name="${{name}}"]`)].filter(
      (each) => each.type !== 'hidden' && each.localName !== 'button');
    if (!found.length) continue;
    const first = found[0], ticked = ['radio', 'checkbox'].includes(first.type);
    const field = ticked ? found.find((each) => each.value === value) : first;
    if (!field) continue;
    // What lies over it takes the finger.
    const box = field.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    fields[name] = {{kind: ticked ? 'tick' : field.localName, folded: folded(field),
      said: ticked ? field.checked : field.value === value,
      covered: Boolean(top) && top !== field && !field.contains(top) && !top.closest('label')}};
  }}
  const named = [...form.querySelectorAll('button[name]')].find(
    (each) => values[each.name] === each.value);
  const button = named || form.querySelector('button:not([type=button])');
  return {{action, fields, button: named ? [named.name, named.value] : null,
    folded: button ? folded(button) : 0,
    nth: [...document.forms].filter((each) => each.getAttribute('action') === action).indexOf(form),
    filled: Object.fromEntries(new FormData(form)),
    text: document.querySelector('main')?.innerText ?? ''}};
}}"""
