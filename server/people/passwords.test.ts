import { expect, setDefaultTimeout, test } from "bun:test";
import { Passwords, requireStrong } from "./passwords.ts";

// argon2 takes its time on a busy machine.
setDefaultTimeout(60_000);

test("a password belongs to its own hash only, and never to a missing one", async () => {
  const passwords = await Passwords.open();
  const hash = await passwords.hash("correct horse battery");
  expect(hash).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
  expect(await passwords.verify("correct horse battery", hash)).toBe(true);
  expect(await passwords.verify("correct horse batterY", hash)).toBe(false);
  expect(await passwords.verify("correct horse battery", undefined)).toBe(false);
});

test("letters that keyboards write in several ways are the same", async () => {
  const passwords = await Passwords.open();
  const hash = await passwords.hash("caf\u00e9 au lait!");
  expect(await passwords.verify("cafe\u0301 au lait!", hash)).toBe(true);
});

test("when too many wait, the next is refused at once, and those before it get their answer", async () => {
  const passwords = await Passwords.open();
  const hash = await passwords.hash("correct horse battery");
  const answers = await Promise.allSettled(
    Array.from({ length: 60 }, () => passwords.verify("correct horse battery", hash)),
  );
  const done = answers.filter((answer) => answer.status === "fulfilled");
  const refused = answers.filter((answer) => answer.status === "rejected");
  expect(done.length).toBeGreaterThan(40);
  expect(refused.length).toBeGreaterThan(0);
  for (const { reason } of refused)
    expect(reason).toMatchObject({ code: "unavailable", retryAfterSeconds: 5 });
  expect(await passwords.verify("correct horse battery", hash)).toBe(true);
});

test("the event loop goes on while passwords are checked", async () => {
  const passwords = await Passwords.open();
  const hash = await passwords.hash("correct horse battery");
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await Promise.all(Array.from({ length: 5 }, () => passwords.verify("wrong", hash)));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(10);
});

test("a short, a common or a person's own name is refused as a password, and a long sentence is not", () => {
  const weakness = (password: string, email = "anna.meier@example.com") => {
    try {
      requireStrong(password, { email, userName: "anna" });
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(weakness("short")).toBe("The password needs at least 10 characters.");
  expect(weakness("x".repeat(257))).toBe("The password may have at most 256 characters.");
  expect(weakness("Password123")).toContain("first that a stranger would try");
  expect(weakness("aaaaaaaaaaaa")).toContain("first that a stranger would try");
  expect(weakness("anna.meier@example.com")).toContain("your name or your address");
  expect(weakness("Anna.Meier2024!")).toContain("your name or your address");
  expect(weakness("anna likes green tea")).toBeUndefined();
  expect(weakness("pässwörter sind 長い")).toBeUndefined();
});
