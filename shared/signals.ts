/** Every signal that can end a command, with its Linux number. */
const NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGIOT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPOLL: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};
/** Real-time signals as the C library numbers them; it reserves the first two. */
export const RTMIN = 34;
export const RTMAX = 64;

/** The Linux number of a signal such as `SIGKILL`, `kill`, `SIGRTMIN+3` or `SIG37`; undefined if it is not a signal. */
export function signalNumber(text: string): number | undefined {
  const word = text.toUpperCase();
  const name = word.startsWith("SIG") ? word : `SIG${word}`;
  if (Object.hasOwn(NUMBERS, name)) return NUMBERS[name];
  const [, plain, base, offset = "0"] = /^SIG(?:(\d{1,2})|RT(MIN\+?|MAX-?)(\d{1,2})?)$/.exec(name) ?? [];
  if (plain !== undefined) return Number(plain) >= 1 && Number(plain) <= RTMAX ? Number(plain) : undefined;
  if (base === undefined) return undefined;
  const number = base.startsWith("MIN") ? RTMIN + Number(offset) : RTMAX - Number(offset);
  return number >= RTMIN && number <= RTMAX ? number : undefined;
}

/** The canonical name of a signal: `SIGKILL` for `kill`, `SIGABRT` for `SIGIOT`, `SIGRTMIN+3` for `SIG37`. */
export function signalName(text: string): string | undefined {
  const number = signalNumber(text);
  if (number === undefined) return undefined;
  if (number >= RTMIN) return number === RTMIN ? "SIGRTMIN" : `SIGRTMIN+${number - RTMIN}`;
  return Object.keys(NUMBERS).find((name) => NUMBERS[name] === number);
}

/** The exit code shells and containers give a command ended by this signal; undefined for an unknown signal. */
export function codeOfSignal(signal: string): number | undefined {
  const number = signalNumber(signal);
  return number === undefined ? undefined : 128 + number;
}
