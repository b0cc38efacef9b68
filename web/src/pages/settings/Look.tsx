import { useState } from "react";
import { Segments } from "../../parts/Field";
import { Pair, Pairs, Panel, PanelBody } from "../../parts/Panel";
import { Small } from "../../parts/Text";
import { text } from "../../text";
import { chooseTheme, chosenTheme, type Theme } from "../../theme/theme";

const words = text.settings.look;
const THEMES: Theme[] = ["system", "light", "dark"];

/** Theme and language. */
export function Look() {
  const [theme, setTheme] = useState(chosenTheme);
  const choose = (next: Theme) => {
    chooseTheme(next);
    setTheme(next);
  };
  return (
    <Panel title={words.title}>
      <PanelBody>
        <Pairs>
          <Pair term={words.theme}>
            <Segments
              label={words.theme}
              value={theme}
              options={THEMES.map((it) => [it, words.themes[it]])}
              onChoose={choose}
            />
            <Small>{words.themeHint}</Small>
          </Pair>
          <Pair term={words.language}>
            {words.english}
            <Small>{words.languageHint}</Small>
          </Pair>
        </Pairs>
      </PanelBody>
    </Panel>
  );
}
