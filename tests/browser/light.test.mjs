// The light belongs to one document: no sign on another site's page, whoever opens or embeds the home, and none on an error page.
// A request of a page that fails for the home's certificate shuts the gate at once.
import { describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { assertNothingOfTheUsers, assertOnlyProbes } from "./asserts.mjs";
import { KINDS, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";
import { DELAYS, badgeRace, badgesOver, serve, tabs } from "./scenes.mjs";

const ROUNDS = 3;

/** A lab, a browser with the home guarded, and another site; ended after `scene`. */
async function within(kind, scene, options = {}) {
    const lab = await startLab();
    const other = await serve({});
    other.base = `http://${lab.other_host}:${other.port}`;
    const own = await launch(kind, lab, options);
    try {
        if (!options.isBare) assert.equal((await own.guard()).light, "trusted");
        await scene({ lab, own, other });
    } finally {
        await own.close();
        lab.stop();
        other.stop();
    }
}

/** Opens a page of the home, which is good. */
async function open(own, lab, path = "/frame") {
    const page = await own.browser.newPage();
    await go(page, `${lab.home}${path}`);
    await until(async () => (await where(page)).startsWith(lab.home), { why: `arriving at ${path}` });
    await until(async () => (await own.action(lab.home)).some(({ badge }) => badge === "✓"), { why: "green at home" });
    return page;
}

/** Waits for Danger because the browser refuses the certificate. */
const refused = (own) =>
    until(
        async () => {
            const { light, report } = await own.status();
            return light === "danger" && report.decided_by.includes("browser-refuses");
        },
        { why: "Danger, because the browser refuses" },
    );

const asked = async (lab, path) => (await lab.requests()).filter(({ target }) => target.startsWith(path));

for (const kind of KINDS) {
    describe(`the light in ${kind}`, () => {
        test("a page of another site with a frame of the green home gets no sign", () =>
            within(kind, async ({ lab, own, other }) => {
                const frame = (n) => `<iframe src="${lab.home}/frame?${n}" style="width:1px;height:1px;visibility:hidden"></iframe>`;
                const title = "<!doctype html><title>Home Assistant</title><link rel=icon href='data:,'><input type=password>";
                other.pages["/"] = `${title}${[1, 2, 3].map(frame).join("")}`;
                const home = await open(own, lab);
                // One frame that was there, and one that comes later.
                const page = await own.browser.newPage();
                await go(page, `${other.base}/`);
                const isThere = async (n) => (await asked(lab, `/frame?${n}`)).length > 0;
                await until(async () => (await isThere(1)) && (await isThere(2)) && (await isThere(3)), { why: "the frames" });
                // Their content script has been answered: they are not covered any more.
                const frames = () => page.frames().filter((frame) => frame.url().startsWith(lab.home));
                // The driver loses a frame now and then under load: it never answers, though the others
                // of its process do. Then the page is loaded again.
                const isFree = (frame) =>
                    Promise.race([
                        frame.evaluate(() => !document.querySelector("doorlight-veil") && Boolean(document.querySelector("#frame"))),
                        sleep(3000).then(() => "lost"),
                    ]);
                const areFree = async () => {
                    const free = await Promise.all(frames().map(isFree));
                    if (free.includes("lost")) await go(page, `${other.base}/`);
                    return free.length === 3 && free.every((one) => one === true);
                };
                await until(areFree, { why: "free frames" });
                const append = (src) => document.body.append(Object.assign(document.createElement("iframe"), { src }));
                await page.evaluate(append, `${lab.home}/frame?4`);
                await until(() => isThere(4), { why: "the late frame" });
                assert.deepEqual(await badgesOver(own, ({ url }) => !url.startsWith(lab.home), 1500), []);
                for (const { url, title } of await tabs(own)) {
                    if (!url.startsWith(lab.home)) assert.equal(title, "Doorlight", url);
                }
                // The lights are shown anew after each check too.
                await page.bringToFront();
                await own.ask({ ask: "check-again", address: lab.address });
                assert.deepEqual(await badgesOver(own, ({ url }) => !url.startsWith(lab.home), 1000), []);
                assert.deepEqual((await own.action(lab.home)).map(({ badge }) => badge), ["✓"], "the home's own tab");
                await home.close();
            }));

        test(`a tab that leaves the home for a look-alike within ${DELAYS.at(-1)} ms takes no sign along`, async (t) => {
            const seen = await badgeRace(kind, ROUNDS);
            t.diagnostic(JSON.stringify(seen));
            assert.equal(seen.greens, ROUNDS, "left alone, the tab is green");
            assert.equal(seen.races, ROUNDS * DELAYS.length);
            assert.equal(seen.arrived, seen.races + ROUNDS, "the home was reached every time");
            // One that is set as the tab goes on is taken back: it may flash, and does not stay.
            assert.equal(seen.kept, 0);
        });

        for (const name of ["A9-expired", "A9-name"]) {
            test(`${name}: a page that the browser refuses is Danger, with no green on its error page and no way past it`, () =>
                within(kind, async ({ lab, own }) => {
                    await (await open(own, lab, "/")).close();
                    const page = await own.browser.newPage();
                    await lab.present(name);
                    await lab.clear();
                    await go(page, `${lab.home}/auth/authorize?secret`);
                    await refused(own);
                    // What goes past Chromium's error page, typed at whatever the tab shows.
                    const isAnywhere = () => true;
                    for (let n = 0; n < 4; n++) {
                        if (kind === "chromium") {
                            await page.bringToFront();
                            await page.keyboard.type("thisisunsafe");
                        }
                        assert.ok(!(await badgesOver(own, isAnywhere, 800)).includes("✓"));
                    }
                    await until(
                        async () =>
                            (await isAtGate(page)) || (await tabs(own)).every(({ url, badge }) => !url.startsWith(lab.home) || !badge),
                        { why: "the tab at the gate, or without a sign" },
                    );
                    assert.equal((await own.status()).light, "danger");
                    assertNothingOfTheUsers(await lab.requests());
                    // From now on it is the gate that answers.
                    await go(page, `${lab.home}/auth/authorize?secret`);
                    await until(() => isAtGate(page), { why: "the gate" });
                    assertNothingOfTheUsers(await lab.requests());
                }));
        }

        for (const [what, ask] of [
            ["fetch", (url) => void fetch(`${url}/api/state?secret`).catch(() => {})],
            ["WebSocket", (url) => void new WebSocket(`${url.replace("https:", "wss:")}/api/websocket?secret`)],
            // Nobody waits for it, and the page does not hear of its end.
            ["beacon", (url) => void navigator.sendBeacon(`${url}/api/state?secret`, "x")],
        ]) {
            test(`a ${what} of an open page that fails for the certificate shuts the gate at once`, () =>
                within(kind, async ({ lab, own, other }) => {
                    other.pages["/"] = "<!doctype html><title>Other</title><link rel=icon href='data:,'>";
                    const page = await open(own, lab);
                    const stranger = await own.browser.newPage();
                    await go(stranger, `${other.base}/`);
                    const fetched = (url) => void fetch(url, { mode: "no-cors", credentials: "include" }).catch(() => {});
                    const fetchFrom = (page, path) => page.evaluate(fetched, `${lab.home}${path}`);
                    await fetchFrom(stranger, "/echo?before");
                    await until(async () => (await asked(lab, "/echo?before")).length, { why: "a request while the gate is open" });
                    await page.evaluate(ask, lab.home);
                    await until(
                        async () => (await lab.requests()).some(({ target }) => target.includes("?secret")),
                        { why: `the ${what}` },
                    );
                    await lab.present("A9-expired");
                    await page.evaluate(ask, lab.home);
                    await refused(own);
                    // The browser would accept this one: what stops requests now is the gate.
                    await lab.present("A5");
                    await lab.clear();
                    await fetchFrom(stranger, "/echo?after-secret");
                    await fetchFrom(page, "/echo?after-secret").catch(() => {});
                    await until(() => isAtGate(page), { why: "the tab at the gate" });
                    await sleep(1000);
                    assertOnlyProbes(await lab.requests());
                    assert.equal((await own.status()).light, "danger");
                }));
        }

        test("a captive portal is the same finding for a request of a page as for our own look", () =>
            within(kind, async ({ lab, own, other }) => {
                const good = async () => {
                    await lab.present("good");
                    assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "trusted");
                };
                // Without the times and the browser's own words.
                const found = ({ light, report }) => {
                    const { verdict, decided_by: by, evidence } = report;
                    return { light, verdict, by, codes: evidence.map(({ code }) => code) };
                };
                await lab.present("A9-name");
                const byLook = found(await own.ask({ ask: "check-again", address: lab.address }));
                assert.deepEqual(byLook.by, ["browser-refuses"]);
                other.pages["/"] = `<!doctype html><title>Other</title><link rel=icon href='data:,'>`;
                const ways = {
                    fetch: (page) => page.evaluate(() => void fetch("/api/state").catch(() => {})),
                    navigation: (page) => page.evaluate(() => void (location.href = "/echo")),
                    frame: (_, stranger) => {
                        const append = (src) => void document.body.append(Object.assign(document.createElement("iframe"), { src }));
                        return stranger.evaluate(append, `${lab.home}/frame?portal`);
                    },
                    socket: (page) => page.evaluate(() => void new WebSocket(`wss://${location.host}/api/websocket`)),
                };
                // Measured in Firefox ESR 153: an extension hears of no request of a page that it has no permission for.
                if (kind === "firefox") delete ways.frame;
                for (const [way, ask] of Object.entries(ways)) {
                    await good();
                    const page = await open(own, lab);
                    const stranger = await own.browser.newPage();
                    await go(stranger, `${other.base}/`);
                    await lab.present("A9-name");
                    // Where the page leaves for the gate at once, the driver may never hear the end of what it asked.
                    await Promise.race([ask(page, stranger).catch(() => {}), sleep(3000)]);
                    await until(async () => (await own.status()).light !== "trusted", { why: `noticed by ${way}` });
                    assert.deepEqual(found(await own.status()), byLook, way);
                    await page.close();
                    await stranger.close();
                }
            }));
    });
}

if (KINDS.includes("chromium")) {
    test("without the extension the words that go past Chromium's error page do so", () =>
        within(
            "chromium",
            async ({ lab, own }) => {
                await lab.present("A9-expired");
                const page = await own.browser.newPage();
                await go(page, `${lab.home}/auth/authorize?secret`);
                await page.bringToFront();
                // The error page listens a moment after it has come.
                const isPast = async () => {
                    await page.keyboard.type("thisisunsafe");
                    return (await asked(lab, "/auth/authorize?secret")).length;
                };
                await until(isPast, { every: 500, why: "past the error page" });
            },
            { isBare: true },
        ));
}
