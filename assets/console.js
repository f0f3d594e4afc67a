// Keeps an open page up to date. When the bridge says that something has changed, the page is asked for anew, and the
// parts that are marked with data-live take the place of the old ones; a form that is marked with data-try shows what it
// would make while somebody types. Times are told in the visitor's zone. Everything works without this script, with a
// click more and times in UTC.
"use strict";

(() => {
    const PATIENCE_MS = 1500; // between two looks, however much changes,
    const PATIENCE_TIMES = 10; // and so many times as long as the last one took: a large store is not kept busy
    const PAUSE_MS = 600; // after the last key, before something is tried out
    const FOCUSABLE = "a, button, input, select, textarea, summary";
    const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

    const two = (number) => String(number).padStart(2, "0");
    const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const minute = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;
    const moment = (at) => day(at) === day(new Date()) ? `${minute(at)}:${two(at.getSeconds())}` : `${day(at)} ${minute(at)}`;

    // Tells the times in a part of a page as the visitor's clock does. What a pointer finds at a time says it in UTC.
    const localise = (part) => {
        if (!part) return;
        part.querySelectorAll("time[datetime]").forEach((time) => {
            const at = new Date(time.dateTime);
            if (!isNaN(at)) time.textContent = "minute" in time.dataset ? minute(at) : moment(at);
        });
        part.querySelectorAll("title[data-from]").forEach((title) => {
            const [from, until] = [title.dataset.from, title.dataset.until].map((at) => minute(new Date(at)));
            title.textContent = title.textContent.replace(/^.*? UTC to .*? UTC/, `${from} to ${until}`);
        });
    };

    const fetched = async (url, options) => {
        const answer = await fetch(url, { ...options, headers: { "X-Tandem-Live": "1" }, redirect: "error" });
        if (answer.status === 401) location.reload();
        return new DOMParser().parseFromString(await answer.text(), "text/html");
    };

    // Puts the new part in the place of the old one, and leaves open what was open and the focus where it was.
    const replace = (old, fresh) => {
        localise(fresh);
        if (!fresh || old.innerHTML === fresh.innerHTML) return;
        const open = [...old.querySelectorAll("details")].map((details) => details.open);
        const before = [...old.querySelectorAll(FOCUSABLE)];
        const place = before.indexOf(document.activeElement);
        const distance = before.length - place;
        old.replaceChildren(...document.importNode(fresh, true).childNodes);
        const after = [...old.querySelectorAll("details")];
        open.slice(0, after.length).forEach((isOpen, at) => { after[at].open = isOpen; });
        if (place < 0) return;
        const now = [...old.querySelectorAll(FOCUSABLE)];
        const same = (element) => element && element.outerHTML === before[place].outerHTML;
        const found = [now[place], now[now.length - distance], ...now].find(same);
        if (found) found.focus({ preventScroll: true });
    };

    const follow = () => {
        let due = false;
        let looking = false;
        const look = async () => {
            if (looking || document.hidden) return;
            due = false;
            looking = true;
            const begun = performance.now();
            try {
                const page = await fetched(location.href, {});
                document.querySelectorAll("[data-live]").forEach((part) => replace(part, page.getElementById(part.id)));
            } catch {
                // The bridge is away; the stream tells when it is back.
            }
            const wait = Math.max(PATIENCE_MS, PATIENCE_TIMES * (performance.now() - begun));
            setTimeout(() => { looking = false; if (due) look(); }, wait);
        };
        const wanted = () => { due = true; look(); };
        const standing = new URLSearchParams({ standing: document.documentElement.dataset.standing });
        const news = new EventSource(`/console/live?${standing}`);
        news.addEventListener("change", wanted);
        // A stream that was lost comes again and tells what was missed; one that is refused may mean that the session has
        // ended.
        news.addEventListener("error", () => { if (news.readyState === EventSource.CLOSED) wanted(); });
        news.addEventListener("ready", () => { document.documentElement.dataset.live = "yes"; });
        document.addEventListener("visibilitychange", () => { if (due) look(); });
    };

    const tryOut = (form) => {
        let timer;
        const shown = document.getElementById(form.dataset.try);
        const go = async () => {
            try {
                const page = await fetched(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
                replace(shown, page.getElementById(shown.id));
            } catch {
                // The button is still there.
            }
        };
        form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(go, PAUSE_MS); });
    };

    // A form speaks of times in UTC; the visitor types them by their own clock.
    const byOwnClock = (form) => {
        const fields = [...form.querySelectorAll("input[type=datetime-local]")];
        if (fields.length === 0) return;
        fields.forEach((field) => {
            const at = new Date(`${field.value}Z`);
            if (!isNaN(at)) field.value = `${day(at)}T${minute(at)}`;
        });
        form.querySelectorAll("[data-zone]").forEach((note) => note.remove());
        form.addEventListener("formdata", ({ formData }) => fields.forEach((field) => {
            const at = new Date(field.value);
            if (!isNaN(at)) formData.set(field.name, at.toISOString().slice(0, 16));
        }));
    };

    // The slash leads to the field that finds, from wherever nobody is typing.
    const shortcut = (field) => document.addEventListener("keydown", (event) => {
        const typing = event.target.closest("input, textarea, select, [contenteditable]");
        if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        field.focus();
        field.select();
    });

    localise(document.body);
    const zone = document.getElementById("zone");
    if (zone && ZONE !== "UTC") zone.textContent = `Times are those of ${ZONE}; point at one to see it in UTC.`;
    document.querySelectorAll("form").forEach(byOwnClock);
    const find = document.getElementById("find");
    if (find) shortcut(find);
    if (document.querySelector("[data-live]")) follow();
    document.querySelectorAll("form[data-try]").forEach(tryOut);
})();
