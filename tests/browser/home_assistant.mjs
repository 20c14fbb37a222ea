// A real Home Assistant on loopback: `tests/home/install` has put it there, and DOORLIGHT_HOME_ASSISTANT is what it printed. Everything is done as its own frontend does it, over its API.
import { spawn } from "node:child_process";
import { createHmac, randomBytes, X509Certificate } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";
import { sleep, until } from "./browser.mjs";
import { removeFolder } from "./machine.mjs";

const HOME = fileURLToPath(new URL("../home/", import.meta.url));
const HASS = process.env.DOORLIGHT_HOME_ASSISTANT;

/** What Home Assistant writes to its log for every login that failed (`components/http/ban.py`). */
const FAILED_LOGIN = "Login attempt or request with invalid authentication from";

/** A port that nobody uses at the moment. */
const freePort = () =>
    new Promise((done, failed) => {
        const server = createServer().on("error", failed);
        server.listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => done(port));
        });
    });

/** The six digits of this half minute (RFC 6238). */
export function totp(secret, time = Date.now()) {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const bits = [...secret.replace(/[\s=]/g, "")].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
    const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
    const count = Buffer.alloc(8);
    count.writeBigUInt64BE(BigInt(Math.floor(time / 30_000)));
    const mac = createHmac("sha1", key).update(count).digest();
    const number = mac.readUInt32BE(mac[19] & 15) & 0x7fff_ffff;
    return String(number % 1_000_000).padStart(6, "0");
}

/**
 * What a logged-in cloud says of a certificate in PEM: what the home holds. For `HomeAssistant.cloud`, and for the lab's command `home-assistant`.
 */
export function holding(pem, more = {}) {
    const certificate = new X509Certificate(pem);
    const names = certificate.subjectAltName.split(", ").map((name) => name.replace(/^DNS:/, ""));
    return {
        remote_domain: names[0],
        remote_connected: true,
        remote_certificate_status: "ready",
        remote_certificate: {
            common_name: names[0],
            expire_date: new Date(certificate.validTo).toISOString().replace(".000Z", "+00:00"),
            fingerprint: certificate.fingerprint.replaceAll(":", "").toLowerCase(),
            alternative_names: names,
        },
        ...more,
    };
}

/** In a page: the first input of this name or type, also inside shadow roots. */
const findInput = (page, wanted) =>
    page.evaluateHandle((wanted) => {
        const find = (root) => {
            for (const element of root.querySelectorAll("*")) {
                if (element.tagName === "INPUT" && (element.name === wanted || element.type === wanted)) return element;
                const inside = element.shadowRoot && find(element.shadowRoot);
                if (inside) return inside;
            }
        };
        return find(document) ?? null;
    }, wanted);

/** Logs in on the real frontend's login page that a tab shows, and stays logged in. */
export async function logInOn(page, user) {
    const input = (wanted) =>
        until(async () => (await findInput(page, wanted)).asElement(), { within: 30_000, why: `the field ${wanted}` });
    const type = async (wanted, text) => {
        // The form is drawn anew while its parts arrive, and what was typed into the old field is gone.
        await until(
            async () => {
                const field = await input(wanted);
                await field.click({ count: 3 });
                await page.keyboard.type(text);
                return (await (await input(wanted)).evaluate(({ value }) => value)) === text;
            },
            { within: 30_000, why: `${wanted} is typed` },
        );
    };
    await type("username", user.username);
    await type("password", user.password);
    await (await input("checkbox")).evaluate((box) => box.checked || box.click());
    await page.keyboard.press("Enter");
    if (user.secret) {
        await type("code", totp(user.secret));
        await page.keyboard.press("Enter");
    }
}

/** The name of who is logged in on the frontend that a tab shows. */
export const whoIsIn = (page) =>
    until(() => page.evaluate(() => document.querySelector("home-assistant")?.hass?.user?.name), {
        within: 30_000,
        why: "the frontend is logged in",
    });

/** A WebSocket of Home Assistant: frames one after the other, as text. */
export class Connection {
    #socket;
    #frames = [];
    #waiting = [];
    #id = 0;
    closed = false;

    /** `options` are those of the package `ws`: `ca`, `servername`, `lookup`. */
    static async open(url, options = {}) {
        const connection = new Connection();
        connection.#socket = new WebSocket(`${url.replace(/^http/, "ws")}/api/websocket`, options);
        connection.#socket.on("message", (data) => {
            connection.#frames.push(data.toString());
            connection.#waiting.shift()?.();
        });
        connection.#socket.on("close", () => {
            connection.closed = true;
            connection.#waiting.forEach((wake) => wake());
        });
        await new Promise((done, failed) => connection.#socket.on("open", done).on("error", failed));
        return connection;
    }

    /** The next frame, exactly as it was sent. */
    async next() {
        while (!this.#frames.length) {
            if (this.closed) throw new Error("the connection ended");
            await new Promise((wake) => this.#waiting.push(wake));
        }
        return this.#frames.shift();
    }

    send(message) {
        this.#socket.send(typeof message === "string" ? message : JSON.stringify(message));
    }

    /** Says the token; returns the frames that come before and after it. */
    async authenticate(token) {
        const required = await this.next();
        this.send({ type: "auth", access_token: token });
        return [required, await this.next()];
    }

    /** A command; returns the whole frame that answers it. */
    async frame(type, more = {}) {
        const id = ++this.#id;
        this.send({ id, type, ...more });
        const frame = await this.next();
        if (JSON.parse(frame).id !== id) throw new Error(`not the answer to ${type}: ${frame}`);
        return frame;
    }

    /** A command; returns its result. */
    async ask(type, more = {}) {
        const { success, result, error } = JSON.parse(await this.frame(type, more));
        if (!success) throw new Error(`${type}: ${JSON.stringify(error)}`);
        return result;
    }

    close() {
        this.#socket.close();
    }
}

/** The version that a home says it is, to everybody. */
export async function versionOf(url) {
    const connection = await Connection.open(url);
    const { ha_version } = JSON.parse(await connection.next());
    connection.close();
    return ha_version;
}

export class HomeAssistant {
    folder = mkdtempSync(join(tmpdir(), "doorlight-home-"));
    /** `{id, name, username, password, token}`; `secret` too while two-factor authentication is on. */
    owner;
    #child;
    #output = "";

    /** Installed, started, with an owner. `hasCloud: false`: without the cloud's integration. */
    static async start({ hasCloud = true } = {}) {
        if (!HASS || !existsSync(HASS)) throw new Error("no Home Assistant: run tests/home/install, and name what it prints in DOORLIGHT_HOME_ASSISTANT");
        const home = new HomeAssistant();
        try {
            mkdirSync(join(home.folder, "custom_components"));
            cpSync(join(HOME, "cloud"), join(home.folder, "custom_components/cloud"), { recursive: true });
            // Of the first start's questions only the owner's account is left: the others would fetch integrations for the place one lives in.
            mkdirSync(join(home.folder, ".storage"));
            const done = ["core_config", "analytics", "integration"];
            const onboarding = { version: 4, minor_version: 1, key: "onboarding", data: { done } };
            writeFileSync(join(home.folder, ".storage/onboarding"), JSON.stringify(onboarding));
            home.port = await freePort();
            await home.up({ hasCloud });
            await home.#onboard();
            return home;
        } catch (error) {
            await home.stop();
            throw error;
        }
    }

    get #isRunning() {
        return Boolean(this.#child) && this.#child.exitCode === null && this.#child.signalCode === null;
    }

    /** Its local address. */
    get url() {
        return `http://127.0.0.1:${this.port}`;
    }

    /** For the lab's command `upstream`. */
    get upstream() {
        return `127.0.0.1:${this.port}`;
    }

    /** Starts again, on the same port and with the same accounts. Where it is up, there is nothing to do. */
    async up({ hasCloud = true } = {}) {
        if (this.#isRunning) return;
        const configuration = readFileSync(join(HOME, "configuration.yaml"), "utf8");
        writeFileSync(join(this.folder, "configuration.yaml"), configuration + (hasCloud ? "\ncloud:\n" : ""));
        // Python's sets come in another order at each start, unless they are told not to: what is written down would differ.
        const env = { ...process.env, DOORLIGHT_HOME_PORT: String(this.port), PYTHONHASHSEED: "0" };
        const child = spawn(HASS, ["--config", this.folder, "--skip-pip"], { env, stdio: ["ignore", "pipe", "pipe"] });
        this.#child = child;
        this.#output = "";
        for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (this.#output += data));
        this.#child.ended = new Promise((done) => child.on("exit", done));
        process.on("exit", () => child.kill("SIGKILL"));
        const isUp = async () => {
            if (child.exitCode !== null) return true;
            if (!this.owner) return (await fetch(`${this.url}/api/onboarding`)).ok;
            const connection = await this.connect(this.owner.token);
            const { state } = await connection.ask("get_config");
            connection.close();
            return state === "RUNNING";
        };
        await until(isUp, { within: 120_000, every: 200, why: "Home Assistant answers" }).catch((error) => {
            throw new Error(`${error.message}\n${this.#output}`);
        });
        if (child.exitCode !== null) throw new Error(`Home Assistant ended with ${child.exitCode}\n${this.#output}`);
    }

    /** Ends it; its accounts and its port stay for the next `up`. */
    async down() {
        const child = this.#child;
        if (!this.#isRunning) return;
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
        await child.ended;
        clearTimeout(timer);
    }

    async stop() {
        await this.down();
        removeFolder(this.folder);
    }

    async #post(path, body, url = this.url) {
        const isForm = body instanceof URLSearchParams;
        const headers = isForm ? {} : { "content-type": "application/json" };
        const answer = await fetch(url + path, { method: "POST", headers, body: isForm ? body : JSON.stringify(body) });
        if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
        return answer.json();
    }

    async #onboard() {
        const owner = { name: "Owner", username: "owner", password: randomBytes(12).toString("base64url") };
        const asked = { ...owner, client_id: `${this.url}/`, language: "en" };
        const { auth_code } = await this.#post("/api/onboarding/users", asked);
        this.owner = await this.#withToken(owner, await this.#accessToken(auth_code));
    }

    async #accessToken(code) {
        const form = new URLSearchParams({ grant_type: "authorization_code", code, client_id: `${this.url}/` });
        return (await this.#post("/auth/token", form)).access_token;
    }

    /** With a long-lived token, as one makes it on one's profile page. */
    async #withToken(user, access) {
        const connection = await this.connect(access);
        const { id } = await connection.ask("auth/current_user");
        const token = await connection.ask("auth/long_lived_access_token", { client_name: "Doorlight", lifespan: 365 });
        connection.close();
        return { ...user, id, token };
    }

    /** A user of the least privilege, made as the guide says. Returns it with its long-lived token. */
    async addUser({ name = "Doorlight", username = "doorlight", isLocalOnly = true, group = "system-users" } = {}) {
        const connection = await this.connect(this.owner.token);
        const made = await connection.ask("config/auth/create", { name, group_ids: [group], local_only: isLocalOnly });
        const user = { name, username, password: randomBytes(12).toString("base64url") };
        const { password } = user;
        await connection.ask("config/auth_provider/homeassistant/create", { user_id: made.user.id, username, password });
        connection.close();
        return this.#withToken(user, await this.logIn(user));
    }

    /** Logs in as the login page does, with the second factor if the user has one. Returns an access token for half an hour. */
    async logIn({ username, password, secret }) {
        const client = { client_id: `${this.url}/` };
        const redirect = { handler: ["homeassistant", null], redirect_uri: `${this.url}/`, type: "authorize" };
        const { flow_id } = await this.#post("/auth/login_flow", { ...client, ...redirect });
        let step = await this.#post(`/auth/login_flow/${flow_id}`, { ...client, username, password });
        if (step.step_id === "mfa") step = await this.#post(`/auth/login_flow/${flow_id}`, { ...client, code: totp(secret) });
        if (step.type !== "create_entry") throw new Error(`no login: ${JSON.stringify(step.errors)}`);
        return this.#accessToken(step.result);
    }

    /** Switches a user's two-factor authentication on or off, as the profile page does. */
    async setTwoFactor(user, isOn) {
        const connection = await this.connect(user.token);
        if (isOn) {
            const form = await connection.ask("auth/setup_mfa", { mfa_module_id: "totp" });
            const secret = form.description_placeholders.code;
            const { flow_id } = form;
            // Here, unlike at a login, Home Assistant takes no code of the half minute before.
            const left = 30_000 - (Date.now() % 30_000);
            if (left < 5000) await sleep(left);
            const set = await connection.ask("auth/setup_mfa", { flow_id, user_input: { code: totp(secret) } });
            if (set.type !== "create_entry") throw new Error(`two-factor authentication: ${JSON.stringify(set.errors)}`);
            user.secret = secret;
        } else {
            await connection.ask("auth/depose_mfa", { mfa_module_id: "totp" });
            delete user.secret;
        }
        connection.close();
    }

    /** A connection that is logged in. */
    async connect(token, url = this.url, options = {}) {
        const connection = await Connection.open(url, options);
        const [, answer] = await connection.authenticate(token);
        if (JSON.parse(answer).type !== "auth_ok") throw new Error(answer);
        return connection;
    }

    /** What `cloud/status` says from now on; see `holding`. Null: nobody is logged in. */
    cloud(status) {
        const file = join(this.folder, "cloud.json");
        if (!status) return rmSync(file, { force: true });
        // In one go, so that it is never read by halves.
        writeFileSync(`${file}.new`, JSON.stringify(status));
        renameSync(`${file}.new`, file);
    }

    log() {
        return readFileSync(join(this.folder, "home-assistant.log"), "utf8");
    }

    /** How many logins failed since it was started. */
    failedLogins() {
        return this.log().split(FAILED_LOGIN).length - 1;
    }

    /** Waits until as many failed: Home Assistant looks the address up before it writes. Then a second more, in which none may follow. */
    async expectFailedLogins(count) {
        await until(() => this.failedLogins() >= count, { within: 120_000, why: `${count} failed logins` });
        await sleep(1000);
        if (this.failedLogins() !== count) throw new Error(`${this.failedLogins()} failed logins, not ${count}`);
    }

    /** The addresses that it has banned. */
    bans() {
        const file = join(this.folder, "ip_bans.yaml");
        if (!existsSync(file)) return [];
        return [...readFileSync(file, "utf8").matchAll(/^'?([0-9a-f.:]+?)'?:\s*$/gm)].map(([, address]) => address);
    }
}
