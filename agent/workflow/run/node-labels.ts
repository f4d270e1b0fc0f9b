const systems: Partial<Record<NodeJS.Platform, string>> = { win32: "windows" };
const archs: Partial<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** The labels of this machine, with its system and processor if the plan does not name them. */
export function nodeLabels(given: Readonly<Record<string, string>>): Record<string, string> {
  return {
    os: systems[process.platform] ?? process.platform,
    arch: archs[process.arch] ?? process.arch,
    ...given,
  };
}
