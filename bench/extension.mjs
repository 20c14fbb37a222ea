// What the extension costs in each browser: the same pages with it and without it, in turns, in one run.
// Wants DOORLIGHT_LAB and DOORLIGHT_EXTENSION like tests/browser. ROUNDS=… for more or fewer. A missed aim is printed, and is no failure.
import { rmSync } from "node:fs";
import { loadavg } from "node:os";
import { startLab } from "../tests/browser/lab.mjs";
import { KINDS, go, launch, sleep, until } from "../tests/browser/browser.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 41);
// Sleeping takes seconds, so fewer of those.
const SLEEPS = Math.max(1, Math.ceil(ROUNDS / 3));
// Firefox puts a background to sleep after half a minute; that much later here.
const IDLE_MS = 1000;
const PREFS = {
    "extensions.background.idle.timeout": IDLE_MS,
    // Otherwise every time is a multiple of a millisecond.
    "privacy.reduceTimerPrecision": false,
};

function median(numbers) {
    const sorted = numbers.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
}

function table(rows) {
    const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
    for (const row of rows) {
        console.log(row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n]))).join("  "));
    }
}

const clock = () => performance.timeOrigin + performance.now();

/** Waits until a tab has loaded `url`, whatever way it went there, and returns its times. */
const loaded = (page, url) =>
    until(
        () =>
            page.evaluate((url) => {
                const { loadEventEnd } = performance.getEntriesByType("navigation")[0];
                return location.href === url && loadEventEnd > 0 && { origin: performance.timeOrigin, load: loadEventEnd };
            }, url),
        { every: 5, why: `${url} to load` },
    );

/** A tab that notes of each of its pages until when it was hidden by the cover, and until when it was locked. */
async function tab(browser) {
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(() => {
        const isCover = ({ localName }) => localName === "doorlight-veil";
        let isHiding = false;
        const look = (records) => {
            for (const { target, addedNodes, removedNodes } of records) {
                for (const cover of [target, ...addedNodes].filter(isCover)) isHiding ||= getComputedStyle(cover).display !== "none";
                if (![...removedNodes].some(isCover)) continue;
                globalThis.unlockedAt = performance.now();
                if (isHiding) globalThis.uncoveredAt = unlockedAt;
            }
        };
        new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["style"] });
    });
    return page;
}

/** With the check fresh: the page's own times, and the driver's. */
async function again(page, url, hasVeil) {
    const start = clock();
    await page.goto(url);
    const wall = clock() - start;
    const { load } = await loaded(page, url);
    const unlocked = hasVeil && (await until(() => page.evaluate(() => globalThis.unlockedAt), { every: 5 }));
    const painted = () => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
    const paint = await until(painted, { every: 5, why: "something to see" });
    const uncovered = hasVeil && (await page.evaluate(() => globalThis.uncoveredAt ?? 0));
    return { load, wall, unlocked, seen: Math.max(paint, uncovered || 0) };
}

/** With nothing known and no connection: to the load of the page, by way of the gate where there is one. */
async function first(page, url, prepare) {
    await go(page, "about:blank");
    await prepare();
    await sleep(50);
    const start = clock();
    const going = page.goto(url).catch(() => {}); // the gate interrupts it
    const { origin, load } = await loaded(page, url);
    await going;
    return origin + load - start;
}

/** From the start of a navigation to the sign in the toolbar, both as pages see them. */
async function toBadge(own, url) {
    const ids = () => own.asker.evaluate(async () => (await chrome.tabs.query({})).map(({ id }) => id));
    const before = await ids();
    const page = await own.browser.newPage();
    const id = (await ids()).find((id) => !before.includes(id));
    // Asking for the badge wakes nobody. No timers: hidden pages have slow ones.
    const shown = own.asker.evaluate(async (id) => {
        const end = Date.now() + 10_000;
        while ((await chrome.action.getBadgeText({ tabId: id })) !== "✓") if (Date.now() > end) return null;
        return performance.timeOrigin + performance.now();
    }, id);
    await page.goto(url);
    const { origin } = await loaded(page, url);
    const at = await shown;
    await page.close();
    if (!at) throw new Error("no sign within 10 s");
    return at - origin;
}

/** Waits until the background sleeps. */
async function putToSleep(own) {
    if (own.kind === "chromium") {
        await own.killWorker();
        await until(() => !own.browser.targets().some((target) => target.type() === "service_worker"), { why: "a dead worker" });
    } else {
        const isAwake = () => own.asker.evaluate(() => chrome.extension.getViews().some((view) => view.location.pathname.startsWith("/_generated")));
        await until(async () => !(await isAwake()), { within: 20 * IDLE_MS, why: "a sleeping background" });
    }
    await sleep(200);
}

/** How long a page of the home waits for the answer whether it may be seen (`glance`), or typed into (`hello`), by its own clock. */
function asked(own, url, what) {
    return own.asker.evaluate(async (url, what) => {
        const [{ id }] = (await chrome.tabs.query({})).filter((tab) => tab.url === url);
        const ask = async (what) => {
            const start = performance.now();
            const answer = await chrome.runtime.sendMessage({ ask: what, url: location.href, document: "bench" });
            return (answer === true || answer?.is_open) && performance.now() - start;
        };
        const [{ result }] = await chrome.scripting.executeScript({ target: { tabId: id }, func: ask, args: [what] });
        return result;
    }, url, what);
}

/** How long the last probe was on the network, by the background's own list of requests. */
async function probed(own) {
    const read = async () => {
        if (own.kind === "chromium") {
            const worker = await own.browser.targets().find((target) => target.type() === "service_worker").worker();
            return worker.evaluate(() => performance.getEntriesByType("resource").map(({ name, duration }) => ({ name, duration })));
        }
        return own.asker.evaluate(async () => {
            const background = await new Promise((got) => chrome.runtime.getBackgroundPage(got));
            return background.performance.getEntriesByType("resource").map(({ name, duration }) => ({ name, duration }));
        });
    };
    // The entry may come after the answer.
    const last = async () => (await read()).filter(({ name }) => name.includes("/robots.txt")).at(-1);
    return (await until(last, { within: 5000, why: "the probe among the background's requests" })).duration;
}

async function measure(lab, { own, bare, floor, line }) {
    const samples = {};
    const add = (name, value) => (samples[name] ??= []).push(value);
    const guarded = await tab(own.browser);
    const plain = await tab(bare.browser);
    const empty = await tab(floor.browser);
    const url = (n) => `${lab.home}/frame?${n}`;

    const forget = async () => {
        // The gate lets a tab through once in a second (gate.js); nobody comes for the first time more often.
        await sleep(1000);
        await own.expire();
        await lab.present("good");
    };
    for (let round = -3; round < ROUNDS; round++) {
        const with_ = await first(guarded, url(`first${round}`), forget);
        const without = await first(plain, url(`first${round}`), () => lab.present("good"));
        if (round < 0) continue; // warms up
        add("first", with_);
        add("first bare", without);
    }

    const tabs = [["own", guarded], ["bare", plain], ["floor", empty]];
    for (let round = -5; round < ROUNDS; round++) {
        const times = {};
        // Who comes later may find the machine warmer.
        for (let turn = 0; turn < tabs.length; turn++) {
            const [name, page] = tabs[(round + 5 + turn) % tabs.length];
            times[name] = await again(page, url(`again${round}`), name === "own");
        }
        if (round < 0) continue;
        for (const what of ["load", "wall", "seen"]) for (const name of Object.keys(times)) add(`${what} ${name}`, times[name][what]);
        add("unlocked", times.own.unlocked);
    }
    await guarded.close();
    await empty.close();

    for (const one of [own, line]) {
        await one.ask({ ask: "status", url: lab.home });
        const page = await one.browser.newPage();
        await go(page, url("asked"));
        await loaded(page, url("asked"));
    }
    for (let round = -1; round < SLEEPS; round++) {
        for (const [name, one, what] of [["glance", own, "glance"], ["hello", own, "hello"], ["line", line, "hello"]]) {
            await one.ask({ ask: "status", url: lab.home });
            await putToSleep(one);
            const time = await asked(one, url("asked"), what);
            if (!time) throw new Error(`${name}: it may not go on`);
            if (round >= 0) add(`asked ${name}`, time);
        }
    }

    for (let round = 0; round < SLEEPS; round++) {
        await own.status(); // wakes it
        add("awake", await toBadge(own, url(`awake${round}`)));
        await putToSleep(own);
        add("asleep", await toBadge(own, url(`asleep${round}`)));
    }

    for (let round = -3; round < ROUNDS; round++) {
        const took = await own.asker.evaluate(async (address) => {
            const start = performance.now();
            const { light } = await chrome.runtime.sendMessage({ ask: "check-again", address });
            return { light, time: performance.now() - start };
        }, lab.address);
        if (took.light !== "trusted") throw new Error(`check again: ${took.light}`);
        const network = await probed(own);
        if (round < 0) continue;
        add("check", took.time);
        add("network", network);
    }
    return samples;
}

function show(samples) {
    const ms = (number) => number.toFixed(1);
    // Of the times of each round, so that a slow moment of the machine hits all.
    const rounds = (names, value) => median(samples[names[0]].map((_, round) => value(...names.map((name) => samples[name][round]))));
    const over = (one, other) => rounds([one, other], (a, b) => a - b);
    const row = (title, one, other, word) => {
        const ratio = rounds([one, other], (a, b) => a / b);
        return [title, ms(median(samples[one])), ms(median(samples[other])), ms(over(one, other)), ratio.toFixed(2), word];
    };
    const most = (value, limit, unit) => `at most ${limit} ${unit}: ${value <= limit ? "met" : "MISSED"}`;
    const times = over("load own", "load bare") / over("load floor", "load bare");
    const asleep = rounds(["asked hello", "asked line"], (a, b) => a / b);
    table([
        ["with the extension, against", "ms", "against", "over", "ratio", "aim"],
        row("check fresh, load (page's own clock): no extension", "load own", "load bare", `${times.toFixed(1)} times what is next; ${most(times, 2, "times")}`),
        row("an extension with the same listeners and an empty script: none", "load floor", "load bare", ""),
        row("check fresh, load (driver's clock): no extension", "wall own", "wall bare", ""),
        row("check fresh, until it is seen: no extension", "seen own", "seen bare", most(over("seen own", "seen bare"), 8, "ms over")),
        row("check fresh, until it takes keys: no extension's load", "unlocked", "load bare", ""),
        row("first visit, load: no extension, new connection", "first", "first bare", most(over("first", "first bare"), samples.limit, "ms over")),
        row("background asleep, until a page may be seen: one of one line", "asked glance", "asked line", ""),
        row("background asleep, until it takes keys: one of one line", "asked hello", "asked line", most(asleep, 2.5, "times")),
        row("background asleep, until the sign: awake", "asleep", "awake", ""),
        row("check again, question to answer: its probe's network", "check", "network", ""),
    ]);
}

// What an extension costs that does nothing: the same listeners before a core that agrees to everything; and a background of one line. Both have an empty script in
// each page.
const AGREES = `
const initWaking = async () => {};
const initWhole = initWaking;
const answers = { message: async () => ({ is_open: true }), is_open: () => true, is_open_for: () => true, has_security_info: () => false };
const startWaking = async () => new Proxy({}, { get: (_, name) => (name === "then" ? undefined : (answers[name] ?? (async () => ({})))) });
const startWhole = startWaking;`;
const inPages = (host) => `
chrome.scripting.registerContentScripts([{ id: "empty", js: ["veil.js"], matches: ["*://${host}/*"], runAt: "document_start", allFrames: true, matchOriginAsFallback: true }]).catch(() => {});`;
const floors = (host) => ({
    floor: { "background.js": (text) => AGREES + text.replaceAll(/^import .*$/gm, "") + inPages(host), "veil.js": () => "" },
    line: { "background.js": () => `chrome.runtime.onMessage.addListener((_, __, answer) => answer({ is_open: true }));${inPages(host)}`, "veil.js": () => "" },
});

for (const kind of KINDS) {
    const lab = await startLab();
    const started = {};
    try {
        const { floor, line } = floors(lab.host);
        const kinds = { own: {}, bare: { isBare: true }, floor: { files: floor }, line: { files: line } };
        for (const [name, more] of Object.entries(kinds)) started[name] = await launch(kind, lab, { prefs: PREFS, ...more });
        await started.own.guard();
        console.log(`\n${await started.own.browser.version()}, ${ROUNDS} rounds (${SLEEPS} of sleep), medians, load ${loadavg()[0].toFixed(1)}, ${new Date().toISOString()}`);
        show({ ...(await measure(lab, started)), limit: kind === "chromium" ? 100 : 50 });
    } finally {
        for (const one of Object.values(started)) {
            await one.close();
            rmSync(one.folder, { recursive: true, force: true });
        }
        lab.stop();
    }
}
