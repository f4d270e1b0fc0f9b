import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endpoints } from "../../shared/endpoints/index.ts";
import { type JobEvent, statusesBefore } from "../../shared/job-state.ts";
import { jobStatus } from "../../shared/job-status.ts";
import { root } from "./source.ts";

const PAGE = "docs/life-of-a-job.md";

/** A name of the code and the file that the page says it is in. */
interface Place {
  name: string;
  path: string;
}

const page = readFileSync(join(root, PAGE), "utf8");

test("every function on the page of a job's life is in the file that the page names", () => {
  const places = placesIn(page);
  expect(places.length).toBeGreaterThan(60);
  expect(places.flatMap(faultOf)).toEqual([]);
});

test("every method on the page is named with its file at least once, and every endpoint is in the table", () => {
  expect(namesWithoutPlace(page)).toEqual([]);
  expect(unknownEndpoints(page)).toEqual([]);
});

test("every status and every event of the picture is in the table of transitions", () => {
  const picture = pictureIn(page);
  expect(jobStatus.options.filter((status) => !picture.includes(status))).toEqual([]);
  expect(unknownEvents(picture)).toEqual([]);
  expect(unknownEvents("submit ──► QUEUED ── assign, vanish ──► RUNNING")).toEqual(["vanish"]);
});

test("a wrong file, a wrong name and a method of another class are found", () => {
  const text = [
    "`decideEnding` (`server/job/retry-decision.ts`) and `Jobs.wait` (`sdk/jobs.ts`) exist,",
    "`decideEnding` (`shared/nowhere.ts`), `decideBeginning`",
    "(`shared/reasons.ts`) and `Jobs.call` (`sdk/jobs.ts`) do not.",
  ].join("\n");
  expect(placesIn(text).flatMap(faultOf)).toEqual([
    "shared/nowhere.ts does not exist (decideEnding)",
    "shared/reasons.ts does not define decideBeginning",
    "sdk/jobs.ts does not define Jobs.call",
  ]);
});

test("a call or a mention of a name is no definition of it", () => {
  const text = 'import { run } from "x";\nexport class A {\n  one(): void {\n    this.two(run);\n  }\n}\n';
  expect(["A", "A.one"].filter((name) => !defines(text, name))).toEqual([]);
  expect(["run", "A.two", "B.one"].filter((name) => defines(text, name))).toEqual([]);
});

test("a method without its file and an endpoint that is not in the table are found", () => {
  expect(namesWithoutPlace("`Jobs.wait` (`sdk/jobs.ts`), then `Jobs.wait` and `Jobs.end`")).toEqual([
    "Jobs.end",
  ]);
  expect(unknownEndpoints("`jobs.submit`, `nodes.poll` and `nodes.sleep`")).toEqual(["nodes.sleep"]);
});

/** What the page writes as a name in code, followed by its file in parentheses. */
function placesIn(text: string): Place[] {
  return [...text.matchAll(/`([\w.]+)`\s+\(`([\w./-]+\.ts)`\)/g)].map(([, name = "", path = ""]) => ({
    name,
    path,
  }));
}

function namesWithoutPlace(text: string): string[] {
  const placed = new Set(placesIn(text).map(({ name }) => name));
  const methods = [...text.matchAll(/`([A-Z]\w*\.[a-z]\w*)`/g)].map(([, name = ""]) => name);
  return methods.filter((name) => !placed.has(name));
}

function unknownEndpoints(text: string): string[] {
  const named = [...text.matchAll(/`((?:jobs|nodes)\.[a-z-]+)`/g)].map(([, id = ""]) => id);
  return named.filter((id) => !Object.hasOwn(endpoints, id));
}

/** The first indented block. */
function pictureIn(text: string): string {
  return /(?:^ {4}.*\n)+/m.exec(text)?.[0] ?? "";
}

/** The words of the picture, except `submit`, which makes the job. */
function unknownEvents(picture: string): string[] {
  const words = [...picture.matchAll(/\b[a-z]+\b/g)].map(([word]) => word);
  return words.filter((word) => word !== "submit" && statusesBefore(word as JobEvent).length === 0);
}

function faultOf({ name, path }: Place): string[] {
  const file = join(root, path);
  if (!existsSync(file)) return [`${path} does not exist (${name})`];
  return defines(readFileSync(file, "utf8"), name) ? [] : [`${path} does not define ${name}`];
}

/** Whether a source, in the format of this repository, defines a name at its top or a member of a class or an interface. */
function defines(text: string, name: string): boolean {
  const [first = "", member] = name.split(".");
  const modifiers = "(?:export )?(?:default )?(?:abstract )?(?:async )?";
  const kinds = "(?:function\\*?|class|const|interface|type)";
  const begin = new RegExp(`^${modifiers}${kinds} ${first}\\b`, "m").exec(text);
  if (!begin || member === undefined) return begin !== null;
  const rest = text.slice(begin.index);
  const body = rest.slice(0, /^\}/m.exec(rest)?.index);
  return new RegExp(`^ {2}(?:(?:private|protected|static|async) )*\\*?${member}[<(]`, "m").test(body);
}
