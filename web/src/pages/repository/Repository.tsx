import { Page } from "../../parts/Page";

export default function Repository(_: { repo: string }) {
  return <Page title="Repository">{null}</Page>;
}
