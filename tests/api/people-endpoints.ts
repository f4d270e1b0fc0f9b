import { expect } from "bun:test";
import type { Scenarios } from "./stage.ts";

/** A scenario for each endpoint with which people sign in and change how they do. */
export const peopleScenarios = {
  "auth.request-otp": async ({ api, mail }) => {
    const { accessToken: token } = await api.signIn("codes", "carla-of-codes");
    await api.call("auth.set-email", { email: "carla@example.com" }, { token });
    expect(await api.call("auth.request-otp", { email: "Carla@Example.com" })).toEqual({});
    expect(await mail.nextCode("carla@example.com")).toMatch(/^\d{6}$/);
    // The answer is the same for an address that nobody has, and no mail is sent.
    expect(await api.call("auth.request-otp", { email: "nobody@example.com" })).toEqual({});
    expect((await api.refused("auth.request-otp", { email: "no address" })).code).toBe("invalid_request");
  },

  "auth.verify-otp": async ({ api, mail }) => {
    const email = "dora@example.com";
    const inShop = await api.signIn("dora-shop", "dora-of-codes");
    await api.call("auth.set-email", { email }, { token: inShop.accessToken });
    await api.call("auth.request-otp", { email });
    const code = await mail.nextCode(email);
    const wrong = await api.refused("auth.verify-otp", {
      email,
      code: code === "111111" ? "222222" : "111111",
    });
    expect(wrong.code).toBe("unauthenticated");
    const { accessToken: token, identity } = await api.call("auth.verify-otp", { email, code });
    expect(identity).toMatchObject({
      userId: inShop.identity.userId,
      businessName: "dora-shop",
      role: "owner",
    });
    expect(await api.call("auth.whoami", {}, { token })).toMatchObject(identity);
    expect((await api.refused("auth.verify-otp", { email, code })).code).toBe("unauthenticated");
    // With several businesses, the person says which one; asking does not use the code up.
    await api.signIn("dora-lab", "dora-of-codes");
    await api.call("auth.request-otp", { email });
    const next = await mail.nextCode(email);
    const unclear = await api.refused("auth.verify-otp", { email, code: next });
    expect(unclear).toMatchObject({
      code: "conflict",
      detail: expect.stringContaining("dora-lab, dora-shop"),
    });
    expect((await api.refused("auth.verify-otp", { email, code: next, business: "codes" })).code).toBe(
      "forbidden",
    );
    const inLab = await api.call("auth.verify-otp", { email, code: next, business: "dora-lab" });
    expect(inLab.identity).toMatchObject({ userName: "dora-of-codes", businessName: "dora-lab" });
  },

  "auth.account": async ({ api }) => {
    const { accessToken: token, identity } = await api.signIn("account", "erik-of-codes");
    const { userId } = identity;
    const account = await api.call("auth.account", {}, { token });
    expect(account).toEqual({
      userId,
      userName: "erik-of-codes",
      hasPassword: false,
      passkeys: [],
      hasMail: true,
    });
    await api.call("auth.set-email", { email: "erik@example.com" }, { token });
    await api.call("auth.set-password", { newPassword: "a quiet green morning" }, { token });
    expect(await api.call("auth.account", {}, { token })).toMatchObject({
      email: "erik@example.com",
      hasPassword: true,
    });
  },

  "auth.set-password": async ({ api, mail }) => {
    const { accessToken: token } = await api.signIn("passwords", "frida-of-codes");
    const set = (input: object) => api.refused("auth.set-password", input, { token });
    expect((await set({ newPassword: "short" })).code).toBe("invalid_request");
    await api.call("auth.set-password", { newPassword: "a quiet green morning" }, { token });
    // From now on the open session alone is not enough.
    expect((await set({ newPassword: "another green morning" })).code).toBe("forbidden");
    const wrong = await set({ currentPassword: "wrong", newPassword: "another green morning" });
    expect(wrong).toMatchObject({ code: "forbidden", detail: "The current password is wrong." });
    const change = { currentPassword: "a quiet green morning", newPassword: "another green morning" };
    expect(await api.call("auth.set-password", change, { token })).toEqual({});
    expect((await set(change)).code).toBe("forbidden");
    // A code by mail is as good as the current password, once.
    const email = "frida@example.com";
    await api.call("auth.set-email", { currentPassword: "another green morning", email }, { token });
    await api.call("auth.request-otp", { email });
    const forgotten = { currentPassword: await mail.nextCode(email), newPassword: "a third green morning" };
    expect(await api.call("auth.set-password", forgotten, { token })).toEqual({});
    expect((await set(forgotten)).code).toBe("forbidden");
  },

  "auth.set-email": async ({ api }) => {
    const gita = { token: (await api.signIn("addresses", "gita-of-codes")).accessToken };
    const hugo = { token: (await api.signIn("addresses", "hugo-of-codes")).accessToken };
    expect(await api.call("auth.set-email", { email: "Gita@Example.com" }, gita)).toEqual({});
    expect(await api.call("auth.set-email", { email: "gita@example.com" }, gita)).toEqual({});
    const taken = await api.refused("auth.set-email", { email: "gita@example.com" }, hugo);
    expect(taken).toMatchObject({
      code: "conflict",
      detail: "Somebody on this server already has this email address.",
    });
    expect((await api.refused("auth.set-email", { email: "gita" }, gita)).code).toBe("invalid_request");
    await api.call("auth.set-password", { newPassword: "a quiet green morning" }, gita);
    expect((await api.refused("auth.set-email", { email: "g@example.com" }, gita)).code).toBe("forbidden");
  },
} satisfies Partial<Scenarios>;
