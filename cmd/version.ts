import packageJson from "../package.json" with { type: "json" };

export const versionLine = `tanvrit-compute ${packageJson.version}`;

export function isVersionCall(words: readonly string[]): boolean {
  return words.length === 1 && ["--version", "-v", "version"].includes(words[0] ?? "");
}
