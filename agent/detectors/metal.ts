import { absent, type DetectContext, type Finding, sentences } from "./finding.ts";
import type { FoundGpu } from "./gpu.ts";
import { findTool, firstLine, runTool } from "./run-tool.ts";
import { asRecord, asText, parseMemoryMb, parseToolJson } from "./tool-text.ts";

export interface MetalFacts {
  /** Such as `3`; absent if macOS only says that it has Metal. */
  version?: string;
  gpus: FoundGpu[];
}

const NOT_OFFERED = "GPUs are not offered to jobs.";

export async function detectMetal(context: DetectContext): Promise<Finding<MetalFacts>> {
  if (context.platform !== "darwin") return absent();
  const tool = findTool(context, "system_profiler", ["/usr/sbin/system_profiler"]);
  const output = await runTool(context, tool, ["SPDisplaysDataType", "-json"]);
  if (output.is === "missing") return absent();
  if (output.is === "failed") return absent(sentences(`system_profiler ${output.why}`, NOT_OFFERED));
  try {
    return parseMetal(output.text, context.memoryMb);
  } catch {
    // The tool's own words say more than the position at which a parser stopped.
    const said = firstLine(output.text) ?? "nothing";
    return absent(sentences(`system_profiler printed no list of GPUs, but: ${said}`, NOT_OFFERED));
  }
}

/** Reads the output of `system_profiler SPDisplaysDataType -json`. Throws SyntaxError. */
export function parseMetal(text: string, machineMemoryMb: number): Finding<MetalFacts> {
  const list = asRecord(parseToolJson(text)).SPDisplaysDataType;
  if (!Array.isArray(list)) throw new SyntaxError("SPDisplaysDataType is missing");
  const entries = list.map(asRecord).filter(hasMetal);
  const gpus = entries.flatMap((entry) => deviceOf(entry, machineMemoryMb) ?? []);
  // A Mac in a virtual machine, or a Mac without a GPU that is worth sending jobs to.
  if (gpus.length === 0) return absent();
  const versions = entries.flatMap((entry) => versionOf(entry) ?? []).sort((a, b) => a - b);
  const [lowest] = versions;
  return { found: { ...(lowest !== undefined && { version: String(lowest) }), gpus }, problems: [] };
}

/** undefined for the graphics in Intel's processors: no job that asks for a GPU wants those. */
function deviceOf(entry: Record<string, unknown>, machineMemoryMb: number): FoundGpu | undefined {
  const model = asText(entry.sppci_model) ?? asText(entry._name);
  const vendor = vendorOf(asText(entry.spdisplays_vendor) ?? model ?? "");
  if (vendor === undefined || model === undefined) return undefined;
  const cores = Number(entry.sppci_cores);
  const ownMemoryMb = parseMemoryMb(asText(entry.spdisplays_vram) ?? "");
  return {
    vendor,
    model,
    // Apple's GPUs have no memory of their own; they share the machine's.
    ...(vendor === "apple" && { memoryMb: machineMemoryMb, unifiedMemory: true as const }),
    ...(vendor !== "apple" && ownMemoryMb !== undefined && { memoryMb: ownMemoryMb }),
    ...(cores > 0 && { cores }),
  };
}

function vendorOf(text: string): FoundGpu["vendor"] | undefined {
  if (/apple/i.test(text)) return "apple";
  if (/amd|radeon|0x1002/i.test(text)) return "amd";
  if (/nvidia|0x10de/i.test(text)) return "nvidia";
  return undefined;
}

/** The key changed between macOS versions. Older ones say `spdisplays_not_supported` if there is no Metal. */
const METAL_KEYS = ["spdisplays_mtlgpufamilysupport", "spdisplays_metal", "spdisplays_metalfamily"];

function hasMetal(entry: Record<string, unknown>): boolean {
  const said = METAL_KEYS.flatMap((key) => asText(entry[key]) ?? []);
  return said.some((text) => !/not_?supported|no metal/i.test(text));
}

function versionOf(entry: Record<string, unknown>): number | undefined {
  const digits = METAL_KEYS.map((key) => /metal\s?(\d+)$/i.exec(asText(entry[key]) ?? "")?.[1]).find(Boolean);
  return digits === undefined ? undefined : Number(digits);
}
