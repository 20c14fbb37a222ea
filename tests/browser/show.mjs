// Shows the extension on the lab's home: in a window where there is a display, else as pictures in target/show.
import { mkdirSync } from "node:fs";
import { startLab } from "./lab.mjs";
import { go, isAtGate, launch, sleep, until, where } from "./browser.mjs";

const lab = await startLab();
const hasDisplay = Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
const own = await launch("chromium", lab, { isVisible: hasDisplay });
try {
    await own.guard();
    const page = await own.browser.newPage();
    await go(page, `${lab.home}/auth/authorize`);
    await until(async () => (await where(page)).startsWith(lab.home));
    if (hasDisplay) {
        console.log(`The lab's home is open: ${lab.home}. Press Enter to let an attacker answer in its place.`);
        await new Promise((resolve) => process.stdin.once("data", resolve));
    }
    const folder = "target/show";
    mkdirSync(folder, { recursive: true });
    if (!hasDisplay) {
        await page.screenshot({ path: `${folder}/good.png` });
        console.log(`There is no display here. The good home: ${folder}/good.png`);
    }
    await lab.present("A5");
    await own.ask({ ask: "check-again", address: lab.address });
    await until(() => isAtGate(page));
    await until(() => page.evaluate(() => !document.querySelector(".loading") && document.querySelector("main h1")));
    // The page fades in.
    await sleep(700);
    const { report } = await own.status();
    console.log(`An attacker with a certificate of the same public authority: ${report.verdict}, by ${report.decided_by.join(", ")}.`);
    if (hasDisplay) {
        console.log("Close the window to end.");
        await new Promise((resolve) => own.browser.once("disconnected", resolve));
    } else {
        await page.screenshot({ path: `${folder}/bad.png`, fullPage: true });
        console.log(`The same address, stopped before the page: ${folder}/bad.png`);
    }
} finally {
    await own.close();
    lab.stop();
}
