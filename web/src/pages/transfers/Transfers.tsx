import { Page } from "../../parts/Page";

export default function Transfers() {
  return <Page title="Transfers">{null}</Page>;
}
