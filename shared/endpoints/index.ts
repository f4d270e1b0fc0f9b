import type { z } from "zod";
import { authEndpoints } from "./auth.ts";
import { creditEndpoints } from "./credit.ts";
import { executionEndpoints } from "./execution.ts";
import { jobEndpoints } from "./job.ts";
import { manyJobsEndpoints } from "./many-jobs.ts";
import { nodeEndpoints } from "./node.ts";
import { scheduleEndpoints } from "./schedule.ts";
import { secretEndpoints } from "./secret.ts";
import { serverEndpoints } from "./server.ts";
import { templateEndpoints } from "./template.ts";

/** Every endpoint of the API by its id. The server mounts it, the SDK is typed by it, the tests walk it. */
export const endpoints = {
  ...serverEndpoints,
  ...authEndpoints,
  ...jobEndpoints,
  ...manyJobsEndpoints,
  ...executionEndpoints,
  ...nodeEndpoints,
  ...creditEndpoints,
  ...scheduleEndpoints,
  ...templateEndpoints,
  ...secretEndpoints,
} as const;

export type Endpoints = typeof endpoints;
export type EndpointId = keyof Endpoints;
/** The endpoints that answer once, with JSON. */
export type CallId = {
  [Id in EndpointId]: Endpoints[Id] extends { events: unknown } ? never : Id;
}[EndpointId];
/** The endpoints that answer with a stream of events. */
export type StreamId = Exclude<EndpointId, CallId>;

/** The input as a caller writes it: fields with defaults are optional. */
export type EndpointInput<Id extends EndpointId> = z.input<Endpoints[Id]["input"]>;
/** The input as a handler gets it: defaults are filled in. */
export type ParsedInput<Id extends EndpointId> = z.output<Endpoints[Id]["input"]>;
export type EndpointOutput<Id extends EndpointId> = z.output<Endpoints[Id]["output"]>;
