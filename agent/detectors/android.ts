import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { absent, type DetectContext, type Finding } from "./finding.ts";

export interface AndroidFacts {
  root: string;
  /** API levels, lowest first. */
  platforms: number[];
  /** Versions, lowest first. */
  buildTools: string[];
  /** Of the platform tools; absent where they are not installed. */
  adb?: string;
  emulator?: string;
}

/** Only looks at files; nothing of the SDK is run. */
export async function detectAndroid(context: DetectContext): Promise<Finding<AndroidFacts>> {
  const problems: string[] = [];
  for (const { root, variable } of roots(context)) {
    const facts = await readSdk(root);
    if (facts) return { found: facts, problems };
    if (variable) problems.push(`${variable} names ${root}, but there is no Android SDK there.`);
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
    packagesBelow(join(root, "platforms")),
    packagesBelow(join(root, "build-tools")),
    properties(join(root, "platform-tools")),
    properties(join(root, "emulator")),
  ]);
  const facts: AndroidFacts = {
    root,
    platforms: [...new Set(platforms.flatMap(apiLevel))].sort((a, b) => a - b),
    buildTools: [
      ...new Set(buildTools.flatMap((one) => one.properties.get("Pkg.Revision") ?? one.name)),
    ].sort(compareVersions),
    ...versionOf("adb", adb),
    ...versionOf("emulator", emulator),
  };
  const isEmpty = facts.platforms.length + facts.buildTools.length === 0 && facts.adb === undefined;
  return isEmpty ? undefined : facts;
}

interface SdkPackage {
  name: string;
  properties: Map<string, string>;
}

async function packagesBelow(dir: string): Promise<SdkPackage[]> {
  const names = await readdir(dir).catch(() => []); // not installed
  const packages = names.map(async (name) => ({ name, properties: await properties(join(dir, name)) }));
  return (await Promise.all(packages)).flatMap(({ name, properties }) =>
    properties ? [{ name, properties }] : [],
  );
}

/** The directory of a platform says which one it is as well, except for previews that have no level yet. */
function apiLevel({ name, properties }: SdkPackage): number[] {
  const text = properties.get("AndroidVersion.ApiLevel") ?? /^android-(\d+)/.exec(name)?.[1] ?? "";
  // Since 36 a level may have minor ones: `36.1`.
  const level = Math.floor(Number(text));
  return Number.isInteger(level) && level > 0 ? [level] : [];
}

function versionOf(key: "adb" | "emulator", found: Map<string, string> | undefined) {
  const version = found?.get("Pkg.Revision");
  return version === undefined ? {} : { [key]: version };
}

/** `source.properties`, which every installed package has; undefined where it has none. */
async function properties(dir: string): Promise<Map<string, string> | undefined> {
  const text = await readFile(join(dir, "source.properties"), "utf8").catch(() => undefined); // not installed
  if (text === undefined) return undefined;
  const pairs = [...text.matchAll(/^\s*([^#!\s=:][^=:\s]*)\s*[=:]\s*(.*?)\s*$/gm)];
  return new Map(pairs.map(([, key = "", value = ""]) => [key, value]));
}

/** `9.0.1` before `10.0.0`, and `35.0.0-rc1` before `35.0.0`. */
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
