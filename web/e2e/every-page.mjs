// Looks at every page at three widths and in both themes: nothing that axe
// finds serious, nothing sideways, nothing cut, no complaint of the browser.
import { assert, lab, script, signIn } from "./browser.mjs";
import { flaws, tryOut } from "./look.mjs";
import { allPages, atEach, membersPages, signInPage } from "./pages.mjs";
import { PASSWORD, seed } from "./seed.mjs";

/** Layout is the same in both themes, and colours are the same at all widths. */
const WIDTHS = { light: [1440, 768, 390], dark: [1440] };

await script(async (open) => {
  await seed(lab.url, lab.user, lab.password);
  const wrong = [];
  for (const theme of Object.keys(WIDTHS)) {
    const lookAt = async (page, it) => {
      await atEach(page, WIDTHS[theme], it, async (width) => {
        for (const words of await flaws(page)) {
          wrong.push(`${it.name}, ${width} px, ${theme}: ${words}`);
        }
      });
      console.log(`${theme}: ${it.name}`);
    };
    const page = await open({ theme, height: 900 });
    page.expected.push(/status of 401/);
    await lookAt(page, signInPage);
    await tryOut(page);
    await signIn(page, lab.user, lab.password);
    page.expected.pop();
    for (const it of allPages) await lookAt(page, it);
    const members = await open({ theme, height: 900 });
    await signIn(members, "heron", PASSWORD);
    members.expected.push(/status of 404/);
    for (const it of membersPages) await lookAt(members, it);
  }
  assert(wrong.length === 0, wrong.join("\n"));
});
