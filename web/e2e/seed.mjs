// Fills a registry with what a small company may have, for pictures and for
// looking around: node e2e/seed.mjs http://127.0.0.1:5000 admin PASSWORD
import { pathToFileURL } from "node:url";
import { Api } from "./api.mjs";
import { layer, Registry } from "./registry.mjs";

const MB = 1_000_000;
export const PASSWORD = "seen-in-pictures";
const ENV = ["PATH=/usr/local/bin:/usr/bin:/bin", "TZ=UTC"];

/** Versions of a service that share a base image. */
async function service(registry, repo, versions, sizes) {
  const base = layer("debian:bookworm", 3 * MB, "FROM debian:bookworm-slim");
  const tools = layer("tools", 2 * MB, "RUN apt-get install -y ca-certificates tini");
  let last;
  for (const [at, version] of versions.entries()) {
    const own = (architecture) => [
      base,
      tools,
      layer(
        `${repo} dependencies ${Math.floor(at / 3)} ${architecture}`,
        sizes * MB,
        "COPY target/deps /opt/app/lib",
      ),
      layer(`${repo} ${version} ${architecture}`, (sizes * MB) / 4, "COPY target/app /opt/app/bin"),
    ];
    const config = {
      Env: [...ENV, `APP_VERSION=${version}`, ...(at > 2 ? ["WORKERS=4"] : [])],
      Entrypoint: ["/usr/bin/tini", "--"],
      Cmd: ["/opt/app/bin/app", "--listen", "0.0.0.0:8080"],
      User: "app",
      WorkingDir: "/opt/app",
      ExposedPorts: { "8080/tcp": {} },
      Labels: {
        "org.opencontainers.image.source": `https://git.example.com/${repo}`,
        "org.opencontainers.image.version": version,
      },
    };
    const images = [];
    for (const architecture of ["amd64", "arm64"]) {
      images.push(await registry.image(repo, null, own(architecture), { architecture, config }));
    }
    last = await registry.index(repo, version, images);
  }
  return last;
}

/** @param {string} url of the registry and its API */
export async function seed(url, user, password) {
  const api = new Api(url, user, password);
  const registry = new Registry(url, user, password);
  for (const name of ["team", "ml", "infra", "mirror"]) {
    await api.send("POST", "/groups", { name, public: name === "mirror" }).catch(() => {});
  }
  await people(api);
  const [heron, otter] = ["heron", "otter"].map((name) => new Registry(url, name, PASSWORD));
  const minor = (n) =>
    Array.from({ length: n }, (_, at) => `1.${17 + Math.floor(at / 5)}.${at % 5}`);
  const latest = await service(heron, "team/api", [...minor(12), "pr-2291", "main"], 2);
  await heron.send("PUT", "/v2/team/api/manifests/latest", await copyOf(heron, "team/api", "main"));
  const type = "application/vnd.dev.cosign.simplesigning.v1+json";
  await heron.referrer("team/api", latest, type, '{"critical":{}}', {
    "dev.sigstore.cosign/signature": "MEUCIQ",
  });
  await heron.referrer(
    "team/api",
    latest,
    "application/vnd.cyclonedx+json",
    '{"bomFormat":"CycloneDX"}',
  );
  await service(heron, "team/web", ["1.0.0", "1.1.0", "main"], 1);
  await service(heron, "team/tools/lint", ["3.2.1", "3.3.0"], 1);
  await service(otter, "ml/trainer", ["2026.11.1", "2026.11.23-cu128"], 6);
  await service(registry, "infra/gateway", ["2.9.3", "2.9.4"], 1);
  await service(registry, "mirror/nginx", ["1.29.2", "1.29.3"], 1);
}

/** Accounts in the screenshots; all have the password `PASSWORD`. */
async function people(api) {
  const make = (path, body) => api.send("POST", path, body).catch(() => {});
  for (const name of ["heron", "otter", "wren"]) {
    const must_change_password = name === "wren";
    await make("/users", { name, password: PASSWORD, role: "user", must_change_password });
  }
  for (const [user, group, rights] of [
    ["heron", "team", ["pull", "push", "delete", "manage"]],
    ["heron", "infra", ["pull"]],
    ["otter", "ml", ["pull", "push"]],
    ["otter", "team", ["pull"]],
  ]) {
    await api.send("PUT", "/grants", { user, group, rights });
  }
  const day = (n) => new Date(Date.now() + n * 86_400_000).toISOString();
  for (const [name, description, rights] of [
    ["infra+ci", "Builds the gateway", ["pull", "push"]],
    ["team+ci", "Builds and pushes main", ["pull", "push"]],
    ["team+deploy", "Pulls on the hosts", ["pull"]],
  ]) {
    const scopes = [{ repositories: `${name.split("+")[0]}/*`, rights }];
    await make("/robots", { name, description, scopes, expires_at: day(90) });
  }
  const { items } = await api.send("GET", "/tokens");
  if (items.length === 0) await make("/tokens", { name: "laptop", expires_at: day(30) });
}

async function copyOf(registry, repo, tag) {
  const response = await registry.send("GET", `/v2/${repo}/manifests/${tag}`);
  return {
    body: Buffer.from(await response.arrayBuffer()),
    type: response.headers.get("content-type"),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [url, user, password] = process.argv.slice(2);
  if (!password) throw new Error("node e2e/seed.mjs URL USER PASSWORD");
  await seed(url, user, password);
}
