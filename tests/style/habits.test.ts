import { expect, test } from "bun:test";
import { roomOf, type SourceFile, sourceFiles } from "./source.ts";

/** How many lines above the catch its comment may be. */
const LINES_ABOVE = 4;

test("every ignored error has a comment that says why", () => {
  expect(sourceFiles().flatMap(silentCatches)).toEqual([]);
});

test("an ignored error without a comment is found; with a comment it is not", () => {
  const silent = [
    "try { a(); } catch {}",
    "try {\n  a();\n} catch (error) {\n}",
    "await a().catch(() => {});",
  ];
  for (const text of silent) expect(silentCatches({ path: "agent/a.ts", text })).toHaveLength(1);
  const commented = [
    "try { a(); } catch {\n  // Gone already.\n}",
    "// It is gone already, nothing is left to do.\nawait a().catch(() => {});",
    "await a().catch(() => {}); // gone already",
  ];
  for (const text of commented) expect(silentCatches({ path: "agent/a.ts", text })).toEqual([]);
});

test("only cmd ends the process", () => {
  expect(sourceFiles().flatMap(processExits)).toEqual([]);
});

test("an exit outside cmd is found", () => {
  expect(processExits({ path: "agent/agent.ts", text: "  process.exit(1);" })).toHaveLength(1);
  expect(processExits({ path: "cmd/main.ts", text: "  process.exit(1);" })).toEqual([]);
});

test("every expectation of a promise is awaited", () => {
  expect(sourceFiles().flatMap(unawaited)).toEqual([]);
});

test("an expectation that is not awaited is found; an expectation that is returned is not", () => {
  const lost = ["  expect(a()).rejects.toThrow();", "  expect(\n    a(),\n  ).resolves.toBe(1);"];
  for (const text of lost) expect(unawaited({ path: "agent/a.test.ts", text })).toHaveLength(1);
  const kept = ["  await expect(a()).rejects.toThrow();", "const b = () => expect(a()).resolves.toBe(1);"];
  for (const text of kept) expect(unawaited({ path: "agent/a.test.ts", text })).toEqual([]);
});

test("tests and hooks take their time limit from the runner, or from setDefaultTimeout in their file", () => {
  expect(sourceFiles().flatMap(ownLimits)).toEqual([]);
});

test("a test or a hook with a limit of its own is found; a timer is not", () => {
  const own = [
    '  test("a", async () => {\n    await a();\n  }, 60_000);',
    "beforeAll(async () => {\n  await a();\n}, START_MS);",
    'test.skipIf(b)(\n  "a",\n  async () => {\n    await a();\n  },\n  TEST_MS,\n);',
    'test("a", () => a(), 30_000);',
  ];
  for (const text of own) expect(ownLimits({ path: "agent/a.test.ts", text })).toHaveLength(1);
  const timer = 'test("a", async () => {\n  setTimeout(() => {\n    a();\n  }, 1_000);\n});';
  expect(ownLimits({ path: "agent/a.test.ts", text: timer })).toEqual([]);
});

test("a blank line follows the imports", () => {
  expect(sourceFiles().flatMap(packedImports)).toEqual([]);
});

test("a line right after the imports is found; a blank line, another import or an export from is not", () => {
  const one = 'import { a } from "./a.ts";\n';
  const long = 'import {\n  a,\n} from "./a.ts";\n';
  for (const text of [`${one}const b = a;`, `${long}/** B. */`, `${one}// B.`, `${one}test("a", a);`]) {
    expect(packedImports({ path: "agent/a.ts", text })).toHaveLength(1);
  }
  for (const text of [`${one}\nconst b = a;`, `${one}${long}\na();`, `${one}export { b } from "./b.ts";`]) {
    expect(packedImports({ path: "agent/a.ts", text })).toEqual([]);
  }
});

function packedImports(file: SourceFile): string[] {
  const packed = file.text.matchAll(
    /^import\b[^;"']*["'][^"'\n]+["'](?: with [^;\n]+)?;\n(?!\n|import\b|export (?:type )?[{*])(?=.)/gm,
  );
  return [...packed].map((match) => {
    const line = file.text.slice(0, match.index + match[0].length).split("\n").length;
    return `${file.path}:${line}: a blank line is missing after the imports`;
  });
}

function silentCatches(file: SourceFile): string[] {
  if (file.path.endsWith(".test.ts")) return [];
  const empty = file.text.matchAll(
    /\bcatch\s*(\([^)]*\)\s*)?\{\s*\}|\.catch\(\(\w*\)\s*=>\s*(\{\s*\}|undefined)\)/g,
  );
  return [...empty].flatMap((match) => {
    const line = file.text.slice(0, match.index).split("\n").length;
    const lines = file.text.split("\n");
    const commented = lines
      .slice(Math.max(0, line - LINES_ABOVE - 1), line)
      .some((text) => /\/\/|^\s*\*/.test(text));
    return commented ? [] : [`${file.path}:${line}: the error is ignored without a comment; say why`];
  });
}

function processExits(file: SourceFile): string[] {
  const room = roomOf(file.path);
  if (room !== "agent" && room !== "server" && room !== "sdk" && room !== "shared") return [];
  if (file.path.endsWith(".test.ts")) return [];
  return /\bprocess\.exit\(/.test(file.text) ? [`${file.path} ends the process; only cmd may do that`] : [];
}

/** A statement of its own: its promise is dropped, so the test ends before the promise settles. */
function unawaited({ path, text }: SourceFile): string[] {
  const lost = text.matchAll(/^[ \t]*expect\([^;]*?\)\s*\.(rejects|resolves)\b/gm);
  return [...lost].map(({ index }) => {
    const line = text.slice(0, index).split("\n").length;
    return `${path}:${line}: this expectation is not awaited; put await in front of it`;
  });
}

/** Relies on the format: the last line of a call has the same indent as its first. */
function ownLimits({ path, text }: SourceFile): string[] {
  if (!path.endsWith(".test.ts") && !path.endsWith(".contract.ts")) return [];
  const calls = text.matchAll(
    /^([ \t]*)(?:test|(?:before|after)(?:All|Each))\b(?:.*\);|(?:.*\n)+?\1(?:\}.*)?\);)$/gm,
  );
  return [...calls]
    .filter(([call]) => /,\s*(\d[\d_]*|[A-Z_]+_MS),?\s*\);$/.test(call))
    .map(({ index }) => {
      const line = text.slice(0, index).split("\n").length;
      return `${path}:${line}: remove the time limit, or use setDefaultTimeout for the whole file`;
    });
}
