// soak.mjs [MINUTES=30] [chromium|firefox] [SEED]: a long life in one browser. Tabs come and go, the home renews, is attacked, goes away and comes back, the
// background dies and sleeps, the browser restarts; after each step the light, the signs, the rules and the attacker's log have to be right. Ends with a
// summary, and with 1 if anything was wrong.
import { appendFileSync, cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLab } from "./lab.mjs";
import { proc, processes, removeFolder } from "./machine.mjs";
import { go, launch, sleep, until, where } from "./browser.mjs";

const MINUTES = Number(process.argv[2] ?? 30);
const KIND = process.argv[3] ?? "chromium";
const SEED = Number(process.argv[4] ?? Date.now() % 1_000_000);

const GOOD = ["good", "renewed", "good-second", "renewed-other-ca"];
const BAD = ["A1", "A1-root-sent", "A2", "A3", "A4", "A5", "A5-home-chain-behind", "A6-unknown", "A6-rejected", "A6-retired", "A9-name", "A9-expired",
    "A9-weak", "A9-malformed", "A9-no-key", "A16-markup", "A16-markup-issuer", "A16-invisible", "A16-many-names", "A16-long-chain"];
/** The browser itself ends these before they show a certificate that could be judged. */
const MAY_BE_UNCHECKED = ["A9-malformed", "A9-no-key"];
const PATHS = ["/poll", "/socket", "/auth/authorize", "/bfcache", "/worker", "/frame"];
const SIGNS = { trusted: "✓", attention: "!", danger: "✕", unchecked: "?", exception: "↷", "not-guarded": "" };
const MAX_TABS = 5;
const SETTLED_MS = 3000;
/** A look at a home that hangs ends after ten seconds. */
const HANGING_MS = 13_000;
const ANSWER_MS = 45_000;
/** Stock Firefox waits 30 seconds. Longer than a look may take, or it ends looks that it would not end. */
const IDLE_MS = 12_000;
/** Stock Chromium says so at each start of the background, and there is no way to ask first. */
const NO_SECURITY_INFO = "WebRequestSecurityInfo developer flag";
/** What is kept, without the settings: the journal ends at 300 entries. */
const MAX_STORED = 100_000;
const MAX_WASM = 16 << 20;
const MAX_HEAP_GROWTH = 4 << 20;

// mulberry32: the same seed, the same steps. What the machine makes of them differs.
let state = SEED;
function random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const pick = (list) => list[Math.floor(random() * list.length)];

// Errors of the background are gone with it, and no driver sees Firefox's. So a copy of the extension writes its own down, beside what it keeps.
const HOOK = `
;(() => {
    const note = (what) => void chrome.storage.local.set({ ["soak-" + Math.random()]: location.pathname + ": " + what });
    addEventListener("unhandledrejection", ({ reason }) => note("rejection: " + (reason?.stack ?? reason)));
    addEventListener("error", ({ message, filename, lineno }) => note("error: " + message + " " + filename + ":" + lineno));
    const { error } = console;
    console.error = (...all) => (note("console: " + all.map((one) => one?.stack ?? one).join(" ")), error(...all));
})();`;
const copies = mkdtempSync(join(tmpdir(), "doorlight-soak-"));
cpSync(process.env.DOORLIGHT_EXTENSION, copies, { recursive: true });
for (const file of ["background.js", "gate.js", "page.js"]) appendFileSync(join(copies, KIND, file), HOOK);
// A second init() answers with the module that is there: the small one's, as long as it is.
appendFileSync(join(copies, KIND, "background.js"), `
setInterval(async () => {
    if (small || whole) globalThis.soakMemory = (await (whole ? whole.then(initWhole) : compile())).memory;
}, 1000);
`);
process.env.DOORLIGHT_EXTENSION = copies;

const lab = await startLab();
const folder = mkdtempSync(join(tmpdir(), `doorlight-soak-${KIND}-`));
const violations = [];
const troubles = [];
const counts = {};
const samples = [];
let longestWrong = 0;
let lastRequest = 0;
let own;
let tabs = [];
let number = 0;
// Samples for which there was no worker to measure.
let unmeasured = 0;
let step = "start";
let steps = 0;
/** What is behind the address; whether a check has ended since it changed; whether the gate has seen that it is bad. */
const world = { presented: "good", net: "up", isNoticed: false, isQuiet: false };
const began = Date.now();
const wrong = (what) => {
    const text = `step ${steps} (${step}), ${world.presented}/${world.net}: ${what}`;
    violations.push(text);
    console.log(`WRONG ${text}`);
};

const start = async () => {
    own = await launch(KIND, lab, { folder, isInstalled: true, prefs: { "extensions.background.idle.timeout": IDLE_MS } });
    if (KIND !== "chromium") return;
    const listen = async (target) => {
        if (target.type() !== "service_worker" || !target.url().startsWith(own.base)) return;
        const { client } = await target.worker();
        client.on("Runtime.exceptionThrown", ({ exceptionDetails: { text, exception } }) => troubles.push(`worker: ${text} ${exception?.description ?? ""}`));
        client.on("Log.entryAdded", ({ entry }) => entry.level === "error" && !entry.text.includes(NO_SECURITY_INFO) && troubles.push(`worker log: ${entry.text} ${entry.url ?? ""}`));
        await client.send("Log.enable");
    };
    own.browser.on("targetcreated", (target) => listen(target).catch(() => {}));
    for (const target of own.browser.targets()) await listen(target).catch(() => {});
};

const within = (milliseconds, what, work) =>
    Promise.race([work, sleep(milliseconds).then(() => { throw new Error(`no end in ${milliseconds} ms: ${what}`); })]);
const ask = (message) => within(ANSWER_MS, message.ask, own.ask(message));

/** The light, and the signs of all tabs that show the home or the gate: asked for together, twice where the light changed in between. */
const look = () =>
    own.asker.evaluate(
        async (home, base) => {
            const status = () => chrome.runtime.sendMessage({ ask: "status", url: home });
            for (;;) {
                const before = await status();
                const all = (await chrome.tabs.query({})).filter(({ url }) => url?.startsWith(home) || url?.startsWith(`${base}/gate.html`));
                const signs = await Promise.all(
                    all.map(async ({ id, url, status }) => ({ url, isLoading: status !== "complete", badge: await chrome.action.getBadgeText({ tabId: id }).catch(() => "") })),
                );
                const rules = (await chrome.declarativeNetRequest?.getSessionRules())?.length;
                const { light, open_until } = await status();
                if (light === before.light && open_until === before.open_until) return { light, isOpen: Boolean(open_until), signs, rules };
            }
        },
        lab.home,
        own.base,
    );

const expected = () => {
    if (world.net !== "up") return ["unchecked"];
    if (GOOD.includes(world.presented)) return ["trusted"];
    return MAY_BE_UNCHECKED.includes(world.presented) ? ["danger", "unchecked"] : ["danger"];
};

/** A browser's own page about an error has the home's URL, and no veil that would ask for a sign. */
const isErrorPage = async (url) => {
    const page = tabs.find((one) => url.includes(one.mark))?.page;
    return !page || (await page.evaluate(() => document.documentURI).catch(() => "")).startsWith("https://") === false;
};

async function verify() {
    const isBad = !GOOD.includes(world.presented);
    // Signs and rules follow the light; how long they may take is measured.
    const limit = world.net === "hang" ? HANGING_MS : SETTLED_MS;
    const since = Date.now();
    for (;;) {
        const { light, isOpen, signs, rules } = await within(ANSWER_MS, "a look", look());
        const off = [];
        for (const { url, badge, isLoading } of signs) {
            const isHome = url.startsWith(lab.home);
            if (badge === "✓" && light !== "trusted") off.push(`✓ on ${url} while ${light}`);
            else if (isHome && badge !== SIGNS[light] && !isLoading && !(badge === "" && (await isErrorPage(url)))) off.push(`"${badge}" on ${url} while ${light}`);
        }
        if (rules !== undefined && Boolean(rules) !== isOpen) off.push(`${rules} rules open while the way is ${isOpen ? "open" : "shut"}`);
        if (world.isNoticed && !expected().includes(light)) off.push(`${light}, not ${expected().join(" or ")}`);
        if (off.length === 0) break;
        longestWrong = Math.max(longestWrong, Date.now() - since);
        if (Date.now() - since > limit) {
            off.forEach(wrong);
            break;
        }
        await sleep(50);
    }
    if (world.isQuiet && isBad) {
        for (const { n, presented, method, target, headers, body, messages } of await lab.requests()) {
            if (!BAD.includes(presented) || n <= lastRequest) continue;
            lastRequest = n;
            const carried = ["cookie", "authorization"].filter((name) => headers[name]);
            // Frames, pictures and fetches of another site: no browser lets them be held without permission for that site too.
            const isBare = method === "HEAD" || headers.referer?.startsWith(lab.elsewhere);
            if (carried.length > 0 || body || messages.length > 0 || !isBare) wrong(`${method} ${target} with ${carried.join(", ") || "nothing"} reached ${presented}`);
        }
    }
    const kept = await own.asker.evaluate(async () => {
        const all = await chrome.storage.local.get(null);
        const mine = Object.keys(all).filter((key) => key.startsWith("soak-"));
        await chrome.storage.local.remove(mine);
        return mine.map((key) => all[key]);
    });
    troubles.push(...kept.map((text) => `step ${steps} (${step}): ${text}`));
}

/** From now on what the harness has changed is known to the gate. */
async function check() {
    const { light, report } = await ask({ ask: "check-again", address: lab.address });
    world.isNoticed = true;
    if (!expected().includes(light)) wrong(`checked again: ${light}, not ${expected().join(" or ")}: ${JSON.stringify(report?.evidence?.filter(({ outcome }) => outcome !== "pass"))}`);
    if (!GOOD.includes(world.presented) && !world.isQuiet) {
        world.isQuiet = true;
        // What was on its way before the gate shut.
        await sleep(300);
        await lab.clear();
    }
}

async function changed() {
    world.isNoticed = false;
    if (GOOD.includes(world.presented)) world.isQuiet = false;
    if (random() < 0.7) await check();
}

const drop = async (tab) => {
    tabs = tabs.filter((one) => one !== tab);
    await within(10_000, "to close", tab.page.close()).catch(() => {});
};

async function comesBack() {
    if (await Promise.race([own.status().catch(() => {}), sleep(3000)])) return;
    const { page } = await STEPS.open();
    if (!(await Promise.race([own.status().catch(() => {}), sleep(20_000)]))) throw new Error(`the background does not come back; a new tab is at ${await where(page)}`);
}

const STEPS = {
    async open() {
        if (tabs.length >= MAX_TABS) await drop(pick(tabs));
        const tab = { page: await own.browser.newPage(), mark: `soak=${++number}.` };
        tab.page.on("pageerror", (error) => error.stack?.includes("-extension://") && troubles.push(`page: ${error.stack}`));
        tabs.push(tab);
        const url = `${lab.home}${pick(PATHS)}?${tab.mark}`;
        await go(tab.page, url, { within: 3000 });
        // Nobody is kept from a good home. (A check that failed before this one may have been reused for three seconds.)
        if (world.isNoticed && expected()[0] === "trusted") {
            const hasArrived = await until(async () => (await where(tab.page)) === url && !(await tab.page.evaluate(() => document.querySelector("doorlight-veil"))), { within: 5000 }).catch(() => false);
            if (!hasArrived) wrong(`${url} is not shown, the tab is at ${await where(tab.page)}`);
        }
        return tab;
    },
    async close() {
        if (tabs.length > 0) await drop(pick(tabs));
    },
    async reload() {
        if (tabs.length > 0) await Promise.race([pick(tabs).page.reload().catch(() => {}), sleep(2000)]);
    },
    async leaveAndReturn() {
        if (tabs.length === 0) return;
        const { page } = pick(tabs);
        await go(page, `${lab.elsewhere}/`, { within: 2000 });
        if (random() < 0.4) await STEPS.attack();
        await Promise.race([page.goBack().catch(() => {}), sleep(1500)]);
    },
    async comeFromElsewhere() {
        if (tabs.length === 0) return;
        await go(pick(tabs).page, `${lab.elsewhere}/${pick(["form", "embed", "link"])}?to=${encodeURIComponent(`${lab.home}/echo`)}`, { within: 1500 });
        await sleep(300);
    },
    async renew() {
        // The old connections may live on, as after a real renewal.
        await lab.present((world.presented = pick(GOOD)), { keep: GOOD.includes(world.presented) && random() < 0.5 });
        await changed();
    },
    async attack() {
        await lab.present((world.presented = pick(BAD)));
        await changed();
    },
    /** An answer that was on its way when the attacker came says nothing of who is there now. */
    async lateAnswer() {
        if (world.net !== "up" || tabs.length === 0) return;
        await lab.command({ do: "slow", ms: 1500 });
        await Promise.race([pick(tabs).page.evaluate(() => void fetch("/api/state", { keepalive: true }).catch(() => {})).catch(() => {}), sleep(1000)]);
        await sleep(200);
        await lab.command({ do: "slow", ms: 0 });
        await lab.present((world.presented = pick(BAD)), { keep: true });
        await check();
        await sleep(1800);
    },
    async down() {
        await lab.command({ do: "down" });
        world.net = "down";
        await changed();
    },
    async hang() {
        if (world.net !== "up" || random() < 0.5) return; // each costs ten seconds
        await lab.command({ do: "hang" });
        world.net = "hang";
        await changed();
    },
    async back() {
        if (world.net === "up") return;
        await lab.command({ do: "up" });
        await lab.command({ do: "unhang" });
        world.net = "up";
        await changed();
    },
    async allIsWell() {
        await STEPS.back();
        await lab.present((world.presented = "good"));
        world.isNoticed = world.isQuiet = false;
        await check();
    },
    check,
    async die() {
        if (KIND === "chromium") await own.killWorker();
        else await sleep(IDLE_MS + 2000); // until it sleeps
    },
    /** A look that is cut off leaves the debugger behind; the next tab at the gate has to get the background going again. */
    async dieInTheMiddle() {
        if (KIND !== "chromium") return;
        const message = pick([{ ask: "check-again", address: lab.address }, { ask: "self-test", address: lab.address }, { ask: "overview" }]);
        const asked = ask(message).catch(() => {}); // nobody is left to answer
        await sleep(random() * 60);
        await own.killWorker();
        await Promise.race([asked, sleep(1000)]);
        world.isNoticed = false;
        await comesBack();
    },
    /** Whatever the background was doing for a new tab, the tab comes to its end. */
    async dieOnTheWay() {
        if (KIND !== "chromium") return;
        await own.expire();
        const opened = STEPS.open();
        await sleep(random() * 200);
        await own.killWorker();
        await opened;
        await comesBack();
    },
    /** Everything at once; whatever comes last has to count. */
    async flurry() {
        const all = Array.from({ length: 12 }, () => {
            switch (pick(["check", "check", "online", "settings", "self-test", "present"])) {
                case "check": return ask({ ask: "check-again", address: lab.address });
                case "settings": return own.expire();
                case "self-test": return ask({ ask: "self-test", address: lab.address });
                case "present": return lab.present((world.presented = pick([...GOOD, pick(BAD)])));
                case "online": return Promise.all(tabs.map(({ page }) => Promise.race([sleep(1000), page.evaluate(() => void dispatchEvent(new Event("online"))).catch(() => {})])));
            }
        });
        await Promise.all(all);
        world.isNoticed = world.isQuiet = false;
        await check();
    },
    async settings() {
        const { settings } = await ask({ ask: "overview" });
        const { trouble } = await ask({ ask: "change", settings: { ...settings, reuse_minutes: pick([1, 2, 15, 60]) } });
        if (trouble) wrong(`settings: ${JSON.stringify(trouble)}`);
        world.isNoticed = false;
    },
    async export() {
        const pins = JSON.parse((await ask({ ask: "export-pins" })).content);
        if (!JSON.stringify(pins).includes(lab.host)) wrong("the pins are gone");
        await ask({ ask: "export-evidence", address: lab.address });
        await ask({ ask: "overview" });
    },
    async selfTest() {
        const { steps } = await ask({ ask: "self-test", address: lab.address });
        const failed = steps.filter(({ works }) => !works).map(({ name }) => name);
        world.isNoticed = true;
        if (expected()[0] === "trusted" && failed.length > 0) wrong(`self-test: ${failed}`);
        // Rules and veil are there whatever the home does.
        for (const name of ["permission", "gate", "veil"]) if (failed.includes(name)) wrong(`self-test: ${name}`);
    },
    async network() {
        if (tabs.length === 0) return;
        await Promise.race([pick(tabs).page.evaluate(() => void dispatchEvent(new Event("online"))).catch(() => {}), sleep(1000)]);
    },
    async popup() {
        const page = await own.page(pick(["popup.html", "options.html", "setup.html"]));
        await sleep(300);
        await page.close();
    },
    async wait() {
        await sleep(1000 + 4000 * random());
    },
    async restart() {
        if (random() < 0.7) return;
        await within(30_000, "to restart", own.close());
        tabs = [];
        await start();
        world.isNoticed = false;
        const { light, open_until } = await own.status();
        if (light !== "unchecked" || open_until) wrong(`${light} right after a restart`);
    },
};
// What happens more often than the rest.
const DECK = [...Object.keys(STEPS), "open", "open", "open", "open", "allIsWell", "allIsWell", "attack", "renew", "back", "back"];

/** The memory of all processes that the browser has, in bytes; what they share counts once. */
function resident() {
    const parents = processes().map((id) => [id, proc(id, "stat").split(") ")[1]?.split(" ")[1]]);
    const family = [String(own.browser.process().pid)];
    for (const id of family) family.push(...parents.filter(([, parent]) => parent === id).map(([child]) => child));
    return family.reduce((sum, id) => sum + 1024 * Number(/^Pss:\s+(\d+)/m.exec(proc(id, "smaps_rollup"))?.[1] ?? 0), 0);
}

/** What the background holds, after the garbage is gone where that can be asked for. */
async function sample() {
    await own.status(); // it may be asleep
    const one = { at: Math.round((Date.now() - began) / 1000), resident: resident() };
    Object.assign(
        one,
        await own.asker.evaluate(async () => {
            const { settings, ...kept } = await chrome.storage.local.get(null);
            const rules = chrome.declarativeNetRequest;
            return {
                stored: JSON.stringify(kept).length,
                session: JSON.stringify(await chrome.storage.session.get(null)).length,
                alarms: (await chrome.alarms.getAll()).length,
                scripts: (await chrome.scripting.getRegisteredContentScripts()).length,
                dynamicRules: (await rules?.getDynamicRules())?.length,
                wasm: await new Promise((got) => (chrome.runtime.getBackgroundPage ? chrome.runtime.getBackgroundPage((page) => got(page?.soakMemory?.buffer.byteLength)) : got())),
            };
        }),
    );
    if (KIND === "chromium") {
        // A worker that a step killed may end in the middle of this; its heap is not counted then.
        const worker = own.browser.targets().findLast((target) => target.type() === "service_worker" && target.url().startsWith(own.base));
        try {
            const { client } = await worker.worker();
            await client.send("HeapProfiler.collectGarbage");
            one.heap = (await client.send("Runtime.getHeapUsage")).usedSize;
            one.wasm = (await client.send("Runtime.evaluate", { expression: "globalThis.soakMemory?.buffer.byteLength", returnByValue: true })).result.value;
        } catch {
            unmeasured++;
        }
    }
    samples.push(one);
    return one;
}

/** One life of the background without an end, in which nothing may grow. */
async function stay() {
    step = "stay";
    await STEPS.allIsWell();
    const before = await sample();
    for (let n = 0; n < 60; n++) {
        await check();
        if (n % 10 === 0) await STEPS.open();
    }
    await verify();
    const after = await sample();
    if (after.wasm > before.wasm + (1 << 20)) wrong(`the module's memory grew from ${before.wasm} to ${after.wasm} bytes in 60 checks`);
    if (after.heap > before.heap + (1 << 20)) wrong(`the heap grew from ${before.heap} to ${after.heap} bytes in 60 checks`);
}

console.log(`${KIND}, ${MINUTES} minutes, seed ${SEED}`);
try {
    await start();
    await own.guard();
    await STEPS.allIsWell();
    await sample();
    let next = 0;
    while (Date.now() - began < MINUTES * 60_000) {
        step = pick(DECK);
        steps++;
        counts[step] = (counts[step] ?? 0) + 1;
        if (process.env.DOORLIGHT_VERBOSE) console.log(steps, step, JSON.stringify(world), Math.round((Date.now() - began) / 1000));
        try {
            await within(90_000, step, STEPS[step]());
            await within(60_000, "to verify", verify());
            if (Date.now() > next) {
                await sample();
                next = Date.now() + 15_000;
            }
        } catch (error) {
            wrong(error.stack);
            if (violations.length > 50) break;
        }
    }
    await stay();
} catch (error) {
    wrong(error.stack);
} finally {
    await own?.close();
    lab.stop();
    for (const one of [folder, copies]) removeFolder(one);
}

const range = (name, unit = 1) => {
    const all = samples.map((one) => one[name]).filter((value) => value !== undefined).map((value) => Math.round(value / unit));
    return all.length === 0 ? "not to be seen" : `first ${all[0]}, last ${all.at(-1)}, least ${Math.min(...all)}, most ${Math.max(...all)}`;
};
const most = (name) => Math.max(...samples.map((one) => one[name] ?? 0));
if (most("stored") > MAX_STORED) wrong(`${most("stored")} bytes stored`);
if (most("wasm") > MAX_WASM) wrong(`the module's memory: ${most("wasm")} bytes`);
if (most("heap") > (samples[0]?.heap ?? 0) + MAX_HEAP_GROWTH) wrong(`the heap: ${most("heap")} bytes`);
if (new Set(samples.map(({ dynamicRules }) => dynamicRules)).size > 1) wrong("the number of dynamic rules changed");

console.log(`
${KIND}, seed ${SEED}: ${steps} steps in ${((Date.now() - began) / 60_000).toFixed(1)} minutes
  ${Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(", ")}
  JS heap of the background, KB:   ${range("heap", 1024)}
  memory of the module, KB:        ${range("wasm", 1024)}
  kept without settings, bytes:    ${range("stored")}
  kept for the session, bytes:     ${range("session")}
  dynamic rules, scripts, alarms:  ${range("dynamicRules")}; ${range("scripts")}; ${range("alarms")}
  all processes, MB:               ${range("resident", 1 << 20)}
  longest wait for a sign or rule: ${longestWrong} ms
  samples without the heap:        ${unmeasured} of ${samples.length}
  errors and rejections: ${troubles.length}`);
const kinds = new Map();
for (const trouble of troubles) {
    const kind = trouble.replace(/^step \d+ \(\w+\): /, "");
    kinds.set(kind, [...(kinds.get(kind) ?? []), trouble]);
}
for (const [kind, all] of [...kinds].slice(0, 12)) console.log(`    ${all.length} × ${kind.slice(0, 400)} (first: ${all[0].split(":")[0]})`);
console.log(`  violations: ${violations.length}`);
for (const violation of violations.slice(0, 20)) console.log(`    ${violation.slice(0, 300)}`);
process.exit(violations.length + troubles.length > 0 ? 1 : 0);
