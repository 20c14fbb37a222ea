// The ways of asking that the battery knows. Each is a function that runs in a page or a worker of
// the attacker's, is given the URL of its cell and asks for it; their text is put into the pages
// (`programOf`). A way that throws, or that this browser does not know, is no cell of that browser:
// what counts is what the home has seen without the guard.

/* global add, tab, to, post, battery, nest, CSS, sharedStorage, fetchLater */

/** In a document. The helpers are in {@link programOf}. */
export const DOCUMENT = {
    frame: (url) => add("iframe", { src: url }),
    "frame-sandboxed": (url) => add("iframe", { src: url, sandbox: "allow-scripts" }),
    "frame-credentialless": (url) => add("iframe", { src: url, credentialless: "" }),
    "frame-srcdoc-image": (url) => add("iframe", { srcdoc: `<img src="${url}">` }),
    "frame-location": (url) => (add("iframe", { name: "location" }).contentWindow.location = url),
    "frame-refresh": (url) => add("iframe", { srcdoc: `<meta http-equiv="refresh" content="0;url=${url}">` }),
    "frame-302": (url) => add("iframe", { src: to(url) }),
    "frame-form-get": (url) => post("get", url, add("iframe", { name: "form-get" }).name),
    "frame-form-post": (url) => post("post", url, add("iframe", { name: "form-post" }).name),
    "frame-form-307": (url) => post("post", to(url, 307), add("iframe", { name: "form-307" }).name),
    object: (url) => add("object", { data: url, type: "text/html" }),
    "object-image": (url) => add("object", { data: url, type: "image/svg+xml" }),
    embed: (url) => add("embed", { src: url, type: "text/html" }),

    image: (url) => add("img", { src: url }),
    "image-srcset": (url) => add("img", { srcset: `${url} 1x` }),
    "image-302": (url) => add("img", { src: to(url) }),
    "image-input": (url) => add("input", { type: "image", src: url }),
    "image-svg": (url) => (add("div").innerHTML = `<svg><image href="${url}" width="9" height="9"/></svg>`),
    "image-svg-use": (url) => (add("div").innerHTML = `<svg><use href="${url}#a"/></svg>`),
    "image-svg-filter": (url) =>
        (add("div").innerHTML = `<svg><filter id="f"><feImage href="${url}"/></filter><rect width="9" height="9" filter="url(#f)"/></svg>`),
    poster: (url) => add("video", { poster: url }),

    style: (url) => add("link", { rel: "stylesheet", href: url }),
    "style-import": (url) => (add("style").textContent = `@import "${url}";`),
    "css-image": (url) => add("p", { style: `background: url("${url}")` }),
    "css-image-set": (url) => add("p", { style: `background: image-set("${url}" 1x)` }),
    "css-cursor": (url) => add("p", { style: `cursor: url("${url}"), auto` }),
    "css-mask": (url) => add("p", { style: `mask: url("${url}#m"); height: 9px` }),
    "css-mask-image": (url) => add("p", { style: `mask-image: url("${url}"); height: 9px` }),
    "css-clip": (url) => add("p", { style: `clip-path: url("${url}#c"); height: 9px` }),
    "css-filter": (url) => add("p", { style: `filter: url("${url}#f"); height: 9px` }),
    "css-shape": (url) => add("p", { style: `shape-outside: url("${url}"); float: left` }),
    "css-border": (url) => add("p", { style: `border: 3px solid; border-image: url("${url}") 1` }),
    "css-list": (url) => (add("ul").innerHTML = `<li style='list-style-image: url("${url}")'>x`),
    "css-content": (url) => add("p", { style: `content: url("${url}")` }),
    font: (url) => {
        add("style").textContent = `@font-face { font-family: battery; src: url("${url}"); }`;
        add("p", { style: "font-family: battery" }).textContent = "font";
    },
    "font-face": (url) => new FontFace("battery-2", `url("${url}")`).load(),

    audio: (url) => add("audio", { src: url, preload: "auto" }),
    video: (url) => add("video", { src: url, preload: "auto" }),
    track: (url) => {
        const video = add("video", { crossorigin: "use-credentials" });
        add("track", { src: url, default: "", kind: "subtitles" }, video).track.mode = "showing";
    },

    script: (url) => add("script", { src: url }),
    "script-module": (url) => add("script", { type: "module", src: url, crossorigin: "use-credentials" }),
    "script-import": (url) => import(url),
    // Older parsers refuse the words, so that they are not the program's.
    "script-json": (url) => new Function("url", `return import(url, { with: { type: "json" } })`)(url),
    "script-css": (url) => new Function("url", `return import(url, { with: { type: "css" } })`)(url),

    fetch: (url) => fetch(url, { mode: "no-cors", credentials: "include" }),
    "fetch-cors": (url) => fetch(url, { credentials: "include" }),
    "fetch-preflight": (url) => fetch(url, { method: "PUT", headers: { "x-battery": "1" }, credentials: "include" }),
    "fetch-post": (url) => fetch(url, { mode: "no-cors", credentials: "include", method: "POST", body: "secret" }),
    "fetch-302": (url) => fetch(to(url), { mode: "no-cors", credentials: "include" }),
    "fetch-keepalive": (url) => fetch(url, { mode: "no-cors", credentials: "include", keepalive: true }),
    "fetch-later": (url) => fetchLater(url, { activateAfter: 0, credentials: "include" }),
    xhr: (url) => {
        const request = new XMLHttpRequest();
        request.withCredentials = true;
        request.open("GET", url);
        request.send();
    },
    beacon: (url) => navigator.sendBeacon(url, "secret"),
    "event-source": (url) => new EventSource(url, { withCredentials: true }),
    socket: (url) => new WebSocket(url.replace(/^http/, "ws")),
    "socket-stream": (url) => new WebSocketStream(url.replace(/^http/, "ws")).opened,
    webtransport: (url) => new WebTransport(url).ready,

    "dedicated-script": (url) => new Worker(url),
    "shared-script": (url) => new SharedWorker(url),
    "service-script": (url) => navigator.serviceWorker.register(url, { scope: "/battery-script/" }),
    "worklet-audio": (url) => new OfflineAudioContext(1, 128, 44100).audioWorklet.addModule(url, { credentials: "include" }),
    "worklet-paint": (url) => CSS.paintWorklet.addModule(url, { credentials: "include" }),
    "worklet-storage": (url) => sharedStorage.createWorklet(url),

    ping: (url) => add("a", { href: `${battery.site}/done?ping.ping`, ping: url, target: add("iframe", { name: "ping" }).name }).click(),
    "link-prefetch": (url) => add("link", { rel: "prefetch", href: url }),
    "link-prefetch-document": (url) => add("link", { rel: "prefetch", as: "document", href: url }),
    "link-prerender": (url) => add("link", { rel: "prerender", href: url }),
    "link-preload-image": (url) => add("link", { rel: "preload", as: "image", href: url }),
    "link-preload-style": (url) => add("link", { rel: "preload", as: "style", href: url }),
    "link-preload-script": (url) => add("link", { rel: "preload", as: "script", href: url }),
    "link-preload-font": (url) => add("link", { rel: "preload", as: "font", href: url, crossorigin: "use-credentials" }),
    "link-preload-fetch": (url) => add("link", { rel: "preload", as: "fetch", href: url, crossorigin: "use-credentials" }),
    "link-modulepreload": (url) => add("link", { rel: "modulepreload", href: url, crossorigin: "use-credentials" }),
    "link-dictionary": (url) => add("link", { rel: "compression-dictionary", href: url, crossorigin: "use-credentials" }),
    "link-icon": (url) => add("link", { rel: "icon", href: url }, document.head),
    "link-manifest": (url) => add("link", { rel: "manifest", href: url, crossorigin: "use-credentials" }, document.head),
    "rules-prefetch": (url) => {
        const rules = { prefetch: [{ source: "list", urls: [url], eagerness: "immediate" }] };
        add("script", { type: "speculationrules" }, undefined, JSON.stringify(rules));
    },
    "rules-prerender": (url) => {
        const rules = { prerender: [{ source: "list", urls: [url], eagerness: "immediate" }] };
        add("script", { type: "speculationrules" }, undefined, JSON.stringify(rules));
    },

    payment: (url) => {
        const total = { label: "total", amount: { currency: "EUR", value: "1" } };
        return new PaymentRequest([{ supportedMethods: url }], { total }).canMakePayment();
    },
    "identity-provider": (url) => {
        const providers = [{ configURL: url, clientId: "battery", nonce: "1" }];
        return navigator.credentials.get({ identity: { providers } });
    },
    // The browser asks a fixed path of the host, at its usual port, and does not say for whom: one
    // page alone asks so.
    passkey: () => {
        if (battery.who !== "cross-https") throw new Error("another's");
        return navigator.credentials.get({ publicKey: { challenge: new Uint8Array(16), rpId: battery.host, timeout: 2000 } });
    },
    notification: (url) => new Notification("battery", { icon: url, silent: true }),
    artwork: (url) => (navigator.mediaSession.metadata = new MediaMetadata({ title: "battery", artwork: [{ src: url, sizes: "96x96" }] })),
    "rtc-stun": (url) => nest.rtc(`stun:${new URL(url).host}`),
    "rtc-turn": (url) => nest.rtc(`turn:${new URL(url).host}?transport=tcp`),

    "plain-image": (url) => add("img", { src: url }),
    "plain-frame": (url) => add("iframe", { src: url }),
    "plain-fetch": (url) => fetch(url, { mode: "no-cors", credentials: "include" }),
    "plain-socket": (url) => new WebSocket(url.replace(/^http/, "ws")),
    "plain-tab": (url) => tab(url),

    "tab-open": (url) => tab(url),
    "tab-noopener": (url) => window.open(url, "_blank", "noopener"),
    "tab-named": (url) => {
        tab("about:blank", `named-${battery.who}`);
        setTimeout(() => window.open(url, `named-${battery.who}`), 300);
    },
    "tab-location": (url) => (tab("about:blank").location = url),
    "tab-refresh": (url) => (tab("about:blank").document.body.innerHTML = `<meta http-equiv="refresh" content="0;url=${url}">`),
    "tab-302": (url) => tab(to(url)),
    "tab-form-get": (url) => post("get", url, "_blank"),
    "tab-form-post": (url) => post("post", url, "_blank"),
    "tab-form-307": (url) => post("post", to(url, 307), "_blank"),
    // In a frame: from another site it is a navigation, which would end what the page still asks for.
    download: (url) => add("a", { href: url, download: "battery.bin", target: add("iframe", { name: "download" }).name }).click(),
};

/** What the browser sends by itself because a page's headers name the home; the headers are in `battery-sites.mjs`. */
export const HEADERS = ["csp-report-uri", "csp-report-to", "document-report", "network-error-report", "link-header", "rules-header"];

/** What costs a tab or a process more: everybody asks so where the tables are written, else only some do. */
export const isDear = (way) => /^(tab-|plain-tab|nested-|shared-|frame-(form|refresh|302|location|credentialless))/.test(way);

/** What follows from asking in another way. */
export const CAUSES = { "identity-accounts": "identity-provider", "csp-report-uri": "video", "csp-report-to": "video", "document-report": "image" };

/** In a worker. */
export const WORKER = {
    fetch: DOCUMENT.fetch,
    "fetch-cors": DOCUMENT["fetch-cors"],
    "fetch-302": DOCUMENT["fetch-302"],
    "fetch-keepalive": DOCUMENT["fetch-keepalive"],
    xhr: DOCUMENT.xhr,
    // In a page it would keep every page of its process waiting.
    "xhr-sync": (url) => {
        const request = new XMLHttpRequest();
        request.open("GET", url, false);
        request.send();
    },
    "event-source": DOCUMENT["event-source"],
    socket: DOCUMENT.socket,
    "socket-stream": DOCUMENT["socket-stream"],
    webtransport: DOCUMENT.webtransport,
    "script-import": DOCUMENT["script-import"],
    "cache-add": (url) => caches.open("battery").then((cache) => cache.add(new Request(url, { mode: "no-cors", credentials: "include" }))),
    // The last: it waits.
    "import-scripts": (url) => importScripts(url),
};

/** In a service worker, after what it asks for as a worker. `redirect-…` are answers of it to its own pages. */
export const SERVICE = {
    sync: () => registration.sync.register("sync"),
    "background-fetch": (url) => registration.backgroundFetch.fetch(`battery-${battery.mark}`, [new Request(url, { credentials: "include" })]),
    notification: (url) => registration.showNotification("battery", { icon: url, silent: true }),
};
export const ANSWERS = ["redirect-frame", "redirect-image"];

/** What the browser's user does; done by the driver and by the extension's API (`battery.test.mjs`). */
export const OF_USERS = ["typed", "typed-http", "typed-dot", "view-source", "history-back", "history-forward", "reload", "duplicate", "discard"];

const KINDS = ["dedicated", "nested", "shared"];
/** Every way that a document has, with those of the workers that it starts. */
export const OF_DOCUMENTS = [...Object.keys(DOCUMENT), ...HEADERS, ...KINDS.flatMap((kind) => Object.keys(WORKER).map((way) => `${kind}-${way}`))];
export const OF_SERVICE_WORKERS = [...Object.keys(WORKER).filter((way) => !way.startsWith("xhr") && way !== "script-import"), ...Object.keys(SERVICE), ...ANSWERS, "update"];

export const EVERY_WAY = [...new Set([...OF_DOCUMENTS, "identity-accounts", ...OF_SERVICE_WORKERS, ...OF_USERS])];

const text = (ways) => `{ ${Object.entries(ways).map(([name, way]) => `${JSON.stringify(name)}: ${way}`).join(",\n")} }`;

/** What documents and workers have in common. `battery`: who asks, and whom; in `ports` the ports of those ways that do not speak HTTP. */
function common() {
    const all = {
        url(way) {
            const { who, mark, ports, home, host, plain } = battery;
            if (ports[way]) return `https://${host}:${ports[way]}/${way}`;
            // The home's cookies are not for this path: a browser does not prefetch for a site that
            // knows the user.
            const path = way.startsWith("rules-") ? "bare" : "cell";
            return `${way.startsWith("plain-") ? plain : home}/${path}?${who}.${way}.${mark}`;
        },
        /** Asks in each way; answers with the names of those that were begun. */
        begin(ways, prefix = "") {
            const begun = [];
            for (const [way, ask] of Object.entries(ways)) {
                const name = prefix + way;
                if (battery.only && !battery.only.includes(name)) continue;
                try {
                    Promise.resolve(ask(all.url(name))).catch(() => {});
                    begun.push(name);
                } catch {
                    // Not in this browser, or not from here.
                }
            }
            return begun;
        },
        done: (begun) => fetch(`${battery.site}/done?${battery.who}.${battery.mark}`, { method: "POST", mode: "no-cors", body: begun.join(" ") }),
    };
    return all;
}
const COMMON = `
    const { url, begin, done } = (${common})();
    const to = (url, status = 302) => battery.site + "/to?" + status + "&" + encodeURIComponent(url);`;

/** The program of a worker that begins at once: `prefix` is its kind. */
const workerProgram = (prefix) => `${COMMON}
    begin(${text(WORKER)}, ${JSON.stringify(prefix)});`;

/** The helpers of a document. */
function documents(WORKERS) {
    const tabs = [];
    const add = (tag, attributes = {}, inside = document.body, content = "") => {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        if (content) element.textContent = content;
        inside.append(element);
        return element;
    };
    const tab = (url, name = "_blank") => {
        const opened = window.open(url, name);
        tabs.push(opened);
        return opened;
    };
    const post = (method, url, target) => {
        const form = add("form", { method, action: url.split("?")[0], target });
        // A GET form replaces the query with its fields, so the whole query is the name of one field.
        if (method === "get") add("input", { name: url.split("?")[1], value: "" }, form);
        else form.setAttribute("action", url);
        form.submit();
    };
    const nest = {
        rtc(server) {
            const peer = new RTCPeerConnection({ iceServers: [{ urls: server, username: "battery", credential: "battery" }] });
            peer.createDataChannel("battery");
            return peer.createOffer().then((offer) => peer.setLocalDescription(offer));
        },
        workers(battery) {
            const of = (kind) => {
                const start = `const battery = ${JSON.stringify(battery)};${WORKERS[kind]}`;
                return URL.createObjectURL(new Blob([start], { type: "text/javascript" }));
            };
            const started = [];
            const attempt = (kind, start) => {
                if (battery.only && !battery.only.some((way) => way.startsWith(`${kind}-`))) return;
                try {
                    start();
                    started.push(kind);
                } catch {
                    // Not from here.
                }
            };
            attempt("dedicated", () => new Worker(of("dedicated")));
            attempt("shared", () => new SharedWorker(of("shared")));
            attempt("nested", () => {
                const code = `new Worker(URL.createObjectURL(new Blob([${JSON.stringify(`const battery = ${JSON.stringify(battery)};${WORKERS.nested}`)}])))`;
                new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
            });
            return started;
        },
    };
    return { add, tab, post, nest, tabs };
}

/** Text of a script that defines `ask(battery)`: a document asks in every way, and says at its own site when it has begun. */
export function programOf() {
    const workers = Object.fromEntries(KINDS.map((kind) => [kind, workerProgram(`${kind}-`)]));
    const program = `
        var battery;
        ${COMMON}
        const { add, tab, post, nest, tabs } = (${documents})(${JSON.stringify(workers)});
        var ask = (given) => {
            battery = given;
            const ways = Object.entries(${text(DOCUMENT)});
            // Tabs hide the page, and a hidden page neither plays nor prefetches: they come later.
            const hides = ([way]) => /tab/.test(way);
            const begun = begin(Object.fromEntries(ways.filter((one) => !hides(one))));
            begun.push(...nest.workers(battery).map((kind) => "worker-" + kind));
            const rest = () => {
                begun.push(...begin(Object.fromEntries(ways.filter(hides))));
                return done(begun);
            };
            // With the gate shut a page of the home may be left at any moment.
            return battery.who === "home" ? rest() : new Promise((done) => setTimeout(done, 1500)).then(rest);
        };`;
    return program.replaceAll("</", "<\\/");
}

/** Text of a service worker that asks when it is told to by a message, or by another site that it follows. */
export function serviceProgram(battery) {
    return `
        ${COMMON}
        let battery = ${JSON.stringify(battery)};
        const ways = ${text({ ...WORKER, ...SERVICE })};
        oninstall = () => skipWaiting();
        onactivate = (event) => event.waitUntil(clients.claim());
        const ask = (given) => {
            battery = given;
            return done(begin(ways)).catch(() => {});
        };
        onmessage = (event) => event.waitUntil(event.data.follow ? follow(event.data.follow) : ask(event.data));
        // It lives on when its pages are gone, and asks when its owner's other site says so.
        let isFollowing = false;
        const follow = async (site) => {
            if (isFollowing) return;
            for (isFollowing = true; ; ) {
                const told = await fetch(site + "/next").then((answer) => answer.json(), () => null);
                if (!told) return void (isFollowing = false);
                await ask(told);
            }
        };
        onsync = (event) => event.waitUntil(fetch(url("sync"), { mode: "no-cors", credentials: "include" }).catch(() => {}));
        onfetch = (event) => {
            const { pathname } = new URL(event.request.url);
            const page = (body) => new Response("<!doctype html><body>" + body, { headers: { "content-type": "text/html" } });
            if (pathname === "/battery/redirect-frame") event.respondWith(Response.redirect(url("redirect-frame")));
            else if (pathname === "/battery/redirect-image") event.respondWith(page("<img src='/battery/image'>"));
            else if (pathname === "/battery/image") event.respondWith(Response.redirect(url("redirect-image")));
            else if (event.request.mode === "navigate" && pathname === "/cell") {
                event.respondWith(Promise.resolve(event.preloadResponse).then((early) => early ?? fetch(event.request)));
            }
        };`;
}
