import { Page } from "../../parts/Page";

export default function FirstPassword(_: { me: import("../../app/session").Me }) {
  return <Page title="FirstPassword">{null}</Page>;
}
