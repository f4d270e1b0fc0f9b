import { expect, test } from "bun:test";
import { join } from "node:path";
import { openApi } from "../../cmd/api/openapi.ts";
import { answerExample, apiPage, bodyExample } from "../../cmd/api/page.ts";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { root } from "./source.ts";

const table = Object.entries(endpoints) as [EndpointId, Endpoint][];

test("docs/api.md is what `tanvrit-compute api` prints", async () => {
  const page = await Bun.file(join(root, "docs/api.md")).text();
  // Made by: bun cmd/main.ts api > docs/api.md
  expect(page).toBe(apiPage());
});

test("every endpoint is on the page and in the OpenAPI document", () => {
  const page = apiPage();
  const paths = openApi().paths as Record<string, Record<string, { operationId: string }>>;
  for (const [id, { method, path }] of table) {
    expect(page).toContain(`### ${id}\n\n\`${method} ${path}\``);
    expect(paths[path]?.[method.toLowerCase()]?.operationId).toBe(id);
  }
});

test("every example of a request and of a response is valid", () => {
  const wrong = table.flatMap(([id, { method, input, output, events, takesBytes }]) => {
    const body = method === "POST" && !takesBytes && input.safeParse(bodyExample(id)).error;
    const answer = !events && output.safeParse(answerExample(id)).error;
    return [body && { id, body: body.message }, answer && { id, answer: answer.message }].filter(Boolean);
  });
  expect(wrong).toEqual([]);
});

test("every reference in the OpenAPI document resolves", () => {
  const document = openApi();
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, to]) => to ?? "");
  const found = (to: string) =>
    to
      .replace(/^#\//, "")
      .split("/")
      .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
  expect([...new Set(references)].filter((to) => found(to) === undefined)).toEqual([]);
});
