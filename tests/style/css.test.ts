import { expect, test } from "bun:test";
import { posix } from "node:path";
import { filesBelow, type SourceFile } from "./source.ts";

/** What every page of the portal may use. */
const COMMON = "portal/styles";
const TOKENS = "shared/look/tokens.css";

// The whole CSS of the portal becomes one file, so a rule for a page holds on all of them.
test("a class of the portal belongs to one folder, and only the common styles say how a common class looks", () => {
  expect(collisions(filesBelow("portal", ".css"))).toEqual([]);
});

test("a class that two folders define is found; one inside a class of the folder's own is not", () => {
  const found = collisions([
    css("portal/styles/base.css", ".row { gap: 1px } .card > header { gap: 1px }"),
    css(
      "portal/pages/job/job.css",
      ".reason { top: 1px } .attempt .name, .attempt.node { top: 1px } .attempt.row { top: 1px }",
    ),
    css("portal/pages/job/more.css", "@media (width < 9rem) { .reason { top: 2px } }"),
    css(
      "portal/pages/nodes/nodes.css",
      ".card > .name, a.reason:hover { top: 1px } .node:not(.reason) { top: 1px }",
    ),
    css("portal/log/log.css", "@container (width > 1rem) { .name { top: 1px } }"),
  ]);
  expect(found).toEqual([
    ".reason is defined in portal/pages/job and portal/pages/nodes",
    ".name is defined in portal/pages/nodes and portal/log",
  ]);
});

test("a page that changes a common class for all pages is found", () => {
  const common = css("portal/styles/base.css", ".row { gap: 1px } .card { gap: 1px }");
  const page = css(
    "portal/pages/job/job.css",
    ".row { gap: 2px } .card p { gap: 2px } .job .row { gap: 2px }",
  );
  expect(collisions([common, page])).toEqual([
    "portal/pages/job changes .row, which is common to all pages",
    "portal/pages/job changes .card p, which is common to all pages",
  ]);
});

test("every variable of the portal's and the server's CSS is defined somewhere", () => {
  const tokens = filesBelow("shared/look", ".css");
  expect(tokens.map(({ path }) => path)).toEqual([TOKENS]);
  expect(
    [...filesBelow("portal", ".css"), ...filesBelow("server", ".css")].flatMap(
      unknownVariables([...tokens, ...filesBelow("portal", ".css"), ...filesBelow("portal", ".ts")]),
    ),
  ).toEqual([]);
});

test("a variable that nothing defines is found", () => {
  const tokens = [css(TOKENS, ":root { --text: red; }")];
  const text = ".a { --own: 1px; color: var(--text); width: var(--own); height: var(--gone) }";
  expect(unknownVariables(tokens)(css("portal/log/log.css", text))).toEqual([
    "portal/log/log.css uses --gone, which is defined nowhere",
  ]);
});

function css(path: string, text: string): SourceFile {
  return { path, text };
}

function collisions(files: readonly SourceFile[]): string[] {
  const isCommon = ({ path }: SourceFile) => posix.dirname(path) === COMMON;
  const common = new Set(files.filter(isCommon).flatMap(({ text }) => selectorsOf(text).flatMap(classesOf)));
  const foldersOf = new Map<string, Set<string>>();
  const changes: string[] = [];
  for (const { path, text } of files.filter((file) => !isCommon(file))) {
    const folder = posix.dirname(path);
    for (const selector of selectorsOf(text)) {
      const compounds = selector.split(/[\s>+~]+/).map(classesOf);
      const own = compounds.map((names) => names.filter((name) => !common.has(name)));
      // What stands inside a class of the folder can't meet anything else.
      const outermost = own.find((names) => names.length > 0);
      // The first class of an element says what it is; the others are its states.
      const [name] = outermost ?? [];
      if (name === undefined) changes.push(`${folder} changes ${selector}, which is common to all pages`);
      else foldersOf.set(name, (foldersOf.get(name) ?? new Set()).add(folder));
    }
  }
  const shared = [...foldersOf].filter(([, folders]) => folders.size > 1);
  return [
    ...shared.map(([name, folders]) => `.${name} is defined in ${[...folders].join(" and ")}`),
    ...changes,
  ];
}

/** The selectors of all rules, without those of at-rules, and without what `:not()` and the like have in brackets. */
function selectorsOf(text: string): string[] {
  const plain = text.replaceAll(/\/\*[\s\S]*?\*\//g, "");
  const heads = [...plain.matchAll(/([^{};]*)\{/g)].map((match) => (match[1] ?? "").trim());
  return heads
    .filter((head) => !head.startsWith("@") && !/^(from|to|[\d.]+%)$/.test(head))
    .flatMap((head) => head.replaceAll(/\([^()]*\)/g, "").split(","))
    .map((selector) => selector.trim());
}

function classesOf(selector: string): string[] {
  return [...selector.matchAll(/\.([\w-]+)/g)].map((match) => match[1] ?? "");
}

const unknownVariables =
  (sources: readonly SourceFile[]) =>
  (file: SourceFile): string[] => {
    const defined = new Set(
      [...sources, file].flatMap(({ text }) => namesIn(text, /(--[\w-]+)["'`]?\s*[:,]/g)),
    );
    const used = new Set(namesIn(file.text, /var\((--[\w-]+)/g));
    return [...used]
      .filter((name) => !defined.has(name))
      .map((name) => `${file.path} uses ${name}, which is defined nowhere`);
  };

function namesIn(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}
