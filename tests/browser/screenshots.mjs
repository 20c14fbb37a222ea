// screenshots.mjs FOLDER: pictures of every page in every state, light and dark, and at 320 pixels.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startLab } from "./lab.mjs";
import { launch } from "./browser.mjs";
import { everyState } from "./stage.mjs";

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
const lab = await startLab();
const own = await launch("chromium", lab, { hasWatch: true });
try {
    await everyState(lab, own, async (name, page) => {
        const wide = name.startsWith("popup") ? 380 : 820;
        for (const [suffix, width, scheme] of [["light", wide, "light"], ["dark", wide, "dark"], ["narrow", 320, "light"]]) {
            await page.setViewport({ width, height: 400 });
            await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
            await page.screenshot({ path: join(folder, `${name}-${suffix}.png`), fullPage: true });
        }
        console.log(name);
    });
} finally {
    await own.close();
    lab.stop();
}
