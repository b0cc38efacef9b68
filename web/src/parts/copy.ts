/**
 * Copies text. Browsers restrict the clipboard API to secure contexts, so plain HTTP pages fall
 * back to `execCommand`. Returns false if neither works.
 */
export async function copy(words: string): Promise<boolean> {
  if (window.isSecureContext && navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(words);
      return true;
    } catch {
      // Not allowed; try `execCommand`.
    }
  }
  const area = document.createElement("textarea");
  area.value = words;
  area.setAttribute("readonly", "");
  area.style.position = "fixed";
  area.style.opacity = "0";
  // Inside the open dialog, which traps the focus.
  const host = document.activeElement?.closest("[role=dialog], [role=alertdialog]");
  (host ?? document.body).append(area);
  const focused = document.activeElement;
  area.focus();
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
