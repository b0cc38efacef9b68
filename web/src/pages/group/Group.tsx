import { Page } from "../../parts/Page";

export default function Group(_: { group: string }) {
  return <Page title="Group">{null}</Page>;
}
