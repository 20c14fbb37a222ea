// What tests have on this machine: folders, and processes that run in them.
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
