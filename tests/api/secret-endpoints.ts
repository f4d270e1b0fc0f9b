import { expect } from "bun:test";
import { MAX_SECRET_BYTES } from "../../shared/secret.ts";
import type { Scenarios } from "./stage.ts";

const base64 = (value: string | Uint8Array) => Buffer.from(value as Uint8Array).toString("base64");

/** A scenario for each endpoint of secrets. Whom they reach, and what stays hidden, is tested in secrets.test.ts. */
export const secretScenarios = {
  "secrets.set": async ({ api }) => {
    const user = await api.user("set-business", "anna");
    const set = { name: "deploy-token", valueBase64: base64("correct horse") };
    const first = await api.call("secrets.set", set, user);
    expect(first).toEqual({
      name: "deploy-token",
      version: 1,
      createdAt: expect.any(String),
      updatedAt: first.createdAt,
      updatedBy: "anna",
    });
    const second = await api.call("secrets.set", { ...set, valueBase64: base64("battery") }, user);
    expect(second).toMatchObject({ version: 2, createdAt: first.createdAt });
    expect(second.expiresAt).toBeUndefined();
    const third = await api.call("secrets.set", { ...set, ttlSeconds: 3_600 }, user);
    expect(Date.parse(third.expiresAt ?? "") - Date.parse(third.updatedAt)).toBe(3_600_000);
    for (const [valueBase64, said] of [
      ["", "is empty"],
      ["hunter2!", "must be base64"],
      [base64(new Uint8Array(MAX_SECRET_BYTES + 1)), "is larger than 64 KiB"],
      [base64(new Uint8Array(MAX_SECRET_BYTES + 3)), "is larger than 64 KiB"],
    ] as const) {
      const refused = await api.refused("secrets.set", { ...set, valueBase64 }, user);
      expect(refused.errors).toEqual([{ path: "valueBase64", message: expect.stringContaining(said) }]);
    }
    for (const name of ["", "a b", "-a", "a/b", "x".repeat(129)]) {
      const refused = await api.refused("secrets.set", { ...set, name }, user);
      expect(refused.errors?.[0]?.path).toBe("name");
    }
    await api.call("secrets.set", { ...set, valueBase64: base64(new Uint8Array(MAX_SECRET_BYTES)) }, user);
  },

  "secrets.list": async ({ api }) => {
    const user = await api.user("list-business", "anna");
    expect(await api.call("secrets.list", {}, user)).toEqual({ secrets: [] });
    for (const name of ["b", "a", "c"]) {
      await api.call("secrets.set", { name, valueBase64: base64(name) }, user);
    }
    const { secrets, nextCursor } = await api.call("secrets.list", { limit: 2 }, user);
    expect(secrets.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(Object.keys(secrets[0] ?? {}).sort()).toEqual([
      "createdAt",
      "name",
      "updatedAt",
      "updatedBy",
      "version",
    ]);
    const rest = await api.call("secrets.list", { cursor: nextCursor }, user);
    expect(rest).toMatchObject({ secrets: [{ name: "c", updatedBy: "anna" }] });
    expect(rest.nextCursor).toBeUndefined();
  },

  "secrets.delete": async ({ api }) => {
    const user = await api.user("delete-business", "anna");
    for (const name of ["a", "b"]) {
      await api.call("secrets.set", { name, valueBase64: base64(name) }, user);
    }
    const names = ["a", "nothing", "a"];
    expect(await api.call("secrets.delete", { names }, user)).toMatchObject({
      deleted: ["a"],
      missing: ["nothing"],
    });
    const { secrets } = await api.call("secrets.list", {}, user);
    expect(secrets.map(({ name }) => name)).toEqual(["b"]);
    await api.call("secrets.delete", { names: ["b"] }, user);
    const again = await api.call("secrets.set", { name: "b", valueBase64: base64("new") }, user);
    expect(again.version).toBe(1);
    expect((await api.refused("secrets.delete", { names: [] }, user)).code).toBe("invalid_request");
  },
} satisfies Partial<Scenarios>;
