import { expect, test } from "bun:test";
import { digestOf, newSecret } from "../../server/auth/bearer-secret.ts";
import { newId } from "../../shared/ids.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";

const plane = forAllTests(await TestPlane.start());

test("a new password signs out every browser of its person, and of nobody else", async () => {
  const browserOf = async (userId: string) => {
    const token = newSecret();
    const [createdAtMs, expiresAtMs] = [plane.now(), plane.now() + 60_000];
    const session = { sessionId: newId("ses"), userId, createdAtMs, usedAtMs: createdAtMs, expiresAtMs };
    await plane.stores.visits.open({ ...session, from: undefined, agent: undefined }, digestOf(token));
    return async () => (await plane.stores.visits.find(digestOf(token), plane.now())) !== undefined;
  };
  const anna = await plane.api.signIn("lab", "anna");
  const ben = await plane.api.signIn("lab", "ben");
  const isAnnasIn = await browserOf(anna.identity.userId);
  const isBensIn = await browserOf(ben.identity.userId);
  const change = { newPassword: "a quiet green morning" };
  await plane.api.call("auth.set-password", change, { token: anna.accessToken });
  expect([await isAnnasIn(), await isBensIn()]).toEqual([false, true]);
});
