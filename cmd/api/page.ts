import { commonErrors, type Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { errorCodes } from "../../shared/errors.ts";
import { examples } from "./examples.ts";
import { exampleOf, jsonSchema } from "./schema.ts";
import { HEAD } from "./session.ts";

/** A line of an example is no longer than this where it can be broken. */
const LINE = 110;

const callerWords = {
  anyone: "anyone",
  user: "a user, by a token",
  node: "a node, by its key",
} as const;

/** The page docs/api.md: every endpoint of the table, with an example of what it takes and gives. */
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
  return `## Errors\n\n${lines.join("\n")}\n\nAny endpoint may answer ${common}. What else one may answer stands with it.\n`;
}

function endpointSection(id: EndpointId, endpoint: Endpoint): string {
  const facts = [
    `For ${endpoint.callers.map((caller) => callerWords[caller]).join(", or ")}.`,
    endpoint.idempotencyKey ? "Takes an `Idempotency-Key`." : "",
    endpoint.repeatable ? "May be sent again." : "",
    endpoint.waitTicket ? "A wait ticket will do." : "",
    endpoint.maxWaitSeconds ? `May take ${endpoint.maxWaitSeconds} seconds to answer.` : "",
    endpoint.errors.length > 0 ? `Errors: ${endpoint.errors.map((code) => `\`${code}\``).join(", ")}.` : "",
  ].filter(Boolean);
  const blocks =
    endpoint.method === "GET" ? [queryBlock(endpoint)] : [block("Body", bodyExample(id), "Body: `{}`.")];
  blocks.push(
    ...(endpoint.events
      ? Object.entries(endpoint.events).map(([name, schema]) =>
          block(`Event \`${name}\``, exampleOf(jsonSchema(schema, "output")), `Event \`${name}\`: \`{}\`.`),
        )
      : [block("Answer", answerExample(id), "Answer: `{}`.")]),
  );
  const head = `### ${id}\n\n\`${endpoint.method} ${endpoint.path}\`\n\n${endpoint.summary}\n\n${facts.join(" ")}\n`;
  return `${head}\n${blocks.filter(Boolean).join("\n")}`;
}

/** What a caller sends, as an example. */
export function bodyExample(id: EndpointId): unknown {
  return examples[id]?.body ?? exampleOf(jsonSchema(endpoints[id].input, "input"));
}

/** What the server answers, as an example. */
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

/** JSON in few lines: what fits on one stands on one. */
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
