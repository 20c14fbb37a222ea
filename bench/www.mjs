// What the web page costs: bytes of a first visit, time until it can be used, time to judge a pasted chain; in each browser.
// Wants DOORLIGHT_WWW (the folder that tools/www made). ROUNDS=… for more or fewer. A missed aim is printed, and is no failure.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadavg } from "node:os";
import { brotliCompressSync, constants } from "node:zlib";
import { KINDS, sleep, until } from "../tests/browser/browser.mjs";
import { openBrowser, openPage } from "../tests/browser/web.mjs";
import { serve } from "../tools/serve.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 15);
const SITE = process.env.DOORLIGHT_WWW;
const AIMS = { bytes: 300 * 1024, ready: 300, judged: 20 };

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const brotli = (name) =>
    brotliCompressSync(readFileSync(join(SITE, name)), { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length;
const against = (value, aim, unit) => `${unit === "ms" ? value.toFixed(1) : value} ${unit} (aim ${aim}${value > aim ? ", MISSED" : ""})`;

/** From the start of the navigation to the moment at which the page can be used, as the page itself sees it. */
const ready = (tab) =>
    until(() => tab.evaluate(() => performance.getEntriesByName("doorlight-ready")[0]?.startTime), { every: 5, why: "the page" });

/** From the paste to the result, painted. */
const judge = (tab, pem) =>
    tab.evaluate(async (pem) => {
        const result = document.querySelector("#result");
        const before = result.firstElementChild;
        document.querySelector("#given").value = pem;
        const button = [...document.querySelectorAll(".input button")][0];
        const start = performance.now();
        await new Promise((done) => {
            new MutationObserver((_, observer) => {
                if (result.firstElementChild && result.firstElementChild !== before) {
                    observer.disconnect();
                    done();
                }
            }).observe(result, { childList: true });
            button.click();
        });
        return performance.now() - start;
    }, pem);

const sample = readFileSync(new URL("../www/samples/good.pem", import.meta.url), "utf8");
for (const kind of KINDS) {
    const readies = [];
    const again = [];
    const judged = [];
    let bytes = 0;
    let files = 0;
    for (let round = 0; round < ROUNDS; round++) {
        // A new profile each: nothing is kept, no service worker is there.
        const server = await serve(SITE);
        const own = await openBrowser(kind);
        try {
            const first = await openPage(own, "about:blank", { waits: false });
            await first.tab.goto(server.base);
            readies.push(await ready(first.tab));
            await until(() => first.tab.evaluate(() => document.querySelector("#offline").textContent), { within: 30_000 });
            // The service worker fetches the same files once more to keep them; each counts once.
            const names = new Set(server.requests.map(({ target }) => (target === "/" ? "index.html" : target.slice(1))).filter((name) => name !== "favicon.ico"));
            files = names.size;
            bytes = [...names].map(brotli).reduce((a, b) => a + b, 0);
            for (let n = 0; n < 5; n++) judged.push(await judge(first.tab, sample));
            const second = await openPage(own, server.base);
            again.push(await ready(second.tab));
        } finally {
            await own.close();
            await server.stop();
        }
        await sleep(50);
    }
    // The first of each round compiles what it uses.
    const warm = judged.filter((_, n) => n % 5 > 0);
    const cold = judged.filter((_, n) => n % 5 === 0);
    console.log(`${kind} (${ROUNDS} rounds, load ${loadavg()[0].toFixed(1)})`);
    console.log(`  first visit, ${files} files in brotli   ${against(bytes, AIMS.bytes, "bytes")}`);
    console.log(`  usable after                      ${against(median(readies), AIMS.ready, "ms")}, again ${median(again).toFixed(1)} ms`);
    console.log(`  a pasted chain judged and shown   ${against(median(warm), AIMS.judged, "ms")}, the first one ${median(cold).toFixed(1)} ms`);
}
