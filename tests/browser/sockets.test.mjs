// With the gate shut, a page of the home that is still open cannot open a WebSocket either. Chromium: there, rules hold it back, not a listener.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { KINDS, go, launch, until, where } from "./browser.mjs";

describe("WebSockets at the shut gate in chromium", { skip: !KINDS.includes("chromium") }, () => {
    let lab, own;
    before(async () => {
        lab = await startLab();
        own = await launch("chromium", lab);
        await own.guard();
    });
    after(async () => {
        await own?.close();
        lab?.stop();
    });

    test("they are refused at once, like everything else", async () => {
        const page = await own.browser.newPage();
        await go(page, `${lab.home}/frame`);
        await until(async () => (await where(page)) === `${lab.home}/frame`);
        const open = (patience) =>
            page.evaluate(
                (url, patience) =>
                    new Promise((done) => {
                        const socket = new WebSocket(url);
                        socket.onopen = () => done("open");
                        socket.onerror = () => done("refused");
                        setTimeout(() => done("on its way"), patience);
                    }),
                `wss://${lab.address}/api/websocket`,
                patience,
            );
        assert.equal(await open(30_000), "open");
        // Nobody answers, so the check goes on, and what gets through stays on its way.
        await lab.command({ do: "hang" });
        await own.expire();
        assert.equal(await open(3_000), "refused");
    });
});
