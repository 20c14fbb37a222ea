// The battery's tables in docs/threat-model.md, between two marks. A cell has a sign for each
// browser: Chromium's, then Firefox's.
import { readFileSync, writeFileSync } from "node:fs";
import { WHO } from "./battery-sites.mjs";

const FILE = new URL("../../docs/threat-model.md", import.meta.url);
const [BEGIN, END] = ["<!-- battery: made by ./build.sh battery -->", "<!-- battery: end -->"];
const PLACE = { chromium: 0, firefox: 1 };
export const HELD = "=", NOT_ASKED = "·", ARRIVES = "!";

const SHORT = { "cross-http": "http", "cross-https": "https", "sub-http": "sub http", "sub-https": "sub https", like: "ID", sandboxed: "sandbox", data: "data", blank: "blank", blob: "blob", home: "home", "cross-worker": "SW", "sub-worker": "sub SW", "like-worker": "ID SW", "home-worker": "home SW", browser: "user" };
const COLUMNS = Object.keys(WHO);

const row = (cells) => `| ${cells.join(" | ")} |`;
/** The rows of the table whose head begins so, by their first cell. */
function rowsOf(text, first) {
    const lines = text.split("\n");
    const start = lines.findIndex((line) => line.startsWith(`| ${first} |`));
    const rows = {};
    for (let n = start + 2; start >= 0 && lines[n]?.startsWith("|"); n++) {
        const [name, ...cells] = lines[n].slice(2, -2).split(" | ");
        // Ways that differ in nothing share a row.
        for (const one of name.replaceAll("`", "").split(" ")) rows[first === "way" ? one : name] = cells;
    }
    return rows;
}

function block() {
    const [before, rest] = readFileSync(FILE, "utf8").split(BEGIN);
    const [inside, after] = rest?.split(END) ?? [];
    if (after === undefined) throw new Error("docs/threat-model.md has no place for the battery's tables");
    return { before, inside, after };
}

/** The signs that a browser has in the table: by cell, as `who.way`. */
export function signsOf(kind) {
    const signs = {};
    for (const [way, cells] of Object.entries(rowsOf(block().inside, "way"))) {
        COLUMNS.forEach((who, n) => (signs[`${who}.${way}`] = [...(cells[n] ?? "")][PLACE[kind]] ?? NOT_ASKED));
    }
    return signs;
}

/** Writes what a browser did: `signs` by cell, `states` with their figures, and the lists of `notes`. What the other browser did stays. */
export function write(kind, ways, signs, states, notes) {
    const { before, inside, after } = block();
    const old = rowsOf(inside, "way");
    const counts = rowsOf(inside, "state");
    const both = (previous, sign) => {
        const pair = [...(previous ?? "").padEnd(2, NOT_ASKED)];
        pair[PLACE[kind]] = sign;
        return pair.join("");
    };
    const empty = (cell) => (cell === NOT_ASKED.repeat(2) ? "" : cell);
    const alike = new Map();
    for (const way of ways) {
        const cells = COLUMNS.map((who, n) => empty(both(old[way]?.[n], signs[`${who}.${way}`] ?? NOT_ASKED)));
        alike.set(row(cells), [...(alike.get(row(cells)) ?? []), `\`${way}\``]);
    }
    const table = [...alike].map(([cells, names]) => `| ${names.join(" ")} ${cells}`);
    // A state may be one browser's alone.
    const figures = [...new Set([...Object.keys(counts), ...Object.keys(states)])].map((state) => {
        const cells = [...(counts[state] ?? ["", ""])];
        cells[PLACE[kind]] = states[state] ?? cells[PLACE[kind]];
        return row([state, ...cells]);
    });
    const made = [
        `\`${HELD}\` held, \`${ARRIVES}\` arrives (named below), \`${NOT_ASKED}\` not asked by this browser; Chromium's sign first, then Firefox's; an empty cell is asked by neither. Columns: ${COLUMNS.map((who) => `*${SHORT[who]}* ${WHO[who]}`).join(", ")}.`,
        "",
        row(["state", "Chromium", "Firefox"]),
        row(["---", "---", "---"]),
        ...figures,
        "",
        ...notes,
        "",
        "<details><summary>Every cell</summary>",
        "",
        row(["way", ...COLUMNS.map((who) => SHORT[who])]),
        row(["---", ...COLUMNS.map(() => "---")]),
        ...table,
        "",
        "</details>",
    ];
    writeFileSync(FILE, `${before}${BEGIN}\n${made.join("\n")}\n${END}${after}`);
}
