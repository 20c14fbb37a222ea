// Covers a document of a guarded host from its first moment, until the background says that it may
// be seen. For those that asked nobody: out of a service worker, the back/forward cache, or a
// restored session; and for frames and popups without an address of their own.
//
// The lock is the listeners: they are the first on the window, so no key, paste or drop reaches a field, wherever it is and whenever it was added (light tree,
// shadow trees, second factor). Fields are also disabled while they are covered, so that nothing is filled in by itself. The cover is for the eye: a plain
// sheet at first, because most answers come within a blink; words, and a place above everything else, for those that do not. A page that has just come over the
// network, of an address whose check counts by what is stored, is seen while it waits, and locked like every other.
(() => {
    if (globalThis.doorlightVeil) return;
    globalThis.doorlightVeil = true;

    const input = ["keydown", "keypress", "keyup", "beforeinput", "input", "change", "paste", "drop", "submit", "click", "mousedown",
        "mouseup", "pointerdown", "pointerup", "touchstart", "touchend", "compositionstart", "compositionend", "focus", "focusin", "beforeunload"];
    const isTop = window === window.top;
    const BLINK = 100;
    // This document's own name: a light belongs to it alone.
    const id = crypto.randomUUID?.() ?? String(crypto.getRandomValues(new Uint32Array(4)));
    let isCovered = false;
    let hasLeft = false;
    let isFree = false;
    // What the background was asked last, for a page that has to ask again.
    let again = {};
    let cover;
    let placed;
    let round = 0;
    const disabled = new Set();
    const inert = new Set();
    const hidden = new Map();
    // A page that takes the cover out of the tree would wrestle with it without end in one turn.
    const MOST = 20;
    let added = 0;
    // Most covers are gone within a blink: only one that stays hides frames, which moves the page.
    let isLong = false;
    // The sheet lies there and is not shown.
    let isSheer = false;
    // A page may clear every timer that there is, a content script's too; not these.
    const pending = new Set();
    const after = (time, act) => {
        const signal = AbortSignal.timeout(time);
        pending.add(signal);
        signal.addEventListener("abort", () => pending.delete(signal) && act());
    };

    const stop = (event) => {
        if (!isCovered) return;
        event.stopImmediatePropagation();
        // To prevent this one would ask the user whether to stay.
        if (event.type === "beforeunload") return;
        if (event.cancelable) event.preventDefault();
        if (event.type.startsWith("focus")) event.target.blur?.();
    };
    // `document.open()` removes every listener from the window (HTML, document open steps, 8), ours
    // included, and the page can add its own before ours are back. The lock is then no longer first,
    // so such a page does not wait under the cover: it starts over at the gate.
    const HEARD = `doorlight-${id}`;
    let isHeard = false;
    let wasReopened = false;
    const heard = () => (isHeard = true);
    const listen = () => {
        for (const type of input) window.addEventListener(type, stop, { capture: true, passive: false });
        for (const [type, hear] of heeded) window.addEventListener(type, hear, { capture: true });
    };
    const tend = () => {
        isHeard = false;
        window.dispatchEvent(new Event(HEARD));
        if (isHeard || isFree) return;
        const isFirst = !wasReopened;
        wasReopened = true;
        listen();
        if (isCovered && isFirst) ask(again);
    };

    // What has a place above the page, or a document of its own in which no listener of ours may
    // be.
    const frames = "iframe, frame, object, embed";
    const apart = `dialog, [popover], ${frames}`;
    const isHidden = ({ style }) => style.getPropertyValue("display") === "none" && style.getPropertyPriority("display") === "important";
    // Its shadow tree, a closed one too.
    const shadowOf = (element) => {
        try {
            return globalThis.chrome?.dom?.openOrClosedShadowRoot?.(element) ?? element.openOrClosedShadowRoot ?? element.shadowRoot;
        } catch {
            return element.shadowRoot;
        }
    };
    // Every field in the tree, and in the shadow trees in it.
    const shutFields = (root) => {
        for (const element of root.querySelectorAll("*")) {
            const shadow = element === cover ? null : shadowOf(element);
            if (shadow) {
                watch(shadow);
                shutFields(shadow);
            }
            if (element.matches("input, textarea, select, button") && !element.disabled) {
                element.disabled = true;
                disabled.add(element);
            }
            if (element !== cover && element.matches(apart) && !element.inert) {
                element.inert = true;
                inert.add(element);
            }
            // A frame of another site can give itself the focus, inert or not (measured in Chromium
            // 156); one that is not shown cannot.
            if (isLong && element.matches(frames) && !isHidden(element)) {
                if (!hidden.has(element)) {
                    const { style } = element;
                    hidden.set(element, [style.getPropertyValue("display"), style.getPropertyPriority("display")]);
                }
                element.style.setProperty("display", "none", "important");
            }
        }
        // A frame that had the focus before it was made inert.
        if (document.activeElement?.matches(apart)) document.activeElement.blur();
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
        added = 0;
        isLong = true;
        tend();
        shutFields(document);
        spread();
        show();
        raise();
        patrolIn(BLINK / 2);
    };
    const patrolIn = (time) => {
        const mine = ++round;
        after(time, () => mine === round && patrol());
    };

    const HTML = "http://www.w3.org/1999/xhtml";
    const SVG = "http://www.w3.org/2000/svg";
    // In a picture it has to stand in an element that holds HTML.
    const stand = (root) => {
        if (root.namespaceURI !== SVG) return cover;
        const stand = document.createElementNS(SVG, "foreignObject");
        stand.setAttribute("width", "100%");
        stand.setAttribute("height", "100%");
        stand.append(cover);
        return stand;
    };
    const spread = () => {
        const root = document.documentElement;
        if (!root || placed?.parentNode === root || added >= MOST) return;
        added++;
        cover ??= sheet();
        placed = stand(root);
        root.append(placed);
        show();
    };
    const show = () => cover?.style.setProperty("display", isSheer ? "none" : "grid", "important");
    const sheet = () => {
        // A document of XML makes elements of no kind.
        const element = document.createElementNS(HTML, "doorlight-veil");
        element.style.cssText =
            "all:initial!important;position:fixed!important;inset:0!important;width:100vw!important;height:100vh!important;z-index:2147483647!important;" +
            "place-items:center!important;background:Canvas!important;color:CanvasText!important;color-scheme:light dark!important";
        return element;
    };
    // The last one that is shown is on top. Where the page has something there too, the cover is
    // shown again and again: the page may do the same.
    const isAlone = () => cover.matches(":popover-open") && document.querySelectorAll(":popover-open, :modal, :fullscreen").length === 1;
    const raise = () => {
        if (isSheer || !cover?.isConnected || isAlone()) return;
        cover.shadow ??= write();
        cover.popover = "manual";
        try {
            if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
            if (cover.matches(":popover-open")) cover.hidePopover();
            cover.showPopover();
        } catch {
            // It covers by its place alone.
        }
    };
    const write = () => {
        const text = document.createElementNS(HTML, "p");
        text.style.cssText = "font:1.1rem system-ui,sans-serif;padding:2rem;text-align:center";
        text.setAttribute("role", "status");
        text.textContent = isTop ? chrome.i18n.getMessage("veil_checking", [location.host]) : "";
        const shadow = cover.attachShadow({ mode: "closed" });
        shadow.append(text);
        return shadow;
    };

    // Neither out of a service worker nor out of the history, and in nobody else's page. Where that cannot be told, it is not so.
    const cameFromNetwork = () => {
        try {
            const [{ type, workerStart }] = performance.getEntriesByType("navigation");
            return isTop && !globalThis.doorlightStopped && location.protocol === "https:" && type === "navigate" && workerStart === 0 && !navigator.serviceWorker?.controller;
        } catch {
            return false;
        }
    };
    const glance = async (isWaiting) => {
        if ((await chrome.runtime.sendMessage({ ask: "glance" })) !== true || !isWaiting()) return;
        isSheer = true;
        show();
    };
    const lower = () => {
        tend();
        isCovered = true;
        isSheer = false;
        isLong = false;
        added = 0;
        watch(document);
        shutFields(document);
        spread();
        show();
        patrolIn(BLINK);
    };
    const lift = () => {
        isCovered = false;
        round++;
        observer.takeRecords();
        for (const element of disabled) element.disabled = false;
        disabled.clear();
        for (const element of inert) element.inert = false;
        inert.clear();
        for (const [element, [value, priority]] of hidden) {
            // What the page has set meanwhile stays.
            if (isHidden(element)) element.style.setProperty("display", value, priority);
        }
        hidden.clear();
        placed?.remove();
        // It was ended before it had loaded, and may be seen now.
        if (globalThis.doorlightStopped && location.protocol.startsWith("http")) location.reload();
    };
    // Danger: the document ends, wherever it is. One without an address of its own stays empty,
    // because a new one would be told the same.
    const leave = () => {
        hasLeft = true;
        lower();
        window.stop();
        document.documentElement?.replaceChildren();
        spread();
        const wanted = location.protocol === "https:" ? location.href : `${self.origin}/`;
        if (isTop) {
            location.replace(`${chrome.runtime.getURL("gate.html")}#${wanted}`);
            depart();
        } else if (location.protocol.startsWith("http")) location.replace("about:blank");
    };
    // Each `document.open()` cancels a navigation under way (HTML, document open steps, 7), in
    // Chromium 156 the browser's own too (measured). So the page gets no turn while the background
    // sends its tab to the gate.
    const depart = () => {
        after(1000, depart);
        chrome.runtime.sendMessage({ ask: "hello", url: location.href, document: id }).catch(() => {});
        if (wasReopened) hold();
    };
    const hold = () => {
        for (const end = performance.now() + 700; performance.now() < end; );
    };
    // The extension was removed, switched off or updated: nobody could lift the cover any more. A
    // newer one brings its own.
    const isOrphan = () => !globalThis.chrome?.runtime?.id;
    const setFree = () => {
        asked++;
        isFree = true;
        reopening.disconnect();
        for (const type of input) window.removeEventListener(type, stop, { capture: true });
        delete globalThis.doorlightVeil;
        lift();
    };

    let asked = 0;
    let waited = 0;
    const ask = async (more = {}) => {
        if (hasLeft) return;
        if (isOrphan()) return setFree();
        const isFresh = asked === 0 && !isCovered && cameFromNetwork();
        lower();
        const mine = ++asked;
        let isAnswered = false;
        if (isFresh) glance(() => mine === asked && isCovered && !isAnswered).catch(() => {});
        let passage;
        let pause = 2000;
        // That it has woken is said once: again, it would undo the check that it waits for. It waits under its veil all the same.
        let next = more.has_woken ? { is_restored: true } : more;
        again = next;
        try {
            const answer = chrome.runtime.sendMessage({ ask: "hello", url: location.href, document: id, ...more, was_reopened: wasReopened });
            passage = await Promise.race([answer, new Promise((resolve) => after(4000, resolve))]);
        } catch {
            if (isOrphan()) return setFree();
            // The background was on its way to sleep (Firefox): the page stays covered, and asks again.
            pause = BLINK;
            next = more;
        }
        if (mine !== asked) return;
        isAnswered = Boolean(passage);
        // The core says no: it is not to be seen any longer either.
        if (passage && !passage.is_open) {
            isSheer = false;
            show();
        }
        if (passage?.is_leaving && wasReopened) return leave();
        if (passage?.is_leaving) return;
        if (passage?.is_open) {
            waited = 0;
            return lift();
        }
        if (passage && wasReopened && !isTop) return leave();
        // A home that stays away is asked less and less often.
        if (++waited > 15) pause = Math.max(pause, 30_000);
        after(pause, () => mine === asked && ask(next));
    };

    // Covered on its way into the cache, so that it is covered when it comes back.
    const cached = () => (asked++, lower());
    // Firefox lets the script speak again only after this event; it is covered from its way into the cache.
    const restored = () => after(0, () => ask({ is_restored: true }));
    const woken = () => ask({ has_woken: true });
    const heeded = [
        [HEARD, heard],
        ["pagehide", cached],
        ["pageshow", ({ persisted }) => persisted && restored()],
        ["online", woken],
    ];
    listen();
    const reopening = new MutationObserver(tend);
    reopening.observe(document, { childList: true });
    chrome.runtime.onMessage.addListener(({ tell, origin }, _, answer) => {
        if (tell === "which") answer({ document: id, url: location.href, worker: navigator.serviceWorker?.controller?.scriptURL ?? "" });
        // A document in a sandbox has lost its origin, and may still have a URL.
        const whose = self.origin === "null" && location.protocol.startsWith("http") ? location.origin : self.origin;
        if (tell === "leave" && [origin, "null"].includes(whose)) leave();
    });
    // A page that is only prepared is in no tab yet: it asks when it is shown.
    if (document.prerendering) {
        lower();
        document.addEventListener("prerenderingchange", () => ask(), { once: true });
    } else {
        ask();
    }
    // Timers stand still while the machine sleeps. Browsers let a hidden page's run once a minute.
    let last = Date.now();
    const tick = () => {
        if (isFree) return;
        if (isOrphan()) return setFree();
        after(20_000, tick);
        tend();
        const gap = Date.now() - last;
        last = Date.now();
        // Or the clock was set back, and nothing from before counts.
        if (gap > 180_000 || gap < 0) woken();
    };
    after(20_000, tick);
})();
