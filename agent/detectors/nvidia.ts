import { absent, asText, type DetectContext, type Finding, parseMemoryMb, sentences } from "./finding.ts";
import type { FoundGpu } from "./gpu.ts";
import { findTool, firstLine, runTool } from "./run-tool.ts";

export interface NvidiaFacts {
  driver?: string;
  /** The newest CUDA that the driver can run. */
  cudaVersion?: string;
  gpus: FoundGpu[];
}

/** Below WSL the driver is the host's, and its tool is not in PATH. */
const PLACES = [
  "/usr/lib/wsl/lib/nvidia-smi",
  "/usr/bin/nvidia-smi",
  "C:\\Windows\\System32\\nvidia-smi.exe",
];

const NOT_OFFERED = "NVIDIA GPUs are not offered to jobs.";

export async function detectNvidia(context: DetectContext): Promise<Finding<NvidiaFacts>> {
  const tool = findTool(context, "nvidia-smi", PLACES);
  // The list alone names MIG instances by their UUIDs; the report alone knows CUDA's version and all memory.
  const [report, list] = await Promise.all([
    runTool(context, tool, ["-q", "-x"]),
    runTool(context, tool, ["-L"]),
  ]);
  if (report.is === "missing" || list.is === "missing") return absent();
  const { why } = report.is === "failed" ? report : {};
  if (isWhole(report.text)) {
    const { found, problems } = parseNvidia(report.text, list.text);
    if (why === undefined) return { found, problems };
    // An exit code may be a warning, as of a corrupted infoROM, or one GPU's of several.
    const next = found ? "What it listed is offered to jobs." : NOT_OFFERED;
    return { found, problems: [sentences(`nvidia-smi ${why}`, next), ...problems] };
  }
  const found = await askBriefly(context, tool, list.text);
  if (found) return { found, problems: [] };
  if (why !== undefined) return absent(sentences(`nvidia-smi ${why}`, NOT_OFFERED));
  return parseNvidia(report.text, list.text);
}

const QUESTIONS = ["--query-gpu=uuid,name,memory.total,driver_version", "--format=csv,noheader,nounits"];

/** Where there is no report, as of a tool that crashes over a part of it, the few facts that matter may still be had. */
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

/** Of a line for each GPU with UUID, name, MiB and driver, of `nvidia-smi -L`, and of `nvidia-smi` alone. */
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

const isWhole = (report: string) =>
  report.includes("<nvidia_smi_log>") && report.includes("</nvidia_smi_log>");

/** Of what `nvidia-smi -q -x` and `nvidia-smi -L` print. */
export function parseNvidia(report: string, list: string): Finding<NvidiaFacts> {
  if (!isWhole(report)) {
    const said = firstLine(report) ?? "nothing";
    return absent(sentences(`nvidia-smi printed no whole report, but: ${said}`, NOT_OFFERED));
  }
  const instances = instancesByGpu(list);
  const problems: string[] = [];
  const gpus = elements(report, "<gpu id=", "</gpu>").flatMap((body, position) => {
    const found = devicesOf(body, instances);
    const busId = tag(body, "pci_bus_id") ?? "no bus id";
    if (found.problem !== undefined) problems.push(`GPU ${position} (${busId}) ${found.problem}`);
    return found.gpus;
  });
  const driver = tag(report, "driver_version");
  const cudaVersion = tag(report, "cuda_version");
  if (gpus.length === 0) {
    if (problems.length === 0) problems.push("nvidia-smi is installed but finds no NVIDIA GPU.");
    return absent(...problems);
  }
  return {
    found: { ...(driver && { driver }), ...(cudaVersion && { cudaVersion }), gpus },
    problems,
  };
}

interface Instance {
  index: number;
  profile: string;
  uuid: string;
}

/** What one GPU has to give: itself, or its MIG instances. */
function devicesOf(
  body: string,
  instances: ReadonlyMap<string, Instance[]>,
): { gpus: FoundGpu[]; problem?: string } {
  const uuid = tag(body, "uuid");
  const model = tag(body, "product_name");
  if (!uuid?.startsWith("GPU-") || model === undefined) {
    return { gpus: [], problem: "does not say what it is, as one does that has failed; it is not offered." };
  }
  if (tag(body, "current_mig") === "Enabled") return migDevices(body, model, uuid, instances.get(uuid) ?? []);
  const memoryMb = memoryOf(withoutInstances(body));
  return { gpus: [{ vendor: "nvidia", uuid, model, ...(memoryMb !== undefined && { memoryMb }) }] };
}

function migDevices(body: string, model: string, parentUuid: string, instances: Instance[]) {
  const reports = elements(body, "<mig_device>", "</mig_device>");
  if (reports.length === 0) {
    return {
      gpus: [],
      problem: `is in MIG mode but has no instance, so no job can use it. Create some with nvidia-smi mig -cgi, or switch it off with nvidia-smi -mig 0.`,
    };
  }
  const gpus: FoundGpu[] = reports.flatMap((report) => {
    const instance = instances.find((one) => one.index === Number(tag(report, "index")));
    if (!instance) return [];
    const { profile, uuid } = instance;
    const memoryMb = memoryOf(report);
    return [{ ...instanceOf(model, parentUuid, profile, uuid), ...(memoryMb !== undefined && { memoryMb }) }];
  });
  if (gpus.length === reports.length) return { gpus };
  return {
    gpus,
    problem: `has ${reports.length} MIG instances, of which nvidia-smi -L names ${gpus.length}; only these are offered.`,
  };
}

function instanceOf(model: string, parentUuid: string, profile: string, uuid: string): FoundGpu {
  return { vendor: "nvidia", uuid, model: `${model} MIG ${profile}`, mig: { profile, parentUuid } };
}

/** The lines of `nvidia-smi -L`: a GPU, and indented below it the instances it is divided into. */
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

function memoryOf(body: string): number | undefined {
  const [usage = ""] = elements(body, "<fb_memory_usage>", "</fb_memory_usage>");
  return parseMemoryMb(tag(usage, "total") ?? "");
}

/** What a GPU says of itself, without what its instances say of themselves. */
function withoutInstances(body: string): string {
  const [instances] = elements(body, "<mig_devices>", "</mig_devices>");
  return instances === undefined ? body : body.replace(instances, "");
}

/** What stands between each pair of these, in one pass over the text, whatever the text is. */
function elements(text: string, open: string, close: string): string[] {
  const found: string[] = [];
  for (let from = text.indexOf(open); from >= 0; ) {
    const end = text.indexOf(close, from);
    if (end < 0) break;
    found.push(text.slice(from + open.length, end));
    from = text.indexOf(open, end);
  }
  return found;
}

/** The text of the first element of that name; the report holds no attributes or nested names that matter here. */
function tag(text: string, name: string): string | undefined {
  return asText(new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]);
}
