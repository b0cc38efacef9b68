// Runs before the first paint to avoid a flash of the wrong theme. A separate file, since the
// content security policy forbids inline scripts.
const theme = localStorage.getItem("refity-theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
