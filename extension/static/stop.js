// Runs while the gate is shut, before the scripts of a document of a guarded host: a page out of a
// service worker asked no rule, and the worker may be anybody's. It ends the document there and
// then; the cover (veil.js) says why, and the tab goes to the gate. Measured in Chromium 156: the
// page's own scripts do not run; a picture that the browser's preloader found already may still be
// asked for.
window.stop();
globalThis.doorlightStopped = true;
