// The fast half of the gate page: asks for passage at once, and goes on where the gate is open, without waiting for the Rust module.
// Everything else is shown by that module: page.js finds the answer on the body.
const WAIT = 15000;
const AGAIN = 2500;
const wanted = location.hash.slice(1);
const isPost = location.search === "?post";

// Inside another page nobody could see whose buttons these are.
if (window.top === window) {
  // Sent to another address while it is open: only what is behind the # changes, and nothing would load.
  addEventListener("hashchange", () => location.reload());
  check();
}

async function check() {
  const answer = wanted.startsWith("https://") ? await ask() : null;
  if (answer?.is_open && !isPost && answer.status?.is_guarded !== false) {
    location.replace(wanted);
    return;
  }
  if (answer) {
    document.body.dataset.answer = JSON.stringify(answer);
  }
  await import("./page.js");
}

async function ask() {
  try {
    document.getElementById("checking-host").textContent = new URL(wanted).host;
  } catch {
    return null;
  }
  // A worker that ends in the middle of a check may answer nobody, not even with an error. Whoever asks again joins the same check.
  const asked = [];
  for (let waited = 0; waited < WAIT; waited += AGAIN) {
    asked.push(chrome.runtime.sendMessage({ ask: "enter", url: wanted }).catch(() => null));
    const pause = new Promise((resolve) => setTimeout(resolve, AGAIN, null));
    const answer = await Promise.race([Promise.any(asked.map(given)), pause]).catch(() => pause);
    if (answer) return answer;
    await wake().catch(() => {});
  }
  return null;
}

// Rejects where there was no answer, so that another question's can be waited for.
async function given(asked) {
  const answer = await asked;
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
