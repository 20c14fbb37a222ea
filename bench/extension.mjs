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

/** A tab that notes when the veil over each of its pages is lifted. */
async function tab(browser) {
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(() => {
        const lifted = (records) => {
            const gone = records.flatMap(({ removedNodes }) => [...removedNodes]);
            if (gone.some(({ localName }) => localName === "doorlight-veil")) globalThis.liftedAt = performance.now();
        };
        new MutationObserver(lifted).observe(document, { childList: true, subtree: true });
    });
    return page;
}

/** With the check fresh: the page's own times, and the driver's. */
async function again(page, url, hasVeil) {
    const start = clock();
    await page.goto(url);
    const wall = clock() - start;
    const { load } = await loaded(page, url);
    const lifted = hasVeil && (await until(() => page.evaluate(() => globalThis.liftedAt), { every: 5 }));
    return { load, wall, lifted };
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

async function measure(lab, own, bare) {
    const samples = {};
    const add = (name, value) => (samples[name] ??= []).push(value);
    const guarded = await tab(own.browser);
    const plain = await tab(bare.browser);
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

    for (let round = -5; round < ROUNDS; round++) {
        const both = {};
        // Who comes second may find the machine warmer.
        for (const name of round % 2 ? ["with", "without"] : ["without", "with"]) {
            both[name] = await again(name === "with" ? guarded : plain, url(`again${round}`), name === "with");
        }
        if (round < 0) continue;
        for (const what of ["load", "wall"]) {
            add(what, both.with[what]);
            add(`${what} bare`, both.without[what]);
        }
        add("lifted", both.with.lifted);
        add("lifted bare", both.without.load);
    }
    await guarded.close();

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
    // Of the two times of each round, so that a slow moment of the machine hits both.
    const row = (title, one, other, aim, value = "over") => {
        const pairs = samples[one].map((time, round) => [time, samples[other][round]]);
        const over = median(pairs.map(([a, b]) => a - b));
        const judged = value === "over" ? over : median(samples[one]);
        const word = aim === undefined ? "" : `at most ${aim} ms ${value === "over" ? "over" : "in all"}: ${judged <= aim ? "met" : "MISSED"}`;
        return [title, ms(median(samples[one])), ms(median(samples[other])), ms(over), median(pairs.map(([a, b]) => a / b)).toFixed(2), word];
    };
    table([
        ["with the extension, against", "ms", "against", "over", "ratio", "aim"],
        row("check fresh, load (page's own clock): no extension", "load", "load bare", 5),
        row("check fresh, load (driver's clock): no extension", "wall", "wall bare", 5),
        row("check fresh, until it can be seen: no extension's load", "lifted", "lifted bare"),
        row("first visit, load: no extension, new connection", "first", "first bare", 100),
        row("background asleep, until the sign: awake", "asleep", "awake", 100, "all"),
        row("check again, question to answer: its probe's network", "check", "network"),
    ]);
}

for (const kind of KINDS) {
    const lab = await startLab();
    const started = [];
    try {
        const own = await launch(kind, lab, { prefs: PREFS });
        started.push(own);
        const bare = await launch(kind, lab, { prefs: PREFS, isBare: true });
        started.push(bare);
        await own.guard();
        console.log(`\n${await own.browser.version()}, ${ROUNDS} rounds (${SLEEPS} of sleep), medians, load ${loadavg()[0].toFixed(1)}, ${new Date().toISOString()}`);
        show(await measure(lab, own, bare));
    } finally {
        for (const one of started) {
            await one.close();
            rmSync(one.folder, { recursive: true, force: true });
        }
        lab.stop();
    }
}
