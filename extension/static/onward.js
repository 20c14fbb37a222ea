// In a sandbox on the gate page: what leads from here to the home has no origin, so the browser
// sends it as from another site, without cookies that are SameSite=Strict. A link on another site,
// which the gate stopped on its way, stays such a link.
const wanted = location.hash.slice(1);
if (wanted.startsWith("https://")) window.top.location.replace(wanted);
