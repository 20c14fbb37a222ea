// On paper: what can be printed holds everything that a reader would unfold on the screen, and nothing to press.
import { test } from "./trial.mjs";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serve } from "../../tools/serve.mjs";
import { startLab } from "./lab.mjs";
import { KINDS, launch, until } from "./browser.mjs";
import { openBrowser, openPage } from "./web.mjs";

/** What of a page comes out on paper, as far as its style sheets decide that. Chromium shows it on the screen; Firefox's driver can only print. */
async function assertPrints(kind, page, { wanted, name }) {
    const pdf = Buffer.from(await page.pdf({ format: "A4", printBackground: true }));
    if (process.env.DOORLIGHT_PRINTS) writeFileSync(join(process.env.DOORLIGHT_PRINTS, `${name}-${kind}.pdf`), pdf);
    assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
    if (kind !== "chromium") return;
    await page.setViewport({ width: 794, height: 1123 });
    await page.emulateMediaType("print");
    const seen = await page.evaluate(() => {
        const visible = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        let text = "";
        while (texts.nextNode()) if (texts.currentNode.parentElement.checkVisibility()) text += ` ${texts.currentNode.data}`;
        return {
            text: text.replaceAll(/\s+/g, " "),
            pressed: visible("button, input, select, textarea").map((one) => one.outerHTML.slice(0, 80)),
            overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        };
    });
    await page.emulateMediaType(null);
    assert.deepEqual(seen.pressed, []);
    assert.ok(seen.overflow <= 0, `${seen.overflow} pixels beside the paper`);
    for (const one of wanted) assert.ok(seen.text.includes(one), `${one} in: ${seen.text}`);
}

for (const kind of KINDS) {
    test(`the check-up on paper, in ${kind}`, async () => {
        const lab = await startLab();
        const own = await launch(kind, lab, { hasWatch: true });
        try {
            await own.guard({ pins: null });
            await own.ask({
                ask: "set-home",
                address: lab.address,
                local: `http://127.0.0.1:${lab.home_assistant_port}`,
                token: lab.home_assistant_token,
                keeps_token: false,
            });
            const { home } = await own.status();
            const page = await own.page(`home.html#${lab.address}`);
            await until(() => page.evaluate(() => Boolean(document.querySelector(".check-up"))));
            const { title, link, ids } = home.check_up.advisories[0];
            assert.ok(link && ids.length);
            // Folded on the screen.
            assert.equal(await page.evaluate((title) => [...document.querySelectorAll(".advisories span")].some((one) => one.innerText === title && one.checkVisibility()), title), false);
            const wanted = [title, ids[0], lab.host, "Your home told which certificate it holds", "Multi-factor"];
            await assertPrints(kind, page, { wanted, name: "check-up" });
        } finally {
            await own.close();
            lab.stop();
        }
    });

    test(`a judgement of the web page on paper, in ${kind}`, async () => {
        const lab = await startLab();
        const server = await serve(process.env.DOORLIGHT_WWW);
        const own = await openBrowser(kind);
        try {
            const it = await openPage(own, server.base);
            await it.ready();
            await it.click("#sample-between");
            await it.settled();
            const report = await it.report();
            const wanted = ["Danger", report.certificate.sha256.match(/.{4}/g).join(" "), report.decided_by[0], "code"];
            await assertPrints(kind, it.tab, { wanted, name: "judgement" });
        } finally {
            await own.close();
            await server.stop();
            lab.stop();
        }
    });
}
