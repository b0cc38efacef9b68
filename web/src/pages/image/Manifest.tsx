import type { Schemas } from "../../api/client";
import { text } from "../../text";
import { Json } from "./Json";

const words = text.image;

export function Manifest({ image }: { image: Schemas["Image"] }) {
  const { manifest, image_manifest: ofPlatform, platform } = image;
  if (!ofPlatform || ofPlatform === manifest) {
    return <Json title={image.media_type} text={manifest} />;
  }
  return (
    <>
      <Json title={words.ofTheIndex} text={manifest} />
      <Json title={words.ofThePlatform(platform ?? "")} text={ofPlatform} />
    </>
  );
}
