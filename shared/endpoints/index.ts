import type { z } from "zod";
import { activityEndpoints } from "./activity.ts";
import { apiKeyEndpoints } from "./api-key.ts";
import { artifactEndpoints } from "./artifact.ts";
import { auditEndpoints } from "./audit.ts";
import { authEndpoints } from "./auth.ts";
import { creditEndpoints } from "./credit.ts";
import { enrolmentEndpoints } from "./enrolment.ts";
import { executionEndpoints } from "./execution.ts";
import { jobEndpoints } from "./job.ts";
import { manyJobsEndpoints } from "./many-jobs.ts";
import { memberEndpoints } from "./member.ts";
import { nodeEndpoints } from "./node.ts";
import { scheduleEndpoints } from "./schedule.ts";
import { secretEndpoints } from "./secret.ts";
import { serverEndpoints } from "./server.ts";
import { templateEndpoints } from "./template.ts";
import { trashEndpoints } from "./trash.ts";

/** Every endpoint of the API by its id. The server mounts it, the SDK is typed by it, the tests walk it. */
export const endpoints = {
  ...serverEndpoints,
  ...authEndpoints,
  ...jobEndpoints,
  ...manyJobsEndpoints,
  ...executionEndpoints,
  ...nodeEndpoints,
  ...enrolmentEndpoints,
  ...creditEndpoints,
  ...scheduleEndpoints,
  ...templateEndpoints,
  ...secretEndpoints,
  ...artifactEndpoints,
  ...auditEndpoints,
  ...apiKeyEndpoints,
  ...memberEndpoints,
  ...trashEndpoints,
  ...activityEndpoints,
} as const;

export type Endpoints = typeof endpoints;
export type EndpointId = keyof Endpoints;
/** The endpoints whose row has this property. */
type IdWith<Property extends "events" | "takesBytes" | "givesBytes"> = {
  [Id in EndpointId]: Endpoints[Id] extends Record<Property, unknown> ? Id : never;
}[EndpointId];
/** The endpoints that answer with a stream of events. */
export type StreamId = IdWith<"events">;
/** The endpoints whose body is bytes. They answer with JSON. */
export type SendId = IdWith<"takesBytes">;
/** The endpoints that answer with bytes. */
export type ReceiveId = IdWith<"givesBytes">;
/** The endpoints that take JSON and answer once, with JSON. */
export type CallId = Exclude<EndpointId, StreamId | SendId | ReceiveId>;

/** The input as a caller writes it: fields with defaults are optional. */
export type EndpointInput<Id extends EndpointId> = z.input<Endpoints[Id]["input"]>;
/** The input as a handler gets it: defaults are filled in. */
export type ParsedInput<Id extends EndpointId> = z.output<Endpoints[Id]["input"]>;
export type EndpointOutput<Id extends EndpointId> = z.output<Endpoints[Id]["output"]>;
