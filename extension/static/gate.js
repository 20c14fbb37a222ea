// The fast half of the gate page: asks for passage at once, and goes on where the gate is open, without waiting for the Rust module.
// Everything else is shown by that module: page.js finds the answer on the body.
const WAIT = 15000;
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
  const host = document.getElementById("checking-host");
  try {
    host.textContent = new URL(wanted).host;
    const late = new Promise((resolve) => setTimeout(resolve, WAIT, null));
    return await Promise.race([chrome.runtime.sendMessage({ ask: "enter", url: wanted }), late]);
  } catch (error) {
    console.error(error);
    return null;
  }
}
