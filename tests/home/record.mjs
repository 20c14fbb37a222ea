// Asks a real Home Assistant and writes down its frames, as they are but for what differs each time: see `record`.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { Connection, HomeAssistant, versionOf } from "../browser/home_assistant.mjs";

const HELD = {
    remote_domain: "a1b2c3d4.ui.nabu.test",
    remote_connected: true,
    remote_certificate_status: "ready",
    remote_certificate: {
        common_name: "a1b2c3d4.ui.nabu.test",
        expire_date: "2027-02-03T04:05:06+00:00",
        fingerprint: "00112233445566778899aabbccddeeff01234567",
        alternative_names: ["a1b2c3d4.ui.nabu.test", "home.example.org"],
    },
};
const NO_CERTIFICATE = { ...HELD, remote_connected: false, remote_certificate_status: "generating", remote_certificate: null };

const home = await HomeAssistant.start();
const version = await versionOf(home.url);
const file = new URL(`recorded/${version}.json`, import.meta.url);
// What the double is to be told before (`cloud`, `user`), whom the connection is passed on for (`from`), what is said as the first message (`auth`) and after
// it (`sent`), the real answer to the last, and whether the home counts a failed login.
const exchanges = [];
try {
    const user = await home.addUser();
    const owner = home.owner;
    const ids = { [user.id]: "d0".repeat(16), [owner.id]: "0e".repeat(16) };
    const scrubbed = (text) => Object.entries(ids).reduce((text, [id, other]) => text.replaceAll(id, other), text);
    const described = ({ id, name, secret }) => ({
        id: ids[id],
        name,
        is_owner: id === owner.id,
        is_admin: id === owner.id,
        local_only: id !== owner.id,
        two_factor: Boolean(secret),
    });

    let failed = 0;
    /** `auth`: what is said first; where it is the token, "token". `sent`: what is said after it, texts as they are. */
    const exchange = async (name, { auth = null, sent = [], cloud = "logged-out", as = user, from = null } = {}) => {
        if (cloud !== "absent") home.cloud(cloud === "logged-out" ? null : cloud);
        const connection = await Connection.open(home.url, from ? { headers: { "x-forwarded-for": from } } : {});
        let answer = await connection.next();
        if (auth) {
            connection.send(auth === "token" ? { type: "auth", access_token: as.token } : auth);
            answer = await connection.next();
        }
        for (const message of sent) {
            connection.send(message);
            answer = await connection.next();
        }
        // What it does with the connection after a refusal.
        const isRefused = JSON.parse(answer).type === "auth_invalid";
        const isClosed = isRefused ? await connection.next().catch(() => true) : connection.closed;
        connection.close();
        // A message of another form is no login.
        const isFailedLogin = isRefused && (auth === "token" || auth.type === "auth");
        if (isRefused) await home.expectFailedLogins((failed += Number(isFailedLogin)));
        exchanges.push({ name, cloud, user: described(as), from, auth, sent, answer: scrubbed(answer), is_closed: isClosed, is_failed_login: isFailedLogin });
    };

    await exchange("auth_required");
    await exchange("auth_ok", { auth: "token" });
    await exchange("auth_invalid", { auth: { type: "auth", access_token: "wrong" } });
    await exchange("auth_invalid for a message of another form", { auth: { type: "cloud/status", id: 1 } });

    // The tests' configuration trusts who passes connections on from loopback.
    await exchange("a token for the local network only, from there", { auth: "token", from: "192.168.1.7" });
    await exchange("a token for the local network only, from the internet", { auth: "token", from: "203.0.113.7" });
    await exchange("another token, from the internet", { auth: "token", as: owner, from: "203.0.113.7" });

    const status = [{ id: 1, type: "cloud/status" }];
    await exchange("cloud/status, logged out", { auth: "token", sent: status });
    await exchange("cloud/status, logged in", { auth: "token", sent: status, cloud: HELD });
    await exchange("cloud/status, logged in, no certificate yet", { auth: "token", sent: status, cloud: NO_CERTIFICATE });
    await exchange("cloud/status, asked by the owner", { auth: "token", sent: status, cloud: HELD, as: owner });

    const who = [{ id: 7, type: "auth/current_user" }];
    for (const as of [user, owner]) {
        const name = as === owner ? "the owner" : "a user of the least privilege";
        await exchange(`auth/current_user, ${name}`, { auth: "token", sent: who, as });
        await home.setTwoFactor(as, true);
        await exchange(`auth/current_user, ${name}, with two-factor authentication`, { auth: "token", sent: who, as });
        await home.setTwoFactor(as, false);
    }

    await exchange("ping", { auth: "token", sent: [{ id: 1, type: "ping" }] });
    await exchange("unknown_command", { auth: "token", sent: [{ id: 1, type: "doorlight/nothing" }] });
    await exchange("an unknown command does not use its number up", {
        auth: "token",
        sent: [{ id: 1, type: "doorlight/nothing" }, ...status],
    });
    await exchange("id_reuse", { auth: "token", sent: [...status, ...status] });
    await exchange("invalid_format, no number", { auth: "token", sent: [{ type: "cloud/status" }] });
    await exchange("invalid_format, more than is asked for", { auth: "token", sent: [{ id: 1, type: "cloud/status", more: 1 }] });

    const unauthorized = await fetch(`${home.url}/api/config`);
    const http = { path: "/api/config", status: unauthorized.status, body: await unauthorized.text() };
    await home.expectFailedLogins(++failed);

    await home.down();
    await home.up({ hasCloud: false });
    await exchange("cloud/status, without the integration", { auth: "token", sent: status, cloud: "absent" });

    assert.deepEqual(home.bans(), []);
    const text = JSON.stringify({ exchanges, http }, null, 4) + "\n";
    for (const secret of [user.token, owner.token, user.id, owner.id, user.password, owner.password]) assert.ok(!text.includes(secret));
    if (process.argv[2] === "--check") {
        assert.equal(text, readFileSync(file, "utf8"), `what Home Assistant ${version} answers is not what was written down`);
        console.log(`${exchanges.length} answers of Home Assistant ${version} are as they were written down`);
    } else {
        writeFileSync(file, text);
        console.log(`${exchanges.length} answers of Home Assistant ${version} written down`);
    }
} finally {
    await home.stop();
}
