import type { Schemas } from "../../api/client";
import { useGet } from "../../api/query";
import { Tabs } from "../../parts/Tabs";
import { text } from "../../text";
import { count } from "../../text/format";
import { About } from "./About";
import { Configuration } from "./Configuration";
import { History } from "./History";
import { Layers } from "./Layers";
import { Manifest } from "./Manifest";
import { PullLine } from "./PullLine";
import { Referrers } from "./Referrers";

const words = text.image;
type ImageTabsProps = { image: Schemas["Image"]; reference: string };

/** Do not show zero. */
const some = (n: number) => (n > 0 ? count(n) : undefined);

export function ImageTabs({ image, reference }: ImageTabsProps) {
  const { repo, digest } = image;
  const referrers = useGet("/api/referrers", { params: { query: { repo, digest, limit: 1 } } });
  const referring = (referrers.data?.total ?? 0) + image.attestations.length;
  const tabs = [
    { id: "overview", name: words.overview, content: () => <About image={image} /> },
    {
      id: "layers",
      name: words.layers,
      count: some(image.layers.length),
      content: () => <Layers image={image} />,
    },
    {
      id: "history",
      name: words.history,
      count: some(image.history.length),
      content: () => <History image={image} />,
    },
    { id: "config", name: words.config, content: () => <Configuration image={image} /> },
    {
      id: "referrers",
      name: words.referrers,
      count: some(referring),
      content: () => <Referrers image={image} />,
    },
    { id: "manifest", name: words.manifest, content: () => <Manifest image={image} /> },
  ];
  return (
    <div>
      <PullLine image={image} reference={reference} />
      <Tabs label={words.parts} tabs={tabs} />
    </div>
  );
}
