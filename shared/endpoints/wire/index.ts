import { activityWire } from "./activity.ts";
import { apiKeyWire } from "./api-key.ts";
import { artifactWire } from "./artifact.ts";
import { auditWire } from "./audit.ts";
import { authWire } from "./auth.ts";
import { creditWire } from "./credit.ts";
import { enrolmentWire } from "./enrolment.ts";
import { executionWire } from "./execution.ts";
import { jobWire } from "./job.ts";
import { manyJobsWire } from "./many-jobs.ts";
import { memberWire } from "./member.ts";
import { nodeWire } from "./node.ts";
import { scheduleWire } from "./schedule.ts";
import { secretWire } from "./secret.ts";
import { serverWire } from "./server.ts";
import { statsWire } from "./stats.ts";
import { templateWire } from "./template.ts";
import { trashWire } from "./trash.ts";

/** What a client must know of every endpoint of the API, by the endpoint's id. */
export const wire = {
  ...serverWire,
  ...authWire,
  ...jobWire,
  ...manyJobsWire,
  ...executionWire,
  ...nodeWire,
  ...enrolmentWire,
  ...creditWire,
  ...scheduleWire,
  ...templateWire,
  ...secretWire,
  ...artifactWire,
  ...auditWire,
  ...apiKeyWire,
  ...memberWire,
  ...trashWire,
  ...activityWire,
  ...statsWire,
} as const;

export type Wire = typeof wire;
export type EndpointId = keyof Wire;
/** The endpoints whose row has this property. */
type IdWith<Property extends "streams" | "takesBytes" | "givesBytes"> = {
  [Id in EndpointId]: Wire[Id] extends Record<Property, unknown> ? Id : never;
}[EndpointId];
/** The endpoints that answer with a stream of events. */
export type StreamId = IdWith<"streams">;
/** The endpoints whose body is bytes. They answer with JSON. */
export type SendId = IdWith<"takesBytes">;
/** The endpoints that answer with bytes. */
export type ReceiveId = IdWith<"givesBytes">;
/** The endpoints that take JSON and answer once, with JSON. */
export type CallId = Exclude<EndpointId, StreamId | SendId | ReceiveId>;
