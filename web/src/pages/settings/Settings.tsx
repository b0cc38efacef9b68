import { useMe } from "../../app/session";
import { Columns, Page, Stack } from "../../parts/Page";
import { text } from "../../text";
import { Look } from "./Look";
import { Password } from "./Password";
import { Sessions } from "./Sessions";
import { Tokens } from "./Tokens";

const words = text.settings;

export default function Settings() {
  const { user } = useMe();
  return (
    <Page title={words.title} lead={words.lead(user.username, words.role[user.role])}>
      <Columns>
        <Stack>
          <Tokens />
          <Sessions />
        </Stack>
        <Stack>
          <Password />
          <Look />
        </Stack>
      </Columns>
    </Page>
  );
}
