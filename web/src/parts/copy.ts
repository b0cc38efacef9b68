/**
 * Copies words. Browsers give the clipboard to secure pages only, and many a
 * registry at home has no certificate: there the older way is tried.
 * False: neither works, and one has to select and copy by hand.
 */
export async function copy(words: string): Promise<boolean> {
  if (window.isSecureContext && navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(words);
      return true;
    } catch {
      // Not allowed here; the older way may be.
    }
  }
  const area = document.createElement("textarea");
  area.value = words;
  area.setAttribute("readonly", "");
  area.style.position = "fixed";
  area.style.opacity = "0";
  // Within the open dialog, whose focus trap would take it from elsewhere.
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
