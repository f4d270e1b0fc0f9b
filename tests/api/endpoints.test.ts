import { expect, test } from "bun:test";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { Api } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMail } from "../support/mail.ts";
import { TestServer } from "../support/server.ts";
import { activityScenarios } from "./activity-endpoints.ts";
import { apiKeyScenarios } from "./api-key-endpoints.ts";
import { artifactScenarios } from "./artifact-endpoints.ts";
import { auditScenarios } from "./audit-endpoints.ts";
import { authScenarios } from "./auth-endpoints.ts";
import { creditScenarios } from "./credit-endpoints.ts";
import { enrolmentScenarios } from "./enrolment-endpoints.ts";
import { jobScenarios } from "./job-endpoints.ts";
import { manyJobsScenarios } from "./many-jobs-endpoints.ts";
import { memberScenarios } from "./member-endpoints.ts";
import { nodeScenarios } from "./node-endpoints.ts";
import { peopleScenarios } from "./people-endpoints.ts";
import { scheduleScenarios } from "./schedule-endpoints.ts";
import { secretScenarios } from "./secret-endpoints.ts";
import type { Scenarios, Stage } from "./stage.ts";
import { templateScenarios } from "./template-endpoints.ts";
import { trashScenarios } from "./trash-endpoints.ts";

const scenarios: Scenarios = {
  ...activityScenarios,
  ...apiKeyScenarios,
  ...artifactScenarios,
  ...auditScenarios,
  ...authScenarios,
  ...creditScenarios,
  ...enrolmentScenarios,
  ...jobScenarios,
  ...manyJobsScenarios,
  ...memberScenarios,
  ...nodeScenarios,
  ...peopleScenarios,
  ...scheduleScenarios,
  ...secretScenarios,
  ...templateScenarios,
  ...trashScenarios,
};

const mail = forAllTests(await TestMail.start());
const server = forAllTests(await TestServer.start(mail.env));
const { api } = server;
const stage: Stage = { api, user: await api.user(), mail };

test("every endpoint has a scenario, and every scenario has an endpoint", () => {
  expect(Object.keys(scenarios).sort()).toEqual(Object.keys(endpoints).sort());
});

for (const [id, endpoint] of Object.entries(endpoints) as [EndpointId, Endpoint][]) {
  test(`${id}: ${endpoint.summary}`, () => scenarios[id](stage));
}

for (const id of Object.keys(nodeScenarios) as (keyof typeof nodeScenarios)[]) {
  test(`${id}, with the calls of nodes over a WebSocket`, async () => {
    const api = new Api(server.api.url);
    api.nodeCalls = "socket";
    await nodeScenarios[id]({ ...stage, api });
  });
}

test("every endpoint that users may call names the right that their role must have", () => {
  for (const [id, { callers, right }] of Object.entries(endpoints) as [EndpointId, Endpoint][]) {
    expect({ id, hasRight: right !== undefined }).toEqual({ id, hasRight: callers.includes("user") });
  }
});

test("an endpoint that requires authentication refuses an anonymous caller", async () => {
  for (const [id, endpoint] of Object.entries(endpoints) as [EndpointId, Endpoint][]) {
    if (endpoint.callers.includes("anyone")) continue;
    const response = await api.fetch(endpoint.path, {
      method: endpoint.method,
      ...(endpoint.method === "POST" ? { body: "{}", headers: { "content-type": "application/json" } } : {}),
    });
    expect({ id, status: response.status }).toEqual({ id, status: 401 });
  }
});
