// tools/pages.mjs TEMPLATE FOLDER: the extension's pages, all of one template. What a page has of its own stands here.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [template, folder] = process.argv.slice(2);
const english = JSON.parse(readFileSync(join(folder, "_locales/en/messages.json"), "utf8"));

const loading = `<main id="page" class="loading">
<p data-word="loading">One moment…</p>
</main>`;
const module = (name) => `<script type="module" src="${name}"></script>\n`;
const plain = (title) => ({ title, first: "", scripts: module("page.js"), main: loading });

const pages = {
    popup: plain("popup_page"),
    home: plain("home_page"),
    options: plain("options_page"),
    setup: plain("setup_page"),
    gate: {
        title: "gate_page",
        first: `<!-- Before everything that has to be fetched: most visits go on at once. -->
<script src="gate.js"></script>
`,
        scripts: "",
        main: `<main id="page" class="gate checking">
<div class="head">
<img class="sign" src="icons/unchecked.svg" alt="">
<div>
<p class="whose"><bdi class="host" id="checking-host"></bdi></p>
<h1 data-word="checking_title">Checking before anything is sent…</h1>
</div>
</div>
</main>`,
    },
    passwords: {
        title: "passwords_page",
        first: `<!-- On top of the extension's own policy: this page can ask no server for anything. -->
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
`,
        scripts: module("passwords.js"),
        main: loading,
    },
};

const empty = readFileSync(template, "utf8");
for (const [page, { title, first, scripts, main }] of Object.entries(pages)) {
    const slots = { page, title, words: english[title].message, first, scripts, main };
    const filled = empty.replaceAll(/\{\{(\w+)\}\}\n?/g, (slot, name) => {
        if (!(name in slots)) throw new Error(`${template} has no slot for ${name}`);
        // A line that is a slot alone ends as its own content does.
        return slots[name] + (slot.endsWith("\n") && !/\n$|^$/.test(slots[name]) ? "\n" : "");
    });
    writeFileSync(join(folder, `${page}.html`), filled);
}
