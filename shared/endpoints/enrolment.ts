import { z } from "zod";
import { enrolment, enrolmentId, MAX_ENROLMENT_SECONDS, MAX_ENROLMENT_USES } from "../enrolment.ts";
import { pool } from "../job-fields.ts";
import { labels } from "../labels.ts";
import { fingerprint } from "../server-pin.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { enrolmentWire } from "./wire/enrolment.ts";

export const enrolmentEndpoints = defineEndpoints(enrolmentWire, {
  "enrolments.create": {
    right: "nodes.enroll",
    summary:
      "Make a token with which machines without a person register as nodes. What it grants, a pool and labels, each of these nodes offers.",
    input: z.strictObject({
      /** How long machines may register with it. Nodes that did stay registered after that. */
      ttlSeconds: z.int().min(60).max(MAX_ENROLMENT_SECONDS).default(3_600),
      uses: z.int().min(1).max(MAX_ENROLMENT_USES).default(1),
      pool: pool().unwrap().optional(),
      labels: labels().optional(),
    }),
    output: enrolment.extend({
      /** Shown only once. */
      token: z.string(),
      /** Where machines find the server, as far as it knows. */
      serverUrl: z.string(),
      /** What machines need to know the server by, if no authority signed its certificate. */
      fingerprint: fingerprint().optional(),
    }),
  },
  "enrolments.list": {
    right: "nodes.enroll",
    summary: "The enrolment tokens of the business without their secrets, newest first.",
    input: z.strictObject({ ...pageInput }),
    output: z.object({ enrolments: z.array(enrolment), ...pageOutput }),
  },
  "enrolments.revoke": {
    right: "nodes.enroll",
    summary:
      "Let no more machines register with an enrolment token. With nodes, those that registered with it lose their access too: they get no new jobs, and may finish what they run.",
    input: z.strictObject({ enrolmentId, nodes: z.boolean().default(false) }),
    output: enrolment.extend({
      /** The nodes that have lost their access. */
      endedNodes: z.array(z.string()),
    }),
  },
});
