// Covers a page of a guarded host from its first moment, until the background says that it may be seen. For pages that asked nobody: out of a service
// worker, the back/forward cache, or a restored session.
//
// The lock is the listeners: they are the first on the window, so no key, paste or drop reaches a field, wherever it is and whenever it was added (light tree,
// shadow trees, second factor). Fields are also disabled while they are covered, so that nothing is filled in by itself. The cover is for the eye: a plain
// sheet at first, because most answers come within a blink; words, and a place above everything else, for those that do not.
(() => {
    if (globalThis.doorlightVeil) return;
    globalThis.doorlightVeil = true;

    const input = ["keydown", "keypress", "keyup", "beforeinput", "input", "change", "paste", "drop", "submit", "click", "mousedown",
        "mouseup", "pointerdown", "pointerup", "touchstart", "touchend", "compositionstart", "compositionend", "focus", "focusin"];
    const isTop = window === window.top;
    const BLINK = 100;
    let isCovered = false;
    let cover;
    let words;
    const disabled = new Set();

    const stop = (event) => {
        if (!isCovered) return;
        event.stopImmediatePropagation();
        if (event.cancelable) event.preventDefault();
        if (event.type.startsWith("focus")) event.target.blur?.();
    };
    for (const type of input) window.addEventListener(type, stop, { capture: true, passive: false });

    // Every field in the tree, and in the open shadow trees in it.
    const shutFields = (root) => {
        for (const element of root.querySelectorAll("*")) {
            if (element.shadowRoot) {
                watch(element.shadowRoot);
                shutFields(element.shadowRoot);
            }
            if (element.matches("input, textarea, select, button") && !element.disabled) {
                element.disabled = true;
                disabled.add(element);
            }
        }
    };
    const watched = new WeakSet();
    const observer = new MutationObserver(() => isCovered && (shutFields(document), spread()));
    const watch = (root) => {
        if (watched.has(root)) return;
        watched.add(root);
        observer.observe(root, { childList: true, subtree: true });
    };
    // A shadow tree may be attached to an element that is there already; nothing reports that.
    const patrol = () => {
        if (!isCovered) return;
        shutFields(document);
        spread();
        raise();
        words = setTimeout(patrol, BLINK / 2);
    };

    const spread = () => {
        const root = document.documentElement;
        if (!root || cover?.parentNode === root) return;
        cover ??= sheet();
        root.append(cover);
    };
    const sheet = () => {
        const element = document.createElement("doorlight-veil");
        element.style.cssText =
            "all:initial!important;position:fixed!important;inset:0!important;width:100vw!important;height:100vh!important;z-index:2147483647!important;" +
            "display:grid!important;place-items:center!important;background:Canvas!important;color:CanvasText!important;color-scheme:light dark!important";
        return element;
    };
    const raise = () => {
        if (!cover?.isConnected || cover.matches(":popover-open")) return;
        cover.shadow ??= write();
        cover.popover = "manual";
        try {
            cover.showPopover();
        } catch {
            // It covers by its place alone.
        }
    };
    const write = () => {
        const text = document.createElement("p");
        text.style.cssText = "font:1.1rem system-ui,sans-serif;padding:2rem;text-align:center";
        text.setAttribute("role", "status");
        text.textContent = isTop ? chrome.i18n.getMessage("veil_checking", [location.host]) : "";
        const shadow = cover.attachShadow({ mode: "closed" });
        shadow.append(text);
        return shadow;
    };

    const lower = () => {
        isCovered = true;
        watch(document);
        shutFields(document);
        spread();
        clearTimeout(words);
        words = setTimeout(patrol, BLINK);
    };
    const lift = () => {
        isCovered = false;
        clearTimeout(words);
        observer.takeRecords();
        for (const element of disabled) element.disabled = false;
        disabled.clear();
        cover?.remove();
    };

    let asked = 0;
    const ask = async (more = {}) => {
        lower();
        const mine = ++asked;
        let passage;
        let pause = 2000;
        // That it has woken is said once: again, it would undo the check that it waits for. It waits under its veil all the same.
        let next = more.has_woken ? { is_restored: true } : more;
        try {
            const answer = chrome.runtime.sendMessage({ ask: "hello", url: location.href, ...more });
            passage = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 4000))]);
        } catch {
            // The background was on its way to sleep (Firefox): the page stays covered, and asks again.
            pause = BLINK;
            next = more;
        }
        if (mine !== asked || passage?.is_leaving) return;
        if (passage?.is_open) lift();
        else setTimeout(() => mine === asked && ask(next), pause);
    };

    ask();
    // Covered on its way into the cache, so that it is covered when it comes back.
    window.addEventListener("pagehide", () => (asked++, lower()), { capture: true });
    // Firefox lets the script speak again only after this event; it is covered from its way into the cache.
    const restored = () => setTimeout(ask, 0, { is_restored: true });
    window.addEventListener("pageshow", ({ persisted }) => persisted && restored(), { capture: true });
    const woken = () => ask({ has_woken: true });
    window.addEventListener("online", woken);
    // Timers stand still while the machine sleeps. Browsers let a hidden page's run once a minute.
    let last = Date.now();
    setInterval(() => {
        const gap = Date.now() - last;
        last = Date.now();
        if (gap > 180_000) woken();
    }, 20_000);
})();
