// The real frontend, with its service worker, through the gate.
import { after, before, describe, test } from "../browser/trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "../browser/lab.mjs";
import { HomeAssistant, logInOn, whoIsIn } from "../browser/home_assistant.mjs";
import { assertOnlyProbes } from "../browser/asserts.mjs";
import { KINDS, go, isAtGate, launch, leave, sleep, until, where } from "../browser/browser.mjs";

for (const kind of KINDS) {
    describe(`the real frontend in ${kind}`, () => {
        let lab, home, own, page;
        before(async () => {
            lab = await startLab();
            home = await HomeAssistant.start();
            await lab.command({ do: "upstream", address: home.upstream });
            own = await launch(kind, lab);
            await own.guard();
            page = await own.browser.newPage();
        });
        after(async () => {
            await own?.close();
            await home?.stop();
            lab?.stop();
        });
        const isServed = () => page.evaluate(() => Boolean(navigator.serviceWorker.controller));

        test("logs in through the gate, after a bare probe", async () => {
            await own.expire();
            await lab.clear();
            await go(page, `${lab.home}/`);
            await until(async () => (await where(page)).includes("/auth/authorize"), { within: 30_000, why: "the login page" });
            await logInOn(page, home.owner);
            assert.equal(await whoIsIn(page), home.owner.name);
            const requests = await lab.requests();
            assertOnlyProbes([requests[0]]);
            assert.ok(requests.some(({ method, target }) => method === "POST" && target.startsWith("/auth/login_flow/")));
            assert.equal((await own.status()).light, "trusted");
        });

        test("logs in with a second factor", async () => {
            await home.setTwoFactor(home.owner, true);
            await page.evaluate(() => localStorage.removeItem("hassTokens"));
            await go(page, `${lab.home}/`);
            await until(async () => (await where(page)).includes("/auth/authorize"), { within: 30_000, why: "the login page" });
            await logInOn(page, home.owner);
            assert.equal(await whoIsIn(page), home.owner.name);
            await home.setTwoFactor(home.owner, false);
        });

        test("on the second visit, out of the worker, it is in again after a new check", async () => {
            const isActive = () => page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).some(({ active }) => active?.state === "activated"));
            await until(isActive, { within: 60_000, why: "the worker is there" });
            await leave(page);
            await own.expire();
            await lab.clear();
            await go(page, `${lab.home}/lovelace/0`);
            assert.equal(await whoIsIn(page), home.owner.name);
            assert.ok(await isServed());
            await until(() => page.evaluate(() => !document.querySelector("doorlight-veil")), { why: "uncovered" });
            assertOnlyProbes([(await lab.requests())[0]]);
            assert.equal((await own.status()).light, "trusted");
        });

        test("out of the worker with somebody in between, it stays behind the gate", async () => {
            await leave(page);
            await lab.present("A5");
            await own.expire();
            await lab.clear();
            await go(page, `${lab.home}/lovelace/0`);
            await until(() => isAtGate(page), { why: "the gate" });
            await sleep(500);
            assertOnlyProbes(await lab.requests());
            assert.equal((await own.status()).light, "danger");
        });
    });
}
