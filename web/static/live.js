// Keeps an open page true: a stream brings the parts that have changed, or the word that the page has,
// which is then fetched and its <main> swapped. Without a stream it asks every few seconds. Where the
// server is lost, the page says since when. Pages work without any of this.
"use strict";
(() => {
  const POLL_MS = 5000;
  const BACK_MS = 1000; // until the first try to come back; each later one takes twice as long
  const MOST_BACK_MS = 60000;
  const SILENT_MS = 40000; // the server is heard every 15 s
  const FETCH_MS = 10000;
  const jitter = (ms) => ms * (0.5 + Math.random());

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
    for (const field of root.querySelectorAll("[type=date], [type=time]")) say_beside(field);
    for (const button of root.querySelectorAll("[data-copy]")) {
      const from = document.getElementById(button.dataset.copy);
      if (!navigator.clipboard) continue;
      button.hidden = false;
      button.addEventListener("click", () => {
        navigator.clipboard.writeText(from.value ?? from.href).then(() => {
          button.textContent = button.dataset.done;
          document.getElementById("status").textContent = button.dataset.done;
        });
      });
    }
  }

  // A browser shows days and hours in its own language, which may be another than the page's.
  const in_words = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "full", timeZone: "UTC" });
  const shows_am_pm = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions().hour12;
  function say_beside(field) {
    const words = document.createElement("output");
    words.className = "hint said";
    words.htmlFor.add(field.id);
    field.after(words);
    const say = () => {
      if (field.type === "time") words.textContent = shows_am_pm ? field.value : "";
      else words.textContent = field.valueAsDate ? first(in_words.format(field.valueAsDate)) : "";
    };
    field.addEventListener("input", say);
    field.addEventListener("change", say);
    say();
  }
  function first(words) {
    return document.documentElement.lang === "fr" ? words.replace(/\b1 (?=\p{L})/u, "1er ") : words;
  }

  // What a person has done to the page and must not lose: typed values, open details, the focus.
  function keep(before) {
    const typed = [];
    for (const field of before.querySelectorAll("input[id]:not([type=hidden]), textarea[id]")) {
      if (field.value !== field.defaultValue) typed.push([field.id, field.value]);
    }
    for (const field of before.querySelectorAll("select[id]")) {
      if (![...field.options].every((o) => o.selected === o.defaultSelected)) typed.push([field.id, field.value]);
    }
    const ticked = [...before.querySelectorAll("[type=radio], [type=checkbox]")].map(
      (box) => [box.form.getAttribute("action"), box.name, box.value, box.checked, box.defaultChecked]).filter(
      ([, , , checked, first]) => checked !== first);
    const open = [...before.querySelectorAll("details[id]")].map((d) => [d.id, d.open]);
    const focus = before.contains(document.activeElement) ? path(document.activeElement, before) : null;
    return (after) => {
      for (const [id, value] of typed) {
        const field = document.getElementById(id);
        if (!field) continue;
        field.value = value;
        field.dispatchEvent(new Event("change"));
      }
      for (const [action, name, value, checked] of ticked) {
        const box = [...after.querySelectorAll(`[name="${name}"]`)].find(
          (each) => each.value === value && each.form.getAttribute("action") === action);
        if (box) box.checked = checked;
      }
      for (const [id, state] of open) {
        const found = document.getElementById(id);
        if (found) found.open = state;
      }
      const target = focus && find(focus, after);
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

  // A part that all readers share has no token in its forms: this page's own goes in.
  function sign(part) {
    const own = document.querySelector("header [name=csrf_token]");
    for (const field of part.querySelectorAll("[name=csrf_token]")) {
      if (own && !field.value) field.value = own.value;
    }
  }

  function swap_part(name, html) {
    const old = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-part]");
    if (!old || !fresh) return false;
    const restore = keep(old);
    sign(fresh);
    old.replaceWith(fresh);
    enhance(fresh);
    restore(fresh);
    return true;
  }

  function swap_main(fresh) {
    const main = document.getElementById("main");
    const restore = keep(main);
    main.replaceChildren(...fresh.childNodes);
    main.dataset.version = fresh.dataset.version;
    enhance(main);
    restore(main);
    const told = main.querySelector("[data-status]");
    const status = document.getElementById("status");
    if (told && status.textContent !== told.textContent) status.textContent = told.textContent;
  }

  // Fetch the page and show it. Returns "here", "lost" (nobody answers) or "over" (it is no longer ours).
  async function refresh() {
    let answer, text;
    try {
      answer = await fetch(location.pathname + location.search, {
        cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(FETCH_MS) });
      text = await answer.text();
    } catch {
      return "lost";
    }
    if (answer.redirected || [401, 403, 404].includes(answer.status)) return "over";
    if (!answer.ok) return answer.status < 500 ? "here" : "lost";
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("main");
    if (fresh && fresh.dataset.version !== document.getElementById("main").dataset.version) swap_main(fresh);
    return "here";
  }

  // Versions are "name-n"; those of another name cannot be compared.
  function older(one, other) {
    const [a, b] = [one.split("-"), other.split("-")];
    return a[0] === b[0] && Number(a[1]) < Number(b[1]);
  }

  function follow(main) {
    const notice = document.getElementById("offline");
    let source = null;
    let coming = null; // the next try to get a stream
    let poll = null; // the next question, while there is no stream
    let silence = null;
    let failures = 0;
    let told = ""; // the newest version that the stream has spoken of
    let heard = Date.now();
    let asking = false;
    let again = false; // something has changed since the question was put

    function say(words) {
      if (notice.textContent === words) return;
      notice.textContent = words;
      document.getElementById("status").textContent = words;
    }
    function here() {
      heard = Date.now();
      if (notice.textContent) {
        say("");
        document.getElementById("status").textContent = notice.dataset.back;
      }
      if (!source) return;
      clearTimeout(silence);
      silence = setTimeout(come_back, SILENT_MS);
    }
    function lost() {
      if (notice.textContent) return;
      const at = new Date(heard).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
      say(notice.dataset.words.replace("{time}", at));
    }

    async function ask() {
      again = asking;
      if (asking) return;
      asking = true;
      const found = await refresh();
      asking = false;
      if (found === "here") here();
      else if (found === "lost") lost();
      else {
        stop();
        say(notice.dataset.over);
        return;
      }
      // What the stream brought meanwhile was swapped away with the rest.
      if (source && older(main.dataset.version, told)) start();
      if (again) ask();
    }
    function ask_on() {
      ask();
      poll = setTimeout(ask_on, jitter(POLL_MS));
    }

    function stop() {
      if (source) source.close();
      for (const timer of [coming, poll, silence]) clearTimeout(timer);
      source = coming = poll = null;
    }
    function come_back() {
      const first = failures === 0;
      stop();
      coming = setTimeout(start, jitter(Math.min(MOST_BACK_MS, BACK_MS * 2 ** failures)));
      failures += 1;
      poll = setTimeout(ask_on, jitter(first ? BACK_MS / 4 : POLL_MS));
    }
    function start() {
      if (source) source.close();
      clearTimeout(coming);
      coming = null;
      if (document.hidden) return;
      source = new EventSource(`${main.dataset.live}?seen=${encodeURIComponent(main.dataset.version)}`);
      // After a break everybody comes back at once, so nobody fetches at once.
      const rest = failures ? BACK_MS : 0;
      source.onopen = () => {
        clearTimeout(poll);
        poll = null;
        failures = 0;
        here();
      };
      source.onerror = come_back;
      source.addEventListener("beat", here);
      source.addEventListener("changed", (event) => {
        here();
        told = event.data;
        if (rest) setTimeout(ask, Math.random() * rest);
        else ask();
      });
      source.addEventListener("part", (event) => {
        here();
        if (!swap_part(...JSON.parse(event.data))) ask();
      });
      source.addEventListener("shown", (event) => {
        told = main.dataset.version = event.data;
      });
    }

    // A hidden page reads nothing; shown again, it gets what it has missed.
    document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
    addEventListener("pagehide", stop);
    addEventListener("pageshow", (event) => { if (event.persisted) start(); });
    addEventListener("offline", come_back);
    addEventListener("online", start);
    start();
  }

  const main = document.getElementById("main");
  enhance(main);
  // A choice says at its frame that it is wrong, a field itself.
  const bad = main.querySelector("fieldset.field.bad input:not([type=hidden]), [aria-invalid]");
  if (bad) bad.focus();
  if (main.dataset.live) follow(main);
})();
