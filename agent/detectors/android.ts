import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { absent, type DetectContext, type Finding } from "./finding.ts";

export interface AndroidFacts {
  root: string;
  /** API levels, lowest first. */
  platforms: number[];
  /** Versions, lowest first. */
  buildTools: string[];
  /** The version of the platform tools, or `unknown`; absent: not installed. */
  adb?: string;
  emulator?: string;
}

/** The version of a tool that is installed without saying which version it is. */
const UNKNOWN_VERSION = "unknown";

/** Only reads files; runs nothing from the SDK. */
export async function detectAndroid(context: DetectContext): Promise<Finding<AndroidFacts>> {
  const problems: string[] = [];
  for (const { root, variable } of roots(context)) {
    const facts = await readSdk(root);
    if (facts) return { found: facts, problems };
    if (variable) problems.push(`${variable} is ${root}, but that directory has no Android SDK.`);
  }
  return absent(...problems);
}

function roots({ environment, platform }: DetectContext): { root: string; variable?: string }[] {
  const named = ["ANDROID_HOME", "ANDROID_SDK_ROOT"].flatMap((variable) => {
    const root = environment[variable];
    return root ? [{ root, variable }] : [];
  });
  const home = environment.HOME ?? environment.USERPROFILE;
  const { LOCALAPPDATA: localAppData } = environment;
  const usual = [
    ...(home && platform === "darwin" ? [join(home, "Library", "Android", "sdk")] : []),
    ...(home && platform === "linux" ? [join(home, "Android", "Sdk")] : []),
    ...(localAppData && platform === "win32" ? [join(localAppData, "Android", "Sdk")] : []),
    ...(platform === "linux" ? ["/opt/android-sdk", "/usr/lib/android-sdk"] : []),
  ];
  return [...named, ...usual.map((root) => ({ root }))];
}

async function readSdk(root: string): Promise<AndroidFacts | undefined> {
  const [platforms, buildTools, adb, emulator] = await Promise.all([
    packagesBelow(join(root, "platforms"), /^android-/),
    packagesBelow(join(root, "build-tools"), /^\d/),
    toolIn(join(root, "platform-tools"), "adb"),
    toolIn(join(root, "emulator"), "emulator"),
  ]);
  const facts: AndroidFacts = {
    root,
    platforms: [...new Set(platforms.flatMap(apiLevel))].sort((a, b) => a - b),
    buildTools: [
      ...new Set(buildTools.flatMap((one) => one.properties.get("Pkg.Revision") ?? one.name)),
    ].sort(compareVersions),
    ...(adb !== undefined && { adb }),
    ...(emulator !== undefined && { emulator }),
  };
  // Some systems install an adb for phones in such a place without any SDK.
  const hasAdb = adb !== undefined && adb !== UNKNOWN_VERSION;
  const isEmpty = facts.platforms.length + facts.buildTools.length === 0 && !hasAdb;
  return isEmpty ? undefined : facts;
}

interface SdkPackage {
  name: string;
  properties: Map<string, string>;
}

/** Archives that were unpacked by hand, as in container images, have the directory but no properties. */
async function packagesBelow(dir: string, name: RegExp): Promise<SdkPackage[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []); // not installed
  const packages = entries
    .filter((one) => (one.isDirectory() || one.isSymbolicLink()) && name.test(one.name))
    .map(async (one) => ({ name: one.name, properties: await properties(join(dir, one.name)) }));
  return await Promise.all(packages);
}

/** The directory name also gives the level of a platform, except for previews that have no level yet. */
function apiLevel({ name, properties }: SdkPackage): number[] {
  const text = properties.get("AndroidVersion.ApiLevel") ?? /^android-(\d+)/.exec(name)?.[1] ?? "";
  // Since 36, levels can have minor versions: `36.1`.
  const level = Math.floor(Number(text));
  return Number.isInteger(level) && level > 0 ? [level] : [];
}

async function toolIn(dir: string, tool: string): Promise<string | undefined> {
  const version = (await properties(dir)).get("Pkg.Revision");
  if (version !== undefined) return version;
  const names = await readdir(dir).catch(() => []); // not installed
  return names.some((name) => name === tool || name === `${tool}.exe`) ? UNKNOWN_VERSION : undefined;
}

/** Reads `source.properties`. Every package that the SDK manager installed has it. */
async function properties(dir: string): Promise<Map<string, string>> {
  const text = await readFile(join(dir, "source.properties"), "utf8").catch(() => ""); // no such file
  const pairs = [...text.matchAll(/^\s*([^#!\s=:][^=:\s]*)\s*[=:]\s*(.*?)\s*$/gm)];
  return new Map(pairs.map(([, key = "", value = ""]) => [key, value]));
}

/** Sorts `9.0.1` before `10.0.0`, and `35.0.0-rc1` before `35.0.0`. */
function compareVersions(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => text.split(/[.\s-]/));
  for (let i = 0; i < Math.max(x?.length ?? 0, y?.length ?? 0); i++) {
    const [one, other] = [x?.[i], y?.[i]];
    if (one === other) continue;
    if (one === undefined) return /^\d/.test(other ?? "") ? -1 : 1;
    if (other === undefined) return /^\d/.test(one) ? 1 : -1;
    return one.localeCompare(other, "en", { numeric: true });
  }
  return 0;
}
