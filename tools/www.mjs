// node www.mjs FOLDER: finishes the folder of the web page: fills in what the scripts have to know of it, makes the one file, and weighs a first visit.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

/** Brotli, in bytes: all that a first visit loads. Raise it only together with a reason in the commit. */
const LIMIT = 300 * 1024;

const folder = process.argv[2];
const read = (name) => readFileSync(join(folder, name), "utf8");
const write = (name, text) => writeFileSync(join(folder, name), text);
/** Puts `to` where `from` stands, once; a text that is not there is a mistake. */
function put(text, from, to) {
    if (text.split(from).length !== 2) throw new Error(`not once: ${from}`);
    return text.replace(from, () => to);
}
const hash = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest("base64");

const locales = readdirSync(join(folder, "_locales")).sort();
const line = (text, start) => text.split("\n").find((line) => line.startsWith(start));
let script = read("page.js");
script = put(script, line(script, "const LOCALES"), `const LOCALES = ${JSON.stringify(locales)};`);
write("page.js", script);
// Without the layout that is there for people.
for (const locale of locales) {
    const name = `_locales/${locale}/messages.json`;
    const all = JSON.parse(read(name));
    const lean = Object.entries(all).map(([key, { message, placeholders }]) => [key, { message, placeholders }]);
    write(name, JSON.stringify(Object.fromEntries(lean)));
}

// A first visit: the page and what it loads, in the reader's language alone where there are several.
const first = ["index.html", "page.css", "www.css", "page.js", "doorlight_www.js", "doorlight_www_bg.wasm", "manifest.webmanifest"];
const icons = readdirSync(join(folder, "icons")).map((name) => `icons/${name}`);
const words = locales.map((locale) => `_locales/${locale}/messages.json`);
// Without the module that asks logs and monitors: there is nobody to be asked without a network.
const kept = [...first, ...icons, ...words].filter((name) => name !== "index.html");
const version = hash(...[...kept, "index.html", "sw.js", "doorlight_deep_bg.wasm"].map((name) => readFileSync(join(folder, name)))).slice(0, 12).replace(/\W/g, "x");
let worker = read("sw.js");
worker = put(worker, line(worker, "const VERSION"), `const VERSION = "doorlight-${version}";`);
worker = put(worker, line(worker, "const FILES"), `const FILES = ${JSON.stringify(["./", ...kept])};`);
write("sw.js", worker);

// One file: what the page would load lies in it as data, and its scripts and styles count by their hashes.
const base64 = (name) => readFileSync(join(folder, name)).toString("base64");
const pictures = Object.fromEntries(icons.filter((name) => name.endsWith(".svg")).map((name) => [name, `data:image/svg+xml;base64,${base64(name)}`]));
const inside = { module: base64("doorlight_www_bg.wasm"), deep: base64("doorlight_deep_bg.wasm"), pictures, ...Object.fromEntries(words.map((name) => [name, read(name)])) };
const core = read("doorlight_www.js").replace(/^\/\/# sourceMapping.*$/m, "");
let one = put(script, 'await import("./doorlight_www.js")', "{ default: __wbg_init, show_page, warm_up, works_offline }");
// The second module has names of its own, so it stands in a function of its own.
const deep = read("doorlight_deep.js").replace(/^export \{.*$/gm, "").replace(/^export /gm, "");
one = put(one, 'await import("./doorlight_deep.js")', `(() => {\n${deep}\nreturn { default: __wbg_init, start, ask_monitor, ask_logs };\n})()`);
const code = `\n${core}\n${one}`;
const style = `\n${read("page.css")}\n${read("www.css")}`;
const policy =
    `default-src 'none'; script-src 'sha256-${hash(code)}' 'wasm-unsafe-eval'; style-src 'sha256-${hash(style)}'; img-src data:; ` +
    "connect-src https: http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types doorlight-drawing";
let page = read("index.html");
page = put(page, /content="default-src [^"]*"/.exec(page)[0], `content="${policy}"`);
page = page.replace(/^<link rel="(manifest|modulepreload)".*\n/gm, "");
page = put(page, '<link rel="stylesheet" href="page.css">\n<link rel="stylesheet" href="www.css">', `<style>${style}</style>`);
page = put(page, '<script type="module" src="page.js"></script>\n', "");
page = page.replaceAll(/(href|src)="(icons\/[^"]*)"/g, (_, name, icon) => `${name}="${pictures[icon]}"`);
// `<` in data would end the block where a word holds one; in JSON it can be written otherwise.
const data = JSON.stringify(inside).replaceAll("<", "\\u003c");
if (/<\/script|<!--/i.test(code)) throw new Error("the code would end its own block");
page = put(page, "</body>", "").trimEnd();
page = page.replace(/\n<\/html>$/, "");
write("doorlight.html", `${page}<script type="application/json" id="inside">${data}</script>\n<script type="module">${code}</script>\n</body>\n</html>\n`);

const english = [...first, "sw.js", ...icons, "_locales/en/messages.json"];
const weigh = (name) =>
    brotliCompressSync(readFileSync(join(folder, name)), { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length;
const total = english.map(weigh).reduce((a, b) => a + b);
console.log(`first visit: ${english.length} files, ${total} bytes in brotli (limit ${LIMIT}); doorlight.html: ${Buffer.byteLength(read("doorlight.html"))} bytes`);
if (total > LIMIT) {
    console.error("the web page has grown past the limit in tools/www.mjs");
    process.exit(1);
}
