// The good home is whole: what a page of it brings along works behind an open gate, and goes on over a check that is made again.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attacker } from "./attacker.mjs";
import { startLab } from "./lab.mjs";
import { KINDS, go, launch, sleep, until, where } from "./browser.mjs";
import { removeFolder } from "./machine.mjs";

/** A picture of one point. */
const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
const BACKUP = Buffer.from("a backup of the home\n".repeat(5000));
const PAGE = `<!doctype html><title>Home</title>
    <script>
        window.seen = { messages: [], events: 0, veils: 0 };
        addEventListener("message", ({ data }) => seen.messages.push(data));
        new Worker("/worker.js").onmessage = ({ data }) => seen.messages.push(data);
        new EventSource("/events").onmessage = () => seen.events++;
        addEventListener("load", () => new MutationObserver((changes) => {
            for (const { addedNodes } of changes) for (const { localName } of addedNodes) if (localName === "doorlight-veil") seen.veils++;
        }).observe(document, { childList: true, subtree: true }));
    </script>
    <img id="camera" src="/camera" alt="">
    <iframe src="/inner"></iframe>
    <iframe srcdoc="<script>parent.postMessage('srcdoc', '*')</script>"></iframe>
    <a id="backup" href="/backup.tar" download>Backup</a>
    <a id="signed" href="/signed?authSig=abc">Signed</a>`;

for (const kind of KINDS) {
    describe(`the good home is whole, in ${kind}`, () => {
        let lab, own, server, page, frames;
        const folder = mkdtempSync(join(tmpdir(), `doorlight-downloads-${kind}-`));
        before(async () => {
            lab = await startLab();
            server = await attacker(lab);
            server.on("/", PAGE);
            server.on("/inner", "<!doctype html><script>parent.postMessage('inner', '*')</script>");
            server.on("/worker.js", { type: "text/javascript", body: "fetch('/data').then((answer) => answer.text()).then(postMessage)" });
            server.on("/data", { type: "text/plain", body: "worker" });
            const endless = (type, part) => (_, response) => {
                response.writeHead(200, { "content-type": type, "cache-control": "no-store", connection: "close" });
                const timer = setInterval(() => response.write(part()), 50);
                response.on("close", () => clearInterval(timer));
                return undefined;
            };
            frames = 0;
            const frame = () => {
                frames++;
                return Buffer.concat([Buffer.from(`--part\r\ncontent-type: image/png\r\ncontent-length: ${PNG.length}\r\n\r\n`), PNG, Buffer.from("\r\n")]);
            };
            server.on("/camera", endless("multipart/x-mixed-replace; boundary=part", frame));
            server.on("/events", endless("text/event-stream", () => "data: state\n\n"));
            const file = { type: "application/x-tar", headers: { "content-disposition": "attachment" }, body: BACKUP };
            server.on("/backup.tar", file);
            server.on("/signed", { ...file, headers: { "content-disposition": 'attachment; filename="signed.tar"' } });
            const prefs = {
                "browser.download.folderList": 2,
                "browser.download.dir": folder,
                "browser.download.always_ask_before_handling_new_types": false,
                "browser.helperApps.neverAsk.saveToDisk": "application/x-tar",
            };
            own = await launch(kind, lab, server.launchOptions(kind, { prefs }));
            await own.guard();
            await lab.command({ do: "upstream", address: `127.0.0.1:${server.http.port}` });
            page = await own.browser.newPage();
            if (kind === "chromium") {
                const session = await own.browser.target().createCDPSession();
                await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder });
            }
        });
        after(async () => {
            await own?.close();
            lab?.stop();
            server?.stop();
            removeFolder(folder);
        });
        const seen = () => page.evaluate(() => seen);

        test("its frames, workers, streams and pictures of the camera are there, and nothing is covered after it has loaded", async () => {
            await go(page, `${lab.home}/`);
            await until(async () => (await where(page)) === `${lab.home}/`, { why: "arriving" });
            await until(async () => (await seen()).messages.length === 3, { why: "what the page brings" });
            await until(() => page.evaluate(() => document.querySelector("#camera").naturalWidth === 1), { why: "the camera's picture" });
            await until(async () => (await seen()).events > 3, { why: "events of the stream" });
            const { messages, veils } = await seen();
            assert.deepEqual([...messages].sort(), ["inner", "srcdoc", "worker"]);
            assert.equal(veils, 0);
            assert.equal(await page.evaluate(() => document.querySelector("doorlight-veil")), null);
        });

        test("the streams go on over a check that is made again", async () => {
            const before = { events: (await seen()).events, frames };
            // By itself, as when its time is nearly over: the gate stays open meanwhile.
            assert.equal((await own.ask({ ask: "enter", url: `${lab.home}/` })).is_open, true);
            assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "trusted");
            await until(async () => (await seen()).events > before.events + 5 && frames > before.frames + 5, { why: "more of both" });
            assert.equal(await where(page), `${lab.home}/`);
            const inner = await page.evaluate(() => fetch("/data").then((answer) => answer.text()));
            assert.equal(inner, "worker");
        });

        test("downloads arrive, and the page stays", async () => {
            const files = () => readdirSync(folder).filter((name) => /^(backup|signed)\.tar$/.test(name) && readFileSync(join(folder, name)).equals(BACKUP));
            for (const [id, name] of [["#backup", "backup.tar"], ["#signed", "signed.tar"]]) {
                await page.evaluate((id) => document.querySelector(id).click(), id);
                await until(() => files().includes(name), { why: `${name} in the folder` });
            }
            await sleep(300);
            assert.equal(await where(page), `${lab.home}/`);
        });
    });
}
