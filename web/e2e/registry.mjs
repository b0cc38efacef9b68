// Pushes generated images over the registry protocol: faster than docker, with given layers, times
// and names.
import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

export const digestOf = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** An incompressible layer; the name determines the bytes. */
export function layer(name, size, createdBy = `COPY ${name} /`) {
  const bytes = Buffer.alloc(size);
  let block = createHash("sha512").update(name).digest();
  for (let at = 0; at < size; at += block.length) {
    block.copy(bytes, at);
    block = createHash("sha512").update(block).digest();
  }
  return { bytes: gzipSync(bytes, { level: 0 }), createdBy };
}

export const randomLayer = (size, createdBy) =>
  layer(randomBytes(16).toString("hex"), size, createdBy);

export class Registry {
  /** @param {string} url of the registry @param {string} user @param {string} password */
  constructor(url, user, password) {
    this.url = url;
    this.basic = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    this.tokens = new Map();
  }

  async send(method, path, { body, type, ok = [200, 201, 202, 204] } = {}) {
    const repo = path.replace(/^\/v2\//, "").replace(/\/(blobs|manifests)\/.*$/, "");
    const headers = { Authorization: `Bearer ${await this.token(repo)}` };
    if (type) headers["Content-Type"] = type;
    const response = await fetch(this.url + path, { method, headers, body });
    if (![...ok, 404].includes(response.status)) {
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }
    return response;
  }

  async token(repo) {
    const kept = this.tokens.get(repo);
    if (kept && kept.until > Date.now()) return kept.token;
    const scope = `repository:${repo}:pull,push,delete`;
    const url = `${this.url}/api/token?service=refity&scope=${encodeURIComponent(scope)}`;
    const response = await fetch(url, { headers: { Authorization: this.basic } });
    if (!response.ok) throw new Error(`no token: ${response.status} ${await response.text()}`);
    const { token, expires_in: seconds } = await response.json();
    this.tokens.set(repo, { token, until: Date.now() + (seconds - 20) * 1000 });
    return token;
  }

  async blob(repo, bytes) {
    const digest = digestOf(bytes);
    const there = await this.send("HEAD", `/v2/${repo}/blobs/${digest}`);
    if (there.status === 404) {
      const begun = await this.send("POST", `/v2/${repo}/blobs/uploads/`);
      const at = new URL(begun.headers.get("location"), this.url);
      at.searchParams.set("digest", digest);
      const type = "application/octet-stream";
      await this.send("PUT", at.pathname + at.search, { body: bytes, type });
    }
    return { digest, size: bytes.length };
  }

  async manifest(repo, reference, manifest) {
    const bytes = Buffer.from(JSON.stringify(manifest));
    const type = manifest.mediaType;
    await this.send("PUT", `/v2/${repo}/manifests/${reference ?? digestOf(bytes)}`, {
      body: bytes,
      type,
    });
    return { mediaType: type, digest: digestOf(bytes), size: bytes.length };
  }

  /** Pushes an image of one platform, with or without a tag. */
  async image(
    repo,
    tag,
    layers,
    { architecture = "amd64", config = {}, annotations, created } = {},
  ) {
    const pushed = [];
    for (const { bytes } of layers)
      pushed.push({ mediaType: LAYER, ...(await this.blob(repo, bytes)) });
    const at = created ?? new Date().toISOString();
    const configuration = {
      architecture,
      os: "linux",
      created: at,
      config,
      rootfs: { type: "layers", diff_ids: pushed.map(({ digest }) => digest) },
      history: [
        ...layers.map(({ createdBy }) => ({ created: at, created_by: createdBy })),
        { created: at, created_by: `CMD ${JSON.stringify(config.Cmd ?? [])}`, empty_layer: true },
      ],
    };
    const blob = await this.blob(repo, Buffer.from(JSON.stringify(configuration)));
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, ...blob },
      layers: pushed,
      ...(annotations ? { annotations } : {}),
    };
    const descriptor = await this.manifest(repo, tag, manifest);
    return { ...descriptor, platform: { architecture, os: "linux" } };
  }

  /** Pushes a multi-platform image. */
  async index(repo, tag, manifests) {
    return this.manifest(repo, tag, { schemaVersion: 2, mediaType: INDEX, manifests });
  }

  /** Pushes a referrer of an image, such as a signature. */
  async referrer(repo, subject, artifactType, words, annotations = {}) {
    const empty = await this.blob(repo, Buffer.from("{}"));
    const layer = await this.blob(repo, Buffer.from(words));
    const { mediaType, digest, size } = subject;
    return this.manifest(repo, null, {
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType,
      config: { mediaType: "application/vnd.oci.empty.v1+json", ...empty },
      layers: [{ mediaType: artifactType, ...layer }],
      subject: { mediaType, digest, size },
      annotations,
    });
  }
}
