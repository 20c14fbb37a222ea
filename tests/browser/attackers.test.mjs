// Every attacker of the threat model who answers in the home's place, in real browsers with stock settings. The proof is the attacker's own log:
// nothing of the user's reached it, and there was never a field to type into.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { assertNothingOfTheUsers, assertOnlyProbes } from "./asserts.mjs";
import { KINDS, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";

const ATTACKERS = ["A1", "A1-root-sent", "A2", "A3", "A4", "A5", "A5-home-chain-behind", "A6-unknown", "A6-rejected", "A6-retired",
    "A9-name", "A9-expired", "A9-weak", "A9-malformed", "A9-no-key", "A16-markup", "A16-markup-issuer", "A16-invisible",
    "A16-many-names", "A16-long-chain", "proxy-hidden"];
/** The browser itself ends these before they show a certificate that could be judged. */
const MAY_BE_UNCHECKED = ["A9-malformed", "A9-no-key"];

for (const kind of KINDS) {
    describe(`attackers in ${kind}`, () => {
        let lab, own;
        before(async () => {
            lab = await startLab();
            own = await launch(kind, lab);
            await own.guard();
            // A login from before: there is something to lose.
            const page = await own.browser.newPage();
            await go(page, `${lab.home}/`);
            await until(async () => (await where(page)).startsWith(lab.home));
            await go(page, `${lab.home}/echo`);
            await until(async () => (await lab.requests()).some(({ headers }) => headers.cookie));
            await page.close();
        });
        after(async () => {
            await own?.close();
            lab?.stop();
        });

        for (const name of ATTACKERS) {
            test(`${name} gets nothing`, async () => {
                await lab.present(name);
                await own.expire();
                await lab.clear();
                const page = await own.browser.newPage();
                await go(page, `${lab.home}/auth/authorize?client=secret-query#secret-fragment`);
                await until(() => isAtGate(page), { why: "the gate page" });
                const expected = MAY_BE_UNCHECKED.includes(name) ? ["danger", "unchecked"] : ["danger"];
                await until(async () => expected.includes((await own.status()).light), { why: "the light" });
                assert.equal(await page.evaluate(() => document.querySelectorAll("input[type=password]").length), 0);
                const signs = { danger: "✕", unchecked: "?" };
                await until(
                    async () => {
                        const [{ badge }] = await own.action(`${own.base}/gate.html`);
                        return expected.some((light) => badge === signs[light]);
                    },
                    { why: "the sign in the toolbar" },
                );

                // A form on another site.
                const to = encodeURIComponent(`${lab.home}/echo`);
                await go(page, `${lab.elsewhere}/form?to=${to}`, { within: 1500 });
                await until(async () => (await where(page)).includes("/gate.html?post#"), { why: "the gate page, which knows that a form was lost" });
                assertOnlyProbes(await lab.requests());
                // A frame, a picture and a fetch on another site: no browser lets them be held without permission for that site too.
                await lab.clear();
                await go(page, `${lab.elsewhere}/embed?to=${to}`, { within: 1500 });
                await sleep(300);
                assertNothingOfTheUsers(await lab.requests());
                await page.close();
                // A look that came to nothing, or was given up, leaves no rule that lets it pass.
                await until(async () => (await own.asker.evaluate(() => chrome.declarativeNetRequest.getSessionRules())).every(({ id }) => id < 1_000_000), {
                    why: "no probe's rule is left",
                });
            });
        }

        test("without a pin a proxy gets nothing either", async () => {
            const lab = await startLab();
            await lab.present("A1");
            const own = await launch(kind, lab);
            try {
                assert.equal((await own.guard({ pins: null })).light, "danger");
                const page = await own.browser.newPage();
                await go(page, `${lab.home}/auth/authorize?client=secret#secret`);
                await until(() => isAtGate(page));
                assertOnlyProbes(await lab.requests());
            } finally {
                await own.close();
                lab.stop();
            }
        });
    });
}
