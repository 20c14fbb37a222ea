// What tests have on this machine: folders, processes that run in them, a screen with a keyboard.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { readFileSync, readdirSync, rmSync } from "node:fs";

/** Removes a folder. A browser that has ended may have children that write on for a moment. */
export const removeFolder = (folder) => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

export const processes = () => readdirSync("/proc").filter((id) => /^\d+$/.test(id));

/** A file of a process; empty where it has ended. */
export const proc = (id, name) => {
    try {
        return readFileSync(`/proc/${id}/${name}`, "utf8");
    } catch {
        return "";
    }
};

/** The folders of the browsers that were started and not yet ended. */
export const running = new Set();

/** Ends every browser that runs. */
export function endBrowsers() {
    for (const folder of running) endBrowser(folder);
    running.clear();
}

/** Ends whatever runs on a profile. */
export function endBrowser(profile) {
    for (const id of processes().filter((id) => proc(id, "cmdline").includes(profile))) {
        try {
            process.kill(Number(id), "SIGKILL");
        } catch {
            // It has ended by itself.
        }
    }
}

/** A screen for whatever is started from now on in a window. */
export async function startScreen() {
    // It takes a number that is free, and says which once it is up.
    const screen = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x900x24"], { stdio: ["ignore", "ignore", "inherit", "pipe"] });
    const [number] = await once(createInterface({ input: screen.stdio[3] }), "line", { signal: AbortSignal.timeout(60_000) });
    process.env.DISPLAY = `:${number}`;
    return {
        stop() {
            delete process.env.DISPLAY;
            screen.kill();
        },
    };
}

/** Keys for whatever has the keyboard on that screen. */
export const press = (...keys) => execFileSync("xdotool", ["key", "--delay", "120", ...keys]);
