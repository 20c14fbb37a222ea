// The attacker's sites, and the pages that answer behind the home's TLS: whoever opens a page of
// them lets its owner ask for the home in every way. A cell is "who.way"; the home's log tells by
// the URL which one arrived, and in which round it was asked.
import { programOf, serviceProgram } from "./battery-ways.mjs";
import { portsFor } from "./battery-ports.mjs";

/** Those that ask, and the name of each column. `nested`: documents without an address of their own, made by a page of `cross-https`. */
export const WHO = {
    "cross-http": "other site, http",
    "cross-https": "other site, https",
    "sub-http": "sibling, http",
    "sub-https": "sibling, https",
    like: "named like the extension",
    sandboxed: "sandboxed frame",
    data: "`data:` frame",
    blank: "`about:blank` tab",
    blob: "`blob:` tab",
    home: "the home's page",
    "cross-worker": "other site's service worker",
    "sub-worker": "sibling's service worker",
    "like-worker": "service worker of one named like the extension",
    "home-worker": "the home's service worker",
    browser: "the browser's user",
};
export const isWorker = (who) => who.endsWith("-worker");
const NESTED = ["sandboxed", "data", "blank", "blob"];

const IMAGE = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><g id="a"/></svg>`;
const EMPTY = `<!doctype html><title>Battery</title><link rel="icon" href="data:,"><body>`;

/** What a cell is answered with, so that the browser goes on with it as it would. */
function content(way) {
    const is = (pattern) => pattern.test(way);
    if (is(/event-source/)) return { status: 204 };
    if (is(/^identity-accounts$/)) {
        const accounts = [{ id: "1", name: "Battery", email: "battery@home.test", given_name: "Battery" }];
        return { type: "application/json", headers: { "set-login": "logged-in" }, body: JSON.stringify({ accounts }) };
    }
    if (is(/^(script-json|payment|link-manifest)$/)) return { type: "application/json", body: "{}" };
    if (is(/^rules-header$/)) return { type: "application/speculationrules+json", body: "{}" };
    if (is(/^(style|script-css|link-preload-style)/)) return { type: "text/css", body: "p {}" };
    if (is(/script|worklet|import|modulepreload/)) return { type: "text/javascript", body: "" };
    if (is(/image|^css-|^link-icon$|^poster$|notification|artwork|object-image/)) return { type: "image/svg+xml", body: IMAGE };
    if (is(/^track$/)) return { type: "text/vtt", body: "WEBVTT\n\n00:00.000 --> 00:01.000\nx\n" };
    if (is(/^download$/)) return { type: "application/octet-stream", headers: { "content-disposition": "attachment" }, body: "x" };
    return { body: `${EMPTY}cell` };
}

/** Which cell a request of the home's log is; `undefined` for anything else. */
export function cellOf({ target }) {
    if (target === "/.well-known/webauthn") return { who: "cross-https", way: "passkey" };
    const [, who, way, mark] = target.match(/^\/(?:cell|bare)\?([a-z-]+)\.([a-z0-9-]+)\.([a-z0-9-]*)/) ?? [];
    return who && { who, way, mark };
}

/** `like`: the host of the extension's pages. */
export async function sitesOf(lab, thief, like) {
    const takePorts = () => portsFor(Object.keys(WHO).filter((who) => who !== "browser"));
    let ports = await takePorts();
    const cross = thief.https.url("thief.test", "");
    const sub = thief.https.url(`sub.${lab.host}`, "");
    const origins = {
        "cross-http": thief.http.url(lab.other_host, ""),
        "cross-https": cross,
        "sub-http": thief.http.url(`sub.${lab.host}`, ""),
        "sub-https": sub,
        like: thief.https.url(like, ""),
        "cross-worker": cross,
        "sub-worker": sub,
        "like-worker": thief.https.url(like, ""),
        "home-worker": sub,
        home: sub,
        ...Object.fromEntries(NESTED.map((who) => [who, cross])),
    };
    const plain = `http://${lab.host}:${lab.plain_port}`;
    /** `only`: the ways to ask in, where not all. */
    let only = {};
    const begun = new Map();
    const battery = (who, mark) => ({ who, mark, home: lab.home, host: lab.host, plain, site: origins[who], ports: ports.of(who) ?? {}, only: only[who] });
    const cell = (who, way, mark) => `${lab.home}/${way.startsWith("rules-") ? "bare" : "cell"}?${who}.${way}.${mark}`;
    const program = programOf();
    const script = (who, mark) => `${program}\nask(${JSON.stringify(battery(who, mark))});`;
    /** Who, and in which round. */
    const asked = (url) => url.split("?")[1].split(".");

    /** Headers by which a browser asks on its own account. */
    const headers = (who, mark) => {
        const at = (way) => cell(who, way, mark);
        if (only[who] && !only[who].some((way) => /-report|header/.test(way))) return {};
        return {
            "content-security-policy-report-only": [
                `media-src 'none'; report-uri ${at("csp-report-uri")}`,
                "media-src 'none'; report-to csp",
            ],
            "reporting-endpoints": `csp="${at("csp-report-to")}", default="${at("document-report")}"`,
            "cross-origin-embedder-policy-report-only": `require-corp; report-to="default"`,
            "report-to": JSON.stringify({ group: "nel", max_age: 3600, endpoints: [{ url: at("network-error-report") }] }),
            nel: JSON.stringify({ report_to: "nel", max_age: 3600, success_fraction: 1, failure_fraction: 1 }),
            link: `<${at("link-header")}>; rel=preload; as=image`,
            "speculation-rules": `"${at("rules-header")}"`,
        };
    };
    const cookie = (site) => `${site}=secret; Secure; HttpOnly; Path=/cell; SameSite=${site}`;
    thief.on("/page", ({ url }) => {
        const [who, mark] = asked(url);
        if (who !== "home") return { headers: headers(who, mark), body: `${EMPTY}<script>${script(who, mark)}</script>` };
        // The home's page starts asking when the test tells it to.
        const cookies = { "set-cookie": ["Strict", "Lax", "None"].map(cookie), "set-login": "logged-in" };
        return { headers: { ...cookies, ...headers(who, mark) }, body: `${EMPTY}<script>${program}</script>` };
    });
    // A page of another site makes documents that have no address of their own.
    thief.on("/nest", ({ url }) => {
        const [, mark] = asked(url);
        const wanted = (who) => !only[who] || only[who].length > 0;
        const text = (who) => JSON.stringify(script(who, mark)).replaceAll("</", "<\\/");
        const page = (who) => JSON.stringify(`${EMPTY}<script>`).replaceAll("</", "<\\/") + ` + ${text(who)} + "<\\/script>"`;
        const parts = {
            sandboxed: `frame({ sandbox: "allow-scripts allow-forms allow-popups allow-downloads", src: "/page?sandboxed.${mark}" });`,
            data: `frame({ src: "data:text/html," + encodeURIComponent(${page("data")}) });`,
            // Firefox puts another empty document in the place of the first.
            blank: `const opened = open("about:blank");
                setTimeout(() => {
                    const script = opened.document.createElement("script");
                    script.textContent = ${text("blank")};
                    opened.document.body.append(script);
                }, 1000);`,
            blob: `open(URL.createObjectURL(new Blob([${page("blob")}], { type: "text/html" })));`,
        };
        return `${EMPTY}<script>
            const frame = (attributes) => document.body.append(Object.assign(document.createElement("iframe"), attributes));
            ${NESTED.filter(wanted).map((who) => parts[who]).join("\n")}
        </script>`;
    });
    // A page registers a new service worker, which asks; it also updates an older one, whose script
    // imports one of the home's.
    thief.on("/plant", ({ url }) => {
        const [who, mark] = asked(url);
        return `${EMPTY}<script>
            const frame = (src) => document.body.append(Object.assign(document.createElement("iframe"), { src }));
            const active = async (registration) => {
                const { installing } = registration;
                while (installing && installing.state !== "activated") await new Promise((done) => setTimeout(done, 20));
                return registration.active;
            };
            (async () => {
                const { serviceWorker } = navigator;
                const worker = await active(await serviceWorker.register("/sw.js?${who}.${mark}", { scope: "/battery/" }));
                worker.postMessage(${JSON.stringify(battery(who, mark))});
                frame("/battery/redirect-frame");
                frame("/battery/redirect-image");
                const old = await serviceWorker.register("/sw.js?${who}.kept", { scope: "/battery-old/" });
                await active(old);
                await old.update();
            })();
        </script>`;
    });
    thief.on("/sw.js", ({ url }) => {
        const [who, mark] = asked(url);
        const imported = cell(who, mark === "kept" ? "update" : "import-scripts", mark);
        const body = `try { importScripts("${imported}"); } catch {}${serviceProgram(battery(who, mark))}`;
        return { type: "text/javascript", headers: { "service-worker-allowed": "/" }, body };
    });
    thief.on("/to", ({ url }) => {
        const [status, to] = url.split("?")[1].split("&");
        return { status: Number(status), headers: { location: decodeURIComponent(to) } };
    });
    thief.on("/done", ({ url, body }) => {
        const [who, mark] = asked(url);
        begun.set(`${who}.${mark}`, body.split(" "));
        return { status: 204 };
    });
    // The home's worker waits here for its turn.
    let tell;
    thief.on("/next", () => new Promise((done) => (tell = (told) => done({ type: "application/json", body: JSON.stringify(told) }))));
    const next = (told) => {
        const answer = tell;
        tell = undefined;
        answer?.(told);
    };

    const answer = ({ url, method, headers: { origin } }) => {
        const { who, way, mark } = cellOf({ target: url }) ?? {};
        if (way === "identity-provider") {
            // A provider that names where its accounts are: there the browser asks with the user's cookies.
            const accounts = cell(who, "identity-accounts", mark);
            // Who has an account is asked again another time; for who has none the browser remembers that.
            return { type: "application/json", body: JSON.stringify({ accounts_endpoint: accounts, id_assertion_endpoint: accounts, login_url: accounts }) };
        }
        const { headers: more, ...rest } = content(way ?? "");
        const cors = origin ? { "access-control-allow-origin": origin, "access-control-allow-credentials": "true" } : {};
        const allowed = { "access-control-allow-methods": "GET, POST, PUT", "access-control-allow-headers": "x-battery, content-type" };
        if (method === "OPTIONS") return { status: 204, headers: { ...cors, ...allowed } };
        return { ...rest, headers: { ...cors, ...more } };
    };
    thief.on("/cell", answer);
    thief.on("/bare", answer);
    thief.on("/.well-known/webauthn", { type: "application/json", body: `{ "origins": [] }` });
    // Doorlight's own looks.
    let isCut = false;
    for (const path of ["/", "/robots.txt", "/favicon.ico"]) {
        thief.on(path, (_, response) => (isCut ? void response.destroy() : { body: EMPTY }));
    }

    return {
        origins,
        /** The cells at whose port something arrived. */
        seen: () => [...ports.seen],
        /** Other ports: at the old ones a browser goes on for a while with what it has begun. */
        async freshPorts() {
            const old = ports;
            ports = await takePorts();
            old.stop();
        },
        begun,
        battery,
        /** While true the home answers none of Doorlight's own looks. */
        cut: (is) => (isCut = is),
        /** The home's worker: whether it waits for its turn, its turn, and its end. */
        workerWaits: () => Boolean(tell),
        tellWorker: (mark) => next(battery("home-worker", mark)),
        endWorker: () => next(null),
        /** The pages to open so that these ask: URLs. `ways` limits some of them. */
        pages(everybody, mark, ways = {}) {
            only = Object.fromEntries(NESTED.map((who) => [who, everybody.includes(who) ? ways[who] : []]));
            for (const who of everybody) only[who] = ways[who];
            const urls = [];
            if (everybody.some((who) => NESTED.includes(who))) urls.push(`${cross}/nest?nest.${mark}`);
            for (const who of everybody) {
                if (!origins[who] || who.startsWith("home") || NESTED.includes(who)) continue;
                urls.push(`${origins[who]}/${isWorker(who) ? "plant" : "page"}?${who}.${mark}`);
            }
            return urls;
        },
        stop: () => ports.stop(),
    };
}
