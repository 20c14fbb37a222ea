// The fast half of the gate page: asks for passage at once, and goes on where the gate is open, without waiting for the Rust module.
// Everything else is shown by that module: page.js finds the answer on the body.
const WAIT = 15000;
const AGAIN = 2500;
const SOON = 100;
const PACE = 1000;
const STAYS = 3000;
let wanted = bare(location.hash.slice(1));
const isPost = location.search === "?post";
const hasBody = new Promise((resolve) => addEventListener("DOMContentLoaded", resolve));
let onward;

// Inside another page nobody could see whose buttons these are.
if (window.top === window) {
  name(wanted);
  // Sent to another address while it is open: only what is behind the # changes, and nothing would load.
  addEventListener("hashchange", () => location.reload());
  onward = prepare();
  check();
}

// Without the name and password that a URL may hold: neither the history nor the home gets them
// from here.
function bare(url) {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (!parsed.username && !parsed.password) return url;
  parsed.username = parsed.password = "";
  return parsed.href;
}

// Puts an address behind the # in the place of the one that is there.
function name(url) {
  if (location.hash.slice(1) !== url) history.replaceState(null, "", `${location.pathname}${location.search}#${url}`);
}

async function check() {
  const answer = /^https?:\/\//.test(wanted) ? await ask() : null;
  if (answer?.over_https) {
    wanted = answer.over_https;
    name(wanted);
    return check();
  }
  if (answer?.is_open && !isPost && answer.status?.is_guarded !== false) {
    await pace();
    doorlightGoOn(wanted);
    // A download, or an answer without a page, leaves this one where it is.
    setTimeout(async () => {
      document.body.dataset.stayed = "";
      await import("./page.js");
    }, STAYS);
    return;
  }
  await hasBody;
  if (answer) {
    document.body.dataset.answer = JSON.stringify(answer);
  }
  await import("./page.js");
}

// Goes on as what it was. Nothing shows whether a visit was the user's own or another site's, so it
// goes as the other site's (onward.js). The frame for it loads while the check is made.
function prepare() {
  const frame = Object.assign(document.createElement("iframe"), { id: "onward", hidden: true, title: "" });
  // Without the last a browser drops what comes as a download (both, measured).
  frame.setAttribute("sandbox", "allow-scripts allow-top-navigation allow-downloads");
  frame.src = "onward.html";
  const ready = new Promise((resolve) => addEventListener("message", ({ source }) => source === frame.contentWindow && resolve(frame)));
  document.documentElement.append(frame);
  return ready;
}

globalThis.doorlightGoOn = async (url) => {
  const { contentWindow } = await onward;
  contentWindow.postMessage(url, "*");
};

// A gate that says open and is shut would send the tab to and fro without end: it goes on once in a second.
async function pace() {
  const now = Date.now();
  let wait = PACE;
  try {
    wait = Math.min(PACE, Number(sessionStorage.getItem("passed")) + PACE - now);
    sessionStorage.setItem("passed", now + Math.max(0, wait));
  } catch {
    // Nothing may be stored: then every time takes a second.
  }
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
}

async function ask() {
  if (!URL.canParse(wanted)) return null;
  hasBody.then(() => (document.getElementById("checking-host").textContent = new URL(wanted).host));
  // A worker that ends in the middle of a check may answer nobody, not even with an error. Whoever asks again joins the same check.
  const asked = [];
  const end = Date.now() + WAIT;
  while (Date.now() < end) {
    const one = chrome.runtime.sendMessage({ ask: "enter", url: wanted }).then(given);
    // Nobody may be waiting for it any more when it fails.
    one.catch(() => {});
    asked.push(one);
    const silence = new Promise((resolve) => setTimeout(resolve, AGAIN, null));
    try {
      const answer = await Promise.race([Promise.any(asked), silence]);
      if (answer) return answer;
      await wake().catch(() => {});
    } catch {
      // Nobody was there: a background on its way to sleep (Firefox).
      await new Promise((resolve) => setTimeout(resolve, SOON));
    }
  }
  return null;
}

// Rejects where there was no answer, so that another question's can be waited for.
function given(answer) {
  if (!answer) throw new Error("no answer");
  return answer;
}

// Measured in Chromium 156: a worker that was killed while its own debugger was attached starts again paused, and waits for the debugger.
async function wake() {
  const worker = chrome.runtime.getURL("background.js");
  for (const { attached, id, url } of (await chrome.debugger?.getTargets()) ?? []) {
    if (attached && url === worker) {
      await chrome.debugger.sendCommand({ targetId: id }, "Runtime.runIfWaitingForDebugger");
    }
  }
}
