import { secretName } from "../../shared/job-files.ts";
import type { SecretFacts } from "../../shared/secret.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { isoTime } from "../http/iso-time.ts";
import { readPage } from "../http/page.ts";
import type { TrashBin } from "../trash/bin.ts";
import type { SecretService } from "./secret-service.ts";
import type { SecretRecord } from "./secret-store.ts";

type SecretHandlers = Pick<Handlers, "secrets.set" | "secrets.list" | "secrets.delete">;

export function secretHandlers(service: SecretService, bin: TrashBin): SecretHandlers {
  const factsOf = async (businessId: string, secrets: readonly SecretRecord[]) => {
    const names = await service.namesOf(
      businessId,
      secrets.map(({ userId }) => userId),
    );
    return secrets.map((secret) => facts(secret, names.get(secret.userId) ?? secret.userId));
  };
  return {
    "secrets.set": async ({ name, valueBase64, ttlSeconds }, context) => {
      const by = userOf(context);
      const secret = await service.set(by, name, Buffer.from(valueBase64, "base64"), ttlSeconds);
      const { version } = secret;
      context.note({
        ...(version > 1 && { before: { version: version - 1 } }),
        after: { version, expiresAt: isoTime(secret.expiresAtMs) },
      });
      return facts(secret, by.userName);
    },
    "secrets.list": async (page, context) => {
      const by = userOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        secretName(),
        (afterName, limit) => service.list(by, afterName, limit),
        ({ name }) => name,
      );
      return { secrets: await factsOf(by.businessId, rows), nextCursor };
    },
    "secrets.delete": async ({ names }, context) => {
      const asked = [...new Set(names)];
      const by = userOf(context);
      const into = bin.entryFor(by);
      const removed = new Set(await service.remove(by, asked, into));
      return {
        trashId: removed.size > 0 ? into?.trashId : undefined,
        deleted: asked.filter((name) => removed.has(name)),
        missing: asked.filter((name) => !removed.has(name)),
      };
    },
  };
}

function facts(secret: SecretRecord, updatedBy: string): SecretFacts {
  const { name, version, createdAtMs, updatedAtMs, expiresAtMs } = secret;
  return {
    name,
    version,
    createdAt: isoTime(createdAtMs),
    updatedAt: isoTime(updatedAtMs),
    updatedBy,
    ...(expiresAtMs !== undefined && { expiresAt: isoTime(expiresAtMs) }),
  };
}
