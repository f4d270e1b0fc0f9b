import { z } from "zod";
import { secretName } from "../job-files.ts";
import { MAX_SECRET_TTL_SECONDS, MAX_SECRETS, secretFacts, secretValue } from "../secret.ts";
import { trashOutput } from "../trash.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { secretWire } from "./wire/secret.ts";

export const secretEndpoints = defineEndpoints(secretWire, {
  "secrets.set": {
    right: "secrets.change",
    summary:
      "Set the value of a secret, which jobs name in secretEnv and secretFiles. No endpoint for people returns it. Owners and admins may do this.",
    input: z.strictObject({
      name: secretName(),
      valueBase64: secretValue,
      /** It is removed after this long; absent: it stays until somebody deletes it. */
      ttlSeconds: z.int().min(1).max(MAX_SECRET_TTL_SECONDS).optional(),
    }),
    output: secretFacts,
  },
  "secrets.list": {
    right: "secrets.use",
    summary: "The secrets of the business by name, without their values.",
    input: z.strictObject({ ...pageInput }),
    output: z.object({ secrets: z.array(secretFacts), ...pageOutput }),
  },
  "secrets.delete": {
    right: "secrets.change",
    summary: "Delete secrets. Jobs that name them no longer start. Owners and admins may do this.",
    input: z.strictObject({ names: z.array(secretName()).min(1).max(MAX_SECRETS) }),
    output: z.object({
      deleted: z.array(secretName()),
      ...trashOutput,
      /** Names that no secret of the business has. */
      missing: z.array(secretName()),
    }),
  },
});
