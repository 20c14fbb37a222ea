// Downloads of a guarded home. A browser goes on with one that broke off past every rule, with its cookie: so they wait while the gate is
// shut, with the permission for it. And the gate page, which a download or an answer without a page leaves where it is.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import http from "node:http";
import { mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLab } from "./lab.mjs";
import { endBrowser, removeFolder } from "./machine.mjs";
import { KINDS, cannotStay, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";

/** How long something that must not arrive may take to arrive. */
const GRACE = 4000;
const SIZE = 3_000_000;
const PART = 300_000;
/** What a backup holds, so that one put together of two parts is known to be whole. */
const BACKUP = Buffer.alloc(SIZE, "doorlight ");

/** A home with backups that come slowly: the first part, then drop by drop, all of it once `flows` is set. */
async function homeWithBackups() {
    const seen = [];
    const home = { seen, flows: false };
    const server = http.createServer((request, response) => {
        const { method, url, headers } = request;
        // Our own looks are those with a number behind the path.
        if (/^\/robots\.txt\?[0-9a-f]{32}$/.test(url) && !headers.cookie) return response.writeHead(404).end();
        seen.push({ method, url, cookie: headers.cookie, range: headers.range });
        if (url === "/" || url.startsWith("/page")) {
            response.writeHead(200, {
                "content-type": "text/html",
                "set-cookie": "session=secret-cookie; Secure; HttpOnly; Path=/; SameSite=Lax",
            });
            const link = (name) => `<a id="${name}" href="/backup-${name}?authSig=secret-path" download="${name}.tar">${name}</a>`;
            return response.end(`<!doctype html><title>Home</title><link rel=icon href="data:,">${link("one")}${link("two")}`);
        }
        if (url.startsWith("/nothing")) return response.writeHead(204).end();
        if (url.startsWith("/small")) {
            response.writeHead(200, { "content-type": "application/octet-stream", "content-disposition": 'attachment; filename="small.tar"' });
            return response.end("a small backup");
        }
        if (!url.startsWith("/backup")) return response.writeHead(404, { "content-length": 0 }).end();
        const from = Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
        response.writeHead(from ? 206 : 200, {
            "content-type": "application/octet-stream",
            "content-disposition": `attachment; filename="${url.slice(8, 11)}.tar"`,
            "content-length": SIZE - from,
            "accept-ranges": "bytes",
            etag: '"backup"',
            "last-modified": "Sat, 28 Nov 2026 00:00:00 GMT",
            ...(from ? { "content-range": `bytes ${from}-${SIZE - 1}/${SIZE}` } : {}),
        });
        let at = from;
        const send = (count) => {
            response.write(BACKUP.subarray(at, at + count));
            at += count;
        };
        send(Math.min(PART, SIZE - at));
        const timer = setInterval(() => {
            if (home.flows) {
                response.end(BACKUP.subarray(at));
                clearInterval(timer);
            } else if (at < SIZE - 10_000) send(2000);
        }, 100);
        response.on("close", () => clearInterval(timer));
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    home.address = `127.0.0.1:${server.address().port}`;
    home.asked = (path) => seen.filter(({ url }) => url.startsWith(path));
    home.stop = () => {
        server.close();
        server.closeAllConnections();
    };
    return home;
}

/** A browser that saves without asking, and whose extension may see downloads. */
async function launchSaving(kind, lab, options = {}) {
    const saved = options.saved ?? mkdtempSync(join(tmpdir(), "doorlight-saved-"));
    const prefs = {
        "browser.download.folderList": 2,
        "browser.download.dir": saved,
        "browser.download.useDownloadDir": true,
        "browser.download.always_ask_before_handling_new_types": false,
        "browser.helperApps.neverAsk.saveToDisk": "application/octet-stream",
    };
    const own = await launch(kind, lab, { prefs, mayDownload: true, ...options, saved });
    own.saved = saved;
    own.files = () => readdirSync(saved).filter((name) => name.endsWith(".tar"));
    own.downloads = async () => {
        own.asker ??= await own.page("options.html");
        return own.asker.evaluate(async () =>
            (await chrome.downloads.search({})).map(({ id, url, state, paused, error }) => ({ id, url, state, paused: Boolean(paused), error })),
        );
    };
    own.download = async (name) => (await own.downloads()).find(({ url }) => url.includes(`backup-${name}`));
    own.waits = async (name) => (await own.download(name))?.paused;
    return own;
}

/** Sets up, opens the home's page and begins to download `names` from it. */
async function begin(own, lab, home, names) {
    await lab.command({ do: "upstream", address: home.address });
    assert.equal((await own.guard()).light, "trusted");
    const page = await own.browser.newPage();
    await go(page, `${lab.home}/page`);
    await until(async () => (await where(page)) === `${lab.home}/page`);
    await until(() => page.evaluate(() => Boolean(document.querySelector("#two"))));
    // Under the cover a click is none.
    await until(async () => (await own.action(lab.home)).some(({ badge }) => badge === "✓"), { why: "the page may be used" });
    for (const name of names) {
        await page.evaluate((name) => document.getElementById(name).click(), name);
        await until(() => home.asked(`/backup-${name}`).length > 0, { why: `${name} is asked for` });
        await until(async () => (await own.download(name))?.state === "in_progress", { why: `${name} is a download` });
    }
    // Enough has arrived for the browser to go on from there.
    await sleep(1500);
    return page;
}

/** The line shows somebody else's certificate, and the home's old connections end. */
async function turnBad(own, lab) {
    await lab.present("A5", { keep: true });
    const { light } = await own.ask({ ask: "check-again", address: lab.address });
    assert.equal(light, "danger");
}

for (const kind of KINDS) {
    describe(`downloads in ${kind}`, () => {
        let lab, home, own;

        before(async () => {
            lab = await startLab();
            home = await homeWithBackups();
        });
        after(() => {
            lab.stop();
            home.stop();
        });

        const fresh = async (options) => {
            home.seen.length = 0;
            home.flows = false;
            await lab.present("good");
            own = await launchSaving(kind, lab, options);
        };
        const done = async () => {
            await own.close();
            removeFolder(own.saved);
        };

        test("what runs waits while the gate is shut, and goes on when it opens", async () => {
            await fresh();
            try {
                await begin(own, lab, home, ["one", "two"]);
                const { id } = await own.download("two");
                await own.asker.evaluate((id) => chrome.downloads.pause(id), id);
                await turnBad(own, lab);
                await until(() => own.waits("one"), { why: "it waits" });
                const before = home.seen.length;
                await lab.command({ do: "close-connections" });
                await sleep(GRACE);
                assert.deepEqual(home.seen.slice(before), [], "nothing reaches whoever is there");
                const { downloads } = await own.status();
                assert.deepEqual(downloads, { waiting: 1, stopped: 1 });
                // Once more by hand, while it is shut: the browser may ask, and is stopped at once.
                await own.asker.evaluate((id) => chrome.downloads.resume(id).catch(() => {}), (await own.download("one")).id);
                await until(() => own.waits("one"), { why: "it waits again" });

                home.flows = true;
                await lab.present("good", { keep: true });
                await lab.command({ do: "close-connections" });
                assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "trusted");
                await until(async () => (await own.download("one")).state === "complete", { why: "it is whole" });
                assert.ok(readFileSync(join(own.saved, "one.tar")).equals(BACKUP));
                assert.ok(await own.waits("two"), "what the user paused stays paused");
                const asked = home.asked("/backup-two");
                assert.equal(asked.length, 1, JSON.stringify(asked));
            } finally {
                await done();
            }
        });

        test("a check that runs out is made anew for a download, too", async () => {
            await fresh();
            try {
                const page = await begin(own, lab, home, ["one"]);
                await page.close();
                await own.expire();
                await until(async () => (await own.status()).open_until, { within: 100_000, every: 500, why: "nobody but the download wants it open" });
                home.flows = true;
                await until(async () => (await own.download("one")).state === "complete", { why: "it is whole" });
                await own.expire();
                await sleep(GRACE);
                assert.ok(!(await own.status()).open_until, "after its end nobody wants it open");
            } finally {
                await done();
            }
        });

        test("what broke off before is named, and taken off the list", async () => {
            await fresh();
            try {
                await begin(own, lab, home, ["one"]);
                const { id } = await own.download("one");
                await own.asker.evaluate((id) => chrome.downloads.cancel(id), id);
                await until(async () => (await own.download("one")).state === "interrupted");
                assert.deepEqual((await own.status()).downloads, { waiting: 0, stopped: 0 }, "open: there is nothing to say");
                await turnBad(own, lab);
                assert.deepEqual((await own.status()).downloads, { waiting: 0, stopped: 1 });
                const page = await own.browser.newPage();
                await go(page, `${lab.home}/page`);
                await until(() => page.evaluate(() => Boolean(document.querySelector(".note.downloads button"))), { why: "the gate page names it" });
                await page.evaluate(() => document.querySelector(".note.downloads button").click());
                await until(async () => !(await own.download("one")), { why: "it is off the list" });
                await until(() => page.evaluate(() => !document.querySelector(".note.downloads")), { why: "nothing is named any more" });
            } finally {
                await done();
            }
        });

        test("over a restart only what was paused here goes on", { skip: cannotStay(kind) }, async () => {
            const folder = mkdtempSync(join(tmpdir(), `doorlight-${kind}-`));
            const kept = { folder, isLoaded: kind === "chromium", isInstalled: kind === "firefox" };
            await fresh(kept);
            try {
                await begin(own, lab, home, ["one", "two"]);
                const { id } = await own.download("two");
                await own.asker.evaluate((id) => chrome.downloads.pause(id), id);
                await turnBad(own, lab);
                await until(() => own.waits("one"), { why: "it waits" });
                if (kind === "chromium") {
                    // An ordinary end cancels what is paused (its own question at the end says so). It writes its list down within seconds.
                    await sleep(5000);
                    endBrowser(folder);
                } else {
                    await own.close();
                }
                const before = home.seen.length;
                own = await launchSaving(kind, lab, { ...kept, saved: own.saved });
                await until(async () => (await own.downloads()).length === 2, { why: "the browser remembers both" });
                await own.ask({ ask: "check-again", address: lab.address });
                await sleep(GRACE);
                assert.deepEqual(home.seen.slice(before), [], "still shut");
                home.flows = true;
                await lab.present("good", { keep: true });
                await lab.command({ do: "close-connections" });
                assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "trusted");
                await until(async () => (await own.download("one")).state === "complete", { why: "it is whole" });
                assert.ok(readFileSync(join(own.saved, "one.tar")).equals(BACKUP));
                assert.notEqual((await own.download("two")).state, "complete");
                assert.equal(home.asked("/backup-two").length, 1);
            } finally {
                await done();
                removeFolder(folder);
            }
        });

        test("without the permission a browser goes on past the gate: why it is asked for", async () => {
            await fresh({ mayDownload: false, hasCookies: false });
            try {
                own.download = async () => ({ state: "in_progress" }); // Nobody tells here.
                await begin(own, lab, home, ["one"]);
                assert.equal((await own.ask({ ask: "overview" })).pauses_downloads, false);
                await turnBad(own, lab);
                const before = home.seen.length;
                await lab.command({ do: "close-connections" });
                if (kind === "chromium") {
                    await until(() => home.seen.length > before, { why: "it goes on by itself" });
                    assert.match(home.seen.at(-1).cookie, /secret-cookie/);
                } else {
                    // Firefox waits for the user to press "retry".
                    await sleep(GRACE);
                    assert.deepEqual(home.seen.slice(before), []);
                }
            } finally {
                await done();
            }
        });

        describe("the gate page", () => {
            before(() => fresh());
            after(done);

            for (const { what, path, file } of [
                { what: "a download", path: "/small", file: "small.tar" },
                { what: "an answer without a page", path: "/nothing" },
            ]) {
                test(`says after ${what} that the tab went on`, async () => {
                    await lab.command({ do: "upstream", address: home.address });
                    assert.equal((await own.guard()).light, "trusted");
                    await own.expire();
                    const page = await own.browser.newPage();
                    // As somebody comes who opens a link in a new tab, and so that the gate page is there in Firefox, too.
                    const url = `${own.base}/gate.html#${lab.home}${path}`;
                    await go(page, url);
                    await until(() => page.evaluate(() => Boolean(document.querySelector("h1")?.innerText.includes("no page came"))), { why: "it says so" });
                    if (file) {
                        await until(() => own.files().includes(file), { why: "the file is there" });
                        assert.equal(readFileSync(join(own.saved, file), "utf8"), "a small backup");
                    }
                    assert.ok(await isAtGate(page));
                    const asked = home.asked(path).filter(({ method }) => method === "GET");
                    assert.equal(asked.length, 1);
                    // It claims nothing about now: no light, whatever becomes of the address.
                    const shows = () =>
                        page.evaluate(() => [document.querySelector("#page").className.trim(), document.querySelector(".head img").src.split("/").pop()].join());
                    assert.equal(await shows(), "gate,doorlight.svg");
                    await own.expire();
                    await lab.present("A5");
                    await page.evaluate(() => [...document.querySelectorAll("button")].find((one) => one.innerText === "Open it again").click());
                    await until(async () => (await shows()).includes("danger"), { why: "it is asked anew" });
                    assert.equal(home.asked(path).filter(({ method }) => method === "GET").length, 1);
                    await lab.present("good");
                    await own.ask({ ask: "check-again", address: lab.address });
                    await go(page, "about:blank");
                    await go(page, `${url}?again`);
                    await until(() => page.evaluate(() => Boolean(document.querySelector("h1")?.innerText.includes("no page came"))), { why: "once more" });
                    await page.evaluate(() => [...document.querySelectorAll("button")].find((one) => one.innerText === "Open the start page").click());
                    await until(async () => (await where(page)).startsWith(`${lab.home}/`), { why: "the start page" });
                    await page.close();
                });
            }
        });
    });
}
