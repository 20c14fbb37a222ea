// In a sandbox on the gate page: what leads from here to the home has no origin, so the browser
// sends it as from another site, without cookies that are SameSite=Strict. A link on another site,
// which the gate stopped on its way, stays such a link. It is there before it is needed, and told
// where to go.
addEventListener("message", ({ source, data }) => {
  if (source === window.parent && String(data).startsWith("https://")) window.top.location.replace(data);
});
window.parent.postMessage("ready", "*");
