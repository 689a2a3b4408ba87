// Keeps an open page true: listens for `changed`, fetches the page again and swaps its <main>.
// Without a stream it asks every few seconds. Pages work without any of this.
"use strict";
(() => {
  const POLL_MS = 5000;

  function enhance(root) {
    for (const box of root.querySelectorAll("[data-stepper]")) {
      const input = box.querySelector("input");
      for (const button of box.querySelectorAll("[data-step]")) {
        button.hidden = false;
        button.addEventListener("click", () => {
          const next = (parseInt(input.value, 10) || 0) + Number(button.dataset.step);
          input.value = Math.min(Number(input.max), Math.max(Number(input.min), next));
          input.dispatchEvent(new Event("input", { bubbles: true }));
        });
      }
    }
    for (const form of root.querySelectorAll("[data-sum]")) {
      const all = Number(form.dataset.sum);
      const [accepted, rejected] = [form.elements.accepted, form.elements.rejected];
      const other = new Map([[accepted, rejected], [rejected, accepted]]);
      form.addEventListener("input", (event) => {
        const pair = other.get(event.target);
        const value = parseInt(event.target.value, 10);
        if (pair && value >= 0 && value <= all) pair.value = all - value;
      });
    }
    for (const button of root.querySelectorAll("[data-copy]")) {
      const input = document.getElementById(button.dataset.copy);
      if (!navigator.clipboard) continue;
      button.hidden = false;
      button.addEventListener("click", () => {
        navigator.clipboard.writeText(input.value).then(() => {
          button.textContent = button.dataset.done;
          document.getElementById("status").textContent = button.dataset.done;
        });
      });
    }
  }

  // What a person has done to the page and must not lose: typed values, open details, the focus.
  function keep(main) {
    const typed = [];
    for (const field of main.querySelectorAll("input[id]:not([type=hidden]), textarea[id]")) {
      if (field.value !== field.defaultValue) typed.push([field.id, field.value]);
    }
    for (const field of main.querySelectorAll("select[id]")) {
      if (![...field.options].every((o) => o.selected === o.defaultSelected)) typed.push([field.id, field.value]);
    }
    const ticked = [...main.querySelectorAll("[type=radio], [type=checkbox]")].map(
      (box) => [box.form.getAttribute("action"), box.name, box.value, box.checked, box.defaultChecked]).filter(
      ([, , , checked, before]) => checked !== before);
    const open = [...main.querySelectorAll("details[id]")].map((d) => [d.id, d.open]);
    const focus = main.contains(document.activeElement) ? path(document.activeElement, main) : null;
    return () => {
      for (const [id, value] of typed) {
        const field = document.getElementById(id);
        if (field) field.value = value;
      }
      for (const [action, name, value, checked] of ticked) {
        const box = [...main.querySelectorAll(`[name="${name}"]`)].find(
          (each) => each.value === value && each.form.getAttribute("action") === action);
        if (box) box.checked = checked;
      }
      for (const [id, state] of open) {
        const found = document.getElementById(id);
        if (found) found.open = state;
      }
      const target = focus && find(focus, main);
      if (target) target.focus({ preventScroll: true });
    };
  }

  // An element is found again by its id, or by what it is and does.
  function path(element, main) {
    if (element.id) return { id: element.id };
    const mark = mark_of(element);
    const twins = [...main.querySelectorAll(element.tagName)].filter((e) => mark_of(e) === mark);
    return { tag: element.tagName, mark, nth: twins.indexOf(element) };
  }
  function mark_of(element) {
    return element.getAttribute("href") || (element.form && element.form.getAttribute("action")) || element.textContent;
  }
  function find(where, main) {
    if (where.id) return document.getElementById(where.id);
    return [...main.querySelectorAll(where.tag)].filter((e) => mark_of(e) === where.mark)[where.nth];
  }

  let fetching = false;
  async function refresh() {
    if (fetching) return;
    fetching = true;
    try {
      const answer = await fetch(location.pathname + location.search, { cache: "no-store", credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("main");
      const main = document.getElementById("main");
      if (!fresh || fresh.dataset.version === main.dataset.version) return;
      const restore = keep(main);
      main.replaceChildren(...fresh.childNodes);
      main.dataset.version = fresh.dataset.version;
      enhance(main);
      restore();
      const told = main.querySelector("[data-status]");
      const status = document.getElementById("status");
      if (told && status.textContent !== told.textContent) status.textContent = told.textContent;
    } catch {
      // The network is away; the next round asks again.
    } finally {
      fetching = false;
    }
  }

  function follow(main) {
    const address = () => `${main.dataset.live}?seen=${encodeURIComponent(main.dataset.version)}`;
    let source = null;
    let poll = null;
    const stop = () => {
      if (source) source.close();
      clearInterval(poll);
      source = poll = null;
    };
    const start = () => {
      stop();
      if (document.hidden) return;
      source = new EventSource(address());
      source.addEventListener("changed", refresh);
      source.onopen = () => { clearInterval(poll); poll = null; };
      source.onerror = () => {
        // Closed for good: no stream is to be had now. A stream that only ended comes back by itself.
        if (poll === null) poll = setInterval(refresh, POLL_MS);
        if (source && source.readyState === EventSource.CLOSED) setTimeout(start, 12 * POLL_MS);
      };
    };
    // A hidden page gives its stream to others.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) stop();
      else { refresh(); start(); }
    });
    addEventListener("pagehide", stop);
    start();
  }

  const main = document.getElementById("main");
  enhance(main);
  const bad = main.querySelector("[aria-invalid]");
  if (bad) bad.focus();
  if (main.dataset.live) follow(main);
})();
