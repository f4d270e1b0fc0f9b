import { describe, expect, test } from "bun:test";
import type { GrantStore, NewCode, NewDevice } from "../../server/oauth/grant-store.ts";

const ROOM = { inAll: 1_000, perAddress: 100 };
const ANNA = { userId: "usr_anna", businessId: "biz_shop" };

/** What every grant store promises. `open` gives an empty store, which is closed after each test. */
export function grantStoreContract(
  name: string,
  open: () => Promise<{ store: GrantStore } & AsyncDisposable>,
) {
  describe(`${name} keeps grants`, () => {
    test("a code comes back as it was added, and is used up by the first of many sessions", async () => {
      await using opened = await open();
      const code = newCode({ nonce: "n-1", scope: ["openid", "profile"], visitId: "vis_1" });
      await opened.store.addCode(code);
      expect(await opened.store.findCode(code.codeHash)).toEqual(code);
      expect(await opened.store.findCode("another")).toBeUndefined();
      const sessionIds = Array.from({ length: 30 }, (_, i) => `ses_${i}`);
      const redeemed = await Promise.all(
        sessionIds.map((sessionId) => opened.store.redeemCode(code.codeHash, sessionId, 2_000)),
      );
      expect(redeemed.filter(Boolean)).toHaveLength(1);
      const sessionId = sessionIds[redeemed.indexOf(true)];
      expect(await opened.store.findCode(code.codeHash)).toMatchObject({ sessionId });
    });

    test("an expired code is not redeemed, and a code needs no nonce and no scope", async () => {
      await using opened = await open();
      const code = newCode({ expiresAtMs: 5_000 });
      await opened.store.addCode(code);
      expect(await opened.store.findCode(code.codeHash)).toEqual(code);
      expect(await opened.store.redeemCode(code.codeHash, "ses_1", 5_000)).toBe(false);
      expect(await opened.store.redeemCode("unknown", "ses_1", 1_000)).toBe(false);
      expect(await opened.store.redeemCode(code.codeHash, "ses_1", 4_999)).toBe(true);
    });

    test("a device waits until a person allows it, and gets its session once", async () => {
      await using opened = await open();
      const device = newDevice({ from: "192.0.2.7", agent: "curl", scope: ["openid"] });
      expect(await opened.store.addDevice(device, ROOM)).toBe("added");
      const waiting = { ...device, status: "waiting" as const };
      expect(await opened.store.findDevice(device.deviceHash)).toEqual(waiting);
      expect(await opened.store.findWaiting(device.userCode, 2_000)).toEqual(waiting);
      expect(await opened.store.redeemDevice(device.deviceHash, "ses_0", 2_000)).toBe(false);
      const answers = await Promise.all([
        ...Array.from({ length: 10 }, () => opened.store.answer(device.userCode, ANNA, 2_000)),
        opened.store.answer(device.userCode, undefined, 2_000),
      ]);
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect(await opened.store.findWaiting(device.userCode, 2_000)).toBeUndefined();
      if (answers.at(-1)) return;
      expect(await opened.store.findDevice(device.deviceHash)).toMatchObject({ status: "allowed", ...ANNA });
      const redeemed = await Promise.all(
        Array.from({ length: 20 }, (_, i) => opened.store.redeemDevice(device.deviceHash, `ses_${i}`, 3_000)),
      );
      expect(redeemed.filter(Boolean)).toHaveLength(1);
      const sessionId = `ses_${redeemed.indexOf(true)}`;
      expect(await opened.store.findDevice(device.deviceHash)).toMatchObject({ status: "taken", sessionId });
    });

    test("a refused device stays refused", async () => {
      await using opened = await open();
      const device = newDevice();
      await opened.store.addDevice(device, ROOM);
      expect(await opened.store.answer(device.userCode, undefined, 2_000)).toBe(true);
      expect(await opened.store.answer(device.userCode, ANNA, 2_000)).toBe(false);
      expect(await opened.store.redeemDevice(device.deviceHash, "ses_1", 2_000)).toBe(false);
      expect(await opened.store.findDevice(device.deviceHash)).toEqual({ ...device, status: "denied" });
    });

    test("nobody can allow or redeem a device that has expired", async () => {
      await using opened = await open();
      const device = newDevice({ expiresAtMs: 5_000 });
      await opened.store.addDevice(device, ROOM);
      expect(await opened.store.findWaiting(device.userCode, 5_000)).toBeUndefined();
      expect(await opened.store.answer(device.userCode, ANNA, 5_000)).toBe(false);
      expect(await opened.store.answer(device.userCode, ANNA, 4_999)).toBe(true);
      expect(await opened.store.redeemDevice(device.deviceHash, "ses_1", 5_000)).toBe(false);
    });

    test("each poll learns when the one before it was, and a device can be slowed down", async () => {
      await using opened = await open();
      const device = newDevice({ intervalSeconds: 5 });
      await opened.store.addDevice(device, ROOM);
      expect((await opened.store.poll(device.deviceHash, 2_000))?.polledAtMs).toBeUndefined();
      expect(await opened.store.poll(device.deviceHash, 3_000)).toMatchObject({
        polledAtMs: 2_000,
        intervalSeconds: 5,
      });
      await opened.store.slowDown(device.deviceHash, 5);
      expect(await opened.store.poll(device.deviceHash, 4_000)).toMatchObject({
        polledAtMs: 3_000,
        intervalSeconds: 10,
      });
      expect(await opened.store.poll("unknown", 4_000)).toBeUndefined();
    });

    test("two devices never share a user code", async () => {
      await using opened = await open();
      const device = newDevice();
      expect(await opened.store.addDevice(device, ROOM)).toBe("added");
      const other = newDevice({ userCode: device.userCode });
      expect(await opened.store.addDevice(other, ROOM)).toBe("code-taken");
      expect(await opened.store.findDevice(other.deviceHash)).toBeUndefined();
    });

    test("only so many devices wait, in all and from one address; those that expired do not count", async () => {
      await using opened = await open();
      const room = { inAll: 4, perAddress: 2 };
      const add = (from: string | undefined, createdAtMs = 1_000) =>
        opened.store.addDevice(newDevice({ ...(from && { from }), createdAtMs, expiresAtMs: 5_000 }), room);
      expect([await add("a"), await add("a"), await add("a")]).toEqual(["added", "added", "full"]);
      expect([await add(undefined), await add(undefined), await add("b")]).toEqual([
        "added",
        "added",
        "full",
      ]);
      expect(await add("a", 5_000)).toBe("added");
    });

    test("what expired long ago is removed", async () => {
      await using opened = await open();
      const [old, young] = [newDevice({ expiresAtMs: 5_000 }), newDevice({ expiresAtMs: 6_000 })];
      const [oldCode, youngCode] = [newCode({ expiresAtMs: 5_000 }), newCode({ expiresAtMs: 6_000 })];
      for (const device of [old, young]) await opened.store.addDevice(device, ROOM);
      for (const code of [oldCode, youngCode]) await opened.store.addCode(code);
      await opened.store.removeExpired(6_000);
      expect(await opened.store.findDevice(old.deviceHash)).toBeUndefined();
      expect(await opened.store.findCode(oldCode.codeHash)).toBeUndefined();
      expect(await opened.store.findDevice(young.deviceHash)).toBeDefined();
      expect(await opened.store.findCode(youngCode.codeHash)).toBeDefined();
    });
  });
}

function newCode(change: Partial<NewCode> = {}): NewCode {
  return {
    codeHash: crypto.randomUUID(),
    clientId: "portal",
    redirectUri: "http://127.0.0.1:1/callback",
    codeChallenge: "challenge",
    scope: [],
    ...ANNA,
    createdAtMs: 1_000,
    expiresAtMs: 61_000,
    ...change,
  };
}

function newDevice(change: Partial<NewDevice> = {}): NewDevice {
  return {
    deviceHash: crypto.randomUUID(),
    userCode: crypto.randomUUID(),
    clientId: "cli",
    scope: [],
    createdAtMs: 1_000,
    expiresAtMs: 601_000,
    intervalSeconds: 5,
    ...change,
  };
}
