// The lab's home as a process: one JSON line per command, one per answer.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { X509Certificate, createHash } from "node:crypto";
import { removeFolder } from "./machine.mjs";

export async function startLab() {
    const folder = mkdtempSync(join(tmpdir(), "doorlight-lab-"));
    const child = spawn(process.env.DOORLIGHT_LAB, [folder], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const world = JSON.parse((await lines.next()).value);
    // One command at a time: the answers come in order.
    let turn = Promise.resolve();
    const command = (body) =>
        (turn = turn.then(async () => {
            child.stdin.write(JSON.stringify(body) + "\n");
            const answer = JSON.parse((await lines.next()).value);
            if (answer.error) throw new Error(answer.error);
            return answer;
        }));
    const file = (name) => readFileSync(join(folder, name), "utf8");
    return {
        ...world,
        folder,
        address: `${world.host}:${world.port}`,
        home: `https://${world.host}:${world.port}`,
        elsewhere: `http://${world.other_host}:${world.other_port}`,
        roots: file("roots.pem"),
        logList: file("log_list.json"),
        pins: file("pins.json"),
        trusted: readdirSync(join(folder, "trusted")).map((name) => join(folder, "trusted", name)),
        command,
        present: (name, more = {}) => command({ do: "present", name, ...more }),
        requests: async () => (await command({ do: "requests" })).requests,
        clear: () => command({ do: "clear" }),
        /** SHA-1 of a scenario's certificate, as Home Assistant shows it. */
        sha1: (name) =>
            createHash("sha1").update(new X509Certificate(file(`chains/${name}.pem`)).raw).digest("hex"),
        sha256: (name) =>
            createHash("sha256").update(new X509Certificate(file(`chains/${name}.pem`)).raw).digest("hex"),
        stop: () => {
            child.stdin.end();
            removeFolder(folder);
        },
    };
}
