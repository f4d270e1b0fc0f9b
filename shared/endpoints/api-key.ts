import { z } from "zod";
import { apiKey, apiKeyId, apiKeyLimits, apiKeyName, MAX_API_KEY_SECONDS } from "../api-key.ts";
import { role } from "../auth.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { apiKeyWire } from "./wire/api-key.ts";

export const apiKeyEndpoints = defineEndpoints(apiKeyWire, {
  "api-keys.create": {
    right: "api-keys.own",
    summary: "Make an API key for programs that act as you. Its text is in this answer and nowhere else.",
    input: z.strictObject({
      name: apiKeyName,
      /** Absent: it does not expire. */
      expiresInSeconds: z.int().min(1).max(MAX_API_KEY_SECONDS).optional(),
      /** The most the key may do. Absent: what you may do. */
      role: role.optional(),
      /** It may look at everything, and change nothing. */
      readOnly: z.boolean().default(false),
      ...apiKeyLimits,
    }),
    output: apiKey.extend({
      /** Send it as `X-API-Key`. */
      key: z.string(),
    }),
  },
  "api-keys.list": {
    right: "api-keys.own",
    summary:
      "Your API keys, without their secrets, the newest first. Owners and admins can list everybody's.",
    input: z.strictObject({
      /** Everybody's in this business. */
      all: z.boolean().default(false),
      ...pageInput,
    }),
    output: z.object({ apiKeys: z.array(apiKey), ...pageOutput }),
  },
  "api-keys.revoke": {
    right: "api-keys.own",
    summary:
      "End an API key: its next call is refused by every server. Owners and admins can end everybody's.",
    input: z.strictObject({ apiKeyId }),
    output: z.object({ apiKeyId }),
  },
});
