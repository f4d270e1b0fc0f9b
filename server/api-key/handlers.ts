import type { ApiKey } from "../../shared/api-key.ts";
import { apiKeyId } from "../../shared/api-key.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { isoTime } from "../http/iso-time.ts";
import { readPage } from "../http/page.ts";
import type { ApiKeys, OwnedKey } from "./api-keys.ts";

type ApiKeyHandlers = Pick<Handlers, "api-keys.create" | "api-keys.list" | "api-keys.revoke">;

export function apiKeyHandlers(keys: ApiKeys): ApiKeyHandlers {
  return {
    "api-keys.create": async (input, context) => {
      const { owned, text } = await keys.create(userOf(context), input);
      return { ...view(owned), key: text };
    },
    "api-keys.list": async ({ all, ...page }, context) => {
      const by = userOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        apiKeyId,
        (beforeId, limit) => keys.list(by, { all, beforeId, limit }),
        ({ key }) => key.apiKeyId,
      );
      return { apiKeys: rows.map(view), nextCursor };
    },
    "api-keys.revoke": async ({ apiKeyId }, context) => {
      await keys.revoke(userOf(context), apiKeyId);
      return { apiKeyId };
    },
  };
}

function view({ key, userName }: OwnedKey): ApiKey {
  const { apiKeyId, name, userId, role, readOnly, maxJobsPerHour, maxConcurrent, allowedJobTypes } = key;
  return {
    apiKeyId,
    name,
    userId,
    userName,
    role,
    readOnly,
    maxJobsPerHour,
    maxConcurrent,
    allowedJobTypes: allowedJobTypes && [...allowedJobTypes],
    createdAt: isoTime(key.createdAtMs),
    expiresAt: isoTime(key.expiresAtMs),
    lastUsedAt: isoTime(key.lastUsedAtMs),
  };
}
