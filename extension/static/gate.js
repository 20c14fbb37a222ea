// The fast half of the gate page: asks for passage at once, and goes on where the gate is open, without waiting for the Rust module.
// Everything else is shown by that module: page.js finds the answer on the body.
const WAIT = 15000;
const AGAIN = 2500;
const SOON = 100;
const PACE = 1000;
const wanted = location.hash.slice(1);
const isPost = location.search === "?post";
const hasBody = new Promise((resolve) => addEventListener("DOMContentLoaded", resolve));

// Inside another page nobody could see whose buttons these are.
if (window.top === window) {
  // Sent to another address while it is open: only what is behind the # changes, and nothing would load.
  addEventListener("hashchange", () => location.reload());
  check();
}

async function check() {
  const answer = wanted.startsWith("https://") ? await ask() : null;
  if (answer?.is_open && !isPost && answer.status?.is_guarded !== false) {
    await pace();
    location.replace(wanted);
    return;
  }
  await hasBody;
  if (answer) {
    document.body.dataset.answer = JSON.stringify(answer);
  }
  await import("./page.js");
}

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
