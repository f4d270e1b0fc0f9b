import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import { Throttle } from "../throttle/throttle.ts";
import { Codes } from "./codes.ts";
import { Passkeys } from "./passkeys.ts";
import { Passwords } from "./passwords.ts";
import { PeopleSettings } from "./sign-in-settings.ts";

test("nobody finds out who is on the server by taking many addresses, also with free ones in between", async () => {
  const stores = openSqliteStores(":memory:");
  await using _ = { [Symbol.asyncDispose]: () => stores.close() };
  const { people, passkeys: passkeyStore, oneTime } = stores;
  const now = () => 1_000_000;
  const settings = new PeopleSettings({
    ...{ people, passkeyStore, now },
    passwords: await Passwords.open(),
    codes: new Codes({ oneTime, mailer: undefined, key: new Uint8Array(32), serverName: () => "", now }),
    passkeys: new Passkeys({ passkeys: passkeyStore, oneTime, now }),
    throttle: new Throttle(stores.throttle, now),
  });
  const userId = newId("usr");
  const nowMs = now();
  await people.create({ userId, userName: "eve", email: undefined, passwordHash: undefined, nowMs });
  const victim = { userId: newId("usr"), userName: "anna", email: "anna@example.org" };
  await people.create({ ...victim, passwordHash: undefined, nowMs });
  const codes: string[] = [];
  for (let i = 0; i < 5; i++) {
    for (const email of [`free-${i}@example.org`, victim.email]) {
      codes.push(
        await settings.setEmail(userId, undefined, email).then(
          () => "set",
          (error) => error.code,
        ),
      );
    }
  }
  expect(codes.slice(0, 2)).toEqual(["set", "conflict"]);
  expect(codes.slice(5)).toEqual(Array.from({ length: 5 }, () => "rate_limited"));
});
