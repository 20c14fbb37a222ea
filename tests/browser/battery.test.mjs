// The battery: every way of asking × everybody who may ask × every state in which the gate is shut.
// First all of it without the guard: what does not arrive then is not asked by this browser, and
// proves nothing. Then with the gate shut: nothing arrives but Doorlight's own looks, and what is
// named in ARRIVALS. The cells are in docs/threat-model.md, where `./build.sh battery` writes them;
// every other run compares.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attacker } from "./attacker.mjs";
import { ARRIVALS, NOTES } from "./battery-known.mjs";
import { WHO, cellOf, isWorker, sitesOf } from "./battery-sites.mjs";
import { ARRIVES, HELD, signsOf, write } from "./battery-table.mjs";
import { CAUSES, EVERY_WAY, OF_DOCUMENTS, OF_USERS, isDear } from "./battery-ways.mjs";
import { KINDS, cannotStay, go, launch, leave, sleep, until, where } from "./browser.mjs";
import { startLab } from "./lab.mjs";
import { removeFolder } from "./machine.mjs";

const IS_WHOLE = Boolean(process.env.DOORLIGHT_WRITE_BATTERY);
/** Who asks in the states in which not everybody does. */
const FEW = ["cross-https", "sub-https", "sub-worker"];
const SOME = [...FEW, "home"];
const CHEAP = OF_DOCUMENTS.filter((way) => !isDear(way));
/** How long something that must not arrive may take to arrive: as long as the slowest took without the guard. And after what calm all that is to arrive has. */
const GRACE = { least: 3000, most: 12_000 };
const CALM = 4000;
const PATIENCE = 240_000;

/** The host of Firefox's pages of the extension is set by `browser.mjs`; Chromium's is made of the folder. */
function extensionHost(kind, folder) {
    if (kind === "firefox") return "6c0ffee0-d00d-4a11-8b0a-7e1e5c0ffee5";
    const digest = createHash("sha256").update(`${realpathSync(folder)}/extension`).digest("hex").slice(0, 32);
    return [...digest].map((digit) => String.fromCharCode(97 + parseInt(digit, 16))).join("");
}

const BARE = "check run out, cookies not blocked";
const LOOKS = /^\/(robots\.txt|favicon\.ico)?\?[0-9a-f]{32}$/;
const isOwnLook = ({ method, target, headers, body }) => ["HEAD", "GET"].includes(method) && LOOKS.test(target) && !headers.cookie && !body;

for (const kind of KINDS) {
    describe(`the battery in ${kind}`, { skip: cannotStay(kind) }, () => {
        const folder = mkdtempSync(join(tmpdir(), `doorlight-battery-${kind}-`));
        const isChromium = kind === "chromium";
        let lab, thief, sites, own;
        /** What arrives without the guard; what has arrived with it, by cell; the figures of each state. */
        const asked = new Set();
        const arrived = new Map();
        const states = {};
        const known = signsOf(kind);
        let grace = GRACE.most;

        const start = async () => {
            // Reports are sent at once; in Chromium a name without a port leads to the home's.
            const map = `--host-resolver-rules=MAP ${lab.host}:443 127.0.0.1:${lab.port},MAP * 127.0.0.1`;
            // A page that is kept as it was asks for nothing when its user comes back (`planted.test.mjs`).
            const args = isChromium ? [map, "--short-reporting-delay", "--disable-features=BackForwardCache"] : [];
            // Firefox keeps what a tab asks for waiting while another one, or that one's own page,
            // still loads.
            const prefs = {
                "permissions.default.desktop-notification": 1,
                "browser.sessionstore.resume_from_crash": false,
                "browser.sessionhistory.max_total_viewers": 0,
                "network.http.active_tab_priority": false,
                "network.http.tailing.enabled": false,
                "network.http.throttle.enable": false,
                "network.http.max-persistent-connections-per-server": 30,
                // Each socket that a host refuses makes the next one wait longer (RFC 6455, section
                // 7.2.3), up to a minute: the last asker's would come when nobody waits any more.
                "network.websocket.delay-failed-reconnects": false,
            };
            own = await launch(kind, lab, thief.launchOptions(kind, { folder, isInstalled: true, isLoaded: true, args, prefs }));
            if (!isChromium) return;
            // The extension is loaded as soon as one of its files can be shown; that asks nobody.
            const page = await own.browser.newPage();
            await until(async () => Boolean(await page.goto(`${own.base}/onward.html`, { timeout: 3000 })), { why: "the extension" });
            await page.close();
        };
        before(async () => {
            lab = await startLab();
            const like = extensionHost(kind, folder);
            thief = await attacker(lab, { hosts: [`sub.${lab.host}`, "thief.test", like] });
            sites = await sitesOf(lab, thief, like);
            await lab.command({ do: "upstream", address: `127.0.0.1:${thief.http.port}` });
            await start();
            assert.ok(own.base.endsWith(`//${like}`), own.base);
        });
        after(async () => {
            if (IS_WHOLE && Object.keys(states).length > 1) {
                const signs = {};
                for (const cell of asked) signs[cell] = HELD;
                // What a browser puts off under load may have arrived in another run.
                for (const cell of asked) if (arrived.has(cell) || (known[cell] === ARRIVES && isKnown(cell))) signs[cell] = ARRIVES;
                write(kind, EVERY_WAY, signs, states, NOTES);
            }
            await own?.close();
            sites?.stop();
            thief?.stop();
            lab?.stop();
            removeFolder(folder);
        });

        const homes = async () => (await lab.requests()).filter(({ server }) => server === "home" || server === "plain");
        /** What is at the home: `[cell, cookie]`, where what is no cell goes by its method and target. */
        const atHome = async () => {
            const requests = (await homes()).filter((one) => !isOwnLook(one));
            const named = requests.map((one) => {
                const { who, way } = cellOf(one) ?? {};
                return [who ? `${who}.${way}` : `${one.method} ${one.target}`, one.headers.cookie];
            });
            return [...named, ...sites.seen().map((cell) => [cell, undefined])];
        };
        const clear = async () => {
            await lab.clear();
            await sites.freshPorts();
        };
        const pageOf = async (path) => {
            const page = await own.browser.newPage();
            await go(page, `${lab.home}${path}`);
            await until(async () => (await where(page)) === `${lab.home}${path}`, { why: `arriving at ${path}` });
            return page;
        };
        /** Closes every tab but the one through which the background is asked. */
        const closeAll = async () => {
            own.asker ??= await own.page("options.html");
            await own.asker.evaluate(async () => {
                const own = await chrome.tabs.getCurrent();
                const others = (await chrome.tabs.query({})).filter(({ id }) => id !== own.id);
                await chrome.tabs.remove(others.map(({ id }) => id));
            });
        };

        /** Ends the background: by the driver in Chromium, from the browser's own scope in Firefox. */
        const endBackground = async () => {
            if (isChromium) {
                // One that sleeps already has nothing to end, and the driver waits for it.
                await own.status();
                return Promise.race([own.killWorker(), sleep(5000)]);
            }
            const { connection } = own.browser;
            const { result } = await connection.send("browsingContext.getTree", { "moz:scope": "chrome" });
            const target = { context: result.contexts[0].context };
            const expression = `WebExtensionPolicy.getByID("doorlight@doorlight.dev").extension.terminateBackground({ ignoreDevToolsAttached: true }).then(() => true)`;
            const ended = await connection.send("script.evaluate", { expression, target, awaitPromise: true });
            assert.equal(ended.result.type, "success", JSON.stringify(ended.result));
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

        /** Each of these begins to ask in every way, or in those that `ways` names. */
        const begin = async (everybody, mark, { ways = {}, home } = {}) => {
            // In Chromium a tab that nobody sees neither plays nor prerenders: a window for each.
            const open = async (url) => {
                const page = await own.browser.newPage(isChromium ? { type: "window" } : {});
                page.goto(url).catch(() => {});
            };
            const cheap = Object.fromEntries(everybody.filter((who) => !IS_WHOLE && !isWorker(who) && !SOME.includes(who)).map((who) => [who, CHEAP]));
            const urls = sites.pages(everybody, mark, { ...cheap, ...ways });
            // First the home's own page: with the gate shut it is left before long.
            if (everybody.includes("home")) home.evaluate((battery) => ask(battery).then(() => true), sites.battery("home", mark)).catch(() => {});
            await Promise.all(urls.map(open));
            if (everybody.includes("home-worker")) {
                await until(sites.workerWaits, { why: "the home's worker waits" });
                sites.tellWorker(mark);
            }
            const names = everybody.filter((who) => who !== "browser").map((who) => `${who}.${mark}`);
            await until(() => names.every((name) => sites.begun.has(name)), { within: PATIENCE, why: `all have begun: ${mark}` }).catch((error) => {
                throw new Error(`${error.message}: not ${names.filter((name) => !sites.begun.has(name))}`);
            });
        };

        /** A page of the home, whose worker follows what the battery says. */
        const openHome = async (mark) => {
            const page = await pageOf(`/page?home.${mark}`);
            const planted = page.evaluate(
                async (mark, site) => {
                    const { serviceWorker } = navigator;
                    for (const old of await serviceWorker.getRegistrations()) await old.unregister();
                    const registration = await serviceWorker.register(`/sw.js?home-worker.${mark}`, { scope: "/cell" });
                    while (registration.active?.state !== "activated") await new Promise((done) => setTimeout(done, 20));
                    await registration.navigationPreload.enable();
                    registration.active.postMessage({ follow: site });
                },
                mark,
                thief.https.url(`sub.${lab.host}`, ""),
            );
            planted.catch(() => {});
            await until(sites.workerWaits, { why: "the home's worker waits" });
            return page;
        };
        /** Tabs with which the browser's user will do something. They have been at the home. */
        const openTabs = async () => {
            const other = `${sites.origins["cross-https"]}/cell`;
            const tabs = {};
            for (const way of ["history-back", "history-forward", "reload", "duplicate", "discard"]) {
                tabs[way] = await own.browser.newPage();
                if (way === "history-forward") await leave(tabs[way], other);
                await go(tabs[way], `${lab.home}/cell?browser.${way}.kept`);
                if (way === "history-back") await leave(tabs[way], other);
                if (way === "history-forward") {
                    await tabs[way].evaluate(() => void history.back());
                    await until(async () => (await where(tabs[way])) === other, { why: "back from the home" });
                }
            }
            return tabs;
        };
        /** The browser's user asks. */
        const use = async (tabs, mark) => {
            const visit = async (way, url) => {
                const page = await own.browser.newPage();
                await go(page, url, { within: 3000 });
            };
            const cell = (way) => `/cell?browser.${way}.${mark}`;
            await visit("typed", `${lab.home}${cell("typed")}`);
            await visit("typed-http", `http://${lab.host}:${lab.plain_port}${cell("typed-http")}`);
            await visit("typed-dot", `${lab.home.replace(lab.host, `${lab.host}.`)}${cell("typed-dot")}`);
            await visit("view-source", `view-source:${lab.home}${cell("view-source")}`);
            await tabs["history-back"]?.evaluate(() => void history.back());
            await tabs["history-forward"]?.evaluate(() => void history.forward());
            await own.asker.evaluate(async (names) => {
                const all = await chrome.tabs.query({});
                // A tab that stands at the gate has the URL in its own.
                const tab = (name) => all.find(({ url }) => url?.includes(`browser.${name}`));
                for (const name of names.filter(tab)) {
                    const { id } = tab(name);
                    if (name === "reload") await chrome.tabs.reload(id);
                    if (name === "duplicate") await chrome.tabs.duplicate(id);
                    if (name !== "discard") continue;
                    await chrome.tabs.update(all[0].id, { active: true });
                    const discarded = await chrome.tabs.discard(id);
                    await chrome.tabs.update(discarded?.id ?? id, { active: true });
                }
            }, ["reload", "duplicate", "discard"]);
        };

        /** Waits until nothing more arrives, or all that is `wanted` has. */
        const calm = async (wanted) => {
            let [size, since] = [-1, Date.now()];
            const isOver = async () => {
                for (const [cell] of await atHome()) asked.add(cell);
                if (wanted?.every((cell) => asked.has(cell))) return true;
                if (asked.size !== size) [size, since] = [asked.size, Date.now()];
                return Date.now() - since > CALM;
            };
            const begun = since;
            await until(isOver, { within: PATIENCE, every: 200, why: "nothing more arrives" });
            return since - begun;
        };

        test("without the guard every cell arrives that the table has", async (context) => {
            own.asker = await own.page("options.html");
            const everybody = Object.keys(WHO).filter((who) => who !== "home-worker" && who !== "browser");
            // Datagrams may get lost, and browsers put them off.
            const isMeant = (who, way) => (isWorker(who) || SOME.includes(who) || !isDear(way)) && !way.startsWith("rtc-");
            const wanted = IS_WHOLE ? undefined : Object.keys(known).filter((cell) => "=!".includes(known[cell]) && isMeant(...cell.split(".")));
            const of = (who) => wanted?.filter((cell) => who.includes(cell.split(".")[0]));
            const missing = (who) => of(who)?.filter((cell) => !asked.has(cell)) ?? [];
            let home = await pageOf("/page?home.open");
            await begin(everybody, "open", { home });
            grace = Math.min(Math.max(await calm(of(everybody)), GRACE.least), GRACE.most);
            context.diagnostic(`what must not arrive is waited for ${grace} ms`);
            await closeAll();
            // Under load a request may be lost: only those are asked again. To write the table
            // everybody asks twice.
            for (const mark of ["again", "once-more"]) {
                const left = missing(everybody);
                const again = IS_WHOLE ? (mark === "again" ? everybody : []) : everybody.filter((who) => left.some((cell) => cell.startsWith(`${who}.`)));
                if (!again.length) continue;
                if (left.length) context.diagnostic(`asked ${mark}: ${left.join(" ")}`);
                const leftOf = (who) => left.filter((cell) => cell.startsWith(`${who}.`)).map((cell) => cell.split(".")[1]);
                const ways = Object.fromEntries(again.map((who) => [who, IS_WHOLE ? undefined : leftOf(who).flatMap((way) => [way, CAUSES[way] ?? way])]));
                home = await pageOf(`/page?home.${mark}`);
                await begin(again, mark, { home, ways });
                await calm(of(everybody));
                await closeAll();
            }
            // The home's own worker, and the browser's user.
            home = await openHome("worker");
            await begin(["home-worker"], "worker");
            const tabs = await openTabs();
            await calm(of(["home-worker"]));
            await clear();
            for (const cell of OF_USERS.map((way) => `browser.${way}`)) asked.delete(cell);
            await use(tabs, "open");
            await calm(of(["browser"]));
            await closeAll();
            for (const cell of [...asked].filter((cell) => !/^[a-z-]+\.[a-z0-9-]+$/.test(cell))) asked.delete(cell);
            states["without the guard"] = `${asked.size} asked`;
            context.diagnostic(states["without the guard"]);
            assert.deepEqual(missing(Object.keys(WHO)), [], "cells that the table has, and that were not asked");
            assert.ok(asked.size > 500, `only ${asked.size} cells`);
        });

        const isKnown = (cell, cookie, state) =>
            ARRIVALS.some((one) => one.browser === kind && one.cells.test(cell) && (!cookie || (one.hasCookies && state === BARE)));
        /** With the gate shut they ask, and nothing arrives but what is named. */
        const assertHeld = async (context, state, everybody, { home, tabs } = {}) => {
            await clear();
            const mark = state.replaceAll(" ", "-");
            const begun = Date.now();
            const present = everybody.filter((who) => (who !== "home" || home) && (who !== "browser" || tabs));
            await begin(present, mark, { home });
            // They ask as they did without the guard. (A popup that is not there yet cannot be written into.)
            for (const who of present.filter((who) => who !== "browser")) {
                const now = sites.begun.get(`${who}.${mark}`);
                const left = (sites.begun.get(`${who}.open`) ?? sites.begun.get(`${who}.worker`)).filter((way) => !now.includes(way));
                assert.ok(left.length <= 2, `${who} has not asked by ${left}`);
            }
            if (tabs) await use(tabs, mark);
            await sleep(grace);
            const seen = new Map();
            for (const [cell, cookie] of await atHome()) seen.set(cell, seen.get(cell) || cookie);
            const cells = [...asked].filter((cell) => present.includes(cell.split(".")[0]));
            for (const [cell, cookie] of seen) arrived.set(cell, arrived.get(cell) || cookie);
            const number = [...seen.keys()].filter((cell) => asked.has(cell)).length;
            states[state] = `${cells.length} asked, ${cells.length - number} held, ${number} arrived`;
            context.diagnostic(`${states[state]} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
            const said = ([cell, cookie]) => `${cell}${cookie ? " with cookies" : ""}`;
            const named = [...seen].filter(([cell, cookie]) => isKnown(cell, cookie, state));
            const unknown = [...seen].filter(([cell, cookie]) => !isKnown(cell, cookie, state));
            if (named.length) context.diagnostic(`named: ${named.map(said).sort().join(", ")}`);
            await closeAll();
            assert.deepEqual(unknown.map(said).sort(), [], `${state}: arrived`);
        };
        const everybodyBut = (...others) => Object.keys(WHO).filter((who) => !others.includes(who));
        const few = (...more) => (IS_WHOLE ? everybodyBut("home", "home-worker", "browser") : FEW).concat(more);
        const light = async () => (await own.ask({ ask: "check-again", address: lab.address })).light;
        const good = async () => {
            sites.cut(false);
            await lab.present("good");
            assert.equal(await light(), "trusted");
        };

        test("never checked", async (context) => {
            // Nobody answers Doorlight's own looks, and everything else is answered.
            sites.cut(true);
            const { light, open_until: end } = await own.guard();
            assert.deepEqual([light, end ?? null], ["unchecked", null]);
            await assertHeld(context, "never checked", few());
        });

        test("the check has run out", async (context) => {
            await good();
            const home = await openHome("out");
            const tabs = await openTabs();
            sites.cut(true);
            await own.expire();
            assert.ok(!(await own.status()).open_until, "shut");
            await assertHeld(context, "check run out", few("home", "home-worker", "browser"), { home, tabs });
            sites.endWorker();
        });

        // Chromium alone has the setting. It goes with the permission that blocks cookies, which a
        // user need not give.
        test("the check has run out, without the permission over cookies", { skip: !isChromium }, async (context) => {
            await good();
            const home = await openHome("bare");
            const tabs = await openTabs();
            sites.cut(true);
            await own.expire();
            await own.asker.evaluate(() => chrome.contentSettings.cookies.clear({}));
            await assertHeld(context, BARE, few("home", "home-worker", "browser"), { home, tabs });
            sites.endWorker();
        });

        test("Danger", async (context) => {
            await good();
            await openHome("danger");
            const tabs = await openTabs();
            await lab.present("A5");
            assert.equal(await light(), "danger");
            await assertHeld(context, "Danger", everybodyBut("home"), { tabs });
            sites.endWorker();
        });

        test("the background has ended", async (context) => {
            await endBackground();
            await assertHeld(context, "background ended", few());
        });

        test("the extension has just been loaded again", async (context) => {
            const life = crypto.randomUUID();
            // A window ends with its last tab, and the extension's own go.
            await own.browser.newPage();
            await own.asker.evaluate((life) => chrome.storage.session.set({ life }), life);
            // The page that asks for it goes with the old life, and with it the answer.
            await Promise.race([own.asker.evaluate(() => chrome.runtime.reload()).catch(() => {}), sleep(2000)]);
            own.asker = undefined;
            await until(() => isAnotherLife(life), { why: "another life of the extension" });
            await assertHeld(context, "extension loaded again", few());
        });

        test("the browser has just started", async (context) => {
            await own.close();
            await start();
            await assertHeld(context, "browser started", few());
        });

        test("the control: with the rules taken away the same cells arrive", async (context) => {
            own.asker ??= await own.page("options.html");
            assert.equal(await light(), "danger");
            await clear();
            await own.asker.evaluate(async () => {
                const rules = await chrome.declarativeNetRequest.getDynamicRules();
                await chrome.declarativeNetRequest.updateDynamicRules({ removeRuleIds: rules.map(({ id }) => id) });
            });
            await begin(["cross-https"], "control");
            await sleep(grace);
            const cells = new Set((await atHome()).map(([cell]) => cell).filter((cell) => asked.has(cell) && !isKnown(cell, undefined, "")));
            context.diagnostic(`${cells.size} arrive`);
            assert.ok(cells.size > 40, `only ${[...cells]}`);
        });
    });
}
