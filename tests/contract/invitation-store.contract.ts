import { describe, expect, test } from "bun:test";
import type { InvitationRecord, InvitationStore } from "../../server/auth/invitation-store.ts";
import type { PersonStore } from "../../server/auth/person-store.ts";
import { newId } from "../../shared/ids.ts";

interface Opened {
  invitations: InvitationStore;
  people: PersonStore;
  close(): Promise<void>;
}

/** What every store of invitations promises. `open` gives an empty one, which is closed after each test. */
export function invitationStoreContract(name: string, open: () => Promise<Opened>) {
  const withStore = (rule: string, body: (opened: Opened) => Promise<void>) =>
    test(rule, async () => {
      const opened = await open();
      try {
        await body(opened);
      } finally {
        await opened.close();
      }
    });

  describe(`${name} keeps invitations`, () => {
    withStore("an invitation comes back by the hash of its token, until it expires", async (opened) => {
      const { invitations } = opened;
      const { businessId } = await opened.people.business("acme", 1_000);
      const one = invitationOf(businessId, { email: "ben@example.org" });
      expect(await invitations.create(one, "hash", 10)).toBe(true);
      expect(await invitations.find("hash", 9_999)).toEqual(one);
      expect(await invitations.find("hash", 10_000)).toBeUndefined();
      expect(await invitations.find("other", 1_000)).toBeUndefined();
    });

    withStore("of many people who use a link at once, one becomes a member", async (opened) => {
      const { invitations, people } = opened;
      const { businessId } = await people.business("acme", 1_000);
      await invitations.create(invitationOf(businessId, { role: "viewer" }), "hash", 10);
      const ids = Array.from({ length: 10 }, () => newId("usr"));
      for (const [i, userId] of ids.entries()) await people.create(personOf(userId, `user-${i}`));
      const done = await Promise.all(ids.map((userId) => invitations.accept("hash", userId, 2_000)));
      expect(done.filter((one) => one !== undefined)).toHaveLength(1);
      const members = await people.members(businessId, undefined, 20);
      expect(members.map(({ role }) => role)).toEqual(["viewer"]);
      expect(await invitations.find("hash", 2_000)).toBeUndefined();
    });

    withStore("an invitation leaves the role of somebody who is a member already", async (opened) => {
      const { invitations, people } = opened;
      const { businessId } = await people.business("acme", 1_000);
      const userId = newId("usr");
      await people.create(personOf(userId, "anna"));
      await people.join(businessId, userId, "viewer", 1_000);
      await invitations.create(invitationOf(businessId, { role: "admin" }), "hash", 10);
      expect(await invitations.accept("hash", userId, 2_000)).toMatchObject({ role: "admin" });
      expect(await people.membership(businessId, userId)).toMatchObject({ role: "viewer" });
      expect(await invitations.accept("hash", userId, 2_000)).toBeUndefined();
    });

    withStore("an expired or revoked invitation makes nobody a member", async (opened) => {
      const { invitations, people } = opened;
      const { businessId } = await people.business("acme", 1_000);
      const one = invitationOf(businessId);
      await invitations.create(one, "hash", 10);
      expect(await invitations.accept("hash", newId("usr"), 10_000)).toBeUndefined();
      expect(await invitations.revoke(newId("biz"), one.invitationId, 2_000)).toBe(false);
      expect(await invitations.revoke(businessId, one.invitationId, 10_000)).toBe(false);
      expect(await invitations.revoke(businessId, one.invitationId, 2_000)).toBe(true);
      expect(await invitations.revoke(businessId, one.invitationId, 2_000)).toBe(false);
      expect(await invitations.accept("hash", newId("usr"), 2_000)).toBeUndefined();
      expect(await people.members(businessId, undefined, 10)).toEqual([]);
    });

    withStore("a business lists its own open invitations, and has no more than its limit", async (opened) => {
      const { invitations } = opened;
      const { businessId } = await opened.people.business("acme", 1_000);
      const { businessId: other } = await opened.people.business("lab", 1_000);
      const all = Array.from({ length: 12 }, () => invitationOf(businessId));
      const made = await Promise.all(all.map((one, i) => invitations.create(one, `hash-${i}`, 3)));
      expect(made.filter(Boolean)).toHaveLength(3);
      expect(await invitations.create(invitationOf(other), "hash-other", 3)).toBe(true);
      const list = (where: object) =>
        invitations.list({ businessId, nowMs: 2_000, beforeId: undefined, limit: 10, ...where });
      const ids = (await list({})).map(({ invitationId }) => invitationId);
      expect(ids).toEqual(ids.toSorted().reverse());
      expect(ids).toHaveLength(3);
      expect((await list({ beforeId: ids[0], limit: 1 })).map((one) => one.invitationId)).toEqual([
        ids[1] ?? "",
      ]);
      expect(await list({ nowMs: 10_000 })).toEqual([]);
      // Expired ones no longer count.
      const late = invitationOf(businessId, { createdAtMs: 10_000, expiresAtMs: 20_000 });
      expect(await invitations.create(late, "hash-late", 3)).toBe(true);
    });
  });
}

function invitationOf(businessId: string, change: Partial<InvitationRecord> = {}): InvitationRecord {
  return {
    invitationId: newId("inv"),
    businessId,
    role: "member",
    email: undefined,
    invitedBy: newId("usr"),
    createdAtMs: 1_000,
    expiresAtMs: 10_000,
    ...change,
  };
}

function personOf(userId: string, userName: string) {
  return { userId, userName, email: undefined, passwordHash: undefined, nowMs: 1_000 };
}
