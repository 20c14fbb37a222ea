// Every page of the extension in every state it can be in, with the lab behind it: for pictures and for the accessibility checker.
import { go, isAtGate, sleep, until } from "./browser.mjs";

/** The popup as it is over a tab with this address. A popup that is opened as a tab would be about itself. */
async function popup(own, url) {
    const page = await own.browser.newPage();
    await page.evaluateOnNewDocument((url) => {
        if (globalThis.chrome?.tabs) chrome.tabs.query = async () => [{ url, active: true }];
    }, url);
    await page.setViewport({ width: 380, height: 620 });
    await go(page, `${own.base}/popup.html`);
    return page;
}

async function gate(own, url) {
    const page = await own.browser.newPage();
    await go(page, url);
    await until(() => isAtGate(page));
    return page;
}

/** Calls `show(name, page)` for each; the page is closed afterwards. Chromium only: Firefox's driver cannot open the popup. */
export async function everyState(lab, own, show) {
    const shown = async (name, page) => {
        await until(() => page.evaluate(() => !document.querySelector(".loading") && document.querySelector("h1, h2")), { why: name });
        await sleep(250);
        await show(name, page);
        await page.close();
    };
    const again = () => own.ask({ ask: "check-again", address: lab.address });
    const options = () => own.page("options.html");
    await own.guard({ pins: null, address: "other.example.org" }).catch(() => {});
    await own.ask({ ask: "unguard", address: "other.example.org" });

    await shown("setup-welcome", await own.page("setup.html"));
    await shown("popup-not-guarded", await popup(own, "https://www.example.org/"));

    await own.guard({ pins: null });
    await shown("setup-first-sight", await setup(own, lab));
    await shown("gate-first-sight", await gate(own, `${lab.home}/lovelace`));
    await shown("popup-attention", await popup(own, `${lab.home}/`));

    await own.ask({ ask: "import-pins", json: lab.pins });
    await again();
    await shown("popup-trusted", await popup(own, `${lab.home}/`));
    await shown("setup-self-test", await selfTest(own, lab));
    await shown("gate-plain-http", await gate(own, `http://${lab.host}:${lab.plain_port}/`));

    await lab.present("A5");
    await again();
    await shown("gate-danger", await gate(own, `${lab.home}/lovelace`));
    await shown("popup-danger", await popup(own, `${lab.home}/`));
    await lab.present("A16-markup");
    await again();
    await shown("gate-hostile", await gate(own, `${lab.home}/lovelace`));
    await own.ask({ ask: "except", address: lab.address, typed: lab.host, sha256: lab.sha256("A16-markup") });
    await shown("popup-exception", await popup(own, `${lab.home}/`));

    await lab.command({ do: "down" });
    await again();
    await shown("gate-unreachable", await gate(own, `${lab.home}/lovelace`));
    await shown("popup-unchecked", await popup(own, `${lab.home}/`));
    await lab.command({ do: "up" });
    await lab.present("good");
    await again();
    await shown("options", await options());
    await shown("passwords", await passwords(own));
    await confirmed(lab, own, { shown });
    await watched(lab, own, { shown, options });
}

/** The home itself: how it is asked, its check-up, a version that is not let through, and a stranger that it does not know. */
async function confirmed(lab, own, { shown }) {
    const checkUp = async () => {
        const page = await own.page(`home.html#${lab.address}`);
        await until(() => page.evaluate(() => document.querySelector(".home-form")), { why: "the check-up" });
        return page;
    };
    await shown("home-first", await checkUp());
    const set = { ask: "set-home", address: lab.address, local: `http://127.0.0.1:${lab.home_assistant_port}` };
    await own.ask({ ...set, token: lab.home_assistant_token });
    await shown("home-check-up", await checkUp());
    await shown("popup-home", await popup(own, `${lab.home}/`));

    await lab.present("A5");
    await own.ask({ ask: "check-again", address: lab.address });
    await shown("gate-home-says-no", await gate(own, `${lab.home}/lovelace`));
    await lab.present("good");

    await lab.command({ do: "home-assistant", version: "2021.1.4" });
    await own.ask({ ask: "ask-home", address: lab.address });
    await shown("home-blocked", await checkUp());
    await shown("gate-version", await gate(own, `${lab.home}/lovelace`));
    await lab.command({ do: "home-assistant", version: "2026.11.1" });
    await own.ask({ ask: "ask-home", address: lab.address });
    await lab.command({ do: "home-assistant", tokens: {} });
    await own.ask({ ask: "ask-home", address: lab.address });
    await shown("home-token-refused", await checkUp());
    await shown("popup-home-token-refused", await popup(own, `${lab.home}/`));
    await lab.command({ do: "home-assistant", tokens: { [lab.home_assistant_token]: {} } });
    await own.ask({ ...set, token: lab.home_assistant_token });
    await own.ask({ ...set, local: `https://127.0.0.1:${lab.port}` });
    await shown("home-https", await checkUp());
    await own.ask({ ask: "forget-home", address: lab.address });
}

/** Logs and monitors: offered, asked, all yours; then somebody else gets a certificate for the name. */
async function watched(lab, own, { shown, options }) {
    const offer = await selfTest(own, lab);
    await offer.evaluate(() => [...document.querySelectorAll("main .button")].at(-1).click());
    await until(() => offer.evaluate(() => document.querySelector(".learns")), { why: "the watch is offered" });
    await shown("setup-watch", offer);

    const { settings } = await own.ask({ ask: "overview" });
    const consent = (is) => own.ask({ ask: "consent", address: lab.address, consent: { logs: is, cert_spotter: is, crt_sh: is } });
    await own.ask({ ask: "change", settings: { ...settings, ...lab.monitors } });
    await consent(true);
    const audit = async () => {
        await own.ask({ ask: "audit", address: lab.address });
        await own.ask({ ask: "check-again", address: lab.address });
    };
    const everything = async () => {
        const page = await options();
        await until(() => page.evaluate(() => document.querySelector(".doorlight-timeline")), { why: "the picture" });
        await page.evaluate(() => document.querySelectorAll(".watch details").forEach((one) => (one.open = true)));
        return page;
    };
    await audit();
    await shown("popup-watched", await popup(own, `${lab.home}/`));
    await shown("options-watched", await everything());

    await lab.command({ do: "issue", what: "unknown-other-ca" });
    await audit();
    await until(async () => (await own.status()).watch.alarms.length, { why: "the alarm" });
    await shown("popup-alarm", await popup(own, `${lab.home}/`));
    await shown("options-alarm", await everything());
    await consent(false);
    await own.ask({ ask: "change", settings });
    await lab.command({ do: "forget" });
}

/** One that is rated, and a new one. */
async function passwords(own) {
    const page = await own.page("passwords.html");
    await until(() => page.evaluate(() => Boolean(document.querySelector("#password"))), { why: "the passwords" });
    await page.focus("#password");
    await page.keyboard.type("hey<123");
    await page.evaluate(() => document.querySelector("#make ~ .row button").click());
    await until(() => page.evaluate(() => document.querySelector("#rating .card") && document.querySelector("#made code")), { why: "rated" });
    return page;
}

async function setup(own, lab) {
    const page = await own.page(`setup.html#${lab.address}`);
    await until(() => page.evaluate(() => document.querySelector("main button")));
    // The permission is there already, so the browser asks nothing.
    await page.evaluate(() => document.querySelector("main button").click());
    await until(() => page.evaluate(() => document.querySelector("main .certificate, main .steps-done")), { why: "the next step" });
    return page;
}

async function selfTest(own, lab) {
    const page = await setup(own, lab);
    await until(() => page.evaluate(() => document.querySelector(".steps-done") && document.querySelector("main .button")), { why: "the self-test's end" });
    return page;
}

