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
import { statsEndpoints } from "./stats.ts";
import { templateEndpoints } from "./template.ts";
import { trashEndpoints } from "./trash.ts";
import type { EndpointId, StreamId } from "./wire/index.ts";

export type { CallId, EndpointId, ReceiveId, SendId, StreamId } from "./wire/index.ts";

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
  ...statsEndpoints,
} as const;

export type Endpoints = typeof endpoints;

/** The input as a caller writes it: fields with defaults are optional. */
export type EndpointInput<Id extends EndpointId> = z.input<Endpoints[Id]["input"]>;
/** The input as a handler gets it: defaults are filled in. */
export type ParsedInput<Id extends EndpointId> = z.output<Endpoints[Id]["input"]>;
export type EndpointOutput<Id extends EndpointId> = z.output<Endpoints[Id]["output"]>;
/** The data of each event of a stream, by the event's name. */
export type EndpointEvents<Id extends StreamId> = {
  [Name in keyof Endpoints[Id]["events"] & string]: z.output<Endpoints[Id]["events"][Name]>;
};
