import { expect, test } from "bun:test";
import { exitCodes } from "../../cmd/exit/exit-codes.ts";
import { selfSigned } from "../support/certificates.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { makeScratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";
import { runInTerminal } from "../support/terminal.ts";

const files = forAllTests(await makeScratch());
const [cert, key] = [files.join("cert.pem"), files.join("key.pem")];
const pair = await selfSigned();
await Bun.write(cert, pair.cert);
await Bun.write(key, pair.key);
const server = forAllTests(await TestServer.start({ TANVRIT_TLS_CERT: cert, TANVRIT_TLS_KEY: key }));
const owner = forAllTests(await Person.signIn(server));
const fingerprint = await owner.get(["server", "fingerprint", "--data-dir", server.scratch.join("data")]);
const token = await owner.get(["auth", "print-token"]);
const LOGIN = ["auth", "login", "--token-stdin", "--workspace", "far", "--url", server.url];
const QUESTION = "Is it the same?";

// The list of this account's servers answers for another machine's missing knowledge; this variable hides the list.
const ELSEWHERE = { XDG_RUNTIME_DIR: files.path };

async function signIn(home: string, typed: { after: string; keys: string }[]) {
  return runInTerminal(home, LOGIN, { columns: 120, env: ELSEWHERE, typed });
}

test("at the first meeting a person sees the fingerprint, and their yes is kept for all that follows", async () => {
  await using home = await makeScratch();
  const typed = [
    { after: QUESTION, keys: "yes\r" },
    { after: "not shown", keys: `${token}\r` },
  ];
  const { exitCode, shown } = await signIn(home.path, typed);
  expect(shown).toContain(fingerprint);
  expect({ exitCode, shown }).toMatchObject({ exitCode: 0 });
  const config = await Bun.file(home.join("config.json")).json();
  expect(config.workspaces.far.pin.fingerprint).toBe(fingerprint);
  const again = await signIn(home.path, [{ after: "not shown", keys: `${token}\r` }]);
  expect(again.exitCode).toBe(0);
  expect(again.shown).not.toContain(QUESTION);
});

test("a pasted fingerprint must be the server's; anything else than yes ends the sign-in", async () => {
  await using home = await makeScratch();
  for (const answer of [`SHA256:${"A".repeat(43)}`, "no", ""]) {
    const { exitCode, shown } = await signIn(home.path, [{ after: QUESTION, keys: `${answer}\r` }]);
    expect({ answer, exitCode, shown }).toMatchObject({ answer, exitCode: exitCodes.notAllowed });
    expect(shown).toContain("nothing was sent");
    expect(shown).not.toContain("not shown");
  }
});

test("without a terminal, the sign-in is refused with the fingerprint, and --fingerprint answers", async () => {
  await using person = await Person.stranger(ELSEWHERE);
  const refused = await person.run(LOGIN, { stdin: token });
  expect(refused).toMatchObject({ exitCode: exitCodes.notAllowed, stdout: "" });
  expect(refused.stderr).toContain(fingerprint);
  expect((await person.run([...LOGIN, "--fingerprint", fingerprint], { stdin: token })).exitCode).toBe(0);
  expect(await person.get(["job", "list", "--workspace", "far"])).toContain("STATUS");
});

test("a changed key is refused at the sign-in too, until the new fingerprint is given", async () => {
  await using person = await Person.stranger(ELSEWHERE);
  await person.run([...LOGIN, "--fingerprint", fingerprint], { stdin: token });
  const other = await selfSigned();
  await Bun.write(cert, other.cert);
  await Bun.write(key, other.key);
  await server.stop();
  await server.startAgain();
  const refused = await person.run(LOGIN, { stdin: token });
  expect(refused).toMatchObject({ exitCode: exitCodes.unreachable, stdout: "" });
  expect(refused.stderr).toContain("WARNING: the server's key has changed");
  const [fresh = ""] = refused.stderr.match(/SHA256:[^ ,]+(?=, but)/) ?? [];
  expect(fresh).not.toBe(fingerprint);
  expect((await person.run([...LOGIN, "--fingerprint", fresh], { stdin: token })).exitCode).toBe(0);
});
