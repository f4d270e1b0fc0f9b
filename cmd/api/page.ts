import { bytesText } from "../../shared/bytes-text.ts";
import { commonErrors, type Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { errorCodes } from "../../shared/errors.ts";
import { rolesOf } from "../../shared/roles.ts";
import { examples } from "./examples.ts";
import { exampleOf, jsonSchema } from "./schema.ts";
import { HEAD } from "./session.ts";

/** Lines of examples are at most this long, if they can be broken. */
const LINE = 110;

const callerWords = {
  anyone: "anyone",
  user: "a user, with a token",
  node: "a node, with its key",
  enrolment: "a machine, with an enrolment token",
} as const;

/** The page docs/api.md: every endpoint of the table, with an example of its request and its answer. */
export function apiPage(): string {
  const groups = Map.groupBy(Object.entries(endpoints), ([id]) => id.split(".")[0] ?? "");
  const parts = [...groups].map(([group, members]) => {
    const shown = members.map(([id, endpoint]) => endpointSection(id as EndpointId, endpoint));
    return `## ${group}\n\n${shown.join("\n")}`;
  });
  return `${HEAD}\n${errorSection()}\n${parts.join("\n")}`;
}

function errorSection(): string {
  const lines = Object.entries(errorCodes).map(
    ([code, { status, title, retryable }]) =>
      `- \`${code}\` (${status}): ${title}${retryable ? "; may be sent again" : ""}.`,
  );
  const common = commonErrors.map((code) => `\`${code}\``).join(", ");
  return `## Errors\n\n${lines.join("\n")}\n\nAny endpoint may answer ${common}. Each endpoint lists its other errors.\n`;
}

function endpointSection(id: EndpointId, endpoint: Endpoint): string {
  const facts = [
    `For ${endpoint.callers.map((caller) => callerWords[caller]).join(", or ")}.`,
    endpoint.right === undefined ? "" : `Roles: ${rolesOf(endpoint.right).join(", ")}.`,
    endpoint.othersRight === undefined
      ? ""
      : `What belongs to others: ${rolesOf(endpoint.othersRight).join(", ")}.`,
    endpoint.idempotencyKey ? "Takes an `Idempotency-Key`." : "",
    endpoint.repeatable ? "May be sent again." : "",
    endpoint.waitTicket ? "Also takes a wait ticket." : "",
    endpoint.maxWaitSeconds ? `May take ${endpoint.maxWaitSeconds} seconds to answer.` : "",
    endpoint.errors.length > 0 ? `Errors: ${endpoint.errors.map((code) => `\`${code}\``).join(", ")}.` : "",
  ].filter(Boolean);
  const blocks = [...bodyBlocks(id, endpoint), ...answerBlocks(id, endpoint)];
  const head = `### ${id}\n\n\`${endpoint.method} ${endpoint.path}\`\n\n${endpoint.summary}\n\n${facts.join(" ")}\n`;
  return `${head}\n${blocks.filter(Boolean).join("\n")}`;
}

function bodyBlocks(id: EndpointId, endpoint: Endpoint): string[] {
  if (endpoint.method === "GET") return [queryBlock(endpoint)];
  if (!endpoint.takesBytes) return [block("Body", bodyExample(id), "Body: `{}`.")];
  const { type, maxBytes } = endpoint.takesBytes;
  return [queryBlock(endpoint), `Body: bytes (\`${type}\`), at most ${bytesText(maxBytes)}.\n`];
}

function answerBlocks(id: EndpointId, endpoint: Endpoint): string[] {
  if (endpoint.givesBytes !== undefined) return [`Answer: bytes (\`${endpoint.givesBytes}\`).\n`];
  if (!endpoint.events) return [block("Answer", answerExample(id), "Answer: `{}`.")];
  return Object.entries(endpoint.events).map(([name, schema]) =>
    block(`Event \`${name}\``, exampleOf(jsonSchema(schema, "output")), `Event \`${name}\`: \`{}\`.`),
  );
}

/** An example of what a caller sends. */
export function bodyExample(id: EndpointId): unknown {
  return examples[id]?.body ?? exampleOf(jsonSchema(endpoints[id].input, "input"));
}

/** An example of what the server answers. */
export function answerExample(id: EndpointId): unknown {
  return examples[id]?.answer ?? exampleOf(jsonSchema(endpoints[id].output, "output"));
}

function queryBlock(endpoint: Endpoint): string {
  const { properties = {} } = jsonSchema(endpoint.input, "input");
  const names = Object.keys(properties as object).filter((name) => !endpoint.path.includes(`{${name}}`));
  return names.length > 0 ? `Query: ${names.map((name) => `\`${name}\``).join(", ")}.\n` : "";
}

function block(title: string, value: unknown, empty: string): string {
  const plain = JSON.parse(JSON.stringify(value)) as unknown;
  if (JSON.stringify(plain) === "{}") return `${empty}\n`;
  return `${title}:\n\n${layOut(plain, "    ")}`;
}

/** JSON in few lines: a value that fits on one line stays on it. */
function layOut(value: unknown, indent: string): string {
  return value === null || typeof value !== "object"
    ? `${indent}${JSON.stringify(value)}\n`
    : `${indent}${broken(value, indent)}\n`;
}

function broken(value: unknown, indent: string, before = 0): string {
  const line = oneLine(value);
  if (value === null || typeof value !== "object" || indent.length + before + line.length <= LINE)
    return line;
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const entries = Object.entries(value).map(([key, item]) => {
    const name = Array.isArray(value) ? "" : `${JSON.stringify(key)}: `;
    return `${inner}${name}${broken(item, inner, name.length + 1)}`;
  });
  return `${open}\n${entries.join(",\n")}\n${indent}${close}`;
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${oneLine(item)}`);
  return `{${entries.join(", ")}}`;
}
