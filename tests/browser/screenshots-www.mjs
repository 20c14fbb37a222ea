// screenshots-www.mjs FOLDER: pictures of the web page in every state, light and dark, and at 320 pixels.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { serve } from "../../tools/serve.mjs";
import { startLab } from "./lab.mjs";
import { everyStateOfTheWebPage } from "./stage-www.mjs";
import { openBrowser, openPage } from "./web.mjs";

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
const lab = await startLab();
const server = await serve(process.env.DOORLIGHT_WWW);
const own = await openBrowser("chromium");
try {
    const it = await openPage(own, server.base);
    await everyStateOfTheWebPage(lab, it, async (name) => {
        await it.tab.evaluate(() => (document.querySelector("#said").textContent = ""));
        for (const [suffix, width, scheme] of [["light", 820, "light"], ["dark", 820, "dark"], ["narrow", 320, "light"]]) {
            await it.tab.setViewport({ width, height: 400 });
            await it.tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
            // Down to the end of the result: what follows is the same in all, and in the first.
            const height = await it.tab.evaluate(() => {
                const end = document.querySelector("#result > :last-child")?.getBoundingClientRect().bottom;
                return Math.ceil(end ? end + scrollY + 24 : document.documentElement.scrollHeight);
            });
            await it.tab.screenshot({ path: join(folder, `${name}-${suffix}.png`), captureBeyondViewport: true, clip: { x: 0, y: 0, width, height } });
        }
        console.log(name);
    });
} finally {
    await own.close();
    await server.stop();
    lab.stop();
}
