import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Logger } from "../../shared/logger.ts";
import { TestMail } from "../../tests/support/mail.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { Mailer } from "./mailer.ts";

const MAIL = { to: "anna@example.org", subject: "Hello", text: "A text\nof two lines.\n" };

let mail: TestMail;
let logged: { level: string; message: string; facts: unknown }[];
let mailer: Mailer;

beforeEach(async () => {
  logged = [];
  mail = await TestMail.start();
  mailer = await open(`smtp://127.0.0.1:${mail.port}`);
});
afterEach(async () => {
  await mailer.close();
  await mail[Symbol.asyncDispose]();
});

function open(smtpUrl: string): Promise<Mailer> {
  const at = (level: string) => (message: string, facts: unknown) => logged.push({ level, message, facts });
  const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return Mailer.open({ smtpUrl, from: "Compute <compute@example.org>" }, log as unknown as Logger);
}

test("a mail arrives with its sender, its subject and its text", async () => {
  mailer.post(MAIL);
  const received = await mail.next(MAIL.to);
  expect(received.from).toBe("compute@example.org");
  expect(received.text).toContain("From: Compute <compute@example.org>");
  expect(received.text).toContain("Subject: Hello");
  expect(received.text).toContain("A text\r\nof two lines.");
  expect(logged).toEqual([]);
});

test("a mail that cannot be sent yet is tried again, and the log names neither its text nor who gets it", async () => {
  mail.refusal = "later";
  mailer.post(MAIL);
  await waitFor("a warning", () => logged.some(({ level }) => level === "warn"));
  mail.refusal = undefined;
  await mail.next(MAIL.to);
  expect(JSON.stringify(logged)).not.toContain("two lines");
  expect(JSON.stringify(logged)).not.toContain("anna@");
});

test("a mail that the mail server refuses for good is an error, and not tried again", async () => {
  mail.refusal = "for good";
  mailer.post(MAIL);
  await waitFor("an error", () => logged.length > 0);
  expect(logged).toMatchObject([{ level: "error", message: "a mail could not be sent" }]);
});

test("a mail server that is not there is in the log without its password", async () => {
  const nowhere = await open("smtp://compute:hunter2@127.0.0.1:1");
  nowhere.post(MAIL);
  await waitFor("a warning", () => logged.length > 0);
  await nowhere.close();
  expect(JSON.stringify(logged)).toContain("smtp://127.0.0.1:1");
  expect(JSON.stringify(logged)).not.toContain("hunter2");
});

test("while two hundred mails wait, the next one is refused", () => {
  mail.refusal = "later";
  for (let i = 0; i < 200; i++) mailer.post(MAIL);
  expect(() => mailer.requireRoom()).toThrow("too many mails");
});
