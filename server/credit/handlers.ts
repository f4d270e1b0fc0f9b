import { type CreditBalance, type CreditEntry, entryId } from "../../shared/credit.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { isoTime } from "../http/iso-time.ts";
import { readPage } from "../http/page.ts";
import type { CreditService } from "./credit-service.ts";
import { type Account, availableOf, type LedgerRecord } from "./credit-store.ts";
import { hostedPools, type Pricing } from "./pricing.ts";
import { type SpendParts, spendOf } from "./spend.ts";

type CreditHandlers = Pick<
  Handlers,
  "credits.balance" | "credits.ledger" | "credits.prices" | "credits.grant" | "credits.spend"
>;

const SPEND_MS = 30 * 86_400_000;

export function creditHandlers(
  service: CreditService,
  { pricing, now, ...finds }: Omit<SpendParts, "ledger"> & { pricing: Pricing; now: () => number },
): CreditHandlers {
  return {
    "credits.balance": async (_, context) => balanceView(await service.balance(userOf(context))),
    "credits.ledger": async ({ since, ...page }, context) => {
      const { businessId, userId } = userOf(context);
      const sinceMs = since === undefined ? undefined : Date.parse(since);
      const { rows, nextCursor } = await readPage(
        page,
        entryId,
        (beforeEntryId, limit) => service.ledger({ businessId, userId, sinceMs, beforeEntryId, limit }),
        (one) => one.entryId,
      );
      return { entries: rows.map(entryView), nextCursor };
    },
    "credits.spend": ({ since }, context) => {
      const { businessId, userId } = userOf(context);
      const sinceMs = since === undefined ? now() - SPEND_MS : Date.parse(since);
      const ledger = service.ledger.bind(service);
      return spendOf({ ledger, ...finds }, { businessId, userId, sinceMs });
    },
    "credits.prices": () => ({ pools: hostedPools(pricing) }),
    "credits.grant": async (grant, context) =>
      entryView(await service.grant(userOf(context), grant, context.idempotencyKey)),
  };
}

function balanceView(account: Account): CreditBalance {
  const { month, monthlyMicroUsd, lastingMicroUsd, reservedMicroUsd } = account;
  const [year = 0, number = 0] = month.split("-").map(Number);
  return {
    availableMicroUsd: availableOf(account),
    reservedMicroUsd,
    monthlyMicroUsd,
    lastingMicroUsd,
    month,
    monthEndsAt: isoTime(Date.UTC(year, number, 1)),
  };
}

function entryView(record: LedgerRecord): CreditEntry {
  const { businessId: _, userId: __, key: ___, createdAtMs, ...shown } = record;
  return { ...shown, createdAt: isoTime(createdAtMs) };
}
