import { Page } from "../../parts/Page";

export default function Diff(_: { repo: string }) {
  return <Page title="Diff">{null}</Page>;
}
