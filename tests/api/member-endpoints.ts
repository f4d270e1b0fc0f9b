import { expect } from "bun:test";
import { newId } from "../../shared/ids.ts";
import type { Scenarios, Stage } from "./stage.ts";

/** A scenario for each endpoint of the people of a business. What follows for these people is tested in tests/access. */
export const memberScenarios = {
  "members.list": async ({ api }) => {
    const business = `team-${crypto.randomUUID()}`;
    const anna = await api.user(business, "anna");
    await api.user(business, "ben");
    const { members } = await api.call("members.list", {}, anna);
    expect(members.map(({ userName, role }) => `${userName} ${role}`).sort()).toEqual([
      "anna owner",
      "ben owner",
    ]);
    const first = await api.call("members.list", { limit: 1 }, anna);
    const second = await api.call("members.list", { limit: 1, cursor: first.nextCursor }, anna);
    expect([...first.members, ...second.members]).toEqual(members);
    expect(second.nextCursor).toBeUndefined();
  },

  "members.invite": async ({ api, user }) => {
    const invited = await api.call("members.invite", { role: "viewer", email: "Ben@Example.org" }, user);
    expect(invited).toMatchObject({ role: "viewer", email: "ben@example.org", mailed: true });
    expect(invited.url).toStartWith(new URL("/invitation/", api.url).href);
    const days = (Date.parse(invited.expiresAt) - Date.parse(invited.createdAt)) / 86_400_000;
    expect(days).toBe(7);
    const badAddress = await api.refused("members.invite", { role: "viewer", email: "ben" }, user);
    expect(badAddress.errors?.[0]?.path).toBe("email");
  },

  "members.invitations": async ({ api }) => {
    const user = await api.newUser();
    const { url, mailed: _, ...invitation } = await api.call("members.invite", { role: "member" }, user);
    const listed = await api.call("members.invitations", {}, user);
    expect(listed).toEqual({ invitations: [invitation] });
    expect(JSON.stringify(listed)).not.toContain(url.split("/").at(-1) ?? url);
  },

  "members.revoke-invitation": async ({ api }) => {
    const user = await api.newUser();
    const { invitationId } = await api.call("members.invite", { role: "member" }, user);
    await api.call("members.revoke-invitation", { invitationId }, user);
    expect(await api.call("members.invitations", {}, user)).toEqual({ invitations: [] });
    const again = await api.refused("members.revoke-invitation", { invitationId }, user);
    expect(again.code).toBe("not_found");
  },

  "members.change-role": async (stage) => {
    const { anna, ben, api } = await twoOwners(stage);
    expect(await api.call("members.change-role", { user: "ben", role: "viewer" }, anna)).toMatchObject({
      userName: "ben",
      role: "viewer",
    });
    expect((await api.call("auth.whoami", {}, ben)).role).toBe("viewer");
    const last = await api.refused("members.change-role", { user: "anna", role: "admin" }, anna);
    expect(last).toMatchObject({
      code: "conflict",
      detail: expect.stringContaining("anna is the last owner"),
    });
    const nobody = await api.refused("members.change-role", { user: newId("usr"), role: "admin" }, anna);
    expect(nobody.code).toBe("not_found");
  },

  "members.remove": async (stage) => {
    const { anna, ben, api } = await twoOwners(stage);
    const { userId } = await api.call("auth.whoami", {}, ben);
    expect(await api.call("members.remove", { user: userId }, anna)).toMatchObject({ userName: "ben" });
    expect((await api.refused("auth.whoami", {}, ben)).code).toBe("session_ended");
    expect((await api.refused("members.remove", { user: "ben" }, anna)).code).toBe("not_found");
    expect((await api.refused("members.remove", { user: "anna" }, anna)).code).toBe("conflict");
  },
} satisfies Partial<Scenarios>;

async function twoOwners({ api }: Stage) {
  const business = `team-${crypto.randomUUID()}`;
  return { api, anna: await api.user(business, "anna"), ben: await api.user(business, "ben") };
}
