// Node's tests, each with an end. A driver that answers no more says nothing about the product: what only hung is tried once more, and said.
import * as node from "node:test";
import { ProtocolError, TimeoutError } from "puppeteer-core";
import { Hung } from "./browser.mjs";
import { endBrowsers, running } from "./machine.mjs";

/** The longest test takes a quarter of it on a slow machine; each wait inside has its own, shorter end. */
const LIMIT = 400_000;

export const { describe } = node;

const isDrivers = (error) => error instanceof Hung || error instanceof ProtocolError || error instanceof TimeoutError;

/** Runs `body`; where it hangs, ends the browsers, which ends every call to them. */
async function ended(body, context) {
    let timer;
    const end = new Promise((_, failed) => {
        timer = setTimeout(() => {
            endBrowsers();
            failed(new Hung(`it hung for ${LIMIT / 1000} s, and its browsers were ended`));
        }, LIMIT);
    });
    const work = Promise.resolve().then(() => body(context));
    // After its end nobody waits for it any more.
    work.catch(() => {});
    return Promise.race([work, end]).finally(() => clearTimeout(timer));
}

/** How many of one file may be tried once more: a driver that fails more often hides something else. */
const PATIENCE = 2;
let tried = 0;

/** A test. One that starts its own browsers is tried once more where the driver failed; an assertion is never asked twice. */
export function test(name, ...rest) {
    const body = rest.pop();
    node.test(name, ...rest, async (context) => {
        const isAlone = !running.size;
        try {
            await ended(body, context);
        } catch (error) {
            if (!isAlone || !isDrivers(error) || tried++ >= PATIENCE) throw error;
            console.error(`“${name}” is tried once more, for the driver's sake: ${error.message}`);
            endBrowsers();
            await ended(body, context);
        }
    });
}

const hook = (register) => (body) => register((context) => ended(body, context));
export const before = hook(node.before);
export const beforeEach = hook(node.beforeEach);
export const after = hook(node.after);
