import { MIB } from "../../../shared/bytes-text.ts";
import { splitWords } from "../../../shared/shell-word.ts";

/** The parts of the body of `/containers/create` that options can change. */
export interface ContainerBody {
  Image: string;
  Cmd?: string[];
  Entrypoint?: string[];
  Env: string[];
  User?: string;
  Hostname?: string;
  WorkingDir?: string;
  Tty?: boolean;
  Labels: Record<string, string>;
  ExposedPorts?: Record<string, object>;
  Healthcheck?: Healthcheck;
  HostConfig: Record<string, unknown>;
  NetworkingConfig?: { EndpointsConfig: Record<string, { Aliases: string[] }> };
}

interface Healthcheck {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
}

/** An option that is not understood. The message is for people. */
export class OptionProblem extends Error {
  override name = "OptionProblem";
}

const SIZES: Record<string, number> = { b: 1, k: 1024, m: MIB, g: 1024 * MIB };
const SECONDS: Record<string, number> = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3_600 };

type Change = (body: ContainerBody, value: string) => void;

const health = (name: keyof Healthcheck, read: (value: string) => unknown): Change => {
  return (body, value) => {
    body.Healthcheck = { ...body.Healthcheck, [name]: read(value) };
  };
};
const host = (name: string, read: (value: string) => unknown): Change => {
  return (body, value) => {
    body.HostConfig[name] = read(value);
  };
};
const hostList = (name: string): Change => {
  return (body, value) => {
    body.HostConfig[name] = [...((body.HostConfig[name] as string[] | undefined) ?? []), value];
  };
};
const hostMap = (name: string, separator: string): Change => {
  return (body, value) => {
    const [key = "", ...rest] = value.split(separator);
    body.HostConfig[name] = { ...(body.HostConfig[name] as object | undefined), [key]: rest.join(separator) };
  };
};
const text = (value: string) => value;

/** Options with a value: https://docs.docker.com/reference/cli/docker/container/create. */
const withValue: Record<string, Change> = {
  "health-cmd": health("Test", (value) => ["CMD-SHELL", value]),
  "health-interval": health("Interval", nanoseconds),
  "health-timeout": health("Timeout", nanoseconds),
  "health-start-period": health("StartPeriod", nanoseconds),
  "health-retries": health("Retries", Number),
  env: (body, value) => {
    body.Env.push(value.includes("=") ? value : `${value}=`);
  },
  label: (body, value) => {
    const [name = "", ...rest] = value.split("=");
    body.Labels[name] = rest.join("=");
  },
  entrypoint: (body, value) => {
    body.Entrypoint = value === "" ? [""] : [value];
  },
  user: (body, value) => {
    body.User = value;
  },
  hostname: (body, value) => {
    body.Hostname = value;
  },
  workdir: (body, value) => {
    body.WorkingDir = value;
  },
  publish: (body, value) => addPort(body, value),
  expose: (body, value) => {
    body.ExposedPorts = { ...body.ExposedPorts, [withProtocol(value)]: {} };
  },
  volume: (body, value) => addVolume(body, value),
  "network-alias": (body, value) => {
    for (const endpoint of Object.values(body.NetworkingConfig?.EndpointsConfig ?? {}))
      endpoint.Aliases.push(value);
  },
  cpus: host("NanoCpus", (value) => Math.round(Number(value) * 1e9)),
  "cpu-shares": host("CpuShares", Number),
  "cpuset-cpus": host("CpusetCpus", text),
  memory: host("Memory", bytes),
  "memory-swap": host("MemorySwap", (value) => (value === "-1" ? -1 : bytes(value))),
  "memory-reservation": host("MemoryReservation", bytes),
  "shm-size": host("ShmSize", bytes),
  "pids-limit": host("PidsLimit", Number),
  ipc: host("IpcMode", text),
  pid: host("PidMode", text),
  "add-host": hostList("ExtraHosts"),
  "cap-add": hostList("CapAdd"),
  "cap-drop": hostList("CapDrop"),
  dns: hostList("Dns"),
  "dns-search": hostList("DnsSearch"),
  "group-add": hostList("GroupAdd"),
  "security-opt": hostList("SecurityOpt"),
  "volumes-from": hostList("VolumesFrom"),
  sysctl: hostMap("Sysctls", "="),
  tmpfs: hostMap("Tmpfs", ":"),
  ulimit: (body, value) => {
    const [Name = "", range = ""] = value.split("=");
    const [soft = "", hard = soft] = range.split(":");
    const all = (body.HostConfig.Ulimits as object[] | undefined) ?? [];
    body.HostConfig.Ulimits = [...all, { Name, Soft: Number(soft), Hard: Number(hard) }];
  },
  device: (body, value) => {
    const [PathOnHost = "", PathInContainer = PathOnHost, CgroupPermissions = "rwm"] = value.split(":");
    const all = (body.HostConfig.Devices as object[] | undefined) ?? [];
    body.HostConfig.Devices = [...all, { PathOnHost, PathInContainer, CgroupPermissions }];
  },
  mount: (body, value) => {
    const fields = Object.fromEntries(value.split(",").map((part) => part.split("=")));
    const all = (body.HostConfig.Mounts as object[] | undefined) ?? [];
    const mount = {
      Type: fields.type ?? "volume",
      Source: fields.source ?? fields.src ?? "",
      Target: fields.target ?? fields.destination ?? fields.dst,
      ReadOnly: "readonly" in fields || "ro" in fields,
    };
    body.HostConfig.Mounts = [...all, mount];
  },
  gpus: (body, value) => {
    const Count = value === "all" ? -1 : Number(value);
    body.HostConfig.DeviceRequests = [{ Driver: "", Count, Capabilities: [["gpu"]] }];
  },
  // The name and the image's platform are the engine's business here.
  name: () => {},
  platform: () => {},
  pull: () => {},
};

const flags: Record<string, (body: ContainerBody) => void> = {
  privileged: (body) => {
    body.HostConfig.Privileged = true;
  },
  init: (body) => {
    body.HostConfig.Init = true;
  },
  "read-only": (body) => {
    body.HostConfig.ReadonlyRootfs = true;
  },
  "publish-all": (body) => {
    body.HostConfig.PublishAllPorts = true;
  },
  tty: (body) => {
    body.Tty = true;
  },
  "no-healthcheck": (body) => {
    body.Healthcheck = { Test: ["NONE"] };
  },
  "oom-kill-disable": (body) => {
    body.HostConfig.OomKillDisable = true;
  },
  interactive: () => {},
  // Containers of a job are always removed at its end.
  rm: () => {},
  quiet: () => {},
};

const short: Record<string, string> = {
  e: "env",
  v: "volume",
  p: "publish",
  P: "publish-all",
  u: "user",
  h: "hostname",
  w: "workdir",
  l: "label",
  m: "memory",
  c: "cpu-shares",
  i: "interactive",
  t: "tty",
  q: "quiet",
};

/** Applies options as `docker create` reads them. Throws OptionProblem. */
export function applyOptions(body: ContainerBody, options: string): void {
  const words = splitWords(options);
  if (words === undefined) throw new OptionProblem(`The options have a quote that does not end: ${options}`);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const [, long, attached] = /^--([a-z][a-z-]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
    const [, letter = "", rest = ""] = /^-([A-Za-z])([\s\S]*)$/.exec(word) ?? [];
    const name = long ?? short[letter];
    const flag = name === undefined ? undefined : flags[name];
    if (name !== undefined && flag) {
      if (attached !== "false") flag(body);
      for (const other of rest) flags[short[other] ?? ""]?.(body);
      continue;
    }
    const change = name === undefined ? undefined : withValue[name];
    if (name === "network" || name === "net") {
      throw new OptionProblem(
        "The option --network is not possible: the containers of a job share a network of their own.",
      );
    }
    if (!change)
      throw new OptionProblem(`The option ${word} is not known or not possible for the containers of a job.`);
    const value = attached ?? (rest !== "" ? rest.replace(/^=/, "") : words[++i]);
    if (value === undefined) throw new OptionProblem(`The option ${word} has no value.`);
    change(body, value);
  }
}

/** `8080:80`, `80`, `127.0.0.1:8080:80/udp`: published at any free port if none is named. */
export function addPort(body: ContainerBody, port: string): void {
  const parts = port.split(":");
  const inside = withProtocol(parts.pop() ?? "");
  const HostPort = parts.pop() ?? "";
  const HostIp = parts.join(":");
  const all = (body.HostConfig.PortBindings as Record<string, object[]> | undefined) ?? {};
  body.HostConfig.PortBindings = { ...all, [inside]: [...(all[inside] ?? []), { HostIp, HostPort }] };
  body.ExposedPorts = { ...body.ExposedPorts, [inside]: {} };
}

/** `name:/path`, `/path:/path:ro`, or `/path` for a volume without a name. */
export function addVolume(body: ContainerBody, volume: string): void {
  if (volume.includes(":")) {
    body.HostConfig.Binds = [...((body.HostConfig.Binds as string[] | undefined) ?? []), volume];
    return;
  }
  const all = (body.HostConfig.Mounts as object[] | undefined) ?? [];
  body.HostConfig.Mounts = [...all, { Type: "volume", Target: volume }];
}

function withProtocol(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

function bytes(value: string): number {
  const [, number = "", unit = "b"] = /^(\d+(?:\.\d+)?)([bkmg])?b?$/i.exec(value) ?? [];
  const size = SIZES[unit.toLowerCase()];
  if (number === "" || size === undefined)
    throw new OptionProblem(`${value} is not a size such as 512m or 2g.`);
  return Math.round(Number(number) * size);
}

function nanoseconds(value: string): number {
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)];
  if (parts.map(([part]) => part).join("") !== value || parts.length === 0) {
    throw new OptionProblem(`${value} is not a duration such as 10s or 1m30s.`);
  }
  const seconds = parts.reduce(
    (sum, [, number, unit = ""]) => sum + Number(number) * (SECONDS[unit] ?? 0),
    0,
  );
  return Math.round(seconds * 1e9);
}
