import { Page } from "../../parts/Page";

export default function Image(_: { repo: string; reference: string }) {
  return <Page title="Image">{null}</Page>;
}
