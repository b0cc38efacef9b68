// Before the first paint, so that no page flashes in the other theme. A file of
// its own, since the content security policy allows no inline script.
const theme = localStorage.getItem("refity-theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
