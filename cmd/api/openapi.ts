import packageJson from "../../package.json" with { type: "json" };
import { commonErrors, type Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { errorCodes } from "../../shared/errors.ts";
import { problem } from "../../shared/problem.ts";
import { keyMay } from "../../shared/roles.ts";
import { answerExample, bodyExample } from "./page.ts";
import { type JsonSchema, jsonSchema } from "./schema.ts";

const PROBLEM = { $ref: "#/components/schemas/Problem" };

const BYTES = { type: "string", format: "binary" };

/** The API as an OpenAPI 3.1 document, made from the endpoint table. */
export function openApi(): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [id, endpoint] of Object.entries(endpoints) as [EndpointId, Endpoint][]) {
    paths[endpoint.path] = {
      ...paths[endpoint.path],
      [endpoint.method.toLowerCase()]: operation(id, endpoint),
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Tanvrit Compute", version: packageJson.version },
    servers: [{ url: "http://127.0.0.1:7070" }],
    paths,
    components: {
      schemas: { Problem: jsonSchema(problem, "output") },
      securitySchemes: {
        user: {
          type: "http",
          scheme: "bearer",
          description: "A token that `tanvrit-compute auth print-token` prints.",
        },
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key", description: "An API key of a person." },
        node: { type: "apiKey", in: "header", name: "X-API-Key", description: "A node's key." },
        enrolment: { type: "apiKey", in: "header", name: "X-API-Key", description: "An enrolment token." },
      },
    },
  };
}

function operation(id: EndpointId, endpoint: Endpoint): JsonSchema {
  const input = jsonSchema(endpoint.input, "input");
  const parameters = [
    ...(takesJson(endpoint) ? [] : parametersOf(endpoint, input)),
    ...(endpoint.idempotencyKey ? [header("Idempotency-Key")] : []),
    ...(endpoint.events ? [header("Last-Event-ID")] : []),
  ];
  return {
    operationId: id,
    tags: [id.split(".")[0]],
    summary: endpoint.summary,
    security: securityOf(endpoint),
    ...(parameters.length > 0 && { parameters }),
    ...(endpoint.method !== "GET" && { requestBody: { required: true, content: body(id, endpoint, input) } }),
    responses: { "200": answer(id, endpoint), ...problems(endpoint) },
  };
}

/** What a caller sends, one of these. */
function securityOf({ callers, right }: Endpoint): JsonSchema[] {
  const own = callers.map((caller) => (caller === "anyone" ? {} : { [caller]: [] }));
  const takesApiKey = callers.includes("user") && right !== undefined && keyMay(right, { readOnly: false });
  return takesApiKey ? [...own, { apiKey: [] }] : own;
}

function takesJson({ method, takesBytes }: Endpoint): boolean {
  return method !== "GET" && takesBytes === undefined;
}

function body(id: EndpointId, { takesBytes }: Endpoint, schema: JsonSchema): JsonSchema {
  if (takesBytes) return { [takesBytes.type]: { schema: BYTES } };
  return { "application/json": { schema, example: bodyExample(id) } };
}

function parametersOf(endpoint: Endpoint, { properties = {}, required = [] }: JsonSchema): JsonSchema[] {
  return Object.entries(properties as Record<string, JsonSchema>).map(([name, schema]) => {
    const inPath = endpoint.path.includes(`{${name}}`);
    const isRequired = inPath || (required as string[]).includes(name);
    return { name, in: inPath ? "path" : "query", required: isRequired, schema };
  });
}

function header(name: string): JsonSchema {
  return { name, in: "header", required: false, schema: { type: "string" } };
}

function answer(id: EndpointId, endpoint: Endpoint): JsonSchema {
  if (endpoint.givesBytes !== undefined)
    return { description: "Done.", content: { [endpoint.givesBytes]: { schema: BYTES } } };
  if (!endpoint.events) {
    const schema = jsonSchema(endpoint.output, "output");
    return { description: "Done.", content: { "application/json": { schema, example: answerExample(id) } } };
  }
  const events = Object.entries(endpoint.events).map(([name, schema]) => [
    name,
    jsonSchema(schema, "output"),
  ]);
  return {
    description: "Server-sent events. x-events has the schema of each event's data, by event name.",
    content: { "text/event-stream": { schema: { type: "string" }, "x-events": Object.fromEntries(events) } },
  };
}

/** One answer per status; its description lists the error codes. */
function problems(endpoint: Endpoint): JsonSchema {
  const codes = [...new Set([...commonErrors, ...endpoint.errors])];
  const byStatus = Map.groupBy(codes, (code) => String(errorCodes[code].status));
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `${code}: ${errorCodes[code].title}.`).join(" "),
        content: { "application/problem+json": { schema: PROBLEM } },
      },
    ]),
  );
}
