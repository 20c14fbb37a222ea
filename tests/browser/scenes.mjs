// Servers and scenes that several tests share: another site, a server of one's own behind the home's TLS, and the race for a badge.
import http from "node:http";
import { startLab } from "./lab.mjs";
import { go, launch, sleep, until, where } from "./browser.mjs";

/** The milliseconds after which the tab of a race goes on. */
export const DELAYS = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/**
 * A server on loopback. `pages`: what each path answers with, a page or a function of request and response; anything else is a 404.
 * Everything that was asked is in `log`.
 */
export async function serve(pages) {
    const log = [];
    const server = http.createServer((request, response) => {
        const { method, url, headers } = request;
        log.push({ method, url, headers });
        const page = pages[url.split("?")[0]] ?? "";
        if (typeof page === "function") return page(request, response);
        answer(response, page, { status: page ? 200 : 404 });
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    return {
        log,
        pages,
        port: server.address().port,
        stop() {
            server.close();
            server.closeAllConnections();
        },
    };
}

/** Answers at once, with the length, so that the connection stays usable. */
export function answer(response, body, { status = 200, type = "text/html; charset=utf-8", headers = {} } = {}) {
    const length = { "content-type": type, "content-length": Buffer.byteLength(body), "cache-control": "no-store" };
    response.writeHead(status, { ...length, ...headers }).end(body);
}

/** What a report to another server is answered with: any page may read it. */
export const received = (_, response) => response.writeHead(204, { "access-control-allow-origin": "*" }).end();

/** Title, badge and URL of every tab, as far as the extension may see the URL. */
export async function tabs(own) {
    own.asker ??= await own.page("options.html");
    return own.asker.evaluate(async () => {
        const of = async ({ id, url = "" }) => ({
            url,
            badge: await chrome.action.getBadgeText({ tabId: id }),
            title: await chrome.action.getTitle({ tabId: id }),
        });
        // A tab may close in between.
        const all = (await chrome.tabs.query({})).map((tab) => of(tab).catch(() => null));
        return (await Promise.all(all)).filter(Boolean);
    });
}

/**
 * The badges that tabs have over the next `milliseconds`, of those tabs for which `isMeant` is true; looks as often as it can.
 * `lasted`: for how long one was seen.
 */
export async function badgesOver(own, isMeant, milliseconds) {
    const seen = [];
    let since;
    // Not one of its members, so that it compares as a plain list.
    Object.defineProperty(seen, "lasted", { value: 0, writable: true, enumerable: false });
    for (const end = Date.now() + milliseconds; Date.now() < end; ) {
        const badges = (await tabs(own)).filter((tab) => tab.badge && isMeant(tab)).map(({ badge }) => badge);
        seen.push(...badges.filter((badge) => !seen.includes(badge)));
        since = badges.length ? (since ?? Date.now()) : undefined;
        if (since) seen.lasted = Math.max(seen.lasted, Date.now() - since + 1);
    }
    return seen;
}

/**
 * A script of another site opens the home in a tab, and sends the tab on to a look-alike some milliseconds after the home is there.
 * In Chromium the background is killed before (`dead`), so that it wakes in the middle. A round is a race for each of [`DELAYS`].
 *
 * `falseGreens`: the races in which the look-alike had a badge at any moment; `kept`: those in which it still had it at the end;
 * `longest`: for how long, in milliseconds. As a control, `arrived`: those in which the home was reached, and `greens`: rounds in which
 * the tab was left alone and became green.
 */
export async function badgeRace(kind, rounds, { dead = kind === "chromium" } = {}) {
    const lab = await startLab();
    const home = `${lab.home}/frame`;
    const other = await serve({
        "/": `<!doctype html><title>Other</title><link rel="icon" href="data:,">
            <button style="width:300px;height:200px">Open</button><script>
            const wait = Number(new URLSearchParams(location.search).get("wait"));
            const isCross = (tab) => { try { return !tab.location.href; } catch { return true; } };
            document.querySelector("button").onclick = () => {
                const tab = window.open(${JSON.stringify(home)}, "_blank");
                const { port1, port2 } = new MessageChannel();
                port1.onmessage = () => {
                    if (!isCross(tab)) return port2.postMessage(0);
                    if (wait >= 0) setTimeout(() => (tab.location = "/look-alike"), wait);
                };
                port2.postMessage(0);
            };
        </script>`,
        "/look-alike": `<!doctype html><title>Home Assistant</title><link rel="icon" href="data:,"><h1>Log in</h1><input type="password">`,
    });
    const base = `http://${lab.other_host}:${other.port}`;
    const own = await launch(kind, lab);
    const result = { rounds, races: 0, arrived: 0, greens: 0, falseGreens: 0, longest: 0, kept: 0 };
    // The tab is the one whose URL the extension may not see, or sees to be the other site's.
    const isOther = ({ url }) => !url || url.startsWith(base);
    const race = async (wait) => {
        await own.ask({ ask: "check-again", address: lab.address });
        const page = await own.browser.newPage();
        await go(page, `${base}/?wait=${wait}`);
        await lab.clear();
        if (dead) await own.killWorker();
        let tab;
        page.once("popup", (opened) => (tab = opened));
        await page.click("button");
        await until(() => tab, { why: "the tab that was opened" });
        if (wait < 0) {
            await until(async () => (await tabs(own)).some(({ url, badge }) => url === home && badge === "✓"), { why: "green at home" });
            result.greens++;
        } else {
            const seen = await badgesOver(own, isOther, 800);
            await until(async () => (await where(tab)) === `${base}/look-alike`, { why: `at the look-alike after ${wait} ms` });
            const end = await badgesOver(own, isOther, 400);
            result.races++;
            if (seen.length || end.length) result.falseGreens++;
            result.longest = Math.max(result.longest, seen.lasted, end.lasted);
            if ((await tabs(own)).some((one) => isOther(one) && one.badge)) result.kept++;
        }
        if ((await lab.requests()).some(({ method, target }) => method === "GET" && target === "/frame")) result.arrived++;
        for (const one of [tab, page]) await one.close().catch(() => {});
    };
    try {
        const guarded = await own.guard();
        if (guarded.light !== "trusted") throw new Error(`the home is ${guarded.light}`);
        for (let round = 0; round < rounds; round++) {
            await race(-1);
            for (const wait of DELAYS) await race(wait);
        }
        return result;
    } finally {
        await own.close();
        lab.stop();
        other.stop();
    }
}
