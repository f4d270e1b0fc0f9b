import { textOf } from "../../shared/text-of.ts";
import { absent, type DetectContext, type Finding, sentences } from "./finding.ts";
import type { FoundGpu } from "./gpu.ts";
import { findTool, firstLine, runTool } from "./run-tool.ts";
import { asRecord, asText, parseMemoryMb } from "./tool-text.ts";

export interface NvidiaFacts {
  driver?: string;
  /** The newest CUDA version that the driver supports. */
  cudaVersion?: string;
  gpus: FoundGpu[];
}

/** On WSL the driver belongs to the host, and its tool is not in PATH. */
const PLACES = [
  "/usr/lib/wsl/lib/nvidia-smi",
  "/usr/bin/nvidia-smi",
  "C:\\Windows\\System32\\nvidia-smi.exe",
];

const NOT_OFFERED = "NVIDIA GPUs are not offered to jobs.";

export async function detectNvidia(context: DetectContext): Promise<Finding<NvidiaFacts>> {
  const tool = findTool(context, "nvidia-smi", PLACES);
  // Only the list gives the UUIDs of MIG instances; only the report gives the CUDA version and the memory of each device.
  const [report, list] = await Promise.all([
    runTool(context, tool, ["-q", "-x"]),
    runTool(context, tool, ["-L"]),
  ]);
  if (report.is === "missing" || list.is === "missing") return absent();
  const { why } = report.is === "failed" ? report : {};
  if (isReadable(report.text)) {
    const { found, problems } = parseNvidia(report.text, list.text);
    if (why === undefined) return { found, problems };
    // The exit code may be only a warning, as for a corrupted infoROM, or concern one GPU of several.
    const next = found ? "What it listed is offered to jobs." : NOT_OFFERED;
    return { found, problems: [sentences(`nvidia-smi ${why}`, next), ...problems] };
  }
  const found = await askBriefly(context, tool, list.text);
  if (found) return { found, problems: [] };
  if (why !== undefined) return absent(sentences(`nvidia-smi ${why}`, NOT_OFFERED));
  return parseNvidia(report.text, list.text);
}

const QUESTIONS = ["--query-gpu=uuid,name,memory.total,driver_version", "--format=csv,noheader,nounits"];

/** Asks for the few facts that matter when the report is missing or broken: some versions crash while they write it. */
async function askBriefly(
  context: DetectContext,
  tool: string | undefined,
  list: string,
): Promise<NvidiaFacts | undefined> {
  const [rows, overview] = await Promise.all([runTool(context, tool, QUESTIONS), runTool(context, tool, [])]);
  return parseNvidiaRows(
    rows.is === "missing" ? "" : rows.text,
    list,
    overview.is === "missing" ? "" : overview.text,
  );
}

/**
 * Reads what `nvidia-smi` prints for the questions above (one line for each GPU: UUID, name, MiB, driver), for `-L`, and
 * without arguments. undefined: no GPU is listed.
 */
export function parseNvidiaRows(rows: string, list: string, overview: string): NvidiaFacts | undefined {
  const instances = instancesByGpu(list);
  const cells = rows.split("\n").map((row) => row.split(",").map((cell) => asText(cell)));
  const gpus = cells.flatMap(([uuid, model, memory]): FoundGpu[] => {
    if (!uuid?.startsWith("GPU-") || model === undefined) return [];
    const parts = (instances.get(uuid) ?? []).map(({ profile, uuid: own }) =>
      instanceOf(model, uuid, profile, own),
    );
    if (parts.length > 0) return parts;
    const memoryMb = parseMemoryMb(`${memory} MiB`) ?? parseMemoryMb(memory ?? "");
    return [{ vendor: "nvidia", uuid, model, ...(memoryMb !== undefined && { memoryMb }) }];
  });
  if (gpus.length === 0) return undefined;
  const driver = cells[0]?.[3];
  const cudaVersion = /CUDA Version: *(\d+\.\d+)/.exec(overview)?.[1];
  return { ...(driver && { driver }), ...(cudaVersion && { cudaVersion }), gpus };
}

const OPEN = "<nvidia_smi_log>";
const CLOSE = "</nvidia_smi_log>";
/**
 * Elements that nothing here reads and that some versions print as broken XML: the names of processes unescaped, the
 * clocks with tags that do not match.
 */
const OFTEN_BROKEN = ["processes", "supported_clocks"];

type Element = Record<string, unknown>;

/** The root element of the report; warnings around it are skipped. Throws an Error that says what is wrong with it. */
function readReport(text: string): Element {
  const start = text.indexOf(OPEN);
  const end = text.lastIndexOf(CLOSE);
  if (start < 0 || end < start) {
    throw new Error(`nvidia-smi printed no whole report, but: ${firstLine(text) ?? "nothing"}`);
  }
  const root = OFTEN_BROKEN.reduce(withoutElements, text.slice(start, end + CLOSE.length));
  try {
    return asRecord(asRecord(Bun.XML.parse(root)).nvidia_smi_log);
  } catch (error) {
    throw new Error(`nvidia-smi printed a report that cannot be read: ${firstLine(textOf(error))}`);
  }
}

function isReadable(text: string): boolean {
  try {
    readReport(text);
    return true;
  } catch {
    return false; // parseNvidia says why, unless there is another way to ask.
  }
}

/** The text without the elements of this name, which never contain each other. */
function withoutElements(text: string, name: string): string {
  const [before = "", ...rest] = text.split(`<${name}>`);
  const close = `</${name}>`;
  const kept = rest.map((part) => {
    const end = part.indexOf(close);
    return end < 0 ? part : part.slice(end + close.length);
  });
  return [before, ...kept].join("");
}

/** Reads what `nvidia-smi -q -x` and `nvidia-smi -L` print. */
export function parseNvidia(report: string, list: string): Finding<NvidiaFacts> {
  let root: Element;
  try {
    root = readReport(report);
  } catch (error) {
    return absent(sentences(textOf(error), NOT_OFFERED));
  }
  const instances = instancesByGpu(list);
  const problems: string[] = [];
  const gpus = elements(root.gpu).flatMap((gpu, position) => {
    const found = devicesOf(gpu, instances);
    const busId = asText(asRecord(gpu.pci).pci_bus_id) ?? "no bus id";
    if (found.problem !== undefined) problems.push(`GPU ${position} (${busId}) ${found.problem}`);
    return found.gpus;
  });
  const driver = asText(root.driver_version);
  const cudaVersion = asText(root.cuda_version);
  if (gpus.length === 0) {
    if (problems.length === 0) problems.push("nvidia-smi is installed but finds no NVIDIA GPU.");
    return absent(...problems);
  }
  return {
    found: { ...(driver && { driver }), ...(cudaVersion && { cudaVersion }), gpus },
    problems,
  };
}

/** The elements of one name: Bun gives an array only when there are several. */
function elements(value: unknown): Element[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(asRecord);
}

interface Instance {
  index: number;
  profile: string;
  uuid: string;
}

/** What one GPU offers: itself, or its MIG instances. */
function devicesOf(
  gpu: Element,
  instances: ReadonlyMap<string, Instance[]>,
): { gpus: FoundGpu[]; problem?: string } {
  const uuid = asText(gpu.uuid);
  const model = asText(gpu.product_name);
  if (!uuid?.startsWith("GPU-") || model === undefined) {
    return {
      gpus: [],
      problem:
        "has no UUID or name in the report, which usually means that it has failed; it is not offered.",
    };
  }
  if (asText(asRecord(gpu.mig_mode).current_mig) === "Enabled") {
    return migDevices(gpu, model, uuid, instances.get(uuid) ?? []);
  }
  const memoryMb = memoryOf(gpu);
  return { gpus: [{ vendor: "nvidia", uuid, model, ...(memoryMb !== undefined && { memoryMb }) }] };
}

function migDevices(gpu: Element, model: string, parentUuid: string, instances: Instance[]) {
  const reports = elements(asRecord(gpu.mig_devices).mig_device);
  if (reports.length === 0) {
    return {
      gpus: [],
      problem: `is in MIG mode but has no instance, so no job can use it. Create some with nvidia-smi mig -cgi, or switch it off with nvidia-smi -mig 0.`,
    };
  }
  const gpus: FoundGpu[] = reports.flatMap((report) => {
    const instance = instances.find((one) => one.index === Number(asText(report.index)));
    if (!instance) return [];
    const { profile, uuid } = instance;
    const memoryMb = memoryOf(report);
    return [{ ...instanceOf(model, parentUuid, profile, uuid), ...(memoryMb !== undefined && { memoryMb }) }];
  });
  if (gpus.length === reports.length) return { gpus };
  return {
    gpus,
    problem: `has ${reports.length} MIG instances, but nvidia-smi -L names ${gpus.length}; only these are offered.`,
  };
}

function instanceOf(model: string, parentUuid: string, profile: string, uuid: string): FoundGpu {
  return { vendor: "nvidia", uuid, model: `${model} MIG ${profile}`, mig: { profile, parentUuid } };
}

/** Reads `nvidia-smi -L`: a line for each GPU, followed by indented lines for its MIG instances. */
function instancesByGpu(list: string): Map<string, Instance[]> {
  const byGpu = new Map<string, Instance[]>();
  let current: Instance[] = [];
  for (const line of list.split("\n")) {
    const gpu = /^GPU \d+: .*\(UUID: (GPU-[^)]+)\)/.exec(line);
    if (gpu) {
      current = [];
      byGpu.set(gpu[1] ?? "", current);
    }
    const instance = /^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)/.exec(line);
    if (instance) {
      const [, profile = "", index = "", uuid = ""] = instance;
      current.push({ profile, index: Number(index), uuid });
    }
  }
  return byGpu;
}

function memoryOf(device: Element): number | undefined {
  return parseMemoryMb(asText(asRecord(device.fb_memory_usage).total) ?? "");
}
