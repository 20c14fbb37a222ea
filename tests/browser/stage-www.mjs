// The web page in every state it can be in, with the lab behind it: for pictures.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./browser.mjs";

/** Calls `show(name, page)` for each. */
export async function everyStateOfTheWebPage(lab, it, show) {
    const chain = (name) => readFileSync(join(lab.folder, "chains", `${name}.pem`), "utf8");
    const pins = lab.pins.replace(/:\d+"/, '"');
    await show("www-empty", it);
    for (const name of ["good", "renewed", "between"]) {
        await it.clear();
        await it.click(`#sample-${name}`);
        await it.settled();
        if (name !== "renewed") await show(`www-sample-${name}`, it);
    }
    await it.give("-----BEGIN CERTIFICATE-----\nMIIB");
    await show("www-error", it);

    await it.hears("Added: 2", () => it.choose(lab.roots, "roots.pem", "#own-roots input"));
    await it.hears("A list of your own", () => it.choose(lab.logList, "log_list.json", "#own-list input"));
    await it.fill("#cert-spotter", lab.monitors.cert_spotter);
    await it.fill("#crt-sh", lab.monitors.crt_sh);
    await it.give(chain("good"));
    await show("www-attention", it);
    await it.give(chain("proxy-hidden"));
    await show("www-unchecked", it);
    await it.give(chain("A16-markup"));
    await show("www-hostile", it);
    await it.fill("#given", pins);
    await it.hears("Pins taken over", () => it.press("Check"));
    await it.give(chain("A5"));
    await show("www-danger", it);
    await it.give(chain("good"));
    const report = JSON.parse(await it.save("Save the report"));
    await it.give(JSON.stringify({ ...report, pem: chain("good") }));
    await show("www-report", it);

    for (const name of ["ash", "birch", "cedar", "cert-spotter"]) {
        await lab.command({ do: "answer", where: name, with: { headers: { "access-control-allow-origin": "*" } } });
    }
    await it.give(chain("good"));
    await it.click("#ask-logs");
    await until(() => it.count("[id^=log-www]"), { within: 60_000 });
    await it.click("#ask-crt-sh");
    await until(async () => (await it.text("#found")).includes("crt.sh was asked"));
    await it.click("#ask-cert-spotter");
    await until(async () => (await it.text("#found")).includes("Cert Spotter was asked"));
    await show("www-trusted", it);
    await lab.command({ do: "issue", what: "unknown-other-ca" });
    await it.click("#ask-cert-spotter");
    await until(async () => (await it.light()) === "attention", { why: "somebody else's certificate" });
    await show("www-alarm", it);
    await it.give(lab.host);
    await show("www-name", it);
    await lab.command({ do: "heal" });
    await lab.command({ do: "forget" });
}
