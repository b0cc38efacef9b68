// Renders the OpenAPI description. All content is set as text, never as HTML.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

// An example for a schema; references are followed once.
function sample(schema, schemas, seen = []) {
  if (!schema) return null;
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    if (seen.includes(name)) return `<${name}>`;
    return sample(schemas[name], schemas, [...seen, name]);
  }
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length) return schema.examples[0];
  const parts = schema.oneOf ?? schema.anyOf;
  if (parts) return sample(parts.find((part) => part.type !== "null") ?? parts[0], schemas, seen);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => sample(part, schemas, seen)));
  if (schema.enum) return schema.enum.join(" | ");
  const type = Array.isArray(schema.type) ? schema.type.find((it) => it !== "null") : schema.type;
  if (type === "array") return [sample(schema.items, schemas, seen)];
  if (type === "object" || schema.properties) {
    const properties = Object.entries(schema.properties ?? {});
    if (properties.length === 0 && typeof schema.additionalProperties === "object") {
      return { name: sample(schema.additionalProperties, schemas, seen) };
    }
    return Object.fromEntries(properties.map(([key, value]) => [key, sample(value, schemas, seen)]));
  }
  return type === "integer" || type === "number" ? 0 : type === "boolean" ? true : (type ?? "anything");
}

function content(body, schemas) {
  return Object.entries(body?.content ?? {}).map(([mediaType, { schema, example }]) =>
    element(
      "div",
      {},
      element("p", { class: "muted" }, mediaType),
      element("pre", {}, JSON.stringify(example ?? sample(schema, schemas), null, 2)),
    ),
  );
}

function parameters(list) {
  if (!list?.length) return undefined;
  const rows = list.map((parameter) =>
    element(
      "tr",
      {},
      element("td", {}, element("code", {}, parameter.name)),
      element("td", { class: "muted" }, parameter.in + (parameter.required ? ", required" : "")),
      element("td", {}, parameter.description ?? ""),
    ),
  );
  return element("table", {}, element("tbody", {}, ...rows));
}

function operation(path, method, described, schemas) {
  const answers = Object.entries(described.responses ?? {}).map(([status, response]) =>
    element(
      "div",
      {},
      element("h3", {}, `${status} ${response.description ?? ""}`),
      ...(status.startsWith("2") ? content(response, schemas) : []),
    ),
  );
  return element(
    "details",
    { id: described.operationId ?? `${method}${path}` },
    element(
      "summary",
      {},
      element("span", { class: "method" }, method.toUpperCase()),
      element("span", { class: "path" }, path),
      element("span", { class: "muted" }, described.summary ?? ""),
    ),
    element("p", {}, described.description ?? ""),
    parameters(described.parameters),
    ...(described.requestBody ? [element("h3", {}, "Body"), ...content(described.requestBody, schemas)] : []),
    ...answers,
  );
}

function show(api) {
  const schemas = api.components?.schemas ?? {};
  document.getElementById("description").textContent = api.info.description ?? "";
  const byTag = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((it) => item[it])) {
      const tag = item[method].tags?.[0] ?? "other";
      byTag.set(tag, [...(byTag.get(tag) ?? []), [path, method, item[method]]]);
    }
  }
  const contents = document.getElementById("contents");
  const operations = document.getElementById("operations");
  for (const [tag, all] of [...byTag].sort()) {
    contents.append(element("h2", {}, tag));
    operations.append(element("h2", {}, tag));
    for (const [path, method, described] of all) {
      const shown = operation(path, method, described, schemas);
      operations.append(shown);
      const link = element("a", { href: `#${shown.id}` }, `${method.toUpperCase()} ${path}`);
      link.addEventListener("click", () => {
        shown.open = true;
      });
      contents.append(link);
    }
  }
}

function filter(text) {
  for (const link of document.querySelectorAll("#contents a")) {
    link.hidden = !link.textContent.toLowerCase().includes(text.toLowerCase());
  }
}

document.getElementById("filter").addEventListener("input", (event) => filter(event.target.value));
fetch("/api/openapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`the registry answered ${answer.status}`))))
  .then(show)
  .catch((error) => {
    document.getElementById("description").textContent = `The description could not be loaded: ${error.message}`;
  });
