import { FolderX } from "lucide-react";
import { to } from "../../app/paths";
import { LinkButton } from "../../parts/Button";
import { Empty } from "../../parts/Notice";
import { Page } from "../../parts/Page";
import { text } from "../../text";

export default function Missing() {
  return (
    <Page title={text.shell.missing}>
      <Empty
        icon={FolderX}
        title={text.shell.missing}
        actions={<LinkButton href={to.overview}>{text.shell.toOverview}</LinkButton>}
      >
        <span>{text.shell.missingHint}</span>
      </Empty>
    </Page>
  );
}
