import { readFile } from "node:fs/promises";
import { absent, type DetectContext, type Finding, sentences } from "./finding.ts";
import type { FoundGpu } from "./gpu.ts";
import { findTool, firstLine, runTool, type ToolOutput } from "./run-tool.ts";
import { asRecord, asText, parseMemoryMb, parseToolJson } from "./tool-text.ts";

export interface RocmFacts {
  driver?: string;
  rocmVersion?: string;
  gpus: FoundGpu[];
}

const ROCM_SMI_QUESTIONS = [
  "--showproductname",
  "--showuniqueid",
  "--showmeminfo",
  "vram",
  "--showdriverversion",
  "--json",
];

const NOT_OFFERED = "AMD GPUs are not offered to jobs.";

/** Asks amd-smi. If that is missing or does not work, asks its predecessor rocm-smi. */
export async function detectRocm(context: DetectContext): Promise<Finding<RocmFacts>> {
  const amdSmi = findTool(context, "amd-smi", ["/opt/rocm/bin/amd-smi"]);
  const rocmSmi = findTool(context, "rocm-smi", ["/opt/rocm/bin/rocm-smi"]);
  // If amd-smi hangs, there must be time left to ask rocm-smi.
  const first = rocmSmi === undefined ? context : halfOf(context);
  const [devices, version, installed] = await Promise.all([
    runTool(first, amdSmi, ["static", "--asic", "--vram", "--driver", "--json"]),
    runTool(first, amdSmi, ["version", "--json"]),
    installedVersion(context),
  ]);
  const next = rocmSmi === undefined ? NOT_OFFERED : "rocm-smi is asked instead.";
  const byAmdSmi = judged("amd-smi", devices, parseAmdSmi, next);
  if (byAmdSmi.found) return withVersion(byAmdSmi, versionOf(version) ?? installed);
  const { found, problems } = judged(
    "rocm-smi",
    await runTool(context, rocmSmi, ROCM_SMI_QUESTIONS),
    parseRocmSmi,
    NOT_OFFERED,
  );
  // The owner should also hear about amd-smi: it did not help, and if it hangs, it delays every start.
  return withVersion({ found, problems: [...byAmdSmi.problems, ...problems] }, installed);
}

function halfOf(context: DetectContext): DetectContext {
  const deadlineMs = (performance.now() + context.deadlineMs) / 2;
  return { ...context, deadlineMs, timeoutMs: context.timeoutMs / 2 };
}

/** Reads the output of `amd-smi static --asic --vram --driver --json`: a list, since ROCm 7 inside an object. */
export function parseAmdSmi(text: string): RocmFacts {
  const json = parseToolJson(text);
  const list = Array.isArray(json) ? json : asRecord(json).gpu_data;
  if (!Array.isArray(list)) throw new SyntaxError("it has no list of GPUs");
  const entries = list.map(asRecord).filter((entry) => entry.asic !== undefined);
  const gpus = entries.map((entry): FoundGpu => {
    const asic = asRecord(entry.asic);
    return gpu([asic.market_name], amdSmiMemoryMb(asRecord(entry.vram)), asic.asic_serial);
  });
  const driver = asRecord(entries[0]?.driver);
  return facts(gpus, asText(driver.version) ?? asText(driver.driver_version));
}

/** Reads the output of `rocm-smi … --json`: an object with the keys `card0`, `card1` …, and `system`. */
export function parseRocmSmi(text: string): RocmFacts {
  const json = asRecord(parseToolJson(text));
  const cards = Object.entries(json)
    .filter(([name]) => /^card\d+$/.test(name))
    .sort(([a], [b]) => Number(a.slice(4)) - Number(b.slice(4)))
    .map(([, card]) => asRecord(card))
    // It lists cards of other vendors too, but does not know their memory.
    .filter((card) => Number(card["VRAM Total Memory (B)"]) > 0);
  const gpus = cards.map((card) => {
    const names = [card["Card Series"], card["Card series"], card["Device Name"], card["Card SKU"]];
    const memoryMb = Math.floor(Number(card["VRAM Total Memory (B)"]) / (1024 * 1024));
    return gpu(names, memoryMb, card["Unique ID"]);
  });
  return facts(gpus, asText(asRecord(json.system)["Driver version"]));
}

function gpu(names: readonly unknown[], memoryMb: number | undefined, serial: unknown): FoundGpu {
  // An old tool that does not know a card prints its device number as the name.
  const model = names.map(asText).find((name) => name !== undefined && !/^0x[0-9a-f]+$/i.test(name));
  const uuid = runtimeUuid(serial);
  return {
    vendor: "amd",
    model: model ?? "AMD GPU",
    ...(memoryMb !== undefined && { memoryMb }),
    ...(uuid !== undefined && { uuid }),
  };
}

/** ROCm's runtime names a device `GPU-` plus its serial number in 16 hexadecimal digits. Some devices have no serial. */
function runtimeUuid(serial: unknown): string | undefined {
  const digits = /^0x([0-9a-f]{1,16})$/i.exec(asText(serial) ?? "")?.[1];
  if (digits === undefined || /^0+$/.test(digits)) return undefined;
  return `GPU-${digits.toLowerCase().padStart(16, "0")}`;
}

/** Partitions of one device share its serial number, so a UUID that several devices have is dropped. */
function facts(gpus: readonly FoundGpu[], driver: string | undefined): RocmFacts {
  const unique = gpus.map((one): FoundGpu => {
    const shared = gpus.filter((other) => other.uuid === one.uuid).length > 1;
    if (!shared) return one;
    const { uuid: _, ...unnamed } = one;
    return unnamed;
  });
  return { ...(driver !== undefined && { driver }), gpus: unique };
}

/** `size` is `{value, unit}`; in early versions it is a number of MiB under another name. */
function amdSmiMemoryMb(vram: Record<string, unknown>): number | undefined {
  const size = vram.size ?? vram.size_mb ?? vram.vram_size_mb ?? vram.vram_size;
  if (typeof size === "object" && size !== null) {
    const { value, unit } = asRecord(size);
    return parseMemoryMb(`${value} ${unit}`);
  }
  return parseMemoryMb(typeof size === "number" ? `${size} MB` : String(size ?? ""));
}

/** `next`: a sentence that says what happens if the tool listed nothing. */
function judged(
  name: string,
  output: ToolOutput,
  parse: (text: string) => RocmFacts,
  next: string,
): Finding<RocmFacts> {
  if (output.is === "missing") return absent();
  const { why } = output.is === "failed" ? output : {};
  try {
    const found = parse(output.text);
    // If rocm-smi lacks one of the facts, it exits with an error code but still prints the others.
    const problems =
      why === undefined ? [] : [sentences(`${name} ${why}`, "What it listed is offered to jobs.")];
    if (found.gpus.length > 0) return { found, problems };
    if (why === undefined) return absent(`${name} is installed but finds no AMD GPU.`);
  } catch {
    if (why === undefined) return absent(sentences(saidInstead(name, output.text), next));
  }
  return absent(sentences(`${name} ${why}`, next));
}

/** The tool's own words say more than the position at which a parser stopped. */
function saidInstead(name: string, text: string): string {
  return `${name} printed no list of GPUs, but: ${firstLine(text) ?? "nothing"}`;
}

function withVersion(finding: Finding<RocmFacts>, version: string | undefined): Finding<RocmFacts> {
  const { found, problems } = finding;
  return found && version ? { found: { ...found, rocmVersion: version }, problems } : finding;
}

/** Reads `amd-smi version --json`; if that fails, only the version stays unknown. */
function versionOf(output: ToolOutput): string | undefined {
  if (output.is !== "printed") return undefined;
  try {
    const json = parseToolJson(output.text);
    return asText(asRecord(Array.isArray(json) ? json[0] : json).rocm_version);
  } catch {
    return undefined; // The GPUs work without a known version.
  }
}

/** The version that ROCm's packages write to disk; `6.1.2-117` means 6.1.2. */
async function installedVersion({ platform, environment }: DetectContext): Promise<string | undefined> {
  if (platform !== "linux") return undefined;
  const root = environment.ROCM_PATH || "/opt/rocm";
  const text = await readFile(`${root}/.info/version`, "utf8").catch(() => ""); // no such file: not known
  return /^\d+(\.\d+)*/.exec(text.trim())?.[0];
}
