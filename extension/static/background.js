// Registers the listeners in the first turn, because Chromium loses the event that woke a worker if its listener comes later
// (https://developer.chrome.com/docs/extensions/develop/concepts/service-workers/events), and hands every event to the core.
import initWaking, { start as startWaking } from "./doorlight_waking.js";
import initWhole, { start as startWhole } from "./doorlight_background.js";

const { webRequest, runtime, alarms, permissions } = chrome;
const isFirefox = "getSecurityInfo" in webRequest;

// Two modules hold the same engine. The small one wakes quickly, judges, and asks nobody beside the address. The whole one takes over from it for good, as after the
// end of a background, where homes, logs or monitors are asked, or a page of ours asks; what the small one has not answered by then is asked of the whole one.
let core;
let compiled;
let small;
let whole;
let isOver = false;
const waiting = new Set();
/** The small one has ended: whoever waits for it is called. */
const end = () => {
    if (isOver) return;
    isOver = true;
    core = undefined;
    for (const call of waiting) call();
};
const orEnd = (answer) => new Promise((resolve, reject) => {
    const call = () => resolve();
    if (isOver) return call();
    waiting.add(call);
    answer?.then((value) => resolve({ value }), reject).finally(() => waiting.delete(call));
});
const begin = async (start, isSmall) => {
    let own;
    try {
        own = await start();
    } catch (error) {
        shutAll();
        throw error;
    }
    if (!isSmall || !isOver) core = own;
    if (own.has_security_info() === false) webRequest.onHeadersReceived.removeListener(seen);
    return own;
};
const compile = () => (compiled ??= initWaking());
const wake = () => (small ??= begin(async () => (await compile(), startWaking(relieve)), true));
const takeOver = () => (whole ??= begin(async () => {
    if (small) {
        small.then((own) => own.step_down()).catch(end);
        // Whatever is the matter with it, it holds up nobody longer.
        setTimeout(end, 5000);
    } else {
        end();
    }
    await orEnd();
    await initWhole();
    return startWhole();
}));
const relieve = () => {
    end();
    takeOver();
};

// What the session's storage says before any module is there: whether this is the first start of a session, which is the whole one's, and what may be seen.
const stored = chrome.storage.session.get(["started", "passes"]);
const isFirst = stored.then(({ started }) => !started, () => true);
const KNOCKS = ["hello", "enter"];
const isAskedByPage = (message, sender) => sender?.url?.startsWith(runtime.getURL("")) && !KNOCKS.includes(message?.ask);
const isForWhole = (name, details) => name === "permissions_changed" || (name === "alarm" && details[0] === "audit") || (name === "message" && isAskedByPage(...details));
const ask = async (name, details) => {
    const isWholes = isForWhole(name, details);
    if (!isWholes && !small && !whole) {
        compile();
        if (await isFirst) takeOver();
    }
    // Until it has ended the small one hears what happens: what it knows then is what it leaves.
    if (!isWholes && !isOver && (small || !whole)) {
        const own = await wake();
        const answer = await orEnd(own[name](...details));
        if (answer) return answer.value;
    }
    return (await takeOver())[name](...details);
};
const hand = (name) => (...details) => ask(name, details);
// If no event comes that either module has to answer, one still starts and tidies up what an earlier life left behind.
setTimeout(async () => {
    const first = await isFirst;
    if (!small && !whole) await (first ? takeOver() : wake());
}, 100);

// Chromium: where securityInfo is switched off (stock Chromium) this listener is of no use and is taken back, so that it wakes nobody.
const seen = hand("headers_received");

// Events reach us for the hosts that the user gave permission for, and for no others.
const guarded = { urls: ["*://*/*", "ws://*/*", "wss://*/*"] };
// Without the core nothing passes.
const orCancel = (name) => (details) => hand(name)(details).catch(() => ({ cancel: true }));

if (isFirefox) {
    const isOwn = ({ tabId, originUrl }) => tabId === -1 && originUrl?.startsWith(runtime.getURL(""));
    // The common case costs no wait and no copy of all the details. Whatever goes wrong here is left to the long way.
    const passes = (test) => {
        try {
            return core ? test(core) : false;
        } catch {
            return false;
        }
    };
    const beforeRequest = orCancel("before_request");
    webRequest.onBeforeRequest.addListener(
        (details) => (passes((core) => core.is_open(details.url)) ? {} : beforeRequest(details)),
        guarded,
        ["blocking"],
    );
    const LEFT_OUT = ["connection", "cookie", "authorization"];
    // Measured: without it, every further probe is answered over the first one's connection.
    webRequest.onBeforeSendHeaders.addListener(
        (details) => {
            // A WebSocket has a connection of its own, and that header for itself.
            if (!isOwn(details) || details.type === "websocket") return {};
            // A look may show a client certificate, and the browser adds all that is the user's to a request that may.
            const others = details.requestHeaders.filter(({ name }) => !LEFT_OUT.includes(name.toLowerCase()));
            return { requestHeaders: [...others, { name: "Connection", value: "close" }] };
        },
        { ...guarded, tabId: -1 },
        ["blocking", "requestHeaders"],
    );
    const headersReceived = orCancel("headers_received");
    const isSameCertificate = async ({ requestId, url }) => {
        const { certificates } = await webRequest.getSecurityInfo(requestId, {});
        return passes((core) => core.is_open_for(url, certificates[0].fingerprint.sha256));
    };
    webRequest.onHeadersReceived.addListener(
        async (details) => {
            const isPlainCase = !details.fromCache && !isOwn(details) && (details.statusCode < 300 || details.statusCode > 399);
            if (isPlainCase && passes((core) => core.is_open(details.url)) && (await isSameCertificate(details).catch(() => false))) {
                return {};
            }
            return headersReceived(details);
        },
        guarded,
        ["blocking", "responseHeaders"],
    );
} else {
    const pages = { ...guarded, types: ["main_frame", "sub_frame"] };
    webRequest.onBeforeRedirect.addListener(hand("redirected"), pages);
    try {
        const types = ["main_frame", "sub_frame", "xmlhttprequest", "websocket"];
        webRequest.onHeadersReceived.addListener(seen, { ...guarded, types }, ["securityInfoRawDer"]);
    } catch {
        // This Chromium does not know the option.
    }
    chrome.debugger.onDetach.addListener((target, reason) => {
        if (reason === "canceled_by_user") core?.look_ended();
    });
}
// What our own rules stop is no news, and wakes nobody for longer.
const STOPPED = ["net::ERR_BLOCKED_BY_CLIENT", "net::ERR_ABORTED", "NS_BINDING_ABORTED", "NS_ERROR_ABORT"];
const failed = hand("request_failed");
webRequest.onErrorOccurred.addListener((details) => STOPPED.includes(details.error) || failed(details), guarded);
// Our own look has left the browser: nothing else passes by its rule. Without the core no look is
// under way.
webRequest.onSendHeaders.addListener(({ url }) => core?.request_sent(url), { ...guarded, types: ["xmlhttprequest"], tabId: -1 });

// Whether the page that has just come may be seen while the core wakes or works. It has stored for each origin from when to when it may pass (`SessionText`); here
// that is only compared. What can be typed into the page waits for the core's own word.
const ofPasses = ({ passes = {} }) => passes;
let passes = stored.then(ofPasses);
chrome.storage.session.onChanged.addListener(({ passes: changed }) => {
    if (changed) passes = Promise.resolve(changed.newValue ?? {});
});
const mayBeSeen = async ({ url, origin, frameId, tab }) => {
    const whose = new URL(url).origin;
    if (frameId !== 0 || !tab || (origin ?? whose) !== whose) return false;
    const [from, until] = (await passes)[whose];
    const now = Date.now();
    return from <= now && now < until;
};
runtime.onMessage.addListener((message, sender, answer) => {
    const answered = message?.ask === "glance" ? mayBeSeen(sender) : ask("message", [message, sender]);
    answered.then(answer, () => answer(null));
    return true;
});
// If the core does not start, or stops answering, Chromium's open rules go: what is left shuts every gate.
const shutAll = async () => {
    const rules = await chrome.declarativeNetRequest?.getSessionRules();
    if (rules?.length) await chrome.declarativeNetRequest.updateSessionRules({ removeRuleIds: rules.map(({ id }) => id) });
};
alarms.onAlarm.addListener(async ({ name, scheduledTime }) => {
    const late = new Promise((_, reject) => setTimeout(reject, 25_000));
    await Promise.race([hand("alarm")(name, scheduledTime), late]).catch(shutAll);
});
// In Chromium a private window has a background of its own, over the same storage and rules.
chrome.storage.onChanged.addListener(hand("stored"));
permissions.onAdded.addListener(hand("permissions_changed"));
// An optional permission: where it is given while the background is awake, its events are heard from then on.
const downloaded = hand("download_changed");
const hearDownloads = () => {
    chrome.downloads?.onCreated.addListener(downloaded);
    chrome.downloads?.onChanged.addListener(downloaded);
};
hearDownloads();
permissions.onAdded.addListener(hearDownloads);
permissions.onRemoved.addListener(hand("permissions_changed"));
// Wakes the background at the start of the browser; it notices by itself that it is the first time.
runtime.onStartup.addListener(hand("permissions_changed"));
runtime.onInstalled.addListener(({ reason }) => {
    hand("permissions_changed")();
    if (reason === "install") chrome.tabs.create({ url: runtime.getURL("setup.html") });
});
// The permission is optional: without it there are no notifications to click. Given later, it counts from the next start of the background.
chrome.notifications?.onClicked.addListener((name) => chrome.tabs.create({ url: runtime.getURL(`options.html#watch-${name.split(" ").at(-1)}`) }));
// Heard only while the background is awake; the veil of an open page listens too. Changes of `navigator.connection` are no use: on desktops they tell of
// speed alone.
globalThis.addEventListener("online", hand("network_changed"));
